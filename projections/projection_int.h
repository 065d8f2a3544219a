/* The inside of a projection, shared by the files of this folder only: what the parser leaves, and
 * the steps that bring it to life on a connection. */
#ifndef WEIR_PROJECTIONS_PROJECTION_INT_H
#define WEIR_PROJECTIONS_PROJECTION_INT_H

#include "consumer/foreign.h"
#include "projections/projections.h"
#include "projections/query.h"
#include "projections/sql_lexer_int.h"
#include "store/plugin_command.h"

#define WEIR_PROJECTION_FILE_LIMIT 1048576 /* bytes */

/* One SQL statement of the file, without its semicolon. */
typedef struct weir_statement {
    const char *sql; /* in the projection's text; not terminated */
    size_t length;
    int line;
    char *label; /* "users.sql:12" */
    char *name;  /* prepared under this name */
    char *many;  /* and, reading arrays, under this one; NULL in apply: each */
    size_t body; /* where the text after WITH [RECURSIVE] begins; 0: it does not begin so */
    bool recursive;
} weir_statement;

/* The statements under one `on`, in order. */
typedef struct weir_on {
    int line;
    size_t first, count; /* in projection->handlers */
} weir_on;

/* One pattern of an `on`. Sorted most specific first, so that the first match counts. */
typedef struct weir_route {
    char *pattern; /* base/pattern.h */
    int line;
    size_t on; /* in projection->ons */
} weir_route;

/* Where a statement stands. */
typedef enum weir_place {
    WEIR_PLACE_TABLES,
    WEIR_PLACE_ON,
    WEIR_PLACE_QUERY,
} weir_place;

/* A parameter of a query where it stands in the statement, and what stands for it in sql. */
typedef struct weir_query_use {
    size_t from, length; /* in the statement */
    size_t at, written;  /* in sql */
} weir_query_use;

struct weir_query {
    const weir_projection *projection;
    char *name, *signature, *about; /* about: NULL without a comment */
    weir_query_parameter *parameters;
    const char **places; /* of their names in the text */
    size_t parameter_count;
    weir_statement statement; /* length 0 until it was read; line: then of the directive */
    char *sql;                /* with ($1::type) for :name */
    weir_query_use *uses;
    size_t use_count;
};

typedef struct weir_feed weir_feed; /* the handler's state, handler.c */

struct weir_projection {
    char *file;       /* as errors name it */
    const char *base; /* its last part */
    char *text;
    size_t text_length;
    char *name;
    int name_line;
    char **types; /* NULL-terminated */
    size_t type_count;
    weir_foreign foreign; /* topics instead of types; none: topic_count is 0 */
    weir_apply apply;
    int version;
    weir_statement *tables;
    size_t table_count;
    weir_statement *handlers;
    size_t handler_count;
    weir_on *ons;
    size_t on_count;
    weir_route *routes;
    size_t route_count;
    weir_query *queries;
    size_t query_count;
    weir_feed *feed;
    /* Of code alone; for a command handler it is that of executor_run.c. */
    const weir_plugin_handler *code;
    char *plugin;                       /* its file; NULL: it runs in this process */
    atomic_int failed_starts;           /* of its processes in a row, over all lanes */
    const weir_plugin_command *command; /* what it executes; NULL: it is a projection */
    const weir_upcasters *upcasters;    /* of the events that a command handler loads */
};

/* weir_projection_parse parses text (copied) as the file named file. */
weir_projection *weir_projection_parse(const char *file, const char *text, size_t length,
                                       weir_error *error);

/* weir_projection_parse_code makes a projection of a handler in the file named file; tables NULL: a
 * command handler, which has none. */
weir_projection *weir_projection_parse_code(const char *file, const weir_plugin_handler *code,
                                            weir_error *error);

/* weir_projection_fail fills a CONFIG error "file:line: …", "file: …" for a line below 1; false. */
bool weir_projection_fail(const weir_projection *projection, int line, weir_error *error,
                          const char *format, ...) WEIR_PRINTF(4, 5);

/* weir_projection_fail_at is the same with the column of place, which is in the text on that line.
 */
bool weir_projection_fail_at(const weir_projection *projection, int line, const char *place,
                             weir_error *error, const char *format, ...) WEIR_PRINTF(5, 6);

/* weir_projection_place puts "file:line:column: " before error; place is in the statement. False.
 */
bool weir_projection_place(const weir_projection *projection, const weir_statement *statement,
                           const char *place, weir_error *error);

/* weir_is_name: 1 to 50 lower-case letters, digits and '_', a letter first. */
bool weir_is_name(const char *text);

/* query_file.c, as the parser goes through the file. begin reads what a directive `query` says,
 * describe a comment under it, take its statement; end refuses a query that has none. CONFIG errors
 * start with "file:line:column: ". */
WEIR_MUST_USE bool weir_query_begin(weir_projection *projection, const weir_token *comment,
                                    weir_error *error);
void weir_query_describe(weir_projection *projection, const weir_token *comment);
WEIR_MUST_USE bool weir_query_take(weir_projection *projection, const weir_statement *statement,
                                   weir_error *error);
WEIR_MUST_USE bool weir_query_end(const weir_projection *projection, weir_error *error);
void weir_queries_free(weir_projection *projection); /* all that it holds */

/* weir_query_place puts "file:line:column: " before an error at the given character (from 1; 0:
 * unknown) of the query's sql, or "file:line: ". False. */
bool weir_query_place(const weir_query *query, int character, weir_error *error);

/* projection_topic.c: one directive each. CONFIG errors start with "file:line: ". set_source reads
 * "header NAME" (if header) or "field PATH". */
WEIR_MUST_USE bool weir_projection_add_topic(weir_projection *projection, int line,
                                             const char *name, weir_error *error);
WEIR_MUST_USE bool weir_projection_set_format(weir_projection *projection, int line,
                                              const char *value, weir_error *error);
WEIR_MUST_USE bool weir_projection_set_source(weir_projection *projection, int line,
                                              const char *value, bool header,
                                              weir_foreign_source *source, weir_error *error);

/* weir_projection_end_source: it reads either types or topics. foreign_line: of a directive that
 * goes with topics only; 0: there is none. */
WEIR_MUST_USE bool weir_projection_end_source(weir_projection *projection, bool from,
                                              int foreign_line, weir_error *error);

/* weir_projection_describe_foreign appends how the messages are read, as one text. */
void weir_projection_describe_foreign(const weir_projection *projection, weir_buffer *text);
void weir_projection_free_foreign(weir_projection *projection); /* what it holds */

/* weir_projection_add_route adds a pattern of the `on` that is being read; sort makes the first
 * match the most specific one. */
WEIR_MUST_USE bool weir_projection_add_route(weir_projection *projection, int line,
                                             const char *pattern, weir_error *error);
void weir_projection_sort_routes(weir_projection *projection);

/* weir_projection_route finds the `on` that an event type goes to; -1: none. */
int weir_projection_route(const weir_projection *projection, const char *event_type);

/* weir_statement_examine refuses what may not stand at this place and notes how a WITH of a handler
 * begins. Code may have parameters. */
WEIR_MUST_USE bool weir_statement_examine(const weir_projection *projection,
                                          weir_statement *statement, weir_place place,
                                          weir_error *error);

/* weir_statement_inject appends the statement with the relation `events` put before it: over arrays
 * ($1::bigint[] …), or over one event's values ($1::bigint …). */
void weir_statement_inject(const weir_statement *statement, bool many, weir_buffer *sql);

/* weir_statement_place puts "file:line:column: " before error, for an error at the given character
 * (from 1; 0: unknown) of sql, in which the statement's last `length` bytes are its own; injected
 * says whether weir_statement_inject made it. Errors other than RETRY become CONFIG. False. */
bool weir_statement_place(const weir_projection *projection, const weir_statement *statement,
                          const char *sql, bool injected, int character, weir_error *error);

/* weir_advance steps over count characters of UTF-8, to end at most. */
const char *weir_advance(const char *text, const char *end, int count);

/* weir_statements_normal appends the statements' tokens with single blanks and no comments: what a
 * definition's hash is made of. */
void weir_statements_normal(const weir_statement *statements, size_t count, weir_buffer *text);

#endif
