/* UTF-8, one character at a time. Any thread. */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include <stddef.h>

/* weir_utf8_length is the number of bytes, 1 to 4, of the character that text begins with, of which
 * `left` bytes are there; 0 if it is none: cut short, overlong, a surrogate, beyond U+10FFFF. */
size_t weir_utf8_length(const char *text, size_t left);

/* weir_utf8_clean makes text readable for who takes nothing else: a byte that belongs to no
 * character becomes a question mark. */
void weir_utf8_clean(char *text);

#endif
