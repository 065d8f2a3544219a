/* Reads a projection file: splits it into directives, the statements that make its tables, the
 * statements under each `on`, and the named queries.
 *
 * A directive is a comment at the beginning of its line whose text is one word of lower-case
 * letters and underscores, directly followed by a colon. Whatever looks like a directive and is
 * none is refused, because silently reading it as prose would send events to the wrong statement.
 * Pure: it knows nothing of PostgreSQL, and every error names file and line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "projections/projection_int.h"

typedef struct parser {
    weir_projection *projection;
    weir_lexer lexer;
    weir_error *error;
    weir_token comment; /* the directive that is being taken */
    const int *seen;    /* by directive: its line, 0 before it was met */
    const char *start;  /* of the statement being read; NULL between statements */
    const char *end;    /* of its last token */
    int start_line, depth, open_line;
} parser;

typedef bool directive_fn(parser *p, int line, char *value);
static directive_fn take_projection, take_from, take_topic, take_format, take_type, take_time,
    take_data, take_apply, take_version, take_on, take_query;

enum {
    PROJECTION,
    FROM,
    TOPIC,
    FORMAT,
    TYPE,
    TIME,
    DATA,
    APPLY,
    VERSION,
    ON,
    QUERY,
    DIRECTIVES,
};
static const char *const directive_names[DIRECTIVES] = {"projection", "from", "topic", "format",
                                                        "type",       "time", "data",  "apply",
                                                        "version",    "on",   "query"};
static directive_fn *const directive_fns[DIRECTIVES] = {
    take_projection, take_from,  take_topic,   take_format, take_type, take_time,
    take_data,       take_apply, take_version, take_on,     take_query};

#define FAIL(p, line, ...) weir_projection_fail((p)->projection, line, (p)->error, __VA_ARGS__)

bool weir_is_name(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > 50 || !islower((unsigned char)text[0]))
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static bool take_projection(parser *p, int line, char *value)
{
    if (!weir_is_name(value))
        return FAIL(p, line,
                    "'%s' is no projection name: 1 to 50 lower-case letters, digits and '_', a "
                    "letter first",
                    value);
    if (strstr(value, "__") || strncmp(value, "pg_", 3) == 0 || strcmp(value, "public") == 0 ||
        strcmp(value, "information_schema") == 0)
        return FAIL(p, line,
                    "the projection name '%s' is reserved: it becomes a schema, with its tables "
                    "in %s__g1",
                    value, value);
    p->projection->name = weir_strdup(value);
    p->projection->name_line = line;
    return true;
}

/* Cuts the next item off a comma-separated list; NULL at its end. Blanks around it are dropped. */
static char *next_item(char **rest)
{
    if (!*rest)
        return NULL;
    char *item = *rest + strspn(*rest, " \t");
    char *comma = strchr(item, ',');
    *rest = comma ? comma + 1 : NULL;
    char *end = comma ? comma : item + strlen(item);
    while (end > item && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return item;
}

static bool is_type(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 100 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
               length;
}

static bool take_from(parser *p, int line, char *value)
{
    weir_projection *projection = p->projection;
    for (char *item = next_item(&value); item; item = next_item(&value)) {
        if (!is_type(item))
            return FAIL(p, line,
                        "'%s' is no aggregate type: 1 to 100 letters, digits, '_', '.' or '-'",
                        item);
        for (size_t i = 0; i < projection->type_count; i++)
            if (strcmp(projection->types[i], item) == 0)
                return FAIL(p, line, "aggregate type '%s' stands twice", item);
        size_t count = ++projection->type_count;
        projection->types = weir_realloc(projection->types, (count + 1) * sizeof(char *));
        projection->types[count - 1] = weir_strdup(item);
        projection->types[count] = NULL;
    }
    return true;
}

static bool take_topic(parser *p, int line, char *value)
{
    for (char *item = next_item(&value); item; item = next_item(&value))
        if (!weir_projection_add_topic(p->projection, line, item, p->error))
            return false;
    return true;
}

static bool take_format(parser *p, int line, char *value)
{
    return weir_projection_set_format(p->projection, line, value, p->error);
}

static bool take_type(parser *p, int line, char *value)
{
    return weir_projection_set_source(p->projection, line, value, true,
                                      &p->projection->foreign.type, p->error);
}

static bool take_time(parser *p, int line, char *value)
{
    return weir_projection_set_source(p->projection, line, value, true,
                                      &p->projection->foreign.time, p->error);
}

static bool take_data(parser *p, int line, char *value)
{
    return weir_projection_set_source(p->projection, line, value, false,
                                      &p->projection->foreign.data, p->error);
}

static bool take_apply(parser *p, int line, char *value)
{
    static const char *const modes[] = {"each", "aggregate", "batch"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(value, modes[i]) == 0) {
            p->projection->apply = (weir_apply)i;
            return true;
        }
    }
    return FAIL(p, line, "'%s' is no way to apply: each, aggregate or batch", value);
}

static bool take_version(parser *p, int line, char *value)
{
    size_t digits = strspn(value, "0123456789");
    int version = digits == strlen(value) && digits <= 9 ? atoi(value) : 0;
    if (version < 1)
        return FAIL(p, line, "'%s' is no version: a whole number from 1", value);
    p->projection->version = version;
    return true;
}

static bool end_on(parser *p)
{
    weir_projection *projection = p->projection;
    if (projection->on_count == 0 || projection->ons[projection->on_count - 1].count > 0 ||
        projection->apply == WEIR_APPLY_CODE)
        return true;
    return FAIL(p, projection->ons[projection->on_count - 1].line,
                "no statement stands under this 'on'");
}

static bool take_on(parser *p, int line, char *value)
{
    weir_projection *projection = p->projection;
    if (projection->query_count > 0 && projection->apply != WEIR_APPLY_CODE)
        return FAIL(p, line, "'on' must stand before the first 'query', which is on line %d",
                    projection->queries[0].statement.line);
    if (!end_on(p))
        return false;
    for (char *item = next_item(&value); item; item = next_item(&value))
        if (!weir_projection_add_route(projection, line, item, p->error))
            return false;
    projection->ons = weir_realloc(projection->ons, (projection->on_count + 1) * sizeof(weir_on));
    projection->ons[projection->on_count++] = (weir_on){line, projection->handler_count, 0};
    return true;
}

/* In the tables of code the `on` comes last: it is ours. */
static bool take_query(parser *p, int line, char *value)
{
    (void)value;
    weir_projection *projection = p->projection;
    if (projection->table_count == 0)
        return FAIL(p, line, "'query' must stand behind the tables that it reads");
    if (projection->on_count == 0 && projection->apply != WEIR_APPLY_CODE)
        return FAIL(p, line, "'query' must stand behind the last 'on'");
    return end_on(p) && weir_query_end(projection, p->error) &&
           weir_query_begin(projection, &p->comment, p->error);
}

/* Whether a directive may stand here at all, whatever its value. */
static bool check_place(parser *p, int index, int line)
{
    const char *name = directive_names[index];
    if (p->start)
        return FAIL(p, p->start_line, "the statement must end with ';' before line %d", line);
    if (index != PROJECTION && !p->seen[PROJECTION])
        return FAIL(p, line, "'projection' must be the first directive");
    if (index == ON || index == QUERY)
        return true;
    if (p->seen[index])
        return FAIL(p, line, "a second '%s'; the first is on line %d", name, p->seen[index]);
    if (p->projection->table_count > 0 || p->projection->on_count > 0)
        return FAIL(p, line, "'%s' must stand before the first statement and the first 'on'", name);
    return true;
}

static int find_directive(const char *word)
{
    for (int i = 0; i < DIRECTIVES; i++)
        if (strcmp(directive_names[i], word) == 0)
            return i;
    return -1;
}

static bool fail_unknown(parser *p, int line, const char *word)
{
    weir_suggestion near = {.word = word};
    for (int i = 0; i < DIRECTIVES; i++)
        weir_suggest_offer(&near, directive_names[i]);
    if (near.best) {
        FAIL(p, line, "unknown directive '%s'", word);
        return weir_suggest_end(&near, p->error);
    }
    return FAIL(p, line,
                "unknown directive '%s'; prose must not begin with a lower-case word and a colon",
                word);
}

/* Takes "name: value" apart. False: it is prose. strict: it has the exact form of a directive. */
static bool read_form(const char *comment, size_t length, char word[64], char **value, bool *strict)
{
    const char *at = comment + 2, *end = comment + length;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    size_t letters = 0;
    while (at + letters < end && (isalpha((unsigned char)at[letters]) || at[letters] == '_'))
        letters++;
    const char *colon = at + letters;
    while (colon < end && (*colon == ' ' || *colon == '\t'))
        colon++;
    if (letters == 0 || letters > 63 || colon == end || *colon != ':')
        return false;
    *strict = colon == at + letters;
    for (size_t i = 0; i < letters; i++) {
        *strict = *strict && !isupper((unsigned char)at[i]);
        word[i] = (char)tolower((unsigned char)at[i]);
    }
    word[letters] = '\0';
    const char *from = colon + 1;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *value = weir_strndup(from, (size_t)(end - from));
    return true;
}

static bool take_prose(parser *p, const weir_token *token)
{
    if (!p->start)
        weir_query_describe(p->projection, token);
    return true;
}

static bool take_comment(parser *p, const weir_token *token, int *seen)
{
    char word[64], *value;
    bool strict;
    if (!read_form(token->text, token->length, word, &value, &strict))
        return take_prose(p, token);
    p->comment = *token;
    bool line_start = token->text == p->projection->text || token->text[-1] == '\n';
    int index = find_directive(word);
    bool ok = true;
    if (index < 0)
        ok = strict && line_start ? fail_unknown(p, token->line, word) : take_prose(p, token);
    else if (!strict || !line_start)
        ok = FAIL(p, token->line,
                  "a directive must stand as '-- %s: …' at the beginning of its line", word);
    else if (!*value)
        ok = FAIL(p, token->line, "'%s' has no value", word);
    else
        ok = check_place(p, index, token->line) && directive_fns[index](p, token->line, value);
    if (ok && index >= 0)
        seen[index] = token->line;
    free(value);
    return ok;
}

static bool end_statement(parser *p)
{
    weir_projection *projection = p->projection;
    bool on = projection->on_count > 0;
    if (projection->query_count > 0) {
        const weir_statement query = {
            .sql = p->start, .length = (size_t)(p->end - p->start), .line = p->start_line};
        p->start = NULL;
        return weir_query_take(projection, &query, p->error);
    }
    size_t *count = on ? &projection->handler_count : &projection->table_count;
    weir_statement **list = on ? &projection->handlers : &projection->tables;
    *list = weir_realloc(*list, (*count + 1) * sizeof(weir_statement));
    weir_statement *statement = &(*list)[(*count)++];
    *statement = (weir_statement){
        .sql = p->start, .length = (size_t)(p->end - p->start), .line = p->start_line};
    p->start = NULL;
    statement->label = weir_format("%s:%d", projection->base, statement->line);
    if (on) {
        projection->ons[projection->on_count - 1].count++;
        statement->name = weir_format("%s/%zu", projection->name, *count);
        if (projection->apply != WEIR_APPLY_EACH)
            statement->many = weir_format("%s/%zu/many", projection->name, *count);
    }
    return weir_statement_examine(projection, statement, on ? WEIR_PLACE_ON : WEIR_PLACE_TABLES,
                                  p->error);
}

static bool take_token(parser *p, const weir_token *token)
{
    char symbol = token->kind == WEIR_TOKEN_SYMBOL ? *token->text : '\0';
    if (symbol == ';' && p->depth == 0)
        return !p->start || end_statement(p);
    if (!p->start) {
        if (!p->seen[PROJECTION])
            return FAIL(p, token->line, "'projection' must be the first directive");
        p->start = token->text;
        p->start_line = token->line;
    }
    p->end = token->text + token->length;
    if (symbol == '(' && p->depth++ == 0)
        p->open_line = token->line;
    if (symbol == ')' && --p->depth < 0)
        return FAIL(p, token->line, "this ')' closes nothing");
    return true;
}

static bool end_file(parser *p, bool empty)
{
    weir_projection *projection = p->projection;
    if (empty)
        return FAIL(p, 1, "the file is empty");
    if (p->depth > 0)
        return FAIL(p, p->open_line, "this '(' is not closed");
    if (p->start)
        return FAIL(p, p->start_line, "the statement must end with ';'");
    if (!p->seen[PROJECTION])
        return FAIL(p, 1, "the directive 'projection' is missing");
    int foreign_line = 0;
    for (int i = FORMAT; i <= DATA; i++)
        foreign_line = foreign_line ? foreign_line : p->seen[i];
    if (!weir_projection_end_source(projection, p->seen[FROM] != 0, foreign_line, p->error))
        return false;
    if (projection->table_count == 0 && projection->apply != WEIR_APPLY_CODE)
        return FAIL(p, projection->name_line, "no table is made before the first 'on'");
    if (projection->on_count == 0)
        return FAIL(p, projection->name_line, "no 'on' with a statement follows");
    return end_on(p) && weir_query_end(projection, p->error);
}

static bool parse(weir_projection *projection, int line, weir_error *error)
{
    int seen[DIRECTIVES] = {0};
    parser p = {.projection = projection,
                .error = error,
                .seen = seen,
                .lexer = weir_lexer_over(projection->text, projection->text_length)};
    weir_token token;
    const char *problem = NULL;
    p.lexer.line = line;
    for (bool empty = true;; empty = false) {
        if (!weir_lexer_next(&p.lexer, &token, &problem))
            return FAIL(&p, token.line, "%s", problem);
        if (token.kind == WEIR_TOKEN_END)
            return end_file(&p, empty);
        bool ok = token.kind == WEIR_TOKEN_COMMENT ? take_comment(&p, &token, seen)
                                                   : take_token(&p, &token);
        if (!ok)
            return false;
    }
}

static weir_projection *parse_as(const char *file, const char *text, size_t length,
                                 weir_apply apply, int line, weir_error *error)
{
    weir_projection *projection = weir_calloc(1, sizeof *projection);
    projection->file = weir_strdup(file);
    const char *slash = strrchr(projection->file, '/');
    projection->base = slash ? slash + 1 : projection->file;
    projection->version = 1;
    projection->apply = apply;
    bool ok = length <= WEIR_PROJECTION_FILE_LIMIT;
    if (!ok)
        weir_projection_fail(projection, 1, error, "the file has more than %d bytes",
                             WEIR_PROJECTION_FILE_LIMIT);
    else if (memchr(text, '\0', length))
        ok = weir_projection_fail(projection, 1, error, "the file contains a NUL byte");
    size_t mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (ok) {
        projection->text = weir_strndup(text + mark, length - mark);
        projection->text_length = length - mark;
        ok = parse(projection, line, error);
    }
    if (!ok) {
        weir_projection_free(projection);
        return NULL;
    }
    weir_projection_sort_routes(projection);
    return projection;
}

weir_projection *weir_projection_parse(const char *file, const char *text, size_t length,
                                       weir_error *error)
{
    return parse_as(file, text, length, WEIR_APPLY_EACH, 1, error);
}

weir_projection *weir_projection_parse_code(const char *file, const weir_plugin_handler *code,
                                            weir_error *error)
{
    /* The same file that an author would write, so that the same is refused in the same words; its
     * first lines are ours, and lines count from where the tables begin. */
    char *text = weir_format("-- projection: %s\n-- from: %s\n-- version: %d\n\n%s\n;\n-- on: %s\n",
                             code->name, code->from, code->version ? code->version : 1,
                             code->tables ? code->tables : "", code->on);
    weir_projection *projection = parse_as(file, text, strlen(text), WEIR_APPLY_CODE, -3, error);
    free(text);
    if (!projection)
        return NULL;
    bool ok = true;
    if (projection->on_count > 1 || projection->handler_count > 0)
        ok = weir_projection_fail(projection, projection->ons[0].line, error,
                                  "the tables of a handler in C have no directive 'on'");
    else if (code->tables && projection->table_count == 0)
        ok = weir_projection_fail(projection, projection->name_line, error,
                                  "no table is made before the first 'on'");
    if (ok)
        return projection;
    weir_projection_free(projection);
    return NULL;
}
