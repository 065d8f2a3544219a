/* Delivery exactly_once, as the relay sees it: whose transactions these are, and when one is
 * committed.
 *
 * The transactional id follows from store, relay and shard, and is recorded before it is first
 * used. So whoever leads next, in either mode, knows that a transaction may be open, and ends it
 * before reading a tail. Taking over shuts out every producer of that id; so a relay asks the store
 * whether it still leads before it takes over (two that do not know of each other would shut each
 * other out for ever) and again afterwards (a relay that was stopped in between gives up what it
 * took).
 *
 * A transaction is committed as soon as there is nothing more to read, so that a quiet store has
 * short ones, and a backlog long ones. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "producer/relay_int.h"

#define LONGEST_US 1000000 /* far from the coordinator's patience */

bool weir_relay_is_exactly_once(const weir_relay *relay)
{
    return strcmp(weir_config_text(relay->config, "relay.delivery"), "exactly_once") == 0;
}

char *weir_relay_transactional_id(const weir_relay *relay)
{
    return weir_format("weir-%s-%s-%d", weir_store_id(relay->store), relay->name, relay->shard);
}

/* record notes the id that may have transactions from now on, NULL for none; *led: we may. */
static bool record(weir_relay *relay, const char *id, bool *led, weir_error *error)
{
    char shard[24], epoch[24];
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shard, shard),
                           weir_param_integer(relay->epoch, epoch),
                           id ? WEIR_PARAM_TEXT(id) : WEIR_PARAM_NULL};
    weir_result *result = weir_connection_query(weir_store_connection(relay->store),
                                                "relay_transactions", params, 4, error);
    if (!result)
        return false;
    *led = weir_result_rows(result) == 1;
    weir_result_free(result);
    return true;
}

/* recorded reads the predecessors' id, NULL when there is none; the caller frees it. */
static bool recorded(weir_relay *relay, char **id, bool *led, weir_error *error)
{
    char shard[24], epoch[24];
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shard, shard),
                           weir_param_integer(relay->epoch, epoch)};
    *id = NULL;
    weir_result *result = weir_connection_query(weir_store_connection(relay->store),
                                                "relay_transactional_id", params, 3, error);
    if (!result)
        return false;
    *led = weir_result_rows(result) == 1;
    if (*led && weir_result_value(result, 0, 0))
        *id = weir_format("%s", weir_result_value(result, 0, 0));
    weir_result_free(result);
    return true;
}

static bool begin(weir_relay *relay, bool *led, weir_error *error)
{
    char *id = weir_relay_transactional_id(relay);
    bool ok = record(relay, id, led, error) &&
              (!*led || (weir_sink_take_over(relay->sink, relay->stop, error) &&
                         !WEIR_FAIL_AT(relay_after_take_over) && record(relay, id, led, error)));
    free(id);
    return ok;
}

/* end lets no transaction of a predecessor outlive the change to at_least_once. */
static bool end(weir_relay *relay, bool *led, weir_error *error)
{
    char *id;
    bool ok = recorded(relay, &id, led, error);
    if (ok && id)
        ok = weir_sink_end_predecessor(relay->config, id, relay->stop, error) &&
             record(relay, NULL, led, error);
    free(id);
    return ok;
}

bool weir_relay_take_over(weir_relay *relay, bool *led, weir_error *error)
{
    return relay->exactly_once ? begin(relay, led, error) : end(relay, led, error);
}

static bool is_due(const weir_relay *relay)
{
    return relay->state != WEIR_RELAY_ACTIVE || relay->caught_up || relay->wanted[0] != '\0' ||
           weir_stop_requested(relay->stop) ||
           weir_ring_events(relay->ring) >= relay->transaction_events ||
           weir_clock_monotonic_us() - relay->transaction_us > LONGEST_US;
}

bool weir_relay_commit(weir_relay *relay, weir_error *error)
{
    bool any = relay->sink && relay->exactly_once && weir_ring_events(relay->ring) > 0;
    if (!any || relay->failed_code != 0 || relay->log_lost ||
        (!relay->committing && !is_due(relay)))
        return true;
    if (!relay->committing && WEIR_FAIL_AT(relay_before_commit))
        return false;
    relay->committing = true;
    if (!weir_sink_commit(relay->sink) || relay->log_lost)
        return true;
    relay->committing = false;
    return !WEIR_FAIL_AT(relay_after_commit) && weir_relay_release(relay, error);
}
