/* Ids: version and variant, rising from several threads, text both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"

#define THREADS 4
#define IDS 25000

static weir_uuid made[THREADS][IDS];

static void *make(void *row)
{
    weir_uuid *ids = row;
    for (size_t i = 0; i < IDS; i++)
        ids[i] = weir_uuid_new();
    return NULL;
}

/* Each thread's ids rise, and a merge by value meets no id twice. */
static void test_ids_rise_across_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, make, made[t]), 0);
    for (size_t t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (size_t t = 0; t < THREADS; t++)
        for (size_t i = 1; i < IDS; i++)
            assert_true(memcmp(&made[t][i - 1], &made[t][i], sizeof(weir_uuid)) < 0);
    size_t at[THREADS] = {0};
    const weir_uuid *last = NULL;
    for (size_t n = 0; n < (size_t)THREADS * IDS; n++) {
        size_t least = THREADS;
        for (size_t t = 0; t < THREADS; t++)
            if (at[t] < IDS && (least == THREADS || memcmp(&made[t][at[t]], &made[least][at[least]],
                                                           sizeof(weir_uuid)) < 0))
                least = t;
        const weir_uuid *id = &made[least][at[least]++];
        assert_true(!last || memcmp(last, id, sizeof(*id)) < 0);
        last = id;
    }
}

static uint64_t millisecond_of(const weir_uuid *id)
{
    uint64_t value = 0;
    for (int i = 0; i < 6; i++)
        value = value << 8 | id->bytes[i];
    return value;
}

static void test_version_variant_and_time(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t before = (uint64_t)weir_clock_now_us() / 1000;
        weir_uuid id = weir_uuid_new();
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        assert_in_range(millisecond_of(&id), before, before + 1000);
    }
}

static void test_text_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        weir_uuid id = weir_uuid_new(), back;
        char text[WEIR_UUID_TEXT];
        weir_uuid_format(&id, text);
        for (const char *c = text; *c; c++)
            assert_false(isupper((unsigned char)*c));
        assert_true(weir_uuid_parse(text, 36, &back));
        assert_memory_equal(&id, &back, sizeof(id));
        for (char *c = text; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        assert_true(weir_uuid_parse(text, 36, &back));
        assert_memory_equal(&id, &back, sizeof(id));
    }
}

static void test_bad_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0190b5a0-0000-7000-8000-00000000000",
        "0190b5a0-0000-7000-8000-0000000000000",
        "0190b5a000007000800000000000000000000",
        "0190b5a0-0000-7000-8000-00000000000g",
        "0190b5a0_0000_7000_8000_000000000000",
        "0190b5a-00000-7000-8000-000000000000",
        "{190b5a0-0000-7000-8000-00000000000}",
        " 190b5a0-0000-7000-8000-000000000000",
        "+190b5a0-0000-7000-8000-000000000000",
        "0x90b5a0-0000-7000-8000-000000000000",
    };
    weir_uuid id;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (weir_uuid_parse(bad[i], strlen(bad[i]), &id))
            fail_msg("'%s' was taken", bad[i]);
    assert_false(weir_uuid_parse("0190b5a0-0000-7000-8000-00000000000\0", 36, &id));
    assert_true(weir_uuid_parse("0190b5a0-0000-7000-8000-00000000000a trailing", 36, &id));
    assert_int_equal(id.bytes[15], 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_variant_and_time),
        cmocka_unit_test(test_ids_rise_across_threads),
        cmocka_unit_test(test_text_both_ways),
        cmocka_unit_test(test_bad_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
