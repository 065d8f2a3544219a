/* A plug-in's handler in a process of its own: what crashes or hangs there ends that process, and
 * counts as a refusal of the batch; another process is started for the next.
 *
 * The conversation is strict: a batch goes over, then whatever comes back is answered until the
 * batch is done. Which event the handler is at stands in a page that both have, so that it is known
 * also of a handler that says nothing any more. Nothing of the conversation is trusted further than
 * the process is: what its statements may do is proved where they are prepared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/utf8.h"
#include "projections/child_process_int.h"
#include "projections/plugin_frames_int.h"
#include "projections/plugin_int.h"

#define PROGRAM "/proc/self/exe" /* also when the file on disk has been replaced */
#define FRAME_LIMIT ((size_t)1 << 30)
#define GRACE_MS 2000 /* for one whose stdin has ended */
#define DEATH_MS 200  /* for one whose stdout has */
#define STARTS_MOST 5 /* in a row that end before it is ready */

struct weir_plugin_process {
    weir_projection *projection;
    weir_child *child; /* NULL: not running */
    weir_buffer frame;
    _Atomic int64_t *at; /* the page: the event that the handler is at */
    int page;            /* its file */
    int64_t spent_us;    /* of this batch's time */
};

weir_plugin_process *weir_plugin_process_new(const weir_projection *projection)
{
    weir_plugin_process *p = weir_calloc(1, sizeof *p);
    p->projection = (weir_projection *)projection; /* its failed starts are counted, no more */
    p->frame = WEIR_BUFFER(FRAME_LIMIT);
    p->page = memfd_create("weir plug-in", MFD_CLOEXEC);
    p->at = MAP_FAILED;
    if (p->page >= 0 && ftruncate(p->page, sizeof *p->at) == 0)
        p->at = mmap(NULL, sizeof *p->at, PROT_READ | PROT_WRITE, MAP_SHARED, p->page, 0);
    if (p->at == MAP_FAILED)
        weir_out_of_memory(sizeof *p->at);
    return p;
}

void weir_plugin_process_free(weir_plugin_process *p)
{
    if (!p)
        return;
    weir_child_end(p->child, GRACE_MS, NULL);
    weir_buffer_free(&p->frame);
    munmap((void *)p->at, sizeof *p->at);
    close(p->page);
    free(p);
}

/* Ends the process; the error gets how it ended. False. */
static bool dismiss(weir_plugin_process *p, weir_fate fate, const char *what, bool gone,
                    weir_error *error)
{
    char how[WEIR_CHILD_HOW];
    weir_child_end(p->child, gone ? DEATH_MS : 0, how);
    p->child = NULL;
    weir_fail(error, fate, "%s (%s)", what, how);
    weir_utf8_clean(error->message);
    return false;
}

static bool dismiss_for(weir_plugin_process *p, weir_child_answer why, weir_fate fate,
                        const char *before, weir_error *error)
{
    char what[160];
    switch (why) {
    case WEIR_CHILD_ENDED:
        snprintf(what, sizeof what, "the handler's process ended before it %s", before);
        break;
    case WEIR_CHILD_SILENT:
        snprintf(what, sizeof what, "the handler hangs: it did not answer within %d ms",
                 weir_plugin_timeout_ms(p->projection->feed->config));
        break;
    case WEIR_CHILD_LONG:
        snprintf(what, sizeof what, "the handler's process wrote more than %zu bytes at once",
                 WEIR_CHILD_LINE);
        break;
    default:
        fate = WEIR_FATE_RETRY;
        snprintf(what, sizeof what, "the partitions are given back");
    }
    return dismiss(p, fate, what, why == WEIR_CHILD_ENDED, error);
}

/* Sends the frame, if there is one, and awaits another, within what is left of the batch's time:
 * that of PostgreSQL in between is not the handler's. */
static weir_child_answer exchange(weir_plugin_process *p, bool send, const atomic_bool *abandon,
                                  weir_slice *answer)
{
    static const atomic_bool never;
    const weir_config *config = p->projection->feed->config;
    const int64_t begun_us = weir_clock_monotonic_us(), spent_ms = p->spent_us / 1000;
    const int left_ms = weir_plugin_timeout_ms(config) - (int)spent_ms;
    const weir_child_patience patience = {
        left_ms > 0 ? left_ms : 0,
        (int)weir_config_subscription_integer(config, p->projection->name, "drain_ms"),
        abandon ? abandon : &never};
    weir_child_answer came = weir_child_exchange(p->child, send ? p->frame.data : NULL,
                                                 send ? p->frame.length : 0, &patience, answer);
    p->spent_us += weir_clock_monotonic_us() - begun_us;
    return came;
}

/* Whether the process loaded the handler that this one knows: the file may have been replaced. */
static bool is_ours(const weir_plugin_handler *code, weir_frame *frame)
{
    const int64_t version = weir_frame_number(frame);
    const char *tables = weir_frame_text(frame, NULL);
    return tables && version == code->version && strcmp(tables, code->tables) == 0;
}

/* Starts the process and waits until the handler is ready. */
static bool start(weir_plugin_process *p, weir_plugin_run *run, weir_error *error)
{
    weir_slice said;
    weir_frame frame;
    const char *const arguments[] = {PROGRAM, WEIR_PLUGIN_HOST, p->projection->plugin,
                                     p->projection->name, NULL};
    const weir_child_command command = {p->projection->name, arguments, ".", true, p->page};
    p->child = weir_child_start(&command, error);
    if (!p->child)
        return false;
    weir_child_answer came = exchange(p, false, run->calls->abandon, &said);
    if (came != WEIR_CHILD_ANSWERED)
        return dismiss_for(p, came, WEIR_FATE_RETRY, "was ready", error);
    weir_frame_kind kind = weir_frame_open(&frame, said, run->calls->arena);
    if (kind == WEIR_FRAME_READY)
        return is_ours(p->projection->code, &frame) ||
               dismiss(p, WEIR_FATE_CONFIG, "the plug-in's file has changed: start weir again",
                       false, error);
    weir_error why = {0};
    if (kind == WEIR_FRAME_FAILED)
        weir_frame_error(&frame, &why);
    const bool told = kind == WEIR_FRAME_FAILED && !frame.broken;
    return dismiss(p, told ? why.fate : WEIR_FATE_RETRY, told ? why.message : "it is not ready",
                   told, error);
}

/* What ends before it is ready is no event's fault; but what always does is not for waiting. */
static bool ensure_started(weir_plugin_process *p, weir_plugin_run *run)
{
    weir_error error = {0};
    if (p->child && !weir_child_alive(p->child)) {
        char how[WEIR_CHILD_HOW];
        weir_child_end(p->child, 0, how);
        p->child = NULL;
        WEIR_WARN("handler", p->projection->name, "its process ended while it had nothing to do",
                  WEIR_TEXT("how", how));
    }
    if (p->child || start(p, run, &error)) {
        atomic_store(&p->projection->failed_starts, 0);
        return true;
    }
    const bool abandoned = run->calls->abandon && atomic_load(run->calls->abandon);
    weir_error_prefix(&error, "%s cannot be started", p->projection->file);
    if (!abandoned && atomic_fetch_add(&p->projection->failed_starts, 1) + 1 >= STARTS_MOST)
        error.fate = WEIR_FATE_FATAL;
    return weir_plugin_run_fail(run, -1, &error);
}

static bool write_batch(weir_plugin_process *p, const weir_plugin_run *run)
{
    weir_frame_begin(&p->frame);
    weir_frame_put_number(&p->frame, (int64_t)run->count);
    for (size_t i = 0; i < run->count; i++)
        weir_frame_put_event(&p->frame, &run->events[i]);
    return weir_frame_end(&p->frame, WEIR_FRAME_BATCH);
}

/* The statements of a frame; the last of a query is asked. */
static void carry_out(weir_plugin_run *run, weir_frame *frame, bool query)
{
    weir_frame_statement s;
    while (weir_frame_more(frame)) {
        weir_frame_statement_read(frame, &s);
        if (frame->broken || frame->full)
            break;
        const bool asked = query && !weir_frame_more(frame);
        const bool ok = asked
                            ? weir_plugin_run_query(run, s.sql, s.params, s.count, s.event) != NULL
                            : weir_plugin_run_exec(run, s.sql, s.params, s.count, s.event);
        if (!ok)
            return;
    }
    if (frame->full && !run->refused)
        run->refused = !weir_batch_full(&run->error);
}

static bool write_reply(weir_plugin_process *p, const weir_plugin_run *run, bool query)
{
    const weir_rows *rows = query ? run->rows : NULL;
    weir_frame_begin(&p->frame);
    if (run->refused) {
        weir_frame_put_error(&p->frame, &run->error);
        return weir_frame_end(&p->frame, WEIR_FRAME_REFUSED);
    }
    const size_t values = rows ? rows->count * rows->columns : 0;
    weir_frame_put_number(&p->frame, rows ? (int64_t)rows->columns : 0);
    weir_frame_put_number(&p->frame, rows ? (int64_t)rows->count : 0);
    weir_frame_put_number(&p->frame, (int64_t)values);
    for (size_t i = 0; i < values; i++)
        weir_frame_put_text(&p->frame, rows->values[i],
                            rows->values[i] ? strlen(rows->values[i]) : 0);
    return weir_frame_end(&p->frame, WEIR_FRAME_ROWS);
}

/* Takes one answer. *more: it wants a reply, which is in the frame. False: it cannot be gone on. */
static bool take(weir_plugin_process *p, weir_plugin_run *run, weir_slice said, bool *more)
{
    weir_frame frame;
    weir_error why = {0};
    const weir_frame_kind kind = weir_frame_open(&frame, said, run->calls->arena);
    const bool query = kind == WEIR_FRAME_QUERY;
    *more = query || kind == WEIR_FRAME_STATEMENTS;
    if (*more || kind == WEIR_FRAME_DONE)
        carry_out(run, &frame, query);
    else if (kind == WEIR_FRAME_FAILED)
        weir_frame_error(&frame, &why);
    else
        frame.broken = true;
    if (frame.broken)
        return dismiss(p, WEIR_FATE_POISON, "the handler's process wrote what is no answer", false,
                       &why) ||
               weir_plugin_run_fail(run, atomic_load(p->at), &why);
    if (kind == WEIR_FRAME_FAILED)
        return weir_plugin_run_fail(run, atomic_load(p->at), &why);
    if (*more && !write_reply(p, run, query))
        run->refused = !weir_fail(&run->error, WEIR_FATE_RETRY, "the rows do not fit their memory");
    return !run->refused || (*more && write_reply(p, run, query));
}

bool weir_plugin_process_apply(weir_plugin_process *p, weir_plugin_run *run)
{
    weir_slice said;
    weir_error error = {0};
    bool more = true;
    p->spent_us = 0;
    if (!ensure_started(p, run))
        return false;
    p->spent_us = 0;
    atomic_store(p->at, -1);
    if (!write_batch(p, run)) {
        return weir_batch_full(&run->error);
    }
    while (more) {
        weir_child_answer came = exchange(p, true, run->calls->abandon, &said);
        if (came != WEIR_CHILD_ANSWERED) {
            const int64_t at = atomic_load(p->at);
            return dismiss_for(p, came, WEIR_FATE_POISON, "was done", &error) ||
                   weir_plugin_run_fail(run, at, &error);
        }
        if (!take(p, run, said, &more))
            return false;
    }
    return !run->refused;
}
