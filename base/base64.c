/* Base64. Strict in what it reads: whole groups, padding at the end only, no unused bits set. */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void weir_base64_encode(weir_buffer *buffer, const char *bytes, size_t length)
{
    const unsigned char *in = (const unsigned char *)bytes;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned group = (unsigned)in[i] << 16;
        group |= left > 1 ? (unsigned)in[i + 1] << 8 : 0;
        group |= left > 2 ? in[i + 2] : 0;
        char out[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                       digits[group & 63]};
        if (left < 3)
            out[3] = '=';
        if (left < 2)
            out[2] = '=';
        weir_buffer_append(buffer, out, 4);
    }
}

static int digit(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool weir_base64_decode(const char *text, size_t length, char *bytes, size_t *decoded)
{
    *decoded = 0;
    if (length % 4)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        bool last = i + 4 == length;
        int padding = !last ? 0 : (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=');
        unsigned group = 0;
        for (int j = 0; j < 4; j++) {
            int value = j < 4 - padding ? digit(text[i + (size_t)j]) : 0;
            if (value < 0)
                return false;
            group = group << 6 | (unsigned)value;
        }
        if (group & ((1u << 8 * padding) - 1u))
            return false;
        for (int j = 0; j < 3 - padding; j++)
            bytes[(*decoded)++] = (char)(group >> (16 - 8 * j));
    }
    return true;
}
