/* What one row of the table cannot say: shapes of names, and settings that must fit each other. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_int.h"

#define TOPIC_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool refuse(const weir_config *config, const char *name, const char *why, weir_error *error)
{
    return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s %s, not '%s'",
                     weir_config_source(config, name), name, why, weir_config_text(config, name));
}

static bool check_schema(const weir_config *config, weir_error *error)
{
    const char *schema = weir_config_text(config, "store.schema");
    size_t length = strspn(schema, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 0 || length > 40 || schema[length] || isdigit((unsigned char)schema[0]) ||
        strncmp(schema, "pg_", 3) == 0)
        return refuse(config, "store.schema",
                      "must have 1 to 40 of a-z, 0-9 and _, beginning with neither a digit nor pg_",
                      error);
    if (strcmp(schema, "public") == 0 || strcmp(schema, "information_schema") == 0)
        return refuse(config, "store.schema", "must be a schema of the store's own", error);
    return true;
}

/* is_format: what a topic is made of, and placeholders. */
static bool is_format(const char *format)
{
    for (const char *at = format; *at;) {
        size_t plain = strspn(at, TOPIC_CHARACTERS);
        size_t place = strncmp(at, "{prefix}", 8) == 0            ? 8
                       : strncmp(at, "{aggregate_type}", 16) == 0 ? 16
                                                                  : 0;
        if (plain + place == 0)
            return false;
        at += plain ? plain : place;
    }
    return *format;
}

#define FORMAT "may have letters, digits, '.', '_', '-', {prefix} and {aggregate_type}"

static bool check_topic_format(const weir_config *config, weir_error *error)
{
    const char *format = weir_config_text(config, "kafka.topic_format");
    if (!strstr(format, "{aggregate_type}"))
        return refuse(config, "kafka.topic_format", "must contain {aggregate_type}", error);
    return is_format(format) || refuse(config, "kafka.topic_format", FORMAT, error);
}

/* check_topics: each name one that Kafka takes, and no two the same. */
static bool check_topics(const weir_config *config, weir_error *error)
{
    const char *type, *other;
    for (size_t i = 0; (type = weir_config_topic_type(config, i)); i++) {
        const char *name = weir_config_topic_text(config, type, "name");
        if (!name)
            continue;
        if (!is_format(name))
            return weir_fail(error, WEIR_FATE_CONFIG, "topics.%s.name " FORMAT ", not '%s'", type,
                             name);
        for (size_t o = 0; o < i && (other = weir_config_topic_type(config, o)); o++) {
            const char *its = weir_config_topic_text(config, other, "name");
            if (its && strcmp(its, name) == 0 && !strstr(name, "{aggregate_type}"))
                return weir_fail(error, WEIR_FATE_CONFIG,
                                 "topics.%s.name and topics.%s.name are both '%s': each aggregate "
                                 "type needs a topic of its own",
                                 other, type, name);
        }
    }
    return true;
}

static bool check_prefix(const weir_config *config, weir_error *error)
{
    const char *prefix = weir_config_text(config, "kafka.topic_prefix");
    size_t length = strspn(prefix, TOPIC_CHARACTERS);
    if (length == 0 || prefix[length] || length > 100)
        return refuse(config, "kafka.topic_prefix",
                      "must have 1 to 100 letters, digits, '.', '_' or '-'", error);
    return true;
}

static bool check_listen(const weir_config *config, weir_error *error)
{
    const char *listen = weir_config_text(config, "admin.listen");
    const char *colon = strrchr(listen, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    bool whole = digits >= 1 && digits <= 5 && !colon[1 + digits];
    if (!whole || colon == listen || atoi(colon + 1) > 65535)
        return refuse(config, "admin.listen", "must be host:port", error);
    return true;
}

static bool check_names(const weir_config *config, weir_error *error)
{
    static const char *const needed[] = {"kafka.brokers", "relay.name"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!weir_config_text(config, needed[i])[0])
            return refuse(config, needed[i], "must not be empty", error);
    return true;
}

/* is_broker: [PROTOCOL://]HOST[:PORT], HOST possibly a bracketed IPv6 address. */
static bool is_broker(const char *text, size_t length)
{
    char broker[300], *at = broker;
    if (length == 0 || length >= sizeof broker)
        return false;
    memcpy(broker, text, length);
    broker[length] = '\0';
    char *scheme = strstr(broker, "://");
    if (scheme)
        at = scheme + 3;
    size_t host = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":");
    if (at[0] == '[' ? host < 3 || host > strlen(at) : host == 0)
        return false;
    if (strcspn(at, " \t/@=;") < strlen(at))
        return false;
    if (!at[host])
        return true;
    size_t digits = strspn(at + host + 1, "0123456789");
    int port = atoi(at + host + 1);
    return at[host] == ':' && digits >= 1 && digits <= 5 && !at[host + 1 + digits] && port > 0 &&
           port <= 65535;
}

static bool check_brokers(const weir_config *config, weir_error *error)
{
    const char *at = weir_config_text(config, "kafka.brokers");
    for (;; at++) {
        at += strspn(at, " \t");
        size_t length = strcspn(at, ","), trimmed = length;
        while (trimmed > 0 && isspace((unsigned char)at[trimmed - 1]))
            trimmed--;
        if (!is_broker(at, trimmed))
            return refuse(config, "kafka.brokers", "must be host:port, several separated by commas",
                          error);
        at += length;
        if (!*at)
            return true;
    }
}

static bool check_handlers(const weir_config *config, weir_error *error)
{
    static const char *const needed[] = {"command", "from"};
    const char *name;
    for (size_t i = 0; (name = weir_config_handler_name(config, i)); i++)
        for (size_t k = 0; k < sizeof needed / sizeof *needed; k++) {
            const char *text = weir_config_handler_text(config, name, needed[k]);
            if (!text || !text[strspn(text, " \t\r\n,")])
                return weir_fail(error, WEIR_FATE_CONFIG, "handlers.%s.%s is missing", name,
                                 needed[k]);
        }
    return true;
}

bool weir_config_check(const weir_config *config, weir_error *error)
{
    return check_schema(config, error) && check_names(config, error) &&
           check_brokers(config, error) && check_prefix(config, error) &&
           check_topic_format(config, error) && check_topics(config, error) &&
           check_handlers(config, error) && check_listen(config, error);
}
