/* The relay's metrics, one series each per shard. */
#include <stdio.h>

#include "producer/relay_int.h"

static const weir_metric_info infos[] = {
    {"weir_relay_events_total", "Events acknowledged by Kafka.", WEIR_COUNTER, "relay,shard"},
    {"weir_relay_bytes_total", "Bytes of acknowledged messages: key, value and headers.",
     WEIR_COUNTER, "relay,shard"},
    {"weir_relay_cursor_position", "Every event up to here is acknowledged.", WEIR_GAUGE,
     "relay,shard"},
    {"weir_relay_horizon_position", "Up to here the store could be read last time.", WEIR_GAUGE,
     "relay,shard"},
    {"weir_relay_in_flight_events", "Events handed to Kafka and not acknowledged.", WEIR_GAUGE,
     "relay,shard"},
    {"weir_relay_active", "1 while this relay publishes.", WEIR_GAUGE, "relay,shard"},
    {"weir_relay_tail_reads_total", "Times that the topics' tails were read.", WEIR_COUNTER,
     "relay,shard"},
    {"weir_relay_skipped_events_total", "Events met again that were in Kafka already.",
     WEIR_COUNTER, "relay,shard"},
    {"weir_relay_errors_total", "Failures that were recovered from.", WEIR_COUNTER, "relay,shard"},
    {"weir_relay_ack_seconds", "From the append of an event to its acknowledgement.",
     WEIR_HISTOGRAM, "relay,shard"},
    {"weir_relay_horizon_holder_age_seconds",
     "Age of the open transaction that holds readers of all events back; 0: none.", WEIR_GAUGE,
     "relay,shard"},
    {"weir_relay_lag_last_success_timestamp_seconds",
     "When the lag was last measured, since the Unix epoch; 0 while this relay does not lead.",
     WEIR_GAUGE, "relay,shard"},
};

static const weir_metric_info lag_events = {
    "weir_relay_lag_events",
    "Events not acknowledged yet. Stage horizon: committed, behind an open transaction; relay: not "
    "handed to Kafka; broker: handed over. Above 1000 an upper bound.",
    WEIR_GAUGE, "relay,shard,stage"};
static const weir_metric_info lag_seconds = {"weir_relay_lag_seconds",
                                             "Age of the oldest event of each stage; 0: none.",
                                             WEIR_GAUGE, "relay,shard,stage"};

static void open_stages(weir_relay_meters *meters, const char *relay, int shard)
{
    static const char *const stages[] = {"horizon", "relay", "broker"};
    for (int i = 0; i < WEIR_RELAY_STAGE_COUNT; i++) {
        char labels[256];
        snprintf(labels, sizeof labels, "%s" WEIR_LABEL_NEXT "%d" WEIR_LABEL_NEXT "%s", relay,
                 shard, stages[i]);
        meters->lag_events[i] = weir_metrics_series(&lag_events, labels);
        meters->lag_seconds[i] = weir_metrics_series(&lag_seconds, labels);
    }
}

void weir_relay_meters_open(weir_relay_meters *meters, const char *relay, int shard)
{
    char labels[256];
    snprintf(labels, sizeof labels, "%s" WEIR_LABEL_NEXT "%d", relay, shard);
    weir_metric **series[] = {&meters->events,      &meters->bytes,      &meters->cursor,
                              &meters->horizon,     &meters->in_flight,  &meters->active,
                              &meters->tail_reads,  &meters->skipped,    &meters->errors,
                              &meters->ack_seconds, &meters->holder_age, &meters->lag_measured};
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        *series[i] = weir_metrics_series(&infos[i], labels);
    open_stages(meters, relay, shard);
}
