/* The arguments and options of one command line, checked against the command's table. */
#ifndef WEIR_APP_ARGUMENTS_H
#define WEIR_APP_ARGUMENTS_H

#include <stdint.h>

#include "base/base.h"

typedef struct weir_option {
    const char *name;   /* "limit" for --limit */
    char letter;        /* 'o' for -o; 0: none */
    const char *value;  /* what help calls its value; NULL: a flag; "TYPE ID": two values */
    const char *preset; /* default, as text; NULL: none */
    const char *doc;
    bool integer; /* the value is a whole number from least */
    int64_t least;
    const char *choices; /* separated by |; NULL: any */
    int64_t most;        /* of a whole number; 0: no bound */
} weir_option;

typedef struct weir_given {
    const weir_option *option;
    const char *value;  /* NULL for a flag */
    const char *second; /* of an option with two values */
} weir_given;

typedef struct weir_arguments {
    const struct weir_command *command;
    const char **words; /* after the command's own */
    size_t word_count;
    weir_given *given; /* in the order of the command line */
    size_t given_count;
} weir_arguments;

void weir_arguments_free(weir_arguments *arguments);

/* Values of options, by name: the last one given, else the default. Asking for an option that the
 * command does not have aborts: it is a mistake in the program. */
const char *weir_arguments_text(const weir_arguments *arguments, const char *name);   /* or NULL */
const char *weir_arguments_second(const weir_arguments *arguments, const char *name); /* or NULL */
int64_t weir_arguments_integer(const weir_arguments *arguments, const char *name);
bool weir_arguments_flag(const weir_arguments *arguments, const char *name);

/* weir_arguments_has: it was given, default or not. */
bool weir_arguments_has(const weir_arguments *arguments, const char *name);

/* weir_arguments_word returns the index-th argument, NULL beyond the last. */
const char *weir_arguments_word(const weir_arguments *arguments, size_t index);

#endif
