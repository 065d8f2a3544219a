/* The process of a plug-in's handler: it loads the plug-in, and applies what comes on its stdin
 * until that ends. It has no connection to anything: what the handler adds to its transaction goes
 * to the runtime, which has one.
 *
 * What the handler prints goes to the log, whatever file it takes for its stdout. When the runtime
 * is gone, the handler is too, even one that hangs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "projections/child_process_int.h"
#include "projections/executor_int.h"
#include "projections/plugin_frames_int.h"
#include "store/plugins.h"

#define PAGE_FD 3
#define FLUSH_BYTES ((size_t)1 << 20) /* of statements, before they are sent */
#define FRAME_LIMIT ((size_t)1 << 30) /* of what comes */
#define ARENA ((size_t)4 << 30)       /* of one batch: what came, and the rows of its queries */
#define ORPHAN_MS 2000                /* for the handler to end once the runtime is gone */
#define EXIT_REFUSED 2

typedef struct host {
    int in, out;
    weir_buffer frame;    /* being written */
    weir_buffer received; /* the last one */
    weir_arena *arena;
    _Atomic int64_t *at;
    bool refused; /* by the runtime: nothing more can be done for this batch */
    weir_error error;
} host;

/* Ends the process when the other end of its stdin is gone. */
static void *watch(void *context)
{
    struct pollfd fd = {((host *)context)->in, 0, 0};
    while (poll(&fd, 1, -1) < 0 && errno == EINTR)
        continue;
    weir_stop_wait(NULL, ORPHAN_MS);
    _exit(EXIT_FAILURE);
}

static bool read_all(int fd, char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = read(fd, bytes, length);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        bytes += got > 0 ? got : 0;
        length -= (size_t)(got > 0 ? got : 0);
    }
    return true;
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno != EINTR)
            return false;
        bytes += put > 0 ? put : 0;
        length -= (size_t)(put > 0 ? put : 0);
    }
    return true;
}

/* False: the runtime is gone. */
static bool receive(host *h, weir_slice *frame)
{
    char head[4], bytes[65536];
    if (!read_all(h->in, head, sizeof head))
        return false;
    size_t left = 0;
    for (size_t i = 0; i < sizeof head; i++)
        left = left << 8 | (unsigned char)head[i];
    weir_buffer_clear(&h->received);
    while (left > 0) {
        size_t part = left < sizeof bytes ? left : sizeof bytes;
        if (!read_all(h->in, bytes, part))
            return false;
        weir_buffer_append(&h->received, bytes, part);
        left -= part;
    }
    *frame = (weir_slice){h->received.data, h->received.length};
    return !h->received.overflow;
}

/* Sends the frame and empties it. Without the runtime there is nothing left to do. */
static void send_frame(host *h, weir_frame_kind kind)
{
    if (!weir_frame_end(&h->frame, kind) || !write_all(h->out, h->frame.data, h->frame.length))
        exit(EXIT_FAILURE);
    weir_frame_begin(&h->frame);
}

static bool refuse(host *h, weir_error *error)
{
    h->refused = true;
    *error = h->error;
    return false;
}

/* Sends what was added, and awaits the reply. */
static bool ask(host *h, weir_frame_kind kind, weir_frame *frame, weir_error *error)
{
    weir_slice reply;
    send_frame(h, kind);
    if (!receive(h, &reply))
        exit(EXIT_FAILURE);
    if (weir_frame_open(frame, reply, h->arena) == WEIR_FRAME_ROWS)
        return true;
    weir_frame_error(frame, &h->error);
    return refuse(h, error);
}

static bool add(host *h, const char *sql, const weir_param *params, int count, weir_error *error)
{
    if (h->refused)
        return refuse(h, error);
    weir_frame_put_statement(&h->frame, sql, params, count, atomic_load(h->at));
    if (!h->frame.overflow)
        return true;
    weir_fail(&h->error, WEIR_FATE_POISON, "a statement with more than %zu bytes",
              h->frame.limit - FLUSH_BYTES);
    return refuse(h, error);
}

static bool exec(void *context, const char *sql, const weir_param *params, int count,
                 weir_error *error)
{
    host *h = context;
    weir_frame frame;
    return add(h, sql, params, count, error) &&
           (h->frame.length < FLUSH_BYTES || ask(h, WEIR_FRAME_STATEMENTS, &frame, error));
}

static const weir_rows *query(void *context, const char *sql, const weir_param *params, int count,
                              weir_error *error)
{
    host *h = context;
    weir_frame frame;
    size_t many;
    if (!add(h, sql, params, count, error) || !ask(h, WEIR_FRAME_QUERY, &frame, error))
        return NULL;
    weir_rows *rows = weir_arena_alloc(h->arena, sizeof *rows);
    const size_t columns = (size_t)weir_frame_number(&frame),
                 rows_count = (size_t)weir_frame_number(&frame);
    const char **values = weir_frame_array(&frame, sizeof *values, &many);
    for (size_t i = 0; i < many; i++)
        values[i] = weir_frame_text(&frame, NULL);
    if (rows && !frame.broken && !frame.full) {
        *rows = (weir_rows){rows_count, columns, values};
        return rows;
    }
    weir_fail(&h->error, WEIR_FATE_POISON, "the rows of a query do not fit its memory");
    refuse(h, error);
    return NULL;
}

static void at(void *context, size_t event)
{
    atomic_store_explicit(((host *)context)->at, (int64_t)event, memory_order_relaxed);
}

static void send_error(host *h, const weir_error *error)
{
    weir_frame_begin(&h->frame);
    weir_frame_put_error(&h->frame, error);
    send_frame(h, WEIR_FRAME_FAILED);
}

static void send_ready(host *h, const weir_plugin_handler *handler)
{
    weir_frame_put_number(&h->frame, handler->version);
    weir_frame_put_text(&h->frame, handler->tables, strlen(handler->tables));
    send_frame(h, WEIR_FRAME_READY);
}

static void apply(host *h, const weir_plugin_handler *handler, void *context, weir_slice bytes)
{
    weir_frame frame;
    weir_error error = {0};
    size_t count = 0;
    weir_transaction transaction = {exec, query, at, h};
    weir_arena_reset(h->arena);
    h->refused = false;
    weir_event *events = NULL;
    if (weir_frame_open(&frame, bytes, h->arena) == WEIR_FRAME_BATCH)
        events = weir_frame_array(&frame, sizeof *events, &count);
    for (size_t i = 0; i < count; i++)
        weir_frame_event(&frame, &events[i]);
    if (!events || frame.broken || frame.full) {
        weir_fail(&error, WEIR_FATE_FATAL, "the batch did not arrive as it was sent");
        send_error(h, &error);
        return;
    }
    if (!handler->apply(context, &transaction, events, count, &error))
        send_error(h, h->refused ? &h->error : &error);
    else if (h->refused)
        send_error(h, &h->error);
    else
        send_frame(h, WEIR_FRAME_DONE);
}

/* The handler of that name; a command handler is one whose context is the command. */
static bool find(const weir_plugins *plugins, const char *name, weir_plugin_handler *found,
                 void **context, weir_error *error)
{
    const char *file;
    const weir_plugin_info *plugin = weir_plugins_at(plugins, 0, &file);
    for (const weir_plugin_handler *const *i = plugin->handlers; i && *i; i++)
        if (strcmp((*i)->name, name) == 0) {
            *found = **i;
            return true;
        }
    for (const weir_plugin_command *const *i = plugin->commands; i && *i; i++)
        if (strcmp((*i)->name, name) == 0) {
            *found = weir_executor_code(*i);
            *context = (void *)*i;
            return true;
        }
    return weir_fail(error, WEIR_FATE_CONFIG, "plug-in %s has no handler '%s' any more", file,
                     name);
}

/* Keeps the pipes to itself. */
static bool open_host(host *h)
{
    pthread_t thread;
    *h = (host){.in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, PAGE_FD + 1),
                .out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, PAGE_FD + 1),
                .frame = WEIR_BUFFER(WEIR_CHILD_LINE),
                .received = WEIR_BUFFER(FRAME_LIMIT),
                .arena = weir_arena_new(ARENA)};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool ok = h->in >= 0 && h->out >= 0 && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
              dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    h->at = mmap(NULL, sizeof *h->at, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE_FD, 0);
    weir_frame_begin(&h->frame);
    return ok && h->at != MAP_FAILED && pthread_create(&thread, NULL, watch, h) == 0 &&
           pthread_detach(thread) == 0;
}

int weir_plugin_host(const char *file, const char *name)
{
    host h;
    weir_slice bytes;
    weir_error error = {0};
    void *context = NULL;
    if (!open_host(&h)) {
        fprintf(stderr, "weir: %s is started by weir itself, never by hand\n", WEIR_PLUGIN_HOST);
        return EXIT_REFUSED;
    }
    weir_plugins *plugins = weir_plugins_open(file, &error);
    weir_plugin_handler handler = {0};
    const bool ready = plugins && find(plugins, name, &handler, &context, &error) &&
                       (!handler.init || (context = handler.init(&error)) != NULL);
    if (ready)
        send_ready(&h, &handler);
    else
        send_error(&h, &error);
    while (ready && receive(&h, &bytes))
        apply(&h, &handler, context, bytes);
    if (ready && handler.free)
        handler.free(context);
    weir_plugins_free(plugins);
    weir_buffer_free(&h.frame);
    weir_buffer_free(&h.received);
    weir_arena_free(h.arena);
    return ready ? EXIT_SUCCESS : EXIT_REFUSED;
}
