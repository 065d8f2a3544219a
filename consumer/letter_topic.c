/* From the table of dead letters to their topics.
 *
 * A round is one transaction: the subscription's lock, the next letters in the order of their ids,
 * all of them acknowledged by Kafka, published_at, COMMIT. What ends it before its COMMIT makes
 * letters come twice, never not at all. Only those in front of the first one that failed are
 * marked, so that whatever comes again comes in order. It holds no row while it waits for Kafka,
 * and asks nothing of Kafka as long as there is no letter. */
#include "consumer/letter_topic.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/letter_topic_int.h"
#include "store/store.h"

#define ROUND_MS 1000
#define ROUND_LETTERS 100
#define ROUND_BYTES "8388608"
#define SEND_US 10000000 /* sessions may idle in a transaction for 15 s */
#define MEMORY ((size_t)256 * 1024 * 1024)

static const weir_metric_info published_info = {
    "weir_subscription_dead_letters_published_total",
    "Dead letters that the dead letter topic has acknowledged.", WEIR_COUNTER, "subscription"};

/* The topic of one subscription. */
typedef struct topic {
    const char *subscription;
    char *name;
    weir_metric *published;
    bool prepared; /* the topic is there */
    bool waiting;  /* said in the log */
    weir_backoff backoff;
    int64_t again_us; /* not before */
} topic;

struct weir_letter_topics {
    const weir_config *config;
    weir_stop *stop;
    weir_stop ended; /* the subscriptions have */
    pthread_t thread;
    topic *topics;
    size_t count;
    weir_store *store;
    weir_poster *poster;
    weir_arena *arena;
};

/* The letters of a round; in the arena. */
typedef struct letters {
    weir_arena *arena;
    const char *subscription;
    weir_posting postings[ROUND_LETTERS];
    size_t count, acknowledged;
} letters;

static weir_connection *connection_of(const weir_letter_topics *all)
{
    return weir_store_connection(all->store);
}

static bool ask(weir_letter_topics *all, const char *statement, const topic *to, bool *answer,
                weir_error *error)
{
    const weir_param name = WEIR_PARAM_TEXT(to->subscription);
    weir_result *row = weir_connection_query(connection_of(all), statement, &name, 1, error);
    *answer = row && weir_result_bool(row, 0, 0);
    weir_result_free(row);
    return row != NULL;
}

static bool take_letter(void *context, const weir_result *row, weir_error *error)
{
    letters *some = context;
    if (some->count == ROUND_LETTERS)
        return true;
    return weir_posting_read(row, some->subscription, some->arena, &some->postings[some->count++],
                             error);
}

static bool read_letters(weir_letter_topics *all, const topic *to, letters *some, weir_error *error)
{
    char most[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(to->subscription),
                                 weir_param_integer(ROUND_LETTERS, most),
                                 WEIR_PARAM_TEXT(ROUND_BYTES)};
    weir_arena_reset(all->arena);
    *some = (letters){.arena = all->arena, .subscription = to->subscription};
    return weir_connection_stream(connection_of(all), "letter_topic_read", params, 3, take_letter,
                                  some, error);
}

/* Marks the letters in front of the first one that is not acknowledged, and commits. */
static bool mark_letters(weir_letter_topics *all, const topic *to, letters *some, weir_error *error)
{
    weir_array ids = {.bytes = WEIR_BUFFER(4096)};
    size_t count = 0;
    weir_array_begin(&ids, WEIR_PG_INT8);
    for (; count < some->count && some->postings[count].posted == WEIR_POSTED_YES; count++)
        weir_array_int64(&ids, some->postings[count].id);
    const weir_param param = weir_array_param(&ids);
    const weir_call call = {"letter_topic_mark", &param, 1};
    bool ok = weir_connection_pipeline(connection_of(all), &call, 1, NULL, error) &&
              weir_connection_execute(connection_of(all), "COMMIT", error);
    weir_array_free(&ids);
    if (ok) {
        some->acknowledged = count;
        weir_metric_add(to->published, (double)count);
    }
    return ok;
}

/* send_letters: false when the round is lost; *why then says so, and also when only its end is. */
static bool send_letters(weir_letter_topics *all, const topic *to, letters *some, weir_error *why)
{
    weir_error error = {0};
    if (!read_letters(all, to, some, why))
        return false;
    bool sent = weir_poster_send(all->poster, to->name, some->postings, some->count,
                                 weir_clock_monotonic_us() + SEND_US, why);
    if (WEIR_FAILPOINT(letters_before_commit))
        return weir_fail(why, WEIR_FATE_RETRY, "failpoint letters_before_commit");
    if (mark_letters(all, to, some, &error))
        return sent;
    *why = error;
    return false;
}

static void roll_back(const weir_letter_topics *all)
{
    weir_error ignored;
    if (weir_connection_in_transaction(connection_of(all)) &&
        !weir_connection_execute(connection_of(all), "ROLLBACK", &ignored))
        return; /* the connection is lost, and made anew */
}

static bool work_in_transaction(weir_letter_topics *all, const topic *to, letters *some,
                                weir_error *error)
{
    bool ours;
    some->count = some->acknowledged = 0;
    if (!weir_connection_execute(connection_of(all), "BEGIN", error))
        return false;
    bool ok = ask(all, "letter_topic_lock", to, &ours, error) &&
              (!ours || send_letters(all, to, some, error));
    roll_back(all);
    return ok;
}

static bool open_poster(weir_letter_topics *all, topic *to, weir_error *error)
{
    if (!all->poster)
        all->poster = weir_poster_open(all->config, all->stop, error);
    to->prepared =
        all->poster && (to->prepared || weir_poster_prepare(all->poster, to->name, error));
    return to->prepared;
}

static bool open_store(weir_letter_topics *all, weir_error *error)
{
    if (all->store && weir_store_alive(all->store))
        return true;
    weir_store_close(all->store);
    all->store = weir_store_open(all->config, "weir letters", all->stop, error);
    return all->store != NULL;
}

/* One round. *more: there may be further letters at once. */
static bool publish_some(weir_letter_topics *all, topic *to, bool *more, weir_error *error)
{
    letters some;
    bool due;
    *more = false;
    if (!open_store(all, error) || !ask(all, "letter_topic_due", to, &due, error))
        return false;
    if (!due)
        return true;
    if (!open_poster(all, to, error))
        return false;
    bool ok = work_in_transaction(all, to, &some, error);
    if (!ok) {
        weir_poster_close(all->poster);
        all->poster = NULL;
        to->prepared = false;
    }
    *more = ok && some.acknowledged > 0;
    return ok;
}

/* Says a change of state once. */
static void note(weir_letter_topics *all, topic *to, bool ok, const weir_error *error)
{
    if (ok) {
        if (to->waiting)
            WEIR_INFO("subscription", to->subscription, "dead letters are published again",
                      WEIR_TEXT("topic", to->name));
        to->waiting = false;
        weir_backoff_reset(&to->backoff);
        return;
    }
    if (weir_stop_requested(all->stop))
        return;
    if (!to->waiting)
        WEIR_WARN("subscription", to->subscription, "dead letters wait for their topic",
                  WEIR_TEXT("topic", to->name), WEIR_TEXT("why", error->message));
    to->waiting = true;
    to->again_us = weir_clock_monotonic_us() + (int64_t)weir_backoff_next(&to->backoff) * 1000;
}

static void publish(weir_letter_topics *all, bool last)
{
    for (size_t i = 0; i < all->count; i++) {
        topic *to = &all->topics[i];
        bool ok = true, more = last || weir_clock_monotonic_us() >= to->again_us;
        while (ok && more && !weir_stop_requested(all->stop)) {
            weir_error error = {0};
            ok = publish_some(all, to, &more, &error);
            note(all, to, ok, &error);
        }
    }
}

static void *run(void *context)
{
    weir_letter_topics *all = context;
    all->arena = weir_arena_new(MEMORY);
    do {
        publish(all, false);
    } while (!weir_stop_wait(&all->ended, ROUND_MS));
    publish(all, true);
    weir_poster_close(all->poster);
    weir_store_close(all->store);
    weir_arena_free(all->arena);
    return NULL;
}

static bool has_topic(const weir_config *config, const char *subscription)
{
    const char *chosen = weir_config_subscription_text(config, subscription, "dead_letter_topic");
    const char *source = weir_config_subscription_text(config, subscription, "source");
    return strcmp(chosen, "auto") == 0 ? strcmp(source, "kafka") == 0 : strcmp(chosen, "true") == 0;
}

static void add_topics(weir_letter_topics *all, const char *const *names, size_t count)
{
    all->topics = weir_calloc(count + 1, sizeof *all->topics);
    for (size_t i = 0; i < count; i++) {
        if (!has_topic(all->config, names[i]))
            continue;
        const char *prefix = weir_config_text(all->config, "kafka.topic_prefix");
        all->topics[all->count++] =
            (topic){.subscription = names[i],
                    .name = weir_format("%s.%s.dlt", prefix, names[i]),
                    .published = weir_metrics_series(&published_info, names[i]),
                    .backoff = {.initial_ms = 1000, .max_ms = 30000}};
    }
}

static void free_topics(weir_letter_topics *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->topics[i].name);
    free(all->topics);
    weir_stop_close(&all->ended);
    free(all);
}

weir_letter_topics *weir_letter_topics_start(const weir_config *config,
                                             const char *const *subscriptions, size_t count,
                                             weir_stop *stop, weir_error *error)
{
    weir_letter_topics *all = weir_calloc(1, sizeof *all);
    all->config = config;
    all->stop = stop;
    if (!weir_stop_open(&all->ended, error)) {
        free(all);
        return NULL;
    }
    add_topics(all, subscriptions, count);
    int code = all->count > 0 ? pthread_create(&all->thread, NULL, run, all) : 0;
    if (code == 0)
        return all;
    weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
    free_topics(all);
    return NULL;
}

void weir_letter_topics_end(weir_letter_topics *all)
{
    if (!all)
        return;
    weir_stop_request(&all->ended);
    if (all->count > 0)
        pthread_join(all->thread, NULL);
    free_topics(all);
}
