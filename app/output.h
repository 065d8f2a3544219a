/* stdout, buffered, with its failures kept: a closed pipe ends a command quietly, anything else
 * (a full disk) fails it. One thread. */
#ifndef WEIR_APP_OUTPUT_H
#define WEIR_APP_OUTPUT_H

#include "base/base.h"

typedef enum weir_shape {
    WEIR_SHAPE_TABLE,
    WEIR_SHAPE_JSON,
    WEIR_SHAPE_JSONL,
} weir_shape;

typedef struct weir_output {
    int fd;
    weir_buffer pending;
    int failure; /* errno of the first failed write; later writes are dropped */
} weir_output;

#define WEIR_OUTPUT(descriptor)                                                                    \
    ((weir_output){.fd = (descriptor), .pending = WEIR_BUFFER((size_t)1 << 30)})

void weir_output_bytes(weir_output *output, const void *bytes, size_t length);
void weir_output_text(weir_output *output, const char *text);
void weir_output_format(weir_output *output, const char *format, ...) WEIR_PRINTF(2, 3);

/* weir_output_flush writes what is pending; false once anything failed, error says why (fate NONE,
 * code OK when nobody reads any more: end quietly). */
WEIR_MUST_USE bool weir_output_flush(weir_output *output, weir_error *error);
void weir_output_free(weir_output *output);

#endif
