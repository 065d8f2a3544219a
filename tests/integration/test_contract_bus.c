/* The contract of a bus that follows a store: its order, no gap, no double, and on from where it
 * was. cmocka asserts in the test's own thread only; others count what went wrong. */
#include <stdatomic.h>

#include "store/bus.h"
#include "tests/integration/contract_fixture.h"

#define WRITERS 3
#define EACH 100

/* A subscriber that notes what it is called with. */
struct listener {
    contract *c;
    char heard[1000];
    int64_t position;
    int fail_at, stop_at;       /* its n-th call; 0: never */
    atomic_int count, faults;   /* calls; out of order */
    int64_t versions[WRITERS];  /* of the streams "0", "1", … */
    weir_store *uses, *appends; /* handles */
};

static bool append_to(weir_store *store, const char *id, weir_error *error)
{
    weir_new_event e = json_event("user.seen", "{}");
    weir_append append = {"user", id, WEIR_ANY_VERSION, &e, 1, 0};
    return weir_store_append(store, &append, 1, NULL, error);
}

static bool hear(void *context, const weir_event *event, weir_error *error)
{
    struct listener *l = context;
    l->faults += event->position <= l->position;
    if (event->aggregate_id[0] >= '0' && event->aggregate_id[0] < '0' + WRITERS)
        l->faults += event->version != ++l->versions[event->aggregate_id[0] - '0'];
    if (strlen(l->heard) + 40 < sizeof l->heard)
        snprintf(l->heard + strlen(l->heard), 40, "%s%.20s@%d", l->heard[0] ? " " : "",
                 event->aggregate_id, (int)event->version);
    if (l->uses && !append_to(l->uses, "mine", error))
        return false;
    if (l->appends && strcmp(event->type, "user.seen") != 0 &&
        !append_to(l->appends, "seen", error))
        return false;
    if (atomic_fetch_add(&l->count, 1) + 1 == l->fail_at)
        return weir_fail(error, WEIR_FATE_POISON, "cannot take it");
    l->position = event->position;
    if (l->count == l->stop_at || strcmp(event->aggregate_id, "end") == 0)
        weir_stop_request(&l->c->stop);
    return true;
}

static weir_bus *bus_of(struct listener *l, const char *pattern)
{
    weir_error error;
    weir_bus *bus = weir_bus_new();
    assert_true(weir_bus_subscribe(bus, pattern, hear, l, &error) > 0);
    return bus;
}

static void once_hands_out_what_there_is_and_the_next_time_what_came_since(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    struct listener all = {.c = c}, paid = {.c = c};
    weir_bus *bus = bus_of(&all, "*");
    assert_true(weir_bus_subscribe(bus, "order.paid", hear, &paid, &error) > 0);
    weir_read what = {0};
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error)); /* an empty store */
    assert_int_equal(what.after, 0);
    given(c, "order", "o1", json_event("order.submitted", "{}"));
    given(c, "user", "u1", json_event("user.created", "{}"));
    given(c, "order", "o1", json_event("order.paid", "{}"));
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(all.heard, "o1@1 u1@1 o1@2");
    assert_string_equal(paid.heard, "o1@2");
    assert_int_equal(what.after, all.position);
    given(c, "user", "u1", json_event("user.left", "{}"));
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(all.heard, "o1@1 u1@1 o1@2 u1@2");
    struct listener later = {.c = c};
    weir_bus *users = bus_of(&later, "*");
    what = (weir_read){.aggregate_type = "user", .limit = 1}; /* selected, and no more than that */
    assert_true(weir_bus_follow(users, c->store, &what, true, &error));
    assert_string_equal(later.heard, "u1@1");
    what.limit = 0;
    assert_true(weir_bus_follow(users, c->store, &what, true, &error));
    assert_string_equal(later.heard, "u1@1 u1@2");
    weir_bus_free(users);
    weir_bus_free(bus);
}

static void after_a_failure_it_goes_on_with_that_event_for_those_that_lack_it(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    struct listener sound = {.c = c}, sick = {.c = c, .fail_at = 2};
    weir_bus *bus = bus_of(&sick, "*");
    assert_true(weir_bus_subscribe(bus, "*", hear, &sound, &error) > 0);
    for (int i = 0; i < 3; i++)
        given(c, "user", "u1", json_event("t", "{}"));
    weir_read what = {0};
    assert_false(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(error.message, "subscriber 1 (*) of t u1: cannot take it");
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    assert_string_equal(sound.heard, "u1@1 u1@2");
    assert_int_equal(what.after, sick.position); /* that of the first */
    assert_true(weir_store_alive(c->store));
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(sick.heard, "u1@1 u1@2 u1@2 u1@3");
    assert_string_equal(sound.heard, "u1@1 u1@2 u1@3");
    assert_int_equal(what.after, sound.position);
    weir_bus_free(bus);
}

static void a_stop_ends_it_in_the_midst_of_a_backlog(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    struct listener l = {.c = c, .stop_at = 2};
    weir_bus *bus = bus_of(&l, "*");
    for (int i = 0; i < 5; i++)
        given(c, "user", "u1", json_event("t", "{}"));
    weir_read what = {0};
    assert_true(weir_bus_follow(bus, c->store, &what, false, &error));
    assert_int_equal(error.fate, WEIR_FATE_NONE);
    assert_string_equal(l.heard, "u1@1 u1@2");
    assert_int_equal(what.after, l.position);
    weir_bus_free(bus);
}

static void a_subscriber_appends_with_a_handle_of_its_own(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    struct listener l = {.c = c, .uses = c->store};
    weir_bus *bus = bus_of(&l, "*");
    given(c, "user", "u1", json_event("user.created", "{}"));
    weir_read what = {0};
    assert_false(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_int_equal(error.fate, WEIR_FATE_FATAL);
    assert_non_null(strstr(error.message, "must not use the store handle"));
    assert_int_equal(what.after, 0);
    l = (struct listener){.c = c, .appends = contract_open(c)};
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(l.heard, "u1@1"); /* what it said comes in its turn */
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(l.heard, "u1@1 seen@1");
    weir_store_close(l.appends);
    weir_bus_free(bus);
}

struct writer {
    contract *c;
    int number, faults;
    atomic_int *left; /* writers that are not done */
};

static void *write_events(void *context)
{
    struct writer *w = context;
    weir_error error;
    weir_store *store = contract_open(w->c);
    char id[2] = {(char)('0' + w->number), '\0'};
    for (int i = 0; i < EACH; i++)
        w->faults += !append_to(store, id, &error);
    if (atomic_fetch_sub(w->left, 1) == 1)
        w->faults += !append_to(store, "end", &error);
    weir_store_close(store);
    return NULL;
}

static void while_others_write_nothing_is_skipped_or_comes_twice(void **state)
{
    contract *c = *state;
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    weir_error error = {0};
    atomic_int left = WRITERS;
    struct listener l = {.c = c};
    weir_bus *bus = bus_of(&l, "user.*");
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){c, i, 0, &left};
        pthread_create(&threads[i], NULL, write_events, &writers[i]);
    }
    weir_read what = {0};
    assert_true(weir_bus_follow(bus, c->store, &what, false, &error));
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].faults, 0);
        assert_int_equal(l.versions[i], EACH);
    }
    assert_int_equal(l.faults, 0);
    assert_int_equal(l.count, WRITERS * EACH + 1);
    assert_int_equal(what.after, l.position);
    weir_bus_free(bus);
}

/* An append whose transaction takes its time has a position before that of the one that is done. */
static void a_slow_transaction_is_waited_for(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    struct listener l = {.c = c};
    weir_bus *bus = bus_of(&l, "*");
    weir_store *slow = contract_open(c);
    weir_read what = {0};
    assert_ok(weir_connection_execute(weir_store_connection(slow), "BEGIN", &error));
    assert_ok(append_to(slow, "slow", &error));
    given(c, "user", "quick", json_event("t", "{}"));
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(l.heard, "");
    assert_ok(weir_connection_execute(weir_store_connection(slow), "COMMIT", &error));
    assert_true(weir_bus_follow(bus, c->store, &what, true, &error));
    assert_string_equal(l.heard, "slow@1 quick@1");
    weir_store_close(slow);
    weir_bus_free(bus);
}

static void what_cannot_be_followed_is_refused(void **state)
{
    contract *c = *state;
    weir_error error;
    struct listener l = {.c = c};
    weir_bus *bus = bus_of(&l, "*");
    weir_read stream = {.aggregate_type = "user", .aggregate_id = "u1"};
    assert_false(weir_bus_follow(bus, c->store, &stream, true, &error));
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    weir_bus_free(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(once_hands_out_what_there_is_and_the_next_time_what_came_since),
        CONTRACT(after_a_failure_it_goes_on_with_that_event_for_those_that_lack_it),
        CONTRACT(a_stop_ends_it_in_the_midst_of_a_backlog),
        CONTRACT(a_subscriber_appends_with_a_handle_of_its_own),
        CONTRACT(while_others_write_nothing_is_skipped_or_comes_twice),
        CONTRACT(what_cannot_be_followed_is_refused),
        cmocka_unit_test_setup_teardown(a_slow_transaction_is_waited_for, contract_postgres,
                                        contract_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
