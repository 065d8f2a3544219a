/* A file of events, line by line. */
#include "app/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/session.h"

#define LINE_LIMIT ((size_t)16 * 1024 * 1024)

bool weir_event_log_open(weir_lines *lines, const char *name, weir_error *error)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return weir_fail_code(error, WEIR_FATE_CONFIG,
                              errno == ENOENT ? WEIR_NOT_FOUND : WEIR_FAILED, "%s: %s", name,
                              strerror(errno));
    weir_lines_open(lines, fd, is_stdin ? "stdin" : name, LINE_LIMIT, weir_session_stop());
    return true;
}

void weir_event_log_close(weir_lines *lines)
{
    weir_lines_close(lines);
    if (lines->fd != STDIN_FILENO)
        close(lines->fd);
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static void skip_mark(const weir_lines *lines, const char **text, size_t *length)
{
    if (lines->number == 1 && *length >= 3 && memcmp(*text, "\xEF\xBB\xBF", 3) == 0) {
        *text += 3;
        *length -= 3;
    }
}

bool weir_event_log_next(weir_lines *lines, const char **text, size_t *length, weir_error *error)
{
    do {
        if (!weir_lines_next(lines, text, length, error))
            return false;
        skip_mark(lines, text, length);
    } while (!lines->ended && is_blank(*text, *length));
    return true;
}
