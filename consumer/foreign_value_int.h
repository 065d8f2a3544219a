/* The JSON of a foreign message: unwrapped, and looked into. Pure. */
#ifndef WEIR_CONSUMER_FOREIGN_VALUE_INT_H
#define WEIR_CONSUMER_FOREIGN_VALUE_INT_H

#include "base/json_walk.h"
#include "consumer/decode_int.h"

typedef struct weir_foreign_value {
    weir_slice json; /* the value without its wrapping; weir_json_check accepts it */
    bool unwrap;     /* a text that holds an object or array is that */
} weir_foreign_value;

/* weir_foreign_value_read checks the payload and, with unwrap, takes off what Kafka Connect put
 * around it. Slices lie in the payload or in arena. POISON. */
WEIR_MUST_USE bool weir_foreign_value_read(weir_foreign_value *value, weir_payload payload,
                                           bool unwrap, weir_arena *arena, weir_error *error);

/* weir_foreign_value_data finds the event's data: the value, or its member at path (dots between
 * names). POISON when there is none. */
WEIR_MUST_USE bool weir_foreign_value_data(const weir_foreign_value *value, const char *path,
                                           weir_arena *arena, weir_slice *data, weir_error *error);

/* weir_foreign_field_text finds a text, number or boolean at path, as text. POISON for anything
 * else. */
WEIR_MUST_USE bool weir_foreign_field_text(const weir_foreign_value *value, const char *path,
                                           weir_arena *arena, weir_slice *text, weir_error *error);

/* weir_foreign_unwrap_text takes the text or number out of what JsonConverter made of it; anything
 * else stays as it is. False: it does not fit the arena. */
WEIR_MUST_USE bool weir_foreign_unwrap_text(weir_slice *text, weir_arena *arena);

#endif
