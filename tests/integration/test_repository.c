/* Aggregates in and out of a real store: conflicts, lost answers, the cache, snapshots, as-of. The
 * example's bank account is what is loaded and commanded. */
#include <pthread.h>

#include "examples/account/account.h"
#include "tests/integration/fixture.h"

#define THREADS 4
#define EACH 8

/* The account, with its applications counted: what a load replayed. */
static int applied;
static weir_aggregate_class counted;

static bool count_and_apply(void *state, const weir_event *event, weir_error *error)
{
    applied++;
    return account_class.apply(state, event, error);
}

static int open_store(void **state)
{
    counted = account_class;
    counted.apply = count_and_apply;
    applied = 0;
    return fixture_store(state);
}

static weir_store *another_store(const fixture *f)
{
    weir_error error = {0};
    weir_store *store = weir_store_open(f->config, "test", NULL, &error);
    if (!store)
        fail_msg("%s", error.message);
    return store;
}

static int64_t must_execute(weir_repository *accounts, const char *id, weir_command_fn *command,
                            const void *argument)
{
    weir_error error = {0};
    int64_t version = -1;
    assert_ok(weir_repository_execute(accounts, id, command, argument, NULL, &version, &error));
    return version;
}

static int64_t deposit(weir_repository *accounts, const char *id, int64_t amount)
{
    return must_execute(accounts, id, account_deposit, &(account_movement){amount});
}

static void open_account(weir_repository *accounts, const char *id)
{
    must_execute(accounts, id, account_open, &(account_opening){"Ada"});
}

static weir_aggregate *must_load(weir_repository *accounts, const char *id)
{
    weir_error error = {0};
    weir_aggregate *aggregate = weir_repository_load(accounts, id, &error);
    if (!aggregate)
        fail_msg("%s", error.message);
    return aggregate;
}

static int64_t balance_of(const weir_aggregate *aggregate)
{
    return ((const account *)weir_aggregate_state(aggregate))->balance;
}

/* Loads, looks and gives back. */
static void expect(weir_repository *accounts, const char *id, int64_t version, int64_t balance)
{
    weir_aggregate *aggregate = must_load(accounts, id);
    assert_int_equal(weir_aggregate_version(aggregate), version);
    assert_int_equal(balance_of(aggregate), balance);
    weir_repository_release(accounts, aggregate);
}

static void must_be(const fixture *f, const char *sql, const char *wanted)
{
    char *value = fixture_value(weir_store_connection(f->store), sql);
    assert_string_equal(value ? value : "NULL", wanted);
    free(value);
}

static void executes_commands_with_their_context(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    int64_t version = -1;
    weir_message_context context = {"talk-1", "command-1", "ada", "00-1"};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, NULL);
    expect(accounts, "a", 0, 0);
    open_account(accounts, "a");
    assert_ok(weir_repository_execute(accounts, "a", account_deposit, &(account_movement){10},
                                      &context, &version, &error));
    assert_int_equal(version, 2);
    assert_false(weir_repository_execute(accounts, "a", account_withdraw, &(account_movement){11},
                                         NULL, &version, &error));
    assert_int_equal(error.code, WEIR_INVALID);
    assert_string_equal(error.message, "the balance is 10");
    must_execute(accounts, "a", account_withdraw, &(account_movement){10});
    assert_int_equal(must_execute(accounts, "a", account_close, NULL), 4);
    assert_int_equal(must_execute(accounts, "a", account_close, NULL), 4);
    expect(accounts, "a", 4, 0);
    must_be(f, "SELECT metadata FROM weir.events WHERE version = 2",
            "{\"userid\": \"ada\", \"causationid\": \"command-1\", "
            "\"traceparent\": \"00-1\", \"correlationid\": \"talk-1\"}");
    must_be(f, "SELECT count(*) FROM weir.events WHERE metadata = '{}'", "3");
    weir_repository_free(accounts);
}

static void a_save_of_what_somebody_else_changed_is_a_conflict(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, NULL);
    open_account(accounts, "a");
    weir_aggregate *stale = must_load(accounts, "a");
    deposit(accounts, "a", 5);
    assert_ok(weir_repository_save(accounts, stale, &error)); /* nothing raised */
    assert_ok(account_deposit(stale, &(account_movement){7}, &error));
    assert_int_equal(balance_of(stale), 7);
    assert_false(weir_repository_save(accounts, stale, &error));
    assert_int_equal(error.code, WEIR_CONFLICT);
    weir_repository_release(accounts, stale);
    expect(accounts, "a", 2, 5);
    weir_repository_free(accounts);
}

/* Takes its time, so that others come between. */
static bool slow_deposit(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    usleep(2000);
    return account_deposit(aggregate, argument, error);
}

struct racer {
    const fixture *f;
    pthread_t thread;
    int failures;
    weir_error error;
};

static void *race(void *argument)
{
    struct racer *self = argument;
    weir_store *store = weir_store_open(self->f->config, "racer", NULL, &self->error);
    weir_repository_options options = {
        .retries = 200, .backoff_ms = 2, .backoff_most_ms = 20, .cache_entries = 4};
    weir_repository *accounts = store ? weir_repository_new(store, &account_class, &options) : NULL;
    for (int i = 0; i < EACH; i++)
        if (!accounts || !weir_repository_execute(accounts, "hot", slow_deposit,
                                                  &(account_movement){1}, NULL, NULL, &self->error))
            self->failures++;
    weir_repository_free(accounts);
    weir_store_close(store);
    return NULL;
}

static void racing_commands_all_count_once(void **state)
{
    fixture *f = *state;
    struct racer racers[THREADS] = {0};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, NULL);
    open_account(accounts, "hot");
    for (int i = 0; i < THREADS; i++) {
        racers[i].f = f;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(racers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++)
        if (racers[i].failures)
            fail_msg("%d failed: %s", racers[i].failures, racers[i].error.message);
    expect(accounts, "hot", 1 + THREADS * EACH, THREADS * EACH);
    weir_repository_free(accounts);
}

/* A command in whose middle somebody else is always faster. */
struct rival {
    weir_repository *accounts;
    int decisions;
};

static bool deposit_too_late(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    struct rival *rival = (struct rival *)(uintptr_t)argument;
    rival->decisions++;
    deposit(rival->accounts, weir_aggregate_id(aggregate), 100);
    return account_deposit(aggregate, &(account_movement){1}, error);
}

static void a_conflict_is_decided_again_up_to_the_retries(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_store *other = another_store(f);
    struct rival rival = {weir_repository_new(other, &account_class, NULL), 0};
    weir_repository *accounts =
        weir_repository_new(f->store, &account_class, &(weir_repository_options){.retries = 2});
    open_account(accounts, "a");
    assert_false(
        weir_repository_execute(accounts, "a", deposit_too_late, &rival, NULL, NULL, &error));
    assert_int_equal(error.code, WEIR_CONFLICT);
    assert_non_null(strstr(error.message, "account/a, decided 3 times: "));
    assert_int_equal(rival.decisions, 3);
    expect(accounts, "a", 4, 300);
    weir_repository_free(rival.accounts);
    weir_repository_free(accounts);
    weir_store_close(other);
}

static void kill_backend(const fixture *f, weir_store *victim)
{
    char *pid = fixture_value(weir_store_connection(victim), "SELECT pg_backend_pid()");
    char *sql = weir_format("SELECT pg_terminate_backend(%s, 5000)", pid);
    fixture_execute(weir_store_connection(f->store), sql);
    free(sql);
    free(pid);
}

/* What the store is like when the answer to a COMMIT was lost: the very events are there. */
static void store_pending(const fixture *f, const weir_aggregate *aggregate)
{
    weir_error error = {0};
    weir_append append = {
        "account", weir_aggregate_id(aggregate), weir_aggregate_version(aggregate), NULL, 0, 0};
    append.events = weir_aggregate_pending(aggregate, &append.count);
    assert_ok(weir_store_append(f->store, &append, 1, NULL, &error));
}

static void a_save_after_a_lost_answer_is_absorbed(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_store *lost = another_store(f), *fresh = another_store(f);
    weir_repository *accounts = weir_repository_new(lost, &account_class, NULL);
    open_account(accounts, "a");
    weir_aggregate *loaded = must_load(accounts, "a");
    assert_ok(account_deposit(loaded, &(account_movement){3}, &error));
    assert_ok(account_deposit(loaded, &(account_movement){4}, &error));
    kill_backend(f, lost);
    assert_false(weir_repository_save(accounts, loaded, &error));
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_false(account_deposit(loaded, &(account_movement){5}, &error));
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    store_pending(f, loaded);
    weir_repository_use(accounts, fresh);
    assert_ok(weir_repository_save(accounts, loaded, &error));
    assert_int_equal(weir_aggregate_version(loaded), 3);
    assert_ok(account_deposit(loaded, &(account_movement){5}, &error));
    assert_ok(weir_repository_save(accounts, loaded, &error));
    weir_repository_release(accounts, loaded);
    expect(accounts, "a", 4, 12);
    weir_repository_free(accounts);
    weir_store_close(lost);
    weir_store_close(fresh);
}

struct killer {
    const fixture *f;
    weir_store *victim;
    bool commit; /* what was raised gets stored nevertheless */
};

static bool deposit_and_lose_the_connection(weir_aggregate *aggregate, const void *argument,
                                            weir_error *error)
{
    const struct killer *killer = argument;
    bool ok = account_deposit(aggregate, &(account_movement){6}, error);
    if (killer->commit)
        store_pending(killer->f, aggregate);
    kill_backend(killer->f, killer->victim);
    return ok;
}

static void a_command_is_resumed_after_a_lost_answer(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    int64_t version = -1;
    for (int commit = 0; commit <= 1; commit++) {
        const char *id = commit ? "stored" : "lost";
        weir_store *lost = another_store(f), *fresh = another_store(f);
        struct killer killer = {f, lost, commit == 1};
        weir_repository *accounts = weir_repository_new(lost, &account_class, NULL);
        open_account(accounts, id);
        assert_false(weir_repository_resume(accounts, &version, &error));
        assert_int_equal(error.code, WEIR_NOT_FOUND);
        assert_false(weir_repository_execute(accounts, id, deposit_and_lose_the_connection, &killer,
                                             NULL, &version, &error));
        assert_int_equal(error.fate, WEIR_FATE_RETRY);
        assert_false(weir_repository_resume(accounts, &version, &error));
        assert_int_equal(error.fate, WEIR_FATE_RETRY);
        weir_repository_use(accounts, fresh);
        assert_ok(weir_repository_resume(accounts, &version, &error));
        assert_int_equal(version, 2);
        assert_false(weir_repository_resume(accounts, &version, &error));
        expect(accounts, id, 2, 6);
        weir_repository_free(accounts);
        weir_store_close(lost);
        weir_store_close(fresh);
    }
}

static void the_cache_saves_the_replay_and_is_never_stale(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_store *other = another_store(f);
    weir_repository *theirs = weir_repository_new(other, &account_class, NULL);
    weir_repository *ours =
        weir_repository_new(f->store, &counted, &(weir_repository_options){.cache_entries = 2});
    open_account(ours, "a");
    deposit(ours, "a", 1);
    applied = 0;
    expect(ours, "a", 2, 1);
    assert_int_equal(applied, 0);
    deposit(theirs, "a", 10);
    expect(ours, "a", 3, 11);
    assert_int_equal(applied, 1);
    weir_aggregate *stale = must_load(ours, "a");
    deposit(theirs, "a", 100);
    assert_ok(account_deposit(stale, &(account_movement){7}, &error));
    assert_false(weir_repository_save(ours, stale, &error));
    assert_int_equal(error.code, WEIR_CONFLICT);
    weir_repository_release(ours, stale);
    applied = 0;
    expect(ours, "a", 4, 111);
    assert_int_equal(applied, 4);
    weir_repository_free(ours);
    weir_repository_free(theirs);
    weir_store_close(other);
}

/* What a load of id replays now. */
static int replays(weir_repository *accounts, const char *id)
{
    applied = 0;
    weir_repository_release(accounts, must_load(accounts, id));
    return applied;
}

static void the_cache_is_bounded(void **state)
{
    fixture *f = *state;
    weir_repository_options options = {.cache_entries = 2};
    weir_repository *accounts = weir_repository_new(f->store, &counted, &options);
    open_account(accounts, "a");
    open_account(accounts, "b");
    assert_int_equal(replays(accounts, "a"), 0);
    open_account(accounts, "c"); /* in b's place, which was used before a */
    assert_int_equal(replays(accounts, "a"), 0);
    assert_int_equal(replays(accounts, "b"), 1);
    assert_int_equal(replays(accounts, "c"), 1);
    weir_repository_free(accounts);

    options.cache_bytes = 1;
    accounts = weir_repository_new(f->store, &counted, &options);
    assert_int_equal(replays(accounts, "a"), 1);
    assert_int_equal(replays(accounts, "a"), 1);
    weir_repository_free(accounts);

    options = (weir_repository_options){.cache_entries = 2, .cache_ttl_ms = 100};
    accounts = weir_repository_new(f->store, &counted, &options);
    assert_int_equal(replays(accounts, "a"), 1);
    assert_int_equal(replays(accounts, "a"), 0);
    usleep(150000);
    assert_int_equal(replays(accounts, "a"), 1);
    int again = 0; /* use does not make it live longer */
    for (int i = 0; i < 6; i++, usleep(30000))
        again += replays(accounts, "a");
    assert_int_not_equal(again, 0);
    weir_repository_free(accounts);
}

static void what_a_transaction_took_back_was_never_cached(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_connection *connection = weir_store_connection(f->store);
    weir_repository_options options = {.cache_entries = 2,
                                       .snapshots = &(weir_snapshot_policy){.every = 1}};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, &options);
    open_account(accounts, "a");
    fixture_execute(connection, "BEGIN");
    deposit(accounts, "a", 5);
    weir_aggregate *seen = must_load(accounts, "a");
    assert_int_equal(balance_of(seen), 5);
    fixture_execute(connection, "ROLLBACK");
    weir_repository_release(accounts, seen);
    expect(accounts, "a", 1, 0);
    deposit(accounts, "a", 1);
    expect(accounts, "a", 2, 1);

    fixture_execute(connection, "BEGIN");
    weir_aggregate *stale = must_load(accounts, "a");
    fixture_execute(connection, "COMMIT");
    deposit(accounts, "a", 1);
    fixture_execute(connection, "BEGIN");
    assert_ok(account_deposit(stale, &(account_movement){1}, &error));
    assert_false(weir_repository_save(accounts, stale, &error));
    assert_int_equal(error.code, WEIR_CONFLICT);
    fixture_execute(connection, "ROLLBACK");
    weir_repository_release(accounts, stale);
    expect(accounts, "a", 3, 2);
    weir_repository_free(accounts);
}

static int64_t recorded_at(const fixture *f, int version)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT (extract(epoch FROM recorded_at) * 1000000)::bigint FROM weir.events"
             " WHERE version = %d",
             version);
    char *text = fixture_value(weir_store_connection(f->store), sql);
    int64_t time_us = strtoll(text, NULL, 10);
    free(text);
    return time_us;
}

static void expect_as_of(weir_repository *accounts, int64_t version, int64_t time_us,
                         int64_t wanted_version, int64_t wanted_balance)
{
    weir_error error = {0};
    weir_aggregate *then = weir_repository_load_as_of(accounts, "a", version, time_us, &error);
    if (!then)
        fail_msg("%s", error.message);
    assert_int_equal(weir_aggregate_version(then), wanted_version);
    assert_int_equal(balance_of(then), wanted_balance);
    assert_false(account_open(then, &(account_opening){"Bob"}, &error));
    assert_false(account_close(then, NULL, &error));
    weir_repository_release(accounts, then);
}

static void loads_as_of_a_version_and_a_time(void **state)
{
    fixture *f = *state;
    weir_repository_options options = {.cache_entries = 2,
                                       .snapshots = &(weir_snapshot_policy){.every = 2, .keep = 9}};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, &options);
    open_account(accounts, "a");
    for (int i = 2; i <= 7; i++)
        deposit(accounts, "a", 1);
    must_be(f, "SELECT string_agg(version::text, ' ' ORDER BY version) FROM weir.snapshots",
            "2 4 6");
    for (int64_t version = 1; version <= 7; version++) {
        expect_as_of(accounts, version, 0, version, version - 1);
        expect_as_of(accounts, 0, recorded_at(f, (int)version), version, version - 1);
    }
    expect_as_of(accounts, 9, 0, 7, 6);
    expect_as_of(accounts, 3, recorded_at(f, 5), 3, 2);
    expect_as_of(accounts, 5, recorded_at(f, 3), 3, 2);
    expect(accounts, "a", 7, 6);
    weir_repository_free(accounts);
}

static void nothing_existed_before_the_first_event(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, NULL);
    open_account(accounts, "a");
    weir_aggregate *then =
        weir_repository_load_as_of(accounts, "a", 0, recorded_at(f, 1) - 1, &error);
    assert_int_equal(weir_aggregate_version(then), 0);
    weir_repository_release(accounts, then);
    weir_repository_free(accounts);
}

static void a_load_starts_at_a_snapshot_unless_it_is_of_no_use(void **state)
{
    fixture *f = *state;
    weir_connection *connection = weir_store_connection(f->store);
    weir_repository_options options = {.snapshots = &(weir_snapshot_policy){.every = 5}};
    weir_repository *accounts = weir_repository_new(f->store, &counted, &options);
    open_account(accounts, "a");
    for (int i = 0; i < 7; i++)
        deposit(accounts, "a", 1);
    assert_int_equal(replays(accounts, "a"), 3);
    expect(accounts, "a", 8, 7);
    fixture_execute(connection, "UPDATE weir.snapshots SET state = state || '\\x00'");
    assert_int_equal(replays(accounts, "a"), 8);
    expect(accounts, "a", 8, 7);
    counted.snapshot_schema = 2;
    assert_int_equal(replays(accounts, "a"), 8);
    assert_int_equal(replays(accounts, "a"), 0); /* that load took a new one */
    expect(accounts, "a", 8, 7);
    weir_repository_free(accounts);
}

/* As after a failover to a server that had not got the last events. */
static void what_is_ahead_of_the_store_is_not_used(void **state)
{
    fixture *f = *state;
    weir_connection *connection = weir_store_connection(f->store);
    weir_repository_options options = {.cache_entries = 2,
                                       .snapshots = &(weir_snapshot_policy){.every = 1}};
    weir_repository *accounts = weir_repository_new(f->store, &account_class, &options);
    open_account(accounts, "a");
    deposit(accounts, "a", 1);
    fixture_execute(connection, "ALTER TABLE weir.events DISABLE TRIGGER append_only;"
                                "ALTER TABLE weir.events_default DISABLE TRIGGER append_only;"
                                "DELETE FROM weir.events WHERE version = 2;"
                                "UPDATE weir.streams SET version = 1");
    expect(accounts, "a", 1, 0);
    deposit(accounts, "a", 5);
    expect(accounts, "a", 2, 5);
    weir_repository_free(accounts);
}

static bool restore_nothing(void *state, const char *msgpack, size_t length, weir_error *error)
{
    (void)msgpack;
    (void)length;
    ((account *)state)->balance = 1000;
    return weir_fail(error, WEIR_FATE_POISON, "it is of no use");
}

static void what_goes_wrong_with_snapshots_fails_nobody(void **state)
{
    fixture *f = *state;
    weir_connection *connection = weir_store_connection(f->store);
    weir_repository_options options = {.snapshots = &(weir_snapshot_policy){.every = 1}};
    counted.restore = restore_nothing;
    weir_repository *accounts = weir_repository_new(f->store, &counted, &options);
    open_account(accounts, "a");
    deposit(accounts, "a", 1);
    expect(accounts, "a", 2, 1);
    fixture_execute(connection, "ALTER TABLE weir.snapshots RENAME TO elsewhere");
    deposit(accounts, "a", 1);
    expect(accounts, "a", 3, 2);
    weir_repository_free(accounts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(executes_commands_with_their_context),
        TEST(a_save_of_what_somebody_else_changed_is_a_conflict),
        TEST(racing_commands_all_count_once),
        TEST(a_conflict_is_decided_again_up_to_the_retries),
        TEST(a_save_after_a_lost_answer_is_absorbed),
        TEST(a_command_is_resumed_after_a_lost_answer),
        TEST(the_cache_saves_the_replay_and_is_never_stale),
        TEST(the_cache_is_bounded),
        TEST(what_a_transaction_took_back_was_never_cached),
        TEST(loads_as_of_a_version_and_a_time),
        TEST(nothing_existed_before_the_first_event),
        TEST(a_load_starts_at_a_snapshot_unless_it_is_of_no_use),
        TEST(what_is_ahead_of_the_store_is_not_used),
        TEST(what_goes_wrong_with_snapshots_fails_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
