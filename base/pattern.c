/* Patterns of event types: one rule for whoever selects by them. */
#include "base/pattern.h"

#include <string.h>

bool weir_pattern_check(const char *pattern, weir_error *error)
{
    const char *star = strchr(pattern, '*');
    if (!*pattern)
        return weir_fail(error, WEIR_FATE_CONFIG, "an event type is empty");
    if (strlen(pattern) > WEIR_PATTERN_MOST)
        return weir_fail(error, WEIR_FATE_CONFIG, "an event type has at most %d bytes",
                         WEIR_PATTERN_MOST);
    return !star || !star[1] ||
           weir_fail(error, WEIR_FATE_CONFIG, "'%s': a '*' may stand at the end of a pattern only",
                     pattern);
}

bool weir_pattern_is_prefix(const char *pattern)
{
    size_t length = strlen(pattern);
    return length > 0 && pattern[length - 1] == '*';
}

bool weir_pattern_fits(const char *pattern, const char *name)
{
    return weir_pattern_is_prefix(pattern) ? strncmp(pattern, name, strlen(pattern) - 1) == 0
                                           : strcmp(pattern, name) == 0;
}
