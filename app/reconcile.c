/* topic reconcile: what a relay refuses to start with, and the ways out. */
#include "producer/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "app/table.h"
#include "app/verbs.h"

typedef struct report {
    weir_table *table;
    bool execute;
    int open; /* disasters that nothing was decided for */
} report;

static void write_finding(void *context, const weir_finding *finding)
{
    report *to = context;
    bool resolved = finding->plan && to->execute;
    weir_table_text(to->table, finding->aggregate_type);
    weir_table_text(to->table, finding->topic);
    weir_table_text(to->table, weir_disaster_name(finding->disaster));
    weir_table_text(to->table, finding->explained);
    weir_table_text(to->table, *finding->ways ? finding->ways : NULL);
    weir_table_text(to->table, finding->plan);
    if (finding->disaster != WEIR_DISASTER_NONE && !finding->plan)
        to->open++;
    fprintf(stderr, "weir: %s: %s: %s\n", finding->topic, weir_disaster_name(finding->disaster),
            finding->explained);
    if (finding->plan)
        fprintf(stderr, "weir: %s: %s\n", resolved ? "done" : "with --execute", finding->plan);
    else if (*finding->ways)
        fprintf(stderr, "weir: choose one of: %s (see docs/disasters.md)\n", finding->ways);
}

/* way_of reads which one way was chosen. */
static bool way_of(const weir_arguments *arguments, weir_way *way, weir_error *error)
{
    static const struct {
        const char *option;
        weir_way way;
    } ways[] = {{"republish", WEIR_WAY_REPUBLISH},
                {"accept-ahead", WEIR_WAY_ACCEPT_AHEAD},
                {"new-generation", WEIR_WAY_NEW_GENERATION}};
    *way = WEIR_WAY_NONE;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!weir_arguments_flag(arguments, ways[i].option))
            continue;
        if (*way != WEIR_WAY_NONE)
            return weir_fail(error, WEIR_FATE_CONFIG, "choose one way");
        *way = ways[i].way;
    }
    bool execute = weir_arguments_flag(arguments, "execute");
    if (*way == WEIR_WAY_NONE)
        return !execute || weir_fail(error, WEIR_FATE_CONFIG, "--execute of which way?");
    return weir_arguments_text(arguments, "type") ||
           weir_fail(error, WEIR_FATE_CONFIG, "a way is for one aggregate type: --type TYPE");
}

bool weir_verb_topic_reconcile(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                          {"topic", "TOPIC", false},
                                          {"found", "FOUND", false},
                                          {"explained", NULL, false},
                                          {"ways", "WAYS OUT", false},
                                          {"plan", NULL, false},
                                          {0}};
    weir_way way;
    if (!way_of(&session->arguments, &way, error))
        return false;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    report to = {.execute = weir_arguments_flag(&session->arguments, "execute")};
    to.table = weir_table_new(&session->output, session->format, columns);
    bool ok = weir_reconcile(session->config, store, &session->stop,
                             weir_arguments_text(&session->arguments, "type"), way, to.execute,
                             write_finding, &to, error);
    weir_table_finish(to.table, ok);
    weir_store_close(store);
    if (ok && to.open > 0)
        ok = weir_fail(error, WEIR_FATE_FATAL, "%d of the topics wait%s for a decision", to.open,
                       to.open == 1 ? "s" : "");
    return ok;
}
