/* The cursor in PostgreSQL: where reading begins next time, and what each partition held then.
 *
 * One guarded statement: when somebody else has raised the epoch, nothing is written. It is never
 * the truth of what was published, so writing it late or not at all only costs reading. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "producer/relay_int.h"

#define ARRAY_LIMIT (64 << 20)

typedef struct changes {
    weir_array topics, partitions, positions, offsets;
} changes;

static void collect(const weir_relay_topics *topics, changes *all)
{
    weir_array_begin(&all->topics, WEIR_PG_TEXT);
    weir_array_begin(&all->partitions, WEIR_PG_INT4);
    weir_array_begin(&all->positions, WEIR_PG_INT8);
    weir_array_begin(&all->offsets, WEIR_PG_INT8);
    for (size_t i = 0; i < topics->part_count; i++) {
        const weir_part *part = &topics->parts[i];
        if (!part->changed)
            continue;
        const weir_relay_topic *topic = weir_relay_topics_of(topics, i);
        weir_array_text(&all->topics, topic->name, strlen(topic->name));
        weir_array_int32(&all->partitions, (int32_t)(i - topic->first));
        weir_array_int64(&all->positions, part->position);
        weir_array_int64(&all->offsets, part->next_offset);
    }
}

static void written(weir_relay *relay)
{
    relay->saved_position = weir_ring_cursor(relay->ring);
    relay->saved_sent = relay->read_position;
    relay->unsaved_events = 0;
    relay->parts_changed = false;
    for (size_t i = 0; i < relay->topics.part_count; i++)
        relay->topics.parts[i].changed = false;
}

static bool write_cursor(weir_relay *relay, bool clean, changes *all, bool *led, weir_error *error)
{
    char numbers[5][24];
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name),
                           weir_param_integer(relay->shard, numbers[4]),
                           weir_param_integer(relay->epoch, numbers[0]),
                           weir_param_integer(weir_ring_cursor(relay->ring), numbers[1]),
                           weir_param_integer(relay->unsaved_events, numbers[2]),
                           WEIR_PARAM_TEXT(clean ? "true" : "false"),
                           weir_array_param(&all->topics),
                           weir_array_param(&all->partitions),
                           weir_array_param(&all->positions),
                           weir_array_param(&all->offsets),
                           weir_param_integer(relay->read_position, numbers[3])};
    weir_result *result = weir_connection_query(weir_store_connection(relay->store), "relay_cursor",
                                                params, 11, error);
    if (!result)
        return false;
    *led = weir_result_rows(result) == 1;
    weir_result_free(result);
    return true;
}

bool weir_relay_save(weir_relay *relay, bool clean, weir_error *error)
{
    changes all = {{WEIR_BUFFER(ARRAY_LIMIT), 0},
                   {WEIR_BUFFER(ARRAY_LIMIT), 0},
                   {WEIR_BUFFER(ARRAY_LIMIT), 0},
                   {WEIR_BUFFER(ARRAY_LIMIT), 0}};
    bool led = true, ok = false;
    int64_t asked_us = weir_clock_monotonic_us();
    if (WEIR_FAIL_AT(relay_before_cursor))
        return false;
    collect(&relay->topics, &all);
    ok = write_cursor(relay, clean, &all, &led, error) && !WEIR_FAIL_AT(relay_after_cursor);
    weir_array_free(&all.topics);
    weir_array_free(&all.partitions);
    weir_array_free(&all.positions);
    weir_array_free(&all.offsets);
    relay->saved_us = weir_clock_monotonic_us();
    if (ok && !led)
        return weir_relay_lose(relay, error);
    if (ok) {
        relay->beat_us = asked_us;
        written(relay);
    }
    return ok;
}

bool weir_relay_save_due(weir_relay *relay, weir_error *error)
{
    int64_t waited = weir_clock_monotonic_us() - relay->saved_us;
    bool changed = relay->parts_changed || weir_ring_cursor(relay->ring) != relay->saved_position ||
                   relay->read_position != relay->saved_sent;
    if (!changed || waited < weir_config_integer(relay->config, "relay.cursor_ms") * 1000)
        return weir_relay_beat(relay, error);
    return weir_relay_save(relay, false, error);
}
