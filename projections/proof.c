/* Proving that a projection's tables are what its events make of them.
 *
 * A generation is at no single position: each partition and lane has a checkpoint of its own, and
 * it moves in the transaction of the effects. So one snapshot of checkpoints, dead letters and
 * tables together says exactly which events the tables hold (reach.c), whatever the runtime, the
 * relay and services do meanwhile. There is nothing to wait for: a projection that lags, or is
 * stopped, is proven for what it has applied.
 *
 *   1. Read the reach; fold those events into a scratch schema, one by one, in committed batches.
 *   2. Again with what was applied since, until little is new.
 *   3. In one REPEATABLE READ transaction: read the reach, fold the rest, compare, roll back.
 *
 * So the snapshot is held only for the rest and the comparison, and the serving tables are neither
 * locked nor copied. That the events are all there follows from the relay: what a checkpoint has
 * passed was read through the fence, so below it nothing can appear any more, and nothing is asked
 * of the fence again.
 *
 * Parked aggregates need no special care: every event of theirs that waits has its letter, so it is
 * left out of the fold as it was left out of the tables.
 *
 * The fold shares with the runtime the file's parser, routing and the form of parameters; not the
 * waves, the gate, the batches, the decoding of messages, checkpoints or retries. It must never
 * write outside of its scratch schema. */
#include "projections/proof_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"
#include "projections/history.h"
#include "projections/reach.h"
#include "projections/refold.h"

#define MARK "made by weir verify projection; drop it at will"
#define LITTLE 2000 /* events: no more to be folded within the snapshot, if that can be had */
#define ROUNDS 20
#define SNAPSHOT "BEGIN ISOLATION LEVEL REPEATABLE READ"
#define UNHURRIED                                                                                  \
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "         \
    "SET LOCAL search_path = pg_catalog, public"

typedef struct prover {
    weir_projection *projection;
    const weir_proof_options *options;
    weir_proof *proof;
    weir_connection *work;
    weir_history history;
    weir_refold *refold;
    char scratch[WEIR_SCHEMA_SIZE], serving[WEIR_SCHEMA_SIZE];
    weir_reach before, now;
    weir_result *sample; /* type and id; NULL: not a sample */
} prover;

static void amend(void *context, weir_event *event)
{
    const prover *p = context;
    weir_reach_edited(&p->now, event);
}

static bool take(void *context, const weir_event *event, const weir_error *unreadable,
                 weir_error *error)
{
    prover *p = context;
    if (!weir_reach_has(&p->now, event) || weir_reach_has(&p->before, event))
        return true;
    p->proof->events++;
    if (p->options->progress && p->proof->events % 1000 == 0)
        p->options->progress(p->options->context, p->proof->events);
    if (!unreadable)
        return weir_refold_add(p->refold, event, error);
    weir_refold_refuse(p->refold, event, unreadable);
    return true;
}

/* read_from folds what is new beyond a position: of all aggregates, or of one. */
static bool read_from(prover *p, int64_t since, const char *type, const char *id, weir_error *error)
{
    p->history.aggregate_type = type;
    p->history.aggregate_id = id;
    p->history.after = since;
    p->history.version = 0;
    p->history.end = p->now.last;
    p->history.ended = since >= p->now.last;
    while (!p->history.ended)
        if (!weir_history_read(&p->history, take, p, error))
            return false;
    return true;
}

static bool fold_new(prover *p, weir_error *error)
{
    const weir_proof_options *options = p->options;
    int64_t since = weir_reach_since(&p->before, &p->now);
    if (since < 0)
        return weir_fail(
            error, WEIR_FATE_CONFLICT,
            "projection '%s' was reset, or its topics changed, meanwhile; run it again",
            p->projection->name);
    bool ok = true;
    if (p->sample)
        for (int i = 0; ok && i < weir_result_rows(p->sample); i++)
            ok = read_from(p, since, weir_result_value(p->sample, i, 0),
                           weir_result_value(p->sample, i, 1), error);
    else
        ok = read_from(p, since, options->aggregate_type, options->aggregate_id, error);
    ok = ok && weir_refold_flush(p->refold, error);
    weir_reach_free(&p->before);
    p->before = p->now;
    p->now = (weir_reach){0};
    return ok;
}

static bool load_reach(prover *p, weir_error *error)
{
    return weir_reach_load(&p->now, p->projection, p->proof->generation, p->work, error);
}

/* fold_most folds until little is left to do. */
static bool fold_most(prover *p, weir_error *error)
{
    int64_t events;
    int rounds = 0;
    do {
        events = p->proof->events;
        if (!weir_connection_execute(p->work, SNAPSHOT, error) || !load_reach(p, error) ||
            !weir_connection_execute(p->work, "COMMIT", error) || !fold_new(p, error))
            return false;
    } while (p->proof->events - events > LITTLE && ++rounds < ROUNDS);
    return true;
}

static bool find_generation(prover *p, int *generation, weir_error *error)
{
    bool same_tables = false, same = false;
    char *definition = weir_definition_make(p->projection, p->work, error);
    *generation = p->options->generation;
    bool ok =
        definition &&
        (*generation ? weir_generation_check(p->projection, p->work, definition, *generation, error)
                     : weir_generation_find(p->projection, p->work, definition, generation,
                                            &same_tables, &same, error));
    free(definition);
    if (!ok || p->options->generation)
        return ok;
    if (*generation == 0)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND,
                              "projection '%s' has never run", p->projection->name);
    if (!same_tables)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "the tables of generation %d of '%s' were made by other statements than "
                         "the file has: there is nothing to compare with",
                         *generation, p->projection->name);
    p->proof->other_handlers = !same;
    return true;
}

/* compare is the moment that the proof is about. */
static bool compare(prover *p, weir_error *error)
{
    int generation;
    if (!weir_connection_execute(p->work, SNAPSHOT, error) || !load_reach(p, error) ||
        !find_generation(p, &generation, error))
        return false;
    if (generation != p->proof->generation)
        return weir_fail(error, WEIR_FATE_CONFLICT,
                         "generation %d began to serve meanwhile; run it again", generation);
    p->proof->position = p->now.last;
    p->proof->parked = p->now.parked;
    p->proof->left_out = p->now.left_out;
    p->proof->unplaced = p->now.unplaced;
    bool ok = fold_new(p, error) && weir_connection_execute(p->work, UNHURRIED, error) &&
              weir_proof_compare(p->work, p->scratch, p->serving, p->options, p->proof, error) &&
              weir_connection_execute(p->work, "ROLLBACK", error);
    return ok;
}

static bool lock(prover *p, weir_error *error)
{
    weir_param name = WEIR_PARAM_TEXT(p->projection->name);
    weir_result *result = weir_connection_query(p->work, "proof_lock", &name, 1, error);
    if (!result)
        return false;
    bool ours = weir_result_bool(result, 0, 0);
    weir_result_free(result);
    return ours || weir_fail(error, WEIR_FATE_CONFLICT, "another one verifies '%s' right now",
                             p->projection->name);
}

/* choose draws the sample. */
static bool choose(prover *p, weir_error *error)
{
    char count[24];
    if (p->options->aggregate_id)
        return weir_history_check(&p->history, error);
    if (p->options->sample == 0)
        return true;
    weir_array types = {.bytes = WEIR_BUFFER((size_t)1 << 20)};
    weir_array_begin(&types, WEIR_PG_TEXT);
    for (size_t i = 0; i < p->projection->type_count; i++)
        weir_array_text(&types, p->projection->types[i], strlen(p->projection->types[i]));
    const weir_param params[] = {weir_array_param(&types),
                                 weir_param_integer(p->options->sample, count)};
    p->sample = weir_connection_query(weir_store_connection(p->history.store), "proof_sample",
                                      params, 2, error);
    weir_array_free(&types);
    p->proof->aggregates = p->sample ? weir_result_rows(p->sample) : 0;
    return p->sample != NULL;
}

static bool check_part(const prover *p, weir_error *error)
{
    if (p->projection->apply == WEIR_APPLY_AGGREGATE ||
        (p->options->sample == 0 && !p->options->aggregate_id))
        return true;
    return weir_fail(error, WEIR_FATE_CONFIG,
                     "only a projection with 'apply: aggregate' can be verified in part: a handler "
                     "of '%s' may touch rows of any aggregate",
                     p->projection->name);
}

static bool open_refold(prover *p, const weir_config *config, weir_error *error)
{
    const weir_refold_options options = {.schema = p->scratch,
                                         .mark = MARK,
                                         .replace = true,
                                         .one_by_one = true,
                                         .refused = p->options->refused,
                                         .context = p->options->context};
    p->refold = weir_refold_open(p->projection, config, p->work, &options, error);
    return p->refold != NULL;
}

/* leave takes back everything, whatever went wrong before. */
static void leave(prover *p)
{
    weir_error error;
    bool ok = !weir_connection_in_transaction(p->work) ||
              weir_connection_execute(p->work, "ROLLBACK", &error);
    if (p->refold && weir_connection_alive(p->work) &&
        (!ok || !weir_refold_drop(p->refold, &error)))
        WEIR_WARN("projection", p->projection->name, error.message);
    weir_refold_close(p->refold);
    weir_history_free(&p->history);
    weir_reach_free(&p->before);
    weir_reach_free(&p->now);
    weir_result_free(p->sample);
}

bool weir_prove(weir_projection *projection, const weir_config *config,
                const weir_upcasters *upcasters, weir_store *reader, weir_connection *work,
                const weir_stop *stop, const weir_proof_options *options, weir_proof *proof,
                weir_error *error)
{
    *proof = (weir_proof){0};
    prover p = {.projection = projection, .options = options, .proof = proof, .work = work};
    p.history = (weir_history){.store = reader,
                               .upcasters = upcasters,
                               .projection = projection,
                               .stop = stop,
                               .aggregate_type = options->aggregate_type,
                               .aggregate_id = options->aggregate_id,
                               .amend = amend,
                               .context = &p};
    bool ok = check_part(&p, error) && find_generation(&p, &proof->generation, error) &&
              lock(&p, error) && choose(&p, error);
    if (ok) {
        snprintf(p.scratch, sizeof p.scratch, "%s__verify", projection->name);
        weir_tables_schema(projection, proof->generation, p.serving);
        ok = open_refold(&p, config, error) &&
             weir_proof_columns(work, p.scratch, options, error) && fold_most(&p, error) &&
             compare(&p, error);
        proof->refused = p.refold ? weir_refold_refused(p.refold) : 0;
    }
    leave(&p);
    return ok;
}
