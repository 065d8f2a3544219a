/* The settings table: the one place where a setting is named, typed, bounded and explained.
 *
 * Only what the program acts on stands here: a setting that does nothing is a defect. */
#include "config/config.h"

#define TEXT(name, preset, doc)                                                                    \
    {                                                                                              \
        name, WEIR_SETTING_TEXT, preset, 0, 0, "", NULL, false, doc                                \
    }
#define SECRET(name, preset, doc)                                                                  \
    {                                                                                              \
        name, WEIR_SETTING_TEXT, preset, 0, 0, "", NULL, true, doc                                 \
    }
#define INTEGER(name, preset, least, most, unit, doc)                                              \
    {                                                                                              \
        name, WEIR_SETTING_INTEGER, preset, least, most, unit, NULL, false, doc                    \
    }
#define CHOICE(name, preset, choices, doc)                                                         \
    {                                                                                              \
        name, WEIR_SETTING_CHOICE, preset, 0, 0, "", choices, false, doc                           \
    }
#define LIST(name, doc)                                                                            \
    {                                                                                              \
        name, WEIR_SETTING_LIST, NULL, 0, 0, "", NULL, false, doc                                  \
    }
#define MAP(name, secret, doc)                                                                     \
    {                                                                                              \
        name, WEIR_SETTING_MAP, NULL, 0, 0, "", NULL, secret, doc                                  \
    }

const weir_setting weir_settings[] = {
    SECRET("store.conninfo", "",
           "libpq connection string or URI of the store; the PG* variables apply"),
    TEXT("store.schema", "weir", "schema of the store; a second store in one database has another"),
    INTEGER("store.max_event_bytes", "900000", 1024, 8388608, "bytes",
            "an event with more JSON than this is refused at append; keep it below the topic's "
            "max.message.bytes by about 64 KiB (recorded by `weir migrate`)"),
    INTEGER("store.append_idle_timeout_ms", "60000", 1000, 3600000, "ms",
            "a transaction that appended and then idles this long is ended, since it holds readers "
            "back (recorded by `weir migrate`)"),
    TEXT("snapshots.policy", "auto",
         "when a snapshot of an aggregate is taken: none, or some of auto (by size: from 50 events "
         "every 100, from 201 every 200, from 1,001 every 500), every:N (events), age:1h (s, m, h, "
         "d), lazy (after a load of over 100 ms or over 100 events), separated by commas"),
    INTEGER("snapshots.keep", "3", 1, 1000, "snapshots", "most snapshots that an aggregate keeps"),
    TEXT("kafka.brokers", "localhost:9092", "bootstrap servers, host:port separated by commas"),
    TEXT("kafka.topic_prefix", "weir", "{prefix} in topic names; group ids start with it too"),
    TEXT("kafka.topic_format", "{prefix}.{aggregate_type}",
         "name of an aggregate type's topic; must contain {aggregate_type}"),
    INTEGER("kafka.partitions", "6", 1, 10000, "", "partitions of a topic that the relay creates"),
    INTEGER("kafka.replication", "1", 1, 32767, "",
            "replication factor of a topic that it creates"),
    MAP("kafka.topic_properties", false, "topic properties of a topic that the relay creates"),
    MAP("kafka.properties", true, "librdkafka properties for every client: TLS, SASL, tuning"),
    TEXT("topics.*.name", NULL,
         "topic of this aggregate type, instead of kafka.topic_format; may contain {prefix} and "
         "{aggregate_type}"),
    INTEGER("topics.*.partitions", NULL, 1, 10000, "", "instead of kafka.partitions"),
    INTEGER("topics.*.replication", NULL, 1, 32767, "", "instead of kafka.replication"),
    MAP("topics.*.properties", false,
        "topic properties of this aggregate type's topic: cleanup.policy, retention.ms, …; each "
        "goes before the same one of kafka.topic_properties"),
    TEXT("relay.name", "main", "relays of one name take turns; one is active"),
    INTEGER("relay.shards", "1", 1, 64, "",
            "parts of a relay that publish side by side, each with partitions of its own; the same "
            "for all relays of a name, changed by stopping all of them"),
    INTEGER("relay.takeover_ms", "5000", 2000, 600000, "ms",
            "an active relay that has been silent for so long is replaced by a standby"),
    CHOICE("relay.delivery", "at_least_once", "at_least_once|exactly_once",
           "at_least_once: idempotent producer, acks=all; duplicates only of what was in flight "
           "at a kill. exactly_once: Kafka transactions; none for readers with "
           "isolation.level=read_committed"),
    INTEGER("relay.batch_events", "5000", 1, 100000, "events",
            "most events of one read of the store"),
    INTEGER("relay.in_flight_events", "10000", 1, 1000000, "events",
            "most events handed to Kafka and not yet acknowledged"),
    INTEGER("relay.in_flight_bytes", "16777216", 1048576, 1073741824, "bytes",
            "most bytes handed to Kafka and not yet acknowledged"),
    INTEGER("relay.max_events_per_second", "0", 0, 1000000000, "events",
            "at most so many events a second, evenly; 0: no limit"),
    INTEGER("relay.max_bytes_per_second", "0", 0, 1000000000, "bytes",
            "at most so many bytes of messages a second, evenly; 0: no limit"),
    MAP("relay.headers", false,
        "further headers of messages, by name: id, type, time, version, position, aggregate_id, "
        "aggregate_type, content_type, schema_version, recorded_time or metadata.KEY"),
    CHOICE("relay.value", "payload", "payload|string|schema",
           "a message's value: payload (the event's JSON), string (that JSON as one JSON string), "
           "schema (that string with Kafka Connect's schema)"),
    CHOICE("relay.compression", "none", "none|gzip|snappy|lz4|zstd",
           "compression of messages; none: what kafka.properties says, or none"),
    INTEGER("relay.transaction_events", "50000", 1, 1000000, "events",
            "exactly_once: a transaction that holds so many is committed even if there is more"),
    INTEGER("relay.poll_max_ms", "50", 1, 1000, "ms",
            "longest pause between two looks at an idle store; while events come it is a "
            "millisecond"),
    INTEGER("relay.cursor_ms", "200", 10, 60000, "ms", "how often the cursor is written"),
    LIST("schemas.files",
         "schema evolution: files of upcasting rules, globs allowed, relative to the config file"),
    LIST(
        "plugins.files",
        "plug-ins: shared objects with aggregates, upcasters and handlers, globs allowed, relative "
        "to the config file"),
    INTEGER("plugins.timeout_ms", "30000", 10, 3600000, "ms",
            "longest that a plug-in's handler may take to be ready, and of its own time for one "
            "batch; then its process is killed and the batch counts as refused"),
    LIST("projections.files", "projection files, globs allowed, relative to the config file"),
    INTEGER("projections.statement_timeout_ms", "60000", 100, 3600000, "ms",
            "a handler statement, or a named query, that runs longer is cancelled"),
    LIST("sagas.files", "saga files, globs allowed, relative to the config file"),
    TEXT("handlers.*.command", NULL,
         "handlers in other languages: the command, for /bin/sh in the config file's folder, that "
         "gets this handler's events on its stdin"),
    TEXT("handlers.*.from", NULL, "aggregate types that it reads, separated by commas"),
    TEXT("handlers.*.on", "*",
         "event types that it gets, separated by commas: order.paid, order.* or *"),
    INTEGER("handlers.*.timeout_ms", "30000", 10, 3600000, "ms",
            "longest wait for it to be ready, and for its answer to one event; then it is killed"),
    INTEGER("subscriptions.*.batch_events", "1000", 1, 100000, "events",
            "most events applied in one transaction"),
    INTEGER("subscriptions.*.batch_ms", "20", 0, 10000, "ms",
            "longest wait for a batch to fill once its first event is there"),
    INTEGER("subscriptions.*.batch_bytes", "8388608", 65536, 268435456, "bytes",
            "most bytes of messages in one transaction"),
    CHOICE("subscriptions.*.source", "kafka", "kafka|store",
           "kafka: the topics, shared by the members of a group; store: the store itself, in its "
           "order, by one process at a time"),
    INTEGER("subscriptions.*.lanes", "1", 1, 64, "",
            "a partition's aggregates are spread over so many lanes, each with a connection and a "
            "transaction of its own"),
    INTEGER("subscriptions.*.attempts", "5", 1, 1000, "",
            "an event that a handler refuses is tried so often before it counts as poison"),
    CHOICE(
        "subscriptions.*.on_poison", "park", "park|skip|halt",
        "park: it and what follows of its aggregate wait as dead letters; skip: it alone becomes "
        "one and the rest goes on; halt: the subscription stops"),
    TEXT("subscriptions.*.redrive", "10s,1m,10m",
         "when a parked aggregate is tried again by itself, each after the failure before; then by "
         "hand; none: by hand only"),
    INTEGER("subscriptions.*.drain_ms", "5000", 0, 120000, "ms",
            "when the group takes partitions, a transaction that lasts longer is cancelled"),
    INTEGER("subscriptions.*.parked_most", "10000", 1, 1000000, "",
            "the subscription stops when so many aggregates are parked: then it is not the events"),
    CHOICE("subscriptions.*.dead_letter_topic", "auto", "auto|true|false",
           "whether dead letters are published to the topic {prefix}.SUBSCRIPTION.dlt; auto: with "
           "source kafka"),
    CHOICE("subscriptions.*.on_hole", "heal", "heal|halt",
           "what a topic lacks: heal: is read from the store; halt: the subscription stops"),
    INTEGER("doctor.sample_events", "1000", 1, 1000000, "events",
            "`weir doctor events` looks at so many of each event type, the latest"),
    INTEGER("doctor.payload_bytes", "65536", 1, 8388608, "bytes",
            "the doctor points out payloads larger than this"),
    INTEGER("doctor.stream_events", "1000", 1, 1000000000, "events",
            "the doctor points out aggregates with more events than this"),
    INTEGER("doctor.interval_s", "600", 0, 604800, "s",
            "how often `weir serve` renews the doctor's metrics; 0: never"),
    TEXT("admin.listen", "127.0.0.1:8780", "address of the admin listener of `weir serve`"),
    CHOICE("log.level", "info", "error|warn|info|debug", "least severe level that is logged"),
    CHOICE("log.format", "logfmt", "logfmt|json", "shape of a log line"),
    {0},
};
