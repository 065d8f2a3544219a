/* Encodes a topic's messages as the calls that the runtime would make of them.
 *
 * The waves are made by sorting, not as the runtime makes them: what the two have in common is the
 * rule (at most one event of every aggregate, each aggregate's in order), not the code. */
#include "bench/batches.h"

#include <stdlib.h>
#include <string.h>

#include "store/connection.h"

#define ARRAY_LIMIT ((size_t)64 * 1024 * 1024)
#define ARENA_LIMIT ((size_t)8 * 1024 * 1024 * 1024)

/* Where a partition stands between two batches. */
typedef struct checkpoint {
    int64_t offset, next, position, events;
} checkpoint;

typedef struct encoder {
    bench_batches *batches;
    const char *topic;
    weir_array arrays[BENCH_COLUMNS]; /* reused for every call */
    weir_buffer moves[BENCH_MOVES];   /* reused for every batch */
    checkpoint *partitions;
} encoder;

static void *take(encoder *e, size_t bytes)
{
    void *memory = weir_arena_alloc(e->batches->arena, bytes);
    if (!memory)
        bench_die("the events do not fit into memory");
    return memset(memory, 0, bytes);
}

static const char *copy(encoder *e, const void *bytes, size_t length)
{
    const char *text = weir_arena_copy(e->batches->arena, bytes, length);
    if (!text)
        bench_die("the events do not fit into memory");
    return text;
}

static const char *header(const rd_kafka_message_t *message, const char *name)
{
    const char *value = bench_header(message, name);
    if (!value)
        bench_die("a message without %s", name);
    return value;
}

static int64_t number(const rd_kafka_message_t *message, const char *name)
{
    return strtoll(header(message, name), NULL, 10);
}

static int64_t moment(const rd_kafka_message_t *message, const char *name)
{
    const char *text = header(message, name);
    weir_error error;
    int64_t time_us;
    if (!weir_clock_parse(text, strlen(text), &time_us, &error))
        bench_die("%s", error.message);
    return time_us;
}

/* One event as text parameters; the headers already are texts. */
static bench_call one_event(encoder *e, const rd_kafka_message_t *message)
{
    bench_call c = {{header(message, "ce_position"), header(message, "ce_aggregatetype"),
                     header(message, "ce_subject"), header(message, "ce_aggregateversion"),
                     header(message, "ce_id"), header(message, "ce_type"),
                     header(message, "ce_schemaversion"), copy(e, message->payload, message->len),
                     "{}", header(message, "ce_time"), header(message, "ce_recordedtime")},
                    {0},
                    {0}};
    return c;
}

static void add_text(weir_array *array, const char *text)
{
    weir_array_text(array, text, strlen(text));
}

static void add_event(weir_array *arrays, const rd_kafka_message_t *message)
{
    const char *id = header(message, "ce_id");
    weir_uuid uuid;
    if (!weir_uuid_parse(id, strlen(id), &uuid))
        bench_die("%s is no UUID", id);
    weir_array_int64(&arrays[0], number(message, "ce_position"));
    add_text(&arrays[1], header(message, "ce_aggregatetype"));
    add_text(&arrays[2], header(message, "ce_subject"));
    weir_array_int64(&arrays[3], number(message, "ce_aggregateversion"));
    weir_array_uuid(&arrays[4], &uuid);
    add_text(&arrays[5], header(message, "ce_type"));
    weir_array_int32(&arrays[6], (int32_t)number(message, "ce_schemaversion"));
    weir_array_jsonb(&arrays[7], message->payload, message->len);
    weir_array_jsonb(&arrays[8], "{}", 2);
    weir_array_time(&arrays[9], moment(message, "ce_time"));
    weir_array_time(&arrays[10], moment(message, "ce_recordedtime"));
}

/* An event in its batch: where it came, and how many of its aggregate came before it. */
typedef struct place {
    const rd_kafka_message_t *message;
    size_t at, wave;
} place;

static int by_aggregate(const void *a, const void *b)
{
    const place *left = a, *right = b;
    size_t shorter = left->message->key_len < right->message->key_len ? left->message->key_len
                                                                      : right->message->key_len;
    int order = memcmp(left->message->key, right->message->key, shorter);
    if (order == 0)
        order = (left->message->key_len > right->message->key_len) -
                (left->message->key_len < right->message->key_len);
    return order ? order : (left->at > right->at) - (left->at < right->at);
}

static int by_wave(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->wave != right->wave)
        return left->wave > right->wave ? 1 : -1;
    return (left->at > right->at) - (left->at < right->at);
}

static bool same_key(const rd_kafka_message_t *a, const rd_kafka_message_t *b)
{
    return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static void sort_into_waves(place *places, size_t count)
{
    qsort(places, count, sizeof *places, by_aggregate);
    for (size_t i = 1; i < count; i++)
        if (same_key(places[i].message, places[i - 1].message))
            places[i].wave = places[i - 1].wave + 1;
    qsort(places, count, sizeof *places, by_wave);
}

static bench_call many_events(encoder *e, const place *places, size_t count)
{
    static const weir_pg_type types[BENCH_COLUMNS] = {
        WEIR_PG_INT8,  WEIR_PG_TEXT,        WEIR_PG_TEXT,       WEIR_PG_INT8,
        WEIR_PG_UUID,  WEIR_PG_TEXT,        WEIR_PG_INT4,       WEIR_PG_JSONB,
        WEIR_PG_JSONB, WEIR_PG_TIMESTAMPTZ, WEIR_PG_TIMESTAMPTZ};
    bench_call c;
    for (size_t i = 0; i < BENCH_COLUMNS; i++)
        weir_array_begin(&e->arrays[i], types[i]);
    for (size_t i = 0; i < count; i++)
        add_event(e->arrays, places[i].message);
    for (size_t i = 0; i < BENCH_COLUMNS; i++) {
        weir_param param = weir_array_param(&e->arrays[i]);
        if (e->arrays[i].bytes.overflow)
            bench_die("a batch of more than %zu bytes", ARRAY_LIMIT);
        c.values[i] = copy(e, param.value, (size_t)param.length);
        c.lengths[i] = param.length;
        c.formats[i] = 1;
    }
    return c;
}

static void encode_waves(encoder *e, bench_batch *b, rd_kafka_message_t **messages, size_t count)
{
    place *places = weir_calloc(count, sizeof *places);
    for (size_t i = 0; i < count; i++)
        places[i] = (place){messages[i], i, 0};
    sort_into_waves(places, count);
    b->calls = take(e, (places[count - 1].wave + 1) * sizeof *b->calls);
    for (size_t from = 0, to; from < count; from = to) {
        to = from + 1;
        while (to < count && places[to].wave == places[from].wave)
            to++;
        b->calls[b->count++] = many_events(e, places + from, to - from);
    }
    free(places);
}

static void encode_each(encoder *e, bench_batch *b, rd_kafka_message_t **messages, size_t count)
{
    b->calls = take(e, count * sizeof *b->calls);
    for (size_t i = 0; i < count; i++)
        b->calls[b->count++] = one_event(e, messages[i]);
}

static void advance(encoder *e, rd_kafka_message_t **messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        checkpoint *at = &e->partitions[messages[i]->partition];
        at->next = messages[i]->offset + 1;
        at->position = number(messages[i], "ce_position");
        at->events++;
    }
}

/* The parameters of weir.move_checkpoints: one array each, an element for every partition moved. */
static void encode_moves(encoder *e, bench_batch *b, int partitions)
{
    for (int i = 0; i < BENCH_MOVES; i++)
        weir_buffer_clear(&e->moves[i]);
    for (int p = 0; p < partitions; p++) {
        checkpoint *at = &e->partitions[p];
        if (at->events == 0)
            continue;
        const char *comma = e->moves[0].length ? "," : "{";
        const int64_t values[BENCH_MOVES] = {
            0, p, 1, 0, at->offset, 0, at->next, at->position, at->events};
        weir_buffer_format(&e->moves[0], "%s\"%s\"", comma, e->topic);
        for (int i = 1; i < BENCH_MOVES; i++)
            weir_buffer_format(&e->moves[i], "%s%lld", comma, (long long)values[i]);
        *at = (checkpoint){at->next, at->next, at->position, 0};
    }
    for (int i = 0; i < BENCH_MOVES; i++) {
        weir_buffer_char(&e->moves[i], '}');
        b->moves[i] = copy(e, e->moves[i].data, e->moves[i].length);
    }
}

static void encoder_free(encoder *e)
{
    for (size_t i = 0; i < BENCH_COLUMNS; i++)
        weir_array_free(&e->arrays[i]);
    for (size_t i = 0; i < BENCH_MOVES; i++)
        weir_buffer_free(&e->moves[i]);
    free(e->partitions);
}

void bench_batches_encode(bench_batches *batches, const bench_topic *topic, const char *name,
                          bool each, size_t size)
{
    *batches = (bench_batches){.arena = weir_arena_new(ARENA_LIMIT)};
    encoder e = {.batches = batches, .topic = name};
    for (size_t i = 0; i < BENCH_COLUMNS; i++)
        e.arrays[i].bytes.limit = ARRAY_LIMIT;
    for (size_t i = 0; i < BENCH_MOVES; i++)
        e.moves[i].limit = ARRAY_LIMIT;
    e.partitions = weir_calloc((size_t)topic->partitions, sizeof *e.partitions);
    for (int p = 0; p < topic->partitions; p++)
        e.partitions[p].offset = -1;
    batches->items = take(&e, (topic->count / size + 1) * sizeof *batches->items);
    for (size_t from = 0; from < topic->count; from += size) {
        size_t rest = topic->count - from, length = rest < size ? rest : size;
        bench_batch *b = &batches->items[batches->count++];
        (each ? encode_each : encode_waves)(&e, b, topic->messages + from, length);
        advance(&e, topic->messages + from, length);
        encode_moves(&e, b, topic->partitions);
        batches->statements += b->count;
    }
    encoder_free(&e);
}
