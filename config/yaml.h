/* YAML files of ours, every refusal with file, line and column: the configuration itself, and the
 * files that it names. Built on libyaml's documents, whose nodes carry their marks.
 *
 * A document is read by one thread. Nodes and texts live as long as the document. A file may have 1
 * MiB and must hold one document. */
#ifndef WEIR_CONFIG_YAML_H
#define WEIR_CONFIG_YAML_H

#include "base/base.h"

typedef struct weir_yaml weir_yaml;
typedef struct yaml_node_s weir_yaml_node;

typedef enum weir_yaml_kind {
    WEIR_YAML_NOTHING,
    WEIR_YAML_SCALAR,
    WEIR_YAML_LIST,
    WEIR_YAML_MAPPING,
} weir_yaml_kind;

/* weir_yaml_open reads a file; NULL with a CONFIG error. Free with weir_yaml_free. */
weir_yaml *weir_yaml_open(const char *path, weir_error *error);

/* weir_yaml_parse reads text as the file named path. */
weir_yaml *weir_yaml_parse(const char *path, const char *text, size_t length, weir_error *error);
void weir_yaml_free(weir_yaml *yaml);

/* weir_yaml_root is the document's outermost node; NULL: the file is empty. */
const weir_yaml_node *weir_yaml_root(const weir_yaml *yaml);

/* weir_yaml_where is the node's place, "file:line:column"; valid until the next call. */
const char *weir_yaml_where(weir_yaml *yaml, const weir_yaml_node *node);
int weir_yaml_line(const weir_yaml_node *node);

weir_yaml_kind weir_yaml_kind_of(const weir_yaml_node *node);
const char *weir_yaml_text(const weir_yaml_node *node); /* of a scalar */
bool weir_yaml_is_plain(const weir_yaml_node *node);    /* a scalar without quotes */
bool weir_yaml_is_empty(const weir_yaml_node *node);    /* nothing, ~ or null */
size_t weir_yaml_count(const weir_yaml_node *node);     /* of a list or mapping */
const weir_yaml_node *weir_yaml_item(weir_yaml *yaml, const weir_yaml_node *list, size_t index);

/* weir_yaml_fail fills a CONFIG error "file:line:column: …"; returns false. */
bool weir_yaml_fail(weir_yaml *yaml, const weir_yaml_node *node, weir_error *error,
                    const char *format, ...) WEIR_PRINTF(4, 5);

/* weir_yaml_expect refuses a node of another kind, and a text with a NUL in it; name is what the
 * user calls the node. */
WEIR_MUST_USE bool weir_yaml_expect(weir_yaml *yaml, const weir_yaml_node *node,
                                    weir_yaml_kind kind, const char *name, weir_error *error);

/* weir_yaml_pairs calls fn for every pair of a mapping, in the file's order; keys that are no
 * scalar or that stand twice are refused. */
typedef bool weir_yaml_pair_fn(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                               const weir_yaml_node *value, weir_error *error);
WEIR_MUST_USE bool weir_yaml_pairs(weir_yaml *yaml, const weir_yaml_node *mapping,
                                   weir_yaml_pair_fn *fn, void *context, weir_error *error);

/* weir_yaml_json returns the value as JSON text, malloc'd; NULL with a CONFIG error for what JSON
 * would not write so (007, yes), or what is deeper than 32 or larger than 1 MiB. */
char *weir_yaml_json(weir_yaml *yaml, const weir_yaml_node *node, weir_error *error);

#endif
