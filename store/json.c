/* The reader's grammar: which token may stand where.
 *
 * Invariant: nest says what is open, `expect` what may come next in it. No recursion: levels are
 * nest's, up to its limit. Strings and numbers are in json_text.c. */
#include "store/json_int.h"

#include <string.h>

#include "store/event.h"

#define CHECK_DEPTH 2048 /* far above any event, far below where PostgreSQL's parser gives up */

void weir_json_reader_open(weir_json_reader *reader, const char *json, size_t length,
                           size_t depth_limit)
{
    *reader = (weir_json_reader){json,
                                 json,
                                 json + length,
                                 WEIR_JSON_VALUE,
                                 WEIR_NEST(depth_limit, length),
                                 WEIR_BUFFER(length),
                                 false};
}

void weir_json_reader_close(weir_json_reader *reader)
{
    weir_nest_free(&reader->nest);
    weir_buffer_free(&reader->text);
}

bool weir_json_bad(const weir_json_reader *reader, weir_error *error, const char *what)
{
    int line = 1, column = 1;
    for (const char *c = reader->begin; c < reader->at; c++) {
        column += ((unsigned char)*c & 0xC0) != 0x80; /* characters, not bytes */
        if (*c == '\n')
            line++, column = 1;
    }
    return weir_fail(error, WEIR_FATE_POISON, "bad JSON at line %d, column %d: %s", line, column,
                     what);
}

/* peek is the next byte behind blanks, 0 at the end (a NUL is no token either). */
static char peek(weir_json_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool read_word(weir_json_reader *reader, weir_json_token *token, weir_error *error)
{
    static const struct {
        const char *text;
        size_t length;
        weir_json_token token;
    } words[] = {
        {"null", 4, WEIR_JSON_NULL}, {"true", 4, WEIR_JSON_TRUE}, {"false", 5, WEIR_JSON_FALSE}};
    size_t left = (size_t)(reader->end - reader->at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (left < words[i].length || memcmp(reader->at, words[i].text, words[i].length) != 0)
            continue;
        reader->at += words[i].length;
        *token = words[i].token;
        return true;
    }
    return weir_json_bad(reader, error, left ? "a value is expected" : "it ends early");
}

static bool open(weir_json_reader *reader, bool object, weir_json_token *token, weir_error *error)
{
    if (!weir_nest_open(&reader->nest, object, error))
        return false;
    reader->at++;
    reader->expect = WEIR_JSON_FIRST;
    *token = object ? WEIR_JSON_OPEN_OBJECT : WEIR_JSON_OPEN_ARRAY;
    return true;
}

static bool read_value(weir_json_reader *reader, weir_json_token *token, weir_error *error)
{
    char c = peek(reader);
    if (c == '{' || c == '[')
        return open(reader, c == '{', token, error);
    reader->expect = WEIR_JSON_AFTER;
    if (c == '"') {
        *token = WEIR_JSON_STRING;
        weir_buffer_clear(&reader->text);
        return weir_json_string(reader, reader->keep_text ? &reader->text : NULL, error);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        *token = WEIR_JSON_NUMBER;
        weir_buffer_clear(&reader->text);
        return weir_json_number(reader, error);
    }
    return read_word(reader, token, error);
}

static bool read_key(weir_json_reader *reader, weir_json_token *token, weir_error *error)
{
    weir_nest *nest = &reader->nest;
    if (peek(reader) != '"')
        return weir_json_bad(reader, error, "a key is expected");
    size_t from = weir_nest_key_begin(nest);
    if (!weir_json_string(reader, &nest->names, error))
        return false;
    weir_nest_key_done(nest, from);
    if (peek(reader) != ':')
        return weir_json_bad(reader, error, "':' is expected");
    reader->at++;
    reader->expect = WEIR_JSON_VALUE;
    *token = WEIR_JSON_KEY;
    return true;
}

/* read_inside reads on in an open array or object, behind its bracket or one of its values. */
static bool read_inside(weir_json_reader *reader, weir_json_token *token, weir_error *error)
{
    weir_nest *nest = &reader->nest;
    bool object = nest->levels[nest->depth - 1].object, first = reader->expect == WEIR_JSON_FIRST;
    char c = peek(reader);
    if (c == (object ? '}' : ']')) {
        reader->at++;
        reader->expect = WEIR_JSON_AFTER;
        *token = object ? WEIR_JSON_CLOSE_OBJECT : WEIR_JSON_CLOSE_ARRAY;
        return weir_nest_close(nest, error);
    }
    if (!first && c != ',')
        return weir_json_bad(reader, error,
                             reader->at == reader->end ? "it ends early"
                             : object                  ? "',' or '}' is expected"
                                                       : "',' or ']' is expected");
    reader->at += !first;
    if (object)
        return read_key(reader, token, error);
    weir_nest_element(nest);
    return read_value(reader, token, error);
}

bool weir_json_reader_next(weir_json_reader *reader, weir_json_token *token, weir_error *error)
{
    if (reader->expect == WEIR_JSON_VALUE)
        return read_value(reader, token, error);
    if (reader->nest.depth > 0)
        return read_inside(reader, token, error);
    peek(reader);
    *token = WEIR_JSON_END;
    return reader->at == reader->end || weir_json_bad(reader, error, "something follows the value");
}

bool weir_json_check(const char *json, size_t length, weir_error *error)
{
    weir_json_reader reader;
    weir_json_token token = WEIR_JSON_NULL;
    bool ok = true;
    weir_json_reader_open(&reader, json, length, CHECK_DEPTH);
    while (ok && token != WEIR_JSON_END)
        ok = weir_json_reader_next(&reader, &token, error);
    weir_json_reader_close(&reader);
    return ok;
}
