/* Writing and reading frames. Numbers are 8 bytes big-endian, texts a length and their bytes. */
#include "projections/plugin_frames_int.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#define NO_TEXT UINT32_MAX

void weir_frame_begin(weir_buffer *frame)
{
    weir_buffer_clear(frame);
    weir_buffer_int32(frame, 0); /* length and kind are known at the end */
    weir_buffer_int64(frame, 0);
}

bool weir_frame_end(weir_buffer *frame, weir_frame_kind kind)
{
    const uint64_t number = htobe64((uint64_t)kind);
    if (frame->overflow || frame->length - sizeof(uint32_t) >= NO_TEXT)
        return false;
    const uint32_t length = htonl((uint32_t)(frame->length - sizeof length));
    memcpy(frame->data, &length, sizeof length);
    memcpy(frame->data + sizeof length, &number, sizeof number);
    return true;
}

void weir_frame_put_number(weir_buffer *frame, int64_t number)
{
    weir_buffer_int64(frame, number);
}

void weir_frame_put_text(weir_buffer *frame, const char *text, size_t length)
{
    if (length >= NO_TEXT)
        frame->overflow = true;
    weir_buffer_int32(frame, (int32_t)(text ? (uint32_t)length : NO_TEXT));
    if (text)
        weir_buffer_append(frame, text, length);
}

static void put(weir_buffer *frame, const char *text)
{
    weir_frame_put_text(frame, text, text ? strlen(text) : 0);
}

void weir_frame_put_event(weir_buffer *frame, const weir_event *event)
{
    weir_frame_put_number(frame, event->position);
    put(frame, event->aggregate_type);
    put(frame, event->aggregate_id);
    weir_frame_put_number(frame, event->version);
    weir_frame_put_text(frame, (const char *)event->id.bytes, sizeof event->id.bytes);
    put(frame, event->type);
    weir_frame_put_number(frame, event->schema_version);
    put(frame, event->content_type);
    weir_frame_put_text(frame, event->data, event->data_length);
    weir_frame_put_number(frame, event->binary);
    weir_frame_put_text(frame, event->metadata, event->metadata_length);
    weir_frame_put_number(frame, event->time_us);
    weir_frame_put_number(frame, event->recorded_at_us);
}

void weir_frame_put_error(weir_buffer *frame, const weir_error *error)
{
    weir_frame_put_number(frame, error->fate);
    weir_frame_put_number(frame, error->code);
    put(frame, error->sqlstate);
    put(frame, error->message);
}

void weir_frame_put_statement(weir_buffer *frame, const char *sql, const weir_param *params,
                              int count, int64_t event)
{
    put(frame, sql);
    weir_frame_put_number(frame, event);
    weir_frame_put_number(frame, count);
    for (int i = 0; i < count; i++) {
        const weir_param *param = &params[i];
        weir_frame_put_number(frame, param->binary);
        if (param->binary && param->value)
            weir_frame_put_text(frame, param->value, (size_t)param->length);
        else
            put(frame, param->value);
    }
}

weir_frame_kind weir_frame_open(weir_frame *frame, weir_slice bytes, weir_arena *arena)
{
    *frame = (weir_frame){.at = bytes.text, .end = bytes.text + bytes.length, .arena = arena};
    return (weir_frame_kind)weir_frame_number(frame);
}

bool weir_frame_more(const weir_frame *frame)
{
    return !frame->broken && !frame->full && frame->at < frame->end;
}

/* The next bytes; NULL beyond the end. */
static const char *take(weir_frame *frame, size_t count)
{
    const char *at = frame->at;
    if (frame->broken || count > (size_t)(frame->end - at)) {
        frame->broken = true;
        return NULL;
    }
    frame->at += count;
    return at;
}

int64_t weir_frame_number(weir_frame *frame)
{
    uint64_t number = 0;
    const char *at = take(frame, sizeof number);
    if (at)
        memcpy(&number, at, sizeof number);
    return (int64_t)be64toh(number);
}

char *weir_frame_text(weir_frame *frame, size_t *length)
{
    uint32_t count = NO_TEXT;
    const char *head = take(frame, sizeof count), *at;
    char *text = NULL;
    if (head)
        memcpy(&count, head, sizeof count);
    count = ntohl(count);
    if (length)
        *length = 0;
    if (!head || count == NO_TEXT || !(at = take(frame, count)))
        return NULL;
    text = weir_arena_copy(frame->arena, at, count);
    frame->full = frame->full || !text;
    if (text && length)
        *length = count;
    return text;
}

/* A text that must be there. */
static const char *text_of(weir_frame *frame)
{
    const char *text = weir_frame_text(frame, NULL);
    frame->broken = frame->broken || (!text && !frame->full);
    return text;
}

void weir_frame_event(weir_frame *frame, weir_event *event)
{
    size_t length;
    event->position = weir_frame_number(frame);
    event->aggregate_type = text_of(frame);
    event->aggregate_id = text_of(frame);
    event->version = weir_frame_number(frame);
    const char *id = weir_frame_text(frame, &length);
    if (id && length == sizeof event->id.bytes)
        memcpy(event->id.bytes, id, length);
    event->type = text_of(frame);
    event->schema_version = (int32_t)weir_frame_number(frame);
    event->content_type = weir_frame_text(frame, NULL);
    event->data = weir_frame_text(frame, &event->data_length);
    event->binary = weir_frame_number(frame) != 0;
    event->metadata = weir_frame_text(frame, &event->metadata_length);
    event->time_us = weir_frame_number(frame);
    event->recorded_at_us = weir_frame_number(frame);
}

void weir_frame_error(weir_frame *frame, weir_error *error)
{
    int64_t fate = weir_frame_number(frame), code = weir_frame_number(frame);
    const char *sqlstate = text_of(frame), *message = text_of(frame);
    bool sound =
        fate > WEIR_FATE_NONE && fate <= WEIR_FATE_FATAL && code >= WEIR_OK && code <= WEIR_TIMEOUT;
    weir_fail_code(error, sound ? (weir_fate)fate : WEIR_FATE_POISON,
                   sound ? (weir_code)code : WEIR_FAILED, "%s", message ? message : "");
    snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate ? sqlstate : "");
}

void *weir_frame_array(weir_frame *frame, size_t size, size_t *count)
{
    int64_t many = weir_frame_number(frame);
    *count = 0;
    /* A field has four bytes at least: a count beyond that is none, and never becomes memory. */
    if (many < 0 || many > (frame->end - frame->at) / (int64_t)sizeof(uint32_t))
        frame->broken = true;
    if (frame->broken)
        return NULL;
    void *array = weir_arena_alloc(frame->arena, (size_t)many * size + 1);
    frame->full = frame->full || !array;
    *count = array ? (size_t)many : 0;
    return array;
}

void weir_frame_statement_read(weir_frame *frame, weir_frame_statement *statement)
{
    size_t count;
    statement->sql = text_of(frame);
    statement->event = weir_frame_number(frame);
    weir_param *params = weir_frame_array(frame, sizeof *params, &count);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        bool binary = weir_frame_number(frame) != 0;
        const char *value = weir_frame_text(frame, &length);
        params[i] = (weir_param){value, (int)length, binary};
    }
    statement->params = params;
    statement->count = (int)count;
}
