/* An error that carries its fate: what the caller should do about it, decided where it is raised.
 *
 * Functions return bool (or a pointer) and fill a caller-owned weir_error. An error is a value:
 * nothing to free. It is logged once, where its fate is decided, never where it is raised. */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define WEIR_MUST_USE __attribute__((warn_unused_result))
#define WEIR_PRINTF(at, first) __attribute__((format(printf, at, first)))

/* What to do about an error. */
typedef enum weir_fate {
    WEIR_FATE_NONE,     /* no error */
    WEIR_FATE_RETRY,    /* passes by itself: connection, serialization failure, deadlock */
    WEIR_FATE_CONFLICT, /* somebody else was first: reload and decide again */
    WEIR_FATE_POISON,   /* this input never works: bad data, violated constraint */
    WEIR_FATE_CONFIG,   /* the setting, file or command is wrong: a person must change it */
    WEIR_FATE_FATAL,    /* going on would break a promise */
} weir_fate;

/* What happened, for exit codes: 0 ok, 1 failed, 2 invalid, 3 not found or conflict, 4 timeout. */
typedef enum weir_code {
    WEIR_OK,
    WEIR_FAILED,
    WEIR_INVALID,
    WEIR_NOT_FOUND,
    WEIR_CONFLICT,
    WEIR_TIMEOUT,
} weir_code;

typedef struct weir_error {
    weir_fate fate;
    weir_code code;
    char sqlstate[6];   /* "" unless PostgreSQL said so */
    int kafka_code;     /* rd_kafka_resp_err_t, 0 unless Kafka said so */
    char message[1200]; /* one line or a few, UTF-8, never a secret; truncated with "…" */
} weir_error;

/* weir_fail fills error and returns false, so that `return weir_fail(…)` reads as it means.
 * The code follows from the fate (CONFIG: INVALID, CONFLICT: CONFLICT, else FAILED). */
bool weir_fail(weir_error *error, weir_fate fate, const char *format, ...) WEIR_PRINTF(3, 4);

/* weir_fail_code is weir_fail with an explicit code. */
bool weir_fail_code(weir_error *error, weir_fate fate, weir_code code, const char *format, ...)
    WEIR_PRINTF(4, 5);

/* weir_error_prefix puts "format: " before the message; returns false like weir_fail. */
bool weir_error_prefix(weir_error *error, const char *format, ...) WEIR_PRINTF(2, 3);

void weir_error_clear(weir_error *error);
const char *weir_fate_name(weir_fate fate); /* "retry", "poison", … */

/* weir_out_of_memory says so on stderr and aborts: the only answer to a failed malloc here.
 * Limits, in contrast, are errors that callers handle. */
_Noreturn void weir_out_of_memory(size_t bytes);

/* Allocation that never returns NULL. */
void *weir_malloc(size_t bytes);
void *weir_calloc(size_t count, size_t bytes);
void *weir_realloc(void *old, size_t bytes);
char *weir_strdup(const char *text);
char *weir_strndup(const char *text, size_t length);
char *weir_format(const char *format, ...) WEIR_PRINTF(1, 2); /* malloc'd */

#endif
