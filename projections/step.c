/* What each event does to the rows of a projection's tables.
 *
 * A rehearsal applies the events; triggers on its tables write down each row that comes, changes or
 * goes, whatever a statement, another trigger or a foreign key does it, and after each event what
 * was written is summed up by primary key. So an event costs what it changes, not what is there. It
 * must never guess what a statement does from its text. */
#include "projections/step.h"

#include <stdlib.h>

#include "projections/generations_int.h"

enum {
    TABLE,
    KEY,
    BEFORE,
    AFTER,
    LAST
}; /* of projection_changes */

struct weir_steps {
    weir_rehearsal *rehearsal;
    weir_connection *connection;
    char *sql;    /* says what changed */
    int64_t last; /* change that was handed over */
};

static bool watch_tables(weir_steps *steps, const weir_projection *projection, weir_error *error)
{
    char *schema = weir_format("%s__sample", projection->name);
    const weir_param param = WEIR_PARAM_TEXT(schema);
    bool ok = weir_run_made(steps->connection, "projection_watch", &param, 1, NULL, error);
    weir_result *made =
        ok ? weir_connection_query(steps->connection, "projection_changes", &param, 1, error)
           : NULL;
    if (made)
        steps->sql = weir_strdup(weir_result_value(made, 0, 0));
    weir_result_free(made);
    free(schema);
    /* An event that is refused takes back what came after the last savepoint. */
    return made && weir_connection_execute(steps->connection, "SAVEPOINT sample", error);
}

weir_steps *weir_steps_open(weir_projection *projection, const weir_config *config,
                            weir_connection *connection, weir_error *error)
{
    weir_steps *steps = weir_calloc(1, sizeof *steps);
    steps->connection = connection;
    steps->rehearsal = weir_rehearsal_open(projection, config, connection, error);
    if (steps->rehearsal && watch_tables(steps, projection, error))
        return steps;
    weir_steps_close(steps);
    return NULL;
}

static void hand_over(const weir_result *rows, int row, weir_change_fn *fn, void *context)
{
    const weir_change change = {
        .kind = !weir_result_value(rows, row, BEFORE)  ? WEIR_CHANGE_INSERTED
                : !weir_result_value(rows, row, AFTER) ? WEIR_CHANGE_DELETED
                                                       : WEIR_CHANGE_UPDATED,
        .table = weir_result_value(rows, row, TABLE),
        .key = weir_result_value(rows, row, KEY),
        .before = weir_result_value(rows, row, BEFORE),
        .after = weir_result_value(rows, row, AFTER),
    };
    fn(context, &change);
}

bool weir_steps_apply(weir_steps *steps, const weir_event *event, bool *called, weir_change_fn *fn,
                      void *context, weir_error *error)
{
    char last[24];
    if (!weir_rehearsal_apply(steps->rehearsal, event, called, error))
        return false;
    if (!*called)
        return true;
    const weir_param param = weir_param_integer(steps->last, last);
    weir_result *rows = weir_connection_text(steps->connection, steps->sql, &param, 1, error);
    for (int i = 0; rows && i < weir_result_rows(rows); i++) {
        hand_over(rows, i, fn, context);
        steps->last = weir_result_integer(rows, i, LAST);
    }
    weir_result_free(rows);
    return rows != NULL;
}

void weir_steps_close(weir_steps *steps)
{
    if (!steps)
        return;
    weir_rehearsal_close(steps->rehearsal);
    free(steps->sql);
    free(steps);
}
