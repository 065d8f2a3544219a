/* What a message belongs to: the metadata that a command's events carry, so that a chain of causes
 * can be followed through the store (weir read --correlation, --causation, --user) and through
 * traces. Plain data, owned by whoever made it; any thread. */
#ifndef WEIR_STORE_MESSAGE_CONTEXT_H
#define WEIR_STORE_MESSAGE_CONTEXT_H

#include "store/event.h"

typedef struct weir_message_context {
    const char *correlation_id; /* "correlationid": the whole conversation */
    const char *causation_id;   /* "causationid": the command or event that led to this */
    const char *user_id;        /* "userid" */
    const char *traceparent;    /* "traceparent", W3C */
} weir_message_context;

/* weir_context_caused_by is the context of a command that an event leads to: its causation is the
 * event, its correlation is the event's, or the event itself where it has none; user and trace go
 * on as they are. One block: release with free(). */
weir_message_context *weir_context_caused_by(const weir_event *event);

/* weir_context_copy copies a context and its texts into one block: release with free(). */
weir_message_context *weir_context_copy(const weir_message_context *context);

/* weir_context_metadata appends the metadata object of an event: its own (JSON text, may be NULL),
 * and of the context (may be NULL) what it does not say itself. POISON when its own is no object.
 */
WEIR_MUST_USE bool weir_context_metadata(const weir_message_context *context, const char *own,
                                         weir_buffer *metadata, weir_error *error);

#endif
