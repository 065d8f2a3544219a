/* What each event does to the rows of a projection's tables.
 *
 * A rehearsal applies the events; here the rows are read before and after each and laid side by
 * side, by primary key. All rows, every time: whatever a statement, a trigger or a foreign key
 * changes is seen, at a price that grows with the table. It must never guess what a statement does
 * from its text. */
#include "projections/step.h"

#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

enum {
    TABLE,
    KEY,
    ROW
};

struct weir_steps {
    weir_rehearsal *rehearsal;
    weir_connection *connection;
    char *sql;         /* reads every row; NULL: there are no tables */
    weir_result *rows; /* as they are; NULL: there are no tables */
};

static bool read_rows(weir_steps *steps, weir_result **rows, weir_error *error)
{
    *rows = NULL;
    if (!steps->sql)
        return true;
    *rows = weir_connection_text(steps->connection, steps->sql, NULL, 0, error);
    return *rows != NULL;
}

static bool find_tables(weir_steps *steps, const weir_projection *projection, weir_error *error)
{
    char *schema = weir_format("%s__sample", projection->name);
    weir_param param = WEIR_PARAM_TEXT(schema);
    weir_result *made =
        weir_connection_query(steps->connection, "projection_rows", &param, 1, error);
    if (made && weir_result_value(made, 0, 0))
        steps->sql = weir_strdup(weir_result_value(made, 0, 0));
    weir_result_free(made);
    free(schema);
    return made != NULL;
}

weir_steps *weir_steps_open(weir_projection *projection, const weir_config *config,
                            weir_connection *connection, weir_error *error)
{
    weir_steps *steps = weir_calloc(1, sizeof *steps);
    steps->connection = connection;
    steps->rehearsal = weir_rehearsal_open(projection, config, connection, error);
    if (steps->rehearsal && find_tables(steps, projection, error) &&
        read_rows(steps, &steps->rows, error))
        return steps;
    weir_steps_close(steps);
    return NULL;
}

/* Two readings of the rows, walked side by side. */
typedef struct sides {
    const weir_result *before, *after;
    int i, j;
} sides;

/* identity is what makes a row the same one as before: its key, or else all of it. */
static const char *identity(const weir_result *rows, int row)
{
    const char *key = weir_result_value(rows, row, KEY);
    return key ? key : weir_result_value(rows, row, ROW);
}

/* order is negative when the row before stands alone, positive when the one after does. */
static int order(const sides *s)
{
    bool was = s->i < weir_result_rows(s->before), is = s->j < weir_result_rows(s->after);
    if (!was || !is)
        return was ? -1 : 1;
    int tables =
        strcmp(weir_result_value(s->before, s->i, TABLE), weir_result_value(s->after, s->j, TABLE));
    return tables ? tables : strcmp(identity(s->before, s->i), identity(s->after, s->j));
}

static void hand_over(const sides *s, int found, weir_change_fn *fn, void *context)
{
    const weir_result *named = found <= 0 ? s->before : s->after;
    const int row = found <= 0 ? s->i : s->j;
    const weir_change change = {
        .kind = found < 0   ? WEIR_CHANGE_DELETED
                : found > 0 ? WEIR_CHANGE_INSERTED
                            : WEIR_CHANGE_UPDATED,
        .table = weir_result_value(named, row, TABLE),
        .key = weir_result_value(named, row, KEY),
        .before = found <= 0 ? weir_result_value(s->before, s->i, ROW) : NULL,
        .after = found >= 0 ? weir_result_value(s->after, s->j, ROW) : NULL,
    };
    if (found != 0 || strcmp(change.before, change.after) != 0)
        fn(context, &change);
}

static void compare(const weir_result *before, const weir_result *after, weir_change_fn *fn,
                    void *context)
{
    sides s = {before, after, 0, 0};
    while (s.i < weir_result_rows(before) || s.j < weir_result_rows(after)) {
        int found = order(&s);
        hand_over(&s, found, fn, context);
        s.i += found <= 0;
        s.j += found >= 0;
    }
}

bool weir_steps_apply(weir_steps *steps, const weir_event *event, bool *called, weir_change_fn *fn,
                      void *context, weir_error *error)
{
    weir_result *rows;
    if (!weir_rehearsal_apply(steps->rehearsal, event, called, error))
        return false;
    if (!*called || !steps->sql)
        return true;
    if (!read_rows(steps, &rows, error))
        return false;
    compare(steps->rows, rows, fn, context);
    weir_result_free(steps->rows);
    steps->rows = rows;
    return true;
}

void weir_steps_close(weir_steps *steps)
{
    if (!steps)
        return;
    weir_rehearsal_close(steps->rehearsal);
    weir_result_free(steps->rows);
    free(steps->sql);
    free(steps);
}
