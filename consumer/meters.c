/* What a subscription tells about itself: its metrics and its health.
 *
 * Lag is taken from the watermarks that come with every fetch, so it costs no request. Its age in
 * seconds is that of the oldest event known to wait: of the batch in hand, else of the last one
 * applied, which is older than whatever comes after it. */
#include "consumer/subscription_int.h"

#define SERIES "subscription"
static const weir_metric_info events_info = {"weir_subscription_events_total", "Events applied.",
                                             WEIR_COUNTER, SERIES};
static const weir_metric_info batches_info = {"weir_subscription_batches_total",
                                              "Transactions committed.", WEIR_COUNTER, SERIES};
static const weir_metric_info duplicates_info = {"weir_subscription_duplicates_total",
                                                 "Messages skipped as applied before.",
                                                 WEIR_COUNTER, SERIES};
static const weir_metric_info foreign_info = {
    "weir_subscription_foreign_total", "Messages skipped as not weir's.", WEIR_COUNTER, SERIES};
static const weir_metric_info retries_info = {"weir_subscription_retries_total",
                                              "Failures that were retried.", WEIR_COUNTER, SERIES};
static const weir_metric_info rebalances_info = {
    "weir_subscription_rebalances_total", "Assignments of partitions.", WEIR_COUNTER, SERIES};
static const weir_metric_info lag_events_info = {
    "weir_subscription_lag_events", "Messages not yet applied, over the partitions assigned.",
    WEIR_GAUGE, SERIES};
static const weir_metric_info lag_seconds_info = {
    "weir_subscription_lag_seconds", "Age of the oldest event not yet applied; 0 if there is none.",
    WEIR_GAUGE, SERIES};
static const weir_metric_info apply_info = {"weir_subscription_apply_seconds",
                                            "Time of one transaction.", WEIR_HISTOGRAM, SERIES};
static const weir_metric_info letters_info = {"weir_subscription_dead_letters_total",
                                              "Events that became dead letters.", WEIR_COUNTER,
                                              SERIES};
static const weir_metric_info healed_info = {"weir_subscription_healed_total",
                                             "Events that a topic lacked, read from the store.",
                                             WEIR_COUNTER, SERIES};
static const weir_metric_info parked_info = {"weir_subscription_parked",
                                             "Aggregates whose events wait as dead letters.",
                                             WEIR_GAUGE, SERIES};
static const weir_metric_info paused_info = {"weir_subscription_paused",
                                             "1: a person has paused it.", WEIR_GAUGE, SERIES};
static const weir_metric_info stopped_info = {
    "weir_subscription_stopped", "1: it stopped itself and needs a person.", WEIR_GAUGE, SERIES};

void weir_meters_open(weir_subscription *s)
{
    s->meters = (weir_meters){
        .events = weir_metrics_series(&events_info, s->name),
        .batches = weir_metrics_series(&batches_info, s->name),
        .duplicates = weir_metrics_series(&duplicates_info, s->name),
        .foreign = weir_metrics_series(&foreign_info, s->name),
        .retries = weir_metrics_series(&retries_info, s->name),
        .rebalances = weir_metrics_series(&rebalances_info, s->name),
        .lag_events = weir_metrics_series(&lag_events_info, s->name),
        .lag_seconds = weir_metrics_series(&lag_seconds_info, s->name),
        .apply_seconds = weir_metrics_series(&apply_info, s->name),
        .letters = weir_metrics_series(&letters_info, s->name),
        .healed = weir_metrics_series(&healed_info, s->name),
        .parked = weir_metrics_series(&parked_info, s->name),
        .paused = weir_metrics_series(&paused_info, s->name),
        .stopped = weir_metrics_series(&stopped_info, s->name),
    };
}

int64_t weir_meters_lag(weir_subscription *s)
{
    size_t count;
    int64_t lag = 0;
    const weir_partition *partitions = weir_subscription_partitions(s, &count);
    for (size_t i = 0; i < count; i++) {
        const weir_partition *p = &partitions[i];
        int64_t from = weir_partition_committed(p);
        from = from > p->low ? from : p->low;
        if (p->high == WEIR_UNKNOWN || (p->gate.fresh && p->end >= p->high))
            continue;
        lag += p->high > from ? p->high - from : 0;
    }
    return lag;
}

static bool is_idle(const weir_subscription *s, bool joined, int64_t lag)
{
    if (!s->source)
        return s->stored->caught_up;
    return s->topics.count == 0 || (!joined && weir_source_waits(s->source)) ||
           (joined && !s->resume && lag == 0);
}

void weir_meters_tick(weir_subscription *s)
{
    int64_t lag = weir_meters_lag(s);
    double seconds = 0;
    int64_t oldest_us = atomic_load(&s->oldest_us);
    if (lag > 0 && oldest_us > 0)
        seconds = (double)(weir_clock_now_us() - oldest_us) / 1e6;
    weir_metric_set(s->meters.lag_events, (double)lag);
    weir_metric_set(s->meters.lag_seconds, seconds > 0 ? seconds : 0);
    atomic_store(&s->health.lag_us, seconds > 0 ? (int64_t)(seconds * 1e6) : 0);
    unsigned rebalances = s->source ? weir_source_rebalances(s->source) : 0;
    weir_metric_add(s->meters.rebalances, rebalances - s->rebalances);
    s->rebalances = rebalances;
    bool joined = !s->source || weir_source_joined(s->source);
    bool up = !s->source || weir_source_up(s->source);
    bool idle = s->waits || is_idle(s, joined, lag);
    /* Where nothing was published yet there is nothing to be assigned. */
    bool nothing_there = s->store && s->topics.count == 0;
    atomic_store(&s->health.assigned, nothing_there || (joined && !s->resume));
    atomic_store(&s->health.store_up, s->store != NULL);
    atomic_store(&s->health.kafka_up, up);
    atomic_store(&s->health.lag_events, lag);
    if (s->store && up && idle)
        atomic_store(&s->health.progress_us, weir_clock_monotonic_us());
}
