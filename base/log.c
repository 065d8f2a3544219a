/* Logging: one line a record on stderr, logfmt or JSON.
 *
 * Owns the level and the format of the process. A line is bounded: a long value is cut at a
 * character with "…", and fields that no longer fit are left out, so that what is written is always
 * whole logfmt or whole JSON. A line goes out in one write(2); it never blocks another thread and
 * never fails the caller. */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/utf8_int.h"

#define LINE_LIMIT ((size_t)16 * 1024)
#define VALUE_LIMIT ((size_t)4 * 1024)

static atomic_int level_set = WEIR_LOG_INFO;
static atomic_bool json_set = false;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void weir_log_setup(weir_log_level level, bool json)
{
    atomic_store(&level_set, (int)level);
    atomic_store(&json_set, json);
}

bool weir_log_enabled(weir_log_level level)
{
    return (int)level <= atomic_load_explicit(&level_set, memory_order_relaxed);
}

/* needs_quotes tells whether a logfmt value must be quoted to be read back as one value. */
static bool needs_quotes(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c == 0x7F)
            return true;
    }
    return length == 0;
}

static void append_value(weir_buffer *line, const char *text, bool quoted)
{
    size_t length = strlen(text);
    char cut[VALUE_LIMIT + sizeof(WEIR_ELLIPSIS)];
    if (length > VALUE_LIMIT) {
        length = weir_utf8_cut(text, length, VALUE_LIMIT);
        memcpy(cut, text, length);
        memcpy(cut + length, WEIR_ELLIPSIS, sizeof(WEIR_ELLIPSIS));
        length += sizeof(WEIR_ELLIPSIS) - 1;
        text = cut;
    }
    if (quoted || needs_quotes(text, length))
        weir_buffer_json(line, text, length);
    else
        weir_buffer_append(line, text, length);
}

/* append_field adds key and value (text, else number), or nothing when they do not fit. */
static void append_field(weir_buffer *line, bool json, weir_log_field field, bool quoted)
{
    size_t before = line->length;
    if (before > 1)
        weir_buffer_char(line, json ? ',' : ' ');
    if (json)
        weir_buffer_json(line, field.key, strlen(field.key));
    else
        weir_buffer_text(line, field.key);
    weir_buffer_char(line, json ? ':' : '=');
    if (field.text)
        append_value(line, field.text, json || quoted);
    else
        weir_buffer_format(line, "%lld", (long long)field.number);
    if (line->overflow) {
        line->overflow = false;
        line->length = before;
    }
}

/* write_line writes all of it; whoever reads stderr may be gone, which is not our caller's error.
 */
static void write_line(const char *data, size_t length)
{
    int saved = errno;
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, data, length);
        if (written < 0 && errno != EINTR)
            break;
        if (written > 0) {
            data += written;
            length -= (size_t)written;
        }
    }
    errno = saved;
}

void weir_log_write(weir_log_level level, const char *object, const char *name, const char *message,
                    const weir_log_field *fields)
{
    char time[WEIR_TIME_TEXT];
    weir_clock_format(weir_clock_now_us() / 1000 * 1000, time);
    bool json = atomic_load(&json_set);
    weir_buffer line = WEIR_BUFFER(LINE_LIMIT);
    if (json)
        weir_buffer_char(&line, '{');
    append_field(&line, json, WEIR_TEXT("time", time), false);
    append_field(&line, json, WEIR_TEXT("level", level_names[level]), false);
    if (object && name)
        append_field(&line, json, WEIR_TEXT(object, name), false);
    append_field(&line, json, WEIR_TEXT("msg", message), true);
    for (; fields->key; fields++)
        append_field(&line, json, *fields, false);
    line.limit += 2; /* the end always fits */
    weir_buffer_text(&line, json ? "}\n" : "\n");
    write_line(line.data, line.length);
    weir_buffer_free(&line);
}
