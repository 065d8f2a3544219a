/* load_weir TYPE ID LOADS [snapshots]: loads an aggregate LOADS times through a repository without
 * a cache, with snapshots or without. Prints what load_floor prints. WEIR_STORE_CONNINFO says
 * where. */
#include <inttypes.h>
#include <stdio.h>

#include "bench/load.h"
#include "bench/topic.h"
#include "store/codec.h"
#include "store/repository.h"

static bool apply(void *state, const weir_event *event, weir_error *error)
{
    (void)error;
    bench_account_add(state, event->data);
    return true;
}

/* A snapshot is [balance, events]. */
static void snapshot(const void *state, weir_buffer *msgpack)
{
    const bench_account *account = state;
    char json[96];
    weir_error ignored;
    int length =
        snprintf(json, sizeof json, "[%.17e, %" PRId64 "]", account->balance, account->events);
    if (!weir_json_to_msgpack(json, (size_t)length, msgpack, &ignored))
        bench_die("%s", ignored.message);
}

static bool restore(void *state, const char *msgpack, size_t length, weir_error *error)
{
    bench_account *account = state;
    weir_buffer json = WEIR_BUFFER(256);
    bool ok = weir_msgpack_to_json(msgpack, length, &json, error);
    ok = ok && sscanf(json.data, "[%lf,%" SCNd64 "]", &account->balance, &account->events) == 2;
    weir_buffer_free(&json);
    return ok;
}

static bench_account load(weir_repository *repository, const char *id)
{
    weir_error error = {0};
    weir_aggregate *aggregate = weir_repository_load(repository, id, &error);
    if (!aggregate)
        bench_die("%s", error.message);
    bench_account account = *(const bench_account *)weir_aggregate_state(aggregate);
    weir_repository_release(repository, aggregate);
    return account;
}

int main(int argc, char **argv)
{
    if (argc < 4 || atoi(argv[3]) < 1)
        bench_die("usage: load_weir TYPE ID LOADS [snapshots]");
    weir_error error = {0};
    weir_aggregate_class accounts = {
        .type = argv[1], .size = sizeof(bench_account), .apply = apply};
    if (argc > 4) {
        accounts.snapshot = snapshot;
        accounts.restore = restore;
    }
    weir_config *config = weir_config_load("/dev/null", NULL, 0, &error);
    weir_store *store = config ? weir_store_open(config, "load_weir", NULL, &error) : NULL;
    if (!store)
        bench_die("%s", error.message);
    weir_repository *repository = weir_repository_new(store, &accounts, NULL);
    bench_account account = load(repository, argv[2]);
    int64_t started = weir_clock_monotonic_us();
    for (int i = atoi(argv[3]); i > 0; i--)
        account = load(repository, argv[2]);
    int64_t ended = weir_clock_monotonic_us();
    printf("{\"events\": %" PRId64 ", \"balance\": %.2f, \"seconds\": %.6f}\n", account.events,
           account.balance, (double)(ended - started) / 1e6);
    weir_repository_free(repository);
    weir_store_close(store);
    weir_config_free(config);
    return 0;
}
