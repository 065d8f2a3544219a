/* From a foreign message to an event. Pure: no Kafka, no PostgreSQL, no state. */
#ifndef WEIR_CONSUMER_FOREIGN_INT_H
#define WEIR_CONSUMER_FOREIGN_INT_H

#include "consumer/foreign.h"
#include "consumer/letters_int.h"

#define WEIR_FOREIGN_ID_MOST 256   /* bytes of an aggregate id */
#define WEIR_FOREIGN_TYPE_MOST 200 /* and of an event type */

/* A foreign partition's lanes are told by the key's hash without this many low values: by them the
 * partition was chosen, perhaps. A fixed number: partitions may be added, and a key stays in its
 * lane. */
#define WEIR_FOREIGN_LANES_OF 65536

/* A message and where it stands. */
typedef struct weir_foreign_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const weir_raw *raw;
} weir_foreign_message;

/* weir_foreign_read makes the event. Its texts are those of the message, which must live as long,
 * or in arena; scratch is a bounded buffer of the caller's that is reused. POISON for what cannot
 * be read or does not fit; whose it is (aggregate, position, version, id) the event says then,
 * too, unless aggregate_id is NULL: that did not fit. */
WEIR_MUST_USE bool weir_foreign_read(const weir_foreign *foreign,
                                     const weir_foreign_message *message, weir_arena *arena,
                                     weir_buffer *scratch, weir_event *event, weir_error *error);

/* weir_foreign_text: UTF-8 without control characters, of at most so many bytes. */
bool weir_foreign_text(const char *text, size_t length, size_t most);

#endif
