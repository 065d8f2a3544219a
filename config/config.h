/* config: one YAML file, interpolated and overridden from the environment, checked against one
 * table of settings before anything else happens. A loaded config never changes and may be read by
 * any thread.
 *
 * Precedence: command line > environment > file > default. `${VAR}` and `${VAR:default}` inside a
 * scalar are replaced from the environment; every scalar setting `section.key` is overridden by
 * WEIR_SECTION_KEY. */
#ifndef WEIR_CONFIG_CONFIG_H
#define WEIR_CONFIG_CONFIG_H

#include <stdint.h>

#include "base/base.h"

typedef enum weir_setting_type {
    WEIR_SETTING_TEXT,
    WEIR_SETTING_INTEGER,
    WEIR_SETTING_CHOICE, /* one of `choices`, separated by | */
    WEIR_SETTING_LIST,   /* of texts */
    WEIR_SETTING_MAP,    /* of texts to texts: kafka.properties, kafka.topic_properties,
                            topics.*.properties */
} weir_setting_type;

/* One row of the settings table: parser, environment names, `config show` and the reference page
 * all come from it. */
typedef struct weir_setting {
    const char *name; /* "kafka.partitions"; "subscriptions.*.batch_events" is per subscription */
    weir_setting_type type;
    const char *preset;  /* default, as text; NULL: none */
    int64_t least, most; /* INTEGER, inclusive */
    const char *unit;    /* "ms", "bytes", "" */
    const char *choices; /* CHOICE */
    bool secret;         /* `config show` redacts it (conninfo: only the password in it) */
    const char *doc;     /* a sentence */
} weir_setting;

extern const weir_setting weir_settings[]; /* ends with a NULL name */

typedef struct weir_config weir_config;

/* weir_config_load reads path; NULL: $WEIR_CONFIG, else ./weir.yaml if there is one, else defaults
 * and environment alone. overrides are "section.key=value" texts from the command line, may be
 * NULL. Errors (CONFIG) read "weir.yaml:3:5: unknown key 'broker' in 'kafka'; did you mean
 * 'brokers'?". Free with weir_config_free. */
weir_config *weir_config_load(const char *path, const char *const *overrides, size_t override_count,
                              weir_error *error);
void weir_config_free(weir_config *config);

/* Values, by setting name. Asking for a name that is not in the table or of another type aborts: it
 * is a mistake in the program. Texts live as long as the config. A text without value is NULL. */
const char *weir_config_text(const weir_config *config, const char *name);
int64_t weir_config_integer(const weir_config *config, const char *name);
size_t weir_config_count(const weir_config *config, const char *name); /* LIST, MAP */
const char *weir_config_item(const weir_config *config, const char *name, size_t index);
const char *weir_config_item_key(const weir_config *config, const char *name,
                                 size_t index); /* MAP */

/* weir_config_subscription_* look up "subscriptions.<subscription>.<key>", else its default. */
int64_t weir_config_subscription_integer(const weir_config *config, const char *subscription,
                                         const char *key);

const char *weir_config_subscription_text(const weir_config *config, const char *subscription,
                                          const char *key);

/* Names under `subscriptions:`, so that one that nothing answers to can be refused. */
size_t weir_config_subscriptions(const weir_config *config);
const char *weir_config_subscription_name(const weir_config *config, size_t index);

/* Handlers in other languages: the index-th name under `handlers:`, NULL behind the last, and
 * "handlers.<name>.<key>". */
const char *weir_config_handler_name(const weir_config *config, size_t index);
const char *weir_config_handler_text(const weir_config *config, const char *handler,
                                     const char *key);
int64_t weir_config_handler_integer(const weir_config *config, const char *handler,
                                    const char *key);

/* Settings of an aggregate type's topic: "topics.<aggregate type>.<key>". A text that is not set is
 * NULL. weir_config_topic_type is the index-th type that is written there, NULL behind the last. */
const char *weir_config_topic_type(const weir_config *config, size_t index);
const char *weir_config_topic_text(const weir_config *config, const char *aggregate_type,
                                   const char *key);
int64_t weir_config_topic_integer(const weir_config *config, const char *aggregate_type,
                                  const char *key, int64_t otherwise);
size_t weir_config_topic_properties(const weir_config *config, const char *aggregate_type);
const char *weir_config_topic_property(const weir_config *config, const char *aggregate_type,
                                       size_t index, const char **key);

/* weir_config_source says where a value came from: "default", "weir.yaml:3", "WEIR_KAFKA_BROKERS".
 */
const char *weir_config_source(const weir_config *config, const char *name);

/* weir_config_file is the file that was read, as it was named; NULL: there is none. */
const char *weir_config_file(const weir_config *config);

/* weir_config_directory is the folder that relative paths in the config are relative to. */
const char *weir_config_directory(const weir_config *config);

/* weir_config_files calls fn for every file that the patterns of a LIST find, relative to that
 * folder, in order. CONFIG for a pattern that finds none; false as soon as fn is. */
typedef bool weir_file_fn(void *context, const char *path, weir_error *error);
WEIR_MUST_USE bool weir_config_files(const weir_config *config, const char *name, weir_file_fn *fn,
                                     void *context, weir_error *error);

/* weir_config_show appends the whole effective configuration as YAML with a comment a line saying
 * where it came from; secrets are redacted. */
void weir_config_show(const weir_config *config, weir_buffer *buffer);

/* weir_config_reference appends the table as a Markdown page: docs/configuration.md. */
void weir_config_reference(weir_buffer *buffer);

#endif
