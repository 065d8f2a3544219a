/* serve: relay, subscriptions and the admin listener in one process.
 *
 * Order: what can be refused (address, files, statements) is refused before anything runs, but the
 * listener is up from the start, so that probes see a store that does not answer. A relay that
 * fails for good ends the process, since nothing would be published any more; a subscription that
 * stops itself does not, and shows in /readyz. */
#include "app/serve_int.h"
#include "app/verbs.h"

#include <string.h>

static void *run_relay(void *context)
{
    weir_serve *serve = context;
    weir_error error = {0};
    serve->relay_failed = !weir_relays_run(serve->relays, false, &error);
    if (serve->relay_failed) {
        WEIR_ERROR("relay", weir_config_text(serve->runtime.config, "relay.name"),
                   "failed for good", WEIR_TEXT("why", error.message),
                   WEIR_TEXT("fate", weir_fate_name(error.fate)));
        weir_stop_request(serve->stop);
    }
    return NULL;
}

/* run_parts starts everything and returns when all of it has ended. */
static bool run_parts(weir_serve *serve, weir_error *error)
{
    size_t stopped = 0;
    int code = pthread_create(&serve->relay_thread, NULL, run_relay, serve);
    if (code)
        return weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
    bool ok =
        weir_runtime_start(&serve->runtime, false, error) && weir_serve_doctor_start(serve, error);
    if (ok)
        atomic_store(&serve->started, true);
    else
        weir_stop_request(serve->stop);
    pthread_join(serve->relay_thread, NULL);
    weir_runtime_join(&serve->runtime, &stopped);
    weir_serve_doctor_join(serve);
    if (ok && serve->relay_failed)
        ok = weir_fail(error, WEIR_FATE_FATAL, "the relay failed for good; all parts have stopped");
    return ok;
}

bool weir_verb_serve(weir_session *session, weir_error *error)
{
    weir_serve serve = {.stop = &session->stop, .started_us = weir_clock_monotonic_us()};
    weir_admin *admin = NULL;
    bool ok = false;
    if (!weir_runtime_load_all(&serve.runtime, session->config, &session->stop, NULL, 0, error) ||
        !(admin = weir_admin_open(weir_config_text(session->config, "admin.listen"),
                                  weir_serve_pages, &serve, error)))
        goto out;
    WEIR_INFO("admin", weir_admin_address(admin), "listening");
    if (!weir_runtime_check(&serve.runtime, error))
        goto out;
    serve.relays = weir_relays_new(session->config, &session->stop, error);
    if (!serve.relays)
        goto out;
    ok = run_parts(&serve, error);
out:
    weir_admin_close(admin);
    weir_relays_free(serve.relays);
    weir_runtime_free(&serve.runtime);
    return ok || (weir_stop_requested(&session->stop) && error->fate == WEIR_FATE_RETRY);
}
