/* Values that no replay can equal: the time of day, random numbers, a sequence's next value.
 *
 * A word before a parenthesis is taken for a function; PostgreSQL says which of those are volatile.
 * The clock's functions are only stable in its sense, so they are named here, as are the words that
 * stand for them without a parenthesis. A warning, never a refusal: it can be meant. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

#define NAMES_LIMIT 65536 /* bytes: more function names than a file can need */

static const char *const clock_functions[] = {"now", "transaction_timestamp",
                                              "statement_timestamp"};

static const char *const clock_words[] = {"current_timestamp", "current_date",   "current_time",
                                          "localtime",         "localtimestamp", "current_user",
                                          "session_user",      "serial",         "smallserial",
                                          "bigserial",         "identity"};

static bool is_any(const weir_token *token, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (weir_token_is(token, words[i]))
            return true;
    return false;
}

static bool opens(const weir_token *token)
{
    return token->kind == WEIR_TOKEN_SYMBOL && *token->text == '(';
}

/* Whether PostgreSQL named this word, in a list ",random,nextval,". */
static bool is_listed(const weir_token *token, const char *list)
{
    char *entry = weir_format(",%.*s,", (int)token->length, token->text);
    for (char *c = entry; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    bool listed = strstr(list, entry) != NULL;
    free(entry);
    return listed;
}

typedef void token_fn(void *context, const weir_statement *statement, const weir_token *token,
                      bool call);

static void each_word(const weir_projection *projection, token_fn *fn, void *context)
{
    size_t total = projection->table_count + projection->handler_count;
    for (size_t i = 0; i < total; i++) {
        const weir_statement *statement = i < projection->table_count
                                              ? &projection->tables[i]
                                              : &projection->handlers[i - projection->table_count];
        weir_lexer lexer = weir_lexer_over(statement->sql, statement->length);
        weir_token word = {0}, token;
        const char *problem;
        while (weir_lexer_next(&lexer, &token, &problem)) {
            if (token.kind == WEIR_TOKEN_COMMENT)
                continue;
            if (word.kind == WEIR_TOKEN_WORD)
                fn(context, statement, &word, opens(&token));
            if (token.kind == WEIR_TOKEN_END)
                break;
            word = token;
        }
    }
}

static void collect_call(void *context, const weir_statement *statement, const weir_token *token,
                         bool call)
{
    (void)statement;
    weir_buffer *names = context;
    if (!call)
        return;
    for (size_t i = 0; i < token->length; i++)
        weir_buffer_char(names, (char)tolower((unsigned char)token->text[i]));
    weir_buffer_char(names, ',');
}

typedef struct warning {
    const weir_projection *projection;
    const char *listed;
} warning;

static void warn(void *context, const weir_statement *statement, const weir_token *token, bool call)
{
    const warning *w = context;
    bool named = is_any(token, clock_words, sizeof clock_words / sizeof *clock_words);
    if (call)
        named = named || is_listed(token, w->listed) ||
                is_any(token, clock_functions, sizeof clock_functions / sizeof *clock_functions);
    if (!named)
        return;
    char *at = weir_format("%s:%d", w->projection->base, statement->line + token->line - 1);
    char *what = weir_strndup(token->text, token->length);
    WEIR_WARN("projection", w->projection->name,
              "this value is another one at every replay; take it from the event",
              WEIR_TEXT("at", at), WEIR_TEXT("value", what));
    free(what);
    free(at);
}

bool weir_values_warn(weir_feed *feed, weir_connection *connection, weir_error *error)
{
    if (feed->warned_values)
        return true;
    weir_buffer names = WEIR_BUFFER(NAMES_LIMIT), listed = WEIR_BUFFER(NAMES_LIMIT);
    weir_buffer_char(&names, ',');
    each_word(feed->projection, collect_call, &names);
    weir_param param = WEIR_PARAM_TEXT(names.data);
    weir_result *found = weir_connection_query(connection, "projection_volatile", &param, 1, error);
    bool ok = found != NULL;
    weir_buffer_char(&listed, ',');
    for (int i = 0; ok && i < weir_result_rows(found); i++)
        weir_buffer_format(&listed, "%s,", weir_result_value(found, i, 0));
    if (ok)
        each_word(feed->projection, warn, &(warning){feed->projection, listed.data});
    feed->warned_values = ok;
    weir_result_free(found);
    weir_buffer_free(&listed);
    weir_buffer_free(&names);
    return ok;
}
