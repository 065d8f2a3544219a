/* topic list and topic create: which topic an aggregate type has, and making one ahead of time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/table.h"
#include "app/verbs.h"
#include "producer/producer.h"

#define UNKNOWN (-2)

/* ask_kafka fills in what Kafka has, UNKNOWN where it does not say; the record is shown all the
 * same. */
static void ask_kafka(weir_session *session, const weir_result *rows, int *counts)
{
    weir_error error = {0};
    size_t count = (size_t)weir_result_rows(rows);
    const char **topics = weir_calloc(count + 1, sizeof *topics);
    for (size_t i = 0; i < count; i++) {
        topics[i] = weir_result_value(rows, (int)i, 1);
        counts[i] = UNKNOWN;
    }
    if (count > 0 &&
        !weir_topic_counts(session->config, &session->stop, topics, count, counts, &error))
        fprintf(stderr, "weir: Kafka does not say what it has: %s\n", error.message);
    free(topics);
}

static void write_real(weir_table *table, int count)
{
    if (count >= 0)
        weir_table_number(table, count);
    else
        weir_table_text(table, NULL);
}

static const char *state_of(int recorded, int real)
{
    return real == UNKNOWN    ? "unknown"
           : real < 0         ? "not permitted"
           : real == 0        ? "missing"
           : real < recorded  ? "fewer partitions"
           : real == recorded ? "ok"
                              : "more partitions";
}

bool weir_verb_topic_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"topic", "TOPIC", false},
                                          {"partitions", "PARTITIONS", true},
                                          {"kafkapartitions", "IN KAFKA", true},
                                          {"state", "STATE", false},
                                          {"generation", "GENERATION", true},
                                          {"recordedat", "RECORDED AT", false},
                                          {0}};
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_result *rows =
        weir_connection_query(weir_store_connection(store), "cli_topic_list", NULL, 0, error);
    if (rows) {
        int *real = weir_calloc((size_t)weir_result_rows(rows) + 1, sizeof *real);
        ask_kafka(session, rows, real);
        weir_table *table = weir_table_new(&session->output, session->format, columns);
        for (int row = 0; row < weir_result_rows(rows); row++) {
            weir_table_text(table, weir_result_value(rows, row, 0));
            weir_table_text(table, weir_result_value(rows, row, 1));
            weir_table_number(table, weir_result_integer(rows, row, 2));
            write_real(table, real[row]);
            weir_table_text(table, state_of((int)weir_result_integer(rows, row, 2), real[row]));
            weir_table_number(table, weir_result_integer(rows, row, 3));
            weir_table_text(table, weir_result_value(rows, row, 4));
        }
        weir_table_end(table);
        free(real);
    }
    weir_result_free(rows);
    weir_store_close(store);
    return rows != NULL;
}

/* The aggregate types that the store takes. */
static bool check_type(const char *type, weir_error *error)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t length = strlen(type);
    return (length > 0 && length <= 100 && strspn(type, legal) == length) ||
           weir_fail(error, WEIR_FATE_CONFIG,
                     "'%.120s' is no aggregate type: 1 to 100 letters, digits, '_', '.' or '-'",
                     type);
}

bool weir_verb_topic_create(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"topic", "TOPIC", false},
                                          {"partitions", "PARTITIONS", true},
                                          {"created", "CREATED", false},
                                          {0}};
    const char *type;
    for (size_t i = 0; (type = weir_arguments_word(&session->arguments, i)); i++)
        if (!check_type(type, error))
            return false;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    bool ok = true;
    for (size_t i = 0; ok && (type = weir_arguments_word(&session->arguments, i)); i++) {
        weir_topic_made made;
        ok = weir_topic_create(session->config, store, &session->stop, type, &made, error);
        if (!ok)
            break;
        weir_table_text(table, type);
        weir_table_text(table, made.name);
        weir_table_number(table, made.partitions);
        weir_table_bool(table, made.created);
    }
    weir_table_finish(table, ok);
    weir_store_close(store);
    return ok;
}
