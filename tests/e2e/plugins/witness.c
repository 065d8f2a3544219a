/* A handler that writes down what it applies and does what an event's data says: {"do": "abort"}.
 * A file "repaired" makes it behave; a file "silent" makes it say no more which event it is at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/plugin.h"

#ifndef VERSION
#define VERSION 1
#endif
#ifndef NAME
#define NAME "witness"
#endif
#ifndef TABLES
#define TABLES ""
#endif

static bool there(const char *file)
{
    return access(file, F_OK) == 0;
}

static bool asks(const weir_event *event, const char *what)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"do\": \"%s\"", what);
    return strstr(event->data, wanted) && !there("repaired");
}

static bool run(weir_transaction *tx, const char *sql, weir_error *error)
{
    return weir_transaction_exec(tx, sql, WEIR_PARAMS_NONE, error);
}

/* More than fits into a frame's first part, there and back. */
static bool say_much(weir_transaction *tx, weir_error *error)
{
    const size_t size = 1200000;
    char *text = weir_calloc(size + 1, 1);
    memset(text, 'x', size);
    bool ok =
        weir_transaction_exec(tx, "SELECT length($1)", WEIR_PARAMS(WEIR_PARAM_TEXT(text)), error) &&
        run(tx, "SELECT 1", error);
    const weir_rows *rows =
        ok ? weir_transaction_query(tx, "SELECT $1::text, NULL, repeat('y', 1500000)",
                                    WEIR_PARAMS(WEIR_PARAM_TEXT(text)), error)
           : NULL;
    ok = rows && rows->count == 1 && rows->columns == 3 &&
         strcmp(weir_rows_value(rows, 0, 0), text) == 0 && !weir_rows_value(rows, 0, 1) &&
         strlen(weir_rows_value(rows, 0, 2)) == 1500000;
    free(text);
    return ok || weir_fail(error, WEIR_FATE_POISON, "this is not what was asked for");
}

static bool misbehave(weir_transaction *tx, const weir_event *event, weir_error *error)
{
    if (asks(event, "abort"))
        abort();
    if (asks(event, "exit"))
        exit(0);
    while (asks(event, "hang"))
        sleep(1);
    if (asks(event, "print"))
        printf("a handler may print\n");
    if (asks(event, "say much"))
        return say_much(tx, error);
    if (asks(event, "refuse without a word"))
        return false;
    if (asks(event, "refuse"))
        return weir_fail(error, WEIR_FATE_POISON, "no such customer");
    if (asks(event, "later") && !there("open"))
        return weir_fail(error, WEIR_FATE_RETRY, "the price list is not there yet");
    if (asks(event, "violate"))
        return run(tx, "INSERT INTO seen (position) VALUES (NULL)", error);
    if (asks(event, "violate in a query"))
        return weir_transaction_query(tx, "INSERT INTO seen (position) VALUES (NULL) RETURNING 1",
                                      WEIR_PARAMS_NONE, error) != NULL;
    if (asks(event, "commit"))
        return run(tx, "COMMIT", error);
    if (asks(event, "write elsewhere"))
        return run(tx, "DELETE FROM elsewhere.things", error);
    if (asks(event, "misspell"))
        return run(tx, "INSERT INTO sene VALUES (1)", error);
    return true;
}

/* Every event after the one before it: read in the transaction, from what it has not committed. */
static bool apply_one(weir_transaction *tx, const weir_event *event, weir_error *error)
{
    char position[24], version[24];
    const weir_rows *rows =
        weir_transaction_query(tx, "SELECT max(version) FROM seen WHERE id = $1",
                               WEIR_PARAMS(WEIR_PARAM_TEXT(event->aggregate_id)), error);
    if (!rows || !misbehave(tx, event, error))
        return false;
    return weir_transaction_exec(
        tx, "INSERT INTO seen (position, id, version, before) VALUES ($1, $2, $3, $4)",
        WEIR_PARAMS(weir_param_integer(event->position, position),
                    WEIR_PARAM_TEXT(event->aggregate_id),
                    weir_param_integer(event->version, version),
                    WEIR_PARAM_TEXT(weir_rows_value(rows, 0, 0))),
        error);
}

static bool apply(void *context, weir_transaction *tx, const weir_event *events, size_t count,
                  weir_error *error)
{
    if (strcmp(context, "context") != 0)
        return weir_fail(error, WEIR_FATE_FATAL, "this is not what init made");
    for (size_t i = 0; i < count; i++) {
        if (!there("silent"))
            weir_transaction_at(tx, i);
        if (!apply_one(tx, &events[i], error))
            return false;
    }
    return true;
}

static void *init(weir_error *error)
{
    if (there("no init"))
        abort();
    if (there("not yet"))
        return weir_fail(error, WEIR_FATE_CONFIG, "there is no licence"), NULL;
    return weir_strdup("context");
}

static const weir_plugin_handler witness = {
    .name = NAME,
    .from = "order",
    .on = "order.*",
    .tables = "CREATE TABLE seen (position bigint PRIMARY KEY, id text, version bigint, before "
              "bigint);" TABLES,
    .version = VERSION,
    .init = init,
    .free = free,
    .apply = apply,
};

const weir_plugin_info weir_plugin = {
    WEIR_PLUGIN_HEAD,
    .name = "witness",
    .handlers = (const weir_plugin_handler *const[]){&witness, NULL},
};
