/* A PostgreSQL connection: the one module that speaks libpq.
 *
 * A connection belongs to one thread. Sessions are pinned (UTC, ISO dates, UTF-8, READ COMMITTED),
 * so that no role or database default changes a meaning. Statements are named: those of store/sql
 * are known to every connection and prepared on first use; others are prepared explicitly. Every
 * wait watches the stop: once requested, what runs gets ten more seconds and is then cancelled. */
#ifndef WEIR_STORE_CONNECTION_H
#define WEIR_STORE_CONNECTION_H

#include "base/base.h"

typedef struct weir_connection weir_connection;
typedef struct weir_result weir_result;

typedef struct weir_connection_options {
    const char *conninfo;    /* libpq conninfo or URI; "": all from the environment */
    const char *schema;      /* of the store; NULL: "weir" */
    const char *application; /* shown in pg_stat_activity */
    weir_stop *stop;         /* may be NULL */
} weir_connection_options;

/* One parameter of a statement. value NULL is SQL NULL. binary is the type's wire format, in which
 * case the statement must give the parameter's type with a cast. */
typedef struct weir_param {
    const char *value;
    int length; /* binary only */
    bool binary;
} weir_param;

#define WEIR_PARAM_TEXT(text) ((weir_param){(text), 0, false})
#define WEIR_PARAM_NULL ((weir_param){NULL, 0, false})

/* One call of a prepared statement. */
typedef struct weir_call {
    const char *statement;
    const weir_param *params;
    int count;
} weir_call;

/* weir_conninfo_check refuses, with CONFIG, a connection string that libpq cannot read; nothing is
 * connected. The message leaves out what libpq quotes of it: that may be a password. */
WEIR_MUST_USE bool weir_conninfo_check(const char *conninfo, weir_error *error);

/* weir_connection_open connects and pins the session. RETRY when the server cannot be reached. */
weir_connection *weir_connection_open(const weir_connection_options *options, weir_error *error);
void weir_connection_close(weir_connection *connection); /* NULL is fine */

/* weir_connection_cancel asks the server to cancel what runs on the connection; from any thread, as
 * long as nobody closes it. */
void weir_connection_cancel(weir_connection *connection);

/* weir_connection_alive: false once the connection was lost; then only close is left. */
bool weir_connection_alive(const weir_connection *connection);
const char *weir_connection_schema(const weir_connection *connection);

/* weir_connection_in_transaction: a transaction block is open (also when it has failed). */
bool weir_connection_in_transaction(const weir_connection *connection);

/* weir_connection_execute runs SQL text, possibly several statements, and drops its results.
 * "weir." and "weir_<role>" are NOT rewritten in it; see weir_sql_render. */
WEIR_MUST_USE bool weir_connection_execute(weir_connection *connection, const char *sql,
                                           weir_error *error);

/* weir_connection_prepare prepares sql as name on this connection. Errors name the position through
 * weir_connection_error_position. */
WEIR_MUST_USE bool weir_connection_prepare(weir_connection *connection, const char *name,
                                           const char *sql, weir_error *error);

/* weir_connection_error_position: where in the SQL text the last error was, 1-based characters; 0
 * when PostgreSQL named no place. */
int weir_connection_error_position(const weir_connection *connection);

/* weir_connection_query calls a statement and returns its result, text format, owned by the caller.
 */
weir_result *weir_connection_query(weir_connection *connection, const char *statement,
                                   const weir_param *params, int count, weir_error *error);

/* weir_connection_text runs unprepared SQL text with text parameters, like query. */
weir_result *weir_connection_text(weir_connection *connection, const char *sql,
                                  const weir_param *params, int count, weir_error *error);

/* weir_connection_pipeline sends all calls in one pipeline with one sync at its end and drops the
 * results, row by row: without a BEGIN among them they are one transaction, all or nothing. On
 * failure *failed (may be NULL) is the index of the call that PostgreSQL refused, count if the
 * failure was at the implicit commit or of the connection. A block left open by a failed pipeline
 * is rolled back before this returns. */
WEIR_MUST_USE bool weir_connection_pipeline(weir_connection *connection, const weir_call *calls,
                                            int count, int *failed, weir_error *error);

/* weir_result_fn receives the result of one call of a pipeline, valid during the call only. It must
 * not use the connection. */
typedef void weir_result_fn(void *context, int call, const weir_result *result);

/* weir_connection_pipeline_results is weir_connection_pipeline, handing each call's result over. A
 * later failure takes back what was handed over. */
WEIR_MUST_USE bool weir_connection_pipeline_results(weir_connection *connection,
                                                    const weir_call *calls, int count,
                                                    weir_result_fn *fn, void *context, int *failed,
                                                    weir_error *error);

/* weir_row_fn receives one streamed row; valid during the callback only. The callback returns false
 * with error filled to end the stream early. It must not use the connection. */
typedef bool weir_row_fn(void *context, const weir_result *row, weir_error *error);

/* weir_connection_pipeline_rows is weir_connection_pipeline, handing over the rows of calls[asked]
 * (-1: of none) one by one as they arrive, in text format, and then once a result without rows:
 * their end. When row returns false what is left of them is cancelled, *failed is asked, and calls
 * behind that one may still be carried out: leave it the last if it may be refused. */
WEIR_MUST_USE bool weir_connection_pipeline_rows(weir_connection *connection,
                                                 const weir_call *calls, int count, int asked,
                                                 weir_row_fn *row, void *context, int *failed,
                                                 weir_error *error);

/* weir_connection_stream calls a statement and hands its rows over in binary format, one by
 * one as they arrive, so that memory is bounded by a row, not by the result. */
WEIR_MUST_USE bool weir_connection_stream(weir_connection *connection, const char *statement,
                                          const weir_param *params, int count, weir_row_fn *row,
                                          void *context, weir_error *error);

/* weir_connection_stream_text runs unprepared SQL text with text parameters and hands its rows over
 * in text format, one by one as they arrive, and then once a result without rows: their end. */
WEIR_MUST_USE bool weir_connection_stream_text(weir_connection *connection, const char *sql,
                                               const weir_param *params, int count,
                                               weir_row_fn *row, void *context, weir_error *error);

/* Results. Rows and columns count from 0. A value is NUL-terminated; NULL for SQL NULL. */
int weir_result_rows(const weir_result *result);
int weir_result_columns(const weir_result *result);
const char *weir_result_name(const weir_result *result, int column); /* of the column */
unsigned weir_result_type(const weir_result *result, int column);    /* its type's OID */
const char *weir_result_value(const weir_result *result, int row, int column);
size_t weir_result_length(const weir_result *result, int row, int column);
int64_t weir_result_integer(const weir_result *result, int row, int column); /* 0 for NULL */
bool weir_result_bool(const weir_result *result, int row, int column);
void weir_result_free(weir_result *result);

/* weir_param_integer renders a text parameter into text. */
weir_param weir_param_integer(int64_t value, char text[24]);

/* PostgreSQL's timestamps count microseconds from here: 2000-01-01, in microseconds since 1970. */
#define WEIR_PG_EPOCH_US 946684800000000

/* Binary parameters, appended to a buffer which must outlive the call; then weir_param_binary over
 * the bytes. An array is begun with its element type and closed by the number of elements added. */
typedef enum weir_pg_type {
    WEIR_PG_BOOL = 16,
    WEIR_PG_BYTEA = 17,
    WEIR_PG_INT8 = 20,
    WEIR_PG_INT4 = 23,
    WEIR_PG_TEXT = 25,
    WEIR_PG_TIMESTAMPTZ = 1184,
    WEIR_PG_UUID = 2950,
    WEIR_PG_JSONB = 3802,
} weir_pg_type;

/* weir_array builds one one-dimensional array in its own bounded buffer. */
typedef struct weir_array {
    weir_buffer bytes;
    int32_t elements;
} weir_array;

void weir_array_begin(weir_array *array, weir_pg_type type); /* clears; bytes.limit must be set */
void weir_array_int32(weir_array *array, int32_t value);
void weir_array_int64(weir_array *array, int64_t value);
void weir_array_text(weir_array *array, const char *text,
                     size_t length); /* text, bytea; NULL: null */
void weir_array_jsonb(weir_array *array, const char *json, size_t length); /* NULL: null */
void weir_array_uuid(weir_array *array, const weir_uuid *id);
void weir_array_time(weir_array *array, int64_t time_us); /* microseconds since 1970 */
weir_param weir_array_param(weir_array *array);           /* closes it; check bytes.overflow */
void weir_array_free(weir_array *array);

/* weir_sql_render rewrites the schema "weir." and the roles "weir_*" in sql for another schema;
 * malloc'd. */
char *weir_sql_render(const char *sql, const char *schema);

/* weir_sql_find returns the text of a statement or migration of store/sql, NULL if there is none.
 */
const char *weir_sql_find(const char *name);

#endif
