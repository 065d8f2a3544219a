/* Counters, gauges and histograms, rendered as Prometheus text exposition 0.0.4.
 *
 * Owns the one registry of the process: a list of series sorted by metric name and label value,
 * which only grows and is locked only to add to it or to walk it. Values are atomics, so an update
 * is one instruction or a short loop. A histogram's count is the sum of its buckets, so a scrape
 * amid updates is still consistent with itself. */
#include "base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double bounds[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                0.5,   1,     2,     5,    10,   20,   50,  60};
#define BOUNDS (sizeof(bounds) / sizeof(*bounds))

struct weir_metric {
    const weir_metric_info *info;
    char *label_value;                    /* NULL: no label */
    _Atomic double value;                 /* histogram: the sum */
    _Atomic uint64_t buckets[BOUNDS + 1]; /* not cumulative; the last is beyond every bound */
    weir_metric *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static weir_metric *all;

static int compare(const weir_metric *metric, const weir_metric_info *info, const char *label)
{
    int order = strcmp(metric->info->name, info->name);
    if (order)
        return order;
    return strcmp(metric->label_value ? metric->label_value : "", label ? label : "");
}

weir_metric *weir_metrics_series(const weir_metric_info *info, const char *label_value)
{
    const char *label = info->label ? label_value : NULL;
    pthread_mutex_lock(&lock);
    weir_metric **at = &all;
    while (*at && compare(*at, info, label) < 0)
        at = &(*at)->next;
    weir_metric *metric = *at;
    if (!metric || compare(metric, info, label) != 0) {
        metric = weir_calloc(1, sizeof(*metric));
        metric->info = info;
        metric->label_value = info->label ? weir_strdup(label ? label : "") : NULL;
        metric->next = *at;
        *at = metric;
    }
    pthread_mutex_unlock(&lock);
    return metric;
}

void weir_metric_add(weir_metric *metric, double amount)
{
    double old = atomic_load_explicit(&metric->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&metric->value, &old, old + amount))
        ;
}

void weir_metric_set(weir_metric *metric, double value)
{
    atomic_store(&metric->value, value);
}

void weir_metric_observe(weir_metric *metric, double seconds)
{
    size_t bucket = 0;
    while (bucket < BOUNDS && !(seconds <= bounds[bucket]))
        bucket++;
    atomic_fetch_add(&metric->buckets[bucket], 1);
    weir_metric_add(metric, seconds);
}

double weir_metric_value(const weir_metric *metric)
{
    return atomic_load(&metric->value);
}

/* append_part escapes as the exposition format asks: quotes only inside label values. */
static void append_part(weir_buffer *buffer, const char *text, size_t length, bool label)
{
    for (const char *end = text + length; text < end; text++) {
        if (*text == '\n')
            weir_buffer_text(buffer, "\\n");
        else if (*text == '\\' || (label && *text == '"'))
            weir_buffer_append(buffer, (const char[]){'\\', *text}, 2);
        else
            weir_buffer_char(buffer, *text);
    }
}

/* append_number writes the shortest of two precisions that reads back as the same number. */
static void append_number(weir_buffer *buffer, double value)
{
    char text[40];
    if (isnan(value) || isinf(value)) {
        weir_buffer_text(buffer, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) < value || strtod(text, NULL) > value)
        snprintf(text, sizeof(text), "%.17g", value);
    weir_buffer_text(buffer, text);
}

static void append_escaped(weir_buffer *buffer, const char *text)
{
    append_part(buffer, text, strlen(text), false);
}

/* append_names writes one label, or two: their names and their values are one text each. */
static void append_names(weir_buffer *buffer, const char *names, const char *values)
{
    for (;;) {
        size_t name = strcspn(names, ","), value = strcspn(values, WEIR_LABEL_NEXT);
        weir_buffer_append(buffer, names, name);
        weir_buffer_text(buffer, "=\"");
        append_part(buffer, values, value, true);
        weir_buffer_char(buffer, '"');
        names += name;
        values += value;
        if (*names == '\0' || *values == '\0')
            return;
        weir_buffer_char(buffer, *names++);
        values++;
    }
}

/* append_labels writes {label="…",le="…"} with the parts that there are. */
static void append_labels(weir_buffer *buffer, const weir_metric *metric, const char *le)
{
    if (!metric->info->label && !le)
        return;
    weir_buffer_char(buffer, '{');
    if (metric->info->label)
        append_names(buffer, metric->info->label, metric->label_value);
    if (le)
        weir_buffer_format(buffer, "%sle=\"%s\"", metric->info->label ? "," : "", le);
    weir_buffer_char(buffer, '}');
}

static void append_line(weir_buffer *buffer, const weir_metric *metric, const char *suffix,
                        const char *le, double value)
{
    weir_buffer_format(buffer, "%s%s", metric->info->name, suffix);
    append_labels(buffer, metric, le);
    weir_buffer_char(buffer, ' ');
    append_number(buffer, value);
    weir_buffer_char(buffer, '\n');
}

static void append_histogram(weir_buffer *buffer, const weir_metric *metric)
{
    double sum = weir_metric_value(metric);
    uint64_t count = 0;
    for (size_t i = 0; i <= BOUNDS; i++) {
        char le[16] = "+Inf";
        if (i < BOUNDS)
            snprintf(le, sizeof(le), "%g", bounds[i]);
        count += atomic_load(&metric->buckets[i]);
        append_line(buffer, metric, "_bucket", le, (double)count);
    }
    append_line(buffer, metric, "_sum", NULL, sum);
    append_line(buffer, metric, "_count", NULL, (double)count);
}

void weir_metrics_render(weir_buffer *buffer)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const char *previous = "";
    pthread_mutex_lock(&lock);
    for (const weir_metric *metric = all; metric; metric = metric->next) {
        const weir_metric_info *info = metric->info;
        if (strcmp(previous, info->name) != 0) {
            weir_buffer_format(buffer, "# HELP %s ", info->name);
            append_escaped(buffer, info->help);
            weir_buffer_format(buffer, "\n# TYPE %s %s\n", info->name, kinds[info->kind]);
        }
        previous = info->name;
        if (info->kind == WEIR_HISTOGRAM)
            append_histogram(buffer, metric);
        else
            append_line(buffer, metric, "", NULL, weir_metric_value(metric));
    }
    pthread_mutex_unlock(&lock);
}
