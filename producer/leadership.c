/* Leadership: of the relays of one name, one publishes a shard. The lock is held by the session, so
 * that it goes with it; the epoch is raised by whoever takes over, so that a predecessor that does
 * not know yet writes nothing any more.
 *
 * A relay that lost its session and finds its own epoch again had no successor, and goes on with
 * what it has in memory. Otherwise its memory is void, and it begins anew; also when the server is
 * another one or was started anew: it may have been restored, or a standby that lacked commits, and
 * its epochs are then a copy of the ones before.
 *
 * A stopped process, or a host that vanished, keeps its session and so the lock. A standby that has
 * seen nothing of the holder move for relay.takeover_ms ends that session. It goes by its own
 * monotonic clock and never by the time that is written, so no two clocks are compared; what it saw
 * includes the session that holds the lock, so that a new leader is never taken for the old one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "producer/relay_int.h"

#define STANDBY_MS 500
#define EVICTED_MS 50
#define SPREAD_MS 200      /* a free shard is left to others for this long per shard held here, */
#define SPREAD_MOST_MS 800 /* and at most for this long */

static weir_result *ask(weir_relay *relay, const char *statement, const weir_param *params,
                        int count, weir_error *error)
{
    return weir_connection_query(weir_store_connection(relay->store), statement, params, count,
                                 error);
}

void weir_relay_forget(weir_relay *relay)
{
    relay->epoch = 0;
    relay->unclean = relay->unclean || weir_ring_events(relay->ring) > 0;
    weir_relay_drop_sink(relay);
}

/* recognize forgets what was learnt from another server, or from this one before a restart. */
static bool recognize(weir_relay *relay, weir_error *error)
{
    weir_result *result = ask(relay, "relay_server", NULL, 0, error);
    if (!result)
        return false;
    const char *server = weir_result_value(result, 0, 0);
    if (relay->epoch != 0 && strcmp(relay->server, server) != 0) {
        WEIR_INFO(
            "relay", relay->title,
            "the store's server was started anew, or is another: beginning from Kafka's tails");
        weir_relay_forget(relay);
        relay->goal = -1;
    }
    snprintf(relay->server, sizeof relay->server, "%s", server);
    weir_result_free(result);
    return true;
}

bool weir_relay_connect(weir_relay *relay, weir_error *error)
{
    char application[64];
    snprintf(application, sizeof application, "weir relay %.50s", relay->title);
    relay->store = weir_store_open(relay->config, application, relay->stop, error);
    if (!relay->store || !recognize(relay, error))
        return false;
    relay->numbered = false;
    relay->sighting = (weir_sighting){0};
    weir_relay_store_up(relay, true, NULL);
    weir_relay_enter(relay, WEIR_RELAY_STANDBY);
    return true;
}

int64_t weir_relay_sight(weir_sighting *sighting, const char *what)
{
    int64_t now = weir_clock_monotonic_us();
    if (sighting->since_us == 0 || strcmp(sighting->what, what) != 0) {
        sighting->moved = sighting->since_us != 0;
        snprintf(sighting->what, sizeof sighting->what, "%s", what);
        sighting->since_us = now;
    }
    return now - sighting->since_us;
}

/* refuse_once: PostgreSQL does not let our user end a session of another. */
static void refuse_once(weir_relay *relay, const char *pid, const weir_error *error)
{
    if (!relay->refused_said)
        WEIR_ERROR("relay", relay->title,
                   "the active relay is silent, and this one may not end its session: let all "
                   "relays of a name log in as the same user, GRANT that user to this one, or end "
                   "the session yourself",
                   WEIR_TEXT("session", pid), WEIR_TEXT("reason", error->message));
    relay->refused_said = true;
}

bool weir_relay_evict(weir_relay *relay, const weir_result *seen, int row, weir_error *error)
{
    weir_error refused = {0};
    const char *pid = weir_result_value(seen, row, WEIR_SEEN_PID);
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name),
                           WEIR_PARAM_TEXT(weir_result_value(seen, row, WEIR_SEEN_SHARD)),
                           WEIR_PARAM_TEXT(weir_result_value(seen, row, WEIR_SEEN_EPOCH)),
                           WEIR_PARAM_TEXT(weir_result_value(seen, row, WEIR_SEEN_BEAT)),
                           WEIR_PARAM_TEXT(pid)};
    weir_result *ended = ask(relay, "relay_evict", params, 5, &refused);
    if (ended && weir_result_rows(ended) == 1)
        WEIR_WARN("relay", relay->title,
                  "the active relay was silent for too long: its session is ended",
                  WEIR_TEXT("session", pid),
                  WEIR_TEXT("last_heard_of", weir_result_value(seen, row, WEIR_SEEN_BEAT)));
    else if (!ended && strcmp(refused.sqlstate, "42501") == 0)
        refuse_once(relay, pid, &refused);
    else if (!ended)
        *error = refused;
    bool ok = ended || strcmp(refused.sqlstate, "42501") == 0;
    weir_result_free(ended);
    return ok;
}

static weir_result *watch(weir_relay *relay, weir_error *error)
{
    char shard[24];
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shard, shard)};
    return ask(relay, "relay_watch", params, 2, error);
}

/* stand_by: somebody holds the lock. */
static bool stand_by(weir_relay *relay, const weir_result *seen, int64_t silent_us,
                     weir_error *error)
{
    if (!relay->standby_said)
        WEIR_INFO("relay", relay->title, "standby: another relay of this name is active");
    relay->standby_said = true;
    if (relay->epoch != 0 && weir_result_integer(seen, 0, WEIR_SEEN_EPOCH) != relay->epoch)
        weir_relay_forget(relay);
    weir_relay_lag_clear(relay);
    weir_relay_progress(relay);
    bool silent = silent_us > relay->takeover_us;
    if (silent && !weir_relay_evict(relay, seen, 0, error))
        return false;
    return weir_relay_rest(relay, silent && !relay->refused_said ? EVICTED_MS : STANDBY_MS, error);
}

static bool try_lock(weir_relay *relay, weir_error *error)
{
    char number[24], shard[24];
    weir_param params[] = {weir_param_integer(weir_store_number(relay->store), number),
                           WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shard, shard)};
    weir_result *result = ask(relay, "relay_lock", params, 3, error);
    relay->locked = result && weir_result_bool(result, 0, 0);
    weir_result_free(result);
    return result != NULL;
}

/* take: nobody holds the lock. The more shards this process has, the longer it lets others try. */
static bool take(weir_relay *relay, int64_t free_us, weir_error *error)
{
    int64_t polite_ms = (int64_t)atomic_fetch_add(relay->held, 1) * SPREAD_MS;
    if (polite_ms > SPREAD_MOST_MS)
        polite_ms = SPREAD_MOST_MS;
    bool ok = true;
    if (free_us >= polite_ms * 1000)
        ok = try_lock(relay, error);
    if (!relay->locked)
        atomic_fetch_sub(relay->held, 1);
    return ok && (relay->locked || weir_relay_rest(relay, SPREAD_MS / 2, error));
}

/* contend takes the lock (relay->locked) or rests. */
static bool contend(weir_relay *relay, weir_error *error)
{
    char what[192];
    weir_result *seen = watch(relay, error);
    bool ok = seen != NULL;
    if (ok && weir_result_rows(seen) == 0) {
        relay->numbered = false; /* somebody removed the record */
    } else if (ok) {
        snprintf(what, sizeof what, "%s %s %s", weir_result_value(seen, 0, WEIR_SEEN_EPOCH),
                 weir_result_value(seen, 0, WEIR_SEEN_BEAT),
                 weir_result_value(seen, 0, WEIR_SEEN_PID));
        int64_t unchanged_us = weir_relay_sight(&relay->sighting, what);
        ok = weir_result_integer(seen, 0, WEIR_SEEN_PID) == 0
                 ? take(relay, unchanged_us, error)
                 : stand_by(relay, seen, unchanged_us, error);
    }
    weir_result_free(seen);
    return ok;
}

/* raise_epoch: *led false when the number of shards is another by now. */
static bool raise_epoch(weir_relay *relay, bool *led, weir_error *error)
{
    char host[64] = "", holder[96], shard[24], shards[24];
    gethostname(host, sizeof host - 1);
    snprintf(holder, sizeof holder, "%s:%ld", host, (long)getpid());
    weir_param params[] = {WEIR_PARAM_TEXT(relay->name), weir_param_integer(relay->shard, shard),
                           weir_param_integer(relay->shards, shards), WEIR_PARAM_TEXT(holder)};
    int64_t asked_us = weir_clock_monotonic_us();
    weir_result *result = ask(relay, "relay_lead", params, 4, error);
    if (!result)
        return false;
    *led = weir_result_rows(result) == 1;
    if (*led) {
        relay->epoch = weir_result_integer(result, 0, 0);
        relay->saved_position = weir_result_integer(result, 0, 1);
        relay->unclean = relay->unclean || !weir_result_bool(result, 0, 2);
        relay->unsaved_events = 0;
        relay->beat_us = asked_us;
    }
    weir_result_free(result);
    return !WEIR_FAIL_AT(relay_after_lock);
}

/* begin_anew: the lock is ours, and whoever led last was not us. */
static bool begin_anew(weir_relay *relay, weir_error *error)
{
    bool led;
    weir_relay_forget(relay);
    if (!raise_epoch(relay, &led, error))
        return false;
    if (!led)
        weir_relay_drop_store(relay);
    weir_relay_enter(relay, led ? WEIR_RELAY_STARTING : WEIR_RELAY_CONNECTING);
    return true;
}

bool weir_relay_lead(weir_relay *relay, weir_error *error)
{
    if (!relay->numbered && !weir_relay_agree(relay, error))
        return false;
    if (!relay->numbered)
        return true;
    if (!relay->locked && !contend(relay, error))
        return false;
    if (!relay->locked)
        return true;
    relay->standby_said = relay->refused_said = false;
    if (relay->epoch == 0)
        return begin_anew(relay, error);
    relay->beat_us = 0; /* now, and whether the epoch is still ours */
    if (!weir_relay_beat(relay, error) && !relay->lost)
        return false;
    if (relay->lost) {
        relay->lost = false;
        return begin_anew(relay, error);
    }
    weir_relay_enter(relay, relay->sink ? WEIR_RELAY_ACTIVE : WEIR_RELAY_STARTING);
    return true;
}
