/* Events on stdout: as table rows, as a JSON array of CloudEvents, or as CloudEvents JSON Lines.
 *
 * msgpack is shown as the JSON that it spells, in all of them, unless it is to be exact; import
 * reads such lines back as msgpack of the same value. What is not what its content type says stays
 * bytes. */
#ifndef WEIR_APP_EVENT_SINK_H
#define WEIR_APP_EVENT_SINK_H

#include "app/session.h"
#include "app/table.h"

typedef struct weir_event_sink {
    weir_output *output;
    weir_shape format;
    bool exact; /* data as it is stored, for another store */
    const char *store_id;
    weir_table *table; /* TABLE only */
    weir_buffer line, decoded;
    int64_t count;    /* events written */
    int64_t position; /* of the last one */
} weir_event_sink;

/* weir_event_sink_open begins output; store_id must live as long. */
void weir_event_sink_open(weir_event_sink *sink, weir_output *output, weir_shape format, bool exact,
                          const char *store_id);

/* weir_event_sink_write is a weir_event_fn; its context is the sink. */
bool weir_event_sink_write(void *sink, const weir_event *event, weir_error *error);

/* weir_event_sink_flush makes what was written visible now. */
WEIR_MUST_USE bool weir_event_sink_flush(weir_event_sink *sink, weir_error *error);

/* weir_event_sink_close ends the output (of a table or an array) and frees. */
void weir_event_sink_close(weir_event_sink *sink);

#endif
