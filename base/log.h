/* Logging: one line a record on stderr, logfmt or JSON, the object first:
 *
 *   time=2026-11-21T05:12:04.123Z level=info relay=main msg="published" events=500
 *
 * Fields are not evaluated when the level is off. A line is written with one write(2), so lines of
 * several threads never mix. Any thread, after weir_log_setup. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdint.h>

#include "base/error.h"

typedef enum weir_log_level {
    WEIR_LOG_ERROR,
    WEIR_LOG_WARN,
    WEIR_LOG_INFO,
    WEIR_LOG_DEBUG,
} weir_log_level;

typedef struct weir_log_field {
    const char *key;
    const char *text; /* NULL: the number counts */
    int64_t number;
} weir_log_field;

#define WEIR_TEXT(key, value) ((weir_log_field){(key), (value), 0})
#define WEIR_NUMBER(key, value) ((weir_log_field){(key), NULL, (int64_t)(value)})

/* WEIR_LOG_INFO etc. as macros of the same shape:
 *   WEIR_INFO("relay", name, "caught up", WEIR_NUMBER("position", p), WEIR_TEXT("topic", t)); */
#define WEIR_LOG(level, object, name, message, ...)                                                \
    do {                                                                                           \
        if (weir_log_enabled(level))                                                               \
            weir_log_write(level, object, name, message,                                           \
                           (const weir_log_field[]){__VA_ARGS__ __VA_OPT__(, ){NULL, NULL, 0}});   \
    } while (0)
#define WEIR_ERROR(object, name, message, ...)                                                     \
    WEIR_LOG(WEIR_LOG_ERROR, object, name, message __VA_OPT__(, ) __VA_ARGS__)
#define WEIR_WARN(object, name, message, ...)                                                      \
    WEIR_LOG(WEIR_LOG_WARN, object, name, message __VA_OPT__(, ) __VA_ARGS__)
#define WEIR_INFO(object, name, message, ...)                                                      \
    WEIR_LOG(WEIR_LOG_INFO, object, name, message __VA_OPT__(, ) __VA_ARGS__)
#define WEIR_DEBUG(object, name, message, ...)                                                     \
    WEIR_LOG(WEIR_LOG_DEBUG, object, name, message __VA_OPT__(, ) __VA_ARGS__)

/* weir_log_setup sets the level and the format; the start-up default is info, logfmt. */
void weir_log_setup(weir_log_level level, bool json);
bool weir_log_enabled(weir_log_level level);

/* weir_log_write writes one record; fields end with a NULL key. Use the macros. */
void weir_log_write(weir_log_level level, const char *object, const char *name, const char *message,
                    const weir_log_field *fields);

#endif
