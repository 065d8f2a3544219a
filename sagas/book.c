/* The plans that instances follow, by version: an instance ends by the definition it began with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sagas/saga_int.h"

const weir_saga_plan *weir_saga_book_plan(const weir_saga_book *book, int64_t version)
{
    if (book->own && book->own->version == version)
        return book->own;
    for (size_t i = 0; i < book->count; i++)
        if (book->others[i]->version == version)
            return book->others[i];
    return NULL;
}

static bool among(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

/* What instances of another version wait for must reach them, and lead to the same ones. */
static bool check_other(const weir_saga_plan *own, const weir_saga_plan *other, weir_error *error)
{
    for (const char *const *type = other->from; *type; type++)
        if (!among(own->from, *type))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "%s: instances that follow version %lld read aggregate type '%s': "
                             "keep it in 'from' until they have ended (weir saga list %s)",
                             own->file, (long long)other->version, *type, own->name);
    return true;
}

const weir_saga_plan *weir_saga_book_add(weir_saga_book *book, const char *saga, int64_t version,
                                         const char *json, weir_error *error)
{
    char *name =
        weir_format("version %lld of saga %s, as it is recorded", (long long)version, saga);
    weir_saga_plan *plan = weir_saga_plan_parse(name, json, strlen(json), error);
    free(name);
    if (!plan || (book->own && !check_other(book->own, plan, error))) {
        weir_saga_plan_free(plan);
        return NULL;
    }
    book->others = weir_realloc(book->others, (book->count + 1) * sizeof *book->others);
    book->others[book->count++] = plan;
    return plan;
}

static bool add_version(weir_saga_book *book, weir_connection *connection, const char *version,
                        weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(book->own->name), WEIR_PARAM_TEXT(version)};
    weir_result *row = weir_connection_query(connection, "saga_definition", params, 2, error);
    if (!row)
        return false;
    bool ok = weir_result_rows(row) == 0 ||
              weir_saga_book_add(book, book->own->name, strtoll(version, NULL, 10),
                                 weir_result_value(row, 0, 0), error);
    weir_result_free(row);
    return ok;
}

bool weir_saga_book_open(weir_saga_book *book, const weir_saga_plan *own,
                         weir_connection *connection, weir_error *error)
{
    *book = (weir_saga_book){.own = own};
    const weir_param name = WEIR_PARAM_TEXT(own->name);
    weir_result *versions = weir_connection_query(connection, "saga_followed", &name, 1, error);
    bool ok = versions != NULL;
    for (int i = 0; ok && i < weir_result_rows(versions); i++)
        if (weir_result_integer(versions, i, 0) != own->version)
            ok = add_version(book, connection, weir_result_value(versions, i, 0), error);
    weir_result_free(versions);
    if (!ok)
        weir_saga_book_close(book);
    return ok;
}

void weir_saga_book_close(weir_saga_book *book)
{
    for (size_t i = 0; i < book->count; i++)
        weir_saga_plan_free(book->others[i]);
    free(book->others);
    *book = (weir_saga_book){0};
}

weir_saga_role weir_saga_book_role(const weir_saga_book *book, const char *event_type)
{
    weir_saga_role role = weir_saga_plan_role(book->own, event_type);
    for (size_t i = 0; i < book->count && role.meaning == WEIR_SAGA_NOTHING; i++)
        role = weir_saga_plan_role(book->others[i], event_type);
    return role;
}
