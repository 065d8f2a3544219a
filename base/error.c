/* Errors with fates, and the allocation that never returns NULL.
 *
 * Owns how a message is built: into a local buffer first, because callers pass pieces of the very
 * error they fill (`weir_fail(error, …, "%s", error->message)`); cut at a character with "…" when
 * it is too long. Never logs: whoever decides the error's fate does. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8_int.h"

#define MESSAGE_SIZE sizeof(((weir_error *)NULL)->message)

static const char *const fate_names[] = {
    [WEIR_FATE_NONE] = "none",     [WEIR_FATE_RETRY] = "retry",   [WEIR_FATE_CONFLICT] = "conflict",
    [WEIR_FATE_POISON] = "poison", [WEIR_FATE_CONFIG] = "config", [WEIR_FATE_FATAL] = "fatal",
};

/* put copies text into message, marking what had to go. */
static void put(weir_error *error, const char *text)
{
    size_t length = strlen(text);
    if (length < MESSAGE_SIZE) {
        memcpy(error->message, text, length + 1);
        return;
    }
    size_t room = MESSAGE_SIZE - sizeof(WEIR_ELLIPSIS);
    size_t cut = weir_utf8_cut(text, length, room);
    memcpy(error->message, text, cut);
    memcpy(error->message + cut, WEIR_ELLIPSIS, sizeof(WEIR_ELLIPSIS));
}

WEIR_PRINTF(4, 0)
static bool fail(weir_error *error, weir_fate fate, weir_code code, const char *format,
                 va_list arguments)
{
    char text[2 * MESSAGE_SIZE];
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    weir_error_clear(error);
    error->fate = fate;
    error->code = code;
    put(error, text);
    return false;
}

static weir_code code_of(weir_fate fate)
{
    switch (fate) {
    case WEIR_FATE_NONE:
        return WEIR_OK;
    case WEIR_FATE_CONFIG:
        return WEIR_INVALID;
    case WEIR_FATE_CONFLICT:
        return WEIR_CONFLICT;
    default:
        return WEIR_FAILED;
    }
}

bool weir_fail(weir_error *error, weir_fate fate, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(error, fate, code_of(fate), format, arguments);
    va_end(arguments);
    return false;
}

bool weir_fail_code(weir_error *error, weir_fate fate, weir_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(error, fate, code, format, arguments);
    va_end(arguments);
    return false;
}

bool weir_error_prefix(weir_error *error, const char *format, ...)
{
    char text[2 * MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int prefix = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (prefix < 0)
        return false;
    size_t at = (size_t)prefix < MESSAGE_SIZE ? (size_t)prefix : MESSAGE_SIZE;
    snprintf(text + at, sizeof(text) - at, ": %s", error->message);
    put(error, text);
    return false;
}

void weir_error_clear(weir_error *error)
{
    *error = (weir_error){.fate = WEIR_FATE_NONE};
}

const char *weir_fate_name(weir_fate fate)
{
    size_t index = (size_t)fate;
    return index < sizeof(fate_names) / sizeof(*fate_names) ? fate_names[index] : "unknown";
}

void weir_out_of_memory(size_t bytes)
{
    fprintf(stderr, "weir: out of memory allocating %zu bytes\n", bytes);
    abort();
}

void *weir_malloc(size_t bytes)
{
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        weir_out_of_memory(bytes);
    return memory;
}

void *weir_calloc(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes ? bytes : 1);
    if (!memory)
        weir_out_of_memory(bytes);
    return memory;
}

void *weir_realloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory)
        weir_out_of_memory(bytes);
    return memory;
}

char *weir_strdup(const char *text)
{
    return weir_strndup(text, strlen(text));
}

char *weir_strndup(const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = weir_malloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *weir_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        weir_out_of_memory(strlen(format));
    return text;
}
