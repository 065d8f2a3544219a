/* Building a state for people to look at: the same class, snapshots and upcasters as a service has,
 * without its commands. */
#include "app/replay.h"

#include <inttypes.h>

#include "app/schema.h"
#include "store/codec.h"

#define STATE_LIMIT ((size_t)64 * 1024 * 1024) /* as the repository has it */
#define SHOWN_LIMIT ((size_t)48 * 1024 * 1024) /* a table's cell takes no more */

bool weir_replay_open(weir_replay *replay, weir_session *session, const char *type,
                      weir_error *error)
{
    static const weir_snapshot_policy never = {.keep = 1};
    *replay = (weir_replay){.snapshots = true};
    replay->plugins = weir_plugins_load(session->config, error);
    if (!replay->plugins || !(replay->class = weir_plugins_class(replay->plugins, type, error)))
        return false;
    if (!replay->class->snapshot)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "the class of aggregate type '%s' has no snapshot and restore, so that "
                         "nothing can say what its state is",
                         type);
    replay->upcasters = weir_schema_open(session->config, error);
    replay->store = replay->upcasters ? weir_session_store(session, error) : NULL;
    if (!replay->store)
        return false;
    weir_store_upcast(replay->store, replay->upcasters);
    replay->repository = weir_repository_new(replay->store, replay->class,
                                             &(weir_repository_options){.snapshots = &never});
    return true;
}

void weir_replay_close(weir_replay *replay)
{
    weir_aggregate_free(replay->aggregate);
    weir_repository_free(replay->repository);
    weir_store_close(replay->store);
    weir_upcasters_free(replay->upcasters);
    weir_plugins_free(replay->plugins);
}

struct folder {
    weir_replay *replay;
    weir_event_fn *fn; /* may be NULL */
    void *context;
};

static bool fold(void *context, const weir_event *event, weir_error *error)
{
    struct folder *folder = context;
    return weir_aggregate_fold(folder->replay->aggregate, event, error) &&
           (!folder->fn || folder->fn(folder->context, event, error));
}

bool weir_replay_on(weir_replay *replay, int64_t version, weir_event_fn *fn, void *context,
                    weir_error *error)
{
    struct folder folder = {replay, fn, context};
    weir_read what = {.aggregate_type = replay->class->type,
                      .aggregate_id = weir_aggregate_id(replay->aggregate),
                      .from = weir_aggregate_version(replay->aggregate) + 1,
                      .to = version};
    return what.from > version || weir_store_read(replay->store, &what, fold, &folder, error);
}

bool weir_replay_to(weir_replay *replay, const char *id, int64_t version, weir_error *error)
{
    weir_aggregate_free(replay->aggregate);
    if (replay->snapshots && version > 0) {
        replay->aggregate = weir_repository_load_as_of(replay->repository, id, version, 0, error);
        return replay->aggregate != NULL;
    }
    replay->aggregate = weir_aggregate_new(replay->class, id);
    return weir_replay_on(replay, version, NULL, NULL, error);
}

static bool see_version(void *context, const weir_event *event, weir_error *error)
{
    (void)error;
    *(int64_t *)context = event->version;
    return true;
}

bool weir_replay_version(weir_replay *replay, const char *id, int64_t as_of_us, int64_t wanted,
                         int64_t *version, weir_error *error)
{
    const char *type = replay->class->type;
    weir_read last = {.aggregate_type = type,
                      .aggregate_id = id,
                      .as_of_us = as_of_us,
                      .backwards = true,
                      .limit = 1};
    *version = 0;
    weir_store_upcast(replay->store, NULL); /* only its number is looked at */
    bool ok = weir_store_read(replay->store, &last, see_version, version, error);
    weir_store_upcast(replay->store, replay->upcasters);
    if (!ok)
        return false;
    if (*version == 0)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no %s/%s%s", type,
                              id, as_of_us ? " as of that time" : "");
    if (wanted > *version)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND,
                              "%s/%s has no version %" PRId64 ": it is at %" PRId64, type, id,
                              wanted, *version);
    *version = wanted ? wanted : *version;
    return true;
}

bool weir_replay_state(const weir_replay *replay, weir_buffer *msgpack, weir_error *error)
{
    *msgpack = WEIR_BUFFER(STATE_LIMIT);
    replay->class->snapshot(weir_aggregate_state(replay->aggregate), msgpack);
    return (!msgpack->overflow && msgpack->length > 0) ||
           weir_fail(error, WEIR_FATE_POISON, "the state of '%s' %s", replay->class->type,
                     msgpack->overflow ? "has more than 64 MiB" : "is no msgpack: nothing");
}

bool weir_replay_json(const weir_replay *replay, weir_buffer *json, weir_error *error)
{
    weir_buffer msgpack;
    bool ok = weir_replay_state(replay, &msgpack, error);
    *json = WEIR_BUFFER(SHOWN_LIMIT);
    ok = ok && (weir_msgpack_to_json(msgpack.data, msgpack.length, json, error) ||
                weir_error_prefix(error, "the state of '%s' as JSON", replay->class->type));
    weir_buffer_free(&msgpack);
    return ok;
}
