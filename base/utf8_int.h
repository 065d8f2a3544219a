/* Cutting UTF-8 text without breaking a character. */
#ifndef WEIR_BASE_UTF8_INT_H
#define WEIR_BASE_UTF8_INT_H

#include <stddef.h>

#define WEIR_ELLIPSIS "\xe2\x80\xa6" /* … */

/* weir_utf8_cut returns the greatest length ≤ most at which text can be cut between characters. */
size_t weir_utf8_cut(const char *text, size_t length, size_t most);

#endif
