/* The table of recorded topics. Aggregate types are few, and events of one type come in runs, so
 * the last one found is looked at first. */
#include "producer/topics_int.h"

#include <stdlib.h>
#include <string.h>

static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

/* replacement is what a placeholder at the beginning of text stands for; NULL: none is there. */
static const char *replacement(const char *text, const char *prefix, const char *aggregate_type,
                               size_t *length)
{
    const struct {
        const char *name, *value;
    } placeholders[] = {{"{prefix}", prefix}, {"{aggregate_type}", aggregate_type}};
    for (size_t i = 0; i < 2; i++) {
        *length = strlen(placeholders[i].name);
        if (strncmp(text, placeholders[i].name, *length) == 0)
            return placeholders[i].value;
    }
    return NULL;
}

bool weir_relay_topic_name(const char *format, const char *prefix, const char *aggregate_type,
                           char name[WEIR_TOPIC_NAME], weir_error *error)
{
    weir_buffer text = WEIR_BUFFER(WEIR_TOPIC_NAME - 1);
    while (*format) {
        size_t length;
        const char *value = replacement(format, prefix, aggregate_type, &length);
        if (value)
            weir_buffer_text(&text, value);
        else
            weir_buffer_char(&text, *format);
        format += value ? length : 1;
    }
    bool ok = !text.overflow && text.length > 0 && strspn(text.data, legal) == text.length &&
              strcmp(text.data, ".") != 0 && strcmp(text.data, "..") != 0;
    if (ok)
        memcpy(name, text.data, text.length + 1);
    else
        weir_fail(
            error, WEIR_FATE_CONFIG,
            "aggregate type %s would have the topic '%.260s', which Kafka does not take: 1 to "
            "249 letters, digits, '.', '_' or '-'. See kafka.topic_format and "
            "kafka.topic_prefix",
            aggregate_type, text.data ? text.data : "");
    weir_buffer_free(&text);
    return ok;
}

const weir_relay_topic *weir_relay_topics_named(const weir_relay_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->list[i]->name, name) == 0)
            return topics->list[i];
    return NULL;
}

bool weir_relay_topics_free_name(const weir_relay_topics *topics, const char *aggregate_type,
                                 const char *name, weir_error *error)
{
    const weir_relay_topic *other = weir_relay_topics_named(topics, name);
    return !other || weir_fail(error, WEIR_FATE_CONFIG,
                               "aggregate types %s and %s would share the topic %s: each needs its "
                               "own. See kafka.topic_format and kafka.topic_prefix",
                               other->aggregate_type, aggregate_type, name);
}

/* hash_of is FNV-1a. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619;
    return hash;
}

int weir_relay_owner(const weir_relay_topic *topic, int32_t partition, int shards)
{
    return (int)((topic->hash % (uint32_t)shards + (uint32_t)partition) % (uint32_t)shards);
}

const weir_relay_topic *weir_relay_topics_add(weir_relay_topics *topics, const char *aggregate_type,
                                              const char *name, int partitions, weir_error *error)
{
    if (!weir_relay_topics_free_name(topics, aggregate_type, name, error))
        return NULL;
    weir_relay_topic *topic = weir_malloc(sizeof *topic);
    *topic = (weir_relay_topic){
        .aggregate_type = weir_strdup(aggregate_type),
        .name = weir_strdup(name),
        .source = weir_format("/weir/%s", aggregate_type),
        .partitions = partitions,
        .hash = hash_of(name),
        .first = topics->part_count,
    };
    topics->list = weir_realloc(topics->list, (topics->count + 1) * sizeof *topics->list);
    topics->list[topics->count++] = topic;
    size_t parts = topics->part_count + (size_t)partitions;
    topics->parts = weir_realloc(topics->parts, parts * sizeof *topics->parts);
    memset(topics->parts + topics->part_count, 0, (size_t)partitions * sizeof *topics->parts);
    topics->part_count = parts;
    return topic;
}

const weir_relay_topic *weir_relay_topics_find(weir_relay_topics *topics,
                                               const char *aggregate_type)
{
    if (topics->latest && strcmp(topics->latest->aggregate_type, aggregate_type) == 0)
        return topics->latest;
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->list[i]->aggregate_type, aggregate_type) == 0)
            return topics->latest = topics->list[i];
    return NULL;
}

const weir_relay_topic *weir_relay_topics_of(const weir_relay_topics *topics, size_t part)
{
    for (size_t i = topics->count; i-- > 0;)
        if (topics->list[i]->first <= part)
            return topics->list[i];
    return NULL;
}

void weir_relay_topics_clear(weir_relay_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        free(topics->list[i]->aggregate_type);
        free(topics->list[i]->name);
        free(topics->list[i]->source);
        free(topics->list[i]);
    }
    free(topics->list);
    free(topics->parts);
    *topics = (weir_relay_topics){0};
}
