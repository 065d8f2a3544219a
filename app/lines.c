/* Lines from a file, a pipe or a terminal.
 *
 * The buffer holds what was read and not yet returned, at most one line and one chunk more. Bytes
 * move to its front only when more must be read. */
#include "app/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)64 * 1024)

void weir_lines_open(weir_lines *lines, int fd, const char *name, size_t limit, weir_stop *stop)
{
    *lines = (weir_lines){.fd = fd, .name = name, .limit = limit, .stop = stop};
    lines->bytes = WEIR_BUFFER(limit + 2 * CHUNK);
}

void weir_lines_close(weir_lines *lines)
{
    weir_buffer_free(&lines->bytes);
}

static void make_room(weir_lines *lines)
{
    if (lines->from == 0)
        return;
    lines->bytes.length -= lines->from;
    memmove(lines->bytes.data, lines->bytes.data + lines->from, lines->bytes.length);
    lines->from = 0;
}

/* wait_readable waits for bytes or the stop: Ctrl-C at a terminal where nobody types. */
static bool wait_readable(const weir_lines *lines, weir_error *error)
{
    struct pollfd fds[] = {{.fd = lines->fd, .events = POLLIN},
                           {.fd = lines->stop ? lines->stop->event : -1, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return weir_fail(error, WEIR_FATE_FATAL, "waiting for %s: %s", lines->name,
                             strerror(errno));
    return fds[1].revents == 0 || weir_fail(error, WEIR_FATE_FATAL, "interrupted");
}

static bool fill(weir_lines *lines, weir_error *error)
{
    char chunk[CHUNK];
    ssize_t count;
    make_room(lines);
    if (!wait_readable(lines, error))
        return false;
    do {
        count = read(lines->fd, chunk, sizeof chunk);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return weir_fail(error, WEIR_FATE_FATAL, "reading %s: %s", lines->name, strerror(errno));
    if (count == 0)
        lines->at_end = true;
    weir_buffer_append(&lines->bytes, chunk, (size_t)count);
    return true;
}

static bool too_long(const weir_lines *lines, weir_error *error)
{
    return weir_fail(error, WEIR_FATE_POISON, "%s:%lld: more than %zu bytes", lines->name,
                     (long long)lines->number, lines->limit);
}

bool weir_lines_next(weir_lines *lines, const char **text, size_t *length, weir_error *error)
{
    size_t searched = 0;
    const char *end = NULL;
    lines->number++;
    while (!end) {
        size_t held = lines->bytes.length - lines->from;
        if (held > searched)
            end = memchr(lines->bytes.data + lines->from + searched, '\n', held - searched);
        searched = held;
        if (end)
            break;
        if (held > lines->limit)
            return too_long(lines, error);
        if (lines->at_end)
            break;
        if (!fill(lines, error))
            return false;
    }
    *text = lines->bytes.data ? lines->bytes.data + lines->from : "";
    *length = end ? (size_t)(end - *text) : searched;
    lines->ended = !end && searched == 0;
    lines->from += *length + (end != NULL);
    return *length <= lines->limit || too_long(lines, error);
}

bool weir_lines_all(weir_lines *lines, const char **text, size_t *length, weir_error *error)
{
    while (!lines->at_end) {
        if (!fill(lines, error))
            return false;
        if (lines->bytes.length > lines->limit)
            return weir_fail(error, WEIR_FATE_POISON, "%s has more than %zu bytes", lines->name,
                             lines->limit);
    }
    *text = lines->bytes.data ? lines->bytes.data : "";
    *length = lines->bytes.length;
    return true;
}

bool weir_lines_file(const char *path, size_t limit, weir_stop *stop, weir_buffer *text,
                     weir_error *error)
{
    const char *bytes;
    size_t length;
    bool is_stdin = strcmp(path, "-") == 0;
    weir_lines lines;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s", path, strerror(errno));
    weir_lines_open(&lines, fd, is_stdin ? "stdin" : path, limit, stop);
    bool ok = weir_lines_all(&lines, &bytes, &length, error);
    if (ok)
        weir_buffer_append(text, bytes, length);
    weir_lines_close(&lines);
    if (!is_stdin)
        close(fd);
    return ok;
}
