/* The number of shards: recorded by the first relay of a name, the same for all of them, and
 * changed only when none is left.
 *
 * Two relays that divide the partitions differently would publish one twice or not at all. So the
 * record is looked at and changed under a lock, and taking a shard over fails when the number is
 * not the one that the taker was started with. After a change every shard begins at the lowest
 * cursor there was; which of the events beyond it are out already, the topics' tails tell. */
#include <stdio.h>

#include "producer/relay_int.h"

#define LOOK_AGAIN_MS 200

static weir_connection *connection_of(weir_relay *relay)
{
    return weir_store_connection(relay->store);
}

static bool lock_number(weir_relay *relay, weir_error *error)
{
    char number[24];
    weir_param params[] = {weir_param_integer(weir_store_number(relay->store), number),
                           WEIR_PARAM_TEXT(relay->name)};
    weir_result *result =
        weir_connection_query(connection_of(relay), "relay_shards_lock", params, 2, error);
    weir_result_free(result);
    return result != NULL;
}

static bool record(weir_relay *relay, weir_error *error)
{
    char shards[24];
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shards, shards)};
    weir_result *result =
        weir_connection_query(connection_of(relay), "relay_reshape", params, 2, error);
    weir_result_free(result);
    return result != NULL;
}

/* unchanged_us: for how long nothing of any shard has moved. *held: shards with a holder; *clean:
 * all were stopped cleanly. */
static int64_t unchanged_us(weir_relay *relay, const weir_result *seen, int *held, bool *clean)
{
    char what[sizeof relay->sighting.what];
    uint32_t sum = 2166136261;
    *held = 0;
    *clean = true;
    for (int row = 0; row < weir_result_rows(seen); row++) {
        *held += weir_result_integer(seen, row, WEIR_SEEN_PID) != 0;
        *clean = *clean && weir_result_bool(seen, row, WEIR_SEEN_CLEAN);
        for (int column = 0; column < WEIR_SEEN_CLEAN; column++)
            for (const char *at = weir_result_value(seen, row, column); *at; at++)
                sum = (sum ^ (unsigned char)*at) * 16777619;
    }
    snprintf(what, sizeof what, "%d %u", weir_result_rows(seen), sum);
    return weir_relay_sight(&relay->sighting, what);
}

/* may_change: *change true when no relay of this name is left. */
static bool may_change(weir_relay *relay, const weir_result *seen, bool *change, weir_error *error)
{
    int held;
    bool clean, silent = unchanged_us(relay, seen, &held, &clean) > relay->takeover_us;
    *change = held == 0 && (clean || silent);
    if (held > 0 && relay->sighting.moved)
        return weir_fail(
            error, WEIR_FATE_CONFIG,
            "relay %s runs with %d shards, and this one is set to %d (relay.shards). The number "
            "can change while none runs: stop all relays of this name, then start them with %d",
            relay->name, weir_result_rows(seen), relay->shards, relay->shards);
    if (!relay->standby_said && !*change)
        WEIR_INFO("relay", relay->title,
                  "the number of shards is to change: waiting until no relay of this name is left",
                  WEIR_NUMBER("from", weir_result_rows(seen)), WEIR_NUMBER("to", relay->shards));
    relay->standby_said = true;
    for (int row = 0; silent && row < weir_result_rows(seen); row++)
        if (weir_result_integer(seen, row, WEIR_SEEN_PID) != 0 &&
            !weir_relay_evict(relay, seen, row, error))
            return false;
    return true;
}

/* end_transactions: those of shards that will not be there to end their own. */
static bool end_transactions(weir_relay *relay, const weir_result *seen, weir_error *error)
{
    bool ok = true;
    for (int row = 0; ok && row < weir_result_rows(seen); row++) {
        const char *id = weir_result_value(seen, row, WEIR_SEEN_TRANSACTIONS);
        ok = !id || weir_sink_end_predecessor(relay->config, id, relay->stop, error);
    }
    return ok;
}

/* decide: in the transaction that holds the lock. */
static bool decide(weir_relay *relay, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name)};
    weir_result *seen =
        weir_connection_query(connection_of(relay), "relay_shards", params, 1, error);
    if (!seen)
        return false;
    int recorded = weir_result_rows(seen);
    bool change = recorded == 0, ok = true;
    if (recorded > 0 && recorded != relay->shards)
        ok = may_change(relay, seen, &change, error);
    if (ok && change)
        ok = end_transactions(relay, seen, error) && record(relay, error);
    relay->numbered = ok && (change || recorded == relay->shards);
    if (relay->numbered && recorded > 0 && change)
        WEIR_INFO("relay", relay->title, "the number of shards has changed",
                  WEIR_NUMBER("from", recorded), WEIR_NUMBER("to", relay->shards));
    weir_result_free(seen);
    return ok;
}

bool weir_relay_agree(weir_relay *relay, weir_error *error)
{
    bool ok = weir_connection_execute(connection_of(relay), "BEGIN", error) &&
              lock_number(relay, error) && decide(relay, error) &&
              weir_connection_execute(connection_of(relay), "COMMIT", error);
    if (!ok) { /* Kafka may be what failed: then the session lives on */
        weir_error ignored;
        bool ended = !weir_store_alive(relay->store) ||
                     weir_connection_execute(connection_of(relay), "ROLLBACK", &ignored);
        (void)ended; /* a session that cannot even do that is found dead at its next use */
        relay->numbered = false;
        return false;
    }
    weir_relay_progress(relay);
    if (!relay->numbered)
        return weir_relay_rest(relay, LOOK_AGAIN_MS, error);
    relay->sighting = (weir_sighting){0};
    return true;
}
