/* The commands of dead letters, of control over subscriptions, and wait: rows of the table of
 * commands (commands.c says where they stand). */
#include "app/command_rows.h"
#include "app/verbs.h"

#define AGGREGATE ONE_AGGREGATE("only those of one aggregate")
#define SUBSCRIPTION TEXT("subscription", "NAME", "only those of this subscription")

static const weir_option list_options[] = {
    SUBSCRIPTION,
    AGGREGATE,
    {"status", 0, "STATUS", "waiting", "waiting, applied, discarded, skipped or all", false, 0,
     "waiting|applied|discarded|skipped|all", 0},
    NUMBER("limit", "N", "1000", 1, "at most so many"),
    {0},
};

static const weir_option mark_options[] = {
    AGGREGATE,
    SUBSCRIPTION,
    FLAG("all", "of all subscriptions"),
    FLAG("execute", "do it; without it, only say which letters it would be"),
    {0},
};

static const weir_option edit_options[] = {
    TEXT("data", "FILE", "the new value, JSON; - for stdin"),
    FLAG("retry", "also mark it to be tried again"),
    FLAG("execute", "do it; without it, only check the value"),
    {0},
};

static const weir_option control_options[] = {
    FLAG("all", "all subscriptions of the store"),
    {0},
};

static const weir_option reset_options[] = {
    NUMBER("to-position", "P", NULL, 0, "events up to this position count as applied"),
    TEXT("to-time", "TIME", "events recorded up to this time do, RFC 3339"),
    FLAG("to-earliest", "none does: begin with the first event"),
    FLAG("keep-rows", "going back: apply events again on tables that have their effects"),
    FLAG("empty-tables", "with --to-earliest: empty the projection's tables, too"),
    FLAG("skip-events", "going forward: never apply the events between"),
    FLAG("execute", "do it; without it, only say what would be done"),
    {0},
};

static const weir_option wait_options[] = {
    NUMBER("timeout", "MS", "5000", 0, "give up after so many milliseconds"),
    {0},
};

#define EXITS_LETTERS                                                                              \
    EXITS_FAILED ", 3 no such letter or subscription, or a letter that\n"                          \
                 "waits no more: then nothing was changed"

const weir_command weir_letter_commands[] = {
    {"projection pause", "[NAME]...", "make subscriptions stand still",
     "Pauses projections wherever they run, until `projection resume`. When it ends nothing is\n"
     "applied any more: a transaction that is under way is waited for, or rolls back. Processes\n"
     "need not be told, and keep their partitions.",
     "  weir projection pause user_list\n"
     "  weir projection pause --all\n",
     EXITS_FAILED ", 3 no such subscription", control_options, WEIR_FORMATS_ALL, 0, -1,
     WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN, weir_verb_projection_pause},
    {"projection resume", "[NAME]...", "let them go on",
     "Ends a pause: they go on at the event at which they stood.",
     "  weir projection resume user_list\n"
     "  weir projection resume --all\n",
     EXITS_FAILED ", 3 no such subscription", control_options, WEIR_FORMATS_ALL, 0, -1,
     WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN, weir_verb_projection_resume},
    {"projection reset", "NAME", "make one go on elsewhere",
     "Sets what counts as applied, in one transaction. The projection must be paused, or nothing\n"
     "may run it. Prints for each partition where it stands, where it would, how many events are\n"
     "applied again, how many never, and how many waiting dead letters go since they come again.\n"
     "\n"
     "Back: what comes again meets tables that have its effects already, so it is refused but for\n"
     "--to-earliest --empty-tables (readers see the tables empty and filling again), and\n"
     "--keep-rows, for statements that take an event twice. Usually a projection under a new name\n"
     "or a rebuild is the better way: readers keep the old one until the new one is there.\n"
     "Forward: events between are never applied; that takes --skip-events.\n"
     "\n"
     "Of topics that weir did not write, positions are offsets, and times are those of Kafka's\n"
     "records: --to-earliest (what retention has left) or --to-time.",
     "  weir projection reset user_list --to-earliest --empty-tables\n"
     "  weir projection reset user_list --to-position 4711 --keep-rows --execute\n"
     "  weir projection reset user_list --to-time 2026-01-31T00:00:00Z --skip-events --execute\n",
     EXITS_FAILED " or what is refused as above, 3 no such\n"
                  "subscription, or it is running",
     reset_options, WEIR_FORMATS_ALL, 1, 1, WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN,
     weir_verb_projection_reset},

    {"wait", "SUBSCRIPTION TYPE ID [VERSION]", "wait until an event is applied",
     "Waits until a subscription has applied a version of an aggregate, the latest one unless it "
     "is\n"
     "given: then its tables show it. Services call the same: SELECT weir.wait_for(...).",
     "  weir wait user_list user u-1\n"
     "  weir wait user_list user u-1 3 --timeout 10000\n",
     "1 failed, or it waits in vain: the aggregate is parked, the subscription is stopped or\n"
     "paused, 2 usage or configuration, 3 no such subscription or event, 4 timeout",
     wait_options, 0, 3, 4, WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_wait},

    {"dlq", "", "look at dead letters and put them right",
     "A dead letter is an event that a subscription could not apply, or one that waits behind it:\n"
     "from the first letter of an aggregate on, all later events of that aggregate wait, in "
     "order.\n"
     "Others go on. docs/dead_letters.md has the way from a letter to its end.",
     NULL, NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"dlq list", "", "list dead letters",
     "Lists letters by id, which is the order within an aggregate. Cause:\n"
     "  refused     the handler did not take it: see CLASS and ERROR\n"
     "  unreadable  it is no event that can be read\n"
     "  behind      it waits behind an earlier letter of its aggregate\n"
     "MARK is what a person asked for and the runtime has not done yet. REDRIVES is how often\n"
     "the runtime tried the aggregate again by itself, NEXT REDRIVE when it will; none: not any\n"
     "more. Of a GENERATION that does not serve, marks wait for the next rebuild or a rollback.",
     "  weir dlq list\n"
     "  weir dlq list --subscription user_list --status all -o jsonl\n"
     "  weir dlq list --aggregate user u-1\n",
     EXITS_FAILED ", 3 no such subscription", list_options, WEIR_FORMATS_ALL, 0, 1,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_dlq_list},
    {"dlq show", "ID", "show all of one letter",
     "Shows where it came from, why it is there, its headers, its value as it came (JSON if it is\n"
     "that, else in base64), beside that what it was edited to, and who did what to it.",
     "  weir dlq show 17\n"
     "  weir dlq show 17 -o json\n",
     EXITS_FAILED ", 3 no such letter", NULL, WEIR_FORMATS_ALL, 1, 1,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_dlq_show},
    {"dlq retry", "[ID]...", "have letters tried again",
     "Marks letters to be tried again; the runtime does it, in order: whichever letter of an\n"
     "aggregate is named, its first waiting one is tried first, then the next, until all are\n"
     "applied and the aggregate goes on, or one is refused and it waits on. So the first waiting\n"
     "letter is what is marked and shown; LETTERS is how many will be tried.\n"
     "Choose by ID, --aggregate TYPE ID, --subscription NAME or --all, one of these. All of them\n"
     "are marked or none.",
     "  weir dlq retry 17\n"
     "  weir dlq retry --aggregate user u-1 --execute\n"
     "  weir dlq retry --subscription user_list --execute\n",
     EXITS_LETTERS, mark_options, WEIR_FORMATS_ALL, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN,
     weir_verb_dlq_retry},
    {"dlq discard", "[ID]...", "give letters up",
     "Marks letters to be given up: the runtime never applies them, and keeps the row. Only what\n"
     "is named is skipped: when it was the first of its aggregate, the runtime goes on with what\n"
     "waits behind it, and each of these then meets a state without the event that was skipped.\n"
     "A letter behind the first is skipped when its turn comes. LETTERS is how many are given up,\n"
     "WAITING how many wait. Choose as for retry.",
     "  weir dlq discard 17\n"
     "  weir dlq discard 17 18 --execute\n"
     "  weir dlq discard --aggregate user u-1 --execute\n",
     EXITS_LETTERS, mark_options, WEIR_FORMATS_ALL, 0, -1, WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN,
     weir_verb_dlq_discard},
    {"dlq edit", "ID", "give a letter another value",
     "Checks and stores JSON that is applied instead of the letter's value, which stays beside "
     "it.\n"
     "Where that is msgpack, the JSON becomes msgpack. Event and topic keep the original: other\n"
     "subscriptions, and a rebuild, meet that again. It is not tried before a retry, or with\n"
     "--retry, which as always begins with the first waiting letter of the aggregate. Here it must "
     "be\n"
     "JSON; what the file, the tables and a foreign topic's directives ask of it is asked when it "
     "is\n"
     "tried.",
     "  weir dlq edit 17 --data fixed.json\n"
     "  weir dlq edit 17 --data fixed.json --retry --execute\n"
     "  jq .value letter.json | weir dlq edit 17 --data - --execute\n",
     EXITS_LETTERS, edit_options, 0, 1, 1, WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN, weir_verb_dlq_edit},
    {0},
};
