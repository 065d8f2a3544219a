/* relay. */
#include "app/verbs.h"
#include "producer/producer.h"

bool weir_verb_relay(weir_session *session, weir_error *error)
{
    weir_relays *relays = weir_relays_new(session->config, &session->stop, error);
    if (!relays)
        return false;
    bool ok = weir_relays_run(relays, weir_arguments_flag(&session->arguments, "once"), error);
    weir_relays_free(relays);
    return ok;
}
