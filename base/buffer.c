/* A growing byte buffer, bounded from birth.
 *
 * Invariant: capacity > length and data[length] is NUL whenever data is set; length ≤ limit. Once
 * an append has failed, later ones do nothing, so that what is there is a prefix of what was meant
 * and never has a hole. */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

/* reserve makes room for `more` bytes and a NUL; false when that would pass the limit. */
static bool reserve(weir_buffer *buffer, size_t more)
{
    size_t limit = buffer->limit < PTRDIFF_MAX ? buffer->limit : PTRDIFF_MAX - 1;
    if (buffer->overflow || more > limit - buffer->length) {
        buffer->overflow = true;
        return false;
    }
    size_t need = buffer->length + more + 1;
    if (need <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < need)
        capacity *= 2;
    if (capacity > limit + 1)
        capacity = limit + 1;
    buffer->data = weir_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
    buffer->data[buffer->length] = '\0';
    return true;
}

void weir_buffer_append(weir_buffer *buffer, const void *bytes, size_t length)
{
    if (!reserve(buffer, length))
        return;
    if (length)
        memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void weir_buffer_text(weir_buffer *buffer, const char *text)
{
    weir_buffer_append(buffer, text, strlen(text));
}

void weir_buffer_char(weir_buffer *buffer, char c)
{
    weir_buffer_append(buffer, &c, 1);
}

void weir_buffer_format(weir_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_buffer_vformat(buffer, format, arguments);
    va_end(arguments);
}

void weir_buffer_vformat(weir_buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0)
        buffer->overflow = true;
    else if (reserve(buffer, (size_t)length)) {
        vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

/* escape returns the short escape of c in JSON, 'u' for a long one, 0 for none. */
static char escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : '\0';
    }
}

void weir_buffer_json(weir_buffer *buffer, const char *text, size_t length)
{
    weir_buffer_char(buffer, '"');
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        char short_form = escape(c);
        if (!short_form)
            continue;
        weir_buffer_append(buffer, text + start, i - start);
        start = i + 1;
        if (short_form == 'u')
            weir_buffer_format(buffer, "\\u%04x", c);
        else
            weir_buffer_append(buffer, (const char[]){'\\', short_form}, 2);
    }
    weir_buffer_append(buffer, text + start, length - start);
    weir_buffer_char(buffer, '"');
}

static void big_endian(weir_buffer *buffer, uint64_t value, int bytes)
{
    char wire[8];
    for (int i = 0; i < bytes; i++)
        wire[i] = (char)(unsigned char)(value >> (8 * (bytes - 1 - i)));
    weir_buffer_append(buffer, wire, (size_t)bytes);
}

void weir_buffer_int32(weir_buffer *buffer, int32_t value)
{
    big_endian(buffer, (uint32_t)value, 4);
}

void weir_buffer_int64(weir_buffer *buffer, int64_t value)
{
    big_endian(buffer, (uint64_t)value, 8);
}

void weir_buffer_clear(weir_buffer *buffer)
{
    buffer->length = 0;
    buffer->overflow = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void weir_buffer_free(weir_buffer *buffer)
{
    free(buffer->data);
    *buffer = WEIR_BUFFER(buffer->limit);
}
