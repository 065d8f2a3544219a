/* Strings and numbers of JSON text.
 *
 * Strings are decoded to UTF-8, runs without escapes at once. Numbers are checked and stay text;
 * the range is what jsonb's numeric holds, less on the large side (309 digits, a double's), since
 * jsonb writes every digit out and a short text must not become a huge one. */
#include "store/json_int.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"

#define DIGITS_BEFORE_POINT 309 /* 1e308 has them */
#define DIGITS_AFTER_POINT 16383
#define EXPONENT_LIMIT 1000000 /* where counting stops, beyond both */

static size_t left(const weir_json_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* hex4 reads four hexadecimal digits; -1 if they are none. */
static int hex4(const char *text)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = weir_hex_digit(text[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void put_utf8(weir_buffer *to, int point)
{
    static const unsigned char marks[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    int length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    char bytes[4];
    for (int i = length - 1; i > 0; i--, point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3F));
    bytes[0] = (char)(marks[length] | point);
    weir_buffer_append(to, bytes, (size_t)length);
}

/* read_unicode reads \uXXXX, or the two of a surrogate pair; at is on the backslash. */
static bool read_unicode(weir_json_reader *reader, weir_buffer *to, weir_error *error)
{
    int point = left(reader) >= 6 ? hex4(reader->at + 2) : -1;
    size_t length = 6;
    if (point < 0)
        return weir_json_bad(reader, error, "four hexadecimal digits must follow \\u");
    if (point == 0)
        return weir_nest_fail(&reader->nest, error, "\\u0000 in a text");
    if (point >= 0xD800 && point < 0xE000) {
        bool pair =
            point < 0xDC00 && left(reader) >= 12 && reader->at[6] == '\\' && reader->at[7] == 'u';
        int low = pair ? hex4(reader->at + 8) : -1;
        if (low < 0xDC00 || low >= 0xE000)
            return weir_nest_fail(&reader->nest, error, "half of a surrogate pair in a text");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        length = 12;
    }
    reader->at += length;
    if (to)
        put_utf8(to, point);
    return true;
}

static bool read_escape(weir_json_reader *reader, weir_buffer *to, weir_error *error)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (left(reader) < 2)
        return weir_json_bad(reader, error, "it ends early");
    if (reader->at[1] == 'u')
        return read_unicode(reader, to, error);
    const char *letter = memchr(letters, reader->at[1], sizeof letters - 1);
    if (!letter)
        return weir_json_bad(reader, error, "an unknown escape");
    reader->at += 2;
    if (to)
        weir_buffer_char(to, meanings[letter - letters]);
    return true;
}

/* skip_plain goes over characters that stand for themselves. */
static bool skip_plain(weir_json_reader *reader, weir_error *error)
{
    while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\') {
        unsigned char c = (unsigned char)*reader->at;
        size_t length = c < 0x80 ? 1 : weir_utf8_length(reader->at, left(reader));
        if (c < 0x20)
            return weir_json_bad(reader, error, "a control character must be escaped");
        if (length == 0)
            return weir_nest_fail(&reader->nest, error, "invalid UTF-8, byte 0x%02x", c);
        reader->at += length;
    }
    return true;
}

bool weir_json_string(weir_json_reader *reader, weir_buffer *to, weir_error *error)
{
    reader->at++;
    for (;;) {
        const char *from = reader->at;
        if (!skip_plain(reader, error))
            return false;
        if (to && reader->at > from)
            weir_buffer_append(to, from, (size_t)(reader->at - from));
        if (reader->at == reader->end)
            return weir_json_bad(reader, error, "a text without its end");
        if (*reader->at == '"')
            break;
        if (!read_escape(reader, to, error))
            return false;
    }
    reader->at++;
    return true;
}

static long skip_digits(weir_json_reader *reader)
{
    const char *from = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at - from;
}

static bool is_at(const weir_json_reader *reader, const char *any)
{
    return reader->at < reader->end && *reader->at && strchr(any, *reader->at);
}

/* read_exponent reads what follows the e: a sign if any, and digits. */
static bool read_exponent(weir_json_reader *reader, long *exponent, weir_error *error)
{
    bool negative = is_at(reader, "-");
    reader->at += is_at(reader, "+-");
    const char *digits = reader->at;
    if (skip_digits(reader) == 0)
        return weir_json_bad(reader, error, "an exponent without digits");
    for (; digits < reader->at && *exponent < EXPONENT_LIMIT; digits++)
        *exponent = *exponent * 10 + (*digits - '0');
    if (negative)
        *exponent = -*exponent;
    return true;
}

bool weir_json_number(weir_json_reader *reader, weir_error *error)
{
    const char *from = reader->at;
    long before, after = 0, exponent = 0;
    reader->at += is_at(reader, "-");
    bool zero = is_at(reader, "0");
    before = skip_digits(reader);
    if (before == 0 || (zero && before > 1))
        return weir_json_bad(reader, error,
                             before ? "a number must not begin with 0" : "a number without digits");
    if (is_at(reader, ".")) {
        reader->at++;
        if ((after = skip_digits(reader)) == 0)
            return weir_json_bad(reader, error, "a point without digits");
    }
    if (is_at(reader, "eE")) {
        reader->at++;
        if (!read_exponent(reader, &exponent, error))
            return false;
    }
    if (before + exponent > DIGITS_BEFORE_POINT || after - exponent > DIGITS_AFTER_POINT)
        return weir_nest_fail(&reader->nest, error, "the number is out of range");
    weir_buffer_append(&reader->text, from, (size_t)(reader->at - from));
    return true;
}
