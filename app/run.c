/* run: the subscriptions of this process, until a signal, or once to the ends of the topics. */
#include "app/runtime.h"
#include "app/verbs.h"

static bool start_and_join(weir_runtime *runtime, bool once, weir_error *error)
{
    size_t failed = 0;
    bool started = weir_runtime_start(runtime, once, error);
    if (!started)
        weir_stop_request(runtime->stop);
    weir_runtime_join(runtime, &failed);
    if (!started)
        return false;
    if (failed == runtime->count || (once && failed > 0))
        return weir_fail(error, WEIR_FATE_FATAL, "%zu of %zu subscriptions stopped themselves",
                         failed, runtime->count);
    return true;
}

bool weir_verb_run(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_runtime runtime = {0};
    bool ok = weir_runtime_load_all(&runtime, session->config, &session->stop, arguments->words,
                                    arguments->word_count, error);
    if (ok && runtime.count == 0)
        ok = weir_fail(error, WEIR_FATE_CONFIG,
                       "no projections and no handlers: name files under projections.files, or "
                       "commands under handlers");
    ok = ok && weir_runtime_check(&runtime, error) &&
         start_and_join(&runtime, weir_arguments_flag(arguments, "once"), error);
    weir_runtime_free(&runtime);
    return ok || (weir_stop_requested(&session->stop) && error->fate == WEIR_FATE_RETRY);
}
