/* relay. */
#include "app/verbs.h"
#include "producer/producer.h"

bool weir_verb_relay(weir_session *session, weir_error *error)
{
    weir_relay *relay = weir_relay_new(session->config, &session->stop, error);
    if (!relay)
        return false;
    bool ok = weir_relay_run(relay, weir_arguments_flag(&session->arguments, "once"), error);
    weir_relay_free(relay);
    return ok;
}
