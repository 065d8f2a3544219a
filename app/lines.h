/* Reading lines of bounded length from a file descriptor. One thread. */
#ifndef WEIR_APP_LINES_H
#define WEIR_APP_LINES_H

#include "base/base.h"

typedef struct weir_lines {
    int fd;
    const char *name; /* for errors */
    size_t limit;     /* most bytes of a line */
    weir_stop *stop;  /* ends waiting for more; NULL: nothing does */
    int64_t number;   /* of the line last returned, from 1 */
    bool ended;       /* the last line was returned */
    bool at_end;      /* of the file; the buffer may still hold lines */
    weir_buffer bytes;
    size_t from; /* first byte not yet returned */
} weir_lines;

/* weir_lines_open begins reading; name, fd and stop stay the caller's. */
void weir_lines_open(weir_lines *lines, int fd, const char *name, size_t limit, weir_stop *stop);
void weir_lines_close(weir_lines *lines);

/* weir_lines_next returns the next line without its line end, valid until the next call; at the end
 * of the file true with lines->ended. POISON "name:line: …" when a line is too long. */
WEIR_MUST_USE bool weir_lines_next(weir_lines *lines, const char **text, size_t *length,
                                   weir_error *error);

/* weir_lines_all reads the rest as one text of at most limit bytes. */
WEIR_MUST_USE bool weir_lines_all(weir_lines *lines, const char **text, size_t *length,
                                  weir_error *error);

/* weir_lines_file appends the whole of a file ("-": stdin), of at most limit bytes, to text. */
WEIR_MUST_USE bool weir_lines_file(const char *path, size_t limit, weir_stop *stop,
                                   weir_buffer *text, weir_error *error);

#endif
