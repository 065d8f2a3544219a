/* The table of commands: the command line of weir. What stands here works; help, completion and
 * dispatch follow from it. Groups stand before their commands. A family may have a table of its own
 * (commands_letters.c); `tables` at the end says in which order they follow. */
#include "app/command_rows.h"
#include "app/verbs.h"

const weir_option weir_global_options[] = {
    {"config", 'c', "FILE", NULL, "configuration file; else $WEIR_CONFIG, else weir.yaml", false, 0,
     NULL, 0},
    {"set", 0, "KEY=VALUE", NULL, "override a setting, section.key=value; may be repeated", false,
     0, NULL, 0},
    {"log-level", 0, "LEVEL", NULL, "error, warn, info or debug; overrides log.level", false, 0,
     "error|warn|info|debug", 0},
    {"help", 'h', NULL, NULL, "show this help", false, 0, NULL, 0},
    {"version", 0, NULL, NULL, "show the version", false, 0, NULL, 0},
    {0},
};

const weir_option weir_format_option[] = {
    {"output", 'o', "FORMAT", "table", "table, json or jsonl (one JSON object a line)", false, 0,
     "table|json|jsonl", 0},
    {0},
};

static const weir_option append_options[] = {
    PRESET("expect", "VERSION", "any", "version it must have: N, any, exists (or -1), none (or 0)"),
    TEXT("type", "EVENT", "event type, such as user.created"),
    TEXT("data", "JSON", "the event's data: JSON, @FILE, or - for stdin"),
    TEXT("data-file", "FILE", "the event's data: a file's bytes as they are; - for stdin"),
    TEXT("content-type", "TYPE", "what the data is; else application/json"),
    TEXT("metadata", "JSON", "a JSON object, @FILE, or - for stdin"),
    TEXT("id", "UUID", "the event's id; a repeated append with it is absorbed"),
    NUMBER("schema-version", "N", NULL, 1, "version of the data's schema"),
    TEXT("time", "TIME", "when it happened, RFC 3339; else now"),
    FLAG("tombstone", "close the stream: no event can follow; a reason goes to --metadata"),
    FLAG("stdin", "read a JSON array of events from stdin instead"),
    {0},
};

static const weir_option import_options[] = {
    TEXT("aggregate-type", "TYPE", "aggregate type of lines without aggregatetype"),
    FLAG("dry-run", "check the lines, store nothing"),
    {0},
};

static const weir_option export_options[] = {
    TEXT("aggregate-type", "TYPE", "only this aggregate type"),
    NUMBER("after", "POSITION", NULL, 0, "only events after this position"),
    {0},
};

#define AS_STORED                                                                                  \
    FLAG("as-stored", "events in the form in which they are stored, not in their latest")

#define READ_SELECTORS                                                                             \
    TEXT("aggregate-type", "TYPE", "only this aggregate type"),                                    \
        TEXT("event-type", "TYPE", "only this event type"),                                        \
        TEXT("correlation", "ID", "only events with this correlationid in their metadata"),        \
        TEXT("causation", "ID", "only events with this causationid"),                              \
        TEXT("user", "ID", "only events with this userid")

static const weir_option read_options[] = {
    READ_SELECTORS,
    NUMBER("after", "POSITION", NULL, 0, "all events: only those after this position"),
    NUMBER("before", "POSITION", NULL, 1, "all events, backwards: only those before it"),
    NUMBER("from", "VERSION", NULL, 1, "one aggregate: first version"),
    NUMBER("to", "VERSION", NULL, 1, "one aggregate: last version"),
    TEXT("as-of", "TIME", "only what was recorded until then, RFC 3339"),
    FLAG("backwards", "latest first"),
    AS_STORED,
    NUMBER("limit", "N", NULL, 1, "at most so many events"),
    {0},
};

static const weir_option tail_options[] = {
    READ_SELECTORS,
    FLAG("from-start", "begin with the first event instead of now"),
    NUMBER("after", "POSITION", NULL, 0, "begin after this position instead of now"),
    AS_STORED,
    NUMBER("limit", "N", NULL, 1, "end after so many events"),
    {0},
};

static const weir_option schema_check_options[] = {
    TEXT("event-type", "TYPE", "only this event type"),
    TEXT("aggregate-type", "TYPE", "aggregate type of lines without aggregatetype"),
    {0},
};

static const weir_option stream_list_options[] = {
    TEXT("aggregate-type", "TYPE", "only this aggregate type"),
    NUMBER("limit", "N", "1000", 1, "at most so many"),
    {0},
};

#define NO_SNAPSHOT FLAG("no-snapshot", "begin with the first event")

static const weir_option aggregate_show_options[] = {
    NUMBER("at-version", "VERSION", NULL, 1, "as it was at this version"),
    TEXT("as-of", "TIME", "as of what was recorded until then, RFC 3339"),
    NO_SNAPSHOT,
    {0},
};

static const weir_option aggregate_step_options[] = {
    NUMBER("from", "VERSION", "1", 1, "first version"),
    NUMBER("to", "VERSION", NULL, 1, "last version"),
    TEXT("as-of", "TIME", "up to what was recorded until then, RFC 3339"),
    NO_SNAPSHOT,
    {0},
};

static const weir_option snapshot_create_options[] = {
    FLAG("all", "all aggregates of the type that have none of their latest version"),
    TEXT("older-than", "AGE", "of these, those whose latest is missing or older: 90s, 15m, 1h, 7d"),
    {0},
};

static const weir_option snapshot_prune_options[] = {
    NUMBER("keep", "K", NULL, 0, "how many of each aggregate stay; else snapshots.keep"),
    FLAG("execute", "remove them; without it they are only counted"),
    {0},
};

static const weir_option relay_options[] = {
    FLAG("once", "end once everything committed at the start is acknowledged"),
    {0},
};

static const weir_option verify_topics_options[] = {
    TEXT("type", "TYPE", "only this aggregate type"),
    NUMBER("limit", "N", "1000", 1, "list at most so many findings; all are counted"),
    FLAG("repair", "say what a repair would do: republish what is missing"),
    FLAG("execute", "with --repair: do it"),
    {0},
};

static const weir_option run_options[] = {
    FLAG("once", "end at the ends of the topics as they were at the start"),
    {0},
};

static const weir_option verify_projection_options[] = {
    NUMBER("sample", "N", NULL, 1, "only so many aggregates, taken at random; apply: aggregate"),
    ONE_AGGREGATE("only one aggregate; apply: aggregate"),
    TEXT("exclude", "COLUMN", "do not compare COLUMN or TABLE.COLUMN; may be repeated"),
    NUMBER("limit", "N", "20", 1, "list at most so many rows of a table; all are counted"),
    {0},
};

static const weir_option relay_status_options[] = {
    TEXT("max-lag", "N|Ns", "exit 1 beyond N events or N seconds, or when one is lost"),
    {0},
};

static const weir_option rewrite_options[] = {
    TEXT("reason", "TEXT", "why; kept with the original"),
    TEXT("type", "EVENT", "another event type"),
    TEXT("data", "JSON", "other data: JSON, @FILE, or - for stdin"),
    TEXT("data-file", "FILE", "other data: a file's bytes as they are; - for stdin"),
    TEXT("content-type", "TYPE", "what the other data is; else application/json"),
    TEXT("metadata", "JSON", "other metadata: a JSON object, @FILE, or - for stdin"),
    NUMBER("schema-version", "N", NULL, 1, "another version of the data's schema"),
    FLAG("execute", "do it; without it, only try and say what would be touched"),
    {0},
};

static const weir_option doctor_events_options[] = {
    TEXT("aggregate-type", "TYPE",
         "only this aggregate type: its latest doctor.sample_events events"),
    FLAG("all", "look at every event"),
    FLAG("strict", "exit 1 when anything is found"),
    {0},
};

static const weir_option partition_add_options[] = {
    FLAG("execute", "do it; without it, only say what would be done"),
    FLAG("abandon", "drop the copies of a split that was not finished"),
    {0},
};

static const weir_option topic_reconcile_options[] = {
    TEXT("type", "TYPE", "only the topic of this aggregate type"),
    FLAG("republish", "fill a topic that is gone or empty again, from the store"),
    FLAG("accept-ahead", "keep events that the store does not have, and go on behind them"),
    FLAG("new-generation", "publish all events anew, in a topic of another name"),
    FLAG("execute", "do it; without it, only say what would be done"),
    {0},
};

static const weir_option version_options[] = {
    FLAG("failpoints", "list the failpoints of a test build"),
    {0},
};

static const weir_command work[] = {
    {"migrate", "", "create the store's schema or bring it up to date",
     "Applies the migrations that the store lacks, each in its own transaction and under a lock,\n"
     "records the limits of the configuration, and creates roles and grants where it may. SQL "
     "that\n"
     "somebody with more rights must run goes to stdout.",
     "  weir migrate\n"
     "  weir migrate | psql --username postgres shop\n",
     NULL, NULL, 0, 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_CREATOR, weir_verb_migrate},

    {"append", "TYPE ID", "append events to one aggregate",
     "Appends one event from options, or several from a JSON array on stdin, and prints the\n"
     "aggregate's new version. Events on stdin are objects with type, data (or data_base64 and\n"
     "datacontenttype) and, if wanted, id, metadata, time and schemaversion.\n\n"
     "--data is JSON; a --content-type of msgpack stores it as msgpack, and any other one that is\n"
     "not JSON takes it for a text. --data-file takes the bytes of a file as they are.",
     "  weir append user u-1 --expect none --type user.created --data '{\"name\":\"Ann\"}'\n"
     "  weir append user u-1 --expect 1 --type user.renamed --data @renamed.json\n"
     "  weir append user u-1 --type user.moved --data @m.json --content-type application/msgpack\n"
     "  weir append user u-1 --type user.portrait --data-file ann.png --content-type image/png\n"
     "  echo '[{\"type\":\"user.left\",\"data\":{}}]' | weir append user u-1 --stdin\n"
     "  weir append user u-1 --tombstone --metadata '{\"reason\":\"erased on request\"}'\n",
     "1 failed, 2 usage, configuration or an event that the store refuses, 3 the version is\n"
     "not as expected, ids that are stored already, or a stream that a tombstone has closed",
     append_options, 0, 2, 2, WEIR_NEEDS_CONFIG | WEIR_AS_APPENDER, weir_verb_append},

    {"import", "FILE", "import a CloudEvents log",
     "Imports CloudEvents 1.0, one JSON object a line, in order; - reads stdin. subject is the\n"
     "aggregate id, the extension aggregatetype its type; other extensions become metadata. "
     "Events\n"
     "that are already there, by id, are passed over, so an import can be repeated. An id that is\n"
     "no UUID becomes the UUIDv5, in the URL namespace, of source, a line feed and the id.",
     "  weir import events.jsonl\n"
     "  zcat log.gz | weir import - --aggregate-type order\n",
     "1 failed, 2 usage, configuration or a line that is refused (which and why; what came before\n"
     "its batch stays), 3 no such file, or an id that another event has",
     import_options, WEIR_FORMATS_ALL, 1, 1, WEIR_NEEDS_CONFIG | WEIR_AS_APPENDER | WEIR_AS_READER,
     weir_verb_import},

    {"export", "", "write all events as a CloudEvents log",
     "Writes all events, in position order, as CloudEvents 1.0 JSON Lines, up to what is "
     "committed\n"
     "when it starts. Importing them into another store gives the same events there.",
     "  weir export > all.jsonl\n"
     "  weir export --aggregate-type user --after 4711 | gzip > users.gz\n",
     NULL, export_options, 0, 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_export},

    {"read", "[TYPE ID]", "show the events of one aggregate, or all",
     "Shows the events of one aggregate by version, or all events by position. A table shows the\n"
     "beginning of the data; json and jsonl are CloudEvents with all of it. Data that is msgpack "
     "is\n"
     "shown as JSON; export writes its bytes. Events are brought to the latest form of their type\n"
     "(schemas.files); --as-stored shows the form in which they were recorded.",
     "  weir read user u-1\n"
     "  weir read user u-1 --backwards --limit 1 -o json\n"
     "  weir read user u-1 --as-of 2026-01-31T23:59:59Z\n"
     "  weir read --aggregate-type user --after 4711 --limit 100 -o jsonl\n"
     "  weir read --correlation order-17 --backwards\n",
     EXITS_FAILED ", 3 no such aggregate", read_options, WEIR_FORMATS_ALL, 0, 2,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_read},

    {"tail", "", "follow events as they are committed",
     "Shows events as they are committed, in position order and without ever missing one, until\n"
     "it is interrupted. A store that goes away is waited for. Data that is msgpack is shown as "
     "JSON.\n"
     "Events are brought to the latest form of their type (schemas.files), unless --as-stored.",
     "  weir tail\n"
     "  weir tail --aggregate-type user --from-start -o jsonl\n",
     NULL, tail_options, WEIR_FORMATS(1u, 0u, 1u), 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_tail},

    {"stream", "", "look at aggregates", "Lists aggregates, or shows one in numbers.", NULL, NULL,
     NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"stream list", "", "list aggregates", "Lists aggregates by type and id, with their versions.",
     "  weir stream list --aggregate-type user --limit 20\n", NULL, stream_list_options,
     WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_stream_list},
    {"stream show", "TYPE ID", "show one aggregate in numbers",
     "Shows version, events, bytes of data, first and last time and position, and event types.",
     "  weir stream show user u-1 -o json\n", EXITS_FAILED ", 3 no such aggregate", NULL,
     WEIR_FORMATS_ALL, 2, 2, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_stream_show},

    {"stream rewrite", "TYPE ID VERSION", "change a stored event: the last resort",
     "Changes one event in its place; its id, position, version and times stay. The original is\n"
     "kept in weir.rewrites with who, when and why. Snapshots from there on are removed. Prints\n"
     "which topic and which projections have the original already. Try everything else first:\n"
     "an event that corrects, a rule that upcasts. Without --execute it is tried and taken back.",
     "  weir stream rewrite user u-1 3 --data '{\"email\":null}' --reason 'erasure 17'\n"
     "  weir stream rewrite user u-1 3 --data @new.json --reason 'erasure 17' "
     "--execute\n",
     EXITS_FAILED " or a refused event, 3 no such event", rewrite_options, WEIR_FORMATS_ALL, 3, 3,
     WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN, weir_verb_stream_rewrite},

    {"aggregate", "", "look at what events mean",
     "Shows the state that the events of an aggregate build, as its class in a plug-in says.", NULL,
     NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"aggregate show", "TYPE ID", "show the state of one aggregate",
     "Builds the state from the latest snapshot that may be used and the events after it, and "
     "shows\n"
     "it with its version and that of the snapshot (0: none). A plug-in of plugins.files must "
     "have\n"
     "the class of the type.",
     "  weir aggregate show account a-1\n"
     "  weir aggregate show account a-1 --at-version 7 -o json\n"
     "  weir aggregate show account a-1 --as-of 2026-01-31T23:59:59Z\n",
     EXITS_FAILED ", 3 no such aggregate or version", aggregate_show_options,
     WEIR_FORMATS(1u, 1u, 1u), 2, 2, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_aggregate_show},
    {"aggregate step", "TYPE ID", "show the state after each event",
     "Shows event by event which members of the state it changed, and the state after it.",
     "  weir aggregate step account a-1\n"
     "  weir aggregate step account a-1 --from 5 --to 7 -o json\n",
     EXITS_FAILED ", 3 no such aggregate or version", aggregate_step_options, WEIR_FORMATS_ALL, 2,
     2, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_aggregate_step},

    {"snapshot", "", "look at snapshots of aggregates, make or remove them",
     "A snapshot is the state of an aggregate at a version, kept so that loading it replays only\n"
     "what came later. It is never the truth: removing one costs time, nothing else.",
     NULL, NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"snapshot list", "[TYPE [ID]]", "list snapshots",
     "Lists the snapshots of all aggregates, of a type, or of one aggregate, latest first.",
     "  weir snapshot list\n"
     "  weir snapshot list account a-1\n",
     NULL, NULL, WEIR_FORMATS_ALL, 0, 2, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_snapshot_list},
    {"snapshot create", "TYPE [ID]", "make snapshots",
     "Makes a snapshot of one aggregate at its latest version, or of all of a type whose latest "
     "one\n"
     "is missing, of another schema version, or behind. Each keeps snapshots.keep. A plug-in of\n"
     "plugins.files must have the class of the type. An aggregate whose events the class refuses "
     "is\n"
     "said and passed over.",
     "  weir snapshot create account a-1\n"
     "  weir snapshot create account --older-than 7d\n"
     "  weir snapshot create account --all\n",
     "1 failed, or an aggregate was passed over, 2 usage or configuration, 3 no such aggregate",
     snapshot_create_options, WEIR_FORMATS_ALL, 1, 2,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER | WEIR_AS_APPENDER, weir_verb_snapshot_create},
    {"snapshot prune", "[TYPE]", "remove all but the latest snapshots",
     "Removes, of each aggregate of the type or of all, all snapshots but the latest ones. "
     "Without\n"
     "--execute it says how many that would be.",
     "  weir snapshot prune --keep 1\n"
     "  weir snapshot prune account --keep 0 --execute\n",
     NULL, snapshot_prune_options, 0, 0, 1, WEIR_NEEDS_CONFIG | WEIR_AS_READER | WEIR_AS_ADMIN,
     weir_verb_snapshot_prune},

    {"plugin", "", "look at plug-ins", "Shows which plug-ins there are.", NULL, NULL, NULL, 0, 0, 0,
     WEIR_NEEDS_NOTHING, NULL},
    {"plugin list", "", "list the plug-ins of the configuration",
     "Loads the plug-ins of plugins.files and lists what they bring. Nothing is connected.",
     "  weir plugin list\n", NULL, NULL, WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG,
     weir_verb_plugin_list},

    {"relay", "", "publish committed events to Kafka",
     "Publishes every committed event to its aggregate type's topic, in order, until SIGTERM or\n"
     "SIGINT, then stops cleanly; a second signal ends it at once. Of several relays of one name\n"
     "one is active, the others stand by and replace it when it dies or falls silent; with\n"
     "relay.shards they share its parts. A store or broker that is away is waited for, for ever,\n"
     "with --once too: then use `timeout`.",
     "  weir relay\n"
     "  weir relay --once\n",
     NULL, relay_options, 0, 0, 0, WEIR_NEEDS_CONFIG | WEIR_NEEDS_LOG | WEIR_AS_RELAY,
     weir_verb_relay},
    {"relay status", "", "show how far the relay is",
     "Shows every relay's shards: cursor, who holds it, its lag in events and in seconds (age of "
     "the\n"
     "oldest event not acknowledged), and which open transactions, prepared ones too, hold "
     "readers\n"
     "of all events back. Where the lag is:\n"
     "  HELD BACK   committed, behind an open transaction that appended before\n"
     "  NOT SENT    not handed to Kafka yet: the relay's own work\n"
     "  NOT ACKED   handed over: Kafka's\n"
     "State: running; stopped (cleanly); lost, when nobody holds it or nothing was heard of it "
     "for\n"
     "10 s, and it did not stop cleanly: killed, or cut off.",
     "  weir relay status\n"
     "  weir relay status --max-lag 30s\n",
     "1 failed, beyond --max-lag, or (with it) no relay has run yet, 2 usage or configuration",
     relay_status_options, WEIR_FORMATS(1u, 1u, 0u), 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_relay_status},

    {"run", "[NAME]...", "apply events to projections, give them to handlers",
     "Runs the projections and handlers of the configuration, or those named, until SIGTERM or\n"
     "SIGINT. All statements are checked before anything starts. One that cannot go on stops\n"
     "itself and says why; the others go on. A store or broker that is away is waited for, for\n"
     "ever, with --once too: then use `timeout`. With --once a handler whose command fails to\n"
     "start five times in a row stops.",
     "  weir run\n"
     "  weir run user_list --once\n",
     "0 also where events were parked as dead letters (weir dlq list), 1 failed (all stopped\n"
     "themselves; with --once: any), 2 usage, configuration or a refused projection, 3 no "
     "projection\n"
     "or handler of that name",
     run_options, 0, 0, -1, WEIR_NEEDS_CONFIG | WEIR_NEEDS_LOG | WEIR_AS_PROJECTOR, weir_verb_run},

    {"serve", "", "relay, run and admin listener in one process",
     "Runs the relay, every projection and handler, and the admin listener (admin.listen):\n"
     "/metrics, /healthz, /readyz and /version. Ends on SIGTERM or SIGINT, or when the relay fails "
     "for good.",
     "  weir serve\n"
     "  weir serve --set admin.listen=127.0.0.1:0\n",
     NULL, NULL, 0, 0, 0, WEIR_NEEDS_CONFIG | WEIR_NEEDS_LOG | WEIR_AS_RELAY | WEIR_AS_PROJECTOR,
     weir_verb_serve},

    {0},
};

static const weir_command topics[] = {
    {"topic", "", "look at topics and make them",
     "Shows which topic every aggregate type has, and makes topics.", NULL, NULL, NULL, 0, 0, 0,
     WEIR_NEEDS_NOTHING, NULL},
    {"topic list", "", "list the topic of every aggregate type",
     "Lists the recorded topics, partition counts and generations, and what Kafka really has. A\n"
     "partition is murmur2(aggregate id) mod the recorded count: partitions that somebody added\n"
     "stay unused. State: ok, missing, fewer partitions, more partitions, not permitted, unknown\n"
     "(Kafka did not answer).",
     "  weir topic list\n", NULL, NULL, WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_topic_list},
    {"topic create", "TYPE...", "make the topics of aggregate types ahead of their first event",
     "Makes each topic by kafka.* and topics.TYPE.* and records it, as the relay would at the "
     "first\n"
     "event; for clusters on which the relay itself may not. What exists already, or is recorded,\n"
     "is taken as it is.",
     "  weir topic create order user\n", EXITS_FAILED ", 4 Kafka does not answer", NULL,
     WEIR_FORMATS_ALL, 1, -1, WEIR_NEEDS_CONFIG | WEIR_AS_RELAY, weir_verb_topic_create},
    {"topic reconcile", "", "explain what a relay refuses to start with, and put it right",
     "Holds every topic against the store: gone, empty, fewer partitions, ahead of the store, of\n"
     "another store. Without a way it only explains, and exits 1 when something is wrong; with "
     "one\n"
     "it says what it would do; with --execute it does it, in one transaction. Relays must be\n"
     "stopped. docs/disasters.md has a drill for each.",
     "  weir topic reconcile\n"
     "  weir topic reconcile --type order --republish\n"
     "  weir topic reconcile --type order --new-generation --execute\n",
     EXITS_FAILED " or a way that is refused, 3 a relay runs, or no such topic,\n"
                  "4 Kafka does not answer",
     topic_reconcile_options, WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN,
     weir_verb_topic_reconcile},

    {"verify", "", "prove that copies equal the store", "Proves it, or lists where they do not.",
     NULL, NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"verify topics", "", "prove that the topics equal the store",
     "Reads every event and every record, of all aggregate types or of one, and lists what is not\n"
     "as it should be. It may run beside a relay: what is not published yet is no finding. Kinds:\n"
     "  missing    an event that Kafka should hold and does not\n"
     "  duplicate  an event again, after it was there (at_least_once permits it after a kill)\n"
     "  inverted   an event whose first occurrence is behind a later one of its partition\n"
     "  foreign    a record that no relay of this store wrote\n"
     "  altered    a record that differs from its event, or is in a wrong partition or topic\n"
     "  ahead      a record of this store whose event the store does not have\n"
     "  chain      a record that does not name the event before it in its partition\n"
     "With --repair --execute, what is missing is published again, behind all others: for readers\n"
     "that do not follow the chain. What cannot be restored is said.",
     "  weir verify topics\n"
     "  weir verify topics --type order -o json\n"
     "  weir verify topics --repair --execute\n",
     "1 failed, or something was found, 2 usage or configuration, 3 no such aggregate type, or\n"
     "another repair is at work, 4 Kafka does not answer",
     verify_topics_options, WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_verify_topics},
    {"verify projection", "NAME", "prove that a projection equals a fold of its events",
     "Folds every event that the projection has applied, strictly one by one, into a schema of "
     "its\n"
     "own, compares the serving tables with that, row by row, and drops the schema. The "
     "projection\n"
     "may be running, behind, or stopped: it is proven for what it has applied at one moment.\n"
     "Kinds:\n"
     "  missing    a row that the fold has and the projection lacks\n"
     "  extra      a row that the projection has and the fold does not\n"
     "  different  a row that both have, with other values\n"
     "  gone       a table that the projection lacks\n"
     "  refused    an event that the fold cannot apply, and the projection has\n"
     "Values that no replay can equal (now(), serial) are yours to --exclude.",
     "  weir verify projection user_list\n"
     "  weir verify projection user_list --sample 100\n"
     "  weir verify projection orders --exclude orders.seen_at -o json\n",
     "1 failed, or something was found, 2 usage or configuration, 3 no such projection or\n"
     "aggregate, it never ran, or it was reset or swapped meanwhile",
     verify_projection_options, WEIR_FORMATS_ALL, 1, 1,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER | WEIR_AS_PROJECTOR, weir_verb_verify_projection},

    {"schema", "", "look at schema evolution",
     "Lists the links that bring old events to the latest form of their type, or tries them.", NULL,
     NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"schema list", "", "list the links of every event type",
     "Lists the links of schemas.files by event type and version: where each stands, its rules, "
     "and\n"
     "the latest version of the type. A type without links is read as it is. Nothing is connected.",
     "  weir schema list\n"
     "  weir schema list -o json\n",
     NULL, NULL, WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG, weir_verb_schema_list},
    {"schema check", "FILE", "try old events on the upcasters and projections of today",
     "Brings every event of a CloudEvents log (weir export) to the latest form of its type, and\n"
     "applies it to the projections of the configuration, each in a schema and a transaction of "
     "its\n"
     "own that is rolled back. - reads stdin. Reports, one row for each cause, with its first "
     "line:\n"
     "  failure   a line, link or handler that fails\n"
     "  newer     a version newer than the latest known\n"
     "  vanished  a field that is there before a C function and not behind it; no failure\n"
     "  unused    a note: a rule whose field no sample has, a link that no sample takes",
     "  weir schema check old.jsonl\n"
     "  weir export --aggregate-type user | weir schema check - --event-type user.registered -o "
     "json\n",
     "1 an event failed, 2 usage, configuration or a refused projection, 3 no such file",
     schema_check_options, WEIR_FORMATS_ALL, 1, 1, WEIR_NEEDS_CONFIG | WEIR_AS_PROJECTOR,
     weir_verb_schema_check},

    {"doctor", "", "advice on what is in the store", "Looks for what will hurt one day.", NULL,
     NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"doctor events", "[CHECK]...", "advice on how events are designed",
     "Looks at the latest doctor.sample_events events of each event type, and says how many of "
     "them\n"
     "will hurt one day, with the gravest examples (docs/designing_events.md says what to do):\n"
     "  name         the type is not a fact in the past tense: create_user (a guess, in English)\n"
     "  payload      the data is larger than doctor.payload_bytes\n"
     "  stream       the aggregate has more than doctor.stream_events events\n"
     "  shape        events of one schema version differ in the names at the top of their data\n"
     "  newer        the schema version is beyond the latest that schemas.files knows\n"
     "  correlation  there is no correlationid in the metadata\n"
     "Without CHECK it carries out all. Nothing is changed.",
     "  weir doctor events\n"
     "  weir doctor events --aggregate-type order --all -o json\n"
     "  weir doctor events name payload --strict\n",
     "1 failed, or with --strict: something was found, 2 usage or configuration",
     doctor_events_options, WEIR_FORMATS_ALL, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_doctor_events},

    {"partition", "", "tables that hold the events", "Lists the partitions and adds some.", NULL,
     NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"partition list", "", "which partition holds which aggregate type",
     "Lists each aggregate type with its partition, and how many events and bytes it has there\n"
     "as PostgreSQL's statistics have them.",
     "  weir partition list\n", NULL, NULL, WEIR_FORMATS_ALL, 0, 0,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_partition_list},
    {"partition add", "[TYPE]...", "give aggregate types partitions of their own",
     "Splits aggregate types out of the default partition while everybody reads and appends. The\n"
     "default partition is copied in chunks, without a lock; then the copies take its place in\n"
     "one short transaction, tried again until nobody is in the way. It prints how long others\n"
     "may have waited. Killed at any moment, the store is whole and the same command goes on.\n"
     "Until then nothing can be rewritten, and the copies need as much space again.",
     "  weir partition add order\n"
     "  weir partition add order invoice --execute\n"
     "  weir partition add --abandon\n",
     NULL, partition_add_options, 0, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN,
     weir_verb_partition_add},

    {0},
};

static const weir_command program[] = {
    {"config", "", "look at the configuration", "Shows, checks or documents the configuration.",
     NULL, NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"config show", "", "show the effective configuration",
     "Shows every setting with its value and where that came from; secrets are redacted.",
     "  weir config show\n", NULL, NULL, 0, 0, 0, WEIR_NEEDS_CONFIG, weir_verb_config_show},
    {"config check", "", "check the configuration and what it names",
     "Checks the configuration, the librdkafka properties, the plug-ins, the files of upcasting\n"
     "rules and the projection files, and names the file that it read. Nothing is connected.",
     "  weir config check --config weir.yaml\n", NULL, NULL, 0, 0, 0, WEIR_NEEDS_CONFIG,
     weir_verb_config_check},
    {"config reference", "", "write the reference of all settings",
     "Writes every setting with type, default, limits and meaning, as Markdown.",
     "  weir config reference > docs/configuration.md\n", NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING,
     weir_verb_config_reference},

    {"completion", "SHELL", "write a completion script: bash, zsh or fish",
     "Writes a script that completes commands and options.",
     "  source <(weir completion bash)\n"
     "  weir completion fish | source\n",
     NULL, NULL, 0, 1, 1, WEIR_NEEDS_NOTHING, weir_verb_completion},
    {"version", "", "show the version", "Shows the version of the program.", "  weir version\n",
     NULL, version_options, 0, 0, 0, WEIR_NEEDS_NOTHING, weir_verb_version},
    {0},
};

static const weir_command *const tables[] = {
    work, weir_projection_commands, topics, weir_letter_commands, weir_saga_commands, program,
    NULL};

const weir_command *weir_command_after(const weir_command *command)
{
    bool found = command == NULL;
    for (size_t t = 0; tables[t]; t++)
        for (const weir_command *row = tables[t]; row->name; row++) {
            if (found)
                return row;
            found = row == command;
        }
    return NULL;
}
