/* The ways out of a disaster. Each is planned from what the examination found, says what it does,
 * and is gone in one transaction that no relay can begin to lead beside: before its commit all is
 * as it was, after it the next start of a relay finds a state that needs nothing more.
 *
 * A topic of a new generation is made in Kafka before the transaction: should the process die in
 * between, an empty topic is left that nobody uses, and the same command takes it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "producer/producer.h"
#include "producer/reconcile_int.h"

#define ARRAY_LIMIT (1 << 20)
#define HORIZON_US 30000000
#define LOOK_MS 100

static bool refuse(weir_case *this, const char *why, weir_error *error)
{
    return weir_fail(error, WEIR_FATE_CONFIG, "topic %s of %s: %s", this->topic,
                     this->aggregate_type, why);
}

static bool run(weir_case *this, const char *statement, const weir_param *params, int count,
                weir_error *error)
{
    weir_result *result =
        weir_connection_query(weir_store_connection(this->store), statement, params, count, error);
    weir_result_free(result);
    return result != NULL;
}

/* The transaction of a way: begin holds relays and projections off; end commits if all went well,
 * and undoes a dry run. */
static bool begin(weir_case *this, weir_error *error)
{
    return weir_connection_execute(weir_store_connection(this->store), "BEGIN", error) &&
           run(this, "reconcile_hold", NULL, 0, error);
}

static bool end(weir_case *this, bool ok, bool execute, weir_error *error)
{
    weir_error ignored;
    weir_connection *connection = weir_store_connection(this->store);
    if (ok && execute && WEIR_FAILPOINT(reconcile_before_commit))
        ok = weir_fail(error, WEIR_FATE_RETRY, "failpoint reconcile_before_commit");
    if (ok)
        return weir_connection_execute(connection, execute ? "COMMIT" : "ROLLBACK", error);
    if (weir_connection_alive(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", &ignored))
        WEIR_DEBUG("reconcile", this->topic, "the session ends with the transaction");
    return false;
}

static bool rewind_relays(weir_case *this, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(this->aggregate_type), WEIR_PARAM_TEXT(this->topic)};
    return run(this, "reconcile_rewind", params, 2, error);
}

/* carry_readers moves the checkpoints to what is to be published, and adds to the plan what becomes
 * of each projection. */
static bool carry_readers(weir_case *this, const char *topic, int partitions, weir_error *error)
{
    weir_array below = {WEIR_BUFFER(ARRAY_LIMIT), 0};
    weir_case_same_below(this, partitions, &below);
    weir_param params[] = {WEIR_PARAM_TEXT(this->aggregate_type), WEIR_PARAM_TEXT(this->topic),
                           WEIR_PARAM_TEXT(topic), weir_array_param(&below)};
    weir_result *rows = weir_connection_query(weir_store_connection(this->store), "reconcile_carry",
                                              params, 4, error);
    for (int i = 0; rows && i < weir_result_rows(rows); i++)
        weir_buffer_format(&this->plan, ". Projection %s %s", weir_result_value(rows, i, 0),
                           weir_result_bool(rows, i, 1)
                               ? "goes on by itself: it skips what it has applied"
                               : "must be filled anew: rename it. What it applied cannot be told "
                                 "from what is published");
    weir_result_free(rows);
    weir_array_free(&below);
    return rows != NULL;
}

/* -- republish */

static bool republish(weir_case *this, bool execute, weir_error *error)
{
    if (this->disaster != WEIR_DISASTER_GONE && this->disaster != WEIR_DISASTER_EMPTY)
        return refuse(this, "--republish is for a topic that is gone or empty", error);
    for (int i = 0; i < this->partitions; i++)
        if (this->tails[i].found_count > 0)
            return refuse(this,
                          "it was made anew and has been published to since: those events would "
                          "come before older ones. Delete the topic, then --republish; or choose "
                          "--new-generation",
                          error);
    weir_buffer_format(&this->plan, "all events of %s are published to %s again, in order%s",
                       this->aggregate_type, this->topic,
                       this->disaster == WEIR_DISASTER_GONE ? ", which the relay makes first" : "");
    bool ok = begin(this, error) && rewind_relays(this, error) &&
              carry_readers(this, this->topic, this->partitions, error);
    return end(this, ok, execute, error);
}

/* -- accept ahead */

/* pass_positions makes sure that no event gets a position that the topic has used, not even one of
 * a transaction that is still open. */
static bool pass_positions(weir_case *this, weir_error *error)
{
    char number[24];
    weir_param params[] = {weir_param_integer(this->last_unknown, number)};
    if (!run(this, "reconcile_raise", params, 1, error))
        return false;
    int64_t deadline = weir_clock_monotonic_us() + HORIZON_US;
    for (;;) {
        weir_result *result =
            weir_connection_query(weir_store_connection(this->store), "horizon", NULL, 0, error);
        if (!result)
            return false;
        bool passed = weir_result_integer(result, 0, 0) >= this->last_unknown;
        weir_result_free(result);
        if (passed)
            return true;
        if (weir_stop_wait(this->stop, LOOK_MS) || weir_clock_monotonic_us() > deadline)
            return refuse(this,
                          "a transaction that has appended is still open; `weir relay status` "
                          "names it. Nothing has changed: try again when it is over",
                          error);
    }
}

static bool accept_ahead(weir_case *this, bool execute, weir_error *error)
{
    char number[24];
    if (this->disaster != WEIR_DISASTER_AHEAD)
        return refuse(this, "--accept-ahead is for a topic that is ahead of the store", error);
    if (this->beyond)
        return refuse(this,
                      "it is so far ahead that nothing which both have was found: choose "
                      "--new-generation",
                      error);
    /* What was appended until no event can get such a position any more counts as well. */
    if (execute && !(pass_positions(this, error) && weir_case_count_conflicts(this, error)))
        return false;
    if (this->conflicts > 0)
        return refuse(this,
                      "events were appended since, at positions that the topic has given to "
                      "others; its readers would skip them. Choose --new-generation",
                      error);
    weir_buffer_format(&this->plan,
                       "the %" PRId64 " events stay in the topic, and readers keep what they made "
                       "of them; the next event of the store gets a position above %" PRId64
                       " and follows them",
                       this->unknown, this->last_unknown);
    weir_param params[] = {WEIR_PARAM_TEXT(this->aggregate_type),
                           weir_param_integer(this->last_unknown, number)};
    bool ok = begin(this, error) && run(this, "reconcile_accept", params, 2, error);
    return end(this, ok, execute, error);
}

/* -- new generation */

/* check_free: the new topic is not there, or is empty and large enough. */
static bool check_free(weir_case *this, const weir_topic_plan *plan, weir_error *error)
{
    int real;
    bool ok = true;
    if (!weir_tail_reader_count(this->reader, plan->name, &real, error))
        return false;
    if (real == 0)
        return true;
    weir_tail *tails = weir_calloc((size_t)real, sizeof *tails);
    for (int i = 0; i < real; i++)
        tails[i] = (weir_tail){.topic = plan->name, .partition = i};
    ok = weir_tail_reader_window(this->reader, weir_store_id(this->store), tails, (size_t)real, 1,
                                 error);
    for (int i = 0; ok && i < real; i++)
        if (tails[i].high > 0 || real != plan->partitions)
            ok = weir_fail(error, WEIR_FATE_CONFIG,
                           "the topic %s of the new generation is there already, and is not empty "
                           "or has not %d partitions: delete it first",
                           plan->name, plan->partitions);
    for (int i = 0; i < real; i++)
        free(tails[i].found);
    free(tails);
    return ok;
}

/* record_next makes the new topic the recorded one. */
static bool record_next(weir_case *this, const weir_topic_plan *plan, weir_error *error)
{
    char partitions[24], generation[24];
    weir_param params[] = {WEIR_PARAM_TEXT(this->aggregate_type), WEIR_PARAM_TEXT(plan->name),
                           weir_param_integer(plan->partitions, partitions),
                           weir_param_integer(this->generation, generation)};
    weir_result *result = weir_connection_query(weir_store_connection(this->store),
                                                "reconcile_generation", params, 4, error);
    bool ok = result && weir_result_rows(result) == 1;
    if (result && !ok)
        refuse(this, "somebody has moved it meanwhile; look again", error);
    weir_result_free(result);
    return ok;
}

static bool move(weir_case *this, const weir_topic_plan *plan, bool execute, weir_error *error)
{
    weir_param topic[] = {WEIR_PARAM_TEXT(this->topic)};
    bool ok = begin(this, error) && rewind_relays(this, error) && record_next(this, plan, error) &&
              carry_readers(this, plan->name, plan->partitions, error) &&
              run(this, "reconcile_leave", topic, 1, error);
    return end(this, ok, execute, error);
}

static bool new_generation(weir_case *this, bool execute, weir_error *error)
{
    weir_topic_plan plan;
    int real;
    bool created;
    if (!weir_topic_plan_make(this->config, this->aggregate_type, this->generation + 1, &plan,
                              error) ||
        !check_free(this, &plan, error))
        return false;
    weir_buffer_format(&this->plan,
                       "all events of %s are published, in order, to %s with %d partitions; %s is "
                       "left as it is, and nothing more comes to it",
                       this->aggregate_type, plan.name, plan.partitions, this->topic);
    if (execute &&
        !weir_tail_reader_create(this->reader, this->config, &plan, &real, &created, error))
        return false;
    if (execute && WEIR_FAILPOINT(reconcile_after_topic))
        return weir_fail(error, WEIR_FATE_RETRY, "failpoint reconcile_after_topic");
    return move(this, &plan, execute, error);
}

bool weir_case_resolve(weir_case *this, weir_way way, bool execute, weir_error *error)
{
    switch (way) {
    case WEIR_WAY_NONE:
        return true;
    case WEIR_WAY_REPUBLISH:
        return republish(this, execute, error);
    case WEIR_WAY_ACCEPT_AHEAD:
        return accept_ahead(this, execute, error);
    case WEIR_WAY_NEW_GENERATION:
        return new_generation(this, execute, error);
    }
    return refuse(this, "there is no such way", error);
}
