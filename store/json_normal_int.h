/* JSON text as PostgreSQL's jsonb writes it, for a store that has no PostgreSQL. For text that
 * weir_json_check accepted. Any thread. */
#ifndef WEIR_STORE_JSON_NORMAL_INT_H
#define WEIR_STORE_JSON_NORMAL_INT_H

#include "base/buffer.h"

/* weir_json_normal appends the value: keys by length and then by bytes, numbers written out with
 * the digits they came with, one blank behind colons and commas. fold drops zeros behind the point
 * as well, so that two equal values become one text. POISON when out reaches its limit. */
WEIR_MUST_USE bool weir_json_normal(const char *json, size_t length, bool fold, weir_buffer *out,
                                    weir_error *error);

/* weir_json_member appends what `->>` gives for a member of an object in normal form: a text
 * decoded, anything else as it is written. False: it is not there, or null. */
WEIR_MUST_USE bool weir_json_member(const char *json, size_t length, const char *name,
                                    weir_buffer *out);

#endif
