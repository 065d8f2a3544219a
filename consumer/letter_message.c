/* A dead letter as a message: the original one, and headers that say what became of it.
 *
 * Key, value and headers are the bytes that came. Behind them stand Kafka Connect's headers of a
 * dead letter queue, so that tools that know those know these, and our own. Source:
 * https://github.com/apache/kafka, org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter.
 */
#include <string.h>

#include "consumer/letter_topic_int.h"

#define REPORTED 13 /* headers of ours, at most */

/* The columns of letter_topic_read. */
enum column {
    ID,
    KEY,
    VALUE,
    HEADER_NAMES,
    HEADER_VALUES,
    TOPIC,
    PARTITION,
    OFFSET,
    CAUSE,
    ERROR_CLASS,
    ERROR_TEXT,
    ATTEMPTS,
    FIRST_AT,
    ID_TEXT
};

/* Reads an array as PostgreSQL's binary format has it. */
typedef struct reader {
    const char *at, *end;
    size_t left; /* elements */
} reader;

static int32_t read_number(reader *r)
{
    uint32_t number = 0;
    for (int i = 0; i < 4 && r->at < r->end; i++)
        number = number << 8 | (unsigned char)*r->at++;
    return (int32_t)number;
}

static reader open_array(const weir_result *row, int column)
{
    reader r = {.at = weir_result_value(row, 0, column)};
    if (!r.at)
        return r;
    r.end = r.at + weir_result_length(row, 0, column);
    int32_t dimensions = read_number(&r);
    read_number(&r); /* whether there are nulls */
    read_number(&r); /* the type */
    int32_t count = dimensions == 1 ? read_number(&r) : 0;
    read_number(&r); /* the first index */
    r.left = count > 0 ? (size_t)count : 0;
    return r;
}

/* The next element, in the row; bytes NULL: null, or there is none. */
static weir_payload next(reader *r)
{
    weir_payload element = {NULL, 0};
    if (r->left == 0)
        return element;
    r->left--;
    int32_t length = read_number(r);
    if (length < 0 || length > r->end - r->at)
        return element;
    element = (weir_payload){r->at, (size_t)length};
    r->at += length;
    return element;
}

static bool keep(weir_arena *arena, weir_payload from, const char **bytes, size_t *length)
{
    *length = from.length;
    *bytes = from.bytes ? weir_arena_copy(arena, from.bytes, from.length) : NULL;
    return *bytes || !from.bytes;
}

static bool keep_column(weir_arena *arena, const weir_result *row, int column, weir_payload *to)
{
    const weir_payload from = {weir_result_value(row, 0, column),
                               weir_result_length(row, 0, column)};
    return keep(arena, from, &to->bytes, &to->length);
}

/* report appends the headers that are ours; a text that there is not has none. */
static bool report(const weir_result *row, const char *subscription, weir_arena *arena,
                   weir_header *headers, size_t *count)
{
    const char *cause = weir_result_value(row, 0, CAUSE);
    const struct {
        const char *name, *text;
    } all[REPORTED] = {
        {"__connect.errors.topic", weir_result_value(row, 0, TOPIC)},
        {"__connect.errors.partition", weir_result_value(row, 0, PARTITION)},
        {"__connect.errors.offset", weir_result_value(row, 0, OFFSET)},
        {"__connect.errors.connector.name", subscription},
        {"__connect.errors.task.id", "0"},
        {"__connect.errors.stage",
         strcmp(cause, "unreadable") == 0 ? "VALUE_CONVERTER" : "TASK_PUT"},
        {"__connect.errors.class.name", "weir"},
        {"__connect.errors.exception.class.name", weir_result_value(row, 0, ERROR_CLASS)},
        {"__connect.errors.exception.message", weir_result_value(row, 0, ERROR_TEXT)},
        {"weir.letter.id", weir_result_value(row, 0, ID_TEXT)},
        {"weir.letter.cause", cause},
        {"weir.letter.attempts", weir_result_value(row, 0, ATTEMPTS)},
        {"weir.letter.first_at", weir_result_value(row, 0, FIRST_AT)},
    };
    for (size_t i = 0; i < REPORTED; i++) {
        weir_header *header = &headers[*count];
        if (!all[i].text)
            continue;
        *header = (weir_header){.name = all[i].name};
        if (!keep(arena, (weir_payload){all[i].text, strlen(all[i].text)}, &header->value,
                  &header->length))
            return false;
        (*count)++;
    }
    return true;
}

static bool read_headers(const weir_result *row, const char *subscription, weir_arena *arena,
                         weir_posting *posting)
{
    reader names = open_array(row, HEADER_NAMES), values = open_array(row, HEADER_VALUES);
    posting->original = names.left;
    weir_header *headers = weir_arena_alloc(arena, (names.left + REPORTED) * sizeof *headers);
    if (!headers)
        return false;
    for (size_t i = 0; i < posting->original; i++) {
        size_t length;
        if (!keep(arena, next(&names), &headers[i].name, &length) || !headers[i].name ||
            !keep(arena, next(&values), &headers[i].value, &headers[i].length))
            return false;
    }
    posting->headers = headers;
    posting->header_count = posting->original;
    return report(row, subscription, arena, headers, &posting->header_count);
}

bool weir_posting_read(const weir_result *row, const char *subscription, weir_arena *arena,
                       weir_posting *posting, weir_error *error)
{
    *posting = (weir_posting){.id = weir_result_integer(row, 0, ID)};
    return (keep_column(arena, row, KEY, &posting->key) &&
            keep_column(arena, row, VALUE, &posting->value) &&
            read_headers(row, subscription, arena, posting)) ||
           weir_fail(error, WEIR_FATE_RETRY, "letter %s does not fit the memory for letters",
                     weir_result_value(row, 0, ID_TEXT));
}

size_t weir_posting_size(const weir_posting *posting)
{
    size_t size = posting->key.length + posting->value.length;
    for (size_t i = 0; i < posting->header_count; i++)
        size += strlen(posting->headers[i].name) + posting->headers[i].length;
    return size;
}
