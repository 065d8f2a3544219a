/* The commands of sagas: rows of the table of commands (commands.c says where they stand). */
#include "app/command_rows.h"
#include "app/verbs.h"

static const weir_option list_options[] = {
    {"state", 0, "STATE", NULL, "only those in this state", false, 0,
     "running|compensating|completed|compensated|failed", 0},
    NUMBER("limit", "N", "100", 1, "at most so many"),
    {0},
};

static const weir_option tell_options[] = {
    TEXT("reason", "TEXT", "why; it is kept in the instance's stream"),
    FLAG("execute", "do it"),
    {0},
};

static const weir_option graph_options[] = {
    {"form", 0, "FORM", "dot", "dot (Graphviz) or mermaid", false, 0, "dot|mermaid", 0},
    {0},
};

#define EXITS_TELL EXITS_FAILED ", 3 no such saga or instance, or its state does not allow it"
#define NEEDS_TELL (WEIR_NEEDS_CONFIG | WEIR_AS_ADMIN)

const weir_command weir_saga_commands[] = {
    {"saga", "", "look at sagas and decide what they cannot",
     "Lists the instances of sagas, shows what happened to one, and carries out what a person\n"
     "decides.",
     NULL, NULL, NULL, 0, 0, 0, WEIR_NEEDS_NOTHING, NULL},
    {"saga list", "[NAME]", "list instances",
     "Lists instances, those that moved last first. State:\n"
     "  running       it goes forward; STEP is what it waits for\n"
     "  compensating  a step failed for good; STEP is what is being undone\n"
     "  completed     every step is done\n"
     "  compensated   whatever was done has been undone; WHY says what failed\n"
     "  failed        undoing STEP failed: see to it, then `weir saga retry`; or cancelled",
     "  weir saga list\n"
     "  weir saga list order_fulfilment --state failed\n",
     EXITS_FAILED ", 3 no such saga", list_options, WEIR_FORMATS_ALL, 0, 1,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_saga_list},
    {"saga show", "NAME ID", "what happened to one instance",
     "Shows where an instance stands, and every event of its stream and of its conversation (the\n"
     "events that have its correlationid), in the order of the store.",
     "  weir saga show order_fulfilment o-1\n"
     "  weir saga show order_fulfilment o-1 -o json\n",
     EXITS_FAILED ", 3 no such saga or instance", NULL, WEIR_FORMATS(1u, 1u, 0), 2, 2,
     WEIR_NEEDS_CONFIG | WEIR_AS_READER, weir_verb_saga_show},
    {"saga retry", "NAME ID", "ask again for the step that it is at",
     "Sends the request of its step again, at once, and counts attempts anew: also of one that\n"
     "failed since a step could not be undone.",
     "  weir saga retry order_fulfilment o-1\n"
     "  weir saga retry order_fulfilment o-1 --reason 'the bank is back' --execute\n",
     EXITS_TELL, tell_options, 0, 2, 2, NEEDS_TELL, weir_verb_saga_retry},
    {"saga compensate", "NAME ID", "undo what was done",
     "Makes an instance that is running, or completed, undo its steps, the last one first.",
     "  weir saga compensate order_fulfilment o-1\n"
     "  weir saga compensate order_fulfilment o-1 --reason 'wrong address' --execute\n",
     EXITS_TELL, tell_options, 0, 2, 2, NEEDS_TELL, weir_verb_saga_compensate},
    {"saga cancel", "NAME ID", "end it as it is",
     "Ends an instance without undoing anything. What it has asked for may still happen; its\n"
     "answers are not waited for.",
     "  weir saga cancel order_fulfilment o-1\n"
     "  weir saga cancel order_fulfilment o-1 --reason 'settled by phone' --execute\n",
     EXITS_TELL, tell_options, 0, 2, 2, NEEDS_TELL, weir_verb_saga_cancel},
    {"saga graph", "NAME", "a saga as a graph",
     "Writes the saga of the configuration as a graph: the steps, what undoes them, and the "
     "events\n"
     "that lead from one to the next. Nothing is connected.",
     "  weir saga graph order_fulfilment | dot -Tsvg >order_fulfilment.svg\n"
     "  weir saga graph order_fulfilment --form mermaid\n",
     EXITS_FAILED ", 3 no such saga", graph_options, 0, 1, 1, WEIR_NEEDS_CONFIG,
     weir_verb_saga_graph},
    {0},
};
