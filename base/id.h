/* UUIDs: version 7 (RFC 9562), time-ordered, over libuuid's randomness. Any thread. */
#ifndef WEIR_BASE_ID_H
#define WEIR_BASE_ID_H

#include <stdint.h>

#include "base/error.h"

#define WEIR_UUID_TEXT 37 /* 36 characters and a NUL */

typedef struct weir_uuid {
    uint8_t bytes[16];
} weir_uuid;

/* weir_uuid_new makes a version 7 id: 48 bits of Unix milliseconds, then randomness; ids made by
 * one process within one millisecond still rise. */
weir_uuid weir_uuid_new(void);

/* weir_uuid_from_name makes the version 5 id (SHA-1) of a name in the URL namespace: the same name
 * always gives the same id. */
weir_uuid weir_uuid_from_name(const char *name, size_t length);

void weir_uuid_format(const weir_uuid *id, char text[WEIR_UUID_TEXT]); /* lower case */
WEIR_MUST_USE bool weir_uuid_parse(const char *text, size_t length, weir_uuid *id);

#endif
