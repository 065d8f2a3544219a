/* Running one command: configuration, signals, output, exit code; and what most commands share. */
#ifndef WEIR_APP_SESSION_H
#define WEIR_APP_SESSION_H

#include "app/command.h"
#include "store/store.h"

/* weir_session_run runs the command that arguments name; returns the exit code. */
int weir_session_run(weir_arguments *arguments);

/* weir_session_store opens the store under the command's name. Close it with weir_store_close. */
weir_store *weir_session_store(weir_session *session, weir_error *error);

/* weir_session_stop is the stop that signals request; NULL before a command runs. */
weir_stop *weir_session_stop(void);

/* weir_session_explain_config adds to an error of a store that was not reached that nobody said
 * where the store is, if so. */
void weir_session_explain_config(const weir_config *config, weir_error *error);

/* weir_exit_code maps an error to the exit code of the program. */
int weir_exit_code(const weir_error *error);

#endif
