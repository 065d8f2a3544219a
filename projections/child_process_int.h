/* A command as a child process that is spoken to in messages, which are lines or frames: one goes
 * to its stdin, one is awaited from its stdout; what it says on stderr goes to the log. It knows
 * nothing of events.
 *
 * A child has a process group of its own and none of our files. One thread uses it; SIGPIPE must be
 * ignored by then. */
#ifndef WEIR_PROJECTIONS_CHILD_PROCESS_INT_H
#define WEIR_PROJECTIONS_CHILD_PROCESS_INT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/base.h"
#include "base/json_walk.h"

typedef struct weir_child weir_child;

typedef struct weir_child_command {
    const char *name;             /* for the log */
    const char *const *arguments; /* the program first; ends with NULL */
    const char *directory;        /* to run in */
    bool frames;                  /* a message is a frame: its length in 4 bytes, big-endian, and so
                                     many bytes; else it is a line */
    int shared;                   /* a file that the child gets as its file 3; -1: none */
} weir_child_command;

/* weir_child_start starts it. NULL: RETRY. */
weir_child *weir_child_start(const weir_child_command *command, weir_error *error);

/* How an exchange came out. */
typedef enum weir_child_answer {
    WEIR_CHILD_ANSWERED,
    WEIR_CHILD_ENDED,    /* or closed its stdin or stdout */
    WEIR_CHILD_SILENT,   /* for timeout_ms */
    WEIR_CHILD_LONG,     /* its message is longer than WEIR_CHILD_LINE */
    WEIR_CHILD_ABANDONED /* *abandon was set, and drain_ms later there was still no answer */
} weir_child_answer;

#define WEIR_CHILD_LINE ((size_t)16 * 1024 * 1024) /* bytes of a message */

typedef struct weir_child_patience {
    int timeout_ms, drain_ms;
    const atomic_bool *abandon;
} weir_child_patience;

/* weir_child_exchange sends bytes (a line with its line end, a frame with its length; none if
 * length is 0), and awaits a message, without those; that lives until the next exchange. Anything
 * but an answer leaves a child of no more use. */
weir_child_answer weir_child_exchange(weir_child *child, const char *bytes, size_t length,
                                      const weir_child_patience *patience, weir_slice *answer);

/* weir_child_alive: it has not ended by itself yet. */
bool weir_child_alive(const weir_child *child);

/* weir_child_end closes its stdin, waits for up to grace_ms, then kills what is left of its process
 * group: SIGTERM, a second later SIGKILL. how (may be NULL) gets what became of it: "exit code 1;
 * it last said: …". NULL is fine. */
#define WEIR_CHILD_HOW 640
void weir_child_end(weir_child *child, int grace_ms, char how[WEIR_CHILD_HOW]);

#endif
