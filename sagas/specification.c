/* Checking what a saga does: the runtime's decision over instances in memory. What handler.c and
 * clock.c do in a transaction (who an event is for, which timer an instance has) is done here on a
 * list. */
#include "sagas/specification.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sagas/instance_int.h"

#define ARENA ((size_t)256 << 20)
#define TEXT ((size_t)WEIR_SPECIFICATION_TEXT * 16)

typedef struct trial {
    const weir_saga_specification *of;
    weir_saga_plan *plan;
    weir_arena *arena;
    weir_saga_instance **instances; /* timer SET: it has one; a NEW one has not begun */
    size_t count;
    int64_t facts; /* taken */
} trial;

/* What one fact led to. */
typedef struct outcome {
    weir_saga_instance *instance; /* NULL: it was for none */
    bool ok;
    weir_error error;
    weir_saga_output output;
} outcome;

static bool is_due(const weir_fact *fact)
{
    return !fact->aggregate_type && strcmp(fact->type, "weir.due") == 0;
}

static bool is_in(const char *const *words, const char *word)
{
    for (; word && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static weir_saga_instance *find(const trial *t, const char *id)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->instances[i]->id, id) == 0)
            return t->instances[i];
    return NULL;
}

static weir_saga_instance *add(trial *t, const char *id, weir_error *error)
{
    weir_saga_instance *i = weir_arena_alloc(t->arena, sizeof *i);
    char *name = weir_arena_copy(t->arena, id, strlen(id));
    if (!i || !name) {
        weir_fail(error, WEIR_FATE_RETRY, "the specification does not fit its memory");
        return NULL;
    }
    *i = (weir_saga_instance){.id = name, .data = "{}"};
    t->instances = weir_realloc(t->instances, (t->count + 1) * sizeof(weir_saga_instance *));
    t->instances[t->count++] = i;
    return i;
}

/* Who an event is for; NULL: nobody. */
static bool route(trial *t, const weir_fact *fact, const weir_event *event,
                  weir_saga_instance **found, weir_error *error)
{
    char key[WEIR_SAGA_KEY_SIZE];
    const weir_saga_role role = weir_saga_plan_role(t->plan, event->type);
    *found = NULL;
    if (!is_in(t->plan->from, fact->aggregate_type) || !fact->aggregate_id)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "it needs an aggregate of a type that %s reads (from)", t->plan->name);
    if (role.meaning == WEIR_SAGA_NOTHING)
        return true;
    if (!weir_saga_key(&role, event, key, error))
        return false;
    if (key[0] && !(*found = find(t, key)))
        *found = add(t, key, error);
    return *found || !key[0];
}

/* An instance that refuses is where it was, as after a transaction that is rolled back. */
static bool decide(trial *t, const weir_saga_input *input, outcome *o)
{
    const weir_saga_instance before = *o->instance;
    if (weir_saga_decide(t->plan, o->instance, input, &o->output, &o->error))
        return true;
    *o->instance = before;
    o->output = (weir_saga_output){.arena = t->arena};
    return false;
}

static bool take_fact(trial *t, const weir_fact *fact, outcome *o)
{
    weir_event event;
    weir_saga_input input = {.cause = WEIR_SAGA_TIME};
    weir_error *error = &o->error;
    *o = (outcome){.output = {.arena = t->arena}};
    if (is_due(fact)) {
        o->instance = find(t, fact->aggregate_id);
        if (!o->instance || o->instance->timer != WEIR_SAGA_SET)
            return weir_fail(error, WEIR_FATE_CONFIG, "%s '%s' has no timer", t->plan->name,
                             fact->aggregate_id);
    } else {
        if (!weir_fact_event(fact, ++t->facts, &event, error) ||
            !route(t, fact, &event, &o->instance, error))
            return false;
        input = (weir_saga_input){.cause = WEIR_SAGA_EVENT, .event = &event};
    }
    return !o->instance || decide(t, &input, o);
}

static void take(trial *t, const weir_fact *fact, outcome *o)
{
    o->ok = take_fact(t, fact, o);
}

/* Requests have ids of their own, which a duplicate of what they ask for is told by. */
static bool is_request(const weir_new_event *event)
{
    return event->id != NULL;
}

/* The facts are exactly the events, or the requests among them. */
static bool same_events(const weir_fact *facts, const weir_saga_output *output, bool requests)
{
    for (size_t i = 0; i < output->count; i++) {
        const weir_new_event *event = &output->events[i];
        if (requests && !is_request(event))
            continue;
        const char *data = facts->data ? facts->data : "{}";
        if (!facts->type || strcmp(facts->type, event->type) != 0 ||
            !weir_json_equal(data, strlen(data), event->data, event->data_length))
            return false;
        facts++;
    }
    return !facts->type;
}

static bool same_text(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

static bool has_begun(const weir_saga_instance *i)
{
    return i && i->state != WEIR_SAGA_NEW;
}

static bool stands_at(const weir_saga_instance *i, const char *state, const char *step)
{
    return strcmp(state, weir_saga_state_names[i->state]) == 0 && same_text(step, i->step);
}

static bool is_due_in(const weir_saga_instance *i, const char *duration)
{
    int64_t us = 0;
    weir_error ignored;
    if (strcmp(duration, "never") == 0)
        return i->timer != WEIR_SAGA_SET;
    return weir_duration_parse(duration, &us, &ignored) && i->timer == WEIR_SAGA_SET &&
           i->due_ms * 1000 == us;
}

static bool stands(const weir_saga_specification *s, const weir_saga_instance *i)
{
    if (!s->state && !s->due_in)
        return true;
    return has_begun(i) && (!s->state || stands_at(i, s->state, s->step)) &&
           (!s->due_in || is_due_in(i, s->due_in));
}

static bool holds(const weir_saga_specification *s, const outcome *o)
{
    if (o->ok != !s->refused || (s->refused && !strstr(o->error.message, s->refused)))
        return false;
    return stands(s, o->instance) && (!s->requests || same_events(s->requests, &o->output, true)) &&
           (!s->events || same_events(s->events, &o->output, false));
}

static void say_fact(weir_buffer *out, const weir_fact *fact)
{
    if (is_due(fact))
        weir_buffer_format(out, "  the timer of %s is due\n", fact->aggregate_id);
    else
        weir_buffer_format(out, "  %s/%s %s %s\n",
                           fact->aggregate_type ? fact->aggregate_type : "?",
                           fact->aggregate_id ? fact->aggregate_id : "?", fact->type,
                           fact->data ? fact->data : "{}");
}

static void say_facts(weir_buffer *out, const char *what, const weir_fact *facts)
{
    for (const weir_fact *fact = facts; fact && fact->type; fact++)
        weir_buffer_format(out, "  %s %s %s\n", what, fact->type, fact->data ? fact->data : "{}");
    if (facts && !facts->type)
        weir_buffer_format(out, "  %s nothing\n", what);
}

static void say_output(weir_buffer *out, const char *what, const weir_saga_output *output,
                       bool requests)
{
    size_t said = 0;
    for (size_t i = 0; i < output->count; i++) {
        if (requests && !is_request(&output->events[i]))
            continue;
        weir_buffer_format(out, "  %s %s %s\n", what, output->events[i].type,
                           output->events[i].data);
        said++;
    }
    if (said == 0)
        weir_buffer_format(out, "  %s nothing\n", what);
}

static void say_expected(weir_buffer *out, const weir_saga_specification *s)
{
    weir_buffer_text(out, "expected\n");
    if (s->refused)
        weir_buffer_format(out, "  refused: %s\n", s->refused);
    say_facts(out, "requests", s->requests);
    say_facts(out, "records", s->events);
    if (s->state)
        weir_buffer_format(out, "  it is %s%s%s\n", s->state, s->step ? " at " : "",
                           s->step ? s->step : "");
    if (s->due_in)
        weir_buffer_format(out, "  its timer is due in %s\n", s->due_in);
}

static void say_where(weir_buffer *out, const weir_saga_instance *i)
{
    if (!has_begun(i)) {
        weir_buffer_text(out, "  there is no such instance\n");
        return;
    }
    weir_buffer_format(out, "  it is %s%s%s", weir_saga_state_names[i->state],
                       i->step ? " at " : "", i->step ? i->step : "");
    if (i->step)
        weir_buffer_format(out, ", attempt %lld%s", (long long)i->attempt,
                           i->waiting ? " to come" : "");
    weir_buffer_format(out, "%s%s\n", i->reason ? ": " : "", i->reason ? i->reason : "");
    if (i->timer == WEIR_SAGA_SET)
        weir_buffer_format(out, "  its timer is due in %lldms\n", (long long)i->due_ms);
    else
        weir_buffer_text(out, "  its timer is due in never\n");
}

static void explain(const weir_saga_specification *s, const outcome *o, weir_buffer *out)
{
    weir_buffer_text(out, "given\n");
    for (const weir_fact *fact = s->given; fact && fact->type; fact++)
        say_fact(out, fact);
    if (!s->given || !s->given->type)
        weir_buffer_text(out, "  nothing\n");
    if (s->when) {
        weir_buffer_text(out, "when\n");
        say_fact(out, s->when);
    }
    say_expected(out, s);
    weir_buffer_text(out, "actual\n");
    if (!o->ok)
        weir_buffer_format(out, "  refused: %s\n", o->error.message);
    if (s->when && o->ok)
        say_output(out, "requests", &o->output, true);
    if (s->events && o->ok)
        say_output(out, "records", &o->output, false);
    say_where(out, o->instance);
}

/* What cannot be meant. */
static bool check_words(const weir_saga_specification *s, weir_error *error)
{
    int64_t us;
    if (!s->requests && !s->events && !s->state && !s->due_in && !s->refused && !s->again)
        return weir_fail(error, WEIR_FATE_CONFIG, "a specification without a then says nothing");
    if (!s->when && (s->requests || s->events || s->refused || s->again))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "without a when, then can say where the instance is and no more");
    if (s->again && is_due(s->when))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "weir_then_again_unchanged is for events: a timer is acted on once");
    if (s->state && !is_in(weir_saga_state_names + 1, s->state))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "there is no state '%s': running, compensating, completed, compensated "
                         "or failed",
                         s->state);
    return !s->due_in || strcmp(s->due_in, "never") == 0 ||
           weir_duration_parse(s->due_in, &us, error) ||
           weir_error_prefix(error, "weir_then_due_in");
}

static bool check_again(trial *t, weir_buffer *why)
{
    outcome once_more;
    const bool refused = t->of->refused != NULL;
    take(t, t->of->when, &once_more);
    if (once_more.ok == !refused && once_more.output.count == 0)
        return true;
    weir_buffer_text(why, "the same event once more\n");
    explain(t->of, &once_more, why);
    return false;
}

static bool check(trial *t, weir_buffer *why, weir_error *error)
{
    const weir_saga_specification *s = t->of;
    outcome o = {.ok = true};
    t->arena = weir_arena_new(ARENA);
    if (!check_words(s, error))
        return false;
    t->plan = s->definition ? weir_saga_plan_of_table(s->definition, s->definition->name, error)
                            : weir_saga_plan_open(s->file, error);
    if (!t->plan)
        return false;
    for (const weir_fact *fact = s->given; fact && fact->type; fact++) {
        weir_saga_instance *last = o.instance;
        take(t, fact, &o);
        o.instance = o.instance ? o.instance : last;
        if (!o.ok) {
            *error = o.error;
            return weir_error_prefix(error, "given %s", fact->type);
        }
    }
    if (s->when)
        take(t, s->when, &o);
    if (!holds(s, &o)) {
        explain(s, &o, why);
        return false;
    }
    return !s->again || check_again(t, why);
}

bool weir_saga_specification_check(const weir_saga_specification *specification,
                                   char why[WEIR_SPECIFICATION_TEXT])
{
    trial t = {.of = specification};
    weir_error error = {0};
    weir_buffer text = WEIR_BUFFER(TEXT);
    const bool ok = check(&t, &text, &error);
    snprintf(why, WEIR_SPECIFICATION_TEXT, "%s", text.length ? text.data : error.message);
    weir_saga_plan_free(t.plan);
    weir_arena_free(t.arena);
    free(t.instances);
    weir_buffer_free(&text);
    return ok;
}
