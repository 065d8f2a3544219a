/* Paths into an event's data: names with dots between, [] for every element of a list. A backslash
 * takes a dot, a bracket or a backslash for what it is. */
#include <stdlib.h>
#include <string.h>

#include "store/upcast_int.h"

#define MOST_STEPS 32

static bool is_special(char c)
{
    return c && strchr(".[]\\", c);
}

/* Reads one name; returns the text behind it, NULL with *why set. */
static const char *read_name(const char *at, weir_step *step, const char **why)
{
    char *to = step->name;
    while (*at && *at != '.' && *at != '[') {
        if (*at == ']')
            *why = "has a ] without its [";
        else if (*at == '\\' && !is_special(at[1]))
            *why = "has a \\ before something else than . [ ] or \\";
        if (*why)
            return NULL;
        at += *at == '\\';
        *to++ = *at++;
    }
    *to = '\0';
    if (to == step->name)
        *why = "has an empty name";
    return *why ? NULL : at;
}

static const char *read_step(const char *at, weir_path *path, const char **why)
{
    weir_step *step = &path->steps[path->count++];
    *step = (weir_step){.name = weir_malloc(strlen(at) + 1)};
    if (!(at = read_name(at, step, why)))
        return NULL;
    if (*at == '[') {
        step->each = true;
        at += strncmp(at, "[]", 2) == 0 ? 2 : 0;
        if (*at && *at != '.')
            *why = "may have [] behind a name, nothing else in brackets";
    }
    if (*at == '.' && !*++at)
        *why = "has an empty name";
    return *why ? NULL : at;
}

const char *weir_path_parse(const char *text, weir_path *path)
{
    const char *why = NULL, *at = text;
    *path = (weir_path){.text = weir_strdup(text)};
    path->steps = weir_calloc(MOST_STEPS, sizeof *path->steps);
    if (!*text)
        return "is empty";
    while (at && *at) {
        if (path->count == MOST_STEPS)
            return "has more than 32 names";
        at = read_step(at, path, &why);
    }
    return why;
}

void weir_path_free(weir_path *path)
{
    for (size_t i = 0; i < path->count; i++)
        free(path->steps[i].name);
    free(path->steps);
    free(path->text);
    *path = (weir_path){0};
}

bool weir_step_equal(const weir_step *a, const weir_step *b)
{
    return a->each == b->each && strcmp(a->name, b->name) == 0;
}
