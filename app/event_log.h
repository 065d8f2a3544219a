/* A file of events, one JSON object a line, or stdin: what import and schema check read. */
#ifndef WEIR_APP_EVENT_LOG_H
#define WEIR_APP_EVENT_LOG_H

#include "app/lines.h"

/* weir_event_log_open opens a file by name, "-" is stdin; NOT_FOUND when there is none. name lives
 * as long. */
WEIR_MUST_USE bool weir_event_log_open(weir_lines *lines, const char *name, weir_error *error);
void weir_event_log_close(weir_lines *lines);

/* weir_event_log_next is weir_lines_next without blank lines and without the byte order mark that
 * some editors put at the start of a file. */
WEIR_MUST_USE bool weir_event_log_next(weir_lines *lines, const char **text, size_t *length,
                                       weir_error *error);

#endif
