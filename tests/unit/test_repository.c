/* The repository over a store in memory: what needs no server, and what threads do to it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "examples/account/account.h"
#include "store/snapshots.h"

#define THREADS 4
#define EACH 8

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, error.message);                                              \
    } while (0)

static void commands_change_what_the_next_load_sees(void **state)
{
    (void)state;
    weir_error error = {0};
    int64_t version = -1;
    weir_memory *memory = weir_memory_new();
    weir_store *store = weir_memory_open(memory, NULL);
    weir_repository *accounts = weir_repository_new(store, &account_class, NULL);
    assert_ok(weir_repository_execute(accounts, "a", account_open, &(account_opening){"Ada"}, NULL,
                                      &version, &error));
    assert_ok(weir_repository_execute(accounts, "a", account_deposit, &(account_movement){7}, NULL,
                                      &version, &error));
    assert_int_equal(version, 2);
    assert_false(weir_repository_execute(accounts, "a", account_withdraw, &(account_movement){8},
                                         NULL, &version, &error));
    assert_int_equal(error.code, WEIR_INVALID);
    weir_aggregate *then = weir_repository_load_as_of(accounts, "a", 1, 0, &error);
    assert_int_equal(((const account *)weir_aggregate_state(then))->balance, 0);
    weir_repository_release(accounts, then);
    weir_repository_free(accounts);
    weir_store_close(store);
    weir_memory_free(memory);
}

struct listing {
    char text[256];
};

static bool list(void *context, const weir_snapshot *snapshot, weir_error *error)
{
    struct listing *listing = context;
    size_t length = strlen(listing->text);
    (void)error;
    snprintf(listing->text + length, sizeof listing->text - length, "%s/%lld ",
             snapshot->aggregate_id, (long long)snapshot->version);
    return true;
}

static void a_store_in_memory_has_snapshots_too(void **state)
{
    (void)state;
    weir_error error = {0};
    int64_t count;
    struct listing listing = {0};
    weir_memory *memory = weir_memory_new();
    weir_store *store = weir_memory_open(memory, NULL);
    weir_repository_options options = {.snapshots = &(weir_snapshot_policy){.every = 2, .keep = 2}};
    weir_repository *accounts = weir_repository_new(store, &account_class, &options);
    for (int n = 0; n < 2; n++) {
        const char *id = n ? "a" : "b";
        assert_ok(weir_repository_execute(accounts, id, account_open, &(account_opening){"Ada"},
                                          NULL, NULL, &error));
        for (int i = 0; i < 6; i++)
            assert_ok(weir_repository_execute(accounts, id, account_deposit, &(account_movement){1},
                                              NULL, NULL, &error));
    }
    assert_ok(weir_snapshot_list(store, NULL, NULL, list, &listing, &error));
    assert_string_equal(listing.text, "a/6 a/4 b/6 b/4 ");
    weir_aggregate *then = weir_repository_load_as_of(accounts, "a", 5, 0, &error);
    assert_int_equal(((const account *)weir_aggregate_state(then))->balance, 4);
    weir_repository_release(accounts, then);
    assert_ok(weir_snapshot_prune(store, "account", 1, false, &count, &error));
    assert_int_equal(count, 2);
    assert_ok(weir_snapshot_prune(store, "account", 1, true, &count, &error));
    assert_int_equal(count, 2);
    assert_ok(weir_snapshot_forget(store, "account", "a", &error));
    listing.text[0] = '\0';
    assert_ok(weir_snapshot_list(store, NULL, NULL, list, &listing, &error));
    assert_string_equal(listing.text, "b/6 ");
    weir_snapshot ahead = {"account", "a", 8, 1, "s", 1, 0, 0};
    assert_false(weir_snapshot_save(store, &ahead, 1, &error));
    weir_repository_free(accounts);
    weir_store_close(store);
    weir_memory_free(memory);
}

static bool slow_deposit(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    usleep(1000);
    return account_deposit(aggregate, argument, error);
}

struct racer {
    weir_memory *memory;
    pthread_t thread;
    int failures;
};

static void *race(void *argument)
{
    struct racer *self = argument;
    weir_error error;
    weir_store *store = weir_memory_open(self->memory, NULL);
    weir_repository_options options = {
        .retries = 500, .backoff_ms = 1, .backoff_most_ms = 10, .cache_entries = 1};
    weir_repository *accounts = weir_repository_new(store, &account_class, &options);
    for (int i = 0; i < EACH; i++)
        if (!weir_repository_execute(accounts, "hot", slow_deposit, &(account_movement){1}, NULL,
                                     NULL, &error))
            self->failures++;
    weir_repository_free(accounts);
    weir_store_close(store);
    return NULL;
}

static void threads_lose_no_command(void **state)
{
    (void)state;
    weir_error error = {0};
    struct racer racers[THREADS] = {0};
    weir_memory *memory = weir_memory_new();
    weir_store *store = weir_memory_open(memory, NULL);
    weir_repository *accounts = weir_repository_new(store, &account_class, NULL);
    assert_ok(weir_repository_execute(accounts, "hot", account_open, &(account_opening){"Ada"},
                                      NULL, NULL, &error));
    for (int i = 0; i < THREADS; i++) {
        racers[i].memory = memory;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].failures, 0);
    }
    weir_aggregate *hot = weir_repository_load(accounts, "hot", &error);
    assert_int_equal(weir_aggregate_version(hot), 1 + THREADS * EACH);
    assert_int_equal(((const account *)weir_aggregate_state(hot))->balance, THREADS * EACH);
    weir_repository_release(accounts, hot);
    weir_repository_free(accounts);
    weir_store_close(store);
    weir_memory_free(memory);
}

static weir_event event_of(int64_t version, const char *aggregate_type)
{
    return (weir_event){.aggregate_type = aggregate_type,
                        .aggregate_id = "a",
                        .version = version,
                        .type = "account.opened",
                        .data = "{}",
                        .data_length = 2};
}

static void only_the_next_event_is_folded(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_aggregate *aggregate = weir_aggregate_new(&account_class, "a");
    weir_event second = event_of(2, "account"), foreign = event_of(1, "user");
    weir_event first = event_of(1, "account");
    assert_false(weir_aggregate_fold(aggregate, &second, &error));
    assert_int_equal(error.fate, WEIR_FATE_FATAL);
    assert_false(weir_aggregate_fold(aggregate, &foreign, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    assert_ok(weir_aggregate_fold(aggregate, &first, &error));
    second.type = WEIR_TOMBSTONE;
    assert_ok(weir_aggregate_fold(aggregate, &second, &error));
    assert_int_equal(weir_aggregate_version(aggregate), 2);
    weir_aggregate_free(aggregate);
}

/* What cannot be appended is refused when it is raised, and nothing of it can be saved. */
static void what_cannot_be_applied_cannot_be_saved(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_memory *memory = weir_memory_new();
    weir_store *store = weir_memory_open(memory, NULL);
    weir_repository *accounts = weir_repository_new(store, &account_class, NULL);
    weir_new_event bad[] = {
        {.type = "account.deposited", .data = "{}", .data_length = 2},
        {.type = "account.opened", .data = "{}", .data_length = 2, .metadata = "7"},
        {.type = "account.opened", .data = "{}", .data_length = 2, .time = "yesterday"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_aggregate *aggregate = weir_repository_load(accounts, "a", &error);
        assert_ok(account_open(aggregate, &(account_opening){"Ada"}, &error));
        assert_false(weir_aggregate_raise(aggregate, &bad[i], &error));
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        assert_false(weir_repository_save(accounts, aggregate, &error));
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        weir_repository_release(accounts, aggregate);
    }
    weir_aggregate *aggregate = weir_repository_load(accounts, "a", &error);
    assert_int_equal(weir_aggregate_version(aggregate), 0);
    weir_repository_release(accounts, aggregate);
    weir_repository_free(accounts);
    weir_store_close(store);
    weir_memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_change_what_the_next_load_sees),
        cmocka_unit_test(a_store_in_memory_has_snapshots_too),
        cmocka_unit_test(threads_lose_no_command),
        cmocka_unit_test(only_the_next_event_is_folded),
        cmocka_unit_test(what_cannot_be_applied_cannot_be_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
