/* Shell completion, generated from the table of commands.
 *
 * Every script does the same: the words before the cursor that are no options name a command; its
 * children and its options are offered, else files. */
#include "app/verbs.h"

#include <stdlib.h>
#include <string.h>

typedef void emit_fn(weir_output *output);

static void words_of(weir_output *output, const char *path)
{
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        const char *child = weir_command_child(command, path);
        if (child)
            weir_output_format(output, "%s ", child);
    }
}

static void options_of(weir_output *output, const weir_command *command)
{
    const weir_option *tables[] = {command ? command->options : NULL,
                                   command && command->formats ? weir_format_option : NULL,
                                   weir_global_options};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const weir_option *option = tables[t]; option && option->name; option++)
            weir_output_format(output, "--%s ", option->name);
}

/* emit_cases writes one shell case branch per command: its words and options. */
static void emit_cases(weir_output *output)
{
    weir_output_text(output, "    '') words='");
    words_of(output, "");
    options_of(output, NULL);
    weir_output_text(output, "' ;;\n");
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        weir_output_format(output, "    '%s') words='", command->name);
        words_of(output, command->name);
        options_of(output, command);
        weir_output_text(output, "' ;;\n");
    }
}

/* emit_names writes the paths of all commands, for the loop that finds the command. */
static void emit_names(weir_output *output)
{
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command))
        weir_output_format(output, "%s'%s'", command == weir_command_after(NULL) ? "" : "|",
                           command->name);
}

static void emit_bash(weir_output *output)
{
    weir_output_text(output, "# bash completion of weir: source <(weir completion bash)\n"
                             "_weir() {\n"
                             "  local path='' word next words i\n"
                             "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                             "    word=${COMP_WORDS[i]}\n"
                             "    next=\"${path:+$path }$word\"\n"
                             "    case $next in ");
    emit_names(output);
    weir_output_text(output, ") path=$next ;; esac\n  done\n  case $path in\n");
    emit_cases(output);
    weir_output_text(output, "  esac\n"
                             "  COMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n"
                             "}\n"
                             "complete -o default -F _weir weir\n");
}

static void emit_zsh(weir_output *output)
{
    weir_output_text(output, "#compdef weir\n"
                             "# zsh completion of weir: source <(weir completion zsh)\n"
                             "_weir() {\n"
                             "  local path_='' next words_ word\n"
                             "  for word in ${words[2,CURRENT-1]}; do\n"
                             "    next=\"${path_:+$path_ }$word\"\n"
                             "    case $next in ");
    emit_names(output);
    weir_output_text(output, ") path_=$next ;; esac\n  done\n  local words=''\n"
                             "  case $path_ in\n");
    emit_cases(output);
    weir_output_text(output, "  esac\n"
                             "  words_=(${=words})\n"
                             "  compadd -a words_ || _files\n"
                             "}\n"
                             "compdef _weir weir\n");
}

/* fish_quoted writes text inside single quotes. */
static void fish_quoted(weir_output *output, const char *text)
{
    weir_output_text(output, "'");
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            weir_output_text(output, "\\");
        weir_output_bytes(output, text, 1);
    }
    weir_output_text(output, "'");
}

static void fish_options(weir_output *output, const char *condition, const weir_option *options)
{
    for (const weir_option *option = options; option && option->name; option++) {
        weir_output_format(output, "complete -c weir -n '%s' -l %s", condition, option->name);
        if (option->letter)
            weir_output_format(output, " -s %c", option->letter);
        if (option->value)
            weir_output_text(output, " -r");
        weir_output_text(output, " -d ");
        fish_quoted(output, option->doc);
        weir_output_text(output, "\n");
    }
}

static void emit_fish(weir_output *output)
{
    weir_output_text(output, "# fish completion of weir: weir completion fish | source\n"
                             "function __weir_at\n"
                             "  set -l path ''\n"
                             "  for word in (commandline -opc)[2..-1]\n"
                             "    set -l next (string trim \"$path $word\")\n"
                             "    switch $next\n"
                             "      case ");
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command))
        weir_output_format(output, "'%s' ", command->name);
    weir_output_text(output, "\n        set path $next\n    end\n  end\n"
                             "  test \"$path\" = \"$argv[1]\"\nend\n");
    fish_options(output, "true", weir_global_options);
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        const char *space = strrchr(command->name, ' ');
        int length = space ? (int)(space - command->name) : 0;
        weir_output_format(output, "complete -c weir -n '__weir_at \"%.*s\"' -a %s -d ", length,
                           command->name, space ? space + 1 : command->name);
        fish_quoted(output, command->summary);
        weir_output_text(output, "\n");
        char *condition = weir_format("__weir_at \"%s\"", command->name);
        fish_options(output, condition, command->options);
        fish_options(output, condition, command->formats ? weir_format_option : NULL);
        free(condition);
    }
}

bool weir_verb_completion(weir_session *session, weir_error *error)
{
    static const struct {
        const char *shell;
        emit_fn *emit;
    } shells[] = {{"bash", emit_bash}, {"zsh", emit_zsh}, {"fish", emit_fish}};
    const char *shell = weir_arguments_word(&session->arguments, 0);
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].emit(&session->output);
            return true;
        }
    }
    return weir_fail(error, WEIR_FATE_CONFIG, "unknown shell '%s': bash, zsh or fish", shell);
}
