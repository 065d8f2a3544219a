/* What tests of snapshots say: events given, a snapshot saved, what a load finds. */
#ifndef WEIR_TESTS_SNAPSHOT_FIXTURE_H
#define WEIR_TESTS_SNAPSHOT_FIXTURE_H

#include "tests/integration/fixture.h"

#include "store/snapshots.h"

static inline void give_events(weir_store *store, const char *id, size_t count)
{
    weir_error error = {0};
    weir_new_event *events = weir_calloc(count, sizeof *events);
    for (size_t i = 0; i < count; i++)
        events[i] = (weir_new_event){.type = "account.used", .data = "{}", .data_length = 2};
    weir_append append = {"account", id, WEIR_ANY_VERSION, events, count, 0};
    assert_ok(weir_store_append(store, &append, 1, NULL, &error));
    free(events);
}

static inline void save(weir_store *store, const char *id, int64_t version, int32_t schema,
                        const char *state)
{
    weir_error error = {0};
    weir_snapshot snapshot = {"account", id, version, schema, state, strlen(state), 0, 0};
    assert_ok(weir_snapshot_save(store, &snapshot, 3, &error));
}

/* The state and version that a load finds: "5:five", "" for none. */
static inline char *load(weir_store *store, const char *id, int32_t schema, int64_t at_most,
                         size_t limit)
{
    weir_error error = {0};
    weir_snapshot found;
    weir_buffer bytes = WEIR_BUFFER(limit);
    assert_ok(weir_snapshot_load(store, "account", id, schema, at_most, &bytes, &found, &error));
    assert_string_equal(found.aggregate_id, id);
    char *text = found.version ? weir_format("%lld:%.*s", (long long)found.version,
                                             (int)found.length, found.state)
                               : weir_strdup("");
    weir_buffer_free(&bytes);
    return text;
}

static inline void expect(weir_store *store, const char *id, int32_t schema, int64_t at_most,
                          const char *wanted)
{
    char *text = load(store, id, schema, at_most, 1000);
    assert_string_equal(text, wanted);
    free(text);
}

static inline double unusable(const char *reason)
{
    weir_buffer page = WEIR_BUFFER(1 << 20);
    weir_metrics_render(&page);
    char *line = weir_format("weir_snapshots_unusable_total{reason=\"%s\"} ", reason);
    const char *at = page.data ? strstr(page.data, line) : NULL;
    double value = at ? strtod(at + strlen(line), NULL) : 0;
    free(line);
    weir_buffer_free(&page);
    return value;
}

#endif
