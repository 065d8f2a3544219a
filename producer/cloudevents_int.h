/* CloudEvents 1.0, Kafka binary mode: the headers of one event. Pure.
 *
 * Every header follows from the stored event, the store and the chain, so that an event published
 * again is the same message. */
#ifndef WEIR_PRODUCER_CLOUDEVENTS_INT_H
#define WEIR_PRODUCER_CLOUDEVENTS_INT_H

#include "store/store.h"

#define WEIR_ALIASES_MOST 16 /* further headers, by configuration */
#define WEIR_HEADERS_MOST (21 + WEIR_ALIASES_MOST)

typedef struct weir_header {
    const char *name;
    size_t name_length;
    const char *value;
    size_t length;
} weir_header;

/* The headers of one event. Values point into the event and into text; valid as long as both. */
typedef struct weir_headers {
    weir_header list[WEIR_HEADERS_MOST];
    size_t count;
    size_t bytes; /* of all names and values */
    char text[320];
    size_t used;    /* of text */
    void *metadata; /* parsed, while values point into it */
} weir_headers;

/* What the headers need beyond the event. */
typedef struct weir_chain {
    const char *source;   /* "/weir/<aggregate type>" */
    const char *store_id; /* UUID text */
    int64_t previous;     /* position of the event before in its partition; 0: it is the first */
} weir_chain;

/* weir_headers_make fills headers; weir_headers_done releases what they hold. */
void weir_headers_make(weir_headers *headers, const weir_event *event, const weir_chain *chain);
void weir_headers_done(weir_headers *headers);

/* Further headers behind those: a constant text; another name for one that is there; a text of the
 * metadata, if it has that key. Names live as long as the headers. */
void weir_headers_add(weir_headers *headers, const char *name, const char *value);
void weir_headers_alias(weir_headers *headers, const char *name, const char *of);
void weir_headers_add_metadata(weir_headers *headers, const char *name, const char *key);

#endif
