/* A growing byte buffer, bounded from birth. After a failed append the buffer keeps what it had
 * and remembers the failure, so that a run of appends needs one check at its end. */
#ifndef WEIR_BASE_BUFFER_H
#define WEIR_BASE_BUFFER_H

#include <stdarg.h>
#include <stdint.h>

#include "base/error.h"

typedef struct weir_buffer {
    char *data; /* NUL-terminated once something was appended; else NULL */
    size_t length;
    size_t capacity;
    size_t limit;  /* most bytes it may hold */
    bool overflow; /* an append would have passed the limit */
} weir_buffer;

#define WEIR_BUFFER(max_bytes) ((weir_buffer){.limit = (max_bytes)})

void weir_buffer_append(weir_buffer *buffer, const void *bytes, size_t length);
void weir_buffer_text(weir_buffer *buffer, const char *text);
void weir_buffer_char(weir_buffer *buffer, char c);
void weir_buffer_format(weir_buffer *buffer, const char *format, ...) WEIR_PRINTF(2, 3);
void weir_buffer_vformat(weir_buffer *buffer, const char *format, va_list arguments)
    WEIR_PRINTF(2, 0);

/* weir_buffer_json appends text as a JSON string with its quotes; bytes ≥ 0x80 go unchanged. */
void weir_buffer_json(weir_buffer *buffer, const char *text, size_t length);

/* Big-endian integers, as in PostgreSQL's and Kafka's wire formats. */
void weir_buffer_int32(weir_buffer *buffer, int32_t value);
void weir_buffer_int64(weir_buffer *buffer, int64_t value);

void weir_buffer_clear(weir_buffer *buffer); /* length 0, overflow false; memory kept */
void weir_buffer_free(weir_buffer *buffer);  /* usable again afterwards */

#endif
