/* CloudEvents 1.0 in JSON, one event a line: what import, export, read -o jsonl and tail -o jsonl
 * speak. What is written can be read into another store and gives the same events there.
 *
 *   CloudEvents        weir
 *   id                 event id: itself if it is a UUID, else UUIDv5 (URL namespace) of
 *                      source + "\n" + id, with the original in metadata "ceid"
 *   source             metadata "source" unless it is /weir/<aggregate type>
 *   type, time         event type, time
 *   subject            aggregate id
 *   aggregatetype      aggregate type
 *   schemaversion      schema version
 *   data, data_base64  data, data_binary
 *   metadata           an object: metadata that cannot be an attribute
 *   anything else      metadata under its name
 *
 * data is JSON, also when datacontenttype is msgpack, which it is then made into; with any other
 * datacontenttype it is a text, whose bytes are the data. data_base64 is the bytes themselves.
 *
 * aggregateversion, position, storeid and recordedtime are written, and of no effect when a line
 * that has a storeid is appended: the reading store gives its own. */
#ifndef WEIR_STORE_CLOUDEVENT_H
#define WEIR_STORE_CLOUDEVENT_H

#include "base/json_walk.h"
#include "store/store.h"

typedef struct weir_cloudevent {
    const char *aggregate_type;
    const char *aggregate_id;
    weir_uuid id;
    int64_t position, version; /* in the store that wrote the line; 0: it does not say */
    weir_new_event event; /* event.id points to nothing: set it to &id where this came to rest */
} weir_cloudevent;

/* weir_cloudevent_read reads one line; everything in `read` lives in the arena, or in the line,
 * which must live as long. aggregate_type is for lines without aggregatetype, may be NULL. POISON
 * says what is wrong with the line. */
WEIR_MUST_USE bool weir_cloudevent_read(const char *line, size_t length, const char *aggregate_type,
                                        weir_arena *arena, weir_cloudevent *read,
                                        weir_error *error);

/* weir_cloudevent_write appends the event as one line without its line end. */
void weir_cloudevent_write(weir_buffer *buffer, const weir_event *event, const char *store_id);

/* weir_cloudevent_known: the name is an attribute with a meaning of its own here, so metadata of
 * that name is no attribute. */
bool weir_cloudevent_known(weir_slice key);

#endif
