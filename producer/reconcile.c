/* Reconciling: holds the relays' locks, so that none runs beside it, and takes one topic after the
 * other. */
#include "producer/reconcile_int.h"

#include <stdlib.h>

#define TEXT_LIMIT 65536

const char *weir_disaster_name(weir_disaster disaster)
{
#define NAME(name, text) text,
    static const char *const names[] = {WEIR_DISASTERS(NAME)};
    return names[disaster];
}

/* lock_relays takes every relay's lock; they go with the session. */
static bool lock_relays(weir_store *store, weir_error *error)
{
    char number[24];
    weir_param params[] = {weir_param_integer(weir_store_number(store), number)};
    weir_result *held =
        weir_connection_query(weir_store_connection(store), "reconcile_lock", params, 1, error);
    bool ok = held != NULL;
    if (ok && weir_result_rows(held) > 0) {
        ok = weir_fail(error, WEIR_FATE_CONFLICT,
                       "relay %s is running (%s): stop it first; a topic must not be written to "
                       "while this looks at it",
                       weir_result_value(held, 0, 0),
                       weir_result_value(held, 0, 1) ? weir_result_value(held, 0, 1) : "unknown");
        error->code = WEIR_CONFLICT;
    }
    weir_result_free(held);
    return ok;
}

static bool take(weir_case *this, weir_way way, bool execute, weir_finding_fn *fn, void *context,
                 weir_error *error)
{
    weir_buffer *texts[] = {&this->explained, &this->ways, &this->plan};
    for (size_t i = 0; i < 3; i++)
        *texts[i] = WEIR_BUFFER(TEXT_LIMIT);
    if (!weir_case_examine(this, error) || !weir_case_resolve(this, way, execute, error))
        return false;
    weir_finding finding = {this->aggregate_type, this->topic,     this->disaster,
                            this->explained.data, this->ways.data, way ? this->plan.data : NULL};
    fn(context, &finding);
    return true;
}

static bool take_all(weir_case *shared, const weir_result *rows, weir_way way, bool execute,
                     weir_finding_fn *fn, void *context, weir_error *error)
{
    bool ok = true;
    for (int i = 0; ok && i < weir_result_rows(rows); i++) {
        weir_case this = *shared;
        this.aggregate_type = weir_strdup(weir_result_value(rows, i, 0));
        this.topic = weir_strdup(weir_result_value(rows, i, 1));
        this.partitions = (int)weir_result_integer(rows, i, 2);
        this.generation = (int)weir_result_integer(rows, i, 3);
        this.accepted = weir_result_integer(rows, i, 4);
        ok = take(&this, way, execute, fn, context, error);
        weir_case_free(&this);
    }
    return ok;
}

bool weir_reconcile(const weir_config *config, weir_store *store, weir_stop *stop,
                    const char *aggregate_type, weir_way way, bool execute, weir_finding_fn *fn,
                    void *context, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type)};
    weir_case shared = {.config = config, .store = store, .stop = stop};
    weir_result *rows = NULL;
    bool ok = lock_relays(store, error) &&
              (rows = weir_connection_query(weir_store_connection(store), "reconcile_topics",
                                            params, 1, error)) &&
              (shared.reader = weir_tail_reader_open(config, stop, error)) &&
              weir_tail_reader_look(shared.reader, error);
    if (ok && aggregate_type && weir_result_rows(rows) == 0) {
        ok = weir_fail(error, WEIR_FATE_CONFIG, "no topic is recorded for aggregate type %s",
                       aggregate_type);
        error->code = WEIR_NOT_FOUND;
    }
    ok = ok && take_all(&shared, rows, way, execute, fn, context, error);
    weir_tail_reader_close(shared.reader);
    weir_result_free(rows);
    return ok;
}
