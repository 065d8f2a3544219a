/* What the commands ask of topics: making one ahead of its first event, and how many partitions
 * Kafka has. Nothing is published here. */
#include <stdio.h>
#include <string.h>

#include "producer/relay_int.h"

/* find_recorded: *found when a topic is recorded, then *plan is what is recorded. */
static bool find_recorded(const weir_config *config, weir_store *store, weir_topic_plan *plan,
                          bool *found, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(plan->aggregate_type)};
    weir_result *rows =
        weir_connection_query(weir_store_connection(store), "topic_find", params, 1, error);
    bool ok = rows != NULL;
    *found = ok && weir_result_rows(rows) == 1;
    if (*found) {
        ok = weir_topic_plan_check(config, plan->aggregate_type,
                                   (int)weir_result_integer(rows, 0, 2),
                                   weir_result_value(rows, 0, 0), error);
        snprintf(plan->name, sizeof plan->name, "%s", weir_result_value(rows, 0, 0));
        plan->partitions = (int)weir_result_integer(rows, 0, 1);
    }
    weir_result_free(rows);
    return ok;
}

/* check_existing: a topic that is recorded and missing is a disaster of its own, not to be covered
 * by an empty one. */
static bool check_existing(weir_tail_reader *reader, const weir_topic_plan *plan, bool recorded,
                           weir_error *error)
{
    int count;
    if (!weir_tail_reader_look(reader, error) ||
        !weir_tail_reader_count(reader, plan->name, &count, error))
        return false;
    return !recorded || count > 0 ||
           weir_fail(error, WEIR_FATE_CONFIG,
                     "topic %s is recorded for aggregate type %s, and Kafka does not have it. See "
                     "`weir topic reconcile --type %s`",
                     plan->name, plan->aggregate_type, plan->aggregate_type);
}

bool weir_topic_create(const weir_config *config, weir_store *store, weir_stop *stop,
                       const char *aggregate_type, weir_topic_made *made, weir_error *error)
{
    weir_topic_plan plan;
    bool recorded;
    if (!weir_topic_plan_make(config, aggregate_type, 1, &plan, error) ||
        !find_recorded(config, store, &plan, &recorded, error))
        return false;
    *made = (weir_topic_made){.partitions = plan.partitions};
    snprintf(made->name, sizeof made->name, "%s", plan.name);
    weir_tail_reader *reader = weir_tail_reader_open(config, stop, error);
    bool ok = reader && check_existing(reader, &plan, recorded, error);
    if (ok && !recorded) {
        ok = weir_tail_reader_create(reader, config, &plan, &made->partitions, &made->created,
                                     error);
        plan.partitions = made->partitions;
        ok = ok && weir_topic_record(store, &plan, error);
    }
    weir_tail_reader_close(reader);
    return ok;
}

bool weir_topic_counts(const weir_config *config, weir_stop *stop, const char *const *topics,
                       size_t count, int *partitions, weir_error *error)
{
    weir_tail_reader *reader = weir_tail_reader_open(config, stop, error);
    bool ok = reader && weir_tail_reader_look(reader, error);
    for (size_t i = 0; ok && i < count; i++)
        if (!weir_tail_reader_count(reader, topics[i], &partitions[i], error)) {
            ok = error->fate == WEIR_FATE_CONFIG;
            partitions[i] = -1;
        }
    weir_tail_reader_close(reader);
    return ok;
}
