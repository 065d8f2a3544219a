/* verify projection: the proof that a projection's tables are what its events make of them, or
 * where they are not. projections/proof.c proves; this shows. */
#include "app/members.h"
#include "app/progress.h"
#include "app/runtime.h"
#include "app/table.h"
#include "app/verbs.h"
#include "projections/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL ((size_t)64 * 1024 * 1024)

typedef struct report {
    weir_session *session;
    const char *name;
    weir_table *findings; /* NULL: none was written yet */
    weir_progress progress;
    weir_proof_options options;
    weir_proof proof;
    weir_proof_table *tables;
    size_t table_count;
    const char **excluded;
    int64_t refused; /* that were handed over */
} report;

static const weir_column finding_columns[] = {
    {"kind", "KIND", false},       {"table", "TABLE", false},     {"key", "KEY", false},
    {"columns", "COLUMNS", false}, {"serving", "SERVING", false}, {"refold", "REFOLD", false},
    {"rows", NULL, true},          {"detail", NULL, false},       {0}};

static const weir_column table_columns[] = {{"table", "TABLE", false},
                                            {"rows", "ROWS", true},
                                            {"refolded", "REFOLDED", true},
                                            {"differences", "DIFFERENCES", true},
                                            {0}};

/* findings_of begins the table of findings, and as JSON the object that it is in. */
static weir_table *findings_of(report *to)
{
    weir_output *output = &to->session->output;
    if (to->findings)
        return to->findings;
    weir_progress_clear(&to->progress);
    if (to->session->format == WEIR_SHAPE_JSON)
        weir_output_text(output, "{\"findings\":");
    return to->findings = weir_table_new(output, to->session->format, finding_columns);
}

/* put_json writes a cell of an object: as it is, and for people as name: value. */
static void put_json(weir_table *table, const char *json)
{
    weir_buffer shown = WEIR_BUFFER(CELL);
    if (!json) {
        weir_table_text(table, NULL);
        return;
    }
    weir_buffer_text(&shown, "");
    weir_members_show(json, &shown);
    weir_table_json(table, json, shown.data);
    weir_buffer_free(&shown);
}

/* put_differing writes of a row only the members that differ. */
static void put_differing(weir_table *table, const char *row, const char *columns)
{
    weir_buffer part = WEIR_BUFFER(CELL), shown = WEIR_BUFFER(CELL);
    weir_json_walk walk;
    weir_slice name, value;
    bool listed = weir_json_array(&walk, columns, strlen(columns));
    weir_buffer_char(&part, '{');
    while (listed && weir_json_element(&walk, &name)) {
        if (!weir_member_find(row, name, &value))
            continue;
        weir_buffer_text(&part, part.length > 1 ? "," : "");
        weir_buffer_append(&part, name.text, name.length);
        weir_buffer_char(&part, ':');
        weir_buffer_append(&part, value.text, value.length);
    }
    weir_buffer_char(&part, '}');
    weir_members_show(part.data, &shown);
    weir_table_json(table, row, shown.data ? shown.data : "");
    weir_buffer_free(&shown);
    weir_buffer_free(&part);
}

/* put_names writes "email, name" of a JSON array of names. */
static void put_names(weir_table *table, const char *columns)
{
    weir_buffer shown = WEIR_BUFFER(CELL);
    weir_json_walk walk;
    weir_slice name;
    weir_buffer_text(&shown, "");
    bool listed = columns && weir_json_array(&walk, columns, strlen(columns));
    while (listed && weir_json_element(&walk, &name)) {
        weir_buffer_text(&shown, shown.length ? ", " : "");
        weir_buffer_append(&shown, name.text + 1, name.length - 2);
    }
    weir_table_json(table, columns ? columns : "null", shown.data);
    weir_buffer_free(&shown);
}

static void on_difference(void *context, const weir_proof_difference *difference)
{
    report *to = context;
    weir_table *table = findings_of(to);
    weir_table_text(table, difference->kind);
    weir_table_text(table, difference->table);
    put_json(table, difference->key);
    put_names(table, difference->columns);
    if (difference->columns) {
        put_differing(table, difference->serving, difference->columns);
        put_differing(table, difference->refold, difference->columns);
    } else {
        put_json(table, difference->serving);
        put_json(table, difference->refold);
    }
    weir_table_number(table, difference->rows);
    weir_table_text(table, NULL);
}

static void on_refused(void *context, const weir_event *event, const weir_error *why)
{
    report *to = context;
    if (to->refused++ >= to->options.limit)
        return;
    weir_table *table = findings_of(to);
    weir_buffer key = WEIR_BUFFER(CELL);
    weir_buffer_text(&key, "{\"aggregatetype\":");
    weir_buffer_json(&key, event->aggregate_type, strlen(event->aggregate_type));
    weir_buffer_text(&key, ",\"aggregateid\":");
    weir_buffer_json(&key, event->aggregate_id, strlen(event->aggregate_id));
    weir_buffer_format(&key, ",\"version\":%" PRId64 "}", event->version);
    weir_table_text(table, "refused");
    weir_table_text(table, NULL);
    put_json(table, key.data);
    put_names(table, NULL);
    put_json(table, NULL);
    weir_table_json(table, "null", why->message);
    weir_table_number(table, 0);
    weir_table_text(table, why->message);
    weir_buffer_free(&key);
}

static void on_table(void *context, const weir_proof_table *table)
{
    report *to = context;
    to->tables = weir_realloc(to->tables, (to->table_count + 1) * sizeof *to->tables);
    to->tables[to->table_count] = *table;
    to->tables[to->table_count++].name = weir_strdup(table->name);
}

static void on_progress(void *context, int64_t events)
{
    report *to = context;
    if (!to->findings)
        weir_progress_show(&to->progress, to->name, "events", events, 0);
}

static void write_tables(report *to)
{
    weir_table *table = weir_table_new(&to->session->output, to->session->format, table_columns);
    for (size_t i = 0; i < to->table_count; i++) {
        weir_table_text(table, to->tables[i].name);
        weir_table_number(table, to->tables[i].serving);
        weir_table_number(table, to->tables[i].refold);
        weir_table_number(table, to->tables[i].differences);
    }
    weir_table_end(table);
}

static void write_summary(report *to)
{
    const weir_proof *proof = &to->proof;
    weir_output *output = &to->session->output;
    weir_output_format(output,
                       ",\"generation\":%d,\"position\":%" PRId64 ",\"aggregates\":%" PRId64
                       ",\"events\":%" PRId64 ",\"refused\":%" PRId64 ",\"parked\":%" PRId64
                       ",\"leftout\":%" PRId64 ",\"excluded\":[",
                       proof->generation, proof->position, proof->aggregates, proof->events,
                       proof->refused, proof->parked, proof->left_out);
    weir_buffer names = WEIR_BUFFER(CELL);
    for (size_t i = 0; i < to->options.excluded_count; i++) {
        weir_buffer_text(&names, i ? "," : "");
        weir_buffer_json(&names, to->excluded[i], strlen(to->excluded[i]));
    }
    weir_output_bytes(output, names.data, names.length);
    weir_output_text(output, "]}\n");
    weir_buffer_free(&names);
}

/* write_report writes the findings and then the tables: one object as JSON, the findings alone as
 * JSON Lines. */
static void write_report(report *to)
{
    weir_output *output = &to->session->output;
    bool json = to->session->format == WEIR_SHAPE_JSON;
    if (to->findings || json)
        weir_table_end(findings_of(to));
    if (to->session->format == WEIR_SHAPE_JSONL)
        return;
    weir_output_text(output, json ? ",\"tables\":" : to->findings ? "\n" : "");
    write_tables(to);
    if (json)
        write_summary(to);
}

/* What a person should know beside the figures, each once. */
static void say_notes(const report *to)
{
    const weir_proof *proof = &to->proof;
    if (proof->other_handlers)
        fprintf(stderr, "weir: the file's handlers are not those that the projection was fed by "
                        "last: differences may come from that\n");
    if (proof->parked || proof->left_out)
        fprintf(stderr,
                "weir: %" PRId64 " aggregates are parked; %" PRId64 " events that wait, were "
                "skipped or were discarded are not expected in the tables\n",
                proof->parked, proof->left_out);
    if (proof->unplaced)
        fprintf(stderr,
                "weir: %" PRId64 " dead letters name no position: differences may come from them\n",
                proof->unplaced);
    for (size_t i = 0; i < to->options.excluded_count; i++)
        fprintf(stderr, "weir: column %s was not compared\n", to->excluded[i]);
    if (to->options.aggregate_id || to->options.sample)
        fprintf(stderr, "weir: only the rows that these events make were looked for: a row that "
                        "should not be there is found by verifying all\n");
}

static bool conclude(const report *to, weir_error *error)
{
    const weir_proof *proof = &to->proof;
    int64_t rows = 0;
    for (size_t i = 0; i < to->table_count; i++)
        rows += to->tables[i].refold;
    say_notes(to);
    if (proof->differences + proof->refused > 0)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "%s is not what its events make of it: %" PRId64 " rows differ, %" PRId64
                         " events are refused (%" PRId64 " events up to position %" PRId64 ")",
                         to->name, proof->differences, proof->refused, proof->events,
                         proof->position);
    fprintf(stderr,
            "weir: %s is what its events make of it: %" PRId64 " events up to position %" PRId64
            ", %" PRId64 " rows\n",
            to->name, proof->events, proof->position, rows);
    return true;
}

/* read_excluded collects every --exclude. */
static void read_excluded(report *to)
{
    const weir_arguments *arguments = &to->session->arguments;
    to->excluded = weir_calloc(arguments->given_count + 1, sizeof *to->excluded);
    for (size_t i = 0; i < arguments->given_count; i++)
        if (strcmp(arguments->given[i].option->name, "exclude") == 0)
            to->excluded[to->options.excluded_count++] = arguments->given[i].value;
    to->options.excluded = to->excluded;
}

static bool prove(report *to, weir_error *error)
{
    weir_session *session = to->session;
    weir_runtime runtime = {0};
    weir_store *reader = NULL, *work = NULL;
    bool ok =
        weir_runtime_load(&runtime, session->config, &session->stop, &to->name, 1, error) &&
        weir_projection_needs_store(runtime.members[0].projection,
                                    "there is nothing to prove it by", error) &&
        (reader = weir_session_store(session, error)) &&
        (work = weir_session_store(session, error)) &&
        weir_prove(runtime.members[0].projection, session->config, runtime.upcasters, reader,
                   weir_store_connection(work), &session->stop, &to->options, &to->proof, error);
    weir_progress_clear(&to->progress);
    weir_store_close(work);
    weir_store_close(reader);
    weir_runtime_free(&runtime);
    return ok;
}

bool weir_verb_verify_projection(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    report to = {.session = session,
                 .name = weir_arguments_word(arguments, 0),
                 .options = {.aggregate_type = weir_arguments_text(arguments, "aggregate"),
                             .aggregate_id = weir_arguments_second(arguments, "aggregate"),
                             .sample = weir_arguments_integer(arguments, "sample"),
                             .limit = weir_arguments_integer(arguments, "limit"),
                             .refused = on_refused,
                             .difference = on_difference,
                             .table = on_table,
                             .progress = on_progress,
                             .context = &to}};
    if (to.options.aggregate_id && to.options.sample)
        return weir_fail(error, WEIR_FATE_CONFIG, "--aggregate and --sample exclude each other");
    read_excluded(&to);
    bool ok = prove(&to, error);
    if (ok || to.findings)
        write_report(&to);
    ok = ok && conclude(&to, error);
    for (size_t i = 0; i < to.table_count; i++)
        free((void *)(uintptr_t)to.tables[i].name);
    free(to.tables);
    free(to.excluded);
    return ok;
}
