/* Base64 (RFC 4648, with padding), as CloudEvents' data_base64. Any thread. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include "base/buffer.h"

void weir_base64_encode(weir_buffer *buffer, const char *bytes, size_t length);

/* weir_base64_decode decodes into memory of at least length / 4 * 3 bytes; false if text is no
 * base64. */
WEIR_MUST_USE bool weir_base64_decode(const char *text, size_t length, char *bytes,
                                      size_t *decoded);

#endif
