/* Doubles as decimal text and back, exactly; for the codec only. */
#ifndef WEIR_STORE_CODEC_INT_H
#define WEIR_STORE_CODEC_INT_H

#include <stdbool.h>
#include <stddef.h>

#define WEIR_DOUBLE_TEXT 48

/* weir_double_print writes the shortest decimal that reads back as this finite value, with a point
 * or an exponent, as JSON. Any locale. */
void weir_double_print(double value, char text[WEIR_DOUBLE_TEXT]);

/* weir_double_read reads a JSON number; false when the double does not print back to the same
 * decimal value. Any locale. */
bool weir_double_read(const char *text, size_t length, double *value);

#endif
