/* The admin pages of `weir serve`: /metrics, /healthz, /readyz, /version.
 *
 * Health is progress, not mere life: a part is healthy if it moved or was caught up within
 * PROGRESS_US. A subscription that stopped itself is not unhealthy: a restart would not cure it.
 * Readiness is whether every part runs, is connected and has its share of the work. */
#include "app/serve_int.h"

#include <stdio.h>
#include <string.h>

#define PROGRESS_US (INT64_C(30) * 1000 * 1000)
#define STANDBY_US (INT64_C(5) * 1000 * 1000)

/* One part of the process as both pages show it. */
typedef struct part {
    const char *kind, *name;
    bool healthy, ready;
    bool store_up, kafka_up; /* as far as it needs them */
    const char *why;         /* not healthy or not ready; NULL when both */
    int64_t idle_us;         /* since it made progress */
} part;

typedef void part_fn(void *context, const part *each);

static int64_t idle_since(const weir_serve *serve, int64_t progress_us)
{
    int64_t from = progress_us > serve->started_us ? progress_us : serve->started_us;
    int64_t idle = weir_clock_monotonic_us() - from;
    return idle > 0 ? idle : 0; /* who supervises itself promises progress ahead */
}

/* A standby holds no broker connection; what shows that it stands by is that it keeps asking. */
static part part_of_relay(const weir_serve *serve, size_t shard)
{
    weir_relay_health health;
    weir_relays_health_get(serve->relays, shard, &health);
    part relay = {.kind = "relay", .name = weir_config_text(serve->runtime.config, "relay.name")};
    relay.idle_us = idle_since(serve, health.progress_us);
    relay.healthy = relay.idle_us < PROGRESS_US;
    bool standby = !health.active && health.progress_us > 0 && relay.idle_us < STANDBY_US;
    relay.store_up = health.store_up;
    relay.kafka_up = health.kafka_up || standby;
    relay.ready = relay.store_up && relay.kafka_up;
    relay.why = !health.store_up               ? "the store is not reachable"
                : !health.kafka_up && !standby ? "Kafka is not reachable"
                : !relay.healthy               ? "no progress"
                                               : NULL;
    return relay;
}

static part part_of_subscription(const weir_serve *serve, const weir_member *member)
{
    weir_subscription_health health;
    weir_subscription_health_get(member->subscription, &health);
    part subscription = {.kind = "subscription",
                         .name = weir_subscription_name(member->subscription)};
    subscription.idle_us = idle_since(serve, health.progress_us);
    subscription.healthy = health.stopped || subscription.idle_us < PROGRESS_US;
    subscription.store_up = health.stopped || health.store_up;
    subscription.kafka_up = health.stopped || health.kafka_up;
    subscription.ready = !health.stopped && health.store_up && health.kafka_up && health.assigned;
    subscription.why = health.stopped          ? "it stopped itself"
                       : !health.store_up      ? "the store is not reachable"
                       : !health.kafka_up      ? "Kafka is not reachable"
                       : !health.assigned      ? "no partitions assigned yet"
                       : !subscription.healthy ? "no progress"
                                               : NULL;
    return subscription;
}

static void each_part(const weir_serve *serve, part_fn *fn, void *context)
{
    size_t shards = weir_relays_count(serve->relays);
    for (size_t i = 0; i < shards; i++) {
        part relay = part_of_relay(serve, i);
        char name[160];
        snprintf(name, sizeof name, "%s/%zu", relay.name, i);
        if (shards > 1)
            relay.name = name;
        fn(context, &relay);
    }
    for (size_t i = 0; i < serve->runtime.count; i++) {
        part subscription = part_of_subscription(serve, &serve->runtime.members[i]);
        fn(context, &subscription);
    }
}

/* A page of parts being written. */
typedef struct report {
    weir_buffer parts;
    bool readiness; /* else health */
    bool ok;
} report;

static void write_part(void *context, const part *each)
{
    report *to = context;
    bool ok = to->readiness ? each->ready : each->healthy;
    to->ok = to->ok && ok;
    weir_buffer_format(&to->parts, "%s{\"part\":\"%s\",\"name\":", to->parts.length ? "," : "",
                       each->kind);
    weir_buffer_json(&to->parts, each->name, strlen(each->name));
    weir_buffer_format(&to->parts, ",\"ok\":%s,\"seconds_since_progress\":%.3f",
                       ok ? "true" : "false", (double)each->idle_us / 1e6);
    if (!ok && each->why)
        weir_buffer_format(&to->parts, ",\"why\":\"%s\"", each->why);
    weir_buffer_char(&to->parts, '}');
}

static unsigned write_report(const weir_serve *serve, bool readiness, weir_buffer *body)
{
    report to = {.parts = WEIR_BUFFER(body->limit), .readiness = readiness, .ok = true};
    bool started = atomic_load(&serve->started);
    if (started)
        each_part(serve, write_part, &to);
    bool ok = to.ok && (started || !readiness);
    weir_buffer_format(body, "{\"status\":\"%s\",\"parts\":[%s]}\n",
                       !started ? "starting"
                       : ok     ? "ok"
                                : "failing",
                       to.parts.data ? to.parts.data : "");
    weir_buffer_free(&to.parts);
    return ok ? 200 : 503;
}

/* Before the parts run, health is how long that has taken. */
static unsigned write_health(void *context, weir_buffer *body)
{
    const weir_serve *serve = context;
    unsigned status = write_report(serve, false, body);
    bool late = weir_clock_monotonic_us() - serve->started_us > PROGRESS_US;
    return !atomic_load(&serve->started) && late ? 503 : status;
}

static unsigned write_readiness(void *context, weir_buffer *body)
{
    return write_report(context, true, body);
}

static const weir_metric_info store_up = {"weir_store_up",
                                          "1 while this part of the process reaches the store.",
                                          WEIR_GAUGE, "part,name"};
static const weir_metric_info kafka_up = {
    "weir_kafka_up", "1 while this part of the process reaches Kafka.", WEIR_GAUGE, "part,name"};

static void publish_part(void *context, const part *each)
{
    (void)context;
    char labels[256];
    snprintf(labels, sizeof labels, "%s" WEIR_LABEL_NEXT "%s", each->kind, each->name);
    weir_metric_set(weir_metrics_series(&store_up, labels), each->store_up);
    weir_metric_set(weir_metrics_series(&kafka_up, labels), each->kafka_up);
}

static unsigned write_metrics(void *context, weir_buffer *body)
{
    const weir_serve *serve = context;
    weir_process_metrics_update();
    if (atomic_load(&serve->started))
        each_part(serve, publish_part, NULL);
    weir_metrics_render(body);
    return body->overflow ? 500 : 200;
}

static unsigned write_version(void *context, weir_buffer *body)
{
    (void)context;
    weir_buffer_format(body, "{\"version\":\"%s\"}\n", weir_version());
    return 200;
}

const weir_page weir_serve_pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
    {"/healthz", "application/json", write_health},
    {"/readyz", "application/json", write_readiness},
    {"/version", "application/json", write_version},
    {0},
};
