/* UTF-8: where text may be cut without breaking a character, and what a character is.
 *
 * Bytes that are not UTF-8 are cut anywhere: this never looks back further than one character, so
 * it costs the same for any input. */
#include "base/utf8.h"
#include "base/utf8_int.h"

#include <stdbool.h>
#include <string.h>

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U;
}

size_t weir_utf8_cut(const char *text, size_t length, size_t most)
{
    if (length <= most)
        return length;
    size_t cut = most;
    for (int back = 0; back < 3 && cut > 0 && continues(text[cut]); back++)
        cut--;
    return continues(text[cut]) ? most : cut;
}

/* What may follow each first byte: how many bytes, and the bounds of the second one, which exclude
 * overlong forms, surrogates and what lies beyond Unicode. */
static const struct {
    unsigned char first, last, low, high, length;
} forms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

size_t weir_utf8_length(const char *text, size_t left)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (left == 0 || bytes[0] < 0x80)
        return left > 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
            continue;
        if (left < forms[i].length || bytes[1] < forms[i].low || bytes[1] > forms[i].high)
            return 0;
        for (size_t at = 2; at < forms[i].length; at++)
            if (!continues(text[at]))
                return 0;
        return forms[i].length;
    }
    return 0;
}

void weir_utf8_clean(char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        size_t bytes = weir_utf8_length(text, left);
        if (bytes == 0) {
            *text = '?';
            bytes = 1;
        }
        text += bytes;
        left -= bytes;
    }
}
