/* Hexadecimal digits. */
#ifndef WEIR_BASE_HEX_H
#define WEIR_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* weir_hex_digit is the value of a hexadecimal digit of either case; -1 for all else. */
static inline int weir_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* weir_hex_decode turns an even number of digits into half as many bytes; false for any other
 * character. */
static inline bool weir_hex_decode(const char *digits, size_t length, char *bytes)
{
    for (size_t i = 0; i + 1 < length; i += 2) {
        int high = weir_hex_digit(digits[i]), low = weir_hex_digit(digits[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    return true;
}

#endif
