/* Who is called by the bus, in which order, and what becomes of an event that one did not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/bus.h"

typedef struct world world;

/* A subscriber that notes "a:order.paid" and does what it is told to. */
typedef struct listener {
    world *world;
    char name;
    weir_subscriber number;
    int failures;           /* so often it fails */
    weir_fate fate;         /* of its failures */
    weir_subscriber ends;   /* it unsubscribes that one */
    struct listener *joins; /* it subscribes that one */
    const weir_event *says; /* it publishes that, which is refused */
} listener;

struct world {
    weir_bus *bus;
    char heard[1000];
    listener a, b, c;
    weir_error error;
};

static bool hear(void *context, const weir_event *event, weir_error *error);

static void join(listener *l, const char *pattern)
{
    l->number = weir_bus_subscribe(l->world->bus, pattern, hear, l, &l->world->error);
    assert_true(l->number > 0);
}

static bool hear(void *context, const weir_event *event, weir_error *error)
{
    listener *l = context;
    world *w = l->world;
    snprintf(w->heard + strlen(w->heard), sizeof w->heard - strlen(w->heard), "%s%c:%s",
             w->heard[0] ? " " : "", l->name, event->type);
    if (l->ends)
        weir_bus_unsubscribe(w->bus, l->ends);
    if (l->joins)
        join(l->joins, "*");
    if (l->says && !weir_bus_publish(w->bus, l->says, error))
        return false;
    if (l->failures == 0)
        return true;
    l->failures--;
    return l->fate != WEIR_FATE_NONE && weir_fail(error, l->fate, "%c is not well", l->name);
}

static int begin(void **state)
{
    static world w;
    w = (world){.bus = weir_bus_new()};
    w.a = (listener){.world = &w, .name = 'a', .fate = WEIR_FATE_RETRY};
    w.b = (listener){.world = &w, .name = 'b', .fate = WEIR_FATE_POISON};
    w.c = (listener){.world = &w, .name = 'c', .fate = WEIR_FATE_RETRY};
    *state = &w;
    return 0;
}

static int end(void **state)
{
    weir_bus_free(((world *)*state)->bus);
    return 0;
}

static weir_event event_of(const char *type)
{
    return (weir_event){.type = type, .aggregate_id = "o-1", .id = weir_uuid_new()};
}

static bool publish(world *w, const weir_event *event)
{
    w->heard[0] = '\0';
    weir_error_clear(&w->error);
    return weir_bus_publish(w->bus, event, &w->error);
}

static void says(world *w, const char *type, const char *heard)
{
    const weir_event event = event_of(type);
    assert_true(publish(w, &event));
    assert_string_equal(w->heard, heard);
}

static void each_gets_what_it_subscribed_to_in_its_turn(void **state)
{
    world *w = *state;
    says(w, "order.paid", "");
    join(&w->a, "order.*");
    join(&w->b, "order.paid");
    join(&w->c, "*");
    says(w, "order.paid", "a:order.paid b:order.paid c:order.paid");
    says(w, "order.submitted", "a:order.submitted c:order.submitted");
    says(w, "user.created", "c:user.created");
    join(&w->a, "*"); /* twice */
    says(w, "order.paid", "a:order.paid b:order.paid c:order.paid a:order.paid");
    assert_int_equal(weir_bus_subscribe(w->bus, "*.paid", hear, &w->a, &w->error), 0);
    assert_int_equal(w->error.fate, WEIR_FATE_CONFIG);
}

static void who_unsubscribes_is_called_no_more(void **state)
{
    world *w = *state;
    join(&w->a, "*");
    join(&w->b, "*");
    assert_true(weir_bus_unsubscribe(w->bus, w->a.number));
    assert_false(weir_bus_unsubscribe(w->bus, w->a.number));
    assert_false(weir_bus_unsubscribe(w->bus, 0));
    says(w, "x", "b:x");
    weir_subscriber before = w->a.number;
    join(&w->a, "*");
    assert_true(w->a.number > before);
    says(w, "x", "b:x a:x");
}

static void it_may_unsubscribe_itself_and_others_while_it_is_called(void **state)
{
    world *w = *state;
    join(&w->a, "*");
    join(&w->b, "*");
    join(&w->c, "*");
    w->b.ends = w->b.number; /* itself */
    says(w, "1", "a:1 b:1 c:1");
    says(w, "2", "a:2 c:2");
    w->a.ends = w->c.number; /* who is still to be called */
    says(w, "3", "a:3");
    says(w, "4", "a:4");
    w->b.ends = 0;
    join(&w->b, "*");
    w->b.ends = w->a.number; /* who was called already */
    w->a.ends = 0;
    says(w, "5", "a:5 b:5");
    says(w, "6", "b:6");
}

static void who_joins_meanwhile_begins_with_the_next_event(void **state)
{
    world *w = *state;
    join(&w->a, "*");
    w->a.joins = &w->b;
    w->a.failures = 1;
    const weir_event event = event_of("1");
    assert_false(publish(w, &event));
    assert_string_equal(w->heard, "a:1");
    w->a.joins = NULL;
    assert_true(publish(w, &event)); /* the same one once more */
    assert_string_equal(w->heard, "a:1");
    says(w, "2", "a:2 b:2");
    for (int i = 0; i < 100; i++) /* the list moves while it is walked */
        join(&w->c, "no");
    w->b.joins = &w->c;
    says(w, "3", "a:3 b:3");
    w->b.joins = NULL;
    says(w, "4", "a:4 b:4 c:4");
}

static void one_that_fails_keeps_it_from_no_other_and_gets_it_again(void **state)
{
    world *w = *state;
    weir_subscriber failed[2] = {0};
    const weir_event event = event_of("order.paid");
    join(&w->a, "*");
    join(&w->b, "order.*");
    join(&w->c, "*");
    w->b.failures = 2;
    assert_false(publish(w, &event));
    assert_string_equal(w->heard, "a:order.paid b:order.paid c:order.paid");
    assert_string_equal(w->error.message,
                        "subscriber 2 (order.*) of order.paid o-1: b is not well");
    assert_int_equal(w->error.fate, WEIR_FATE_POISON);
    assert_int_equal(weir_bus_failed(w->bus, failed, 2), 1);
    assert_int_equal(failed[0], w->b.number);
    assert_false(publish(w, &event)); /* to the one that has not taken it */
    assert_string_equal(w->heard, "b:order.paid");
    assert_true(publish(w, &event));
    assert_string_equal(w->heard, "b:order.paid");
    assert_int_equal(weir_bus_failed(w->bus, failed, 2), 0);
    assert_true(publish(w, &event)); /* on purpose: nothing was in hand */
    assert_string_equal(w->heard, "a:order.paid b:order.paid c:order.paid");
}

static void another_event_is_for_all(void **state)
{
    world *w = *state;
    const weir_event one = event_of("1"), two = event_of("2");
    join(&w->a, "*");
    join(&w->b, "*");
    w->b.failures = 1;
    assert_false(publish(w, &one));
    assert_true(publish(w, &two));
    assert_string_equal(w->heard, "a:2 b:2");
    assert_true(publish(w, &one)); /* no longer in hand */
    assert_string_equal(w->heard, "a:1 b:1");
}

static void several_failures_are_counted_and_the_first_is_said(void **state)
{
    world *w = *state;
    weir_subscriber failed[1];
    const weir_event event = event_of("x");
    join(&w->a, "*");
    join(&w->b, "*");
    w->a.failures = w->b.failures = 1;
    assert_false(publish(w, &event));
    assert_string_equal(w->error.message, "2 subscribers failed, the first is: subscriber 1 (*) of "
                                          "x o-1: a is not well");
    assert_int_equal(w->error.fate, WEIR_FATE_RETRY);
    assert_int_equal(weir_bus_failed(w->bus, failed, 1), 2);
    assert_int_equal(failed[0], w->a.number);
    assert_true(weir_bus_unsubscribe(w->bus, w->a.number)); /* a way out */
    assert_true(publish(w, &event));
    assert_string_equal(w->heard, "b:x");
    w->b.failures = 1;
    w->b.fate = WEIR_FATE_NONE;
    assert_false(publish(w, &event));
    assert_string_equal(w->error.message,
                        "subscriber 2 (*) of x o-1: it failed and gave no reason");
    assert_int_equal(w->error.fate, WEIR_FATE_FATAL);
}

static void a_subscriber_must_not_publish(void **state)
{
    world *w = *state;
    const weir_event event = event_of("x"), inner = event_of("y");
    join(&w->a, "*");
    join(&w->b, "*");
    w->a.says = &inner;
    assert_false(publish(w, &event));
    assert_int_equal(w->error.fate, WEIR_FATE_FATAL);
    assert_non_null(strstr(w->error.message, "must not publish"));
    assert_string_equal(w->heard, "a:x b:x");
    w->a.says = NULL;
    assert_true(publish(w, &event));
    assert_string_equal(w->heard, "a:x");
}

static void several_go_in_order_and_no_further_than_all_have_taken(void **state)
{
    world *w = *state;
    size_t published;
    const weir_event events[] = {event_of("1"), event_of("2"), event_of("3")};
    join(&w->a, "*");
    join(&w->b, "2");
    w->b.failures = 1;
    assert_false(weir_bus_publish_all(w->bus, events, 3, &published, &w->error));
    assert_int_equal(published, 1);
    assert_string_equal(w->heard, "a:1 a:2 b:2");
    assert_true(weir_bus_publish_all(w->bus, events + published, 2, &published, &w->error));
    assert_int_equal(published, 2);
    assert_string_equal(w->heard, "a:1 a:2 b:2 b:2 a:3");
    assert_true(weir_bus_publish_all(w->bus, events, 0, NULL, &w->error));
}

#define BUS_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(each_gets_what_it_subscribed_to_in_its_turn),
        BUS_TEST(who_unsubscribes_is_called_no_more),
        BUS_TEST(it_may_unsubscribe_itself_and_others_while_it_is_called),
        BUS_TEST(who_joins_meanwhile_begins_with_the_next_event),
        BUS_TEST(one_that_fails_keeps_it_from_no_other_and_gets_it_again),
        BUS_TEST(another_event_is_for_all),
        BUS_TEST(several_failures_are_counted_and_the_first_is_said),
        BUS_TEST(a_subscriber_must_not_publish),
        BUS_TEST(several_go_in_order_and_no_further_than_all_have_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
