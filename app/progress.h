/* A line on a terminal's stderr that says how far a long command is; nothing anywhere else. One
 * thread. */
#ifndef WEIR_APP_PROGRESS_H
#define WEIR_APP_PROGRESS_H

#include "base/base.h"

/* All zero: nothing is shown yet. */
typedef struct weir_progress {
    int64_t begun_us, shown_us, begun_at; /* when, and with how much done, this label began */
    char label[64];
} weir_progress;

/* weir_progress_show redraws the line, a few times a second at most. total 0: it is not known. A
 * new label begins anew: its rate and its time left are its own. */
void weir_progress_show(weir_progress *progress, const char *label, const char *unit, int64_t done,
                        int64_t total);

/* weir_progress_line writes what the line would say into text, for a terminal so wide; pure. */
void weir_progress_line(weir_buffer *text, const char *label, const char *unit, int64_t done,
                        int64_t total, double rate, int columns);

/* weir_progress_clear removes the line: before anything else is written, and at the end. */
void weir_progress_clear(weir_progress *progress);

#endif
