/* Comparing and showing the members of JSON objects, for people who look at states and rows. */
#include "app/members.h"

#include <string.h>

bool weir_member_find(const char *object, weir_slice key, weir_slice *value)
{
    weir_json_walk walk;
    weir_slice name;
    if (!weir_json_object(&walk, object, strlen(object)))
        return false;
    while (weir_json_next(&walk, &name, value))
        if (name.length == key.length && memcmp(name.text, key.text, key.length) == 0)
            return true;
    return false;
}

static void put_name(weir_buffer *shown, weir_slice key)
{
    weir_buffer_text(shown, shown->length ? ", " : "");
    weir_buffer_append(shown, key.text + 1, key.length - 2);
    weir_buffer_text(shown, ": ");
}

void weir_members_show(const char *object, weir_buffer *shown)
{
    weir_json_walk walk;
    weir_slice key, value;
    bool is_object = weir_json_object(&walk, object, strlen(object));
    while (is_object && weir_json_next(&walk, &key, &value)) {
        put_name(shown, key);
        weir_buffer_append(shown, value.text, value.length);
    }
}

static void note(weir_buffer *names, weir_buffer *shown, weir_slice key, weir_slice was,
                 weir_slice is)
{
    weir_buffer_text(names, names->length > 1 ? "," : "");
    weir_buffer_append(names, key.text, key.length);
    put_name(shown, key);
    weir_buffer_append(shown, was.text, was.length);
    weir_buffer_text(shown, was.length ? " → " : "→ ");
    weir_buffer_append(shown, is.text, is.length);
}

void weir_members_compare(const char *before, const char *after, weir_buffer *names,
                          weir_buffer *shown)
{
    const weir_slice nothing = {"", 0};
    weir_json_walk walk;
    weir_slice key, value, other;
    bool is_object = weir_json_object(&walk, after, strlen(after));
    while (is_object && weir_json_next(&walk, &key, &value)) {
        if (!weir_member_find(before, key, &other))
            note(names, shown, key, nothing, value);
        else if (other.length != value.length || memcmp(other.text, value.text, value.length) != 0)
            note(names, shown, key, other, value);
    }
    is_object = weir_json_object(&walk, before, strlen(before));
    while (is_object && weir_json_next(&walk, &key, &value))
        if (!weir_member_find(after, key, &other))
            note(names, shown, key, value, nothing);
}
