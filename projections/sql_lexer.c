/* Cuts SQL into tokens: strings, dollar quotes, quoted names and comments hide what is in them.
 *
 * Follows PostgreSQL's src/backend/parser/scan.l with standard_conforming_strings on, which every
 * connection pins: a backslash escapes only in E'…', an E'…' goes on after a line break, block
 * comments nest, a $ inside an identifier opens no dollar quote. It must never read past the end:
 * the text need not be terminated. */
#include "projections/sql_lexer_int.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

weir_lexer weir_lexer_over(const char *text, size_t length)
{
    return (weir_lexer){text, text + length, 1};
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool sees(const weir_lexer *lexer, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(lexer->end - lexer->at) >= length && memcmp(lexer->at, text, length) == 0;
}

static void step(weir_lexer *lexer)
{
    if (*lexer->at++ == '\n')
        lexer->line++;
}

static void skip_line(weir_lexer *lexer)
{
    while (lexer->at < lexer->end && *lexer->at != '\n' && *lexer->at != '\r')
        lexer->at++;
}

static bool skip_block_comment(weir_lexer *lexer)
{
    int depth = 0;
    while (lexer->at < lexer->end) {
        if (sees(lexer, "/*")) {
            depth++;
            lexer->at += 2;
        } else if (sees(lexer, "*/")) {
            lexer->at += 2;
            if (--depth == 0)
                return true;
        } else {
            step(lexer);
        }
    }
    return false;
}

/* Reads from the opening quote past the closing one; a doubled quote stands for itself. */
static bool skip_quoted(weir_lexer *lexer, char quote, bool escapes)
{
    lexer->at++;
    while (lexer->at < lexer->end) {
        char c = *lexer->at;
        step(lexer);
        if (c == '\\' && escapes && lexer->at < lexer->end) {
            step(lexer);
        } else if (c == quote) {
            if (lexer->at == lexer->end || *lexer->at != quote)
                return true;
            lexer->at++;
        }
    }
    return false;
}

/* After an E'…': blanks with a line break, then a quote, continue the same string. */
static bool continues(weir_lexer *lexer)
{
    weir_lexer ahead = *lexer;
    while (ahead.at < ahead.end) {
        if (is_blank(*ahead.at))
            step(&ahead);
        else if (sees(&ahead, "--") && ahead.line > lexer->line)
            skip_line(&ahead);
        else
            break;
    }
    if (ahead.line == lexer->line || ahead.at == ahead.end || *ahead.at != '\'')
        return false;
    *lexer = ahead;
    return true;
}

static bool skip_escape_string(weir_lexer *lexer)
{
    lexer->at++;
    do {
        if (!skip_quoted(lexer, '\'', true))
            return false;
    } while (continues(lexer));
    return true;
}

/* At a $: the length of an opening $tag$, 0 if this is none. */
static size_t dollar_tag(const weir_lexer *lexer)
{
    const char *at = lexer->at + 1;
    if (at < lexer->end && is_letter(*at))
        while (at < lexer->end && (is_letter(*at) || is_digit(*at)))
            at++;
    return at < lexer->end && *at == '$' ? (size_t)(at + 1 - lexer->at) : 0;
}

static bool skip_dollar_string(weir_lexer *lexer, size_t tag_length)
{
    const char *tag = lexer->at;
    lexer->at += tag_length;
    while ((size_t)(lexer->end - lexer->at) >= tag_length) {
        if (memcmp(lexer->at, tag, tag_length) == 0) {
            lexer->at += tag_length;
            return true;
        }
        step(lexer);
    }
    return false;
}

static void skip_word(weir_lexer *lexer)
{
    while (lexer->at < lexer->end &&
           (is_letter(*lexer->at) || is_digit(*lexer->at) || *lexer->at == '$'))
        lexer->at++;
}

static void skip_number(weir_lexer *lexer)
{
    while (lexer->at < lexer->end &&
           (is_digit(*lexer->at) || *lexer->at == '.' || is_letter(*lexer->at)))
        lexer->at++;
}

static bool next_at(weir_lexer *lexer, weir_token *token, const char **problem)
{
    char c = *lexer->at, after = lexer->at + 1 < lexer->end ? lexer->at[1] : '\0';
    size_t tag = c == '$' ? dollar_tag(lexer) : 0;
    if (sees(lexer, "--")) {
        token->kind = WEIR_TOKEN_COMMENT;
        skip_line(lexer);
        return true;
    } else if ((c == 'e' || c == 'E') && after == '\'') {
        token->kind = WEIR_TOKEN_STRING;
        *problem = "this string does not end";
        return skip_escape_string(lexer);
    } else if (c == '\'') {
        token->kind = WEIR_TOKEN_STRING;
        *problem = "this string does not end";
        return skip_quoted(lexer, '\'', false);
    } else if (c == '"') {
        token->kind = WEIR_TOKEN_NAME;
        *problem = "this quoted name does not end";
        return skip_quoted(lexer, '"', false);
    } else if (tag > 0) {
        token->kind = WEIR_TOKEN_STRING;
        *problem = "this dollar-quoted string does not end";
        return skip_dollar_string(lexer, tag);
    } else if (c == '$' && is_digit(after)) {
        token->kind = WEIR_TOKEN_PARAMETER;
        lexer->at++;
        skip_number(lexer);
    } else if (is_letter(c)) {
        token->kind = WEIR_TOKEN_WORD;
        skip_word(lexer);
    } else if (is_digit(c)) {
        token->kind = WEIR_TOKEN_NUMBER;
        skip_number(lexer);
    } else {
        token->kind = WEIR_TOKEN_SYMBOL;
        step(lexer);
    }
    return true;
}

bool weir_lexer_next(weir_lexer *lexer, weir_token *token, const char **problem)
{
    for (;;) {
        while (lexer->at < lexer->end && is_blank(*lexer->at))
            step(lexer);
        *token = (weir_token){WEIR_TOKEN_END, lexer->at, 0, lexer->line};
        if (lexer->at == lexer->end)
            return true;
        if (!sees(lexer, "/*"))
            break;
        if (!skip_block_comment(lexer)) {
            *problem = "this comment does not end";
            return false;
        }
    }
    bool ok = next_at(lexer, token, problem);
    token->length = (size_t)(lexer->at - token->text);
    return ok;
}

bool weir_token_is(const weir_token *token, const char *word)
{
    return token->kind == WEIR_TOKEN_WORD && strlen(word) == token->length &&
           strncasecmp(token->text, word, token->length) == 0;
}
