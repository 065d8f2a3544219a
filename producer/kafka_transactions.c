/* Kafka transactions: the calls of librdkafka that wait for the transaction coordinator.
 *
 * Nothing here blocks for long: a call that is not answered is continued by the next one. A
 * transaction that failed is never repaired: its producer is replaced, and the replacement's
 * weir_sink_take_over ends whatever is still open, whoever opened it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/kafka_int.h"
#include "producer/sink_int.h"

#define SLICE_MS 200
#define TAKE_OVER_US 2500000 /* shorter than a heartbeat may be late */
#define ABORT_MS 500
#define LOOK_MS 1000

static const char *reason_of(const weir_sink *sink, rd_kafka_resp_err_t *code,
                             const rd_kafka_error_t *failure, char text[512])
{
    *code = rd_kafka_error_code(failure);
    snprintf(text, 512, "%s", rd_kafka_error_string(failure));
    if (rd_kafka_error_is_fatal(failure)) {
        char fatal[512];
        rd_kafka_resp_err_t first = rd_kafka_fatal_error(sink->client, fatal, sizeof fatal);
        if (first != RD_KAFKA_RESP_ERR_NO_ERROR)
            *code = first;
    }
    return text;
}

/* way_out is what a person can do about it; "" for what passes by itself. */
static const char *way_out(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return ". Grant this user Write and Describe on that transactional id (or on the prefix "
               "weir-), or set relay.delivery to at_least_once";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        return ". The brokers' transaction.max.timeout.ms must be at least " WEIR_TRANSACTION_MS
               ", or set relay.delivery to at_least_once";
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
        return ". These brokers know no transactions: set relay.delivery to at_least_once";
    default:
        return "";
    }
}

static bool fail(const weir_sink *sink, const char *doing, const rd_kafka_error_t *failure,
                 weir_error *error)
{
    char text[512];
    rd_kafka_resp_err_t code;
    reason_of(sink, &code, failure, text);
    return weir_kafka_fail(error, code, "%s (%s: %s)%s", doing, sink->transactional_id, text,
                           way_out(code));
}

/* explain_silence: brokers that answer while their coordinator does not are a matter of their
 * configuration more often than not. */
static bool explain_silence(const weir_sink *sink, const rd_kafka_error_t *failure,
                            weir_error *error)
{
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(sink->client, 0, NULL, &metadata, LOOK_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(sink, "beginning with transactions", failure, error);
    int brokers = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return weir_kafka_fail(
        error, rd_kafka_error_code(failure),
        "the transaction coordinator of %s does not answer, while %d broker%s there: if it "
        "stays so, compare transaction.state.log.replication.factor and "
        "transaction.state.log.min.isr with the number of brokers, or set relay.delivery to "
        "at_least_once (%s)",
        sink->transactional_id, brokers, brokers == 1 ? " is" : "s are",
        rd_kafka_error_string(failure));
}

/* conclude fills error for the start's retry; being fenced while taking over passes too. */
static bool conclude(const weir_sink *sink, const rd_kafka_error_t *failure, weir_error *error)
{
    if (rd_kafka_error_is_retriable(failure))
        return explain_silence(sink, failure, error);
    fail(sink, "beginning with transactions", failure, error);
    if (error->fate == WEIR_FATE_FATAL)
        error->fate = WEIR_FATE_RETRY;
    return false;
}

bool weir_sink_take_over(weir_sink *sink, weir_stop *stop, weir_error *error)
{
    int64_t deadline = weir_clock_monotonic_us() + TAKE_OVER_US;
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_init_transactions(sink->client, SLICE_MS);
        if (!failure)
            return true;
        bool again = rd_kafka_error_is_retriable(failure) && !weir_stop_requested(stop) &&
                     weir_clock_monotonic_us() < deadline;
        if (!again)
            conclude(sink, failure, error);
        rd_kafka_error_destroy(failure);
        if (!again)
            return false;
        rd_kafka_poll(sink->client, 0);
    }
}

bool weir_sink_end_predecessor(const weir_config *config, const char *transactional_id,
                               weir_stop *stop, weir_error *error)
{
    weir_sink_options options = {
        .events = 1, .bytes = 1, .transactional_id = transactional_id, .context = NULL};
    weir_sink *sink = weir_sink_open(config, &options, error);
    bool ok = sink && weir_sink_take_over(sink, stop, error);
    weir_sink_close(sink);
    return ok;
}

bool weir_sink_begin(weir_sink *sink, weir_error *error)
{
    if (!sink->transactional_id || sink->open)
        return true;
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(sink->client);
    sink->open = !failure;
    if (failure)
        fail(sink, "beginning a transaction", failure, error);
    rd_kafka_error_destroy(failure);
    return sink->open;
}

/* patience_us: two requests are not answered, and a half. By then brokers have noticed for
 * themselves that one of them hangs, and can say who coordinates instead. */
static int64_t patience_us(const weir_sink *sink)
{
    char text[24];
    size_t size = sizeof text;
    rd_kafka_conf_get(rd_kafka_conf(sink->client), "socket.timeout.ms", text, &size);
    return (int64_t)atoi(text) * 2500;
}

/* check_silence: librdkafka goes on with a coordinator that hangs for as long as it can connect to
 * it, and may ask that very broker for another one. A new producer looks afresh. */
static void check_silence(weir_sink *sink)
{
    if (weir_clock_monotonic_us() - sink->committing_since_us < patience_us(sink))
        return;
    weir_kafka_fail(&sink->failure, RD_KAFKA_RESP_ERR__TIMED_OUT,
                    "committing a transaction (%s: its coordinator does not answer)",
                    sink->transactional_id);
    sink->failed = true;
}

bool weir_sink_commit(weir_sink *sink)
{
    if (sink->committing_since_us == 0)
        sink->committing_since_us = weir_clock_monotonic_us();
    rd_kafka_error_t *failure = rd_kafka_commit_transaction(sink->client, SLICE_MS);
    if (!failure) {
        sink->committing_since_us = 0;
        sink->open = false;
        sink->cut_off = false;
        return true;
    }
    if (!rd_kafka_error_is_retriable(failure) && !sink->failed) {
        fail(sink, "committing a transaction", failure, &sink->failure);
        sink->failed = true;
    }
    rd_kafka_error_destroy(failure);
    if (!sink->failed)
        check_silence(sink);
    return false;
}

void weir_sink_abort(weir_sink *sink)
{
    if (!sink->open)
        return;
    /* What this does not end the next take-over does, and the coordinator after its timeout. */
    rd_kafka_error_destroy(rd_kafka_abort_transaction(sink->client, ABORT_MS));
    sink->open = false;
}
