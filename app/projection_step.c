/* projection step: what each event of one aggregate does to a projection's rows.
 *
 * The runtime parks an aggregate at the first event that its handlers refuse: what comes later
 * waits behind it. So stepping, too, ends there, says why, and says how many events would wait. */
#include "app/members.h"
#include "app/runtime.h"
#include "app/table.h"
#include "app/verbs.h"
#include "projections/history.h"
#include "projections/step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CELL ((size_t)64 * 1024 * 1024)

static const char *const kinds[] = {"inserted", "updated", "deleted"};

static const weir_column shown_columns[] = {{"version", "VERSION", true},
                                            {"eventtype", "EVENT TYPE", false},
                                            {"change", "CHANGE", false},
                                            {"table", "TABLE", false},
                                            {"key", "KEY", false},
                                            {"row", "ROW", false},
                                            {0}};

static const weir_column json_columns[] = {{"version", NULL, true},  {"eventtype", NULL, false},
                                           {"position", NULL, true}, {"time", NULL, false},
                                           {"handled", NULL, false}, {"changes", NULL, false},
                                           {"error", NULL, false},   {0}};

typedef struct stepper {
    weir_steps *steps;
    weir_table *table;
    bool json;
    const weir_event *event; /* in hand */
    weir_buffer changes;     /* as JSON: those of the event */
    int64_t count, waiting;
    weir_error refused; /* fate NONE: no event was */
} stepper;

static void write_line(stepper *in, const char *change, const char *table, const char *key,
                       const char *row)
{
    weir_table_number(in->table, in->event->version);
    weir_table_text(in->table, in->event->type);
    weir_table_text(in->table, change);
    weir_table_text(in->table, table);
    weir_table_text(in->table, key);
    weir_table_text(in->table, row);
}

static void show_change(stepper *in, const weir_change *change)
{
    weir_buffer key = WEIR_BUFFER(CELL), row = WEIR_BUFFER(CELL), names = WEIR_BUFFER(CELL);
    weir_buffer_char(&names, '[');
    if (change->key)
        weir_members_show(change->key, &key);
    if (change->kind == WEIR_CHANGE_UPDATED)
        weir_members_compare(change->before, change->after, &names, &row);
    else
        weir_members_show(change->after ? change->after : change->before, &row);
    write_line(in, kinds[change->kind], change->table, key.data, row.data);
    weir_buffer_free(&names);
    weir_buffer_free(&row);
    weir_buffer_free(&key);
}

static void put_member(weir_buffer *json, const char *name, const char *value)
{
    weir_buffer_format(json, ",\"%s\":", name);
    weir_buffer_text(json, value ? value : "null");
}

static void keep_change(stepper *in, const weir_change *change)
{
    weir_buffer *json = &in->changes, names = WEIR_BUFFER(CELL), shown = WEIR_BUFFER(CELL);
    weir_buffer_char(&names, '[');
    if (change->kind == WEIR_CHANGE_UPDATED)
        weir_members_compare(change->before, change->after, &names, &shown);
    weir_buffer_char(&names, ']');
    weir_buffer_text(json, in->count++ ? "," : "");
    weir_buffer_format(json, "{\"change\":\"%s\",\"table\":", kinds[change->kind]);
    weir_buffer_json(json, change->table, strlen(change->table));
    put_member(json, "key", change->key);
    put_member(json, "before", change->before);
    put_member(json, "after", change->after);
    put_member(json, "changed", names.data);
    weir_buffer_char(json, '}');
    weir_buffer_free(&shown);
    weir_buffer_free(&names);
}

static void on_change(void *context, const weir_change *change)
{
    stepper *in = context;
    if (in->json) {
        keep_change(in, change);
        return;
    }
    in->count++;
    show_change(in, change);
}

static void write_event(stepper *in, bool called, const char *why)
{
    char time[WEIR_TIME_TEXT];
    weir_clock_format(in->event->time_us, time);
    weir_buffer_char(&in->changes, ']');
    weir_table_number(in->table, in->event->version);
    weir_table_text(in->table, in->event->type);
    weir_table_number(in->table, in->event->position);
    weir_table_text(in->table, time);
    weir_table_bool(in->table, called);
    weir_table_json(in->table, in->changes.data, "");
    weir_table_text(in->table, why);
}

static void refuse(stepper *in, const weir_error *why)
{
    in->refused = *why;
    in->refused.code = WEIR_FAILED;
    weir_error_prefix(&in->refused, "version %" PRId64 " (%s) is refused", in->event->version,
                      in->event->type);
    if (in->json)
        write_event(in, true, why->message);
    else
        write_line(in, "refused", NULL, NULL, why->message);
}

static bool step(void *context, const weir_event *event, const weir_error *unreadable,
                 weir_error *error)
{
    stepper *in = context;
    bool called = false;
    if (in->refused.fate != WEIR_FATE_NONE) {
        in->waiting++;
        return true;
    }
    in->event = event;
    in->count = 0;
    weir_buffer_clear(&in->changes);
    weir_buffer_char(&in->changes, '[');
    weir_error why = unreadable ? *unreadable : (weir_error){0};
    if (unreadable || !weir_steps_apply(in->steps, event, &called, on_change, in, &why)) {
        if (why.fate == WEIR_FATE_RETRY) {
            *error = why;
            return false;
        }
        refuse(in, &why);
    } else if (in->json) {
        write_event(in, called, NULL);
    } else if (in->count == 0) {
        write_line(in, called ? "nothing" : "no handler", NULL, NULL, NULL);
    }
    return true;
}

static bool step_all(weir_session *session, weir_history *history, weir_steps *steps,
                     weir_error *error)
{
    stepper in = {
        .steps = steps, .json = session->format != WEIR_SHAPE_TABLE, .changes = WEIR_BUFFER(CELL)};
    in.table =
        weir_table_new(&session->output, session->format, in.json ? json_columns : shown_columns);
    bool ok = true;
    while (ok && !history->ended)
        ok = weir_history_read(history, step, &in, error);
    weir_table_end(in.table);
    weir_buffer_free(&in.changes);
    if (!ok || in.refused.fate == WEIR_FATE_NONE)
        return ok;
    if (in.waiting)
        fprintf(stderr, "weir: %" PRId64 " later events of %s/%s would wait behind it\n",
                in.waiting, history->aggregate_type, history->aggregate_id);
    *error = in.refused;
    return weir_error_prefix(error, "%s/%s", history->aggregate_type, history->aggregate_id);
}

bool weir_verb_projection_step(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = weir_arguments_word(arguments, 0);
    weir_history history = {.stop = &session->stop,
                            .aggregate_type = weir_arguments_text(arguments, "aggregate"),
                            .aggregate_id = weir_arguments_second(arguments, "aggregate")};
    weir_runtime runtime = {0};
    weir_store *scratch = NULL;
    weir_steps *steps = NULL;
    bool ok = false;
    if (!history.aggregate_type)
        return weir_fail(error, WEIR_FATE_CONFIG, "whose events? --aggregate TYPE ID");
    if (!weir_runtime_load(&runtime, session->config, &session->stop, &name, 1, error))
        goto out;
    history.projection = runtime.members[0].projection;
    if (!weir_projection_needs_store(history.projection, "there are no steps to show", error))
        goto out;
    history.upcasters = runtime.upcasters;
    history.store = weir_session_store(session, error);
    if (!history.store || !weir_history_check(&history, error))
        goto out;
    scratch = weir_session_store(session, error);
    steps = scratch ? weir_steps_open(runtime.members[0].projection, session->config,
                                      weir_store_connection(scratch), error)
                    : NULL;
    ok = steps && step_all(session, &history, steps, error);
out:
    weir_steps_close(steps);
    weir_store_close(scratch);
    weir_store_close(history.store);
    weir_history_free(&history);
    weir_runtime_free(&runtime);
    return ok;
}
