/* Counters, gauges and histograms, rendered as Prometheus text exposition 0.0.4.
 *
 * A metric is one row of a table (weir_metric_info) and has one series per label text. Updating a
 * series is lock-free; making one takes a lock, so make it once and keep the pointer. Series live
 * as long as the process. Base units only: seconds, bytes. Any thread. */
#ifndef WEIR_BASE_METRICS_H
#define WEIR_BASE_METRICS_H

#include "base/buffer.h"

typedef enum weir_metric_kind {
    WEIR_COUNTER,
    WEIR_GAUGE,
    WEIR_HISTOGRAM, /* seconds: 1 ms to 60 s in 1-2-5 steps */
} weir_metric_kind;

typedef struct weir_metric_info {
    const char *name; /* "weir_relay_events_total" */
    const char *help;
    weir_metric_kind kind;
    const char *label; /* name of its label, or NULL; "relay,stage" names two */
} weir_metric_info;

typedef struct weir_metric weir_metric;

/* Stands between the two values of a metric that has two labels. */
#define WEIR_LABEL_NEXT "\x1f"

/* weir_metrics_series returns the series of info with that label value (NULL when info has no
 * label), made on first use. info must be static: it identifies the metric. */
weir_metric *weir_metrics_series(const weir_metric_info *info, const char *label_value);

void weir_metric_add(weir_metric *metric, double amount);      /* counter: amount ≥ 0 */
void weir_metric_set(weir_metric *metric, double value);       /* gauge */
void weir_metric_observe(weir_metric *metric, double seconds); /* histogram */
double weir_metric_value(const weir_metric *metric);           /* histogram: the sum */

/* weir_metrics_render appends every series, grouped by metric, in name order. */
void weir_metrics_render(weir_buffer *buffer);

#endif
