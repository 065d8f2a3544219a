/* The inside of upcasting, for store/upcast*.c: paths, rules, links, and a document as the rules
 * see it. */
#ifndef WEIR_STORE_UPCAST_INT_H
#define WEIR_STORE_UPCAST_INT_H

#include <uthash.h>

#include "base/json_walk.h"
#include "config/yaml.h"
#include "store/upcast.h"

/* One step of a path: a member, and then, with each, every element of the list that it is. */
typedef struct weir_step {
    char *name;
    bool each;
} weir_step;

/* "address.city", "lines[].sku". */
typedef struct weir_path {
    char *text; /* as written */
    weir_step *steps;
    size_t count;
} weir_path;

/* weir_path_parse reads a path; NULL, or why it is none. The path is to be freed either way. */
const char *weir_path_parse(const char *text, weir_path *path);
void weir_path_free(weir_path *path);
bool weir_step_equal(const weir_step *a, const weir_step *b);

typedef enum weir_operation { /* in the order in which they are carried out */
    WEIR_RENAME,
    WEIR_MOVE,
    WEIR_DROP,
    WEIR_CONVERT,
    WEIR_DEFAULT,
    WEIR_OPERATIONS
} weir_operation;

extern const char *const weir_operation_names[WEIR_OPERATIONS];

typedef enum weir_scalar {
    WEIR_AS_TEXT,
    WEIR_AS_INTEGER,
    WEIR_AS_NUMBER,
    WEIR_AS_BOOLEAN
} weir_scalar;

typedef struct weir_rule {
    weir_operation operation;
    weir_path path;
    weir_path target; /* RENAME, MOVE: where it goes */
    char *key;        /* RENAME, MOVE, DEFAULT: the last name of target (of path), as JSON */
    weir_scalar kind; /* CONVERT */
    char *value;      /* DEFAULT: JSON text */
    char *text;       /* what a person calls it */
} weir_rule;

struct weir_upcast_link {
    char *type;
    int32_t from, to;
    char *place;      /* "file:line"; NULL: a C function */
    weir_rule *rules; /* ordered by operation, then as written */
    size_t rule_count;
    weir_upcast_fn *fn; /* NULL: rules */
    void *context;
};

/* weir_upcasters_take adds a link and owns what it holds from then on, also when it refuses it.
 * where starts the error message. */
WEIR_MUST_USE bool weir_upcasters_take(weir_upcasters *upcasters, weir_upcast_link *link,
                                       const char *where, weir_error *error);
void weir_upcast_link_free(weir_upcast_link *link);

/* weir_rules_conflict finds two rules of a link that contradict each other: true, with the index of
 * the later one as written and why. */
bool weir_rules_conflict(const weir_rule *rules, size_t count, size_t *earlier, size_t *later);

/* A JSON value as the rules see it: text as it stands until a path leads into it. */
typedef enum weir_node_kind {
    WEIR_NODE_TEXT,
    WEIR_NODE_OBJECT,
    WEIR_NODE_LIST,
} weir_node_kind;

typedef struct weir_node {
    weir_node_kind kind;
    weir_slice text;             /* TEXT */
    struct weir_member *members; /* OBJECT; LIST: without keys */
} weir_node;

typedef struct weir_member {
    weir_slice key; /* with its quotes */
    weir_node value;
    struct weir_member *next;
} weir_member;

/* weir_node_open makes the members of an object (elements of a list) nodes of their own: false when
 * it is neither, or the arena is full. */
WEIR_MUST_USE bool weir_node_open(weir_node *node, weir_node_kind kind, weir_arena *arena);

/* weir_node_find returns where the member of that name hangs, NULL if there is none. */
weir_member **weir_node_find(weir_node *node, const char *name);

/* weir_node_add appends a member; NULL when the arena is full. */
weir_member *weir_node_add(weir_node *node, weir_slice key, weir_node value, weir_arena *arena);

/* weir_node_kind_name is what the value is, for messages: "a text", "null". */
const char *weir_node_kind_name(const weir_node *node);
bool weir_node_is_null(const weir_node *node);

/* weir_node_write appends it as JSON text. */
void weir_node_write(const weir_node *node, weir_buffer *out);

/* weir_rules_apply carries the rules out on JSON text and appends the result. */
WEIR_MUST_USE bool weir_rules_apply(const weir_rule *rules, size_t count, const char *data,
                                    size_t length, size_t *found, weir_buffer *out,
                                    weir_error *error);

/* weir_convert turns the text of a scalar into another kind; the result is in the arena. False: it
 * cannot be. null stays null. */
WEIR_MUST_USE bool weir_convert(weir_slice value, weir_scalar kind, weir_arena *arena,
                                weir_slice *result);

#endif
