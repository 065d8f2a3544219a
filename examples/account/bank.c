/* bank open ID OWNER | deposit ID CENTS | withdraw ID CENTS | close ID: one command on one account
 * of the store that WEIR_STORE_CONNINFO names. Says the account's version; 0 done, 1 failed, 2
 * refused.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/account/account.h"

static const struct verb {
    const char *name;
    weir_command_fn *command;
    int words; /* after the verb */
} verbs[] = {
    {"open", account_open, 2},
    {"deposit", account_deposit, 2},
    {"withdraw", account_withdraw, 2},
    {"close", account_close, 1},
};

static const struct verb *find_verb(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0 && argc == verbs[i].words + 2)
            return &verbs[i];
    return NULL;
}

/* Runs the command; a connection that is lost meanwhile is opened again, once. */
static bool run(const weir_config *config, const struct verb *verb, char **words, int64_t *version,
                weir_error *error)
{
    account_opening opening = {words[1]};
    account_movement movement = {verb->words == 2 ? strtoll(words[1], NULL, 10) : 0};
    const void *argument = verb->command == account_open ? (void *)&opening : (void *)&movement;
    weir_message_context context = {.user_id = getenv("USER")};
    weir_store *store = weir_store_open(config, "bank", NULL, error);
    if (!store)
        return false;
    weir_repository *accounts = weir_repository_new(store, &account_class, NULL);
    bool ok = weir_repository_execute(accounts, words[0], verb->command, argument, &context,
                                      version, error);
    if (!ok && !weir_store_alive(store)) {
        weir_store_close(store);
        store = weir_store_open(config, "bank", NULL, error);
        if (store) {
            weir_repository_use(accounts, store);
            ok = weir_repository_resume(accounts, version, error);
        }
    }
    weir_repository_free(accounts);
    weir_store_close(store);
    return ok;
}

int main(int argc, char **argv)
{
    int64_t version = 0;
    weir_error error = {0};
    const struct verb *verb = find_verb(argc, argv);
    if (!verb)
        return fputs(
                   "usage: bank open ID OWNER | deposit ID CENTS | withdraw ID CENTS | close ID\n",
                   stderr),
               2;
    weir_config *config = weir_config_load("/dev/null", NULL, 0, &error);
    bool ok = config && run(config, verb, argv + 2, &version, &error);
    if (ok)
        printf("%s is at version %" PRId64 "\n", argv[2], version);
    else
        fprintf(stderr, "bank: %s\n", error.message);
    weir_config_free(config);
    return ok ? 0 : error.code == WEIR_INVALID ? 2 : 1;
}
