/* The shape of messages beyond what weir itself needs: further headers, for readers that expect
 * them under other names, and the form of the value. Pure, once read. */
#ifndef WEIR_PRODUCER_SHAPE_INT_H
#define WEIR_PRODUCER_SHAPE_INT_H

#include "config/config.h"
#include "producer/cloudevents_int.h"
#include "store/value_form.h"

/* A further header: another name for one of ours, or a text of the metadata. */
typedef struct weir_alias {
    const char *name;
    const char *header; /* "ce_id"; NULL: metadata */
    const char *key;    /* of metadata */
} weir_alias;

typedef struct weir_shape {
    weir_alias aliases[WEIR_ALIASES_MOST];
    size_t count;
    weir_value_form form;
} weir_shape;

/* weir_shape_read reads relay.headers and relay.value; its texts are the config's. CONFIG for a
 * header that is weir's own, or that stands for nothing. */
WEIR_MUST_USE bool weir_shape_read(const weir_config *config, weir_shape *shape, weir_error *error);

/* weir_shape_value returns the value of an event's message, NULL for a tombstone's; in buffer or in
 * the event itself. A value that is no JSON stays as it is. */
const char *weir_shape_value(const weir_shape *shape, const weir_event *event, weir_buffer *buffer,
                             size_t *length);

/* weir_shape_headers adds the further headers to those that weir_headers_make made. */
void weir_shape_headers(const weir_shape *shape, const weir_event *event, weir_headers *headers);

#endif
