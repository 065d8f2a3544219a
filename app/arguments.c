/* Looking up what was given. Parsing is in command.c; nothing here can fail on user input. */
#include "app/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"

void weir_arguments_free(weir_arguments *arguments)
{
    free(arguments->words);
    free(arguments->given);
    *arguments = (weir_arguments){0};
}

static const weir_given *find(const weir_arguments *arguments, const char *name)
{
    for (size_t i = arguments->given_count; i-- > 0;)
        if (strcmp(arguments->given[i].option->name, name) == 0)
            return &arguments->given[i];
    return NULL;
}

const char *weir_arguments_text(const weir_arguments *arguments, const char *name)
{
    const weir_given *given = find(arguments, name);
    if (given)
        return given->value;
    const weir_option *option = weir_command_option(arguments->command, name, strlen(name), 0);
    if (!option) {
        fprintf(stderr, "weir: no option --%s here\n", name);
        abort();
    }
    return option->preset;
}

const char *weir_arguments_second(const weir_arguments *arguments, const char *name)
{
    const weir_given *given = find(arguments, name);
    return given ? given->second : NULL;
}

int64_t weir_arguments_integer(const weir_arguments *arguments, const char *name)
{
    const char *text = weir_arguments_text(arguments, name);
    return text ? strtoll(text, NULL, 10) : 0;
}

bool weir_arguments_flag(const weir_arguments *arguments, const char *name)
{
    return find(arguments, name) != NULL;
}

bool weir_arguments_has(const weir_arguments *arguments, const char *name)
{
    return find(arguments, name) != NULL;
}

const char *weir_arguments_word(const weir_arguments *arguments, size_t index)
{
    return index < arguments->word_count ? arguments->words[index] : NULL;
}
