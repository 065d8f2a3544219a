/* The inside of a loaded config, for config/ only. */
#ifndef WEIR_CONFIG_CONFIG_INT_H
#define WEIR_CONFIG_CONFIG_INT_H

#include "config/config.h"

#define WEIR_SUBSCRIPTIONS "subscriptions"
#define WEIR_TOPICS "topics"
#define WEIR_HANDLERS "handlers"
#define WEIR_SUBSCRIPTION_PREFIX WEIR_SUBSCRIPTIONS ".*."
#define WEIR_TOPIC_PREFIX WEIR_TOPICS ".*."

/* The value of one setting. Unset: source is NULL. */
typedef struct weir_value {
    char *text;      /* TEXT, CHOICE, INTEGER as written */
    int64_t integer; /* INTEGER */
    char **items;    /* LIST, MAP */
    char **keys;     /* MAP */
    size_t count;
    char *source;
} weir_value;

/* The settings of one subscription, one handler, or one aggregate type's topic. The name is as
 * written in the file, or, from the environment, as it stands there: upper case, with _ for what is
 * neither letter nor digit. */
typedef struct weir_overlay {
    const char *section; /* of weir_overlay_sections */
    char *name;
    bool from_environment;
    weir_value *values; /* by setting, as in weir_config */
} weir_overlay;

struct weir_config {
    char *path; /* as given; NULL: no file */
    char *directory;
    weir_value *values; /* by setting, in the order of weir_settings */
    weir_overlay *overlays;
    size_t overlay_count;
};

size_t weir_setting_count(void);

/* weir_setting_find returns the index of a setting, or SIZE_MAX. */
size_t weir_setting_find(const char *name);

/* weir_value_assign checks text against the setting and stores it. where starts an error message:
 * "weir.yaml:3:5", "WEIR_KAFKA_BROKERS", "--set". */
WEIR_MUST_USE bool weir_value_assign(weir_value *value, const weir_setting *setting,
                                     const char *text, const char *where, const char *source,
                                     weir_error *error);

/* weir_value_add adds an item to a LIST (key NULL) or MAP. */
void weir_value_add(weir_value *value, const char *key, const char *item, const char *source);
void weir_value_clear(weir_value *value);

/* The sections whose keys are names, each with settings of its own; ends with NULL. */
extern const char *const weir_overlay_sections[];

/* weir_overlay_section finds the section that name is, followed by the character end; NULL: none.
 */
const char *weir_overlay_section(const char *name, char end);

/* weir_config_overlay finds or makes the overlay of a name in a section of
 * weir_overlay_sections. */
weir_overlay *weir_config_overlay(weir_config *config, const char *section, const char *name,
                                  bool from_environment);

/* weir_sections_load reads the file into config. */
WEIR_MUST_USE bool weir_sections_load(weir_config *config, const char *path, weir_error *error);

/* weir_environment_load applies WEIR_SECTION_KEY variables. */
WEIR_MUST_USE bool weir_environment_load(weir_config *config, weir_error *error);

/* weir_interpolate replaces ${VAR} and ${VAR:default}; $$ is a $. malloc'd; NULL with an error that
 * where begins. */
char *weir_interpolate(const char *text, const char *where, weir_error *error);

/* weir_config_check holds settings against each other and against what they name. */
WEIR_MUST_USE bool weir_config_check(const weir_config *config, weir_error *error);

/* weir_redact_conninfo returns a copy with passwords replaced by ***; malloc'd. */
char *weir_redact_conninfo(const char *conninfo);

/* weir_is_secret_property: a librdkafka property whose value must not be shown. */
bool weir_is_secret_property(const char *name);

#endif
