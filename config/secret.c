/* What must not be shown: passwords inside conninfos, and secret librdkafka properties. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_int.h"

#define MASK "***"

static const char *const secret_words[] = {"password", "secret",  "sasl.jaas",
                                           "token",    "key.pem", "oauthbearer.config"};

bool weir_is_secret_property(const char *name)
{
    for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++)
        if (strcasestr(name, secret_words[i]))
            return true;
    return false;
}

/* scheme://user:password@host/…?password=…: the userinfo's second half and query values. */
static void redact_uri(const char *uri, weir_buffer *out)
{
    const char *rest = strstr(uri, "://") + 3;
    size_t authority = strcspn(rest, "/?");
    const char *at = memrchr(rest, '@', authority);
    const char *colon = at ? memchr(rest, ':', (size_t)(at - rest)) : NULL;
    if (colon) {
        weir_buffer_append(out, uri, (size_t)(colon + 1 - uri));
        weir_buffer_text(out, MASK);
        uri = at;
    }
    for (const char *word; (word = strstr(uri, "password="));) {
        word += strlen("password=");
        weir_buffer_append(out, uri, (size_t)(word - uri));
        weir_buffer_text(out, MASK);
        uri = word + strcspn(word, "&");
    }
    weir_buffer_text(out, uri);
}

/* The end of a conninfo value: quoted with ' and \, or up to white space. */
static const char *value_end(const char *value)
{
    bool quote = *value == '\'';
    const char *at = value + quote;
    while (*at && (quote ? *at != '\'' : !isspace((unsigned char)*at)))
        at += at[0] == '\\' && at[1] ? 2 : 1;
    return quote && *at ? at + 1 : at;
}

static void redact_pairs(const char *text, weir_buffer *out)
{
    while (*text) {
        size_t key = strcspn(text, "=");
        if (!text[key]) {
            weir_buffer_text(out, text);
            return;
        }
        const char *value = text + key + 1 + strspn(text + key + 1, " \t\r\n");
        const char *end = value_end(value);
        char *name = weir_strndup(text, key);
        weir_buffer_append(out, text, (size_t)(value - text));
        if (weir_is_secret_property(name))
            weir_buffer_text(out, MASK);
        else
            weir_buffer_append(out, value, (size_t)(end - value));
        free(name);
        text = end;
    }
}

char *weir_redact_conninfo(const char *conninfo)
{
    weir_buffer out = WEIR_BUFFER((size_t)1 << 20);
    weir_buffer_text(&out, "");
    if (strstr(conninfo, "://"))
        redact_uri(conninfo, &out);
    else
        redact_pairs(conninfo, &out);
    return out.data ? out.data : weir_strdup("");
}
