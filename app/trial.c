/* Filling a schema for a look.
 *
 * It goes the file's own way (`apply`), in committed batches. A refused event is named and left
 * out, and the rest is applied: what else is wrong is seen at once. Nothing is recorded of it, and
 * what it made is known again by the schema's comment alone. */
#include "app/trial.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/table.h"

#define NAMED 20 /* refused events that are named; all are counted */
#define SCHEMA_MOST 63

/* NAME__gN, NAME__verify. */
static bool is_made_by_weir(const char *schema)
{
    const char *end = schema;
    for (const char *next; (next = strstr(end, "__")); end = next + 1)
        if (strcmp(next, "__verify") == 0 ||
            (next[2] == 'g' && next[3] && strspn(next + 3, "0123456789") == strlen(next + 3)))
            return true;
    return false;
}

static bool is_taken(const char *schema, const char *projection)
{
    return strncmp(schema, "pg_", 3) == 0 || strcmp(schema, "weir") == 0 ||
           strcmp(schema, "public") == 0 || strcmp(schema, "information_schema") == 0 ||
           strcmp(schema, projection) == 0 || is_made_by_weir(schema);
}

bool weir_trial_check(const char *schema, const char *projection, weir_error *error)
{
    bool ok = *schema && !isdigit((unsigned char)*schema) && strlen(schema) <= SCHEMA_MOST;
    for (const char *c = schema; ok && *c; c++)
        ok = islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_';
    if (ok && is_taken(schema, projection))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "--into %s: that name is PostgreSQL's or weir's own; name another schema",
                         schema);
    return ok || weir_fail(error, WEIR_FATE_CONFIG,
                           "--into must be of lower-case letters, digits and _, at most %d, not "
                           "'%s'",
                           SCHEMA_MOST, schema);
}

static void on_refused(void *context, const weir_event *event, const weir_error *why)
{
    weir_trial *s = context;
    if (++s->refused > NAMED)
        return;
    weir_progress_clear(&s->progress);
    fprintf(stderr, "weir: %s/%s version %" PRId64 ", position %" PRId64 " (%s) is refused: %s\n",
            event->aggregate_type, event->aggregate_id, event->version, event->position,
            event->type, why->message);
    if (s->refused == NAMED)
        fprintf(stderr, "weir: further refused events are only counted\n");
}

bool weir_trial_open(weir_trial *s, weir_projection *projection, weir_store *work,
                     weir_error *error)
{
    const weir_refold_options options = {.schema = s->schema,
                                         .mark = s->mark,
                                         .replace = s->replace,
                                         .refused = on_refused,
                                         .context = s};
    s->refold = weir_refold_open(projection, s->session->config, weir_store_connection(work),
                                 &options, error);
    return s->refold != NULL;
}

static bool take(void *context, const weir_event *event, const weir_error *unreadable,
                 weir_error *error)
{
    weir_trial *s = context;
    if (s->limit > 0 && s->read == s->limit)
        return true;
    s->read++;
    if (s->read % 1000 == 0)
        weir_progress_show(&s->progress, s->schema, "events", s->read, s->limit);
    if (!unreadable)
        return weir_refold_add(s->refold, event, error);
    weir_refold_refuse(s->refold, event, unreadable);
    return true;
}

static bool fold(weir_trial *s, weir_error *error)
{
    do {
        if (!weir_history_read(&s->history, take, s, error) || !weir_refold_flush(s->refold, error))
            return false;
    } while (!s->history.ended && (s->limit == 0 || s->read < s->limit));
    return !s->done || weir_refold_mark(s->refold, s->done, error);
}

static void write_result(weir_trial *s)
{
    static const weir_column columns[] = {{"schema", "SCHEMA", false},
                                          {"read", "READ", true},
                                          {"applied", "APPLIED", true},
                                          {"refused", "REFUSED", true},
                                          {"seconds", "SECONDS", true},
                                          {"rate", "EVENTS/S", true},
                                          {0}};
    double seconds = (double)(weir_clock_monotonic_us() - s->begun_us) / 1e6;
    weir_table *table = weir_table_new(&s->session->output, s->session->format, columns);
    weir_table_object(table);
    weir_table_text(table, s->schema);
    weir_table_number(table, s->read);
    weir_table_number(table, weir_refold_applied(s->refold));
    weir_table_number(table, s->refused);
    weir_table_decimal(table, seconds, 3);
    weir_table_decimal(table, seconds > 0 ? (double)s->read / seconds : 0, 0);
    weir_table_end(table);
}

bool weir_trial_fill(weir_trial *s, weir_error *error)
{
    s->begun_us = weir_clock_monotonic_us();
    bool ok = fold(s, error);
    weir_progress_clear(&s->progress);
    if (!ok)
        return false;
    write_result(s);
    return s->refused == 0 ||
           weir_fail(error, WEIR_FATE_POISON, "%" PRId64 " of %" PRId64 " events are refused",
                     s->refused, s->read);
}

void weir_trial_close(weir_trial *s)
{
    weir_refold_close(s->refold);
    weir_history_free(&s->history);
}
