/* Reading the command line against the table of commands.
 *
 * Options may stand anywhere after the command they are of, common ones anywhere; `--` ends them; a
 * value follows as `--name=value` or as the next word, a second one as the word behind. Words go to
 * the command's path as long as they name a child, then to its arguments. What the table does not
 * know is refused with the nearest thing that it does. */
#include "app/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

const weir_command *weir_command_find(const char *path)
{
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command))
        if (strcmp(command->name, path) == 0)
            return command;
    return NULL;
}

const char *weir_command_child(const weir_command *child, const char *parent)
{
    size_t length = strlen(parent);
    const char *word = child->name;
    if (length > 0) {
        if (strncmp(word, parent, length) != 0 || word[length] != ' ')
            return NULL;
        word += length + 1;
    }
    return strchr(word, ' ') ? NULL : word;
}

static bool matches(const weir_option *option, const char *name, size_t length, char letter)
{
    if (letter)
        return option->letter == letter;
    return strlen(option->name) == length && strncmp(option->name, name, length) == 0;
}

const weir_option *weir_command_option(const weir_command *command, const char *name, size_t length,
                                       char letter)
{
    const weir_option *tables[] = {command ? command->options : NULL,
                                   command && command->formats ? weir_format_option : NULL,
                                   weir_global_options};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const weir_option *option = tables[t]; option && option->name; option++)
            if (matches(option, name, length, letter))
                return option;
    return NULL;
}

/* A command line being read. */
typedef struct reader {
    char **argv;
    int argc, at;
    bool ended; /* by -- */
    weir_arguments *arguments;
    weir_error *error;
} reader;

/* put_near puts what was found into text, as the end of a message. */
static void put_near(char *text, size_t size, const weir_suggestion *near, const char *dashes)
{
    text[0] = '\0';
    if (near->best)
        snprintf(text, size, "; did you mean '%s%s'?", dashes, near->best);
}

static bool unknown_word(reader *in, const weir_command *parent, const char *word)
{
    weir_suggestion near = {.word = word};
    const char *path = parent ? parent->name : "", *space = parent ? " " : "";
    bool any = false;
    char end[80];
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        const char *child = weir_command_child(command, path);
        any = any || child;
        if (child)
            weir_suggest_offer(&near, child);
    }
    put_near(end, sizeof end, &near, "");
    if (!any)
        return weir_fail(in->error, WEIR_FATE_CONFIG,
                         "unexpected argument '%s'\nRun 'weir %s --help' for what there is.", word,
                         path);
    return weir_fail(in->error, WEIR_FATE_CONFIG,
                     "unknown command '%s%s%s'%s\nRun 'weir%s%s --help' for what there is.", path,
                     space, word, end, space, path);
}

/* offer_option considers an option; one that ends with the word will do if nothing is nearer: type
 * for aggregate-type. */
static void offer_option(weir_suggestion *near, const char *name)
{
    size_t length = strlen(name), wanted = strlen(near->word);
    weir_suggest_offer(near, name);
    if (!near->best && wanted > 0 && length > wanted && name[length - wanted - 1] == '-' &&
        strcmp(name + length - wanted, near->word) == 0) {
        near->best = name;
        near->distance = SIZE_MAX;
    }
}

static bool unknown_option(reader *in, const char *text)
{
    const weir_command *command = in->arguments->command;
    char end[80], *name = weir_strndup(text, strcspn(text, "="));
    weir_suggestion near = {.word = name + strspn(name, "-")};
    const weir_option *tables[] = {command ? command->options : NULL,
                                   command && command->formats ? weir_format_option : NULL,
                                   weir_global_options};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const weir_option *option = tables[t]; option && option->name; option++)
            offer_option(&near, option->name);
    put_near(end, sizeof end, &near, "--");
    weir_fail(in->error, WEIR_FATE_CONFIG,
              "unknown option '%s'%s\nRun 'weir%s%s --help' for what there is.", name, end,
              command ? " " : "", command ? command->name : "");
    free(name);
    return false;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == length && strncmp(at, value, length) == 0)
            return true;
    return false;
}

static bool check_value(reader *in, const weir_option *option, const char *value)
{
    if (option->choices && !is_choice(option->choices, value))
        return weir_fail(in->error, WEIR_FATE_CONFIG, "--%s must be one of %s, not '%s'",
                         option->name, option->choices, value);
    if (!option->integer)
        return true;
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool high = option->most && number > option->most;
    if (end != value && !*end && !errno && number >= option->least && !high)
        return true;
    char most[32] = "";
    if (option->most)
        snprintf(most, sizeof most, " to %lld", (long long)option->most);
    return weir_fail(in->error, WEIR_FATE_CONFIG,
                     "--%s must be a whole number from %lld%s, not '%s'", option->name,
                     (long long)option->least, most, value);
}

static void remember(weir_arguments *arguments, weir_given given)
{
    arguments->given =
        weir_realloc(arguments->given, (arguments->given_count + 1) * sizeof *arguments->given);
    arguments->given[arguments->given_count++] = given;
}

/* take_value takes the next word for an option that needs it. */
static bool take_value(reader *in, const weir_option *option, const char **value)
{
    if (in->at >= in->argc)
        return weir_fail(in->error, WEIR_FATE_CONFIG, "--%s needs a value: --%s %s", option->name,
                         option->name, option->value);
    *value = in->argv[in->at++];
    return true;
}

static bool read_option(reader *in, const char *text)
{
    bool is_long = text[1] == '-';
    const char *name = text + (is_long ? 2 : 1);
    size_t length = is_long ? strcspn(name, "=") : 1;
    const weir_option *option =
        weir_command_option(in->arguments->command, name, length, is_long ? '\0' : name[0]);
    if (!option)
        return unknown_option(in, text);
    weir_given given = {.option = option};
    if (name[length])
        given.value = name + length + (name[length] == '=');
    if (!option->value && given.value)
        return weir_fail(in->error, WEIR_FATE_CONFIG, "--%s takes no value", option->name);
    if (option->value && !given.value && !take_value(in, option, &given.value))
        return false;
    if (option->value && strchr(option->value, ' ') && !take_value(in, option, &given.second))
        return false;
    if (given.value && !check_value(in, option, given.value))
        return false;
    remember(in->arguments, given);
    return true;
}

/* descend takes word as the next one of the command's path if there is such a command. */
static bool descend(weir_arguments *arguments, const char *word)
{
    const char *path = arguments->command ? arguments->command->name : "";
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        const char *child = weir_command_child(command, path);
        if (child && strcmp(child, word) == 0) {
            arguments->command = command;
            return true;
        }
    }
    return false;
}

static bool read_word(reader *in, const char *word)
{
    weir_arguments *arguments = in->arguments;
    const weir_command *command = arguments->command;
    if (arguments->word_count == 0 && !in->ended && descend(arguments, word))
        return true;
    if (!command || !command->run || command->most == 0)
        return unknown_word(in, command, word);
    if (command->most >= 0 && arguments->word_count >= (size_t)command->most)
        return weir_fail(in->error, WEIR_FATE_CONFIG, "unexpected argument '%s'\nUsage: weir %s %s",
                         word, command->name, command->arguments);
    arguments->words =
        weir_realloc(arguments->words, (arguments->word_count + 1) * sizeof *arguments->words);
    arguments->words[arguments->word_count++] = word;
    return true;
}

static bool asks_for_help(const weir_arguments *arguments)
{
    return weir_arguments_flag(arguments, "help") || weir_arguments_flag(arguments, "version");
}

/* check_complete also finds an option of a parent: `weir relay --once status`. */
static bool check_complete(const weir_arguments *arguments, weir_error *error)
{
    const weir_command *command = arguments->command;
    if (!command)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "no command\nRun 'weir --help' for what there is.");
    if (!command->run)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "'%s' needs a command\nRun 'weir %s --help' for what there is.",
                         command->name, command->name);
    for (size_t i = 0; i < arguments->given_count; i++) {
        const char *name = arguments->given[i].option->name;
        if (!weir_command_option(command, name, strlen(name), 0))
            return weir_fail(error, WEIR_FATE_CONFIG, "'weir %s' has no option --%s", command->name,
                             name);
    }
    if (arguments->word_count < (size_t)command->least) {
        const char *missing = command->arguments;
        for (size_t i = 0; i < arguments->word_count; i++)
            missing += strcspn(missing, " ") + 1;
        return weir_fail(error, WEIR_FATE_CONFIG, "missing argument %.*s\nUsage: weir %s %s",
                         (int)strcspn(missing, " "), missing, command->name, command->arguments);
    }
    return true;
}

bool weir_command_resolve(int argc, char **argv, weir_arguments *arguments, weir_error *error)
{
    reader in = {.argv = argv, .argc = argc, .at = 1, .arguments = arguments, .error = error};
    while (in.at < argc) {
        const char *text = argv[in.at++];
        if (!in.ended && strcmp(text, "--") == 0)
            in.ended = true;
        else if (in.ended || text[0] != '-' || !text[1]) {
            if (!read_word(&in, text))
                return false;
        } else if (!read_option(&in, text)) {
            return false;
        }
    }
    return asks_for_help(arguments) || check_complete(arguments, error);
}
