/* One SQL statement of a projection: which may stand where, the relation `events` put before it,
 * and the way back from a place in what PostgreSQL was sent to a place in the file.
 *
 * The rules here are the ones that a statement's first words decide; which relations it writes is
 * for the plan to say (check.c). No value ever enters the SQL text. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "projections/projection_int.h"

#define COLUMNS                                                                                    \
    "events(position, aggregate_type, aggregate_id, version, event_id, event_type, "               \
    "schema_version, data, metadata, time, recorded_at)"
#define ARRAYS                                                                                     \
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::uuid[], "        \
    "$6::text[], $7::integer[], $8::jsonb[], $9::jsonb[], $10::timestamptz[], "                    \
    "$11::timestamptz[])"
#define SCALARS                                                                                    \
    "SELECT $1::bigint, $2::text, $3::text, $4::bigint, $5::uuid, $6::text, $7::integer, "         \
    "$8::jsonb, $9::jsonb, $10::timestamptz, $11::timestamptz"

/* Where a statement that begins with these words may stand; otherwise why it may not. */
typedef struct rule {
    const char *words; /* lower case; the first rule that fits counts */
    bool table, handler, query;
    const char *why;
} rule;

#define TRANSACTIONS "the transaction is the runtime's, together with the checkpoint"
#define SESSION "the session is the runtime's"
#define TYPES "every generation of the tables would have a type of its own; use text and CHECK"
#define TEMPORARY "its tables must outlive the session"
#define NEEDS_ON "it belongs under an 'on' directive"
#define QUERIES "a query is one SELECT, or a WITH that leads to one"
#define BEFORE_ON "tables are made before the first 'on'"

static const rule rules[] = {
    {"create table", true, false, false, BEFORE_ON},
    {"create unlogged table", true, false, false, BEFORE_ON},
    {"create index", true, false, false, BEFORE_ON},
    {"create unique index", true, false, false, BEFORE_ON},
    {"create sequence", true, false, false, BEFORE_ON},
    {"create statistics", true, false, false, BEFORE_ON},
    {"alter table", true, false, false, BEFORE_ON},
    {"alter index", true, false, false, BEFORE_ON},
    {"alter sequence", true, false, false, BEFORE_ON},
    {"comment on", true, false, false, BEFORE_ON},
    {"insert", false, true, false, NEEDS_ON},
    {"update", false, true, false, NEEDS_ON},
    {"delete", false, true, false, NEEDS_ON},
    {"merge", false, true, false, NEEDS_ON},
    {"select", false, true, true, NEEDS_ON},
    {"with", false, true, true, NEEDS_ON},
    {"create type", false, false, false, TYPES},
    {"create domain", false, false, false, TYPES},
    {"create temp", false, false, false, TEMPORARY},
    {"create temporary", false, false, false, TEMPORARY},
    {"create local", false, false, false, TEMPORARY},
    {"create global", false, false, false, TEMPORARY},
    {"begin", false, false, false, TRANSACTIONS},
    {"start", false, false, false, TRANSACTIONS},
    {"commit", false, false, false, TRANSACTIONS},
    {"end", false, false, false, TRANSACTIONS},
    {"rollback", false, false, false, TRANSACTIONS},
    {"abort", false, false, false, TRANSACTIONS},
    {"savepoint", false, false, false, TRANSACTIONS},
    {"release", false, false, false, TRANSACTIONS},
    {"prepare", false, false, false, TRANSACTIONS},
    {"set", false, false, false, SESSION},
    {"reset", false, false, false, SESSION},
    {"discard", false, false, false, SESSION},
    {"lock", false, false, false, SESSION},
    {"truncate", false, false, false, "it locks readers out; use DELETE"},
    {"refresh", false, false, false, "a materialized view is not a projection's table"},
    {"call", false, false, false, "a procedure can do anything"},
    {"do", false, false, false, "a code block can do anything"},
    {"copy", false, false, false, "its input is not an event"},
    {"", false, false, false,
     "tables are made with CREATE TABLE, CREATE INDEX, CREATE SEQUENCE, CREATE STATISTICS, ALTER "
     "and COMMENT, and handled with INSERT, UPDATE, DELETE, MERGE, SELECT and WITH"},
};

bool weir_projection_fail(const weir_projection *projection, int line, weir_error *error,
                          const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (line < 1)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s", projection->file, text);
    return weir_fail(error, WEIR_FATE_CONFIG, "%s:%d: %s", projection->file, line, text);
}

static int column_of(const weir_projection *projection, const char *place)
{
    int column = 1;
    for (const char *c = place; c > projection->text && c[-1] != '\n'; c--)
        column += ((unsigned char)c[-1] & 0xC0) != 0x80;
    return column;
}

bool weir_projection_fail_at(const weir_projection *projection, int line, const char *place,
                             weir_error *error, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return weir_fail(error, WEIR_FATE_CONFIG, "%s:%d:%d: %s", projection->file, line,
                     column_of(projection, place), text);
}

bool weir_projection_place(const weir_projection *projection, const weir_statement *statement,
                           const char *place, weir_error *error)
{
    int line = statement->line;
    for (const char *c = statement->sql; c < place; c++)
        line += *c == '\n';
    return weir_error_prefix(error, "%s:%d:%d", projection->file, line,
                             column_of(projection, place));
}

/* The statement was lexed once already: nothing in it is left open. */
static weir_token next_token(weir_lexer *lexer)
{
    weir_token token;
    const char *problem;
    do {
        if (!weir_lexer_next(lexer, &token, &problem))
            token.kind = WEIR_TOKEN_END;
    } while (token.kind == WEIR_TOKEN_COMMENT);
    return token;
}

static bool begins_with(const weir_statement *statement, const char *words)
{
    weir_lexer lexer = weir_lexer_over(statement->sql, statement->length);
    while (*words) {
        size_t length = strcspn(words, " ");
        weir_token token = next_token(&lexer);
        if (token.kind != WEIR_TOKEN_WORD || token.length != length ||
            strncasecmp(token.text, words, length) != 0)
            return false;
        words += length + (words[length] == ' ');
    }
    return true;
}

/* What the tokens of a statement say beyond its first words. */
typedef struct survey {
    weir_token first, second;
    weir_token parameter; /* a $1 of the author's */
    weir_token setter;    /* a call of set_config, which is SET */
    weir_token verb;      /* of the main statement, after a WITH's queries */
    weir_token change;    /* of the query of a WITH */
    weir_token lock;      /* FOR UPDATE and the like */
    bool into, as;        /* at depth 0 */
    bool makes_events;    /* CREATE TABLE [IF NOT EXISTS] events */
} survey;

static const char *const verbs[] = {"select", "insert", "update", "delete",
                                    "merge",  "values", "table"};

static bool is_verb(const weir_token *token)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (weir_token_is(token, verbs[i]))
            return true;
    return false;
}

static bool is_setter(const weir_token *token)
{
    static const char quoted[] = "\"set_config\"";
    return weir_token_is(token, "set_config") ||
           (token->kind == WEIR_TOKEN_NAME && token->length == strlen(quoted) &&
            memcmp(token->text, quoted, token->length) == 0);
}

/* Whether a query of a WITH begins at this token, behind AS ( or AS MATERIALIZED (. */
static bool begins_query(const weir_token *two_before, const weir_token *before)
{
    return before->kind == WEIR_TOKEN_SYMBOL && *before->text == '(' &&
           (weir_token_is(two_before, "as") || weir_token_is(two_before, "materialized"));
}

static bool is_change(const weir_token *token)
{
    return weir_token_is(token, "insert") || weir_token_is(token, "update") ||
           weir_token_is(token, "delete") || weir_token_is(token, "merge");
}

static bool is_lock(const weir_token *token)
{
    return weir_token_is(token, "update") || weir_token_is(token, "share") ||
           weir_token_is(token, "no") || weir_token_is(token, "key");
}

static survey take_survey(const weir_statement *statement)
{
    survey s = {0};
    weir_lexer lexer = weir_lexer_over(statement->sql, statement->length);
    s.first = next_token(&lexer);
    lexer.at = statement->sql;
    weir_token before = {0}, two_before = {0};
    int depth = 0, index = 0;
    for (weir_token token = next_token(&lexer); token.kind != WEIR_TOKEN_END;
         two_before = before, before = token, token = next_token(&lexer), index++) {
        if (index == 1)
            s.second = token;
        if (token.kind == WEIR_TOKEN_PARAMETER)
            s.parameter = token;
        if (token.kind == WEIR_TOKEN_SYMBOL && *token.text == '(' && is_setter(&before))
            s.setter = before;
        if (is_change(&token) && begins_query(&two_before, &before))
            s.change = token;
        if (is_lock(&token) && weir_token_is(&before, "for"))
            s.lock = before;
        depth += token.kind == WEIR_TOKEN_SYMBOL && *token.text == '(';
        depth -= token.kind == WEIR_TOKEN_SYMBOL && *token.text == ')';
        if (depth > 0)
            continue;
        if (s.verb.kind == WEIR_TOKEN_END && is_verb(&token))
            s.verb = token;
        s.into = s.into || weir_token_is(&token, "into");
        s.as = s.as || weir_token_is(&token, "as");
        if (weir_token_is(&token, "events") &&
            (weir_token_is(&before, "table") || weir_token_is(&before, "exists")))
            s.makes_events = true;
    }
    return s;
}

static int line_of(const weir_statement *statement, const weir_token *token)
{
    return statement->line + token->line - 1;
}

static bool examine_table(const weir_projection *projection, const weir_statement *statement,
                          const survey *s, weir_error *error)
{
    if (!weir_token_is(&s->first, "create"))
        return true;
    if (s->makes_events)
        return weir_projection_fail(projection, statement->line, error,
                                    "a table named events is refused: the name is taken by the "
                                    "relation that handlers read");
    if (s->as && (weir_token_is(&s->second, "table") || weir_token_is(&s->second, "unlogged")))
        return weir_projection_fail(projection, statement->line, error,
                                    "CREATE TABLE … AS is refused: tables are filled from events "
                                    "alone");
    return true;
}

static bool examine_handler(const weir_projection *projection, weir_statement *statement,
                            const survey *s, weir_error *error)
{
    bool with = weir_token_is(&s->first, "with");
    if (with) {
        statement->recursive = weir_token_is(&s->second, "recursive");
        const weir_token *last = statement->recursive ? &s->second : &s->first;
        statement->body = (size_t)(last->text + last->length - statement->sql);
    }
    if (s->verb.kind == WEIR_TOKEN_END || weir_token_is(&s->verb, "values") ||
        weir_token_is(&s->verb, "table"))
        return weir_projection_fail(projection, statement->line, error,
                                    "WITH must lead to an INSERT, UPDATE, DELETE, MERGE or SELECT");
    if (weir_token_is(&s->verb, "select") && s->into)
        return weir_projection_fail(projection, statement->line, error,
                                    "SELECT INTO is refused: it creates a table; " BEFORE_ON);
    return true;
}

/* A token of a query that only reads. */
static bool fail_token(const weir_projection *projection, const weir_statement *statement,
                       const weir_token *token, weir_error *error, const char *why)
{
    return weir_projection_fail_at(projection, line_of(statement, token), token->text, error,
                                   "%.*s is refused here: %s", (int)token->length, token->text,
                                   why);
}

/* Whether it names the schema of a generation's tables, which readers do not see. */
static bool names_generation(const weir_projection *projection, const weir_token *token)
{
    bool quoted = token->kind == WEIR_TOKEN_NAME;
    if (!quoted && token->kind != WEIR_TOKEN_WORD)
        return false;
    const char *text = token->text + quoted;
    size_t length = token->length - 2 * quoted, name = strlen(projection->name);
    if (length < name + 4 || strncasecmp(text, projection->name, name) != 0 ||
        strncasecmp(text + name, "__g", 3) != 0)
        return false;
    for (size_t i = name + 3; i < length; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return true;
}

static bool examine_query(const weir_projection *projection, const weir_statement *statement,
                          const survey *s, weir_error *error)
{
    if (s->parameter.kind != WEIR_TOKEN_END)
        return fail_token(projection, statement, &s->parameter, error,
                          "a query names its parameters, as in :email");
    if (!weir_token_is(&s->verb, "select"))
        return weir_projection_fail_at(projection, statement->line, statement->sql, error,
                                       "WITH must lead to a SELECT: a query only reads");
    if (s->into)
        return weir_projection_fail_at(projection, statement->line, statement->sql, error,
                                       "SELECT INTO is refused: a query only reads");
    if (s->change.kind != WEIR_TOKEN_END)
        return fail_token(projection, statement, &s->change, error, "a query only reads");
    if (s->lock.kind != WEIR_TOKEN_END)
        return fail_token(projection, statement, &s->lock, error, "a query locks no rows");
    weir_lexer lexer = weir_lexer_over(statement->sql, statement->length);
    for (weir_token token = next_token(&lexer); token.kind != WEIR_TOKEN_END;
         token = next_token(&lexer))
        if (names_generation(projection, &token))
            return fail_token(projection, statement, &token, error,
                              "these are the tables of one generation; name the view alone");
    return true;
}

static bool fail_place(const weir_projection *projection, const weir_statement *statement,
                       weir_place place, const char *words, const char *why, weir_error *error)
{
    if (place == WEIR_PLACE_QUERY)
        return weir_projection_fail_at(projection, statement->line, statement->sql, error,
                                       "%s is refused here: %s", words, why);
    return weir_projection_fail(projection, statement->line, error, "%s is refused here: %s", words,
                                why);
}

bool weir_statement_examine(const weir_projection *projection, weir_statement *statement,
                            weir_place place, weir_error *error)
{
    const rule *fits = rules;
    while (!begins_with(statement, fits->words))
        fits++;
    survey s = take_survey(statement);
    const bool may[] = {fits->table, fits->handler, fits->query};
    if (!may[place]) {
        int length = (int)(*fits->words ? strlen(fits->words) : s.first.length);
        char words[64];
        snprintf(words, sizeof words, "%.*s", length, *fits->words ? fits->words : s.first.text);
        for (char *c = words; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        bool other = place == WEIR_PLACE_QUERY && !*fits->words;
        return fail_place(projection, statement, place, words, other ? QUERIES : fits->why, error);
    }
    if (s.parameter.kind == WEIR_TOKEN_PARAMETER && projection->apply != WEIR_APPLY_CODE &&
        place != WEIR_PLACE_QUERY)
        return weir_projection_fail(projection, line_of(statement, &s.parameter), error,
                                    "the parameter %.*s is refused: values come from the relation "
                                    "events",
                                    (int)s.parameter.length, s.parameter.text);
    if (s.setter.kind != WEIR_TOKEN_END)
        return weir_projection_fail(projection, line_of(statement, &s.setter), error,
                                    "set_config is refused here: " SESSION);
    if (place == WEIR_PLACE_QUERY)
        return examine_query(projection, statement, &s, error);
    return place == WEIR_PLACE_ON ? examine_handler(projection, statement, &s, error)
                                  : examine_table(projection, statement, &s, error);
}

void weir_statement_inject(const weir_statement *statement, bool many, weir_buffer *sql)
{
    weir_buffer_format(sql, "WITH %s%s AS (%s)%s", statement->recursive ? "RECURSIVE " : "",
                       COLUMNS, many ? ARRAYS : SCALARS, statement->body ? "," : " ");
    weir_buffer_append(sql, statement->sql + statement->body, statement->length - statement->body);
}

const char *weir_advance(const char *text, const char *end, int count)
{
    while (count > 0 && text < end) {
        text++;
        while (text < end && ((unsigned char)*text & 0xC0) == 0x80)
            text++;
        count--;
    }
    return text;
}

bool weir_statement_place(const weir_projection *projection, const weir_statement *statement,
                          const char *sql, bool injected, int character, weir_error *error)
{
    size_t body = injected ? statement->body : 0, whole = strlen(sql);
    size_t prefix = whole - (statement->length - body);
    if (error->fate == WEIR_FATE_RETRY)
        return weir_error_prefix(error, "%s:%d", projection->file, statement->line);
    error->fate = WEIR_FATE_CONFIG;
    error->code = WEIR_INVALID;
    size_t at = (size_t)(weir_advance(sql, sql + whole, character - 1) - sql);
    if (character <= 0 || at < prefix)
        return weir_error_prefix(error, "%s:%d", projection->file, statement->line);
    const char *place = statement->sql + body + (at - prefix);
    return weir_projection_place(projection, statement, place, error);
}

void weir_statements_normal(const weir_statement *statements, size_t count, weir_buffer *text)
{
    for (size_t i = 0; i < count; i++) {
        weir_lexer lexer = weir_lexer_over(statements[i].sql, statements[i].length);
        for (weir_token token = next_token(&lexer); token.kind != WEIR_TOKEN_END;
             token = next_token(&lexer)) {
            for (size_t c = 0; c < token.length; c++)
                weir_buffer_char(text, token.kind == WEIR_TOKEN_WORD
                                           ? (char)tolower((unsigned char)token.text[c])
                                           : token.text[c]);
            weir_buffer_char(text, ' ');
        }
        weir_buffer_text(text, ";\n");
    }
}
