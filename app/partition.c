/* partition list and partition add: which table holds whose events, and splitting types off online.
 *
 * The work is done by SQL functions, each call a transaction of its own (0007_partitions), so a
 * kill at any moment leaves a valid store and the same command goes on. Here is only the loop
 * around them: copy until level, check, and try to switch, briefly and again, until nobody is in
 * the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/table.h"
#include "app/verbs.h"
#include "base/backoff.h"
#include "base/clock.h"

#define CHUNK 20000 /* events copied in one transaction */
#define LEVEL 1000  /* a chunk of fewer events: the rest may follow under the lock */

bool weir_verb_partition_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"partition", "PARTITION", false},
                                          {"default", "DEFAULT", false},
                                          {"events", "EVENTS", true},
                                          {"bytes", "BYTES", true},
                                          {0}};
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_result *rows =
        weir_connection_query(weir_store_connection(store), "cli_partition_list", NULL, 0, error);
    bool ok = rows != NULL;
    if (ok) {
        weir_table *table = weir_table_new(&session->output, session->format, columns);
        for (int i = 0; i < weir_result_rows(rows); i++) {
            weir_table_text(table, weir_result_value(rows, i, 0));
            weir_table_text(table, weir_result_value(rows, i, 1));
            weir_table_bool(table, weir_result_bool(rows, i, 2));
            for (int column = 3; column < 5; column++)
                if (weir_result_value(rows, i, column))
                    weir_table_number(table, weir_result_integer(rows, i, column));
                else /* never analyzed, or too rare for the statistics */
                    weir_table_text(table, NULL);
        }
        weir_table_end(table);
    }
    weir_result_free(rows);
    weir_store_close(store);
    return ok;
}

/* One split at work. */
typedef struct split {
    weir_connection *connection, *other;
    weir_stop *stop;
    int64_t events;     /* copied and checked */
    int64_t longest_us; /* that others may have waited for us */
} split;

static bool stopped(split *at, int ms, weir_error *error)
{
    return weir_stop_wait(at->stop, ms) &&
           !weir_fail(error, WEIR_FATE_FATAL,
                      "stopped; the store is as it was, and the same command goes on from here");
}

static weir_result *make_copies(weir_connection *connection, const char *types, weir_error *error)
{
    weir_param param = WEIR_PARAM_TEXT(types);
    weir_result *result = weir_connection_query(connection, "partition_prepare", &param, 1, error);
    if (!result && strcmp(error->sqlstate, "WV002") == 0)
        error->code = WEIR_INVALID;
    return result;
}

static bool prepare(split *at, const char *types, weir_error *error)
{
    weir_result *result = make_copies(at->connection, types, error);
    if (result && weir_result_bool(result, 0, 0))
        fprintf(stderr, "weir: going on with a split that was begun before\n");
    weir_result_free(result);
    return result != NULL;
}

static bool copy(split *at, weir_error *error)
{
    char text[24];
    weir_param most = weir_param_integer(CHUNK, text);
    for (int64_t copied = CHUNK; copied >= LEVEL;) {
        weir_result *result =
            weir_connection_query(at->connection, "partition_copy", &most, 1, error);
        if (!result)
            return false;
        copied = weir_result_integer(result, 0, 0);
        fprintf(stderr, "weir: copied up to position %s of %s\n", weir_result_value(result, 0, 1),
                weir_result_value(result, 0, 2));
        weir_result_free(result);
        if (stopped(at, 0, error))
            return false;
    }
    return true;
}

static bool check(split *at, weir_error *error)
{
    weir_result *result = weir_connection_query(at->connection, "partition_check", NULL, 0, error);
    if (result)
        at->events = weir_result_integer(result, 0, 0);
    weir_result_free(result);
    return result != NULL;
}

/* ask calls a statement that answers why not now, or NULL: *done then. What passes by itself, such
 * as a deadlock, is such a reason too. */
static bool ask(split *at, const char *statement, bool *done, weir_error *error)
{
    weir_result *result = weir_connection_query(at->connection, statement, NULL, 0, error);
    if (!result && (error->fate != WEIR_FATE_RETRY || !weir_connection_alive(at->connection)))
        return false;
    const char *refused = result ? weir_result_value(result, 0, 0) : error->message;
    *done = refused == NULL;
    if (refused)
        fprintf(stderr, "weir: not yet: %s\n", refused);
    weir_result_free(result);
    return true;
}

/* follow copies the last events over the second connection: the first holds writers back. */
static bool follow(split *at, weir_error *error)
{
    weir_result *result = weir_connection_query(at->other, "partition_rest", NULL, 0, error);
    weir_result_free(result);
    return result != NULL;
}

/* try_switch sets *done; otherwise it was not the moment for it, and nothing has changed. */
static bool try_switch(split *at, bool *done, weir_error *error)
{
    int64_t began = weir_clock_monotonic_us();
    bool ok = weir_connection_execute(at->connection, "BEGIN", error) &&
              ask(at, "partition_hold", done, error) &&
              (!*done || (follow(at, error) && ask(at, "partition_switch", done, error))) &&
              weir_connection_execute(at->connection, *done ? "COMMIT" : "ROLLBACK", error);
    int64_t waited = weir_clock_monotonic_us() - began;
    if (waited > at->longest_us)
        at->longest_us = waited;
    return ok;
}

static bool carry_out(split *at, const char *types, weir_error *error)
{
    weir_backoff backoff = {.initial_ms = 100, .max_ms = 2000};
    bool done = false;
    if (!prepare(at, types, error) || !copy(at, error) || !check(at, error))
        return false;
    while (!done) {
        if (!try_switch(at, &done, error) ||
            (!done && (stopped(at, weir_backoff_next(&backoff), error) || !copy(at, error))))
            return false;
    }
    fprintf(stderr,
            "weir: done: %lld events in new partitions; nobody waited longer than %.1f ms for it\n",
            (long long)at->events, (double)at->longest_us / 1000);
    return true;
}

/* try prepares the split and takes that back, so that what a dry run accepts, --execute accepts. */
static bool try(weir_connection *connection, const char *types, weir_error *error)
{
    if (!weir_connection_execute(connection, "BEGIN", error))
        return false;
    weir_result *result = make_copies(connection, types, error);
    weir_result_free(result);
    return result && weir_connection_execute(connection, "ROLLBACK", error);
}

/* explain is the dry run. */
static bool explain(weir_session *session, weir_connection *connection, const char *types,
                    weir_error *error)
{
    weir_param param = WEIR_PARAM_TEXT(types);
    weir_result *begun = weir_connection_query(connection, "cli_partition_begun", &param, 1, error);
    if (!begun || !try(connection, types, error)) {
        weir_result_free(begun);
        return false;
    }
    const char *unfinished = weir_result_value(begun, 0, 0),
               *empty = weir_result_value(begun, 0, 2);
    weir_output_format(&session->output,
                       "would copy the default partition (%s bytes) beside itself, %zu aggregate "
                       "type%s into partitions of their own,\nand then let the copies take its "
                       "place; needs as much space again until then. Nothing was done: add "
                       "--execute\n",
                       weir_result_value(begun, 0, 1), session->arguments.word_count,
                       session->arguments.word_count == 1 ? "" : "s");
    if (empty)
        weir_output_format(&session->output, "of these there are no events yet: %s\n", empty);
    if (unfinished)
        weir_output_format(&session->output, "a split is not finished: %s\n", unfinished);
    weir_result_free(begun);
    return true;
}

static bool abandon(weir_connection *connection, weir_error *error)
{
    weir_result *result = weir_connection_query(connection, "partition_abandon", NULL, 0, error);
    bool there = result && weir_result_bool(result, 0, 0);
    if (result)
        fprintf(stderr, there ? "weir: the copies are dropped; the store is as it was\n"
                              : "weir: there was nothing to give up\n");
    weir_result_free(result);
    return result != NULL;
}

/* named joins the types, one a line, as the functions take them. */
static char *named(const weir_arguments *arguments)
{
    weir_buffer types = WEIR_BUFFER((size_t)1 << 20);
    for (size_t i = 0; i < arguments->word_count; i++)
        weir_buffer_format(&types, "%s%s", i ? "\n" : "", weir_arguments_word(arguments, i));
    return types.data;
}

bool weir_verb_partition_add(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    bool giving_up = weir_arguments_flag(arguments, "abandon");
    if (giving_up == (arguments->word_count > 0))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "name the aggregate types to split off, or give --abandon alone");
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    split at = {.connection = weir_store_connection(store), .stop = &session->stop};
    weir_store *second = NULL;
    char *types = named(arguments);
    bool ok;
    if (giving_up) {
        ok = abandon(at.connection, error);
    } else if (!weir_arguments_flag(arguments, "execute")) {
        ok = explain(session, at.connection, types, error);
    } else {
        second = weir_session_store(session, error);
        at.other = second ? weir_store_connection(second) : NULL;
        ok = second && carry_out(&at, types, error);
    }
    free(types);
    weir_store_close(second);
    weir_store_close(store);
    return ok;
}
