/* What a runtime and the process of a plug-in's handler say to each other, as bytes.
 *
 * Both are the same program on the same machine: a frame is a word that says what it is, and then
 * its fields, as they are. What is read is checked against the frame's end all the same: the writer
 * may be a process whose memory is broken. */
#ifndef WEIR_PROJECTIONS_PLUGIN_FRAMES_INT_H
#define WEIR_PROJECTIONS_PLUGIN_FRAMES_INT_H

#include "base/json_walk.h"
#include "store/event.h"
#include "store/transaction.h"

typedef enum weir_frame_kind {
    /* from the runtime */
    WEIR_FRAME_BATCH = 1, /* count, events */
    WEIR_FRAME_ROWS,      /* count, columns, texts; also the answer to STATEMENTS, without any */
    WEIR_FRAME_REFUSED,   /* an error: nothing more can be done in this transaction */
    /* from the handler's process */
    WEIR_FRAME_READY,      /* version and tables of the handler that was loaded */
    WEIR_FRAME_STATEMENTS, /* so many that they are sent in parts */
    WEIR_FRAME_QUERY,      /* statements, the last of which is to be answered */
    WEIR_FRAME_DONE,       /* the last statements */
    WEIR_FRAME_FAILED,     /* an error */
} weir_frame_kind;

/* weir_frame_begin empties a buffer for a frame, weir_frame_end says what it became; false: it does
 * not fit. In between weir_frame_put_* add fields. */
void weir_frame_begin(weir_buffer *frame);
WEIR_MUST_USE bool weir_frame_end(weir_buffer *frame, weir_frame_kind kind);
void weir_frame_put_number(weir_buffer *frame, int64_t number);
void weir_frame_put_text(weir_buffer *frame, const char *text, size_t length); /* NULL: null */
void weir_frame_put_event(weir_buffer *frame, const weir_event *event);
void weir_frame_put_error(weir_buffer *frame, const weir_error *error);
void weir_frame_put_statement(weir_buffer *frame, const char *sql, const weir_param *params,
                              int count, int64_t event);

/* Reading, in the order of writing. What goes beyond the frame, or does not fit the arena, reads as
 * zeroes and NULL, and sets broken or full. Texts are in the arena, NUL-terminated. */
typedef struct weir_frame {
    const char *at, *end;
    weir_arena *arena;
    bool broken, full;
} weir_frame;

weir_frame_kind weir_frame_open(weir_frame *frame, weir_slice bytes, weir_arena *arena);
bool weir_frame_more(const weir_frame *frame); /* there are fields left, and all so far was sound */
int64_t weir_frame_number(weir_frame *frame);
char *weir_frame_text(weir_frame *frame, size_t *length); /* length may be NULL */
void weir_frame_event(weir_frame *frame, weir_event *event);
void weir_frame_error(weir_frame *frame, weir_error *error);

/* weir_frame_array takes a count that precedes so many fields, and the memory for elements of size
 * bytes each: no more than the frame can hold. NULL: broken or full. */
void *weir_frame_array(weir_frame *frame, size_t size, size_t *count);

/* A statement as it was read. */
typedef struct weir_frame_statement {
    const char *sql;
    const weir_param *params;
    int count;
    int64_t event; /* it is for; -1: not known */
} weir_frame_statement;
void weir_frame_statement_read(weir_frame *frame, weir_frame_statement *statement);

#endif
