/* A message that weir did not write: a byte that says how it is read, then its key, the value of a
 * header and the message's value, each up to a NUL byte but the last.
 *
 * Claims: what is read has texts where texts must be, and data and metadata that jsonb takes; what
 * is refused says whose it is; the same bytes give the same event again, as for a letter. */
#include "consumer/foreign_int.h"
#include "tests/fuzz/fuzz.h"

#define ARENA ((size_t)4 << 20)

typedef struct input {
    weir_foreign foreign;
    weir_header headers[2];
    weir_raw raw;
    char *key, *header, *value;
} input;

/* Each part is a copy, with the NUL that messages have, so that reading beyond is noticed. */
static char *cut(const char **at, size_t *left, bool last, size_t *length)
{
    const char *end = last ? NULL : memchr(*at, '\0', *left);
    *length = end ? (size_t)(end - *at) : *left;
    char *part = weir_malloc(*length + 1);
    memcpy(part, *at, *length);
    part[*length] = '\0';
    *at += *length + (end != NULL);
    *left -= *length + (end != NULL);
    return part;
}

static void take_apart(input *in, const uint8_t *bytes, size_t length)
{
    static char path[] = "a.b", name[] = "type";
    const weir_foreign_source field = {WEIR_FOREIGN_FIELD, path},
                              header = {WEIR_FOREIGN_HEADER, name};
    const weir_foreign_source none = {0};
    const char *at = (const char *)bytes + 1;
    size_t left = length - 1, header_length;
    unsigned how = bytes[0];
    in->foreign =
        (weir_foreign){.format = how & 1 ? WEIR_FOREIGN_DEBEZIUM_OUTBOX : WEIR_FOREIGN_JSON,
                       .type = how & 2   ? field
                               : how & 4 ? header
                                         : none,
                       .time = how & 8    ? field
                               : how & 16 ? header
                                          : none,
                       .data = how & 32 ? field : none};
    in->key = cut(&at, &left, false, &in->raw.key_length);
    in->header = cut(&at, &left, false, &header_length);
    in->value = cut(&at, &left, true, &in->raw.value.length);
    in->raw.key = how & 64 ? NULL : in->key;
    in->raw.value.bytes = how & 128 ? NULL : in->value;
    in->headers[0] = (weir_header){"type", in->header, header_length};
    in->headers[1] = (weir_header){"id", in->header, header_length};
    in->raw.headers = in->headers;
    in->raw.header_count = 2;
    in->raw.time_ms = 1;
}

static void claim_event(const weir_event *event)
{
    weir_error error = {0};
    CLAIM(event->type[0] && weir_foreign_text(event->type, strlen(event->type), 200), "type");
    CLAIM(weir_json_check(event->data, event->data_length, &error), "%s", error.message);
    CLAIM(strlen(event->data) == event->data_length, "data ends elsewhere");
    CLAIM(weir_json_check(event->metadata, event->metadata_length, &error), "%s", error.message);
}

static void claim_same(const weir_event *one, const weir_event *other)
{
    CLAIM(strcmp(one->aggregate_id, other->aggregate_id) == 0, "aggregate id");
    CLAIM(strcmp(one->type, other->type) == 0, "type");
    CLAIM(strcmp(one->data, other->data) == 0, "data");
    CLAIM(strcmp(one->metadata, other->metadata) == 0, "metadata");
    CLAIM(one->time_us == other->time_us, "time");
    CLAIM(memcmp(one->id.bytes, other->id.bytes, sizeof one->id.bytes) == 0, "id");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return 0;
    input in = {0};
    weir_event event, again;
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(ARENA);
    weir_arena *arena = weir_arena_new(ARENA);
    take_apart(&in, bytes, length);
    const weir_foreign_message message = {"outbox.event.a", 0, 6, &in.raw};
    bool ok = weir_foreign_read(&in.foreign, &message, arena, &scratch, &event, &error);
    const char *id = event.aggregate_id;
    CLAIM(id && id[0] && weir_foreign_text(id, strlen(id), WEIR_FOREIGN_ID_MOST), "aggregate id");
    CLAIM(event.position == 7, "position");
    if (ok) {
        claim_event(&event);
        CLAIM(weir_foreign_read(&in.foreign, &message, arena, &scratch, &again, &error), "%s",
              error.message);
        claim_same(&event, &again);
    } else {
        claim_refused(&error);
    }
    weir_arena_free(arena);
    weir_buffer_free(&scratch);
    free(in.key);
    free(in.header);
    free(in.value);
    return 0;
}
