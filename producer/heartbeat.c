/* The heartbeat: by it standbys know that the holder of a shard lives, and by it the holder knows
 * that it is still one.
 *
 * The holder writes it several times within relay.takeover_ms, whatever else it waits for. When it
 * finds that its last one is older than that, it was stopped or cut off, and a standby may have
 * replaced it: then it hands nothing more to Kafka before the store has said that it still leads.
 * What librdkafka holds at that moment goes out or not; it follows on what is there in each
 * partition, as the successor's messages do, so it can only repeat. */
#include "producer/relay_int.h"

#define BEATS 5 /* within the time after which a standby takes over, */
#define SELDOMEST_US                                                                               \
    2000000 /* and never more seldom: `weir relay status` tells by it who lives                    \
             */

static int64_t beat_every_us(const weir_relay *relay)
{
    int64_t every = relay->takeover_us / BEATS;
    return every < SELDOMEST_US ? every : SELDOMEST_US;
}

bool weir_relay_lose(weir_relay *relay, weir_error *error)
{
    relay->lost = true;
    return weir_fail(error, WEIR_FATE_RETRY, "another relay has taken over");
}

bool weir_relay_beat(weir_relay *relay, weir_error *error)
{
    char shard[24], epoch[24];
    int64_t now = weir_clock_monotonic_us();
    if (!relay->locked || relay->epoch == 0 || now - relay->beat_us < beat_every_us(relay))
        return true;
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shard, shard),
                           weir_param_integer(relay->epoch, epoch)};
    weir_result *result =
        weir_connection_query(weir_store_connection(relay->store), "relay_beat", params, 3, error);
    if (!result)
        return false;
    bool led = weir_result_rows(result) == 1;
    weir_result_free(result);
    if (!led)
        return weir_relay_lose(relay, error);
    relay->beat_us = now;
    return true;
}

bool weir_relay_keep_beating(void *context)
{
    weir_error ignored; /* the next use of the store meets it again */
    return weir_relay_beat(context, &ignored);
}

static int64_t silent_us(const weir_relay *relay)
{
    return weir_clock_monotonic_us() - relay->beat_us;
}

bool weir_relay_late(const weir_relay *relay)
{
    bool goes_on = relay->read_events > 0;
    return silent_us(relay) > (goes_on ? relay->takeover_us / 2 : relay->takeover_us);
}

bool weir_relay_leads(weir_relay *relay, weir_error *error)
{
    if (silent_us(relay) <= relay->takeover_us)
        return true;
    WEIR_WARN("relay", relay->title, "stopped or cut off for long; asking whether it still leads");
    if (weir_relay_beat(relay, error))
        return true;
    relay->unclean = relay->unclean || weir_ring_events(relay->ring) > 0;
    weir_relay_drop_sink(relay);
    return false;
}

void weir_relay_step_down(weir_relay *relay)
{
    WEIR_WARN("relay", relay->title, "another relay has taken over",
              WEIR_NUMBER("epoch", relay->epoch));
    relay->lost = false;
    weir_relay_forget(relay);
    weir_relay_drop_store(relay);
    if (relay->state != WEIR_RELAY_STOPPED)
        weir_relay_enter(relay, WEIR_RELAY_CONNECTING);
}
