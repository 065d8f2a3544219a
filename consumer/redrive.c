/* Letters that are tried again, or discarded, in their order.
 *
 * People and the clock only say what is due; the lane that the aggregate is of does it, so that no
 * live event of the aggregate can come between. Each letter is a transaction of its own: the lane's
 * checkpoint row is held, the letter read, its event applied, the letter marked as applied, and
 * with the last one the aggregate is no longer parked. A letter that is refused again ends its
 * aggregate's turn. It must never apply a letter while an earlier one of its aggregate waits. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "consumer/foreign_int.h"
#include "consumer/part_int.h"

#define TURN_US 200000 /* then the live events have their turn */

/* One aggregate that is due. */
typedef struct parcel {
    weir_lane *lane;
    const weir_partition *partition;
    int32_t row;
    const char *type, *id;
    char generation[24];
    weir_param params[4]; /* subscription, generation, aggregate type, aggregate id */
    bool waits;           /* what it said: some letter of the aggregate */
} parcel;

/* What became of a letter, or of a turn. */
typedef enum progress {
    APPLIED,
    EMPTY,   /* none waits */
    REFUSED, /* again */
    FAILED,  /* error: the lane must start over */
} progress;

static weir_connection *connection_of(const parcel *p)
{
    return weir_store_connection(p->lane->store);
}

#define HOLD_PARAMS 8

/* The parameters that hold the lane's row, provided that it is as this lane knows it. */
typedef struct hold {
    char partition[24], lanes[24], lane[24], offset[24], epoch[24];
    weir_param params[HOLD_PARAMS];
} hold;

static weir_row *row_of(const parcel *p)
{
    return &p->partition->rows[p->row];
}

/* The row is held for the transaction, and its epoch rises: another that believes to own the lane
 * must not know as little of what happens to the letters as before. */
static void add_hold(const parcel *p, hold *h, weir_call calls[2])
{
    h->params[0] = p->params[0];
    h->params[1] = p->params[1];
    h->params[2] = WEIR_PARAM_TEXT(p->partition->topic);
    h->params[3] = weir_param_integer(p->partition->number, h->partition);
    h->params[4] = weir_param_integer(p->partition->lanes, h->lanes);
    h->params[5] = weir_param_integer(p->row, h->lane);
    h->params[6] = weir_param_integer(row_of(p)->next_offset, h->offset);
    h->params[7] = weir_param_integer(row_of(p)->epoch, h->epoch);
    calls[0] = (weir_call){"begin", NULL, 0};
    calls[1] = (weir_call){"checkpoint_hold", h->params, HOLD_PARAMS};
}

/* To be called after the commit of a transaction that held the row. */
static void note_held(const parcel *p)
{
    row_of(p)->epoch++;
}

static bool begin(const parcel *p, weir_error *error)
{
    weir_call calls[2];
    hold h;
    add_hold(p, &h, calls);
    if (weir_connection_pipeline(connection_of(p), calls, 2, NULL, error))
        return true;
    error->fate = WEIR_FATE_RETRY;
    return false;
}

static bool read_waits(void *context, const weir_result *row, weir_error *error)
{
    (void)error;
    parcel *p = context;
    if (weir_result_rows(row) > 0)
        p->waits = weir_result_bool(row, 0, 0);
    return true;
}

/* Carries out one statement of the runtime's own in a transaction that holds the row. */
static bool record(parcel *p, const char *statement, const weir_param *params, int count,
                   weir_error *error)
{
    weir_call calls[4];
    hold h;
    add_hold(p, &h, calls);
    calls[2] = (weir_call){statement, params, count};
    calls[3] = (weir_call){"commit", NULL, 0};
    const int asked = strcmp(statement, "letter_discard") == 0 ? 2 : -1;
    if (weir_connection_pipeline_rows(connection_of(p), calls, 4, asked, read_waits, p, NULL,
                                      error)) {
        note_held(p);
        return true;
    }
    error->fate = WEIR_FATE_RETRY;
    return false;
}

/* The letter in hand, its message read back; in the lane's arena. */
typedef struct letter {
    char id[24];
    int64_t position, offset; /* offset: of a message */
    const char *topic;
    int32_t partition;
    weir_raw raw;
} letter;

static bool read_bytes(weir_arena *arena, const char *hex, const char **bytes, size_t *length)
{
    *bytes = NULL;
    *length = hex ? strlen(hex) / 2 : 0;
    if (!hex)
        return true;
    char *copy = weir_arena_alloc(arena, *length + 1);
    if (!copy || !weir_hex_decode(hex, *length * 2, copy))
        return false;
    copy[*length] = '\0';
    *bytes = copy;
    return true;
}

static bool fail_full(weir_error *error)
{
    return weir_fail(error, WEIR_FATE_POISON, "the letter does not fit the memory of a batch");
}

/* The columns of letter_next. */
enum column {
    ID,
    POSITION,
    VALUE,
    TOPIC,
    PARTITION,
    OFFSET,
    KEY,
    TIME_MS
};

static bool read_row(weir_arena *arena, const weir_result *row, letter *l)
{
    const char *topic = weir_result_value(row, 0, TOPIC);
    snprintf(l->id, sizeof l->id, "%s", weir_result_value(row, 0, ID));
    l->position = weir_result_integer(row, 0, POSITION);
    l->offset = weir_result_integer(row, 0, OFFSET);
    l->partition = (int32_t)weir_result_integer(row, 0, PARTITION);
    l->raw.time_ms = weir_result_integer(row, 0, TIME_MS);
    l->topic = weir_arena_copy(arena, topic, strlen(topic));
    return l->topic &&
           read_bytes(arena, weir_result_value(row, 0, VALUE), &l->raw.value.bytes,
                      &l->raw.value.length) &&
           read_bytes(arena, weir_result_value(row, 0, KEY), &l->raw.key, &l->raw.key_length);
}

static bool read_headers(const parcel *p, letter *l, weir_error *error)
{
    weir_arena *arena = p->lane->arena;
    weir_param id = WEIR_PARAM_TEXT(l->id);
    weir_result *rows = weir_connection_query(connection_of(p), "letter_headers", &id, 1, error);
    if (!rows)
        return false;
    size_t count = (size_t)weir_result_rows(rows);
    weir_header *headers = weir_arena_alloc(arena, (count + 1) * sizeof *headers);
    bool fits = headers != NULL;
    l->raw.headers = headers;
    l->raw.header_count = count;
    for (size_t i = 0; fits && i < count; i++) {
        weir_header *header = &headers[i];
        const char *name = weir_result_value(rows, (int)i, 0);
        header->name = weir_arena_copy(arena, name, strlen(name));
        fits = header->name && read_bytes(arena, weir_result_value(rows, (int)i, 1), &header->value,
                                          &header->length);
    }
    weir_result_free(rows);
    return fits || fail_full(error);
}

static progress read_letter(const parcel *p, letter *l, weir_error *error)
{
    weir_result *row = weir_connection_query(connection_of(p), "letter_next", p->params, 4, error);
    if (!row)
        return FAILED;
    bool any = weir_result_rows(row) > 0;
    bool fits = !any || read_row(p->lane->arena, row, l);
    weir_result_free(row);
    if (!any)
        return EMPTY;
    if (!fits)
        fail_full(error);
    return fits && read_headers(p, l, error) ? APPLIED : REFUSED;
}

static bool read_event(const parcel *p, const letter *l, weir_buffer *scratch, weir_event *event,
                       weir_error *error)
{
    weir_fields fields;
    weir_chain chain = {.position = l->position};
    const weir_foreign *foreign = p->lane->subscription->handler->foreign;
    if (foreign)
        return weir_foreign_read(
            foreign, &(weir_foreign_message){l->topic, l->partition, l->offset, &l->raw},
            p->lane->arena, scratch, event, error);
    weir_fields_find(l->raw.headers, l->raw.header_count, &fields);
    if (l->position == 0 && weir_chain_read(&fields, &chain, error) != WEIR_MESSAGE_OURS)
        return error->message[0] ||
               weir_fail(error, WEIR_FATE_POISON, "the message is not one of weir's");
    return weir_event_read(&fields, &chain, l->raw.value, p->lane->subscription->upcasters,
                           p->lane->arena, scratch, event, error);
}

/* The transaction stays open while the event is handled by another process, so that nobody marks
 * the letter meanwhile, and is allowed to rest for as long. */
static bool allow_rest(const parcel *p, weir_error *error)
{
    const weir_handler *handler = p->lane->subscription->handler;
    char ms[24];
    const weir_param param = weir_param_integer(handler->patience_ms, ms);
    if (handler->patience_ms == 0)
        return true;
    weir_result *set =
        weir_connection_query(connection_of(p), "deliver_patience", &param, 1, error);
    weir_result_free(set);
    if (!set)
        error->fate = WEIR_FATE_RETRY;
    return set != NULL;
}

/* Why a call of the event was refused; count: none was. */
static bool blame(const parcel *p, const weir_calls *calls, size_t call, size_t own,
                  weir_error *error)
{
    if (call == own || !weir_store_alive(p->lane->store) ||
        weir_part_rereads(p->lane->subscription->handler, error))
        error->fate = WEIR_FATE_RETRY;
    else if (call < own && calls->label[call])
        weir_error_prefix(error, "%s", calls->label[call]);
    if (strcmp(error->sqlstate, WEIR_STATEMENT_TIMEOUT) == 0)
        error->fate = WEIR_FATE_POISON;
    return false;
}

/* Sends the event's calls and COMMIT; the transaction is open. */
static bool apply_event(parcel *p, const letter *l, const weir_event *event, weir_error *error)
{
    weir_subscription *s = p->lane->subscription;
    weir_param id = WEIR_PARAM_TEXT(l->id);
    weir_calls calls = {
        .arena = p->lane->arena, .connection = connection_of(p), .abandon = &s->lanes.abandon};
    const weir_batch batch = {event, 1, p->lane->arena};
    int failed;
    size_t done;
    if (!allow_rest(p, error))
        return false;
    if (s->handler->deliver &&
        !s->handler->deliver(p->lane->session, &batch, &s->lanes.abandon, &done, error))
        return false;
    if (!s->handler->collect(p->lane->session, &batch, true, &calls, error)) {
        if (calls.failed)
            return blame(p, &calls, calls.refused, SIZE_MAX, error);
        bool full = error->fate == WEIR_FATE_RETRY && !calls.hindered;
        return full && fail_full(error);
    }
    size_t own = calls.count;
    if (!weir_calls_add(&calls, (weir_call){"letter_applied", &id, 1}, SIZE_MAX, NULL, error) ||
        !weir_calls_add(&calls, (weir_call){"commit", NULL, 0}, SIZE_MAX, NULL, error))
        return fail_full(error);
    const int sent = (int)calls.sent;
    if (weir_connection_pipeline_rows(connection_of(p), calls.calls + sent, (int)calls.count - sent,
                                      (int)own - sent, read_waits, p, &failed, error)) {
        note_held(p);
        return true;
    }
    return blame(p, &calls, (size_t)(failed + sent), own, error);
}

static bool roll_back(const parcel *p)
{
    weir_error ignored;
    return !weir_connection_in_transaction(connection_of(p)) ||
           weir_connection_execute(connection_of(p), "ROLLBACK", &ignored);
}

/* The schedule as PostgreSQL's array text. */
static void write_schedule(const weir_redrives *redrives, weir_buffer *text)
{
    for (size_t i = 0; i < redrives->count; i++)
        weir_buffer_format(text, "%s%d", i > 0 ? "," : "{", redrives->seconds[i]);
    weir_buffer_text(text, redrives->count > 0 ? "}" : "{}");
}

static progress refuse(parcel *p, const letter *l, weir_error *error)
{
    weir_error why = *error;
    weir_buffer schedule = WEIR_BUFFER(512);
    weir_utf8_clean(why.message);
    if (!roll_back(p) || error->fate == WEIR_FATE_RETRY)
        return FAILED;
    write_schedule(&p->lane->subscription->redrives, &schedule);
    const weir_param params[] = {
        WEIR_PARAM_TEXT(l->id),
        WEIR_PARAM_TEXT(why.sqlstate[0] ? why.sqlstate : weir_fate_name(why.fate)),
        WEIR_PARAM_TEXT(why.message), WEIR_PARAM_TEXT(schedule.data)};
    bool ok = record(p, "letter_failed", params, 4, error);
    weir_buffer_free(&schedule);
    if (!ok)
        return FAILED;
    WEIR_WARN("subscription", p->lane->subscription->name, "a dead letter is refused again",
              WEIR_TEXT("letter", l->id), WEIR_TEXT("aggregate_type", p->type),
              WEIR_TEXT("aggregate_id", p->id), WEIR_TEXT("cause", why.message));
    return REFUSED;
}

static progress try_letter(parcel *p, weir_error *error)
{
    letter l = {0};
    weir_event event;
    weir_buffer scratch = WEIR_BUFFER(p->lane->subscription->memory);
    weir_arena_reset(p->lane->arena);
    if (!begin(p, error))
        return FAILED;
    progress at = read_letter(p, &l, error);
    if (at == FAILED) {
        error->fate = WEIR_FATE_RETRY;
    } else if (at == EMPTY) {
        at = roll_back(p) ? EMPTY : FAILED;
    } else if (at == REFUSED || !read_event(p, &l, &scratch, &event, error) ||
               !apply_event(p, &l, &event, error)) {
        at = refuse(p, &l, error);
    } else if (!p->waits) {
        at = EMPTY; /* it was the last one: the aggregate is free from this commit on */
    }
    weir_buffer_free(&scratch);
    return at;
}

static void note_done(const parcel *p)
{
    if (!weir_parked_has(&p->lane->parked, p->type, p->id))
        return;
    weir_parked_remove(&p->lane->parked, p->type, p->id);
    WEIR_INFO("subscription", p->lane->subscription->name, "an aggregate is not parked any more",
              WEIR_TEXT("aggregate_type", p->type), WEIR_TEXT("aggregate_id", p->id));
}

/* Discards what is marked so, then tries the others. False: FAILED. */
static bool work_off(parcel *p, int64_t until_us, bool *finished, weir_error *error)
{
    if (!record(p, "letter_discard", p->params, 4, error))
        return false;
    progress at = p->waits ? APPLIED : EMPTY;
    while (at == APPLIED && weir_clock_monotonic_us() < until_us &&
           !atomic_load(&p->lane->subscription->lanes.abandon))
        at = try_letter(p, error);
    if (at == EMPTY)
        note_done(p);
    *finished = at != APPLIED;
    return at != FAILED;
}

/* Whether the aggregate in a row of letter_due is this lane's. */
static bool take_parcel(weir_lane *lane, const weir_result *due, int row, parcel *p)
{
    weir_subscription *s = lane->subscription;
    *p = (parcel){
        .lane = lane, .type = weir_result_value(due, row, 0), .id = weir_result_value(due, row, 1)};
    p->partition = weir_subscription_find(s, weir_result_value(due, row, 2),
                                          (int32_t)weir_result_integer(due, row, 3));
    if (!p->partition)
        return false;
    p->row = weir_partition_lane(p->partition, p->id);
    p->params[0] = WEIR_PARAM_TEXT(s->name);
    p->params[1] = weir_param_integer(s->generation, p->generation);
    p->params[2] = WEIR_PARAM_TEXT(p->type);
    p->params[3] = WEIR_PARAM_TEXT(p->id);
    return weir_subscription_lane(s, p->row) == lane;
}

bool weir_redrive(weir_lane *lane, weir_error *error)
{
    weir_subscription *s = lane->subscription;
    int64_t until_us = weir_clock_monotonic_us() + TURN_US;
    weir_result *due = weir_subscription_ask(s, lane->store, "letter_due", error);
    bool ok = due != NULL, finished = true;
    for (int i = 0; ok && finished && i < weir_result_rows(due); i++) {
        parcel p;
        if (take_parcel(lane, due, i, &p))
            ok = work_off(&p, until_us, &finished, error);
    }
    weir_result_free(due);
    lane->nudge_again = !finished;
    return ok;
}
