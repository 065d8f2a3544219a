/* Converting one JSON scalar into another kind, by text: 1.10 becomes "1.10" and a number of any
 * size stays what it is. What has no exact counterpart is refused, never rounded or guessed. */
#include <stdlib.h>
#include <string.h>

#include "store/upcast_int.h"

#define MOST_ZEROS 1000 /* that an exponent may add to a whole number */

/* A number's parts. */
typedef struct number {
    bool negative;
    const char *whole, *fraction; /* digits before and after the point */
    size_t whole_count, fraction_count;
    long exponent; /* cut off far beyond MOST_ZEROS */
} number;

static size_t count_digits(const char *at, const char *end)
{
    size_t n = 0;
    while (at + n < end && at[n] >= '0' && at[n] <= '9')
        n++;
    return n;
}

static long read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    long exponent = 0;
    for (at += *at == '-' || *at == '+'; at < end; at++)
        if (exponent < 1000000)
            exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

/* Takes apart what is known to be a number. */
static number read_number(weir_slice text)
{
    const char *at = text.text, *end = at + text.length;
    number n = {.negative = *at == '-'};
    at += n.negative;
    n.whole = at;
    at += n.whole_count = count_digits(at, end);
    if (at < end && *at == '.') {
        n.fraction = ++at;
        at += n.fraction_count = count_digits(at, end);
    }
    if (at < end)
        n.exponent = read_exponent(at + 1, end);
    return n;
}

static char digit(const number *n, size_t at)
{
    if (at < n->whole_count)
        return n->whole[at];
    at -= n->whole_count;
    return at < n->fraction_count ? n->fraction[at] : '0';
}

/* The digits before the point once the exponent has moved it, if all behind it are zeros. */
static bool to_integer(weir_slice value, weir_arena *arena, weir_slice *result)
{
    if (!weir_json_is_number(value.text, value.length))
        return false;
    number n = read_number(value);
    long count = (long)(n.whole_count + n.fraction_count);
    long point = (long)n.whole_count + n.exponent, first = 0;
    if (point > count + MOST_ZEROS)
        return false;
    for (long i = point > 0 ? point : 0; i < count; i++)
        if (digit(&n, (size_t)i) != '0')
            return false;
    while (first < point - 1 && digit(&n, (size_t)first) == '0')
        first++;
    char *text = weir_arena_alloc(arena, (size_t)(point > first ? point - first : 1) + 2),
         *to = text;
    if (!text)
        return false;
    bool zero = point <= 0 || (first == point - 1 && digit(&n, (size_t)first) == '0');
    if (n.negative && !zero)
        *to++ = '-';
    for (long i = first; !zero && i < point; i++)
        *to++ = digit(&n, (size_t)i);
    if (zero)
        *to++ = '0';
    *result = (weir_slice){text, (size_t)(to - text)};
    return true;
}

static bool to_text(weir_slice value, weir_arena *arena, weir_slice *result)
{
    char *text = weir_arena_alloc(arena, value.length + 2);
    if (!text)
        return false;
    text[0] = text[value.length + 1] = '"';
    memcpy(text + 1, value.text, value.length);
    *result = (weir_slice){text, value.length + 2};
    return true;
}

static bool is(weir_slice value, const char *word)
{
    return value.length == strlen(word) && memcmp(value.text, word, value.length) == 0;
}

static bool to_boolean(weir_slice value, weir_slice *result)
{
    bool yes = is(value, "true") || is(value, "1"), no = is(value, "false") || is(value, "0");
    *result = yes ? (weir_slice){"true", 4} : (weir_slice){"false", 5};
    return yes || no;
}

bool weir_convert(weir_slice value, weir_scalar kind, weir_arena *arena, weir_slice *result)
{
    weir_error ignored;
    char first = value.length ? value.text[0] : '\0';
    *result = value;
    if (first == 'n' || (first == '"' && kind == WEIR_AS_TEXT))
        return true;
    if (!first || first == '{' || first == '[')
        return false;
    if (first == '"') { /* what it says, not how it is escaped */
        const char *text = value.length < 2 ? NULL : weir_json_decode(value, arena);
        if (!text)
            return false;
        value = (weir_slice){text, strlen(text)};
    } else if ((first == 't' || first == 'f') &&
               (kind == WEIR_AS_INTEGER || kind == WEIR_AS_NUMBER)) {
        value = (weir_slice){first == 't' ? "1" : "0", 1};
    }
    *result = value;
    switch (kind) {
    case WEIR_AS_TEXT:
        return to_text(value, arena, result);
    case WEIR_AS_INTEGER:
        return to_integer(value, arena, result);
    case WEIR_AS_NUMBER: /* not 1e999999 from a text: the store would not take it */
        return weir_json_is_number(value.text, value.length) &&
               weir_json_check(value.text, value.length, &ignored);
    case WEIR_AS_BOOLEAN:
        return to_boolean(value, result);
    }
    return false;
}
