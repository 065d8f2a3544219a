/* Starting a child, talking to it, ending it.
 *
 * Both pipes are watched at once, so that neither side waits for the other with its pipe full. The
 * child inherits nothing but its three pipes: an end that another child kept open would hide that
 * we are gone, and the end of its stdin is how a child learns of it. It must never leave a zombie,
 * nor a process of the child's group. */
#include "projections/child_process_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "projections/child_log_int.h"

#define LOOK_MS 50 /* how often abandon is looked at */
#define TERM_MS 1000
#define WAIT_MS 5
#define SHARED_FD 3
#define FRAME_HEAD 4 /* bytes: the length */

struct weir_child {
    pid_t pid;
    int in, out; /* our ends of its stdin and stdout */
    bool frames;
    weir_child_log *log;
    weir_buffer received;
    size_t taken;   /* of received: messages that were answers */
    size_t scanned; /* of received: without a line end */
};

static void close_pair(const int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* pipes: stdin, stdout, stderr. */
static int spawn(const weir_child_command *command, int pipes[3][2], pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    sigaddset(&standard, SIGINT);
    sigaddset(&standard, SIGTERM);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, pipes[0][0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, pipes[1][1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, pipes[2][1], STDERR_FILENO);
    if (command->shared >= 0)
        posix_spawn_file_actions_adddup2(&files, command->shared, SHARED_FD);
    posix_spawn_file_actions_addclosefrom_np(&files, SHARED_FD + (command->shared >= 0));
    posix_spawn_file_actions_addchdir_np(&files, command->directory);
    int code = posix_spawn(pid, command->arguments[0], &files, &attributes,
                           (char *const *)command->arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return code;
}

weir_child *weir_child_start(const weir_child_command *command, weir_error *error)
{
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, code = 0;
    weir_child *child = weir_calloc(1, sizeof *child);
    prctl(PR_SET_CHILD_SUBREAPER, 1L); /* a container's first process may reap nothing */
    for (int i = 0; i < 3 && code == 0; i++)
        code = pipe2(pipes[i], O_CLOEXEC) == 0 ? 0 : errno;
    if (code == 0)
        code = spawn(command, pipes, &child->pid);
    if (code != 0) {
        for (int i = 0; i < 3; i++)
            close_pair(pipes[i]);
        free(child);
        weir_fail(error, WEIR_FATE_RETRY, "starting %s in '%s': %s", command->arguments[0],
                  command->directory, strerror(code));
        return NULL;
    }
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    child->frames = command->frames;
    child->in = pipes[0][1];
    child->out = pipes[1][0];
    child->received = WEIR_BUFFER(WEIR_CHILD_LINE + 65536);
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    child->log = weir_child_log_new(command->name, pipes[2][0], error);
    if (child->log)
        return child;
    weir_child_end(child, 0, NULL);
    error->fate = WEIR_FATE_RETRY;
    return NULL;
}

/* The next line of what was received. */
static bool next_line(weir_child *child, weir_slice *line)
{
    const char *at = child->received.data;
    const char *end =
        at ? memchr(at + child->scanned, '\n', child->received.length - child->scanned) : NULL;
    if (!end) {
        child->scanned = child->received.length;
        return false;
    }
    *line = (weir_slice){at + child->taken, (size_t)(end - at) - child->taken};
    child->taken = child->scanned = (size_t)(end - at) + 1;
    return true;
}

static uint32_t frame_length(const weir_child *child)
{
    uint32_t length;
    memcpy(&length, child->received.data + child->taken, sizeof length);
    return ntohl(length);
}

/* How long a message is going to be, as far as that is known. */
static size_t expected(const weir_child *child)
{
    size_t there = child->received.length - child->taken;
    if (!child->frames || there < FRAME_HEAD)
        return there;
    return frame_length(child) > there ? frame_length(child) : there;
}

static bool next_frame(weir_child *child, weir_slice *frame)
{
    size_t there = child->received.length - child->taken;
    if (there < FRAME_HEAD || there - FRAME_HEAD < frame_length(child))
        return false;
    *frame = (weir_slice){child->received.data + child->taken + FRAME_HEAD, frame_length(child)};
    child->taken += FRAME_HEAD + frame->length;
    child->scanned = child->taken;
    return true;
}

static bool next_message(weir_child *child, weir_slice *message)
{
    return child->frames ? next_frame(child, message) : next_line(child, message);
}

/* Messages that were taken make room for the next. */
static void forget_messages(weir_child *child)
{
    weir_buffer *received = &child->received;
    if (child->taken == 0)
        return;
    received->length -= child->taken;
    memmove(received->data, received->data + child->taken, received->length);
    child->scanned -= child->taken;
    child->taken = 0;
}

/* False: the pipe is broken. */
static bool send_some(const weir_child *child, const char **line, size_t *length)
{
    ssize_t sent = write(child->in, *line, *length);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    *line += sent;
    *length -= (size_t)sent;
    return true;
}

/* False: there will be no more. */
static bool receive_some(weir_child *child)
{
    char bytes[16384];
    ssize_t got = read(child->out, bytes, sizeof bytes);
    if (got > 0)
        weir_buffer_append(&child->received, bytes, (size_t)got);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Waits until something can be sent or received, and does it. False: one of the pipes ended. */
static bool move_bytes(weir_child *child, const char **line, size_t *length, int ms)
{
    struct pollfd fds[] = {{child->out, POLLIN, 0}, {child->in, POLLOUT, 0}};
    if (poll(fds, *length > 0 ? 2 : 1, ms) <= 0)
        return true;
    if (fds[0].revents && !receive_some(child))
        return false;
    return fds[1].revents == 0 || send_some(child, line, length);
}

weir_child_answer weir_child_exchange(weir_child *child, const char *bytes, size_t length,
                                      const weir_child_patience *patience, weir_slice *answer)
{
    int64_t end_us = weir_clock_monotonic_us() + (int64_t)patience->timeout_ms * 1000;
    int64_t abandoned_us = -1;
    forget_messages(child);
    for (;;) {
        if (length == 0 && next_message(child, answer))
            return WEIR_CHILD_ANSWERED;
        if (expected(child) > WEIR_CHILD_LINE)
            return WEIR_CHILD_LONG;
        int64_t now_us = weir_clock_monotonic_us();
        if (now_us >= end_us)
            return WEIR_CHILD_SILENT;
        if (abandoned_us < 0 && atomic_load(patience->abandon))
            abandoned_us = now_us;
        if (abandoned_us >= 0 && now_us - abandoned_us >= (int64_t)patience->drain_ms * 1000)
            return WEIR_CHILD_ABANDONED;
        int64_t left_ms = (end_us - now_us) / 1000 + 1;
        if (!move_bytes(child, &bytes, &length, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS))
            return WEIR_CHILD_ENDED;
    }
}

/* Whether it has ended; it stays a zombie until it is waited for, so that its number is its own. */
static bool has_ended(const weir_child *child, siginfo_t *how)
{
    *how = (siginfo_t){0};
    return waitid(P_PID, (id_t)child->pid, how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           how->si_pid == child->pid;
}

bool weir_child_alive(const weir_child *child)
{
    siginfo_t how;
    return !has_ended(child, &how);
}

static bool await_end(const weir_child *child, int ms, siginfo_t *how)
{
    int64_t until_us = weir_clock_monotonic_us() + (int64_t)ms * 1000;
    while (!has_ended(child, how)) {
        if (weir_clock_monotonic_us() >= until_us)
            return false;
        weir_stop_wait(NULL, WAIT_MS);
    }
    return true;
}

static void describe(const siginfo_t *how, bool killed, const char *said, char text[WEIR_CHILD_HOW])
{
    char what[64];
    if (killed)
        snprintf(what, sizeof what, "it was killed");
    else if (how->si_code == CLD_EXITED)
        snprintf(what, sizeof what, "exit code %d", how->si_status);
    else
        snprintf(what, sizeof what, "signal %d, %s", how->si_status,
                 sigdescr_np(how->si_status) ? sigdescr_np(how->si_status) : "unknown");
    snprintf(text, WEIR_CHILD_HOW, "%s%s%s", what, *said ? "; it last said: " : "", said);
}

void weir_child_end(weir_child *child, int grace_ms, char how[WEIR_CHILD_HOW])
{
    if (!child)
        return;
    siginfo_t ended;
    char said[WEIR_CHILD_SAID] = "";
    close(child->in);
    bool killed = !await_end(child, grace_ms, &ended);
    if (killed) {
        kill(-child->pid, SIGTERM);
        await_end(child, TERM_MS, &ended);
    }
    kill(-child->pid, SIGKILL);
    while (waitpid(-child->pid, NULL, 0) > 0 || errno == EINTR)
        continue; /* what its shell had started has become ours */
    close(child->out);
    if (child->log)
        weir_child_log_free(child->log, said);
    if (how)
        describe(&ended, killed, said, how);
    weir_buffer_free(&child->received);
    free(child);
}
