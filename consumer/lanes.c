/* Threads that apply, and the rounds on their way to them.
 *
 * One mutex guards everything that reader and lanes share: the queues, which round is free, who is
 * busy, who has failed. A lane works on its share without it. What a lane's connection, session and
 * parked aggregates are is changed by the reader, and only while the lane rests. It must never lose
 * a round: each is counted down by every lane, also by one that drops it. */
#include "consumer/lanes_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "consumer/subscription_int.h"

static void open_round(weir_subscription *s, weir_round *round)
{
    *round = (weir_round){.arena = weir_arena_new(s->memory), .scratch = WEIR_BUFFER(s->memory)};
    round->shares = weir_calloc(s->lanes.count, sizeof *round->shares);
}

static void close_round(weir_round *round, size_t lanes)
{
    for (size_t i = 0; i < lanes && round->shares; i++) {
        free(round->shares[i].events);
        free(round->shares[i].origins);
    }
    free(round->shares);
    free(round->reach);
    weir_buffer_free(&round->scratch);
    weir_arena_free(round->arena);
    *round = (weir_round){0};
}

static void empty_round(weir_round *round, size_t lanes)
{
    weir_arena_reset(round->arena);
    for (size_t i = 0; i < lanes; i++)
        round->shares[i].count = 0;
    round->reach_count = round->messages = round->bytes = round->largest = 0;
    weir_error_clear(&round->refusal);
}

/* Takes the next round off the queue; the lock is held. */
static weir_round *take_round(weir_lane *lane)
{
    if (lane->queued == 0)
        return NULL;
    weir_round *round = lane->queue[0];
    lane->queued--;
    memmove(lane->queue, lane->queue + 1, lane->queued * sizeof *lane->queue);
    return round;
}

static void note_failure(weir_lane *lane, const weir_error *error)
{
    lane->failed = true;
    lane->error = *error;
}

/* One thing to do; the lock is held before and after, not while it is done. */
static void work(weir_lane *lane)
{
    weir_lanes *lanes = &lane->subscription->lanes;
    weir_round *round = take_round(lane);
    bool drop = lane->failed || atomic_load(&lanes->abandon), nudged = lane->nudged;
    weir_error error = {0};
    if (!round)
        lane->nudged = false;
    lane->busy = true;
    pthread_mutex_unlock(&lanes->lock);
    bool ok =
        drop || (round ? weir_apply(lane, round, &error) : !nudged || weir_redrive(lane, &error));
    pthread_mutex_lock(&lanes->lock);
    lane->busy = false;
    if (!ok)
        note_failure(lane, &error);
    else if (!round && !drop)
        lane->nudged = lane->nudged || lane->nudge_again;
    if (round)
        round->pending--;
    pthread_cond_broadcast(&lanes->changed);
}

static void *run_lane(void *context)
{
    weir_lane *lane = context;
    weir_lanes *lanes = &lane->subscription->lanes;
    pthread_mutex_lock(&lanes->lock);
    while (!lanes->quit || lane->queued > 0) {
        if (lane->queued > 0 || lane->nudged)
            work(lane);
        else
            pthread_cond_wait(&lane->wake, &lanes->lock);
    }
    pthread_mutex_unlock(&lanes->lock);
    return NULL;
}

static void open_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool weir_lanes_start(weir_subscription *s, weir_error *error)
{
    weir_lanes *lanes = &s->lanes;
    lanes->quit = false;
    atomic_store(&lanes->abandon, true); /* until they are open */
    pthread_mutex_init(&lanes->lock, NULL);
    open_condition(&lanes->changed);
    lanes->all = weir_calloc(lanes->count, sizeof *lanes->all);
    for (size_t i = 0; i < WEIR_ROUNDS; i++)
        open_round(s, &lanes->rounds[i]);
    lanes->started = true;
    for (size_t i = 0; i < lanes->count; i++) {
        weir_lane *lane = &lanes->all[i];
        lane->subscription = s;
        lane->number = i;
        lane->arena = weir_arena_new(s->memory);
        open_condition(&lane->wake);
        int code = pthread_create(&lane->thread, NULL, run_lane, lane);
        if (code != 0) {
            pthread_cond_destroy(&lane->wake);
            weir_arena_free(lane->arena);
            lanes->count = i;
            return weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
        }
    }
    return true;
}

static void wake_all(weir_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        pthread_cond_signal(&lanes->all[i].wake);
}

void weir_lanes_end(weir_subscription *s)
{
    weir_lanes *lanes = &s->lanes;
    if (!lanes->started)
        return;
    pthread_mutex_lock(&lanes->lock);
    atomic_store(&lanes->abandon, true);
    lanes->quit = true;
    wake_all(lanes);
    pthread_mutex_unlock(&lanes->lock);
    for (size_t i = 0; i < lanes->count; i++)
        pthread_join(lanes->all[i].thread, NULL);
    weir_lanes_close(s, false);
    for (size_t i = 0; i < lanes->count; i++) {
        weir_parked_clear(&lanes->all[i].parked);
        weir_moves_free(&lanes->all[i].moves);
        weir_arena_free(lanes->all[i].arena);
        pthread_cond_destroy(&lanes->all[i].wake);
    }
    for (size_t i = 0; i < WEIR_ROUNDS; i++)
        close_round(&lanes->rounds[i], lanes->count);
    free(lanes->all);
    lanes->all = NULL;
    lanes->spare = NULL;
    pthread_cond_destroy(&lanes->changed);
    pthread_mutex_destroy(&lanes->lock);
    lanes->started = false;
}

static void close_lane(weir_subscription *s, weir_lane *lane)
{
    s->handler->close(lane->session);
    lane->session = NULL;
    weir_store_close(lane->store);
    lane->store = NULL;
}

void weir_lanes_close(weir_subscription *s, bool only_lost)
{
    for (size_t i = 0; i < s->lanes.count && s->lanes.all; i++)
        if (!only_lost || (s->lanes.all[i].store && !weir_store_alive(s->lanes.all[i].store)))
            close_lane(s, &s->lanes.all[i]);
}

/* What fills a generation need not wait for the disk: a crash takes effects and checkpoint
 * together, and the commit that switches readers over, a later one, flushes all that came before.
 */
static bool hurry(const weir_subscription *s, weir_connection *connection, weir_error *error)
{
    return !s->fixed_generation ||
           weir_connection_execute(connection, "SET synchronous_commit = off", error);
}

static bool connect_lane(weir_subscription *s, weir_lane *lane, weir_error *error)
{
    char application[96];
    if (lane->store)
        return true;
    snprintf(application, sizeof application, "weir %s/%zu%s", s->name, lane->number,
             s->fixed_generation ? " rebuild" : "");
    lane->store = weir_store_open(s->config, application, s->stop, error);
    if (!lane->store)
        return false;
    weir_connection *connection = weir_store_connection(lane->store);
    if (weir_apply_prepare(connection, error) && hurry(s, connection, error) &&
        (lane->session = s->handler->open(s->handler, connection, s->generation, error)) != NULL)
        return true;
    close_lane(s, lane);
    return false;
}

bool weir_lanes_open(weir_subscription *s, weir_error *error)
{
    for (size_t i = 0; i < s->lanes.count; i++) {
        weir_lane *lane = &s->lanes.all[i];
        if (!connect_lane(s, lane, error))
            return false;
    }
    if (!weir_parked_load(s, error))
        return false;
    pthread_mutex_lock(&s->lanes.lock);
    for (size_t i = 0; i < s->lanes.count; i++)
        s->lanes.all[i].failed = false;
    pthread_mutex_unlock(&s->lanes.lock);
    atomic_store(&s->lanes.abandon, false);
    return true;
}

/* Waits for a change, at most until the deadline (monotonic, µs; -1: none); the lock is held.
 * False: the time is over. */
static bool wait_change(weir_lanes *lanes, int64_t deadline_us)
{
    if (deadline_us < 0)
        return pthread_cond_wait(&lanes->changed, &lanes->lock) == 0;
    struct timespec until = {.tv_sec = deadline_us / 1000000,
                             .tv_nsec = deadline_us % 1000000 * 1000};
    return pthread_cond_timedwait(&lanes->changed, &lanes->lock, &until) != ETIMEDOUT;
}

static int64_t deadline(int ms)
{
    return ms < 0 ? -1 : weir_clock_monotonic_us() + (int64_t)ms * 1000;
}

static weir_round *find_free(weir_lanes *lanes)
{
    for (size_t i = 0; i < WEIR_ROUNDS; i++)
        if (lanes->rounds[i].pending == 0)
            return &lanes->rounds[i];
    return NULL;
}

static bool any_failed(const weir_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        if (lanes->all[i].failed)
            return true;
    return false;
}

weir_round *weir_lanes_round(weir_subscription *s, int ms)
{
    weir_lanes *lanes = &s->lanes;
    int64_t until = deadline(ms);
    if (!lanes->spare) {
        pthread_mutex_lock(&lanes->lock);
        while (!(lanes->spare = find_free(lanes)) && !any_failed(lanes) &&
               wait_change(lanes, until))
            continue;
        pthread_mutex_unlock(&lanes->lock);
    }
    if (lanes->spare)
        empty_round(lanes->spare, lanes->count);
    return lanes->spare;
}

void weir_lanes_hand_over(weir_subscription *s, weir_round *round)
{
    weir_lanes *lanes = &s->lanes;
    pthread_mutex_lock(&lanes->lock);
    round->pending = lanes->count;
    lanes->spare = NULL;
    for (size_t i = 0; i < lanes->count; i++)
        lanes->all[i].queue[lanes->all[i].queued++] = round;
    wake_all(lanes);
    pthread_mutex_unlock(&lanes->lock);
}

static bool all_rest(const weir_lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        if (lanes->all[i].busy || lanes->all[i].nudged || lanes->all[i].queued > 0)
            return false;
    return true;
}

bool weir_lanes_rest(weir_subscription *s)
{
    pthread_mutex_lock(&s->lanes.lock);
    bool rest = all_rest(&s->lanes);
    pthread_mutex_unlock(&s->lanes.lock);
    return rest;
}

bool weir_lanes_settle(weir_subscription *s, int ms)
{
    weir_lanes *lanes = &s->lanes;
    int64_t until = deadline(ms);
    pthread_mutex_lock(&lanes->lock);
    while (!all_rest(lanes) && wait_change(lanes, until))
        continue;
    bool rest = all_rest(lanes);
    pthread_mutex_unlock(&lanes->lock);
    return rest;
}

void weir_lanes_abandon(weir_subscription *s, int ms)
{
    weir_lanes *lanes = &s->lanes;
    atomic_store(&lanes->abandon, true);
    if (weir_lanes_settle(s, ms))
        return;
    WEIR_WARN("subscription", s->name,
              "cancelling transactions that take longer than a rebalance may",
              WEIR_NUMBER("ms", ms));
    do {
        for (size_t i = 0; i < lanes->count; i++)
            if (lanes->all[i].store)
                weir_connection_cancel(weir_store_connection(lanes->all[i].store));
    } while (!weir_lanes_settle(s, 1000));
}

bool weir_lanes_failed(weir_subscription *s, weir_error *error)
{
    weir_lanes *lanes = &s->lanes;
    const weir_lane *worst = NULL;
    pthread_mutex_lock(&lanes->lock);
    for (size_t i = 0; i < lanes->count; i++) {
        const weir_lane *lane = &lanes->all[i];
        if (lane->failed && (!worst || worst->error.fate == WEIR_FATE_RETRY))
            worst = lane;
    }
    if (worst)
        *error = worst->error;
    pthread_mutex_unlock(&lanes->lock);
    return worst != NULL;
}

void weir_lanes_nudge(weir_subscription *s)
{
    pthread_mutex_lock(&s->lanes.lock);
    for (size_t i = 0; i < s->lanes.count; i++)
        s->lanes.all[i].nudged = !atomic_load(&s->lanes.abandon);
    wake_all(&s->lanes);
    pthread_mutex_unlock(&s->lanes.lock);
}
