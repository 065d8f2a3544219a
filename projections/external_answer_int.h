/* What a handler in another language says: one line of JSON each. */
#ifndef WEIR_PROJECTIONS_EXTERNAL_ANSWER_INT_H
#define WEIR_PROJECTIONS_EXTERNAL_ANSWER_INT_H

#include "base/json_walk.h"

typedef enum weir_answer_kind {
    WEIR_ANSWER_NONE,    /* it is nothing of this */
    WEIR_ANSWER_READY,   /* {"ready": true} */
    WEIR_ANSWER_HANDLED, /* {"id": "…", "ok": true} */
    WEIR_ANSWER_REFUSED, /* {"id": "…", "error": "text"} */
    WEIR_ANSWER_LATER    /* {"id": "…", "error": "text", "retry": true} */
} weir_answer_kind;

typedef struct weir_answer {
    weir_answer_kind kind;
    const char *id, *error; /* in the arena; NULL: it has none */
} weir_answer;

/* weir_answer_read reads one line, without its line end. Other members are of no effect. */
void weir_answer_read(const char *line, size_t length, weir_arena *arena, weir_answer *answer);

#endif
