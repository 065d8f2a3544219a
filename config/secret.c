/* What must not be shown: passwords inside conninfos, and secret librdkafka properties.
 *
 * Conninfos are read as libpq reads them. When in doubt this hides too much: a text that libpq
 * would not understand is hidden whole. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_int.h"

#define MASK "***"

static const char *const conninfo_secrets[] = {"password", "sslpassword", "oauth_client_secret",
                                               "scram_client_key", "scram_server_key"};

static const char *const secret_words[] = {"password", "secret",  "sasl.jaas",
                                           "token",    "key.pem", "oauthbearer.config"};

bool weir_is_secret_property(const char *name)
{
    for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++)
        if (strcasestr(name, secret_words[i]))
            return true;
    return false;
}

static bool is_secret(const char *key, size_t length)
{
    for (size_t i = 0; i < sizeof(conninfo_secrets) / sizeof(*conninfo_secrets); i++)
        if (strlen(conninfo_secrets[i]) == length &&
            strncasecmp(conninfo_secrets[i], key, length) == 0)
            return true;
    return false;
}

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* skip_value returns the end of a value, quoted or not; NULL when its quote is not closed. */
static const char *skip_value(const char *at)
{
    bool quoted = *at == '\'';
    at += quoted;
    while (*at && (quoted ? *at != '\'' : !isspace((unsigned char)*at)))
        at += *at == '\\' && at[1] ? 2 : 1;
    if (quoted)
        return *at ? at + 1 : NULL;
    return at;
}

/* redact_pairs copies key=value pairs; false when the text is not of that form. */
static bool redact_pairs(weir_buffer *out, const char *at)
{
    while (*(at = skip_space(at))) {
        const char *key = at;
        size_t length = strcspn(key, "= \t\r\n\f\v");
        at = skip_space(key + length);
        if (length == 0 || *at != '=')
            return false;
        const char *value = skip_space(at + 1);
        const char *end = skip_value(value);
        if (!end)
            return false;
        weir_buffer_text(out, out->length ? " " : "");
        weir_buffer_append(out, key, length);
        weir_buffer_char(out, '=');
        if (is_secret(key, length))
            weir_buffer_text(out, MASK);
        else
            weir_buffer_append(out, value, (size_t)(end - value));
        at = end;
    }
    return true;
}

/* redact_query copies "?a=b&c=d" of a URI. */
static void redact_query(weir_buffer *out, const char *at)
{
    while (*at) {
        const char *key = at + 1; /* behind ? or & */
        size_t length = strcspn(key, "=&");
        size_t whole = strcspn(key, "&");
        weir_buffer_append(out, at, 1);
        /* A percent sign in the key may spell a secret's name. */
        bool hide = is_secret(key, length) || memchr(key, '%', length);
        weir_buffer_append(out, key, hide ? length : whole);
        weir_buffer_text(out, hide ? "=" MASK : "");
        at = key + whole;
    }
}

/* find_at returns the last @ of the part that names user and host. A raw slash in a password breaks
 * the URI for libpq, yet it must not show, so then the last @ of all counts. */
static const char *find_at(const char *start)
{
    const char *slash = start + strcspn(start, "/");
    const char *at = memrchr(start, '@', (size_t)(slash - start));
    return at ? at : strrchr(slash, '@');
}

static void redact_uri(weir_buffer *out, const char *uri)
{
    const char *start = strstr(uri, "://") + 3;
    const char *at = find_at(start);
    weir_buffer_append(out, uri, (size_t)(start - uri));
    if (at) {
        const char *colon = memchr(start, ':', (size_t)(at - start));
        weir_buffer_append(out, start, (size_t)((colon ? colon : at) - start));
        weir_buffer_text(out, colon ? ":" MASK : "");
        start = at;
    }
    size_t path = strcspn(start, "?");
    weir_buffer_append(out, start, path);
    redact_query(out, start + path);
}

static bool is_uri(const char *conninfo)
{
    return strncmp(conninfo, "postgresql://", 13) == 0 || strncmp(conninfo, "postgres://", 11) == 0;
}

char *weir_redact_conninfo(const char *conninfo)
{
    weir_buffer out = WEIR_BUFFER((size_t)1 << 20);
    weir_buffer_text(&out, "");
    bool readable = true;
    if (is_uri(conninfo))
        redact_uri(&out, conninfo);
    else
        readable = redact_pairs(&out, conninfo);
    char *shown = weir_strdup(readable && !out.overflow ? out.data : MASK);
    weir_buffer_free(&out);
    return shown;
}
