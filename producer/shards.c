/* A relay as one process runs it: one thread a shard, each with its session and its producer.
 *
 * Every process of a name contends for every shard. They share nothing but the count of shards that
 * this process holds, which makes it leave free ones to others for a moment. A shard that fails for
 * good takes the others with it: they stop cleanly, and the process says why. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "producer/relay_int.h"

typedef struct member {
    weir_relays *relays;
    weir_relay *shard;
    pthread_t thread;
    bool started, ok;
    weir_error error;
} member;

struct weir_relays {
    weir_stop *stop;
    member *members;
    size_t count;
    atomic_int held;
    bool once;
};

bool weir_relays_check(const weir_config *config, weir_error *error)
{
    weir_shape ignored;
    return weir_shape_read(config, &ignored, error);
}

weir_relays *weir_relays_new(const weir_config *config, weir_stop *stop, weir_error *error)
{
    weir_relays *relays = weir_calloc(1, sizeof *relays);
    relays->stop = stop;
    relays->count = (size_t)weir_config_integer(config, "relay.shards");
    relays->members = weir_calloc(relays->count, sizeof *relays->members);
    bool ok = true;
    for (size_t i = 0; ok && i < relays->count; i++) {
        weir_relay *shard = weir_shard_new(config, stop, (int)i, &relays->held, error);
        relays->members[i] = (member){.relays = relays, .shard = shard};
        ok = shard != NULL;
    }
    if (ok)
        return relays;
    weir_relays_free(relays);
    return NULL;
}

void weir_relays_free(weir_relays *relays)
{
    if (!relays)
        return;
    for (size_t i = 0; i < relays->count; i++)
        weir_shard_free(relays->members[i].shard);
    free(relays->members);
    free(relays);
}

size_t weir_relays_count(const weir_relays *relays)
{
    return relays->count;
}

void weir_relays_health_get(const weir_relays *relays, size_t shard, weir_relay_health *health)
{
    weir_shard_health_get(relays->members[shard].shard, health);
}

static void *run_member(void *context)
{
    member *self = context;
    self->ok = weir_shard_run(self->shard, self->relays->once, &self->error);
    if (!self->ok)
        weir_stop_request(self->relays->stop);
    return NULL;
}

bool weir_relays_run(weir_relays *relays, bool once, weir_error *error)
{
    bool ok = true;
    relays->once = once;
    for (size_t i = 0; ok && i < relays->count; i++) {
        member *self = &relays->members[i];
        int code = pthread_create(&self->thread, NULL, run_member, self);
        self->started = code == 0;
        if (code)
            ok = weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
    }
    if (!ok)
        weir_stop_request(relays->stop);
    for (size_t i = 0; i < relays->count; i++) {
        member *self = &relays->members[i];
        if (self->started)
            pthread_join(self->thread, NULL);
        if (self->started && !self->ok && ok) {
            *error = self->error;
            ok = false;
        }
        self->started = false;
    }
    return ok;
}
