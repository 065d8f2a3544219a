/* Verifying topics: what is verified, up to where, and in which order.
 *
 * The order makes it right beside a running relay: first what relays say is acknowledged, then the
 * ends of the topic, then the horizon of the store. So whatever the relays claimed lies below the
 * ends, and every record below the ends is of an event that was committed before. What lies beyond
 * is pending or not looked at; nothing in between can be a false finding. */
#include "producer/verify_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define CHUNK_EVENTS 4096
#define CHUNK_EVENTS_MOST 65536
#define ARENA_LIMIT ((size_t)256 << 20) /* never reached: see weir_verify_chunk */
#define HOLES_MOST 100000

const char *weir_defect_name(weir_defect defect)
{
#define WEIR_DEFECT_NAME(name, text) text,
    static const char *const names[] = {WEIR_DEFECTS(WEIR_DEFECT_NAME)};
    return names[defect];
}

/* clean_text copies text without what is no UTF-8: a record may hold anything. */
static char *clean_text(const char *text)
{
    char *clean = weir_strdup(text);
    for (size_t at = 0, left = strlen(clean); left > 0;) {
        size_t length = weir_utf8_length(clean + at, left);
        if (length == 0)
            clean[at] = '?';
        at += length ? length : 1;
        left -= length ? length : 1;
    }
    return clean;
}

/* hand_over lists a finding that is counted already. */
static void hand_over(weir_verify *verify, weir_defect defect, int32_t partition,
                      const weir_record *record, int64_t position, const weir_event *event,
                      const char *detail)
{
    if (verify->listed >= verify->options->limit)
        return;
    verify->listed++;
    char *text = clean_text(detail);
    weir_verify_finding finding = {
        .aggregate_type = verify->type,
        .topic = verify->topic,
        .defect = defect,
        .partition = verify->topic ? partition : -1,
        .offset = record ? record->offset : -1,
        .position = position,
        .aggregate_id = event ? event->aggregate_id : NULL,
        .version = event ? event->version : 0,
        .detail = text,
    };
    verify->options->found(verify->options->context, &finding);
    free(text);
}

void weir_verify_found(weir_verify *verify, weir_defect defect, int32_t partition,
                       const weir_record *record, int64_t position, const weir_event *event,
                       const char *detail)
{
    verify->counts.defects[defect]++;
    hand_over(verify, defect, partition, record, position, event, detail);
}

/* take_bounds: a partition's bound is what some relay has recorded of it, else what every relay has
 * passed. */
static void take_bounds(weir_verify *verify, const weir_result *rows)
{
    int64_t lowest = weir_result_rows(rows) > 0 ? INT64_MAX : 0;
    for (int row = 0; row < weir_result_rows(rows); row++) {
        int64_t cursor = weir_result_integer(rows, row, 0);
        lowest = cursor < lowest ? cursor : lowest;
    }
    for (int i = 0; i < verify->count; i++)
        verify->parts[i].bound = -1;
    for (int row = 0; row < weir_result_rows(rows); row++) {
        int64_t partition = weir_result_integer(rows, row, 1);
        if (!weir_result_value(rows, row, 1) || partition >= verify->count)
            continue;
        weir_verify_part *part = &verify->parts[partition];
        int64_t cursor = weir_result_integer(rows, row, 0);
        int64_t recorded = weir_result_integer(rows, row, 2);
        part->written = part->written || recorded > 0;
        recorded = recorded > cursor ? recorded : cursor;
        part->bound = recorded > part->bound ? recorded : part->bound;
        part->recorded = true;
    }
    for (int i = 0; i < verify->count; i++)
        if (verify->parts[i].bound < 0)
            verify->parts[i].bound = lowest;
}

/* is_replaced: this is not what relays have written to. */
static bool is_replaced(const weir_verify *verify, int real)
{
    bool written = false, left = false;
    for (int i = 0; i < verify->count; i++) {
        written = written || verify->parts[i].written;
        left = left || verify->parts[i].end > 0;
    }
    return written && (real < verify->partitions || !left);
}

/* open_type: relays first, then the topic's ends, then the horizon. */
static bool open_type(weir_verify *verify, weir_error *error)
{
    weir_connection *connection = weir_store_connection(verify->store);
    weir_param params[] = {WEIR_PARAM_TEXT(verify->topic ? verify->topic : "")};
    weir_result *claims = weir_connection_query(connection, "verify_progress", params, 1, error);
    weir_result *horizon = NULL;
    bool ok = claims &&
              (!verify->topic || (verify->reader = weir_topic_reader_open(
                                      verify->config, verify->topic, verify->stop, error)) != NULL);
    if (ok)
        ok = (horizon = weir_connection_query(connection, "horizon", NULL, 0, error)) != NULL;
    if (ok) {
        int real = verify->reader ? weir_topic_reader_partitions(verify->reader) : 0;
        verify->horizon = weir_result_integer(horizon, 0, 0);
        verify->counts.compacted_topic =
            verify->reader && weir_topic_reader_compacted(verify->reader);
        verify->count = verify->partitions > real ? verify->partitions : real;
        verify->count = verify->count > 0 ? verify->count : 1;
        verify->parts = weir_calloc((size_t)verify->count, sizeof *verify->parts);
        for (int32_t i = 0; i < real; i++) {
            verify->parts[i].low = weir_topic_reader_low(verify->reader, i);
            verify->parts[i].end = weir_topic_reader_end(verify->reader, i);
            verify->total += verify->parts[i].end - verify->parts[i].low;
        }
        take_bounds(verify, claims);
        verify->counts.replaced = is_replaced(verify, real);
    }
    weir_result_free(claims);
    weir_result_free(horizon);
    return ok;
}

static bool list_one(void *context, const weir_missing *missing, bool *enough, weir_error *error)
{
    weir_verify *verify = context;
    int64_t position = missing->event->position;
    const char *detail = !verify->topic ? "its aggregate type has no recorded topic"
                         : weir_topic_reader_partitions(verify->reader) == 0
                             ? "the topic does not exist"
                         : missing->partition >= weir_topic_reader_partitions(verify->reader)
                             ? "the topic does not have its partition"
                         : verify->parts[missing->partition].passed >= position
                             ? "later events of its partition are in the topic"
                             : "a relay has recorded that Kafka acknowledged it";
    (void)error;
    hand_over(verify, WEIR_MISSING, missing->partition, NULL, position, missing->event, detail);
    *enough = verify->listed >= verify->options->limit;
    return true;
}

static bool list_missing(weir_verify *verify, weir_error *error)
{
    return verify->counts.defects[WEIR_MISSING] == 0 || verify->listed >= verify->options->limit ||
           weir_verify_missing(verify, list_one, verify, error);
}

static bool verify_type(weir_verify *verify, weir_error *error)
{
    if (!open_type(verify, error))
        return false;
    int64_t most = CHUNK_EVENTS + 16 * (int64_t)verify->count;
    verify->chunk_most = most < CHUNK_EVENTS_MOST ? most : CHUNK_EVENTS_MOST;
    verify->given_up = weir_calloc((size_t)verify->chunk_most, sizeof(weir_expected *));
    while (!verify->last_chunk)
        if (weir_stop_requested(verify->stop)
                ? !weir_fail(error, WEIR_FATE_FATAL, "interrupted")
                : !weir_verify_chunk(verify, error) || !weir_verify_merge(verify, error))
            return false;
    if (!list_missing(verify, error))
        return false;
    return !verify->options->repair || verify->counts.defects[WEIR_MISSING] == 0 ||
           weir_verify_repair(verify, error);
}

/* close_type releases what verify_type holds, also when it failed half-way. */
static void close_type(weir_verify *verify)
{
    for (size_t i = 0; i < verify->late_count; i++)
        if (!verify->late[i].head)
            weir_topic_reader_release(verify->reader, verify->late[i].record);
    for (int i = 0; verify->parts && i < verify->count; i++) {
        if (verify->parts[i].head)
            weir_topic_reader_release(verify->reader, verify->parts[i].head);
        weir_holes_free(&verify->parts[i].holes);
    }
    weir_topic_reader_close(verify->reader);
    free(verify->parts);
    free(verify->given_up);
}

static bool run_type(weir_verify *verify, const char *type, const char *topic, int partitions,
                     int64_t accepted, weir_error *error)
{
    weir_verify one = {
        .config = verify->config,
        .store = verify->store,
        .stop = verify->stop,
        .options = verify->options,
        .listed = verify->listed,
        .extras = verify->extras,
        .type = type,
        .topic = topic,
        .partitions = partitions,
        .accepted = accepted,
        .counts = {.aggregate_type = type, .topic = topic, .partitions = partitions},
        .hole_room = HOLES_MOST,
        .arena = verify->arena,
    };
    bool ok = verify_type(&one, error);
    close_type(&one);
    verify->listed = one.listed;
    if (ok)
        verify->options->done(verify->options->context, &one.counts);
    return ok;
}

bool weir_verify_topics(const weir_config *config, weir_store *store, weir_stop *stop,
                        const weir_verify_options *options, weir_error *error)
{
    weir_verify verify = {.config = config, .store = store, .stop = stop, .options = options};
    const char *wanted = options->aggregate_type;
    weir_param params[] = {WEIR_PARAM_TEXT(wanted)};
    weir_result *types =
        weir_connection_query(weir_store_connection(store), "verify_topics", params, 1, error);
    if (!types)
        return false;
    bool ok = !wanted || weir_result_rows(types) > 0 ||
              weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                             "aggregate type %s has neither events nor a topic", wanted);
    weir_extras_read(&verify.extras, config);
    verify.arena = weir_arena_new(ARENA_LIMIT);
    for (int row = 0; ok && row < weir_result_rows(types); row++)
        ok = run_type(&verify, weir_result_value(types, row, 0), weir_result_value(types, row, 1),
                      (int)weir_result_integer(types, row, 2), weir_result_integer(types, row, 3),
                      error);
    weir_arena_free(verify.arena);
    weir_result_free(types);
    return ok;
}
