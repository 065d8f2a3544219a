/* wait: until a subscription has applied an event; weir.wait_for, which services call, on the
 * command line. */
#include <string.h>

#include "app/verbs.h"

/* The reasons to wait in vain that have an exit code of their own. */
static weir_code code_of(const weir_error *error)
{
    static const struct {
        const char *sqlstate;
        weir_code code;
    } codes[] = {
        {"WV011", WEIR_NOT_FOUND}, /* no such subscription */
        {"WV012", WEIR_NOT_FOUND}, /* no such event */
        {"WV014", WEIR_FAILED},    /* its aggregate is parked */
        {"WV015", WEIR_FAILED},    /* stopped or paused */
        {"WV016", WEIR_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(error->sqlstate, codes[i].sqlstate) == 0)
            return codes[i].code;
    return error->code;
}

static bool check_version(const char *text, weir_error *error)
{
    size_t digits = text ? strspn(text, "0123456789") : 1;
    return !text || (digits > 0 && digits < 19 && !text[digits] && text[0] != '0') ||
           weir_fail(error, WEIR_FATE_CONFIG, "VERSION must be a whole number from 1, not '%s'",
                     text);
}

bool weir_verb_wait(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *version = weir_arguments_word(arguments, 3);
    char timeout[24];
    if (!check_version(version, error))
        return false;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_param params[] = {
        WEIR_PARAM_TEXT(weir_arguments_word(arguments, 0)),
        WEIR_PARAM_TEXT(weir_arguments_word(arguments, 1)),
        WEIR_PARAM_TEXT(weir_arguments_word(arguments, 2)), WEIR_PARAM_TEXT(version),
        weir_param_integer(weir_arguments_integer(arguments, "timeout"), timeout)};
    weir_result *result =
        weir_connection_query(weir_store_connection(store), "cli_wait_for", params, 5, error);
    if (!result)
        error->code = code_of(error);
    weir_result_free(result);
    weir_store_close(store);
    return result != NULL;
}
