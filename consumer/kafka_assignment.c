/* Which partitions this member owns, and from where it reads them.
 *
 * What the group gives is taken over at once but nothing of it is fetched before the checkpoints
 * are known: weir_source_resume then assigns the real offsets. The same call starts over after any
 * failure. A cooperative group tells differences, and is answered by differences; what is kept
 * starts over, too. The group's own offsets are written for other tools to see, and never read. */
#include "consumer/kafka_int.h"

#include <stdlib.h>
#include <string.h>

static int compare_partitions(const void *a, const void *b)
{
    const weir_partition *x = a, *y = b;
    return weir_place_order(x->topic, x->number, y->topic, y->number);
}

static void forget(weir_source *source)
{
    for (size_t i = 0; i < source->count; i++)
        weir_partition_free(&source->partitions[i]);
    free(source->partitions);
    source->partitions = NULL;
    source->count = 0;
    source->last = NULL;
    source->changed = true;
}

void weir_source_take(weir_source *source, const rd_kafka_topic_partition_list_t *list)
{
    forget(source);
    source->count = (size_t)list->cnt;
    source->partitions = weir_calloc(source->count, sizeof *source->partitions);
    for (int i = 0; i < list->cnt; i++)
        source->partitions[i] = (weir_partition){
            .topic = weir_strdup(list->elems[i].topic),
            .number = list->elems[i].partition,
            .of = 1,
            .start = WEIR_NOTHING_READ,
            .committed = WEIR_NOTHING_READ,
            .low = WEIR_UNKNOWN,
            .high = WEIR_UNKNOWN,
            .end = WEIR_UNKNOWN,
            .group_offset = WEIR_UNKNOWN,
        };
    qsort(source->partitions, source->count, sizeof *source->partitions, compare_partitions);
}

/* owned is what this member has, each with its start as offset; the caller destroys the list. */
static rd_kafka_topic_partition_list_t *owned(const weir_source *source)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)source->count);
    for (size_t i = 0; i < source->count; i++) {
        const weir_partition *p = &source->partitions[i];
        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset =
            p->start < 0 ? RD_KAFKA_OFFSET_BEGINNING : p->start;
    }
    return list;
}

/* change takes over what a group gives, or what it takes away: all, or a difference. */
static void change(weir_source *source, const rd_kafka_topic_partition_list_t *list, bool given)
{
    rd_kafka_topic_partition_list_t *all = owned(source);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        rd_kafka_topic_partition_list_del(all, one->topic, one->partition);
        if (given)
            rd_kafka_topic_partition_list_add(all, one->topic, one->partition);
    }
    weir_source_take(source, all);
    rd_kafka_topic_partition_list_destroy(all);
}

static bool is_cooperative(const weir_source *source)
{
    const char *protocol = rd_kafka_rebalance_protocol(source->kafka);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static rd_kafka_resp_err_t code_of(rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(error);
    return code;
}

/* stop_fetching makes a client of a cooperative group fetch nothing. */
static rd_kafka_resp_err_t stop_fetching(weir_source *source)
{
    rd_kafka_topic_partition_list_t *fetched;
    rd_kafka_resp_err_t code = rd_kafka_assignment(source->kafka, &fetched);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    code = code_of(rd_kafka_incremental_unassign(source->kafka, fetched));
    rd_kafka_topic_partition_list_destroy(fetched);
    return code;
}

/* fetch makes the client fetch what the list says, and nothing else. */
static rd_kafka_resp_err_t fetch(weir_source *source, const rd_kafka_topic_partition_list_t *list)
{
    if (!is_cooperative(source))
        return rd_kafka_assign(source->kafka, list);
    rd_kafka_resp_err_t code = stop_fetching(source);
    return code ? code : code_of(rd_kafka_incremental_assign(source->kafka, list));
}

weir_partition *weir_source_find(weir_source *source, const char *topic, int32_t number)
{
    weir_partition *last = source->last;
    if (last && last->number == number && strcmp(last->topic, topic) == 0)
        return last;
    weir_partition wanted = {.topic = (char *)(uintptr_t)topic, .number = number};
    if (source->count > 0)
        source->last = bsearch(&wanted, source->partitions, source->count,
                               sizeof *source->partitions, compare_partitions);
    return source->last;
}

void weir_source_on_rebalance(rd_kafka_t *kafka, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *list, void *opaque)
{
    weir_source *source = opaque;
    bool lost = rd_kafka_assignment_lost(kafka);
    source->before_change(source->context);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        change(source, list, true);
        source->joined = true;
        source->rebalances++;
        weir_source_rest(source);
        WEIR_INFO("subscription", source->name, "partitions assigned",
                  WEIR_NUMBER("partitions", source->count));
    } else {
        if (source->joined && !lost)
            weir_source_commit(source);
        change(source, list, false);
        source->joined = is_cooperative(source) && !lost;
        if (is_cooperative(source))
            stop_fetching(source);
        else
            rd_kafka_assign(kafka, NULL);
        WEIR_INFO("subscription", source->name, "partitions given back",
                  WEIR_NUMBER("partitions", list->cnt));
    }
    rd_kafka_yield(kafka); /* the owner must see the change before it waits on */
}

void weir_source_rest(weir_source *source)
{
    if (!source->joined)
        return;
    rd_kafka_topic_partition_list_t *nothing = rd_kafka_topic_partition_list_new(0);
    fetch(source, nothing);
    rd_kafka_topic_partition_list_destroy(nothing);
}

bool weir_source_resume(weir_source *source, weir_error *error)
{
    if (!source->joined)
        return true;
    for (size_t i = 0; i < source->count; i++)
        source->partitions[i].end = WEIR_UNKNOWN;
    rd_kafka_topic_partition_list_t *list = owned(source);
    rd_kafka_resp_err_t code = fetch(source, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_kafka_fail(error, code, "starting to read the partitions");
}

bool weir_source_commit(weir_source *source)
{
    if (source->alone)
        return false;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)source->count);
    for (size_t i = 0; i < source->count; i++) {
        weir_partition *p = &source->partitions[i];
        int64_t committed = weir_partition_committed(p);
        if (committed < 0 || committed == p->group_offset)
            continue;
        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = committed;
        p->group_offset = committed;
    }
    bool any = list->cnt > 0;
    if (any) /* what fails here only makes a tool show an older offset */
        rd_kafka_commit(source->kafka, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
    return any;
}

weir_partition *weir_source_partitions(weir_source *source, size_t *count)
{
    *count = source->count;
    return source->partitions;
}

bool weir_source_joined(const weir_source *source)
{
    return source->joined;
}

unsigned weir_source_rebalances(const weir_source *source)
{
    return source->rebalances;
}
