/* The rules of snapshots, and the text that names them. */
#include "store/snapshot_policy.h"

#include <stdlib.h>
#include <string.h>

#define SLOW_LOAD_US 100000
#define LONG_REPLAY 100

/* auto: from so many events on, so many between two snapshots. Fewer have none. */
static const struct {
    int64_t least, every;
} sizes[] = {{1001, 500}, {201, 200}, {50, 100}};

static bool due_by_size(int64_t version, int64_t since)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (version >= sizes[i].least)
            return since >= sizes[i].every;
    return false;
}

bool weir_snapshot_due(const weir_snapshot_policy *policy, int64_t version,
                       int64_t last_snapshot_version, int64_t last_snapshot_us, int64_t replayed,
                       int64_t load_us, int64_t now_us)
{
    const int64_t since = version - last_snapshot_version;
    if (since <= 0)
        return false;
    return (policy->by_size && due_by_size(version, since)) ||
           (policy->every > 0 && since >= policy->every) ||
           (policy->age_us > 0 && now_us - last_snapshot_us >= policy->age_us) ||
           (policy->lazily && (load_us > SLOW_LOAD_US || replayed > LONG_REPLAY));
}

static bool read_number(const char *text, int64_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 15 || text[digits])
        return false;
    *number = strtoll(text, NULL, 10);
    return *number > 0;
}

static bool read_rule(const char *rule, weir_snapshot_policy *policy)
{
    weir_error ignored;
    if (strcmp(rule, "auto") == 0)
        return policy->by_size = true;
    if (strcmp(rule, "lazy") == 0)
        return policy->lazily = true;
    if (strncmp(rule, "every:", 6) == 0)
        return read_number(rule + 6, &policy->every);
    if (strncmp(rule, "age:", 4) == 0)
        return weir_duration_parse(rule + 4, &policy->age_us, &ignored) && policy->age_us > 0;
    return false;
}

/* next_rule cuts the next rule off *rest, without the spaces around it; *rest NULL at the end. */
static char *next_rule(char **rest)
{
    char *rule = *rest + strspn(*rest, " ");
    char *comma = strchr(rule, ',');
    *rest = comma ? comma + 1 : NULL;
    size_t length = comma ? (size_t)(comma - rule) : strlen(rule);
    while (length > 0 && rule[length - 1] == ' ')
        length--;
    rule[length] = '\0';
    return rule;
}

bool weir_snapshot_policy_parse(const char *text, weir_snapshot_policy *policy, weir_error *error)
{
    weir_snapshot_policy read = {.keep = policy->keep};
    bool ok = true;
    char *copy = weir_strdup(text);
    for (char *rest = copy; ok && rest && strcmp(text, "none") != 0;) {
        const char *rule = next_rule(&rest);
        ok = read_rule(rule, &read) ||
             weir_fail(error, WEIR_FATE_CONFIG,
                       "'%s' is no rule for snapshots: none, or some of auto, every:100, age:1h, "
                       "lazy, separated by commas",
                       rule);
    }
    free(copy);
    if (ok)
        *policy = read;
    return ok;
}

bool weir_snapshot_policy_configure(const weir_config *config, weir_snapshot_policy *policy,
                                    weir_error *error)
{
    policy->keep = (int)weir_config_integer(config, "snapshots.keep");
    return weir_snapshot_policy_parse(weir_config_text(config, "snapshots.policy"), policy,
                                      error) ||
           weir_error_prefix(error, "%s: snapshots.policy",
                             weir_config_source(config, "snapshots.policy"));
}
