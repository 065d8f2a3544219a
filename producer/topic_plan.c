/* What the configuration says of an aggregate type's topic, held against what is recorded.
 *
 * The record wins wherever the two could differ without harm (partitions of an existing topic). A
 * name never differs silently: readers of the old topic would see nothing more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/topics_int.h"

bool weir_topic_plan_make(const weir_config *config, const char *aggregate_type, int generation,
                          weir_topic_plan *plan, weir_error *error)
{
    const char *format = weir_config_topic_text(config, aggregate_type, "name");
    if (!format)
        format = weir_config_text(config, "kafka.topic_format");
    char *whole = generation > 1 ? weir_format("%s.g%d", format, generation) : weir_strdup(format);
    *plan = (weir_topic_plan){
        .aggregate_type = aggregate_type,
        .partitions = (int)weir_config_topic_integer(
            config, aggregate_type, "partitions", weir_config_integer(config, "kafka.partitions")),
        .replication =
            (int)weir_config_topic_integer(config, aggregate_type, "replication",
                                           weir_config_integer(config, "kafka.replication")),
    };
    bool ok = weir_relay_topic_name(whole, weir_config_text(config, "kafka.topic_prefix"),
                                    aggregate_type, plan->name, error);
    free(whole);
    return ok;
}

bool weir_topic_plan_check(const weir_config *config, const char *aggregate_type, int generation,
                           const char *recorded, weir_error *error)
{
    weir_topic_plan plan;
    if (!weir_topic_plan_make(config, aggregate_type, generation, &plan, error))
        return false;
    if (strcmp(plan.name, recorded) == 0)
        return true;
    char suffix[16] = "";
    if (generation > 1)
        snprintf(suffix, sizeof suffix, ".g%d", generation);
    return weir_fail(error, WEIR_FATE_CONFIG,
                     "the topic of aggregate type %s is %s, but by the configuration it would be "
                     "%s: its readers would see nothing more. To stay, set topics.%s.name to "
                     "%.*s; to move, run `weir topic reconcile --type %s --new-generation`",
                     aggregate_type, recorded, plan.name, aggregate_type,
                     (int)(strlen(recorded) - strlen(suffix)), recorded, aggregate_type);
}
