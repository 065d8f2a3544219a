/* Reading JSON text token by token, strictly: the one place that decides which JSON is acceptable.
 *
 * RFC 8259, and beyond it what PostgreSQL's jsonb cannot hold or silently folds is refused: U+0000,
 * lone surrogates, duplicate keys, numbers out of range. Numbers stay text: nothing is rounded. */
#ifndef WEIR_STORE_JSON_INT_H
#define WEIR_STORE_JSON_INT_H

#include "store/nest_int.h"

typedef enum weir_json_token {
    WEIR_JSON_END, /* after the one value */
    WEIR_JSON_NULL,
    WEIR_JSON_FALSE,
    WEIR_JSON_TRUE,
    WEIR_JSON_NUMBER, /* its text is reader.text */
    WEIR_JSON_STRING, /* decoded in reader.text */
    WEIR_JSON_KEY,    /* decoded: weir_nest_last; its value comes next */
    WEIR_JSON_OPEN_ARRAY,
    WEIR_JSON_OPEN_OBJECT,
    WEIR_JSON_CLOSE_ARRAY,
    WEIR_JSON_CLOSE_OBJECT,
} weir_json_token;

typedef struct weir_json_reader {
    const char *begin, *at, *end;
    enum {
        WEIR_JSON_VALUE,
        WEIR_JSON_FIRST,
        WEIR_JSON_AFTER
    } expect;
    weir_nest nest;
    weir_buffer text; /* of the last number, or string where keep_text is set */
    bool keep_text;
} weir_json_reader;

/* weir_json_reader_open begins reading; json must live as long. */
void weir_json_reader_open(weir_json_reader *reader, const char *json, size_t length,
                           size_t depth_limit);
void weir_json_reader_close(weir_json_reader *reader);

/* weir_json_reader_next reads the next token. POISON: "bad JSON at line 1, column 8: …" for syntax,
 * "/path: …" for a value that is refused. */
WEIR_MUST_USE bool weir_json_reader_next(weir_json_reader *reader, weir_json_token *token,
                                         weir_error *error);

/* The reader's own parts. at is on the first byte of what is read, and goes behind it.
 * weir_json_string decodes into `to`, which may be NULL. */
WEIR_MUST_USE bool weir_json_string(weir_json_reader *reader, weir_buffer *to, weir_error *error);
WEIR_MUST_USE bool weir_json_number(weir_json_reader *reader, weir_error *error);

/* weir_json_bad fills the syntax error at reader->at; false. */
bool weir_json_bad(const weir_json_reader *reader, weir_error *error, const char *what);

#endif
