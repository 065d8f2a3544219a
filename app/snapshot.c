/* snapshot list, create and prune: the operator's side of snapshots. What takes them as events come
 * is the service's repository; these are for those that have none yet, and for cleaning up. */
#include "app/replay.h"
#include "app/table.h"
#include "app/verbs.h"
#include "store/snapshot_policy.h"
#include "store/snapshots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500 /* aggregates of one read */

static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                      {"aggregateid", "AGGREGATE ID", false},
                                      {"version", "VERSION", true},
                                      {"schemaversion", "SCHEMA", true},
                                      {"bytes", "BYTES", true},
                                      {"takenat", "TAKEN AT", false},
                                      {0}};

static void write_snapshot(weir_table *table, const weir_snapshot *snapshot)
{
    char time[WEIR_TIME_TEXT];
    weir_clock_format(snapshot->taken_at_us, time);
    weir_table_text(table, snapshot->aggregate_type);
    weir_table_text(table, snapshot->aggregate_id);
    weir_table_number(table, snapshot->version);
    weir_table_number(table, snapshot->schema_version);
    weir_table_number(table, (int64_t)snapshot->length);
    weir_table_text(table, time);
}

static bool list_one(void *context, const weir_snapshot *snapshot, weir_error *error)
{
    (void)error;
    write_snapshot(context, snapshot);
    return true;
}

bool weir_verb_snapshot_list(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    bool ok = weir_snapshot_list(store, weir_arguments_word(arguments, 0),
                                 weir_arguments_word(arguments, 1), list_one, table, error);
    weir_table_end(table);
    weir_store_close(store);
    return ok;
}

/* What create works with. */
typedef struct maker {
    weir_replay replay;
    weir_snapshot_policy policy; /* for how many to keep */
    weir_table *table;
    int64_t refused; /* aggregates whose events cannot be folded */
} maker;

/* keep_state saves the state that was replayed. */
static bool keep_state(maker *in, weir_error *error)
{
    const weir_aggregate *aggregate = in->replay.aggregate;
    weir_snapshot snapshot = {.aggregate_type = in->replay.class->type,
                              .aggregate_id = weir_aggregate_id(aggregate),
                              .version = weir_aggregate_version(aggregate),
                              .schema_version = in->replay.class->snapshot_schema,
                              .taken_at_us = weir_clock_now_us()};
    weir_buffer state;
    bool ok = weir_replay_state(&in->replay, &state, error);
    snapshot.state = state.data;
    snapshot.length = state.length;
    ok = ok && weir_snapshot_save(in->replay.store, &snapshot, in->policy.keep, error);
    if (ok)
        write_snapshot(in->table, &snapshot);
    weir_buffer_free(&state);
    return ok;
}

static bool make_one(maker *in, const char *id, weir_error *error)
{
    if (!weir_replay_to(&in->replay, id, INT64_MAX, error))
        return false;
    if (weir_aggregate_version(in->replay.aggregate) == 0)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no %s/%s",
                              in->replay.class->type, id);
    return keep_state(in, error);
}

/* make_page makes those of one page of candidates; an aggregate whose events its class refuses is
 * said and passed over. *last is where the next page begins. */
static bool make_page(maker *in, const weir_result *page, char **last, weir_error *error)
{
    for (int row = 0; row < weir_result_rows(page); row++) {
        free(*last);
        *last = weir_strdup(weir_result_value(page, row, 0));
        if (make_one(in, *last, error))
            continue;
        if (error->fate != WEIR_FATE_POISON)
            return false;
        fprintf(stderr, "weir: %s\n", error->message);
        weir_error_clear(error);
        in->refused++;
    }
    return true;
}

static bool make_all(maker *in, int64_t older_us, weir_error *error)
{
    char schema[24], age[24], most[24];
    char *last = weir_strdup("");
    bool ok = true;
    for (int rows = PAGE; ok && rows == PAGE;) {
        weir_param params[] = {WEIR_PARAM_TEXT(in->replay.class->type),
                               weir_param_integer(in->replay.class->snapshot_schema, schema),
                               weir_param_integer(older_us, age), WEIR_PARAM_TEXT(last),
                               weir_param_integer(PAGE, most)};
        weir_result *page = weir_connection_query(weir_store_connection(in->replay.store),
                                                  "cli_snapshot_candidates", params, 5, error);
        ok = page && make_page(in, page, &last, error);
        rows = page ? weir_result_rows(page) : 0;
        weir_result_free(page);
    }
    free(last);
    if (ok && in->refused)
        return weir_fail(error, WEIR_FATE_POISON, "%" PRId64 " aggregates have no snapshot",
                         in->refused);
    return ok;
}

/* read_selection: exactly one of an id, --all and --older-than. */
static bool read_selection(const weir_arguments *arguments, int64_t *older_us, weir_error *error)
{
    const char *age = weir_arguments_text(arguments, "older-than");
    int given =
        (arguments->word_count == 2) + weir_arguments_flag(arguments, "all") + (age != NULL);
    weir_error why;
    *older_us = 0;
    if (given != 1)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "say which aggregates: an ID, --all or --older-than AGE");
    return !age || weir_duration_parse(age, older_us, &why) ||
           weir_fail(error, WEIR_FATE_CONFIG, "--older-than: %s", why.message);
}

bool weir_verb_snapshot_create(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    maker in = {0};
    int64_t older_us;
    if (!read_selection(arguments, &older_us, error) ||
        !weir_snapshot_policy_configure(session->config, &in.policy, error))
        return false;
    bool ok = weir_replay_open(&in.replay, session, weir_arguments_word(arguments, 0), error);
    if (ok) {
        in.table = weir_table_new(&session->output, session->format, columns);
        ok = arguments->word_count == 2 ? make_one(&in, weir_arguments_word(arguments, 1), error)
                                        : make_all(&in, older_us, error);
        weir_table_end(in.table);
    }
    weir_replay_close(&in.replay);
    return ok;
}

bool weir_verb_snapshot_prune(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const bool execute = weir_arguments_flag(arguments, "execute");
    const int64_t keep = weir_arguments_has(arguments, "keep")
                             ? weir_arguments_integer(arguments, "keep")
                             : weir_config_integer(session->config, "snapshots.keep");
    int64_t count;
    weir_store *store = weir_session_store(session, error);
    bool ok = store && weir_snapshot_prune(store, weir_arguments_word(arguments, 0), keep, execute,
                                           &count, error);
    if (ok)
        weir_output_format(&session->output, "%s %" PRId64 " snapshot%s%s\n",
                           execute ? "removed" : "would remove", count, count == 1 ? "" : "s",
                           execute ? "" : "; with --execute it does");
    weir_store_close(store);
    return ok;
}
