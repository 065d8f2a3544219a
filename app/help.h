/* --help and --version, from the table of commands. */
#ifndef WEIR_APP_HELP_H
#define WEIR_APP_HELP_H

#include "app/command.h"

/* weir_help_write writes the version when --version was given, else the help of the command, group
 * or program that the arguments name. */
void weir_help_write(weir_output *output, const weir_arguments *arguments);

#endif
