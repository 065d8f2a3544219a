/* aggregate show and aggregate step: what the events of one aggregate mean to its class. */
#include "app/members.h"
#include "app/read_options.h"
#include "app/replay.h"
#include "app/table.h"
#include "app/verbs.h"

#include <inttypes.h>
#include <string.h>

#define CHANGES ((size_t)256 * 1024 * 1024)

static bool show(weir_session *session, weir_replay *replay, const char *id, int64_t version,
                 weir_error *error)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"aggregateid", "AGGREGATE ID", false},
                                          {"version", "VERSION", true},
                                          {"snapshotversion", "SNAPSHOT", true},
                                          {"state", "STATE", false},
                                          {0}};
    weir_buffer json = {0};
    bool ok = weir_replay_to(replay, id, version, error) && weir_replay_json(replay, &json, error);
    if (ok) {
        weir_table *table = weir_table_new(&session->output, session->format, columns);
        weir_table_object(table);
        weir_table_text(table, replay->class->type);
        weir_table_text(table, id);
        weir_table_number(table, weir_aggregate_version(replay->aggregate));
        weir_table_number(table, weir_aggregate_snapshot_version(replay->aggregate));
        weir_table_json(table, json.data, json.data);
        weir_table_end(table);
    }
    weir_buffer_free(&json);
    return ok;
}

/* range finds the versions that a command is about: up to which of the store's, and from where. */
static bool range(const weir_arguments *arguments, weir_replay *replay, const char *last,
                  int64_t *to, weir_error *error)
{
    int64_t as_of = 0, wanted = 0;
    if (weir_arguments_has(arguments, last))
        wanted = weir_arguments_integer(arguments, last);
    if (weir_arguments_has(arguments, "as-of") &&
        !weir_read_time("as-of", weir_arguments_text(arguments, "as-of"), &as_of, error))
        return false;
    if (wanted && as_of)
        return weir_fail(error, WEIR_FATE_CONFIG, "--as-of and --%s exclude each other", last);
    replay->snapshots = !weir_arguments_flag(arguments, "no-snapshot");
    return weir_replay_version(replay, weir_arguments_word(arguments, 1), as_of, wanted, to, error);
}

bool weir_verb_aggregate_show(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_replay replay;
    int64_t version;
    bool ok = weir_replay_open(&replay, session, weir_arguments_word(arguments, 0), error) &&
              range(arguments, &replay, "at-version", &version, error) &&
              show(session, &replay, weir_arguments_word(arguments, 1), version, error);
    weir_replay_close(&replay);
    return ok;
}

/* Stepping: the state before the event in hand is kept, to say what the event changed. */
typedef struct stepper {
    weir_replay *replay;
    weir_table *table;
    weir_buffer before;
} stepper;

static void write_step(stepper *in, const weir_event *event, const char *state)
{
    char time[WEIR_TIME_TEXT];
    weir_buffer names = WEIR_BUFFER(CHANGES), shown = WEIR_BUFFER(CHANGES);
    weir_buffer_char(&names, '[');
    weir_buffer_text(&shown, "");
    weir_members_compare(in->before.data, state, &names, &shown);
    weir_buffer_char(&names, ']');
    weir_clock_format(event->time_us, time);
    weir_table_number(in->table, event->version);
    weir_table_text(in->table, event->type);
    weir_table_text(in->table, time);
    weir_table_json(in->table, names.data, shown.data);
    weir_table_json(in->table, state, state);
    weir_buffer_free(&names);
    weir_buffer_free(&shown);
}

static bool step(void *context, const weir_event *event, weir_error *error)
{
    stepper *in = context;
    weir_buffer state = {0};
    bool ok = weir_replay_json(in->replay, &state, error);
    if (ok)
        write_step(in, event, state.data);
    weir_buffer_free(&in->before);
    in->before = state;
    return ok;
}

/* step_from shows every event of the range, beginning with the state before it. */
static bool step_from(weir_session *session, weir_replay *replay, int64_t to, weir_error *error)
{
    static const weir_column columns[] = {
        {"version", "VERSION", true},  {"eventtype", "EVENT TYPE", false}, {"time", "TIME", false},
        {"changed", "CHANGED", false}, {"state", "STATE", false},          {0}};
    const char *id = weir_arguments_word(&session->arguments, 1);
    const int64_t from = weir_arguments_integer(&session->arguments, "from");
    if (from > to)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND,
                              "%s/%s has no version %" PRId64 ": it is at %" PRId64,
                              replay->class->type, id, from, to);
    stepper in = {.replay = replay};
    bool ok =
        weir_replay_to(replay, id, from - 1, error) && weir_replay_json(replay, &in.before, error);
    if (ok) {
        in.table = weir_table_new(&session->output, session->format, columns);
        ok = weir_replay_on(replay, to, step, &in, error);
        weir_table_end(in.table);
    }
    weir_buffer_free(&in.before);
    return ok;
}

bool weir_verb_aggregate_step(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_replay replay;
    int64_t to;
    bool ok = weir_replay_open(&replay, session, weir_arguments_word(arguments, 0), error) &&
              range(arguments, &replay, "to", &to, error) && step_from(session, &replay, to, error);
    weir_replay_close(&replay);
    return ok;
}
