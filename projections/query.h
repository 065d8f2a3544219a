/* Named queries: what a projection's file says that readers may ask of its views.
 *
 *     -- query: find_by_email(email)
 *     SELECT id, name FROM users WHERE email = :email;
 *
 * An asker runs them on the generation that serves, as a reader, in a READ ONLY transaction of its
 * own with search_path pinned to the projection's views, pg_catalog and pg_temp, for at most
 * projections.statement_timeout_ms. Values travel beside the text, never in it. docs/projections.md
 * is the manual for authors. An asker belongs to one thread. */
#ifndef WEIR_PROJECTIONS_QUERY_H
#define WEIR_PROJECTIONS_QUERY_H

#include "projections/projections.h"

typedef struct weir_query weir_query; /* owned by its projection */

typedef struct weir_query_parameter {
    const char *name;
    const char *type; /* as written; "text" where nothing was */
} weir_query_parameter;

/* The queries of a projection, in the order of its file; NULL beyond the last. */
const weir_query *weir_projection_query(const weir_projection *projection, size_t index);

const char *weir_query_name(const weir_query *query);
const weir_projection *weir_query_projection(const weir_query *query);
const char *weir_query_signature(const weir_query *query); /* "find_by_email(email text)" */
const char *weir_query_about(const weir_query *query);     /* first comment under it; NULL: none */
const weir_query_parameter *weir_query_parameters(const weir_query *query, size_t *count);

/* weir_query_find finds "projection.name", or "name" where one projection alone has it. NOT_FOUND
 * with the nearest name; CONFIG, naming the candidates, where several have it. */
const weir_query *weir_query_find(const weir_projections *projections, const char *name,
                                  weir_error *error);

/* How rows come. */
typedef enum weir_query_rows {
    WEIR_ROWS_COLUMNS, /* the query's columns, each as PostgreSQL prints it */
    WEIR_ROWS_JSON,    /* one column: the row as an object of JSON, with its types, on one line */
} weir_query_rows;

typedef struct weir_asker weir_asker;

/* weir_asker_open makes an asker over projections, which outlive it; NULL: over those of config,
 * loaded here (CONFIG). Nothing is connected before the first run. config and stop (may be NULL)
 * outlive it. application: as pg_stat_activity shows it. */
weir_asker *weir_asker_open(const weir_config *config, const weir_projections *projections,
                            const char *application, weir_stop *stop, weir_error *error);
void weir_asker_close(weir_asker *asker); /* NULL is fine */

/* weir_asker_projections: those it asks. */
const weir_projections *weir_asker_projections(const weir_asker *asker);

/* weir_asker_run asks: values has count texts, in the order of the parameters; NULL is SQL NULL.
 * row gets one row after the other (weir_result_* of store/connection.h; valid during the call) and
 * at the end, also of no rows, a result with columns and no row; it must not use the asker, and
 * ends the query by returning false. A lost connection is made anew by the next run. CONFIG: a
 * wrong number of values, a value that is none of its type, or a query that does not fit the views,
 * with "file:line:column: "; NOT_FOUND: the projection has never run; RETRY with code TIMEOUT: it
 * took too long. */
WEIR_MUST_USE bool weir_asker_run(weir_asker *asker, const weir_query *query,
                                  const char *const *values, size_t count, weir_query_rows rows,
                                  weir_row_fn *row, void *context, weir_error *error);

#endif
