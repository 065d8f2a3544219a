/* verify topics: the proof that the topics equal the store, or where they do not. */
#include "producer/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/progress.h"
#include "app/table.h"
#include "app/verbs.h"

typedef struct report {
    weir_session *session;
    weir_table *findings; /* NULL: none was written yet */
    weir_progress progress;
    bool repair, execute;
    int64_t limit, listed, found;
    int64_t sums[WEIR_DEFECT_COUNT];
    int64_t republished;
    weir_verify_counts *types;
    size_t count;
} report;

static const weir_column finding_columns[] = {{"kind", "KIND", false},
                                              {"aggregatetype", "AGGREGATE TYPE", false},
                                              {"topic", NULL, false},
                                              {"partition", "PARTITION", true},
                                              {"offset", "OFFSET", true},
                                              {"position", "POSITION", true},
                                              {"aggregateid", "AGGREGATE ID", false},
                                              {"version", "VERSION", true},
                                              {"detail", "DETAIL", false},
                                              {0}};

static const weir_column type_columns[] = {{"aggregatetype", "AGGREGATE TYPE", false},
                                           {"topic", "TOPIC", false},
                                           {"partitions", "PARTITIONS", true},
                                           {"events", "EVENTS", true},
                                           {"records", "RECORDS", true},
                                           {"findings", "FINDINGS", true},
                                           {"pending", "PENDING", true},
                                           {"expired", "EXPIRED", true},
                                           {"compacted", "COMPACTED", true},
                                           {"rewritten", "REWRITTEN", true},
                                           {"accepted", "ACCEPTED", true},
                                           {"republished", "REPUBLISHED", true},
                                           {"kinds", NULL, false},
                                           {0}};

/* Numbers that may be absent. */
static void put(weir_table *table, bool there, int64_t number)
{
    if (there)
        weir_table_number(table, number);
    else
        weir_table_text(table, NULL);
}

/* findings_of begins the table of findings, and as JSON the object that it is in. */
static weir_table *findings_of(report *to)
{
    weir_output *output = &to->session->output;
    if (to->findings)
        return to->findings;
    if (to->session->format == WEIR_SHAPE_JSON)
        weir_output_text(output, "{\"findings\":");
    return to->findings = weir_table_new(output, to->session->format, finding_columns);
}

static void on_finding(void *context, const weir_verify_finding *finding)
{
    report *to = context;
    weir_table *table = findings_of(to);
    to->listed++;
    weir_table_text(table, weir_defect_name(finding->defect));
    weir_table_text(table, finding->aggregate_type);
    weir_table_text(table, finding->topic);
    put(table, finding->partition >= 0, finding->partition);
    put(table, finding->offset >= 0, finding->offset);
    put(table, finding->position > 0, finding->position);
    weir_table_text(table, finding->aggregate_id);
    put(table, finding->version > 0, finding->version);
    weir_table_text(table, finding->detail);
}

static void on_done(void *context, const weir_verify_counts *counts)
{
    report *to = context;
    to->types = weir_realloc(to->types, (to->count + 1) * sizeof *to->types);
    to->types[to->count] = *counts;
    to->types[to->count].aggregate_type = weir_strdup(counts->aggregate_type);
    to->types[to->count].topic = counts->topic ? weir_strdup(counts->topic) : NULL;
    to->count++;
    for (int i = 0; i < WEIR_DEFECT_COUNT; i++) {
        to->sums[i] += counts->defects[i];
        to->found += counts->defects[i];
    }
    to->republished += counts->republished;
}

static void on_progress(void *context, const char *aggregate_type, int64_t done, int64_t total)
{
    report *to = context;
    weir_progress_show(&to->progress, aggregate_type, "records", done, total);
}

/* put_kinds writes how many findings there are of each kind: "3 missing, 1 altered"; as JSON an
 * object of all. */
static void put_kinds(weir_buffer *text, const int64_t *counts, bool json)
{
    const char *before = json ? "{" : "";
    for (int i = 0; i < WEIR_DEFECT_COUNT; i++) {
        if (!json && counts[i] == 0)
            continue;
        weir_buffer_text(text, before);
        if (json)
            weir_buffer_format(text, "\"%s\":%" PRId64, weir_defect_name(i), counts[i]);
        else
            weir_buffer_format(text, "%" PRId64 " %s", counts[i], weir_defect_name(i));
        before = json ? "," : ", ";
    }
    if (json)
        weir_buffer_char(text, '}');
}

static void write_types(report *to)
{
    weir_table *table = weir_table_new(&to->session->output, to->session->format, type_columns);
    for (size_t i = 0; i < to->count; i++) {
        const weir_verify_counts *type = &to->types[i];
        int64_t findings = 0;
        weir_buffer kinds = WEIR_BUFFER((size_t)1000);
        for (int kind = 0; kind < WEIR_DEFECT_COUNT; kind++)
            findings += type->defects[kind];
        put_kinds(&kinds, type->defects, true);
        weir_table_text(table, type->aggregate_type);
        weir_table_text(table, type->topic);
        weir_table_number(table, type->partitions);
        weir_table_number(table, type->events);
        weir_table_number(table, type->records);
        weir_table_number(table, findings);
        weir_table_number(table, type->pending);
        weir_table_number(table, type->expired);
        weir_table_number(table, type->compacted);
        weir_table_number(table, type->rewritten);
        weir_table_number(table, type->accepted);
        weir_table_number(table, type->republished);
        weir_table_json(table, kinds.data, kinds.data);
        weir_buffer_free(&kinds);
    }
    weir_table_end(table);
}

/* write_report writes the findings and then the types: one object as JSON, the findings alone as
 * JSON Lines. */
static void write_report(report *to)
{
    weir_output *output = &to->session->output;
    bool json = to->session->format == WEIR_SHAPE_JSON;
    if (to->findings || json)
        weir_table_end(findings_of(to));
    if (to->session->format == WEIR_SHAPE_JSONL)
        return;
    weir_output_text(output, json ? ",\"types\":" : to->findings ? "\n" : "");
    write_types(to);
    weir_output_text(output, json ? "}\n" : "");
}

/* What a person should know beside the figures, each once. */
static void say_notes(const report *to)
{
    int64_t pending = 0, expired = 0, untracked = 0;
    bool lost = false;
    for (size_t i = 0; i < to->count; i++) {
        const weir_verify_counts *type = &to->types[i];
        pending += type->pending;
        expired += type->expired;
        untracked += type->untracked;
        lost = lost || type->replaced || type->defects[WEIR_AHEAD];
        if (type->compacted_topic)
            fprintf(stderr,
                    "weir: topic %s is compacted: %" PRId64 " events that later ones replaced are "
                    "not expected in it, and its chain is not checked\n",
                    type->topic, type->compacted);
        if (type->rewritten)
            fprintf(stderr,
                    "weir: topic %s holds %" PRId64 " events as they were before they were "
                    "rewritten in the store\n",
                    type->topic, type->rewritten);
    }
    if (lost)
        fprintf(stderr,
                "weir: topics are gone, were made anew or are ahead of the store; `weir topic "
                "reconcile` says what there is to choose from\n");
    if (pending)
        fprintf(stderr, "weir: %" PRId64 " events are not published yet: see `weir relay status`\n",
                pending);
    if (expired)
        fprintf(stderr,
                "weir: %" PRId64 " events at the beginnings of partitions were removed: by "
                "retention, or by somebody who deleted records\n",
                expired);
    if (untracked)
        fprintf(stderr,
                "weir: %" PRId64 " missing events lie in too many holes to be listed or repaired "
                "in one go; should one follow late, it counts as a duplicate\n",
                untracked);
    if (to->found > to->listed)
        fprintf(stderr, "weir: %" PRId64 " of %" PRId64 " findings are listed: --limit\n",
                to->listed, to->found);
}

static void say_repair(const report *to)
{
    int64_t missing = to->sums[WEIR_MISSING];
    if (missing && !to->execute)
        fprintf(stderr,
                "weir: %" PRId64 " missing events would be republished behind all others, as they "
                "were; --execute does it\n",
                missing);
    else if (missing)
        fprintf(stderr,
                "weir: %" PRId64 " of %" PRId64 " missing events were republished behind all "
                "others, where they count as inverted: readers that follow the chain have healed "
                "the hole or halted at it, and skip them\n",
                to->republished, missing);
    if (to->execute && to->republished < missing)
        fprintf(stderr,
                "weir: the rest cannot be: their topic is gone or was made anew, or no relay "
                "has recorded where it stands there\n");
    static const struct {
        weir_defect defect;
        const char *what;
    } others[] = {
        {WEIR_DUPLICATE, "duplicates stay: Kafka removes no single record; readers that follow "
                         "the chain skip them"},
        {WEIR_INVERTED, "the order stays: readers that follow the chain have healed the hole or "
                        "halted at it, and skip what comes late"},
        {WEIR_FOREIGN, "foreign records stay: no relay wrote them. Find out who may write to the "
                       "topic"},
        {WEIR_ALTERED, "altered records stay: what readers have of them is wrong. Rebuild it from "
                       "the store"},
        {WEIR_AHEAD, "records ahead stay: the store has lost their events, or they are of another "
                     "life of it. Readers that applied them must be rebuilt from the store"},
        {WEIR_CHAIN, "a broken chain stays: readers that follow it heal from the store or halt "
                     "there"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (to->sums[others[i].defect])
            fprintf(stderr, "weir: %s\n", others[i].what);
}

static bool conclude(const report *to, weir_error *error)
{
    int64_t events = 0, records = 0;
    for (size_t i = 0; i < to->count; i++) {
        events += to->types[i].events;
        records += to->types[i].records;
    }
    say_notes(to);
    if (to->repair)
        say_repair(to);
    if (to->found == 0) {
        fprintf(stderr,
                "weir: topics and store are equal: %" PRId64 " events, %" PRId64 " records\n",
                events, records);
        return true;
    }
    weir_buffer kinds = WEIR_BUFFER((size_t)1000);
    put_kinds(&kinds, to->sums, false);
    weir_fail(error, WEIR_FATE_FATAL, "topics and store differ: %s", kinds.data);
    weir_buffer_free(&kinds);
    return false;
}

bool weir_verb_verify_topics(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    report to = {.session = session,
                 .repair = weir_arguments_flag(arguments, "repair"),
                 .execute = weir_arguments_flag(arguments, "execute"),
                 .limit = weir_arguments_integer(arguments, "limit")};
    weir_verify_options options = {.aggregate_type = weir_arguments_text(arguments, "type"),
                                   .limit = to.limit,
                                   .repair = to.repair && to.execute,
                                   .found = on_finding,
                                   .done = on_done,
                                   .progress = on_progress,
                                   .context = &to};
    if (to.execute && !to.repair)
        return weir_fail(error, WEIR_FATE_CONFIG, "--execute is for --repair");
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    bool ok = weir_verify_topics(session->config, store, &session->stop, &options, error);
    weir_progress_clear(&to.progress);
    weir_store_close(store);
    if (ok || to.findings)
        write_report(&to);
    ok = ok && conclude(&to, error);
    for (size_t i = 0; i < to.count; i++) {
        free((void *)(uintptr_t)to.types[i].aggregate_type);
        free((void *)(uintptr_t)to.types[i].topic);
    }
    free(to.types);
    return ok;
}
