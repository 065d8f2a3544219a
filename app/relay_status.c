/* relay status: how far each relay is, what it waits for, and who holds it back.
 *
 * Lag is split by where an event is: behind an open transaction (horizon), not handed to Kafka yet
 * (relay), not acknowledged (broker). All of it is asked of PostgreSQL; what was handed over is as
 * of the relay's last word, which is at most two seconds old while it runs. */
#include "app/max_lag.h"
#include "app/table.h"
#include "app/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOST_SECONDS 10 /* a running relay is heard of every two seconds, however idle it is */
#define COUNTED "1000000"
#define HOLDERS "100"
#define STAGES 3

enum column {
    NAME,
    SHARD,
    EPOCH,
    POSITION,
    SENT,
    PUBLISHED,
    CLEAN,
    HOLDER,
    AGE,
    HELD
};

/* One relay's lag, by stage and all together. */
typedef struct lag {
    int64_t events[STAGES], all_events;
    double seconds[STAGES], all_seconds;
} lag;

/* Over all relays. */
typedef struct report {
    weir_session *session;
    weir_connection *connection;
    int64_t horizon;
    weir_max_lag most;
    int beyond; /* relays beyond the bound */
} report;

static const char *state_of(const weir_result *relays, int row)
{
    const char *age = weir_result_value(relays, row, AGE);
    double seconds = age ? strtod(age, NULL) : LOST_SECONDS;
    bool held = weir_result_bool(relays, row, HELD);
    return weir_result_bool(relays, row, CLEAN) ? "stopped"
           : held && seconds < LOST_SECONDS     ? "running"
                                                : "lost";
}

static bool measure(const report *to, const weir_result *relays, int row, lag *all,
                    weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(weir_result_value(relays, row, POSITION)),
                           WEIR_PARAM_TEXT(weir_result_value(relays, row, SENT)),
                           WEIR_PARAM_TEXT(COUNTED)};
    weir_result *stages = weir_connection_query(to->connection, "relay_lag", params, 3, error);
    *all = (lag){0};
    for (int i = 0; stages && i < STAGES; i++) {
        all->events[i] = weir_result_integer(stages, i, 1);
        all->seconds[i] = strtod(weir_result_value(stages, i, 2), NULL);
        all->all_events += all->events[i];
        if (all->seconds[i] > all->all_seconds)
            all->all_seconds = all->seconds[i];
    }
    weir_result_free(stages);
    return stages != NULL;
}

static bool exceeds(const weir_max_lag *most, const char *name, const char *state, const lag *all)
{
    if (!most->given || strcmp(state, "lost") != 0)
        return weir_max_lag_exceeded(most, name, all->all_events, all->all_seconds);
    fprintf(stderr, "weir: %s is lost\n", name);
    return true;
}

static void write_decimal(weir_table *table, const char *number)
{
    if (number)
        weir_table_decimal(table, strtod(number, NULL), 3);
    else
        weir_table_text(table, NULL);
}

static const weir_column relay_columns[] = {{"relay", "RELAY", false},
                                            {"shard", "SHARD", true},
                                            {"state", "STATE", false},
                                            {"holder", "HOLDER", false},
                                            {"epoch", "EPOCH", true},
                                            {"heartbeat_age_seconds", "SILENT S", true},
                                            {"position", "POSITION", true},
                                            {"sent", NULL, true},
                                            {"horizon", "HORIZON", true},
                                            {"published", "PUBLISHED", true},
                                            {"lag_events", "LAG", true},
                                            {"lag_seconds", "LAG S", true},
                                            {"horizon_events", "HELD BACK", true},
                                            {"relay_events", "NOT SENT", true},
                                            {"broker_events", "NOT ACKED", true},
                                            {"horizon_seconds", NULL, true},
                                            {"relay_seconds", NULL, true},
                                            {"broker_seconds", NULL, true},
                                            {0}};

static bool write_relay(report *to, weir_table *table, const weir_result *relays, int row,
                        weir_error *error)
{
    lag all;
    const char *name = weir_result_value(relays, row, NAME), *state = state_of(relays, row);
    if (!measure(to, relays, row, &all, error))
        return false;
    weir_table_text(table, name);
    weir_table_number(table, weir_result_integer(relays, row, SHARD));
    weir_table_text(table, state);
    weir_table_text(table, weir_result_value(relays, row, HOLDER));
    weir_table_number(table, weir_result_integer(relays, row, EPOCH));
    write_decimal(table, weir_result_value(relays, row, AGE));
    weir_table_number(table, weir_result_integer(relays, row, POSITION));
    weir_table_number(table, weir_result_integer(relays, row, SENT));
    weir_table_number(table, to->horizon);
    weir_table_number(table, weir_result_integer(relays, row, PUBLISHED));
    weir_table_number(table, all.all_events);
    weir_table_decimal(table, all.all_seconds, 3);
    for (int i = 0; i < STAGES; i++)
        weir_table_number(table, all.events[i]);
    for (int i = 0; i < STAGES; i++)
        weir_table_decimal(table, all.seconds[i], 3);
    to->beyond += exceeds(&to->most, name, state, &all);
    return true;
}

static bool write_relays(report *to, const weir_result *relays, weir_error *error)
{
    bool ok = true;
    weir_table *table = weir_table_new(&to->session->output, to->session->format, relay_columns);
    for (int row = 0; ok && row < weir_result_rows(relays); row++)
        ok = write_relay(to, table, relays, row, error);
    weir_table_end(table);
    return ok;
}

static const weir_column holder_columns[] = {
    {"pid", "APPENDER PID", true},   {"gid", "PREPARED AS", false},
    {"user", "USER", false},         {"application", "APPLICATION", false},
    {"client", "CLIENT", false},     {"state", "STATE", false},
    {"age_seconds", "OPEN S", true}, {"floor", "HOLDS READERS AT", true},
    {"hidden", NULL, false},         {0}};

static void write_holders(const report *to, const weir_result *holders)
{
    bool any_hidden = false;
    weir_table *table = weir_table_new(&to->session->output, to->session->format, holder_columns);
    for (int row = 0; row < weir_result_rows(holders); row++) {
        bool hidden = weir_result_bool(holders, row, 8);
        if (weir_result_value(holders, row, 0))
            weir_table_number(table, weir_result_integer(holders, row, 0));
        else
            weir_table_text(table, NULL);
        for (int column = 1; column <= 5; column++)
            weir_table_text(table, weir_result_value(holders, row, column));
        write_decimal(table, weir_result_value(holders, row, 6));
        weir_table_number(table, weir_result_integer(holders, row, 7));
        weir_table_bool(table, hidden);
        any_hidden = any_hidden || hidden;
    }
    weir_table_end(table);
    if (any_hidden)
        fprintf(stderr, "weir: client, state and age of other roles' sessions are hidden from this "
                        "role: GRANT pg_read_all_stats TO weir_reader\n");
}

/* write_status writes one JSON object, or one table and, if there is a holder, another. */
static bool write_status(report *to, const weir_result *relays, const weir_result *holders,
                         weir_error *error)
{
    weir_output *output = &to->session->output;
    bool json = to->session->format == WEIR_SHAPE_JSON;
    if (!json && weir_result_rows(relays) == 0)
        fprintf(stderr, "no relay has run yet; the horizon is %lld\n", (long long)to->horizon);
    if (json)
        weir_output_format(output, "{\"horizon\":%lld,\"relays\":", (long long)to->horizon);
    if (!write_relays(to, relays, error))
        return false;
    if (json)
        weir_output_text(output, ",\"appenders\":");
    else if (weir_result_rows(holders) > 0)
        weir_output_text(output, "\n");
    if (json || weir_result_rows(holders) > 0)
        write_holders(to, holders);
    if (json)
        weir_output_text(output, "}\n");
    return true;
}

static bool within(const report *to, int relays, weir_error *error)
{
    const char *bound = weir_arguments_text(&to->session->arguments, "max-lag");
    if (to->most.given && relays == 0)
        return weir_fail(error, WEIR_FATE_FATAL, "no relay has run yet");
    return to->beyond == 0 || weir_fail(error, WEIR_FATE_FATAL, "%d of %d relays beyond %s",
                                        to->beyond, relays, bound);
}

bool weir_verb_relay_status(weir_session *session, weir_error *error)
{
    report to = {.session = session};
    bool ok = false;
    weir_result *horizon = NULL, *relays = NULL, *holders = NULL;
    weir_param most = WEIR_PARAM_TEXT(HOLDERS);
    weir_store *store = NULL;
    if (!weir_max_lag_read(&session->arguments, &to.most, error) ||
        !(store = weir_session_store(session, error)))
        return false;
    to.connection = weir_store_connection(store);
    if (!(horizon = weir_connection_query(to.connection, "horizon", NULL, 0, error)) ||
        !(relays = weir_connection_query(to.connection, "cli_relay_status", NULL, 0, error)) ||
        !(holders = weir_connection_query(to.connection, "fence_holders", &most, 1, error)))
        goto out;
    to.horizon = weir_result_integer(horizon, 0, 0);
    ok = write_status(&to, relays, holders, error) && within(&to, weir_result_rows(relays), error);
out:
    weir_result_free(horizon);
    weir_result_free(relays);
    weir_result_free(holders);
    weir_store_close(store);
    return ok;
}
