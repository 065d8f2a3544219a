/* What is to be said about how events are designed: six checks over a sample of the store.
 *
 * The sample is the latest doctor.sample_events events of each event type, found through the index
 * on just that, so that the work is bounded by the number of event types (the first
 * WEIR_DOCTOR_TYPES), not by the log. Nothing is handed out that a reader could go on from, so the
 * fence is not needed. One thread at a time for each report. */
#ifndef WEIR_APP_DOCTOR_H
#define WEIR_APP_DOCTOR_H

#include "config/config.h"
#include "store/connection.h"
#include "store/upcast.h"

#define WEIR_DOCTOR_TYPES 1000
#define WEIR_DOCTOR_EXAMPLES 3

typedef enum weir_doctor_check {
    WEIR_DOCTOR_NAME,        /* not a fact in the past tense */
    WEIR_DOCTOR_PAYLOAD,     /* larger than doctor.payload_bytes */
    WEIR_DOCTOR_STREAM,      /* more events than doctor.stream_events */
    WEIR_DOCTOR_SHAPE,       /* one schema version, several sets of names in the data */
    WEIR_DOCTOR_NEWER,       /* a schema version beyond the latest known */
    WEIR_DOCTOR_CORRELATION, /* no correlationid */
    WEIR_DOCTOR_CHECKS,
} weir_doctor_check;

/* One check's result. */
typedef struct weir_finding {
    int64_t found, of;                    /* so many of so many that were looked at */
    char *examples[WEIR_DOCTOR_EXAMPLES]; /* the gravest first; NULL beyond the last */
    int64_t weights[WEIR_DOCTOR_EXAMPLES];
} weir_finding;

/* What to look at, and what was found. Zero-initialise all but the first two. */
typedef struct weir_doctor {
    const char *aggregate_type; /* NULL: all */
    bool all;                   /* every event, not a sample */
    bool cut;                   /* out: there are older events that were not looked at */
    weir_finding findings[WEIR_DOCTOR_CHECKS];
} weir_doctor;

/* weir_doctor_name and weir_doctor_unit are the check's name, "payload", and what it counts. */
const char *weir_doctor_name(weir_doctor_check check);
const char *weir_doctor_unit(weir_doctor_check check);

/* weir_doctor_run fills the findings. upcasters are those of schemas.files. */
WEIR_MUST_USE bool weir_doctor_run(weir_doctor *doctor, const weir_config *config,
                                   weir_connection *connection, const weir_upcasters *upcasters,
                                   weir_error *error);

/* weir_doctor_clear releases the findings; the doctor may run again. */
void weir_doctor_clear(weir_doctor *doctor);

#endif
