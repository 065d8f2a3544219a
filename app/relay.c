/* relay and relay status. */
#include "app/table.h"
#include "app/verbs.h"
#include "producer/producer.h"

#include <stdio.h>
#include <stdlib.h>

bool weir_verb_relay(weir_session *session, weir_error *error)
{
    weir_relay *relay = weir_relay_new(session->config, &session->stop, error);
    if (!relay)
        return false;
    bool ok = weir_relay_run(relay, weir_arguments_flag(&session->arguments, "once"), error);
    weir_relay_free(relay);
    return ok;
}

/* A running relay is heard of every two seconds, however idle it is. */
#define LOST_SECONDS 10

static const char *state_of(bool clean, const char *age)
{
    double seconds = age ? strtod(age, NULL) : LOST_SECONDS;
    return clean ? "stopped" : seconds < LOST_SECONDS ? "running" : "lost";
}

static void write_relays(weir_session *session, const weir_result *relays, int64_t horizon)
{
    static const weir_column columns[] = {{"relay", "RELAY", false},
                                          {"epoch", "EPOCH", true},
                                          {"position", "POSITION", true},
                                          {"horizon", "HORIZON", true},
                                          {"behind", "EVENTS BEHIND", true},
                                          {"published", "PUBLISHED", true},
                                          {"state", "STATE", false},
                                          {"holder", "HOLDER", false},
                                          {"heartbeat_age_seconds", "HEARTBEAT AGE", true},
                                          {0}};
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (int row = 0; row < weir_result_rows(relays); row++) {
        const char *age = weir_result_value(relays, row, 7);
        weir_table_text(table, weir_result_value(relays, row, 0));
        weir_table_number(table, weir_result_integer(relays, row, 1));
        weir_table_number(table, weir_result_integer(relays, row, 2));
        weir_table_number(table, horizon);
        weir_table_number(table, weir_result_integer(relays, row, 3));
        weir_table_number(table, weir_result_integer(relays, row, 4));
        weir_table_text(table, state_of(weir_result_bool(relays, row, 5), age));
        weir_table_text(table, weir_result_value(relays, row, 6));
        if (age)
            weir_table_decimal(table, strtod(age, NULL), 3);
        else
            weir_table_text(table, NULL);
    }
    weir_table_end(table);
}

static void write_holders(weir_session *session, const weir_result *holders)
{
    static const weir_column columns[] = {{"pid", "APPENDER PID", true},
                                          {"user", "USER", false},
                                          {"application", "APPLICATION", false},
                                          {"state", "STATE", false},
                                          {"age_seconds", "TRANSACTION AGE", true},
                                          {"floor", "HOLDS READERS AT", true},
                                          {0}};
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (int row = 0; row < weir_result_rows(holders); row++) {
        const char *age = weir_result_value(holders, row, 4);
        weir_table_number(table, weir_result_integer(holders, row, 0));
        weir_table_text(table, weir_result_value(holders, row, 1));
        weir_table_text(table, weir_result_value(holders, row, 2));
        weir_table_text(table, weir_result_value(holders, row, 3));
        if (age)
            weir_table_decimal(table, strtod(age, NULL), 3);
        else
            weir_table_text(table, NULL);
        weir_table_number(table, weir_result_integer(holders, row, 5));
    }
    weir_table_end(table);
}

/* write_status writes one JSON object, or one table and, if there is a holder, another. */
static void write_status(weir_session *session, const weir_result *relays,
                         const weir_result *holders, int64_t horizon)
{
    weir_output *output = &session->output;
    bool json = session->format == WEIR_SHAPE_JSON;
    if (!json && weir_result_rows(relays) == 0)
        fprintf(stderr, "no relay has run yet; the horizon is %lld\n", (long long)horizon);
    if (json)
        weir_output_format(output, "{\"horizon\":%lld,\"relays\":", (long long)horizon);
    write_relays(session, relays, horizon);
    if (json)
        weir_output_text(output, ",\"appenders\":");
    else if (weir_result_rows(holders) > 0)
        weir_output_text(output, "\n");
    if (json || weir_result_rows(holders) > 0)
        write_holders(session, holders);
    if (json)
        weir_output_text(output, "}\n");
}

bool weir_verb_relay_status(weir_session *session, weir_error *error)
{
    bool ok = false;
    weir_result *horizon = NULL, *relays = NULL, *holders = NULL;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_connection *connection = weir_store_connection(store);
    if (!(horizon = weir_connection_query(connection, "horizon", NULL, 0, error)) ||
        !(relays = weir_connection_query(connection, "cli_relay_status", NULL, 0, error)) ||
        !(holders = weir_connection_query(connection, "cli_fence_holders", NULL, 0, error)))
        goto out;
    write_status(session, relays, holders, weir_result_integer(horizon, 0, 0));
    ok = true;
out:
    weir_result_free(horizon);
    weir_result_free(relays);
    weir_result_free(holders);
    weir_store_close(store);
    return ok;
}
