/* Leadership: one relay of a name is active. The lock is held by the session, so that it goes with
 * it; the epoch is raised by whoever takes over, so that a predecessor that does not know yet
 * writes nothing any more.
 *
 * A relay that lost its session and finds its own epoch again had no successor, and goes on with
 * what it has in memory. Otherwise its memory is void: it lets its messages go out, and begins
 * anew. */
#include <stdio.h>
#include <unistd.h>

#include "producer/relay_int.h"

#define STANDBY_MS 500
#define DRAIN_MS 50

bool weir_relay_connect(weir_relay *relay, weir_error *error)
{
    char application[64];
    snprintf(application, sizeof application, "weir relay %.50s", relay->name);
    relay->store = weir_store_open(relay->config, application, relay->stop, error);
    if (!relay->store)
        return false;
    weir_relay_store_up(relay, true, NULL);
    weir_relay_enter(relay, WEIR_RELAY_STANDBY);
    return true;
}

static bool try_lock(weir_relay *relay, weir_error *error)
{
    char number[24];
    weir_param params[] = {weir_param_integer(weir_store_number(relay->store), number),
                           WEIR_PARAM_TEXT(relay->name)};
    weir_result *result =
        weir_connection_query(weir_store_connection(relay->store), "relay_lock", params, 2, error);
    if (!result)
        return false;
    relay->locked = weir_result_bool(result, 0, 0);
    weir_result_free(result);
    return true;
}

static bool wait_for_turn(weir_relay *relay, weir_error *error)
{
    if (!relay->standby_said)
        WEIR_INFO("relay", relay->name, "standby: another relay of this name is active");
    relay->standby_said = true;
    weir_relay_lag_clear(relay);
    weir_relay_progress(relay);
    return weir_relay_rest(relay, STANDBY_MS, error);
}

/* resume: *resumed when the recorded epoch is still ours. */
static bool resume(weir_relay *relay, bool *resumed, weir_error *error)
{
    char number[24];
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->epoch, number)};
    weir_result *result = weir_connection_query(weir_store_connection(relay->store), "relay_resume",
                                                params, 2, error);
    if (!result)
        return false;
    *resumed = weir_result_rows(result) == 1;
    weir_result_free(result);
    return true;
}

/* leave_memory: what was handed to Kafka under the old epoch goes out before anything else; *left
 * once that is over. */
static bool leave_memory(weir_relay *relay, bool *left, weir_error *error)
{
    weir_error failed;
    *left = !relay->sink || weir_ring_events(relay->ring) == 0 || relay->failed_code != 0 ||
            relay->log_lost || !weir_sink_check(relay->sink, &failed);
    if (!*left)
        return weir_relay_rest(relay, DRAIN_MS, error);
    relay->unclean = relay->unclean || weir_ring_events(relay->ring) > 0;
    weir_relay_drop_sink(relay);
    return true;
}

void weir_relay_lost_lead(weir_relay *relay)
{
    WEIR_WARN("relay", relay->name, "another relay has taken over",
              WEIR_NUMBER("epoch", relay->epoch));
    weir_relay_drop_store(relay);
    weir_relay_enter(relay, WEIR_RELAY_CONNECTING);
}

static bool raise_epoch(weir_relay *relay, weir_error *error)
{
    char host[64] = "", holder[96];
    gethostname(host, sizeof host - 1);
    snprintf(holder, sizeof holder, "%s:%ld", host, (long)getpid());
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), WEIR_PARAM_TEXT(holder)};
    weir_result *result =
        weir_connection_query(weir_store_connection(relay->store), "relay_lead", params, 2, error);
    if (!result)
        return false;
    relay->epoch = weir_result_integer(result, 0, 0);
    relay->saved_position = weir_result_integer(result, 0, 1);
    relay->unclean = relay->unclean || !weir_result_bool(result, 0, 2);
    relay->unsaved_events = 0;
    weir_result_free(result);
    return !WEIR_FAIL_AT(relay_after_lock);
}

bool weir_relay_lead(weir_relay *relay, weir_error *error)
{
    bool resumed = false, left = false;
    if (!relay->locked && !try_lock(relay, error))
        return false;
    if (!relay->locked)
        return wait_for_turn(relay, error);
    relay->standby_said = false;
    if (relay->epoch > 0 && !resume(relay, &resumed, error))
        return false;
    if (resumed) {
        weir_relay_enter(relay, relay->sink ? WEIR_RELAY_ACTIVE : WEIR_RELAY_STARTING);
        return true;
    }
    relay->epoch = 0;
    if (!leave_memory(relay, &left, error))
        return false;
    if (!left)
        return true;
    if (!raise_epoch(relay, error))
        return false;
    weir_relay_enter(relay, WEIR_RELAY_STARTING);
    return true;
}
