/* import: CloudEvents JSON Lines into the store, in order, in batches, again and again.
 *
 * A batch is one transaction of one append an event, so an event that is already there is absorbed
 * alone and a rerun after any failure continues where the last run ended. What passes by itself
 * (deadlocks with other writers, a lost connection) is retried with the same batch. How many events
 * were new is counted in the batch's own transaction, so another importer cannot falsify it. */
#include "app/event_log.h"
#include "app/import_int.h"
#include "app/progress.h"
#include "app/table.h"
#include "app/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct import {
    weir_session *session;
    weir_importer importer;
    weir_lines lines;
    bool dry_run;
    weir_progress progress;
} import;

/* flush sends the batch unless this is a dry run. */
static bool flush(import *in, weir_error *error)
{
    if (in->dry_run)
        weir_importer_drop(&in->importer);
    else if (!weir_importer_send(&in->importer, error))
        return false;
    weir_progress_show(&in->progress, in->lines.name, "events", in->importer.read, 0);
    return true;
}

static bool import_lines(import *in, weir_error *error)
{
    const char *text;
    size_t length;
    while (weir_event_log_next(&in->lines, &text, &length, error)) {
        if (in->lines.ended)
            return flush(in, error);
        if (weir_importer_full(&in->importer, length) && !flush(in, error))
            return false;
        if (weir_stop_requested(&in->session->stop))
            return weir_fail(error, WEIR_FATE_FATAL, "interrupted");
        if (!weir_importer_add(&in->importer, text, length, in->lines.number, error))
            return weir_error_prefix(error, "%s:%lld", in->lines.name, (long long)in->lines.number);
    }
    return false;
}

/* refused: lines that no repetition makes good are the caller's mistake. */
static void refused(weir_error *error)
{
    if (error->fate == WEIR_FATE_POISON)
        error->code = strcmp(error->sqlstate, "WV003") == 0 ? WEIR_CONFLICT : WEIR_INVALID;
}

/* say_what_stays tells what a failed import left behind. */
static bool say_what_stays(const import *in, weir_error *error)
{
    char why[sizeof error->message];
    weir_error before = *error;
    memcpy(why, error->message, sizeof why);
    if (!in->dry_run && in->importer.sent > 0)
        weir_fail_code(error, before.fate, before.code,
                       "%s\n%lld events were imported before it (%lld new, %lld already there); "
                       "a rerun passes over them",
                       why, (long long)in->importer.sent, (long long)in->importer.added,
                       (long long)(in->importer.sent - in->importer.added));
    return false;
}

static void write_counts(import *in)
{
    static const weir_column columns[] = {
        {"read", "READ", true}, {"new", "NEW", true}, {"existing", "ALREADY THERE", true}, {0}};
    static const weir_column dry[] = {{"read", "READ", true}, {0}};
    weir_table *table =
        weir_table_new(&in->session->output, in->session->format, in->dry_run ? dry : columns);
    weir_table_object(table);
    weir_table_number(table, in->importer.read);
    if (!in->dry_run) {
        weir_table_number(table, in->importer.added);
        weir_table_number(table, in->importer.sent - in->importer.added);
    }
    weir_table_end(table);
}

bool weir_verb_import(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    bool ok = false;
import in = {.session = session, .dry_run = weir_arguments_flag(arguments, "dry-run") };
    if (!weir_event_log_open(&in.lines, weir_arguments_word(arguments, 0), error))
        return false;
    weir_importer_open(&in.importer, session, in.lines.name,
                       weir_arguments_text(arguments, "aggregate-type"));
    if (!in.dry_run && !weir_importer_connect(&in.importer, error))
        goto out;
    ok = import_lines(&in, error);
    weir_progress_clear(&in.progress);
    if (ok) {
        write_counts(&in);
    } else {
        refused(error);
        say_what_stays(&in, error);
    }
out:
    weir_importer_close(&in.importer);
    weir_event_log_close(&in.lines);
    return ok;
}
