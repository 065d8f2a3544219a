/* Buffered writing to stdout.
 *
 * Bytes collect up to CHUNK and go out in one write. The first failure is kept and everything after
 * it is dropped, so that callers check once a record or once at the end. */
#include "app/output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)64 * 1024)

static void write_out(weir_output *output)
{
    size_t done = 0;
    while (done < output->pending.length && !output->failure) {
        ssize_t written =
            write(output->fd, output->pending.data + done, output->pending.length - done);
        if (written >= 0)
            done += (size_t)written;
        else if (errno == EAGAIN) /* somebody made our stdout non-blocking */
            poll(&(struct pollfd){.fd = output->fd, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            output->failure = errno;
    }
    weir_buffer_clear(&output->pending);
}

static void drain(weir_output *output)
{
    if (output->pending.length >= CHUNK || output->failure)
        write_out(output);
}

void weir_output_bytes(weir_output *output, const void *bytes, size_t length)
{
    weir_buffer_append(&output->pending, bytes, length);
    drain(output);
}

void weir_output_text(weir_output *output, const char *text)
{
    weir_output_bytes(output, text, strlen(text));
}

void weir_output_format(weir_output *output, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_buffer_vformat(&output->pending, format, arguments);
    va_end(arguments);
    drain(output);
}

bool weir_output_flush(weir_output *output, weir_error *error)
{
    write_out(output);
    if (!output->failure)
        return true;
    if (output->failure == EPIPE)
        return weir_fail_code(error, WEIR_FATE_NONE, WEIR_OK, "stdout was closed");
    return weir_fail(error, WEIR_FATE_FATAL, "writing to stdout: %s", strerror(output->failure));
}

void weir_output_free(weir_output *output)
{
    weir_buffer_free(&output->pending);
}
