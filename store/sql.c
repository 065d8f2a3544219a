/* The SQL of store/sql, by name, and its rewriting for a schema that is not called weir.
 *
 * The files name everything with "weir." and the roles "weir_owner" and so on, so that they run in
 * psql as they are. Another schema replaces the word weir where a dot or an underscore follows, or
 * SCHEMA precedes, and no name or dot stands before it; also inside quotes, so that names of
 * sequences and settings follow. */
#include <ctype.h>
#include <string.h>

#include "store/connection.h"
#include "store/sql_int.h"

const char *weir_sql_find(const char *name)
{
    for (const weir_sql *sql = weir_sql_embedded; sql->name; sql++)
        if (strcmp(sql->name, name) == 0)
            return sql->text;
    return NULL;
}

static bool starts_word(const char *text, const char *at)
{
    return at == text || !(isalnum((unsigned char)at[-1]) || strchr("_.\"", at[-1]));
}

static bool is_schema(const char *text, const char *at)
{
    if (!starts_word(text, at))
        return false;
    return at[4] == '.' || at[4] == '_' || (at - text >= 7 && memcmp(at - 7, "SCHEMA ", 7) == 0);
}

char *weir_sql_render(const char *sql, const char *schema)
{
    if (strcmp(schema, "weir") == 0)
        return weir_strdup(sql);
    weir_buffer out = WEIR_BUFFER(SIZE_MAX / 2);
    const char *copied = sql;
    for (const char *at = strstr(sql, "weir"); at; at = strstr(at + 4, "weir")) {
        if (!is_schema(sql, at))
            continue;
        weir_buffer_append(&out, copied, (size_t)(at - copied));
        weir_buffer_text(&out, schema);
        copied = at + 4;
    }
    weir_buffer_text(&out, copied);
    return out.data;
}
