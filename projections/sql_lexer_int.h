/* SQL tokens as PostgreSQL's own lexer cuts them, as far as finding the ends of statements needs
 * it. Pure: it reads a text and allocates nothing. */
#ifndef WEIR_PROJECTIONS_SQL_LEXER_INT_H
#define WEIR_PROJECTIONS_SQL_LEXER_INT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum weir_token_kind {
    WEIR_TOKEN_END,
    WEIR_TOKEN_WORD,      /* unquoted identifier or keyword */
    WEIR_TOKEN_NAME,      /* "quoted identifier" */
    WEIR_TOKEN_STRING,    /* '…', E'…', $tag$…$tag$ */
    WEIR_TOKEN_NUMBER,    /* 12, 1.5e3 */
    WEIR_TOKEN_PARAMETER, /* $1 */
    WEIR_TOKEN_SYMBOL,    /* any other single byte */
    WEIR_TOKEN_COMMENT,   /* a -- comment up to the end of its line; block comments are dropped */
} weir_token_kind;

typedef struct weir_token {
    weir_token_kind kind;
    const char *text;
    size_t length;
    int line; /* where it begins, from 1 */
} weir_token;

typedef struct weir_lexer {
    const char *at, *end;
    int line;
} weir_lexer;

weir_lexer weir_lexer_over(const char *text, size_t length);

/* weir_lexer_next reads one token. False when the text ends inside a string, a quoted name or a
 * block comment: then token says where that began and *problem what it is. */
bool weir_lexer_next(weir_lexer *lexer, weir_token *token, const char **problem);

/* weir_token_is compares a WORD with a lower-case text, ignoring ASCII case. */
bool weir_token_is(const weir_token *token, const char *word);

#endif
