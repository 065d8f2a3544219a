/* One event after the other to a child, each with its answer.
 *
 * Only one is on its way at a time. So an event that is refused has nothing of its aggregate behind
 * it in the pipe, a child that dies or hangs accuses exactly one event, and that one alone may have
 * been handled without our knowing it. A child says that it is ready first: what dies before that
 * cannot be started, and no event is to blame. After anything but an answer the child is ended, and
 * another one started for the next event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "projections/child_process_int.h"
#include "projections/external_answer_int.h"
#include "projections/external_int.h"
#include "store/cloudevent.h"

#define COMMIT_US 500000 /* what was handled is committed at least so often */
#define GRACE_MS 2000    /* for a child whose stdin has ended */
#define DEATH_MS 200     /* for one whose stdout has */
#define LINE_LIMIT ((size_t)64 * 1024 * 1024)

/* A lane's child. */
typedef struct courier {
    weir_external *external;
    weir_child *child; /* NULL: not running */
    char store_id[WEIR_UUID_TEXT];
    weir_buffer line;
    weir_arena *arena; /* of one answer */
} courier;

void *weir_external_open(weir_handler *handler, weir_connection *connection, int generation,
                         weir_error *error)
{
    (void)generation;
    weir_result *row = weir_connection_query(connection, "store_identity", NULL, 0, error);
    if (!row)
        return NULL;
    courier *c = weir_calloc(1, sizeof *c);
    c->external = handler->context;
    snprintf(c->store_id, sizeof c->store_id, "%s", weir_result_value(row, 0, 0));
    c->line = WEIR_BUFFER(LINE_LIMIT);
    c->arena = weir_arena_new(2 * WEIR_CHILD_LINE);
    weir_result_free(row);
    return c;
}

void weir_external_close(void *session)
{
    courier *c = session;
    if (!c)
        return;
    weir_child_end(c->child, GRACE_MS, NULL);
    weir_buffer_free(&c->line);
    weir_arena_free(c->arena);
    free(c);
}

/* Ends the child and says why in the error, which gets how it ended. */
static bool dismiss(courier *c, weir_fate fate, const char *what, bool gone, weir_error *error)
{
    char how[WEIR_CHILD_HOW];
    weir_child_end(c->child, gone ? DEATH_MS : 0, how);
    c->child = NULL;
    weir_fail(error, fate, "%s (%s)", what, how);
    weir_utf8_clean(error->message);
    return false;
}

static bool dismiss_for(courier *c, weir_child_answer why, weir_fate fate, const char *doing,
                        weir_error *error)
{
    char what[160];
    int timeout_ms = c->external->timeout_ms;
    switch (why) {
    case WEIR_CHILD_ENDED:
        snprintf(what, sizeof what, "the process ended before it %s", doing);
        break;
    case WEIR_CHILD_SILENT:
        snprintf(what, sizeof what, "the process hangs: %d ms passed and it never %s", timeout_ms,
                 doing);
        break;
    case WEIR_CHILD_LONG:
        snprintf(what, sizeof what, "the process wrote a line of more than %zu bytes",
                 WEIR_CHILD_LINE);
        break;
    default:
        fate = WEIR_FATE_RETRY;
        snprintf(what, sizeof what, "the partitions are given back");
    }
    return dismiss(c, fate, what, why == WEIR_CHILD_ENDED, error);
}

/* It said something else than was to be said. */
static bool dismiss_odd(courier *c, weir_fate fate, weir_slice said, const char *expected,
                        weir_error *error)
{
    char what[400];
    snprintf(what, sizeof what, "the process wrote '%.*s%s' to its stdout instead of %s",
             said.length < 120 ? (int)said.length : 120, said.text, said.length < 120 ? "" : "…",
             expected);
    return dismiss(c, fate, what, false, error);
}

static weir_child_answer exchange(courier *c, const weir_buffer *line, const atomic_bool *abandon,
                                  weir_slice *answer)
{
    const weir_child_patience patience = {c->external->timeout_ms, c->external->drain_ms, abandon};
    return weir_child_exchange(c->child, line->data, line->length, &patience, answer);
}

/* Starts a child and waits until it is ready. */
static bool start(courier *c, const atomic_bool *abandon, weir_error *error)
{
    const weir_external *x = c->external;
    weir_slice said;
    weir_answer answer;
    const char *const arguments[] = {"/bin/sh", "-c", x->command, NULL};
    const weir_child_command command = {x->name, arguments, x->directory, false, -1};
    c->child = weir_child_start(&command, error);
    if (!c->child)
        return false;
    weir_child_answer came = exchange(c, &(weir_buffer){0}, abandon, &said);
    if (came != WEIR_CHILD_ANSWERED)
        return dismiss_for(c, came, WEIR_FATE_RETRY, "was ready", error);
    weir_arena_reset(c->arena);
    weir_answer_read(said.text, said.length, c->arena, &answer);
    return answer.kind == WEIR_ANSWER_READY ||
           dismiss_odd(c, WEIR_FATE_RETRY, said, "{\"ready\": true}", error);
}

static bool ensure_started(courier *c, const atomic_bool *abandon, weir_error *error)
{
    weir_external *x = c->external;
    if (c->child && !weir_child_alive(c->child)) {
        char how[WEIR_CHILD_HOW];
        weir_child_end(c->child, 0, how);
        c->child = NULL;
        WEIR_WARN("handler", x->name, "the process ended while it had nothing to do",
                  WEIR_TEXT("how", how));
    }
    if (c->child)
        return true;
    if (start(c, abandon, error)) {
        atomic_store(&x->failed_starts, 0);
        return true;
    }
    if (atomic_load(abandon))
        return false;
    int failed = atomic_fetch_add(&x->failed_starts, 1) + 1;
    if (x->give_up > 0 && failed >= x->give_up)
        error->fate = WEIR_FATE_FATAL;
    return weir_error_prefix(error, "'%s' cannot be started", x->command);
}

/* The event as one line; line ends between the members of its data become blanks. */
static bool write_line(courier *c, const weir_event *event, weir_error *error)
{
    weir_buffer_clear(&c->line);
    weir_cloudevent_write(&c->line, event, c->store_id);
    for (size_t i = 0; i < c->line.length; i++)
        if (c->line.data[i] == '\n' || c->line.data[i] == '\r')
            c->line.data[i] = ' ';
    weir_buffer_char(&c->line, '\n');
    return !c->line.overflow || weir_fail(error, WEIR_FATE_POISON, "it is too large for a line");
}

static bool judge(courier *c, const weir_event *event, weir_slice said, weir_error *error)
{
    char id[WEIR_UUID_TEXT], expected[160];
    weir_answer answer;
    weir_arena_reset(c->arena);
    weir_answer_read(said.text, said.length, c->arena, &answer);
    weir_uuid_format(&event->id, id);
    if (!answer.id || strcmp(answer.id, id) != 0 || answer.kind == WEIR_ANSWER_NONE) {
        snprintf(expected, sizeof expected,
                 "{\"id\": \"%s\", \"ok\": true}, or an \"error\" in place of \"ok\"", id);
        return dismiss_odd(c, WEIR_FATE_POISON, said, expected, error);
    }
    if (answer.kind == WEIR_ANSWER_HANDLED)
        return true;
    bool later = answer.kind == WEIR_ANSWER_LATER;
    weir_fail(error, later ? WEIR_FATE_RETRY : WEIR_FATE_POISON, "%s%s",
              later ? "the handler wants to try it later: " : "", answer.error);
    weir_utf8_clean(error->message);
    return false;
}

static bool deliver_one(courier *c, const weir_event *event, const atomic_bool *abandon,
                        weir_error *error)
{
    weir_slice said;
    if (!ensure_started(c, abandon, error) || !write_line(c, event, error))
        return false;
    weir_child_answer came = exchange(c, &c->line, abandon, &said);
    return came == WEIR_CHILD_ANSWERED ? judge(c, event, said, error)
                                       : dismiss_for(c, came, WEIR_FATE_POISON, "answered", error);
}

bool weir_external_deliver(void *session, const weir_batch *batch, const atomic_bool *abandon,
                           size_t *done, weir_error *error)
{
    courier *c = session;
    int64_t until_us = weir_clock_monotonic_us() + COMMIT_US;
    for (*done = 0; *done < batch->count; ++*done) {
        const weir_event *event = &batch->events[*done];
        if (*done > 0 && (atomic_load(abandon) || weir_clock_monotonic_us() >= until_us))
            return true;
        if (weir_external_wants(c->external, event->type) && !deliver_one(c, event, abandon, error))
            return false;
    }
    return true;
}
