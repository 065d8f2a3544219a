/* One suite for every backend: each test runs in PostgreSQL and in memory, through store.h alone,
 * and must not be able to tell which. Positions may have holes: tests compare their order only. */
#ifndef WEIR_TESTS_CONTRACT_FIXTURE_H
#define WEIR_TESTS_CONTRACT_FIXTURE_H

#include <pthread.h>

#include "tests/integration/fixture.h"

typedef struct contract {
    weir_memory *memory; /* NULL: PostgreSQL */
    fixture *postgres;
    weir_stop stop;
    weir_store *store;
} contract;

/* Another handle on the same store, for another thread. */
static inline weir_store *contract_open(contract *c)
{
    weir_error error = {0};
    weir_store *store = c->memory ? weir_memory_open(c->memory, &c->stop)
                                  : weir_store_open(c->postgres->config, "test", &c->stop, &error);
    if (!store)
        fail_msg("%s", error.message);
    return store;
}

static inline int contract_begin(void **state, contract *c)
{
    weir_error error = {0};
    assert_ok(weir_stop_open(&c->stop, &error));
    c->store = contract_open(c);
    *state = c;
    return 0;
}

static inline int contract_memory(void **state)
{
    contract *c = weir_calloc(1, sizeof *c);
    c->memory = weir_memory_new();
    return contract_begin(state, c);
}

static inline int contract_postgres(void **state)
{
    contract *c = weir_calloc(1, sizeof *c);
    void *f;
    if (fixture_database(&f) != 0)
        return 1;
    c->postgres = f;
    fixture_migrate(c->postgres);
    return contract_begin(state, c);
}

static inline int contract_end(void **state)
{
    contract *c = *state;
    void *f = c->postgres;
    weir_store_close(c->store);
    weir_memory_free(c->memory);
    if (f)
        fixture_drop(&f);
    weir_stop_close(&c->stop);
    free(c);
    return 0;
}

/* Both backends, for the table of tests. */
#define CONTRACT(test)                                                                             \
    {#test " (PostgreSQL)", test, contract_postgres, contract_end, NULL},                          \
    {                                                                                              \
#test " (memory)", test, contract_memory, contract_end, NULL                               \
    }

static inline weir_new_event json_event(const char *type, const char *data)
{
    return (weir_new_event){.type = type, .data = data, .data_length = strlen(data)};
}

static inline weir_uuid id_number(unsigned n)
{
    weir_uuid id = {{0x01, 0x8f, 0x4e, 0x6e, 0x0c, 0x6b, 0x7d, 0x5e, 0x9f, 0x63}};
    id.bytes[14] = (uint8_t)(n >> 8);
    id.bytes[15] = (uint8_t)n;
    return id;
}

/* Appends to one aggregate; the version after it, or -1. */
static inline int64_t append_events(contract *c, const char *type, const char *id, int64_t expected,
                                    const weir_new_event *events, size_t count, weir_error *error)
{
    weir_append append = {type, id, expected, events, count, 0};
    weir_error_clear(error);
    return weir_store_append(c->store, &append, 1, NULL, error) ? append.version : -1;
}

static inline int64_t append_one(contract *c, const char *type, const char *id, int64_t expected,
                                 weir_new_event event, weir_error *error)
{
    return append_events(c, type, id, expected, &event, 1, error);
}

/* Appends where nothing can be wrong. */
static inline void given(contract *c, const char *type, const char *id, weir_new_event event)
{
    weir_error error;
    if (append_one(c, type, id, WEIR_ANY_VERSION, event, &error) < 0)
        fail_msg("%s/%s: %s", type, id, error.message);
}

/* What a read handed over, as "user/u1@1 user/u2@1": a text that tests can say. */
struct seen {
    char text[4096];
    size_t length;
    int count;
    int64_t positions[64], recorded_us[64];
    int stop_after; /* 0: take all */
};

static inline bool see(void *context, const weir_event *event, weir_error *error)
{
    struct seen *seen = context;
    assert_true(seen->count < 64);
    seen->length += (size_t)snprintf(seen->text + seen->length, sizeof seen->text - seen->length,
                                     "%s%s/%s@%lld", seen->count ? " " : "", event->aggregate_type,
                                     event->aggregate_id, (long long)event->version);
    seen->positions[seen->count] = event->position;
    seen->recorded_us[seen->count++] = event->recorded_at_us;
    if (seen->stop_after && seen->count == seen->stop_after)
        return weir_fail(error, WEIR_FATE_CONFIG, "seen enough");
    return true;
}

static inline struct seen read_events(contract *c, weir_read what)
{
    weir_error error = {0};
    struct seen seen = {0};
    assert_ok(weir_store_read(c->store, &what, see, &seen, &error));
    for (int i = 1; i < seen.count; i++)
        assert_true((seen.positions[i] < seen.positions[i - 1]) == what.backwards);
    return seen;
}

#define assert_reads(c, expected, ...)                                                             \
    do {                                                                                           \
        struct seen read_here = read_events(c, (weir_read){__VA_ARGS__});                          \
        assert_string_equal(read_here.text, expected);                                             \
    } while (0)

static inline int64_t version_of(contract *c, const char *type, const char *id)
{
    weir_error error = {0};
    int64_t version = -1;
    assert_ok(weir_store_stream_version(c->store, type, id, &version, &error));
    return version;
}

#endif
