/* What a child says on stderr, line by line in the log, as it comes. */
#ifndef WEIR_PROJECTIONS_CHILD_LOG_INT_H
#define WEIR_PROJECTIONS_CHILD_LOG_INT_H

#include "base/base.h"

typedef struct weir_child_log weir_child_log;

/* weir_child_log_new reads fd, which it owns from now on, in a thread of its own. NULL: FATAL. */
weir_child_log *weir_child_log_new(const char *name, int fd, weir_error *error);

/* weir_child_log_free takes what is there, ends the thread, and gives the last line. */
#define WEIR_CHILD_SAID 512
void weir_child_log_free(weir_child_log *log, char last[WEIR_CHILD_SAID]);

#endif
