/* Checking a specification: fold what is given, let the command decide, compare, and say what
 * differs so that nobody needs a debugger to see it. It knows no store and no test framework. */
#include "store/specification.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TIME_US 1767225600000000 /* of the given events: 2026-01-01 */
#define DECODE (JSON_DECODE_ANY | JSON_REJECT_DUPLICATES)

static bool same(const json_t *a, const json_t *b);

static bool same_objects(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, key,
                        value) if (!same(value, json_object_get(b, key))) return false;
    return true;
}

static bool same_arrays(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}

/* By meaning: numbers by value, however they are written. */
static bool same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && (json_is_real(a) || json_is_real(b)))
        return !(json_number_value(a) < json_number_value(b)) &&
               !(json_number_value(a) > json_number_value(b));
    if (json_is_object(a) && json_is_object(b))
        return same_objects(a, b);
    if (json_is_array(a) && json_is_array(b))
        return same_arrays(a, b);
    return json_equal(a, b);
}

static bool same_json(const char *a, const char *b)
{
    json_t *left = json_loads(a, DECODE, NULL), *right = json_loads(b, DECODE, NULL);
    bool equal = left && right && same(left, right);
    json_decref(left);
    json_decref(right);
    return equal;
}

static bool same_event(const weir_fact *fact, const weir_new_event *event)
{
    return strcmp(fact->type, event->type) == 0 && !event->binary &&
           same_json(fact->data ? fact->data : "{}", event->data) &&
           (!fact->metadata || same_json(fact->metadata, event->metadata)) &&
           (!fact->schema_version || fact->schema_version == event->schema_version);
}

static size_t count_of(const weir_fact *facts)
{
    size_t count = 0;
    while (facts && facts[count].type)
        count++;
    return count;
}

static bool same_events(const weir_fact *facts, const weir_new_event *events, size_t count)
{
    if (count_of(facts) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!same_event(&facts[i], &events[i]))
            return false;
    return true;
}

static void say_event(weir_buffer *out, const char *type, const char *data, const char *metadata)
{
    weir_buffer_format(out, "  {\"type\": \"%s\", \"data\": %s", type, data ? data : "{}");
    if (metadata && strcmp(metadata, "{}") != 0)
        weir_buffer_format(out, ", \"metadata\": %s", metadata);
    weir_buffer_text(out, "}\n");
}

static void say_facts(weir_buffer *out, const char *title, const weir_fact *facts)
{
    weir_buffer_format(out, "%s\n", title);
    for (size_t i = 0; facts && facts[i].type; i++)
        say_event(out, facts[i].type, facts[i].data, facts[i].metadata);
    if (count_of(facts) == 0)
        weir_buffer_text(out, "  nothing\n");
}

static void say_raised(weir_buffer *out, const weir_new_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        say_event(out, events[i].type, events[i].binary ? "\"(binary)\"" : events[i].data,
                  events[i].metadata);
    if (count == 0)
        weir_buffer_text(out, "  nothing\n");
}

/* What was done: as it is compared, and as it is said. */
struct outcome {
    bool refused;
    const weir_error *error;
    const weir_new_event *events;
    size_t count;
    bool state_holds;
};

static bool holds(const weir_specification *s, const struct outcome *outcome)
{
    if (outcome->refused != (s->refused != NULL))
        return false;
    if (s->refused && !strstr(outcome->error->message, s->refused))
        return false;
    return outcome->state_holds &&
           (!s->events || same_events(s->events, outcome->events, outcome->count));
}

static void explain(const weir_specification *s, const struct outcome *outcome, weir_buffer *out)
{
    say_facts(out, "given", s->given);
    if (s->command)
        weir_buffer_format(out, "when\n  %s\n", s->command_name);
    if (s->refused)
        weir_buffer_format(out, "expected\n  refused: %s\n", s->refused);
    if (s->events)
        say_facts(out, "expected", s->events);
    if (!outcome->state_holds)
        weir_buffer_format(out, "expected\n  a state for which %s\n", s->state_name);
    weir_buffer_text(out, "actual\n");
    if (outcome->refused)
        weir_buffer_format(out, "  refused: %s\n", outcome->error->message);
    else
        say_raised(out, outcome->events, outcome->count);
    if (!outcome->state_holds)
        weir_buffer_text(out, "  a state for which it is not so\n");
}

bool weir_fact_event(const weir_fact *fact, int64_t n, weir_event *event, weir_error *error)
{
    const char *data = fact->data ? fact->data : "{}";
    const char *metadata = fact->metadata ? fact->metadata : "{}";
    if (!weir_json_check(data, strlen(data), error))
        return false;
    if (!weir_json_check(metadata, strlen(metadata), error))
        return weir_error_prefix(error, "metadata");
    *event = (weir_event){
        .position = n,
        .aggregate_type = fact->aggregate_type,
        .aggregate_id = fact->aggregate_id,
        .version = 1,
        .id = weir_uuid_new(),
        .type = fact->type,
        .schema_version = fact->schema_version ? fact->schema_version : 1,
        .content_type = "application/json",
        .data = data,
        .data_length = strlen(data),
        .metadata = metadata,
        .metadata_length = strlen(metadata),
        .time_us = FIRST_TIME_US + (n - 1) * 1000000,
        .recorded_at_us = FIRST_TIME_US + (n - 1) * 1000000,
    };
    return true;
}

static bool fold_given(const weir_specification *s, weir_aggregate *aggregate, weir_error *error)
{
    weir_event event;
    for (size_t i = 0; s->given && s->given[i].type; i++) {
        if (!weir_fact_event(&s->given[i], (int64_t)i + 1, &event, error))
            return weir_error_prefix(error, "given %s", s->given[i].type);
        event.aggregate_type = s->of->type;
        event.aggregate_id = weir_aggregate_id(aggregate);
        event.version = event.position;
        if (!weir_aggregate_fold(aggregate, &event, error))
            return weir_error_prefix(error, "given");
    }
    return true;
}

static bool check(const weir_specification *s, weir_aggregate *aggregate, weir_buffer *why)
{
    weir_error error = {0};
    struct outcome outcome = {.error = &error};
    if (!s->events && !s->refused && !s->state) {
        weir_buffer_text(why, "a specification without a then says nothing");
        return false;
    }
    if (!fold_given(s, aggregate, &error)) {
        weir_buffer_text(why, error.message);
        return false;
    }
    weir_aggregate_set_context(aggregate, s->context);
    outcome.refused = s->command && !s->command(aggregate, s->argument, &error);
    outcome.events = weir_aggregate_pending(aggregate, &outcome.count);
    outcome.state_holds = !s->state || s->state(weir_aggregate_state(aggregate));
    if (holds(s, &outcome))
        return true;
    explain(s, &outcome, why);
    return false;
}

bool weir_specification_check(const weir_specification *specification,
                              char why[WEIR_SPECIFICATION_TEXT])
{
    weir_buffer text = WEIR_BUFFER(WEIR_SPECIFICATION_TEXT * 16);
    weir_aggregate *aggregate = weir_aggregate_new(specification->of, "specified");
    bool ok = check(specification, aggregate, &text);
    snprintf(why, WEIR_SPECIFICATION_TEXT, "%s", text.data ? text.data : "");
    weir_aggregate_free(aggregate);
    weir_buffer_free(&text);
    return ok;
}

void weir_specification_abort(const char *file, int line, const char *message)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, message);
    abort();
}
