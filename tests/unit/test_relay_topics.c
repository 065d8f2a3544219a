/* The table of topics: names that Kafka takes, one aggregate type a topic, partitions found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "producer/topics_int.h"

static void assert_name(const char *format, const char *prefix, const char *type,
                        const char *expected)
{
    char name[WEIR_TOPIC_NAME];
    weir_error error = {0};
    if (expected) {
        assert_true(weir_relay_topic_name(format, prefix, type, name, &error));
        assert_string_equal(name, expected);
        return;
    }
    assert_false(weir_relay_topic_name(format, prefix, type, name, &error));
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_non_null(strstr(error.message, type));
}

static void test_names(void **state)
{
    (void)state;
    assert_name("{prefix}.{aggregate_type}", "weir", "user", "weir.user");
    assert_name("{aggregate_type}-{prefix}-x", "a.b", "bank_account", "bank_account-a.b-x");
    assert_name("{aggregate_type}", "weir", ".", NULL);
    assert_name("{aggregate_type}", "weir", "..", NULL);
    assert_name("{aggregate_type}", "weir", "...", "...");
    assert_name("{prefix}/{aggregate_type}", "weir", "user", NULL);
    assert_name("{other}{aggregate_type}", "weir", "user", NULL);
}

static void test_the_longest_name(void **state)
{
    (void)state;
    char prefix[251] = {0}, expected[WEIR_TOPIC_NAME] = {0};
    memset(prefix, 'p', 244);
    memset(expected, 'p', 244);
    strcat(expected, ".user");
    assert_name("{prefix}.{aggregate_type}", prefix, "user", expected);
    prefix[244] = 'p';
    assert_name("{prefix}.{aggregate_type}", prefix, "user", NULL);
}

static void test_partitions_belong_to_their_topic(void **state)
{
    (void)state;
    weir_error error;
    weir_relay_topics topics = {0};
    const weir_relay_topic *user = weir_relay_topics_add(&topics, "user", "t.user", 3, &error);
    topics.parts[2].tail = 9;
    const weir_relay_topic *order = weir_relay_topics_add(&topics, "order", "t.order", 2, &error);
    assert_int_equal(topics.part_count, 5);
    assert_int_equal(topics.parts[2].tail, 9);
    assert_int_equal(order->first, 3);
    assert_string_equal(order->source, "/weir/order");
    assert_ptr_equal(weir_relay_topics_of(&topics, 2), user);
    assert_ptr_equal(weir_relay_topics_of(&topics, 3), order);
    assert_ptr_equal(weir_relay_topics_find(&topics, "user"), user);
    assert_ptr_equal(weir_relay_topics_find(&topics, "order"), order);
    assert_null(weir_relay_topics_find(&topics, "nobody"));
    assert_ptr_equal(weir_relay_topics_named(&topics, "t.order"), order);
    weir_relay_topics_clear(&topics);
    assert_null(weir_relay_topics_find(&topics, "user"));
    weir_relay_topics_clear(&topics);
}

/* What is written here is what relays in the field divide by: it must never change. */
static void test_every_partition_has_one_owner(void **state)
{
    (void)state;
    weir_error error;
    weir_relay_topics topics = {0};
    const weir_relay_topic *user = weir_relay_topics_add(&topics, "user", "weir.user", 6, &error);
    const weir_relay_topic *order =
        weir_relay_topics_add(&topics, "order", "weir.order", 1, &error);
    int owned[3] = {0};
    for (int partition = 0; partition < 6; partition++)
        owned[weir_relay_owner(user, partition, 3)]++;
    for (int shard = 0; shard < 3; shard++)
        assert_int_equal(owned[shard], 2);
    assert_int_equal(weir_relay_owner(user, 0, 64), 43);
    assert_int_equal(weir_relay_owner(order, 0, 64), 32);
    assert_int_equal(weir_relay_owner(order, 9999, 1), 0);
    weir_relay_topics_clear(&topics);
}

static void test_two_types_do_not_share_a_topic(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_relay_topics topics = {0};
    assert_non_null(weir_relay_topics_add(&topics, "b.c", "a.b.c", 1, &error));
    assert_null(weir_relay_topics_add(&topics, "c", "a.b.c", 1, &error));
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_non_null(strstr(error.message, "b.c and c"));
    weir_relay_topics_clear(&topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_partition_has_one_owner),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_longest_name),
        cmocka_unit_test(test_partitions_belong_to_their_topic),
        cmocka_unit_test(test_two_types_do_not_share_a_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
