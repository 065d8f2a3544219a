/* The relay's metrics, one series each per relay. */
#include "producer/relay_int.h"

static const weir_metric_info infos[] = {
    {"weir_relay_events_total", "Events acknowledged by Kafka.", WEIR_COUNTER, "relay"},
    {"weir_relay_bytes_total", "Bytes of acknowledged messages: key, value and headers.",
     WEIR_COUNTER, "relay"},
    {"weir_relay_cursor_position", "Every event up to here is acknowledged.", WEIR_GAUGE, "relay"},
    {"weir_relay_horizon_position", "Up to here the store could be read last time.", WEIR_GAUGE,
     "relay"},
    {"weir_relay_in_flight_events", "Events handed to Kafka and not acknowledged.", WEIR_GAUGE,
     "relay"},
    {"weir_relay_active", "1 while this relay publishes.", WEIR_GAUGE, "relay"},
    {"weir_relay_tail_reads_total", "Times that the topics' tails were read.", WEIR_COUNTER,
     "relay"},
    {"weir_relay_skipped_events_total", "Events met again that were in Kafka already.",
     WEIR_COUNTER, "relay"},
    {"weir_relay_errors_total", "Failures that were recovered from.", WEIR_COUNTER, "relay"},
    {"weir_relay_ack_seconds", "From the append of an event to its acknowledgement.",
     WEIR_HISTOGRAM, "relay"},
};

void weir_relay_meters_open(weir_relay_meters *meters, const char *relay)
{
    weir_metric **series[] = {&meters->events,     &meters->bytes,     &meters->cursor,
                              &meters->horizon,    &meters->in_flight, &meters->active,
                              &meters->tail_reads, &meters->skipped,   &meters->errors,
                              &meters->ack_seconds};
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        *series[i] = weir_metrics_series(&infos[i], relay);
}
