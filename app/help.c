/* Help pages. One layout for the program, a group and a command: usage, what it does, commands
 * below, options with defaults, examples, exit codes. */
#include "app/help.h"

#include <stdlib.h>
#include <string.h>

#define LEFT 26 /* columns before the text of an option */

static void write_option(weir_output *output, const weir_option *option)
{
    char *head =
        weir_format("%s%c%s--%s%s%s", option->letter ? "-" : " ",
                    option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
                    option->name, option->value ? " " : "", option->value ? option->value : "");
    int width = (int)strlen(head);
    weir_output_format(output, "  %s", head);
    if (width > LEFT - 4)
        weir_output_format(output, "\n%*s", LEFT, "");
    else
        weir_output_format(output, "%*s", LEFT - 2 - width, "");
    weir_output_text(output, option->doc);
    if (option->preset)
        weir_output_format(output, " (default %s)", option->preset);
    weir_output_text(output, "\n");
    free(head);
}

static void write_options(weir_output *output, const char *title, const weir_option *options,
                          bool format)
{
    if (!options && !format)
        return;
    weir_output_format(output, "\n%s:\n", title);
    for (const weir_option *option = options; option && option->name; option++)
        write_option(output, option);
    if (format)
        write_option(output, weir_format_option);
}

/* write_commands lists what is below path ("": every command), by whole paths. */
static void write_commands(weir_output *output, const char *path)
{
    bool any = false;
    for (const weir_command *command = weir_command_after(NULL); command;
         command = weir_command_after(command)) {
        if (*path ? !weir_command_child(command, path) : !command->run)
            continue;
        if (!any)
            weir_output_text(output, "\nCommands:\n");
        any = true;
        weir_output_format(output, "  %-22s  %s\n", command->name, command->summary);
    }
}

static void write_program(weir_output *output)
{
    weir_output_text(output, "Usage: weir COMMAND [OPTION]...\n\n"
                             "An event store on PostgreSQL, a relay to Kafka, and a runtime for "
                             "projections.\n");
    write_commands(output, "");
    write_options(output, "Options of every command", weir_global_options, false);
    weir_output_text(output, "\nExit codes: 0 ok, 1 failed, 2 usage or configuration, "
                             "3 not found or conflict, 4 timeout.\n"
                             "Run 'weir COMMAND --help' for one command.\n");
}

static void write_command(weir_output *output, const weir_command *command)
{
    if (command->run)
        weir_output_format(output, "Usage: weir %s%s%s [OPTION]...\n", command->name,
                           *command->arguments ? " " : "", command->arguments);
    else
        weir_output_format(output, "Usage: weir %s COMMAND [OPTION]...\n", command->name);
    weir_output_format(output, "\n%s\n", command->details);
    write_commands(output, command->name);
    write_options(output, "Options", command->options, command->formats != 0);
    write_options(output, "Options of every command", weir_global_options, false);
    if (command->examples)
        weir_output_format(output, "\nExamples:\n%s", command->examples);
    weir_output_format(output, "\nExit codes: 0 ok, %s.\n",
                       command->exits ? command->exits : "1 failed, 2 usage or configuration");
}

void weir_help_write(weir_output *output, const weir_arguments *arguments)
{
    if (weir_arguments_flag(arguments, "version"))
        weir_output_format(output, "weir %s\n", weir_version());
    else if (arguments->command)
        write_command(output, arguments->command);
    else
        write_program(output);
}
