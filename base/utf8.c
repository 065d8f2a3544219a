/* Cutting UTF-8 text without breaking a character.
 *
 * Bytes that are not UTF-8 are cut anywhere: this never looks back further than one character, so
 * it costs the same for any input. */
#include "base/utf8_int.h"

#include <stdbool.h>

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
