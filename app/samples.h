/* Old events tried on what reads them today: the upcasters, and projections' handlers. What is
 * found is kept as one finding for each cause, with how often and where first. One thread. */
#ifndef WEIR_APP_SAMPLES_H
#define WEIR_APP_SAMPLES_H

#include "projections/projections.h"
#include "store/cloudevent.h"
#include "store/upcast.h"

typedef enum weir_finding_kind {
    WEIR_FINDING_FAILED,   /* a line, link or handler that fails */
    WEIR_FINDING_NEWER,    /* a version newer than the latest known */
    WEIR_FINDING_VANISHED, /* a field that a C function lost */
    WEIR_FINDING_UNUSED,   /* a note: a rule that no sample needs, a link that none takes */
} weir_finding_kind;

typedef struct weir_finding {
    weir_finding_kind kind;
    char *type;    /* event type; NULL: of a line that cannot be read */
    char *where;   /* the link, projection or line's reader */
    char *why;     /* of the first; names the path or statement */
    char *what;    /* what makes two findings one, beside kind, type and where */
    int64_t line;  /* of the first; 0: of none */
    int64_t count; /* events */
} weir_finding;

typedef struct weir_samples {
    const weir_upcasters *upcasters;
    weir_rehearsal **rehearsals; /* the caller's */
    size_t rehearsal_count;
    const char *event_type;     /* only these; NULL: all */
    const char *aggregate_type; /* of lines without one; may be NULL */
    weir_arena *arena;          /* of one line */
    weir_buffer upcast;
    struct weir_sample_link *links; /* what each link met */
    size_t link_count;
    weir_finding *findings;
    size_t finding_count;
    bool truncated;                   /* there are more findings than are kept */
    int64_t events, upcasts, failing; /* lines tried, brought forward, with a failure */
} weir_samples;

void weir_samples_open(weir_samples *samples, const weir_upcasters *upcasters);
void weir_samples_close(weir_samples *samples);

/* weir_samples_try tries one line of a CloudEvents log. False only when trying has to end (RETRY:
 * the store went away). */
WEIR_MUST_USE bool weir_samples_try(weir_samples *samples, const char *line, size_t length,
                                    int64_t number, weir_error *error);

/* weir_samples_end adds the notes that need all samples. */
void weir_samples_end(weir_samples *samples);

#endif
