/* The contract of following and of many threads: no gap, no double, one winner per version. cmocka
 * asserts in the test's own thread only; others count what went wrong. */
#include <stdatomic.h>

#include "tests/integration/contract_fixture.h"

#define THREADS 8
#define LIVE_EVENTS 400

/* What a follower saw, and what it is to do. */
struct follower {
    contract *c;
    weir_store *store;
    weir_read what;
    weir_error error;
    bool ok;
    int64_t last_version, last_position;
    atomic_int count, faults, caught_up;
    int fail_at; /* 0: never */
};

static bool on_event(void *context, const weir_event *event, weir_error *error)
{
    struct follower *f = context;
    f->faults += event->version != f->last_version + 1 || event->position <= f->last_position;
    f->last_version = event->version;
    f->last_position = event->position;
    if (f->fail_at && f->count + 1 == f->fail_at)
        return weir_fail(error, WEIR_FATE_POISON, "cannot take it");
    f->count++;
    return true;
}

static bool on_caught_up(void *context, weir_error *error)
{
    (void)error;
    struct follower *f = context;
    f->caught_up++;
    return true;
}

static void *follow(void *context)
{
    struct follower *f = context;
    f->ok = weir_store_follow(f->store, &f->what, on_event, on_caught_up, f, &f->error);
    return NULL;
}

static void *append_many(void *context)
{
    struct follower *f = context;
    weir_store *store = contract_open(f->c);
    weir_new_event e = json_event("t", "{}");
    weir_error error;
    for (int i = 0; i < LIVE_EVENTS; i++) {
        weir_append append = {"user", "hot", WEIR_ANY_VERSION, &e, 1, 0};
        f->faults += !weir_store_append(store, &append, 1, NULL, &error);
    }
    weir_store_close(store);
    return NULL;
}

/* Waits for a number to be reached; a test that waits in vain says so after 20 s. */
static void await(const atomic_int *number, int value)
{
    for (int i = 0; i < 20000 && *number < value; i++)
        usleep(1000);
    assert_true(*number >= value);
}

static void stop_within_a_second(contract *c, pthread_t thread)
{
    int64_t before = weir_clock_monotonic_us();
    weir_stop_request(&c->stop);
    pthread_join(thread, NULL);
    assert_true(weir_clock_monotonic_us() - before < 1000000);
}

static void following_has_no_gap_and_no_double_at_the_switch(void **state)
{
    contract *c = *state;
    pthread_t follower, appender;
    struct follower f = {.c = c, .store = contract_open(c)};
    for (int i = 0; i < 300; i++)
        given(c, "user", "hot", json_event("t", "{}"));
    pthread_create(&appender, NULL, append_many, &f);
    pthread_create(&follower, NULL, follow, &f);
    pthread_join(appender, NULL);
    await(&f.count, 300 + LIVE_EVENTS);
    given(c, "user", "hot", json_event("t", "{}")); /* and a late one, after a rest */
    await(&f.count, 301 + LIVE_EVENTS);
    stop_within_a_second(c, follower);
    assert_true(f.ok);
    assert_int_equal(f.faults, 0);
    assert_int_equal(f.count, 301 + LIVE_EVENTS);
    assert_true(f.caught_up > 0);
    assert_int_equal(f.what.after, f.last_position);
    weir_store_close(f.store);
}

static void a_follower_sees_what_is_new_at_once(void **state)
{
    contract *c = *state;
    pthread_t thread;
    struct follower f = {.c = c, .store = contract_open(c)};
    pthread_create(&thread, NULL, follow, &f);
    await(&f.caught_up, 12); /* resting by now */
    for (int i = 1; i <= 3; i++) {
        int64_t before = weir_clock_monotonic_us();
        given(c, "user", "u1", json_event("t", "{}"));
        await(&f.count, i);
        assert_true(weir_clock_monotonic_us() - before < 1000000);
    }
    stop_within_a_second(c, thread);
    assert_true(f.ok);
    weir_store_close(f.store);
}

static void following_one_selector_passes_by_the_rest(void **state)
{
    contract *c = *state;
    pthread_t thread;
    struct follower f = {.c = c, .store = contract_open(c), .what = {.aggregate_type = "user"}};
    given(c, "order", "o1", json_event("t", "{}"));
    given(c, "user", "u1", json_event("t", "{}"));
    pthread_create(&thread, NULL, follow, &f);
    await(&f.count, 1);
    given(c, "order", "o1", json_event("t", "{}"));
    given(c, "user", "u1", json_event("t", "{}"));
    await(&f.count, 2);
    stop_within_a_second(c, thread);
    assert_int_equal(f.faults, 0);
    weir_store_close(f.store);
}

static void a_limit_ends_it(void **state)
{
    contract *c = *state;
    struct follower f = {.c = c, .store = c->store, .what = {.limit = 2}};
    for (int i = 0; i < 3; i++)
        given(c, "user", "u1", json_event("t", "{}"));
    follow(&f);
    assert_true(f.ok);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.what.limit, 0);
    assert_int_equal(f.caught_up, 0);
    f.what.limit = 1; /* on from there */
    follow(&f);
    assert_int_equal(f.count, 3);
    assert_int_equal(f.faults, 0);
}

static void an_error_of_the_receiver_ends_it_and_it_can_go_on(void **state)
{
    contract *c = *state;
    struct follower f = {.c = c, .store = c->store, .what = {.limit = 3}, .fail_at = 2};
    for (int i = 0; i < 3; i++)
        given(c, "user", "u1", json_event("t", "{}"));
    follow(&f);
    assert_false(f.ok);
    assert_string_equal(f.error.message, "cannot take it");
    assert_int_equal(f.count, 1);
    assert_int_equal(f.what.limit, 2);
    f.fail_at = 0;
    f.last_version = 1; /* the one that it could not take comes again */
    f.last_position = f.what.after;
    follow(&f);
    assert_true(f.ok);
    assert_int_equal(f.count, 3);
    assert_int_equal(f.faults, 0);
    assert_int_equal(version_of(c, "user", "u1"), 3);
}

static void what_cannot_be_followed_is_refused(void **state)
{
    contract *c = *state;
    struct follower stream = {.store = c->store,
                              .what = {.aggregate_type = "user", .aggregate_id = "u1"}};
    struct follower back = {.store = c->store, .what = {.backwards = true}};
    struct follower both = {.store = c->store, .what = {.event_type = "t", .user_id = "u"}};
    struct follower *refused[] = {&stream, &back, &both};
    for (size_t i = 0; i < 3; i++) {
        follow(refused[i]);
        assert_false(refused[i]->ok);
        assert_int_equal(refused[i]->error.fate, WEIR_FATE_CONFIG);
    }
    weir_stop_request(&c->stop);
    struct follower stopped = {.store = c->store};
    follow(&stopped);
    assert_true(stopped.ok);
}

/* One of many writers on few streams, each always expecting the version that it knows. */
struct writer {
    contract *c;
    pthread_barrier_t *start;
    int64_t versions; /* how far each stream is to go */
    int number;
    int wins[4]; /* by stream */
    int faults;
};

#define STREAMS 4

static void *write_hot(void *context)
{
    struct writer *w = context;
    weir_store *store = contract_open(w->c);
    weir_new_event e = json_event("t", "{}");
    weir_error error;
    pthread_barrier_wait(w->start);
    for (int n = 0; n < STREAMS; n++) {
        int stream = (n + w->number) % STREAMS;
        char id[16];
        snprintf(id, sizeof id, "hot%d", stream);
        for (int64_t known = 0; known < w->versions;) {
            weir_append append = {"user", id, known, &e, 1, 0};
            if (weir_store_append(store, &append, 1, NULL, &error)) {
                w->wins[stream]++;
                w->faults += append.version != known + 1;
            } else {
                w->faults += error.fate != WEIR_FATE_CONFLICT;
            }
            w->faults += !weir_store_stream_version(store, "user", id, &known, &error);
        }
    }
    weir_store_close(store);
    return NULL;
}

static void one_winner_per_version(void **state)
{
    contract *c = *state;
    pthread_t threads[THREADS];
    struct writer writers[THREADS] = {0};
    int64_t versions = c->memory ? 2000 : 25; /* enough for them to meet */
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.c = c, .start = &start, .versions = versions, .number = i};
        pthread_create(&threads[i], NULL, write_hot, &writers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int stream = 0; stream < STREAMS; stream++) {
        char id[16];
        int wins = 0;
        snprintf(id, sizeof id, "hot%d", stream);
        for (int i = 0; i < THREADS; i++)
            wins += writers[i].wins[stream];
        int64_t version = version_of(c, "user", id);
        assert_int_equal(wins, version); /* every win is a version, every version a win */
        assert_true(version >= versions && version < versions + THREADS);
        weir_error error;
        struct follower f = {0};
        weir_read what = {.aggregate_type = "user", .aggregate_id = id};
        assert_ok(weir_store_read(c->store, &what, on_event, &f, &error));
        assert_int_equal(f.faults, 0); /* 1, 2, 3 … in rising position */
        assert_int_equal(f.count, version);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(writers[i].faults, 0);
    pthread_barrier_destroy(&start);
}

struct pair {
    contract *c;
    bool turned;
    int faults;
};

static void *append_pairs(void *context)
{
    struct pair *pair = context;
    weir_store *store = contract_open(pair->c);
    weir_new_event e = json_event("t", "{}");
    weir_error error;
    for (int i = 0; i < 50; i++) {
        weir_append both[] = {{"user", pair->turned ? "b" : "a", WEIR_ANY_VERSION, &e, 1, 0},
                              {"user", pair->turned ? "a" : "b", WEIR_ANY_VERSION, &e, 1, 0}};
        pair->faults += !weir_store_append(store, both, 2, NULL, &error);
        pair->faults += both[0].version != both[1].version;
    }
    weir_store_close(store);
    return NULL;
}

static void opposite_orders_never_deadlock(void **state)
{
    contract *c = *state;
    pthread_t threads[2];
    struct pair pairs[2] = {{c, false, 0}, {c, true, 0}};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, append_pairs, &pairs[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(pairs[0].faults + pairs[1].faults, 0);
    assert_int_equal(version_of(c, "user", "a"), 100);
    assert_int_equal(version_of(c, "user", "b"), 100);
}

/* A receiver that takes its time must not hold up writers, nor see its event change. */
static bool slowly(void *context, const weir_event *event, weir_error *error)
{
    contract *c = context;
    char before[64];
    snprintf(before, sizeof before, "%s %s %s", event->type, event->data, event->aggregate_id);
    weir_store *other = contract_open(c);
    weir_new_event e = json_event("other", "{\"grow\": true}");
    weir_append append = {"user", "u1", WEIR_ANY_VERSION, &e, 1, 0};
    for (int i = 0; i < 40; i++)
        if (!weir_store_append(other, &append, 1, NULL, error))
            return false;
    weir_store_close(other);
    char after[64];
    snprintf(after, sizeof after, "%s %s %s", event->type, event->data, event->aggregate_id);
    return strcmp(before, after) == 0 ||
           weir_fail(error, WEIR_FATE_FATAL, "%s became %s", before, after);
}

static void a_slow_receiver_holds_up_nobody(void **state)
{
    contract *c = *state;
    weir_error error;
    given(c, "user", "u1", json_event("t", "{\"first\": 1}"));
    given(c, "user", "u1", json_event("t", "{\"second\": 2}"));
    weir_read what = {0};
    assert_ok(weir_store_read(c->store, &what, slowly, c, &error));
    assert_int_equal(version_of(c, "user", "u1"), 82); /* what came meanwhile was not read */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(following_has_no_gap_and_no_double_at_the_switch),
        CONTRACT(a_follower_sees_what_is_new_at_once),
        CONTRACT(following_one_selector_passes_by_the_rest),
        CONTRACT(a_limit_ends_it),
        CONTRACT(an_error_of_the_receiver_ends_it_and_it_can_go_on),
        CONTRACT(what_cannot_be_followed_is_refused),
        CONTRACT(one_winner_per_version),
        CONTRACT(opposite_orders_never_deadlock),
        CONTRACT(a_slow_receiver_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
