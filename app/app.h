/* app: the program `weir`. The only folder that knows all the others; nothing includes it.
 *
 * Data goes to stdout, messages to stderr. Exit codes: 0 ok, 1 failed, 2 usage or configuration,
 * 3 not found or conflict, 4 timeout. */
#ifndef WEIR_APP_APP_H
#define WEIR_APP_APP_H

/* weir_main runs the command that the arguments name and returns the exit code. */
int weir_main(int argc, char **argv);

#endif
