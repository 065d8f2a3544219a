/* A person's word on one instance, decided by the definition that the instance follows, as it is
 * recorded: no file is needed. */
#include <stdlib.h>
#include <string.h>

#include "sagas/saga_int.h"

#define ARENA_LIMIT ((size_t)64 << 20)

static bool take(weir_connection *connection, const char *saga, const char *id, weir_arena *arena,
                 weir_saga_work *work, weir_error *error)
{
    weir_array ids = {.bytes = WEIR_BUFFER(4096)}, begins = {.bytes = WEIR_BUFFER(4096)};
    weir_array_begin(&ids, WEIR_PG_TEXT);
    weir_array_text(&ids, id, strlen(id));
    weir_array_begin(&begins, WEIR_PG_BOOL);
    weir_array_text(&begins, "", 1);
    const weir_param params[] = {WEIR_PARAM_TEXT(saga), weir_array_param(&ids),
                                 weir_array_param(&begins), WEIR_PARAM_TEXT("0")};
    bool fits = !ids.bytes.overflow;
    weir_result *row =
        fits ? weir_connection_query(connection, "saga_take", params, 4, error) : NULL;
    weir_array_free(&ids);
    weir_array_free(&begins);
    if (fits && !row)
        return false;
    bool ok = row && weir_result_rows(row) > 0;
    if (!ok)
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "there is no instance '%s' of saga %s", id, saga);
    else
        ok = weir_saga_work_read(work, row, 0, arena, error);
    weir_result_free(row);
    return ok;
}

static const weir_saga_plan *plan_of(weir_connection *connection, weir_saga_book *book,
                                     const char *saga, int64_t version, weir_error *error)
{
    char number[24];
    const weir_saga_plan *plan = NULL;
    const weir_param params[] = {WEIR_PARAM_TEXT(saga), weir_param_integer(version, number)};
    weir_result *row = weir_connection_query(connection, "saga_definition", params, 2, error);
    if (row && weir_result_rows(row) > 0)
        plan = weir_saga_book_add(book, saga, version, weir_result_value(row, 0, 0), error);
    else if (row)
        weir_fail(error, WEIR_FATE_CONFIG, "version %s of saga %s is recorded nowhere", number,
                  saga);
    weir_result_free(row);
    return plan;
}

static bool record(weir_connection *connection, const char *saga, const weir_saga_work *work,
                   weir_arena *arena, weir_error *error)
{
    int failed;
    weir_calls calls = {.arena = arena, .connection = connection};
    return weir_saga_work_save(saga, work, 1, &calls, error) &&
           weir_connection_pipeline(connection, calls.calls, (int)calls.count, &failed, error);
}

static bool act(weir_connection *connection, const char *saga, const char *id,
                const weir_saga_input *input, weir_arena *arena, weir_saga_book *book,
                weir_buffer *said, weir_error *error)
{
    weir_saga_work work;
    if (!take(connection, saga, id, arena, &work, error))
        return false;
    const weir_saga_plan *plan = plan_of(connection, book, saga, work.instance.definition, error);
    if (!plan || !weir_saga_decide(plan, &work.instance, input, &work.output, error) ||
        !record(connection, saga, &work, arena, error))
        return false;
    for (size_t i = 0; i < work.output.count; i++)
        weir_buffer_format(said, "%s\n", work.output.events[i].type);
    return true;
}

bool weir_saga_tell(weir_connection *connection, const char *saga, const char *id,
                    weir_saga_word word, const char *why, bool execute, weir_buffer *said,
                    weir_error *error)
{
    weir_error ignored;
    weir_result *who = weir_connection_text(connection, "SELECT session_user", NULL, 0, error);
    if (!who)
        return false;
    const weir_saga_input input = {.cause = (weir_saga_cause)(WEIR_SAGA_RETRY + (int)word),
                                   .by = weir_result_value(who, 0, 0),
                                   .why = why};
    weir_arena *arena = weir_arena_new(ARENA_LIMIT);
    weir_saga_book book = {0};
    bool ok = weir_connection_execute(connection, "BEGIN", error) &&
              act(connection, saga, id, &input, arena, &book, said, error) &&
              (!execute || weir_connection_execute(connection, "COMMIT", error));
    if (weir_connection_alive(connection) && weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", ok ? error : &ignored))
        ok = false;
    weir_saga_book_close(&book);
    weir_arena_free(arena);
    weir_result_free(who);
    return ok;
}
