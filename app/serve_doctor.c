/* The doctor's figures as metrics of `weir serve`: a thread of its own that looks at the events
 * every doctor.interval_s, over a connection that it closes in between.
 *
 * Advice is not health: a failure here is logged, tried again later, and disturbs nothing else. A
 * statement that takes too long is given up rather than hold an old snapshot. */
#include "app/serve_int.h"

#include <string.h>

#include "app/doctor.h"
#include "store/store.h"

#define STATEMENT_MS "30000"
#define RETRY_S 60

static const weir_metric_info findings = {
    "weir_doctor_findings", "What `weir doctor events` finds in the latest events of each type.",
    WEIR_GAUGE, "check"};
static const weir_metric_info looked_at = {
    "weir_doctor_last_success_timestamp_seconds",
    "When the doctor last looked at the events, since the Unix epoch.", WEIR_GAUGE, NULL};

static void publish(const weir_doctor *doctor)
{
    for (int check = 0; check < WEIR_DOCTOR_CHECKS; check++)
        weir_metric_set(weir_metrics_series(&findings, weir_doctor_name(check)),
                        (double)doctor->findings[check].found);
    weir_metric_set(weir_metrics_series(&looked_at, NULL), (double)weir_clock_now_us() / 1e6);
}

static bool limit(weir_connection *connection, weir_error *error)
{
    weir_param most = WEIR_PARAM_TEXT(STATEMENT_MS);
    weir_result *result = weir_connection_query(connection, "doctor_session", &most, 1, error);
    weir_result_free(result);
    return result != NULL;
}

static bool look(const weir_serve *serve, weir_error *error)
{
    const weir_runtime *runtime = &serve->runtime;
    weir_doctor doctor = {0};
    weir_store *store = weir_store_open(runtime->config, "weir doctor", serve->stop, error);
    bool ok = store && limit(weir_store_connection(store), error) &&
              weir_doctor_run(&doctor, runtime->config, weir_store_connection(store),
                              runtime->upcasters, error);
    weir_store_close(store);
    if (ok)
        publish(&doctor);
    weir_doctor_clear(&doctor);
    return ok;
}

static void *run_doctor(void *context)
{
    const weir_serve *serve = context;
    int64_t interval_s = weir_config_integer(serve->runtime.config, "doctor.interval_s");
    bool failing = false;
    int64_t pause_s;
    do {
        weir_error error = {0};
        bool ok = look(serve, &error);
        if (!ok && !failing && !weir_stop_requested(serve->stop))
            WEIR_WARN("doctor", "events", "could not look at the events, will try again",
                      WEIR_TEXT("why", error.message));
        failing = !ok;
        pause_s = failing && interval_s > RETRY_S ? RETRY_S : interval_s;
    } while (!weir_stop_wait(serve->stop, (int)(pause_s * 1000)));
    return NULL;
}

bool weir_serve_doctor_start(weir_serve *serve, weir_error *error)
{
    if (weir_config_integer(serve->runtime.config, "doctor.interval_s") == 0)
        return true;
    int code = pthread_create(&serve->doctor_thread, NULL, run_doctor, serve);
    serve->doctor_started = code == 0;
    return code == 0 || weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
}

void weir_serve_doctor_join(weir_serve *serve)
{
    if (serve->doctor_started)
        pthread_join(serve->doctor_thread, NULL);
    serve->doctor_started = false;
}
