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
    bool table, handler;
    const char *why;
} rule;

#define TRANSACTIONS "the transaction is the runtime's, together with the checkpoint"
#define SESSION "the session is the runtime's"
#define TYPES "every generation of the tables would have a type of its own; use text and CHECK"
#define TEMPORARY "its tables must outlive the session"
#define NEEDS_ON "it belongs under an 'on' directive"
#define BEFORE_ON "tables are made before the first 'on'"

static const rule rules[] = {
    {"create table", true, false, BEFORE_ON},
    {"create unlogged table", true, false, BEFORE_ON},
    {"create index", true, false, BEFORE_ON},
    {"create unique index", true, false, BEFORE_ON},
    {"create sequence", true, false, BEFORE_ON},
    {"create statistics", true, false, BEFORE_ON},
    {"alter table", true, false, BEFORE_ON},
    {"alter index", true, false, BEFORE_ON},
    {"alter sequence", true, false, BEFORE_ON},
    {"comment on", true, false, BEFORE_ON},
    {"insert", false, true, NEEDS_ON},
    {"update", false, true, NEEDS_ON},
    {"delete", false, true, NEEDS_ON},
    {"merge", false, true, NEEDS_ON},
    {"select", false, true, NEEDS_ON},
    {"with", false, true, NEEDS_ON},
    {"create type", false, false, TYPES},
    {"create domain", false, false, TYPES},
    {"create temp", false, false, TEMPORARY},
    {"create temporary", false, false, TEMPORARY},
    {"create local", false, false, TEMPORARY},
    {"create global", false, false, TEMPORARY},
    {"begin", false, false, TRANSACTIONS},
    {"start", false, false, TRANSACTIONS},
    {"commit", false, false, TRANSACTIONS},
    {"end", false, false, TRANSACTIONS},
    {"rollback", false, false, TRANSACTIONS},
    {"abort", false, false, TRANSACTIONS},
    {"savepoint", false, false, TRANSACTIONS},
    {"release", false, false, TRANSACTIONS},
    {"prepare", false, false, TRANSACTIONS},
    {"set", false, false, SESSION},
    {"reset", false, false, SESSION},
    {"discard", false, false, SESSION},
    {"lock", false, false, SESSION},
    {"truncate", false, false, "it locks readers out; use DELETE"},
    {"refresh", false, false, "a materialized view is not a projection's table"},
    {"call", false, false, "a procedure can do anything"},
    {"do", false, false, "a code block can do anything"},
    {"copy", false, false, "its input is not an event"},
    {"", false, false,
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

static survey take_survey(const weir_statement *statement)
{
    survey s = {0};
    weir_lexer lexer = weir_lexer_over(statement->sql, statement->length);
    s.first = next_token(&lexer);
    lexer.at = statement->sql;
    weir_token before = {0};
    int depth = 0, index = 0;
    for (weir_token token = next_token(&lexer); token.kind != WEIR_TOKEN_END;
         before = token, token = next_token(&lexer), index++) {
        if (index == 1)
            s.second = token;
        if (token.kind == WEIR_TOKEN_PARAMETER)
            s.parameter = token;
        if (token.kind == WEIR_TOKEN_SYMBOL && *token.text == '(' && is_setter(&before))
            s.setter = before;
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

bool weir_statement_examine(const weir_projection *projection, weir_statement *statement, bool on,
                            weir_error *error)
{
    const rule *fits = rules;
    while (!begins_with(statement, fits->words))
        fits++;
    survey s = take_survey(statement);
    if (on ? !fits->handler : !fits->table) {
        int length = (int)(*fits->words ? strlen(fits->words) : s.first.length);
        char words[64];
        snprintf(words, sizeof words, "%.*s", length, *fits->words ? fits->words : s.first.text);
        for (char *c = words; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        return weir_projection_fail(projection, statement->line, error, "%s is refused here: %s",
                                    words, fits->why);
    }
    if (s.parameter.kind == WEIR_TOKEN_PARAMETER && projection->apply != WEIR_APPLY_CODE)
        return weir_projection_fail(projection, line_of(statement, &s.parameter), error,
                                    "the parameter %.*s is refused: values come from the relation "
                                    "events",
                                    (int)s.parameter.length, s.parameter.text);
    if (s.setter.kind != WEIR_TOKEN_END)
        return weir_projection_fail(projection, line_of(statement, &s.setter), error,
                                    "set_config is refused here: " SESSION);
    return on ? examine_handler(projection, statement, &s, error)
              : examine_table(projection, statement, &s, error);
}

void weir_statement_inject(const weir_statement *statement, bool many, weir_buffer *sql)
{
    weir_buffer_format(sql, "WITH %s%s AS (%s)%s", statement->recursive ? "RECURSIVE " : "",
                       COLUMNS, many ? ARRAYS : SCALARS, statement->body ? "," : " ");
    weir_buffer_append(sql, statement->sql + statement->body, statement->length - statement->body);
}

/* Steps over count characters of UTF-8. */
static const char *advance(const char *text, const char *end, int count)
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
    size_t at = (size_t)(advance(sql, sql + whole, character - 1) - sql);
    if (character <= 0 || at < prefix)
        return weir_error_prefix(error, "%s:%d", projection->file, statement->line);
    const char *place = statement->sql + body + (at - prefix);
    int line = statement->line, column = 1;
    for (const char *c = statement->sql; c < place; c++)
        line += *c == '\n';
    for (const char *c = place; c > projection->text && c[-1] != '\n'; c--)
        column += ((unsigned char)c[-1] & 0xC0) != 0x80;
    return weir_error_prefix(error, "%s:%d:%d", projection->file, line, column);
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
