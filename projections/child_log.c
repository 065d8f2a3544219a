/* A thread that reads a child's stderr until it ends or is told to.
 *
 * A child that is killed may leave its stderr to a process that we do not know of: the end of the
 * file is not waited for. The last line is kept, since it mostly says why a child ended. */
#include "projections/child_log_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

struct weir_child_log {
    char *name;
    int fd;
    weir_stop quit;
    pthread_t thread;
    size_t length;
    char line[4096]; /* a longer one is cut into several */
    char last[WEIR_CHILD_SAID];
};

static void end_line(weir_child_log *log)
{
    size_t length = log->length;
    log->length = 0;
    while (length > 0 && (log->line[length - 1] == '\r' || log->line[length - 1] == ' '))
        length--;
    if (length == 0)
        return;
    log->line[length] = '\0';
    weir_utf8_clean(log->line);
    WEIR_INFO("handler", log->name, log->line);
    snprintf(log->last, sizeof log->last, "%.*s", (int)sizeof log->last - 1, log->line);
    weir_utf8_clean(log->last);
}

/* Takes what is there. False: there will be no more. */
static bool take(weir_child_log *log)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(log->fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] == '\n' || log->length == sizeof log->line - 1)
                end_line(log);
            if (bytes[i] != '\n')
                log->line[log->length++] = bytes[i];
        }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static void *run(void *context)
{
    weir_child_log *log = context;
    bool more = true;
    while (more && !weir_stop_requested(&log->quit)) {
        struct pollfd fds[] = {{log->fd, POLLIN, 0}, {log->quit.event, POLLIN, 0}};
        more = poll(fds, 2, -1) < 0 || fds[0].revents == 0 || take(log);
    }
    if (more)
        take(log);
    end_line(log);
    return NULL;
}

weir_child_log *weir_child_log_new(const char *name, int fd, weir_error *error)
{
    weir_child_log *log = weir_calloc(1, sizeof *log);
    log->fd = fd;
    log->name = weir_strdup(name);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (weir_stop_open(&log->quit, error)) {
        int code = pthread_create(&log->thread, NULL, run, log);
        if (code == 0)
            return log;
        weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
        weir_stop_close(&log->quit);
    }
    close(fd);
    free(log->name);
    free(log);
    return NULL;
}

void weir_child_log_free(weir_child_log *log, char last[WEIR_CHILD_SAID])
{
    weir_stop_request(&log->quit);
    pthread_join(log->thread, NULL);
    memcpy(last, log->last, sizeof log->last);
    weir_stop_close(&log->quit);
    close(log->fd);
    free(log->name);
    free(log);
}
