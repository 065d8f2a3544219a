/* Values are copied as they stand, so that no number is rounded. */
#include "sagas/template_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 300

/* A text of a template that stands for a value. */
typedef struct reference {
    char root[NAME_SIZE];
    const char *path; /* in root's value; NULL: all of it */
    bool optional;
} reference;

static bool is_reference(weir_slice text)
{
    return text.length > 3 && text.text[0] == '"' && text.text[1] == '$' && text.text[2] != '$';
}

/* "$root.path?" with its quotes. */
static bool read_reference(weir_slice text, reference *r)
{
    size_t length = text.length - 3;
    if (length >= sizeof r->root)
        return false;
    memcpy(r->root, text.text + 2, length);
    r->root[length] = '\0';
    r->optional = r->root[length - 1] == '?';
    if (r->optional)
        r->root[length - 1] = '\0';
    char *dot = strchr(r->root, '.');
    r->path = dot ? dot + 1 : NULL;
    if (dot)
        *dot = '\0';
    return true;
}

bool weir_saga_find(const char *json, size_t length, const char *path, weir_slice *value)
{
    *value = (weir_slice){json, length};
    for (;;) {
        char name[NAME_SIZE];
        weir_json_walk walk;
        weir_slice key, each;
        size_t size = strcspn(path, ".");
        bool found = false;
        if (size >= sizeof name || !weir_json_object(&walk, value->text, value->length))
            return false;
        memcpy(name, path, size);
        name[size] = '\0';
        while (!found && weir_json_next(&walk, &key, &each))
            found = weir_json_is(key, name);
        if (!found)
            return false;
        *value = each;
        if (!path[size])
            return true;
        path += size + 1;
    }
}

/* What fn does with each text that stands for a value. */
typedef struct walker {
    bool (*fn)(struct walker *walker, const reference *reference);
    weir_buffer *out; /* NULL: nothing is written */
    const weir_saga_values *values;
    const weir_saga_plan *plan;
    size_t at;
    bool undo;
    char *why;
    size_t size;
} walker;

static bool refuse(const walker *w, const char *format, ...) WEIR_PRINTF(2, 3);
static bool refuse(const walker *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->why, w->size, format, arguments);
    va_end(arguments);
    return false;
}

static void put(const walker *w, const char *text, size_t length)
{
    if (w->out)
        weir_buffer_append(w->out, text, length);
}

static bool walk_value(walker *w, weir_slice value);

/* Ends an object or list of which the text before its next part would be `between`. */
static void end(const walker *w, char between, const char *both)
{
    bool empty = between == both[0];
    put(w, both + !empty, empty ? 2 : 1);
}

static bool walk_members(walker *w, weir_json_walk *walk)
{
    weir_slice key, value;
    char between = '{';
    while (weir_json_next(walk, &key, &value)) {
        put(w, &between, 1);
        put(w, key.text, key.length);
        put(w, ":", 1);
        if (!walk_value(w, value))
            return false;
        between = ',';
    }
    end(w, between, "{}");
    return true;
}

static bool walk_elements(walker *w, weir_json_walk *walk)
{
    weir_slice value;
    char between = '[';
    while (weir_json_element(walk, &value)) {
        put(w, &between, 1);
        if (!walk_value(w, value))
            return false;
        between = ',';
    }
    end(w, between, "[]");
    return true;
}

static bool walk_value(walker *w, weir_slice value)
{
    reference r;
    weir_json_walk walk;
    if (weir_json_object(&walk, value.text, value.length))
        return walk_members(w, &walk);
    if (weir_json_array(&walk, value.text, value.length))
        return walk_elements(w, &walk);
    if (is_reference(value))
        return read_reference(value, &r)
                   ? w->fn(w, &r)
                   : refuse(w, "a reference is longer than %d bytes", NAME_SIZE);
    bool escaped = value.length > 3 && memcmp(value.text, "\"$$", 3) == 0;
    put(w, "\"", escaped);
    put(w, value.text + 2 * escaped, value.length - 2 * (size_t)escaped);
    return true;
}

static bool walk_template(walker *w, const char *json)
{
    return walk_value(w, (weir_slice){json, strlen(json)});
}

static bool check_reference(walker *w, const reference *r)
{
    bool whole = strcmp(r->root, "id") == 0 || strcmp(r->root, "reason") == 0;
    if (whole && r->path)
        return refuse(w, "$%s is a text and has no members", r->root);
    if (whole || strcmp(r->root, "start") == 0)
        return true;
    size_t stage = weir_saga_plan_stage(w->plan, r->root, strlen(r->root));
    if (stage == w->plan->count)
        return refuse(w, "$%s is no value: there are $id, $start, $reason and the steps before",
                      r->root);
    if (stage > w->at || (stage == w->at && !w->undo))
        return refuse(w, "$%s is not known yet: its step comes later", r->root);
    if (stage == w->at && !r->optional)
        return refuse(w,
                      "what undoes a step may have no answer of it, after a timeout: write $%s.…?",
                      r->root);
    return true;
}

bool weir_saga_template_check(const char *json, const weir_saga_plan *plan, size_t at, bool undo,
                              char *why, size_t size)
{
    weir_json_walk walk;
    walker w = {
        .fn = check_reference, .plan = plan, .at = at, .undo = undo, .why = why, .size = size};
    if (!weir_json_object(&walk, json, strlen(json)) && json[0] != '"')
        return refuse(&w, "data must be an object or a reference");
    return walk_template(&w, json);
}

static bool fill_reference(walker *w, const reference *r)
{
    weir_slice value;
    const weir_saga_values *v = w->values;
    bool id = strcmp(r->root, "id") == 0;
    if (id || strcmp(r->root, "reason") == 0) {
        const char *text = id ? v->id : v->reason ? v->reason : "";
        weir_buffer_json(w->out, text, strlen(text));
        return true;
    }
    if (weir_saga_find(v->data, strlen(v->data), r->root, &value) &&
        (!r->path || weir_saga_find(value.text, value.length, r->path, &value))) {
        put(w, value.text, value.length);
        return true;
    }
    if (!r->optional)
        return refuse(w, "there is no $%s%s%s", r->root, r->path ? "." : "",
                      r->path ? r->path : "");
    put(w, "null", 4);
    return true;
}

bool weir_saga_template_fill(const char *json, const weir_saga_values *values, weir_buffer *out,
                             weir_error *error)
{
    char why[2 * NAME_SIZE] = "";
    walker w = {.fn = fill_reference, .out = out, .values = values, .why = why, .size = sizeof why};
    if (!walk_template(&w, json))
        return weir_fail(error, WEIR_FATE_POISON, "%s", why);
    return !out->overflow || weir_fail(error, WEIR_FATE_POISON,
                                       "the request's data is larger than %zu bytes", out->limit);
}
