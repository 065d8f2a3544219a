/* The commands of projections and their generations: rows of the table of commands (commands.c says
 * where they stand). */
#include "app/command_rows.h"
#include "app/verbs.h"

static const weir_option projection_status_options[] = {
    TEXT("max-lag", "N|Ns", "exit 1 beyond N events or N seconds, or when one has stopped"),
    FLAG("all-generations", "show those that do not serve, too"),
    {0},
};

static const weir_option projection_rollback_options[] = {
    FLAG("replace-views", "drop and make again the views that must lose or change columns"),
    NUMBER("wait", "SECONDS", "30", 0, "how long to try while readers hold locks"),
    FLAG("execute", "do it"),
    {0},
};

static const weir_option projection_rebuild_options[] = {
    FLAG("all", "every projection of the configuration, one after another"),
    BOUNDED("parallel", "N", "1", 1, 64,
            "lanes that apply side by side, up to 64; 1: the order of the store"),
    PRESET("from", "SOURCE", "store",
           "store, or kafka: the topics, and what they lack from the store"),
    FLAG("verify", "compare with an independent fold before the switch"),
    FLAG("replace-views", "drop and make again the views that must lose or change columns"),
    NUMBER("wait", "SECONDS", "60", 0,
           "how long to wait for readers that are in the way, or the relay"),
    FLAG("force",
         "do not wait for older snapshots; switch also if more is parked, or less is left"),
    TEXT("until", "TIME", "only what was recorded until then, RFC 3339; with --into"),
    TEXT("into", "SCHEMA", "make the tables of --until there; nothing that serves is touched"),
    FLAG("execute", "do it"),
    {0},
};

static const weir_option projection_drop_options[] = {
    NUMBER("generation", "N", NULL, 1, "which one"),
    NUMBER("wait", "SECONDS", "30", 0, "how long to try while somebody holds locks"),
    FLAG("execute", "do it"),
    {0},
};

static const weir_option projection_step_options[] = {
    ONE_AGGREGATE("whose events; required"),
    {0},
};

static const weir_option projection_try_options[] = {
    TEXT("into", "SCHEMA", "the schema to make; required"),
    ONE_AGGREGATE("only the events of one aggregate"),
    NUMBER("limit", "N", NULL, 1, "at most so many events"),
    FLAG("replace", "drop the schema first, if projection try made it"),
    {0},
};

static const weir_option query_options[] = {
    FLAG("list", "show the queries that there are, with their parameters"),
    {0},
};

const weir_command weir_projection_commands[] = {
    {"query", "[NAME [ARG]...]", "ask a projection a query of its file",
     "Runs a query that a projection's file names (-- query: find_by_email(email)) on the views "
     "of\n"
     "the generation that serves, and shows its rows. NAME is PROJECTION.QUERY, or QUERY where "
     "one\n"
     "projection alone has it; the arguments follow in the order of its parameters, as text that\n"
     "PostgreSQL reads as their types. -- stands before one that begins with a dash. JSON keeps\n"
     "types: numbers, booleans, null, json and arrays.\n"
     "\n"
     "It runs as a reader in a READ ONLY transaction, projections.statement_timeout_ms at most.",
     "  weir query --list\n"
     "  weir query find_by_email ann@example.org\n"
     "  weir query order_summary.find_by_user u-1 -o jsonl\n",
     "1 failed, 2 usage, configuration, a wrong number of arguments, one that is none of its type\n"
     "or a query that does not fit the views, 3 no such query, or its projection has never run, 4 "
     "it\n"
     "took too long",
     query_options, WEIR_FORMATS_ALL, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_query},
    {"projection", "", "look at projections, control and rebuild them",
     "Lists projections, shows how far they are, controls and rebuilds them.", NULL, NULL, NULL, 0,
     0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"projection list", "", "list the projections of the configuration",
     "Lists the projections of projections.files. Nothing is connected.",
     "  weir projection list\n", NULL, NULL, WEIR_FORMATS_ALL, 0, 0, WEIR_NEEDS_CONFIG,
     weir_verb_projection_list},
    {"projection status", "[NAME]...", "show how far projections and handlers are",
     "Shows generation, state, events applied and lag, in events (not read yet and not relayed\n"
     "yet) and in seconds (age of the oldest event not applied). PARKED aggregates have LETTERS\n"
     "that wait (weir dlq list). State:\n"
     "  running      a process that applies it is connected to the store\n"
     "  not running  none is: start `weir run` or `weir serve`\n"
     "  stopped      it stopped itself, see WHY; the next start goes on at that very event\n"
     "  paused       by `weir projection pause`; `resume` ends it\n"
     "  not started  it has never run\n"
     "BEHIND FOR, when it is behind: stopped, paused or not running; waiting lock (its session "
     "waits\n"
     "for that of another process, which is named); broker (Kafka does not answer, or does not\n"
     "have the topic: see WHY); handler (it\n"
     "reads, and the topics hold more); relay (events are not in Kafka yet); parked (nothing but\n"
     "dead letters waits).\n"
     "With --all-generations also those that do not serve; their lag is counted in the store "
     "alone:\n"
     "  kept         it served before: see `weir projection rollback`\n"
     "  unfinished   a rebuild has made it",
     "  weir projection status\n"
     "  weir projection status user_list --max-lag 30s\n"
     "  weir projection status --all-generations -o json\n",
     "1 failed, beyond --max-lag or a lag not measured, 2 usage or configuration, 3 no projection "
     "of that name",
     projection_status_options, WEIR_FORMATS_ALL, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_READER,
     weir_verb_projection_status},
    {"projection rebuild", "[NAME]...", "make its tables anew while the old ones serve",
     "Makes the next generation of the projection's tables from all events of the store, as the\n"
     "file has them now, while readers use the old tables and the runtime goes on feeding them.\n"
     "When the new ones have caught up, readers and runtime move over to them in one moment. The\n"
     "old generation is kept, no longer fed, for `weir projection rollback`. Without --execute it\n"
     "only says what it would do.\n"
     "\n"
     "What is interrupted is gone on with by the next rebuild of the same file. A reader in a\n"
     "REPEATABLE READ transaction must not find tables that are younger than its snapshot: the\n"
     "switch waits for such readers (--wait), or does not (--force). Events that a handler "
     "refuses\n"
     "become dead letters of the new generation. Where they park aggregates that the old one does\n"
     "not, it goes on serving, unless --force is given. Topics that weir did not write are read\n"
     "--from kafka only; what retention has removed of them, or is lost otherwise, is refused\n"
     "unless --force is given, since the new tables would hold less. --verify compares every row "
     "of the new\n"
     "tables with a fold of the events, one by one; a difference ends it, and the old ones serve "
     "on.\n"
     "\n"
     "With --until and --into it makes the tables as they were at that time (recorded_at) in a "
     "new\n"
     "schema, for you to query and drop. What was interrupted is begun anew by the same command.",
     "  weir projection rebuild user_list\n"
     "  weir projection rebuild user_list --verify --execute\n"
     "  weir projection rebuild --all --parallel 2 --execute\n"
     "  weir projection rebuild user_list --until 2025-11-18T14:05:00Z --into tuesday --execute\n",
     "1 failed, rows differ, or more is parked, 2 usage, configuration or views that cannot be\n"
     "kept, 3 no projection or topic of that name, it is being rebuilt, or the schema exists,\n"
     "4 a reader was in the way, or the topics lack events",
     projection_rebuild_options, 0, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_PROJECTOR,
     weir_verb_projection_rebuild},
    {"projection rollback", "NAME", "take readers back to the generation before",
     "Moves the views back to the latest kept generation that served before, in one transaction,\n"
     "and says first what that means. Its tables are as they were when it served last; then what\n"
     "runs with that generation's file feeds it on from its checkpoints. What runs with another\n"
     "file stops itself. The generation that is left is kept. Views that would lose columns, or\n"
     "change their types, are replaced only with --replace-views, and the views that depend on\n"
     "them with them. Nobody stands in line for it: a switch that has waited 50 ms for a reader's\n"
     "lock steps back, and tries again.",
     "  weir projection rollback user_list\n"
     "  weir projection rollback user_list --execute\n",
     "1 failed, 2 usage, configuration or refused views, 3 no such subscription or nothing to go "
     "back\n"
     "to, 4 a reader was "
     "in the way",
     projection_rollback_options, 0, 1, 1, WEIR_NEEDS_CONFIG | WEIR_AS_PROJECTOR,
     weir_verb_projection_rollback},
    {"projection drop", "NAME", "remove a generation that does not serve",
     "Drops the schema of that generation's tables, its checkpoints and its dead letters, and\n"
     "says first what that means. Refused while it serves, and while anything outside of the\n"
     "schema depends on it.",
     "  weir projection drop user_list --generation 1\n"
     "  weir projection drop user_list --generation 1 --execute\n",
     "1 failed, 2 usage, configuration or still used, 3 no such subscription or generation, 4 "
     "somebody was in the\n"
     "way",
     projection_drop_options, 0, 1, 1, WEIR_NEEDS_CONFIG | WEIR_AS_PROJECTOR,
     weir_verb_projection_drop},
    {"projection step", "NAME", "what each event of an aggregate does to a projection's rows",
     "Applies the events of one aggregate, one by one, to empty tables of the projection, and "
     "shows\n"
     "which rows each of them inserted, updated (old and new values) and deleted. Everything is\n"
     "rolled back. It ends at an event that a handler refuses: in the runtime, too, the later "
     "ones\n"
     "of the aggregate would wait behind it. Rows of other aggregates are not there: a handler "
     "that\n"
     "needs them finds none.",
     "  weir projection step user_list --aggregate user u-1\n"
     "  weir projection step user_list --aggregate user u-1 -o json\n",
     "1 failed, or an event is refused, 2 usage, configuration, a refused projection or a type "
     "that\n"
     "it does not read, 3 no such projection or aggregate",
     projection_step_options, WEIR_FORMATS_ALL, 1, 1,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER | WEIR_AS_PROJECTOR, weir_verb_projection_step},
    {"projection try", "FILE", "apply the store's events to a projection that nobody runs yet",
     "Makes a schema with the tables of a projection file, which need not be in the "
     "configuration,\n"
     "applies all events of its aggregate types as the file says, and leaves the tables for you "
     "to\n"
     "query. It is no subscription and is not fed any further: drop the schema when you have seen\n"
     "enough. An event that is refused is named and left out.",
     "  weir projection try projections/user_list.sql --into user_list_try\n"
     "  weir projection try new.sql --into look --limit 1000 --replace\n",
     "1 failed, or events were refused, 2 usage, configuration or a refused file, 3 no such\n"
     "aggregate, or the schema exists",
     projection_try_options, WEIR_FORMATS_ALL, 1, 1,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER | WEIR_AS_PROJECTOR, weir_verb_projection_try},
    {0},
};
