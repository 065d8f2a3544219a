/* Commands as rows of tables: parser, help, completion and dispatch all come from them. */
#ifndef WEIR_APP_COMMAND_H
#define WEIR_APP_COMMAND_H

#include "app/arguments.h"
#include "app/output.h"
#include "config/config.h"

/* What a command function works with. */
typedef struct weir_session {
    weir_arguments arguments;
    weir_config *config; /* NULL for commands without WEIR_NEEDS_CONFIG */
    weir_output output;
    weir_shape format;
    weir_stop stop; /* requested by SIGINT and SIGTERM */
} weir_session;

typedef enum weir_needs {
    WEIR_NEEDS_NOTHING = 0,
    WEIR_NEEDS_CONFIG = 1,
    WEIR_NEEDS_LOG = 2,   /* a daemon: its failure is a log line, not a message */
    WEIR_AS_APPENDER = 4, /* the roles that permit it, for who lacks them */
    WEIR_AS_READER = 8,
    WEIR_AS_RELAY = 16,
    WEIR_AS_PROJECTOR = 32,
    WEIR_AS_CREATOR = 64, /* no role: CREATE on the database */
    WEIR_AS_ADMIN = 128,
} weir_needs;

#define WEIR_FORMATS(table, json, jsonl)                                                           \
    ((table) << WEIR_SHAPE_TABLE | (json) << WEIR_SHAPE_JSON | (jsonl) << WEIR_SHAPE_JSONL)
#define WEIR_FORMATS_ALL WEIR_FORMATS(1u, 1u, 1u)

typedef struct weir_command {
    const char *name;           /* its path: "stream show" */
    const char *arguments;      /* "TYPE ID"; "" for none */
    const char *summary;        /* a line of the list of commands */
    const char *details;        /* what it does, paragraphs of at most 90 columns */
    const char *examples;       /* whole lines */
    const char *exits;          /* what 1, 3 and 4 mean here; NULL: the usual */
    const weir_option *options; /* ends with a NULL name; NULL: none */
    unsigned formats;           /* WEIR_FORMATS; 0: it has no -o */
    int least, most;            /* how many arguments; most -1: any number */
    int needs;                  /* weir_needs, or-ed */
    bool (*run)(weir_session *session, weir_error *error); /* NULL: only a group of commands */
} weir_command;

/* Of commands_projections.c, commands_letters.c and commands_sagas.c; NULL name ends. */
extern const weir_command weir_projection_commands[], weir_letter_commands[], weir_saga_commands[];
extern const weir_option weir_global_options[]; /* every command has them */
extern const weir_option weir_format_option[];  /* commands with formats have it */

/* weir_command_after returns the next of all commands, groups before their commands: the first
 * after NULL, NULL after the last. */
const weir_command *weir_command_after(const weir_command *command);

/* weir_command_find returns the command of exactly that path, NULL if there is none. */
const weir_command *weir_command_find(const char *path);

/* weir_command_child tells whether child stands directly below parent ("" is the root) and returns
 * its last word, else NULL. */
const char *weir_command_child(const weir_command *child, const char *parent);

/* weir_command_option returns the option of that name (letter: of that letter) which the command
 * has, its own or a common one; NULL if there is none. command NULL: the global ones alone. */
const weir_option *weir_command_option(const weir_command *command, const char *name, size_t length,
                                       char letter);

/* weir_command_resolve reads the command line: options anywhere, the command's words, its
 * arguments. CONFIG with a suggestion for what it does not know. With --help or --version it stops
 * checking and returns true; arguments->command may then be NULL (the program itself). */
WEIR_MUST_USE bool weir_command_resolve(int argc, char **argv, weir_arguments *arguments,
                                        weir_error *error);

#endif
