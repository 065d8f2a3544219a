/* From the command line to a weir_read. */
#ifndef WEIR_APP_READ_OPTIONS_H
#define WEIR_APP_READ_OPTIONS_H

#include "app/arguments.h"
#include "store/store.h"

/* weir_read_options fills what from TYPE ID, if they were given, and from the options that the
 * command has. CONFIG for what does not go together. Texts live as long as the arguments. */
WEIR_MUST_USE bool weir_read_options(const weir_arguments *arguments, weir_read *what,
                                     weir_error *error);

/* weir_read_time reads the RFC 3339 time that --name was given. CONFIG. */
WEIR_MUST_USE bool weir_read_time(const char *name, const char *text, int64_t *time_us,
                                  weir_error *error);

#endif
