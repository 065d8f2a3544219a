/* A line of a CloudEvents log, as import reads it.
 *
 * Claims: what is read, written as a line, reads back as the same event, metadata and all. */
#include <jansson.h>

#include "store/cloudevent.h"
#include "tests/fuzz/fuzz.h"

#define ARENA ((size_t)4 << 20)
#define STORE "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10"

static weir_event stored(const weir_cloudevent *read)
{
    const weir_new_event *event = &read->event;
    weir_event as = {.position = 1,
                     .aggregate_type = read->aggregate_type,
                     .aggregate_id = read->aggregate_id,
                     .version = 1,
                     .id = read->id,
                     .type = event->type,
                     .schema_version = event->schema_version ? event->schema_version : 1,
                     .content_type = event->content_type ? event->content_type : "application/json",
                     .data = event->data,
                     .data_length = event->data_length,
                     .binary = event->binary,
                     .metadata = event->metadata,
                     .metadata_length = strlen(event->metadata)};
    weir_error error;
    if (event->time && !weir_clock_parse(event->time, strlen(event->time), &as.time_us, &error))
        CLAIM(false, "a time that was read is none: %s", event->time);
    return as;
}

/* claim_same_metadata: members may change places. Numbers that jansson cannot hold are not
 * compared. */
static void claim_same_metadata(const weir_event *one, const weir_event *two)
{
    size_t flags = JSON_DECODE_INT_AS_REAL;
    json_t *a = json_loadb(one->metadata, one->metadata_length, flags, NULL);
    json_t *b = json_loadb(two->metadata, two->metadata_length, flags, NULL);
    CLAIM(!a == !b && (!a || json_equal(a, b)), "metadata %s and %s", one->metadata, two->metadata);
    json_decref(a);
    json_decref(b);
}

static void claim_same(const weir_event *one, const weir_cloudevent *other)
{
    weir_event two = stored(other);
    CLAIM(memcmp(one->id.bytes, two.id.bytes, sizeof one->id.bytes) == 0, "another id");
    CLAIM(strcmp(one->aggregate_type, two.aggregate_type) == 0, "aggregate type");
    CLAIM(strcmp(one->aggregate_id, two.aggregate_id) == 0, "aggregate id");
    CLAIM(strcmp(one->type, two.type) == 0, "type");
    CLAIM(strcmp(one->content_type, two.content_type) == 0, "content type");
    CLAIM(one->schema_version == two.schema_version, "schema version");
    CLAIM(one->time_us == two.time_us, "time");
    CLAIM(one->binary == two.binary && one->data_length == two.data_length &&
              memcmp(one->data, two.data, one->data_length) == 0,
          "data");
    claim_same_metadata(one, &two);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    weir_arena *arena = weir_arena_new(ARENA);
    weir_cloudevent read, again;
    weir_error error = {0};
    if (!weir_cloudevent_read((const char *)bytes, length, "given", arena, &read, &error)) {
        claim_refused(&error);
        weir_arena_free(arena);
        return 0;
    }
    weir_event event = stored(&read);
    CLAIM(weir_json_check(event.metadata, event.metadata_length, &error), "%s", error.message);
    CLAIM(event.binary || weir_json_check(event.data, event.data_length, &error), "%s",
          error.message);
    weir_buffer line = WEIR_BUFFER(ARENA);
    weir_cloudevent_write(&line, &event, STORE);
    CLAIM(weir_cloudevent_read(line.data, line.length, NULL, arena, &again, &error), "%s: %s",
          error.message, line.data);
    claim_same(&event, &again);
    weir_buffer_free(&line);
    weir_arena_free(arena);
    return 0;
}
