/* ${VAR} and ${VAR:default} inside a scalar, replaced from the environment; $$ is a plain $. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_int.h"

#define LONGEST ((size_t)1 << 20)

static size_t name_length(const char *text)
{
    size_t n = 0;
    if (isdigit((unsigned char)text[0]))
        return 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n;
}

/* Expands what begins with "${" at *at and moves *at behind it. */
static bool expand(const char **at, weir_buffer *out, const char *where, weir_error *error)
{
    const char *name = *at + 2;
    size_t length = name_length(name);
    const char *end = strchr(name, '}');
    if (length == 0 || !end || (name[length] != '}' && name[length] != ':'))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s: '${' must begin ${VAR} or ${VAR:default}; write $$ for a plain $",
                         where);
    char *variable = weir_strndup(name, length);
    const char *value = getenv(variable);
    bool preset = name[length] == ':';
    if (value)
        weir_buffer_text(out, value);
    else if (preset)
        weir_buffer_append(out, name + length + 1, (size_t)(end - name) - length - 1);
    else
        weir_fail(error, WEIR_FATE_CONFIG,
                  "%s: the environment has no %s; set it, or write ${%s:default}", where, variable,
                  variable);
    free(variable);
    *at = end + 1;
    return value || preset;
}

char *weir_interpolate(const char *text, const char *where, weir_error *error)
{
    weir_buffer out = WEIR_BUFFER(LONGEST);
    weir_buffer_text(&out, "");
    while (*text) {
        if (text[0] == '$' && text[1] == '{') {
            if (!expand(&text, &out, where, error)) {
                weir_buffer_free(&out);
                return NULL;
            }
            continue;
        }
        if (text[0] == '$' && text[1] == '$')
            text++;
        weir_buffer_char(&out, *text++);
    }
    if (out.overflow) {
        weir_buffer_free(&out);
        weir_fail(error, WEIR_FATE_CONFIG, "%s: longer than 1 MiB once interpolated", where);
        return NULL;
    }
    return out.data;
}
