/* The log itself: records, the sequences that order them, and the two hashes that find them. */
#include <stdlib.h>
#include <string.h>

#include "store/json_normal_int.h"
#include "store/memory_int.h"

#define UUID_BYTES sizeof(weir_uuid)

static char *keep(char **at, const char *bytes, size_t length)
{
    char *kept = *at;
    if (length)
        memcpy(kept, bytes, length);
    kept[length] = '\0';
    *at += length + 1;
    return kept;
}

/* The three metadata values that events are read by. */
struct indexed {
    weir_buffer correlation, causation, user;
};

static bool member(const weir_checked *checked, const char *name, weir_buffer *out)
{
    *out = WEIR_BUFFER(checked->metadata.length);
    return weir_json_member(checked->metadata.data, checked->metadata.length, name, out);
}

static const char *keep_member(char **at, bool there, const weir_buffer *value)
{
    return there ? keep(at, value->data, value->length) : NULL;
}

static void keep_indexed(weir_record *record, char **at, const weir_checked *checked)
{
    struct indexed found;
    bool there = member(checked, "correlationid", &found.correlation);
    record->correlation_id = keep_member(at, there, &found.correlation);
    there = member(checked, "causationid", &found.causation);
    record->causation_id = keep_member(at, there, &found.causation);
    there = member(checked, "userid", &found.user);
    record->user_id = keep_member(at, there, &found.user);
    weir_buffer_free(&found.correlation);
    weir_buffer_free(&found.causation);
    weir_buffer_free(&found.user);
}

static void keep_key(weir_record *record, char **at)
{
    size_t type_length = strlen(record->event.aggregate_type);
    record->key = *at;
    record->key_length = UUID_BYTES + type_length;
    memcpy(*at, record->event.id.bytes, UUID_BYTES);
    *at += UUID_BYTES;
    keep(at, record->event.aggregate_type, type_length);
}

weir_record *weir_record_new(const weir_append *append, const weir_new_event *event,
                             const weir_checked *checked)
{
    const char *content_type = event->content_type ? event->content_type : "application/json";
    const char *data = event->binary ? event->data : checked->data.data;
    size_t data_length = event->binary ? event->data_length : checked->data.length;
    /* The values read by are part of the metadata, none twice. */
    size_t bytes = 2 * strlen(append->aggregate_type) + strlen(append->aggregate_id) +
                   strlen(event->type) + strlen(content_type) + data_length +
                   2 * checked->metadata.length + UUID_BYTES + 16;
    weir_record *record = weir_calloc(1, sizeof *record);
    char *at = record->texts = weir_malloc(bytes);
    record->event = (weir_event){
        .aggregate_type = keep(&at, append->aggregate_type, strlen(append->aggregate_type)),
        .aggregate_id = keep(&at, append->aggregate_id, strlen(append->aggregate_id)),
        .id = event->id ? *event->id : weir_uuid_new(),
        .type = keep(&at, event->type, strlen(event->type)),
        .schema_version = event->schema_version ? event->schema_version : 1,
        .content_type = keep(&at, content_type, strlen(content_type)),
        .data = keep(&at, data, data_length),
        .data_length = data_length,
        .binary = event->binary,
        .metadata = keep(&at, checked->metadata.data, checked->metadata.length),
        .metadata_length = checked->metadata.length,
        .time_us = event->time ? checked->time_us : weir_clock_now_us(),
    };
    keep_indexed(record, &at, checked);
    keep_key(record, &at);
    return record;
}

void weir_record_free(weir_record *record)
{
    if (record)
        free(record->texts);
    free(record);
}

static void push(weir_sequence *sequence, weir_record *record)
{
    if (sequence->count == sequence->capacity) {
        sequence->capacity = sequence->capacity ? sequence->capacity * 2 : 8;
        sequence->records =
            weir_realloc(sequence->records, (size_t)sequence->capacity * sizeof(weir_record *));
    }
    sequence->records[sequence->count++] = record;
}

weir_memory_stream *weir_log_stream(weir_memory *memory, const char *aggregate_type,
                                    const char *aggregate_id, bool make)
{
    size_t type_bytes = strlen(aggregate_type) + 1, id_bytes = strlen(aggregate_id) + 1;
    weir_memory_stream *stream = NULL;
    char *key = weir_malloc(type_bytes + id_bytes);
    memcpy(key, aggregate_type, type_bytes);
    memcpy(key + type_bytes, aggregate_id, id_bytes);
    HASH_FIND(hh, memory->streams, key, type_bytes + id_bytes, stream);
    if (stream || !make) {
        free(key);
        return stream;
    }
    stream = weir_calloc(1, sizeof *stream);
    stream->key = key;
    stream->key_length = type_bytes + id_bytes;
    HASH_ADD_KEYPTR(hh, memory->streams, stream->key, stream->key_length, stream);
    return stream;
}

const weir_record *weir_log_find(const weir_memory *memory, const weir_record *record)
{
    weir_record *found = NULL;
    HASH_FIND(hh, memory->by_id, record->key, record->key_length, found);
    return found;
}

void weir_log_add(weir_memory *memory, weir_memory_stream *stream, weir_record *record)
{
    int64_t now = weir_clock_now_us();
    if (now > memory->last_recorded_us)
        memory->last_recorded_us = now;
    record->event.recorded_at_us = memory->last_recorded_us;
    push(&memory->log, record);
    push(&stream->events, record);
    record->event.position = memory->log.count;
    record->event.version = stream->events.count;
    HASH_ADD_KEYPTR(hh, memory->by_id, record->key, record->key_length, record);
}

void weir_log_undo(weir_memory *memory, int64_t count)
{
    while (memory->log.count > count) {
        weir_record *record = memory->log.records[--memory->log.count];
        weir_memory_stream *stream = weir_log_stream(memory, record->event.aggregate_type,
                                                     record->event.aggregate_id, false);
        stream->events.count--;
        record->event.position = 0;
        HASH_DEL(memory->by_id, record);
    }
}
