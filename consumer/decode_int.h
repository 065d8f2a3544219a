/* From a message's headers to an event. Pure: no Kafka, no PostgreSQL, no state. */
#ifndef WEIR_CONSUMER_DECODE_INT_H
#define WEIR_CONSUMER_DECODE_INT_H

#include "store/store.h"
#include "store/upcast.h"
#include "store/value_form.h"

typedef struct weir_header {
    const char *name;
    const char *value; /* NUL-terminated behind length; NULL: none */
    size_t length;
} weir_header;

/* Every header that weir writes, in the order in which it writes them. */
#define WEIR_FIELDS_LIST(X)                                                                        \
    X(SPECVERSION, "ce_specversion")                                                               \
    X(ID, "ce_id")                                                                                 \
    X(SOURCE, "ce_source")                                                                         \
    X(TYPE, "ce_type")                                                                             \
    X(TIME, "ce_time")                                                                             \
    X(SUBJECT, "ce_subject")                                                                       \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(AGGREGATE_TYPE, "ce_aggregatetype")                                                          \
    X(AGGREGATE_VERSION, "ce_aggregateversion")                                                    \
    X(POSITION, "ce_position")                                                                     \
    X(PREVPOSITION, "ce_prevposition")                                                             \
    X(STORE_ID, "ce_storeid")                                                                      \
    X(SCHEMA_VERSION, "ce_schemaversion")                                                          \
    X(RECORDED_TIME, "ce_recordedtime")                                                            \
    X(CORRELATION_ID, "ce_correlationid")                                                          \
    X(CAUSATION_ID, "ce_causationid")                                                              \
    X(USER_ID, "ce_userid")                                                                        \
    X(TRACEPARENT, "traceparent")                                                                  \
    X(TRACESTATE, "tracestate")                                                                    \
    X(METADATA, "ce_metadata")                                                                     \
    X(VALUE_FORM, "ce_valueform")

#define WEIR_FIELD_ENUM(name, text) WEIR_FIELD_##name,
typedef enum weir_field {
    WEIR_FIELDS_LIST(WEIR_FIELD_ENUM) WEIR_FIELD_COUNT
} weir_field;

/* The value of each field of one message; NULL where the header is missing. */
typedef struct weir_fields {
    struct {
        const char *text;
        size_t length;
    } of[WEIR_FIELD_COUNT];
} weir_fields;

/* A message's place in the chain of its partition. */
typedef struct weir_chain {
    int64_t position, prevposition; /* prevposition 0: the first of its partition */
    const char *store_id;           /* UUID text, NUL-terminated */
} weir_chain;

typedef enum weir_message_kind {
    WEIR_MESSAGE_OURS,
    WEIR_MESSAGE_FOREIGN, /* neither a store id nor a position: some other program's */
    WEIR_MESSAGE_BROKEN,  /* ours, but its headers make no sense */
} weir_message_kind;

const char *weir_field_name(weir_field field);

/* weir_field_known returns the name of a field as a constant that equals name, NULL if none does.
 */
const char *weir_field_known(const char *name);

/* weir_put_text copies bytes and a NUL to where there is room for them; returns what is behind. */
char *weir_put_text(char *to, const char *bytes, size_t length);

/* weir_fields_find looks the fields up; of a header that stands twice the last counts. */
void weir_fields_find(const weir_header *headers, size_t count, weir_fields *fields);

/* weir_chain_read tells whose message it is and reads its place. error (POISON) for BROKEN only. */
weir_message_kind weir_chain_read(const weir_fields *fields, weir_chain *chain, weir_error *error);

/* What of a message an event is made of, besides its headers. */
typedef struct weir_payload {
    const char *bytes;
    size_t length;
} weir_payload;

/* weir_event_read makes the event, in the latest form of its type (upcasters NULL: as it is). Its
 * texts are those of fields and payload, which must be NUL-terminated and live as long, or in
 * arena. scratch is a bounded buffer of the caller's that is reused. POISON for broken headers, for
 * what does not fit, and for what cannot be upcast. */
WEIR_MUST_USE bool weir_event_read(const weir_fields *fields, const weir_chain *chain,
                                   weir_payload payload, const weir_upcasters *upcasters,
                                   weir_arena *arena, weir_buffer *scratch, weir_event *event,
                                   weir_error *error);

#endif
