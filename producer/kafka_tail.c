/* Reading tails: watermarks first, then ranges, all partitions in one assignment, round by round
 * until every partition has concluded.
 *
 * read_committed, so that what a transaction has not committed does not count; every offset is
 * given explicitly and none is committed; an offset that is gone is an error, not a jump. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/kafka_int.h"
#include "producer/tail_reader_int.h"

#define ANSWER_MS 2500 /* at most, and half of the time after which a silent relay is replaced */
#define LOOK_US 3000000
#define SLICE_MS 100
#define SILENCE_US 10000000
#define SETTLE_US 1000000
#define SETTLE_LOOK_MS 100

struct weir_tail_reader {
    rd_kafka_t *client;
    weir_stop *stop;
    weir_beat_fn *beat; /* NULL: none */
    void *context;      /* of beat */
    const struct rd_kafka_metadata *metadata;
    int answer_ms; /* how long an answer is waited for */
};

weir_tail_reader *weir_tail_reader_open(const weir_config *config, weir_stop *stop,
                                        weir_error *error)
{
    /* The group is never joined: librdkafka wants its name before it takes an assignment. */
    static const char *const pairs[] = {"group.id",
                                        "weir-relay-tail",
                                        "isolation.level",
                                        "read_committed",
                                        "enable.auto.commit",
                                        "false",
                                        "enable.auto.offset.store",
                                        "false",
                                        "auto.offset.reset",
                                        "error",
                                        "enable.partition.eof",
                                        "true",
                                        "allow.auto.create.topics",
                                        "false",
                                        "fetch.wait.max.ms",
                                        "10",
                                        "fetch.max.bytes",
                                        "2097152",
                                        "message.max.bytes", /* zstd unpacks no further */
                                        "2097152",
                                        "queued.max.messages.kbytes",
                                        "4096",
                                        NULL};
    rd_kafka_t *client = weir_relay_consumer_open(config, pairs, error);
    if (!client)
        return NULL;
    rd_kafka_poll_set_consumer(client);
    weir_tail_reader *reader = weir_calloc(1, sizeof *reader);
    reader->client = client;
    reader->stop = stop;
    int64_t half_ms = weir_config_integer(config, "relay.takeover_ms") / 2;
    reader->answer_ms = half_ms < ANSWER_MS ? (int)half_ms : ANSWER_MS;
    return reader;
}

void weir_tail_reader_close(weir_tail_reader *reader)
{
    if (!reader)
        return;
    if (reader->metadata)
        rd_kafka_metadata_destroy(reader->metadata);
    rd_kafka_destroy_flags(reader->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(reader);
}

void weir_tail_reader_keep_beating(weir_tail_reader *reader, weir_beat_fn *beat, void *context)
{
    reader->beat = beat;
    reader->context = context;
}

bool weir_tail_reader_interrupted(const weir_tail_reader *reader, weir_error *error)
{
    if (weir_stop_requested(reader->stop))
        return !weir_fail(error, WEIR_FATE_RETRY, "stopped");
    return reader->beat && !reader->beat(reader->context) &&
           !weir_fail(error, WEIR_FATE_RETRY, "interrupted: the store went away");
}

bool weir_tail_reader_look(weir_tail_reader *reader, weir_error *error)
{
    /* All topics: asking for one by name could create it. */
    int64_t deadline = weir_clock_monotonic_us() + LOOK_US;
    rd_kafka_resp_err_t code;
    if (reader->metadata)
        rd_kafka_metadata_destroy(reader->metadata);
    reader->metadata = NULL;
    do {
        if (weir_tail_reader_interrupted(reader, error))
            return false;
        code = rd_kafka_metadata(reader->client, 1, NULL, &reader->metadata, 1000);
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && weir_clock_monotonic_us() < deadline);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_kafka_fail(error, code, "asking Kafka for its topics");
}

rd_kafka_t *weir_tail_reader_client(weir_tail_reader *reader, weir_stop **stop)
{
    *stop = reader->stop;
    return reader->client;
}

/* ask_for asks for one topic by name: one that may not be seen is missing in the list of all. This
 * client never creates a topic by asking. */
static rd_kafka_resp_err_t ask_for(weir_tail_reader *reader, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->client, name, NULL);
    if (!topic)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(reader->client, 0, topic, &metadata, reader->answer_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__FAIL;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return code;
}

bool weir_tail_reader_count(weir_tail_reader *reader, const char *topic, int *count,
                            weir_error *error)
{
    const struct rd_kafka_metadata *metadata = reader->metadata;
    *count = 0;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            *count = metadata->topics[i].partition_cnt;
    if (*count > 0)
        return true;
    rd_kafka_resp_err_t code = ask_for(reader, topic);
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           weir_kafka_refuse_topic(code ? code : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                                   "looking for", topic, error);
}

/* look_at_ends asks for every partition's first offset and end. *moved: an end is another than
 * before. */
static bool look_at_ends(weir_tail_reader *reader, weir_tail *tails, size_t count, bool *moved,
                         weir_error *error)
{
    *moved = false;
    for (size_t i = 0; i < count; i++) {
        int64_t before = tails[i].high;
        if (weir_tail_reader_interrupted(reader, error))
            return false;
        rd_kafka_resp_err_t code =
            weir_kafka_ends(reader->client, tails[i].topic, tails[i].partition, &tails[i].low,
                            &tails[i].high, reader->answer_ms);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return weir_kafka_refuse_topic(code, "asking for the ends of", tails[i].topic, error);
        *moved = *moved || tails[i].high != before;
    }
    return true;
}

static bool settle(weir_tail_reader *reader, weir_tail *tails, size_t count, weir_error *error)
{
    int64_t unchanged_since = weir_clock_monotonic_us();
    while (weir_clock_monotonic_us() - unchanged_since < SETTLE_US) {
        bool moved;
        if (weir_stop_wait(reader->stop, SETTLE_LOOK_MS) &&
            weir_tail_reader_interrupted(reader, error))
            return false;
        if (!look_at_ends(reader, tails, count, &moved, error))
            return false;
        if (moved)
            unchanged_since = weir_clock_monotonic_us();
    }
    return true;
}

/* One round: every partition that has not concluded reads its range. */
typedef struct weir_tail_round {
    weir_tail_reader *reader;
    const char *store_id;
    weir_tail *tails;
    size_t count;
    bool *reading; /* per tail: its range is not at its end yet */
    size_t left;
    size_t latest; /* tail of the last message: the next one is likely of the same */
} weir_tail_round;

static weir_tail *find_tail(weir_tail_round *round, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < round->count; i++) {
        size_t at = (round->latest + i) % round->count;
        weir_tail *tail = &round->tails[at];
        if (tail->partition == partition && strcmp(tail->topic, topic) == 0) {
            round->latest = at;
            return tail;
        }
    }
    return NULL;
}

static void finish_range(weir_tail_round *round)
{
    if (round->reading[round->latest])
        round->left--;
    round->reading[round->latest] = false;
}

static const char *header_text(const rd_kafka_headers_t *headers, const char *name, char text[64])
{
    const void *value;
    size_t length;
    if (rd_kafka_header_get_last(headers, name, &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        !value || length > 63)
        return NULL;
    memcpy(text, value, length);
    text[length] = '\0';
    return text;
}

static bool take_record(weir_tail_round *round, weir_tail *tail, rd_kafka_message_t *message,
                        weir_error *error)
{
    char texts[3][64];
    rd_kafka_headers_t *headers = NULL;
    weir_tail_record record = {.offset = message->offset};
    if (message->offset >= tail->until - 1)
        finish_range(round);
    if (message->offset < tail->from || message->offset >= tail->until)
        return true;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        record.store_id = header_text(headers, "ce_storeid", texts[0]);
        record.position = header_text(headers, "ce_position", texts[1]);
        record.id = header_text(headers, "ce_id", texts[2]);
    }
    return weir_tail_see(tail, &record, round->store_id, error);
}

/* Errors that pass by themselves are waited out: the round's silence is bounded. */
static bool take_message(weir_tail_round *round, rd_kafka_message_t *message, bool *progress,
                         weir_error *error)
{
    weir_tail *tail = message->rkt
                          ? find_tail(round, rd_kafka_topic_name(message->rkt), message->partition)
                          : NULL;
    *progress = tail && (!message->err || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF);
    if (*progress && message->err) {
        if (message->offset >= tail->from) /* EOFs of an earlier round are below */
            finish_range(round);
        return true;
    }
    if (*progress)
        return !round->reading[round->latest] || take_record(round, tail, message, error);
    /* librdkafka looks for a coordinator of the group that it is never asked to join. */
    if (message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        return true;
    weir_error said = {0};
    if (message->rkt)
        weir_kafka_refuse_topic(message->err, "reading the end of",
                                rd_kafka_topic_name(message->rkt), &said);
    else
        weir_kafka_fail(&said, message->err, "reading the ends of the topics");
    bool gone = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (said.fate != WEIR_FATE_RETRY || gone)
        *error = said;
    return said.fate == WEIR_FATE_RETRY && !gone;
}

static bool assign_ranges(weir_tail_round *round, weir_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)round->count);
    round->left = 0;
    for (size_t i = 0; i < round->count; i++) {
        const weir_tail *tail = &round->tails[i];
        round->reading[i] = !tail->done;
        if (tail->done)
            continue;
        rd_kafka_topic_partition_list_add(list, tail->topic, tail->partition)->offset = tail->from;
        round->left++;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(round->reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_kafka_fail(error, code, "assigning partitions");
}

static bool read_ranges(weir_tail_round *round, weir_error *error)
{
    int64_t heard = weir_clock_monotonic_us();
    while (round->left > 0) {
        if (weir_tail_reader_interrupted(round->reader, error))
            return false;
        if (weir_clock_monotonic_us() - heard > SILENCE_US)
            return weir_kafka_fail(error, RD_KAFKA_RESP_ERR__TIMED_OUT,
                                   "reading the ends of the topics");
        rd_kafka_message_t *message = rd_kafka_consumer_poll(round->reader->client, SLICE_MS);
        if (!message)
            continue;
        bool progress, ok = take_message(round, message, &progress, error);
        rd_kafka_message_destroy(message);
        if (!ok)
            return false;
        if (progress)
            heard = weir_clock_monotonic_us();
    }
    return true;
}

static bool read_rounds(weir_tail_round *round, weir_error *error)
{
    for (;;) {
        if (!assign_ranges(round, error))
            return false;
        if (round->left == 0)
            return true;
        if (!read_ranges(round, error))
            return false;
        for (size_t i = 0; i < round->count; i++)
            if (!round->tails[i].done)
                weir_tail_next(&round->tails[i]);
    }
}

bool weir_tail_reader_read(weir_tail_reader *reader, const char *store_id, weir_tail *tails,
                           size_t count, bool settle_first, weir_error *error)
{
    bool moved;
    if (!look_at_ends(reader, tails, count, &moved, error) ||
        (settle_first && !settle(reader, tails, count, error)))
        return false;
    for (size_t i = 0; i < count; i++)
        weir_tail_begin(&tails[i]);
    weir_tail_round round = {reader, store_id, tails, count, weir_calloc(count + 1, sizeof(bool)),
                             0,      0};
    bool ok = read_rounds(&round, error);
    free(round.reading);
    return ok;
}

bool weir_tail_reader_window(weir_tail_reader *reader, const char *store_id, weir_tail *tails,
                             size_t count, int64_t events, weir_error *error)
{
    bool moved;
    if (!look_at_ends(reader, tails, count, &moved, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        tails[i].window = true;
        tails[i].until = tails[i].high;
        tails[i].from =
            tails[i].high - tails[i].low > events ? tails[i].high - events : tails[i].low;
        tails[i].done = tails[i].low >= tails[i].high;
    }
    weir_tail_round round = {reader, store_id, tails, count, weir_calloc(count + 1, sizeof(bool)),
                             0,      0};
    bool ok = assign_ranges(&round, error) && read_ranges(&round, error);
    free(round.reading);
    return ok;
}
