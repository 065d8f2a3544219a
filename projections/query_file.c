/* A named query in a projection file: its directive, `-- query: find(id, since date)`, the comment
 * under it, and its statement, in which `:id` becomes `($1::text)`.
 *
 * A colon names a parameter where a letter follows it directly and no other colon precedes it, so
 * casts are left alone; strings, quoted names and comments are the lexer's to step over. A value
 * never enters the text. Pure, like the parser: what PostgreSQL thinks of it query_check.c asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "projections/projection_int.h"

#define PARAMETERS_MOST 32 /* what a call takes */
#define TYPE_MOST 100
#define SQL_LIMIT ((size_t)4 * WEIR_PROJECTION_FILE_LIMIT)

/* A directive being read. */
typedef struct reader {
    weir_projection *projection;
    weir_query *query;
    int line;
    weir_lexer lexer;
    weir_token token;
    weir_error *error;
} reader;

#define FAIL(in, place, ...)                                                                       \
    weir_projection_fail_at((in)->projection, (in)->line, place, (in)->error, __VA_ARGS__)

static bool next(reader *in)
{
    const char *problem;
    return weir_lexer_next(&in->lexer, &in->token, &problem) ||
           FAIL(in, in->token.text, "%s", problem);
}

static bool is_symbol(const weir_token *token, char symbol)
{
    return token->kind == WEIR_TOKEN_SYMBOL && *token->text == symbol;
}

/* Takes a name; what says whose. */
static bool take_name(reader *in, const char *what, char **name)
{
    const weir_token token = in->token;
    *name = weir_strndup(token.text, token.length);
    bool ok = token.kind == WEIR_TOKEN_WORD && weir_is_name(*name);
    if (ok ? next(in)
           : FAIL(in, token.text,
                  "'%s' is no name of a %s: 1 to 50 lower-case letters, digits and '_', a letter "
                  "first",
                  *name, what))
        return true;
    free(*name);
    *name = NULL;
    return false;
}

/* Whether the token may stand in the name of a type: numeric(9, 2), text[], public.citext. */
static bool is_type_part(const weir_token *token)
{
    return token->kind == WEIR_TOKEN_WORD || token->kind == WEIR_TOKEN_NAME ||
           token->kind == WEIR_TOKEN_NUMBER ||
           (token->kind == WEIR_TOKEN_SYMBOL && strchr(".()[],", *token->text));
}

static bool take_type(reader *in, char **type)
{
    const char *begin = in->token.text, *end = begin;
    int depth = 0;
    while (depth > 0 || (!is_symbol(&in->token, ',') && !is_symbol(&in->token, ')'))) {
        if (!is_type_part(&in->token))
            return FAIL(in, in->token.text, "the type of '%s' is cut off or is none",
                        in->query->parameters[in->query->parameter_count - 1].name);
        depth += is_symbol(&in->token, '(');
        depth -= is_symbol(&in->token, ')');
        end = in->token.text + in->token.length;
        if (!next(in))
            return false;
    }
    if (end - begin > TYPE_MOST)
        return FAIL(in, begin, "a type has at most %d bytes", TYPE_MOST);
    *type = end > begin ? weir_strndup(begin, (size_t)(end - begin)) : weir_strdup("text");
    return true;
}

static bool take_parameter(reader *in)
{
    weir_query *query = in->query;
    const char *place = in->token.text;
    char *name;
    if (!take_name(in, "parameter", &name))
        return false;
    size_t count = query->parameter_count++;
    query->parameters = weir_realloc(query->parameters, (count + 1) * sizeof *query->parameters);
    query->places = weir_realloc(query->places, (count + 1) * sizeof *query->places);
    query->parameters[count] = (weir_query_parameter){name, NULL};
    query->places[count] = place;
    if (count == PARAMETERS_MOST)
        return FAIL(in, place, "a query has at most %d parameters", PARAMETERS_MOST);
    for (size_t i = 0; i < count; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return FAIL(in, place, "the parameter '%s' stands twice", name);
    char *type = NULL;
    bool ok = take_type(in, &type);
    query->parameters[count].type = type;
    return ok;
}

static bool take_parameters(reader *in)
{
    if (!is_symbol(&in->token, '('))
        return FAIL(in, in->token.text, "the parameters are missing: '%s()' has none",
                    in->query->name);
    if (!next(in))
        return false;
    bool more = !is_symbol(&in->token, ')');
    while (more) {
        if (!take_parameter(in))
            return false;
        more = is_symbol(&in->token, ',');
        if (more && !next(in))
            return false;
    }
    const char *end = in->token.text;
    if (!next(in))
        return false;
    return in->token.kind == WEIR_TOKEN_END ||
           FAIL(in, end + 1, "nothing may follow the ')'; a comment goes under this line");
}

static void sign(weir_query *query)
{
    weir_buffer text = WEIR_BUFFER(SQL_LIMIT);
    weir_buffer_format(&text, "%s(", query->name);
    for (size_t i = 0; i < query->parameter_count; i++)
        weir_buffer_format(&text, "%s%s %s", i > 0 ? ", " : "", query->parameters[i].name,
                           query->parameters[i].type);
    weir_buffer_char(&text, ')');
    query->signature = text.data;
}

static bool read_directive(reader *in)
{
    /* "query", ":", and what the parser knows to be there. */
    if (!next(in) || !next(in) || !next(in))
        return false;
    const char *place = in->token.text;
    if (!take_name(in, "query", &in->query->name))
        return false;
    for (const weir_query *other = in->projection->queries; other < in->query; other++)
        if (strcmp(other->name, in->query->name) == 0)
            return FAIL(in, place, "a second query '%s'", in->query->name);
    if (!take_parameters(in))
        return false;
    sign(in->query);
    return true;
}

bool weir_query_begin(weir_projection *projection, const weir_token *comment, weir_error *error)
{
    size_t count = projection->query_count++;
    projection->queries = weir_realloc(projection->queries, (count + 1) * sizeof(weir_query));
    weir_query *query = &projection->queries[count];
    *query = (weir_query){.projection = projection, .statement = {.line = comment->line}};
    reader in = {.projection = projection,
                 .query = query,
                 .line = comment->line,
                 .lexer = weir_lexer_over(comment->text + 2, comment->length - 2),
                 .error = error};
    return read_directive(&in);
}

static weir_query *last_of(const weir_projection *projection)
{
    return projection->query_count ? &projection->queries[projection->query_count - 1] : NULL;
}

void weir_query_describe(weir_projection *projection, const weir_token *comment)
{
    weir_query *query = last_of(projection);
    if (!query || query->about || query->sql)
        return;
    const char *text = comment->text, *end = text + comment->length;
    while (text < end && strchr("- \t", *text))
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (end > text)
        query->about = weir_strndup(text, (size_t)(end - text));
}

static bool fail_undeclared(const weir_query *query, const weir_statement *statement,
                            const weir_token *word, weir_error *error)
{
    char *name = weir_strndup(word->text, word->length);
    weir_suggestion near = {.word = name};
    for (size_t i = 0; i < query->parameter_count; i++)
        weir_suggest_offer(&near, query->parameters[i].name);
    weir_projection_fail_at(query->projection, statement->line + word->line - 1, word->text - 1,
                            error, "%s has no parameter ':%s'", query->signature, name);
    weir_suggest_end(&near, error);
    free(name);
    return false;
}

/* Puts what is called by number in the place of a name. */
static bool substitute(weir_query *query, const weir_statement *statement, const weir_token *word,
                       bool *used, weir_buffer *sql, weir_error *error)
{
    size_t i = 0;
    while (i < query->parameter_count &&
           (strlen(query->parameters[i].name) != word->length ||
            memcmp(query->parameters[i].name, word->text, word->length) != 0))
        i++;
    if (i == query->parameter_count)
        return fail_undeclared(query, statement, word, error);
    used[i] = true;
    weir_query_use use = {.from = (size_t)(word->text - 1 - statement->sql),
                          .length = word->length + 1,
                          .at = sql->length};
    weir_buffer_format(sql, "($%zu::%s)", i + 1, query->parameters[i].type);
    use.written = sql->length - use.at;
    query->uses = weir_realloc(query->uses, (query->use_count + 1) * sizeof use);
    query->uses[query->use_count++] = use;
    return true;
}

/* Fills sql with the statement, numbers in the place of names. */
static bool number(weir_query *query, const weir_statement *statement, bool *used, weir_buffer *sql,
                   weir_error *error)
{
    weir_lexer lexer = weir_lexer_over(statement->sql, statement->length);
    weir_token token, before = {0}, colon = {0};
    const char *problem, *copied = statement->sql;
    while (weir_lexer_next(&lexer, &token, &problem) && token.kind != WEIR_TOKEN_END) {
        bool named = colon.text && token.kind == WEIR_TOKEN_WORD && colon.text + 1 == token.text;
        if (named) {
            weir_buffer_append(sql, copied, (size_t)(colon.text - copied));
            copied = token.text + token.length;
            if (!substitute(query, statement, &token, used, sql, error))
                return false;
        }
        bool doubled = is_symbol(&before, ':') && before.text + 1 == token.text;
        colon = is_symbol(&token, ':') && !doubled ? token : (weir_token){0};
        before = token;
    }
    weir_buffer_append(sql, copied, (size_t)(statement->sql + statement->length - copied));
    return sql->overflow ? weir_projection_fail(query->projection, statement->line, error,
                                                "the query is too long")
                         : true;
}

bool weir_query_take(weir_projection *projection, const weir_statement *statement,
                     weir_error *error)
{
    weir_query *query = last_of(projection);
    int line = query->statement.line;
    if (query->sql)
        return weir_projection_fail_at(projection, statement->line, statement->sql, error,
                                       "a second statement under the query '%s': it is one SELECT",
                                       query->name);
    query->statement = *statement;
    if (!weir_statement_examine(projection, &query->statement, WEIR_PLACE_QUERY, error))
        return false;
    bool used[PARAMETERS_MOST] = {false};
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    if (!number(query, statement, used, &sql, error)) {
        weir_buffer_free(&sql);
        return false;
    }
    query->sql = sql.data;
    for (size_t i = 0; i < query->parameter_count; i++)
        if (!used[i])
            return weir_projection_fail_at(projection, line, query->places[i], error,
                                           "the parameter '%s' is not used: nothing says ':%s'",
                                           query->parameters[i].name, query->parameters[i].name);
    return true;
}

bool weir_query_end(const weir_projection *projection, weir_error *error)
{
    const weir_query *query = last_of(projection);
    return !query || query->sql ||
           weir_projection_fail(projection, query->statement.line, error,
                                "no statement stands under the query '%s'", query->name);
}

bool weir_query_place(const weir_query *query, int character, weir_error *error)
{
    const weir_statement *statement = &query->statement;
    if (character <= 0)
        return weir_error_prefix(error, "%s:%d", query->projection->file, statement->line);
    const char *end = query->sql + strlen(query->sql);
    size_t at = (size_t)(weir_advance(query->sql, end, character - 1) - query->sql), grown = 0;
    for (size_t i = 0; i < query->use_count && query->uses[i].at <= at; i++) {
        const weir_query_use *use = &query->uses[i];
        if (at < use->at + use->written)
            return weir_projection_place(query->projection, statement, statement->sql + use->from,
                                         error);
        grown = use->at + use->written - use->from - use->length;
    }
    return weir_projection_place(query->projection, statement, statement->sql + at - grown, error);
}

void weir_queries_free(weir_projection *projection)
{
    for (size_t i = 0; i < projection->query_count; i++) {
        weir_query *query = &projection->queries[i];
        for (size_t p = 0; p < query->parameter_count; p++) {
            free((char *)query->parameters[p].name);
            free((char *)query->parameters[p].type);
        }
        free(query->parameters);
        free(query->places);
        free(query->uses);
        free(query->name);
        free(query->signature);
        free(query->about);
        free(query->sql);
    }
    free(projection->queries);
}
