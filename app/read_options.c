/* The options that say what to read, as one table: read, tail and export share them. */
#include "app/read_options.h"

#include <stddef.h>
#include <string.h>

/* An option that names a selector or a bound of weir_read, and whether it goes with one aggregate.
 */
enum kind {
    TEXT,
    INTEGER,
    TIME,
    FLAG
};
enum goes_with {
    ALL_EVENTS,
    ONE_AGGREGATE,
    BOTH
};

static const struct read_option {
    const char *name;
    enum kind kind;
    enum goes_with with;
    size_t offset;
} read_options[] = {
    {"aggregate-type", TEXT, ALL_EVENTS, offsetof(weir_read, aggregate_type)},
    {"event-type", TEXT, ALL_EVENTS, offsetof(weir_read, event_type)},
    {"correlation", TEXT, ALL_EVENTS, offsetof(weir_read, correlation_id)},
    {"causation", TEXT, ALL_EVENTS, offsetof(weir_read, causation_id)},
    {"user", TEXT, ALL_EVENTS, offsetof(weir_read, user_id)},
    {"after", INTEGER, ALL_EVENTS, offsetof(weir_read, after)},
    {"before", INTEGER, ALL_EVENTS, offsetof(weir_read, after)},
    {"from", INTEGER, ONE_AGGREGATE, offsetof(weir_read, from)},
    {"to", INTEGER, ONE_AGGREGATE, offsetof(weir_read, to)},
    {"as-of", TIME, BOTH, offsetof(weir_read, as_of_us)},
    {"limit", INTEGER, BOTH, offsetof(weir_read, limit)},
    {"backwards", FLAG, BOTH, offsetof(weir_read, backwards)},
};

static const char *const selectors[] = {"aggregate-type", "event-type", "correlation",
                                        "causation",      "user",       NULL};

bool weir_read_time(const char *name, const char *text, int64_t *time_us, weir_error *error)
{
    weir_error why;
    return weir_clock_parse(text, strlen(text), time_us, &why) ||
           weir_fail(error, WEIR_FATE_CONFIG, "--%s %s: %s (such as 2024-02-29T12:00:00Z)", name,
                     text, why.message);
}

static bool read_option(const weir_arguments *arguments, const struct read_option *option,
                        weir_read *what, weir_error *error)
{
    void *field = (char *)what + option->offset;
    const char *text = weir_arguments_text(arguments, option->name);
    switch (option->kind) {
    case TEXT:
        memcpy(field, &text, sizeof text);
        return true;
    case INTEGER:
        *(int64_t *)field = weir_arguments_integer(arguments, option->name);
        return true;
    case FLAG:
        *(bool *)field = true;
        return true;
    case TIME:
        return weir_read_time(option->name, text, field, error);
    }
    return true;
}

static bool fits(const struct read_option *option, bool one, weir_error *error)
{
    if (one && option->with == ALL_EVENTS)
        return weir_fail(error, WEIR_FATE_CONFIG, "--%s is for all events, not for one aggregate",
                         option->name);
    if (!one && option->with == ONE_AGGREGATE)
        return weir_fail(error, WEIR_FATE_CONFIG, "--%s is for one aggregate: TYPE ID",
                         option->name);
    return true;
}

/* one_selector: the index that serves a read has one of them. */
static bool one_selector(const weir_arguments *arguments, weir_error *error)
{
    const char *given = NULL;
    for (const char *const *name = selectors; *name; name++) {
        if (!weir_arguments_has(arguments, *name))
            continue;
        if (given)
            return weir_fail(error, WEIR_FATE_CONFIG, "--%s and --%s exclude each other", given,
                             *name);
        given = *name;
    }
    return true;
}

bool weir_read_options(const weir_arguments *arguments, weir_read *what, weir_error *error)
{
    const bool one = arguments->word_count == 2;
    if (arguments->word_count == 1)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "one aggregate is TYPE and ID; all of a type: --aggregate-type %s",
                         arguments->words[0]);
    *what = (weir_read){.aggregate_type = one ? arguments->words[0] : NULL,
                        .aggregate_id = one ? arguments->words[1] : NULL};
    for (size_t i = 0; i < sizeof read_options / sizeof *read_options; i++)
        if (weir_arguments_has(arguments, read_options[i].name) &&
            (!fits(&read_options[i], one, error) ||
             !read_option(arguments, &read_options[i], what, error)))
            return false;
    if (!one_selector(arguments, error))
        return false;
    if (weir_arguments_has(arguments, what->backwards ? "after" : "before"))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "--after goes forwards, --before with --backwards");
    return true;
}
