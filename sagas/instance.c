/* Deciding. An instance runs forward step by step; when one fails for good it undoes, from the last
 * to the first, every step that has an answer or may have happened: data has a member for each,
 * null for one whose outcome is not known. */
#include "sagas/instance_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_walk.h"
#include "sagas/template_int.h"
#include "store/message_context.h"

#define TEXT_LIMIT ((size_t)8 << 20)
#define BACKOFF_MOST_MS ((int64_t)3600 * 1000)

const char *const weir_saga_state_names[] = {
    "new", "running", "compensating", "completed", "compensated", "failed", NULL};

typedef struct decision {
    const weir_saga_plan *plan;
    weir_saga_instance *instance;
    const weir_saga_input *input;
    weir_saga_output *output;
    const weir_message_context *context;
    weir_error *error;
} decision;

static bool full(const decision *d)
{
    return weir_fail(d->error, WEIR_FATE_RETRY, "the batch does not fit its memory");
}

/* Moves a text into the arena; NULL: error says why. */
static const char *settle(const decision *d, weir_buffer *text)
{
    char *copy = NULL;
    if (text->overflow)
        weir_fail(d->error, WEIR_FATE_POISON, "more than %zu bytes come together", text->limit);
    else if (!(copy = weir_arena_copy(d->output->arena, text->data, text->length)))
        full(d);
    weir_buffer_free(text);
    return copy;
}

static weir_saga_act *act_at(const decision *d, size_t stage)
{
    weir_saga_stage *s = &d->plan->stages[stage];
    return d->instance->state == WEIR_SAGA_COMPENSATING ? &s->undo : &s->go;
}

static size_t stage_of(const decision *d)
{
    const char *step = d->instance->step;
    return step ? weir_saga_plan_stage(d->plan, step, strlen(step)) : d->plan->count;
}

static bool has_answer(const decision *d, size_t stage)
{
    weir_slice value;
    const char *data = d->instance->data;
    return weir_saga_find(data, strlen(data), d->plan->stages[stage].name, &value);
}

/* data[name] = value; what was there is replaced. */
static bool put_data(const decision *d, const char *name, weir_slice value)
{
    weir_json_walk walk;
    weir_slice key, each;
    const char *data = d->instance->data;
    weir_buffer text = WEIR_BUFFER(TEXT_LIMIT);
    weir_buffer_char(&text, '{');
    if (weir_json_object(&walk, data, strlen(data)))
        while (weir_json_next(&walk, &key, &each)) {
            if (weir_json_is(key, name))
                continue;
            weir_buffer_append(&text, key.text, key.length);
            weir_buffer_char(&text, ':');
            weir_buffer_append(&text, each.text, each.length);
            weir_buffer_char(&text, ',');
        }
    weir_buffer_json(&text, name, strlen(name));
    weir_buffer_char(&text, ':');
    weir_buffer_append(&text, value.text, value.length);
    weir_buffer_char(&text, '}');
    return (d->instance->data = settle(d, &text)) != NULL;
}

/* Adds an event to the stream; data is settled. id NULL: the store gives one. */
static bool add(const decision *d, const char *type, const char *data, const weir_uuid *id)
{
    weir_saga_output *o = d->output;
    const weir_saga_instance *i = d->instance;
    weir_buffer own = WEIR_BUFFER(TEXT_LIMIT), metadata = WEIR_BUFFER(TEXT_LIMIT);
    if (i->step && id) {
        weir_buffer_text(&own, "{\"saga_step\":");
        weir_buffer_json(&own, i->step, strlen(i->step));
        weir_buffer_format(&own, ",\"saga_attempt\":%lld}", (long long)i->attempt);
    }
    bool ok = weir_context_metadata(d->context, own.data, &metadata, d->error);
    weir_buffer_free(&own);
    const char *settled = ok ? settle(d, &metadata) : NULL;
    if (!ok)
        weir_buffer_free(&metadata);
    if (!settled)
        return false;
    if (o->count == o->capacity) {
        size_t capacity = o->capacity ? 2 * o->capacity : 8;
        weir_new_event *more = weir_arena_alloc(o->arena, capacity * sizeof *more);
        if (!more)
            return full(d);
        if (o->count > 0)
            memcpy(more, o->events, o->count * sizeof *more);
        o->events = more;
        o->capacity = capacity;
    }
    o->events[o->count++] = (weir_new_event){
        .type = type, .data = data, .data_length = strlen(data), .metadata = settled, .id = id};
    d->instance->version++;
    d->instance->changed = true;
    return true;
}

static bool add_own(const decision *d, const char *what, weir_buffer *data)
{
    weir_buffer type = WEIR_BUFFER(400);
    weir_buffer_format(&type, "%s.%s", d->plan->name, what);
    const char *name = settle(d, &type), *text = settle(d, data);
    return name && text && add(d, name, text, NULL);
}

/* {"step": …, "NAME": text, …}; a NULL text is left out. */
static void open_data(const decision *d, weir_buffer *data)
{
    const char *step = d->instance->step;
    *data = WEIR_BUFFER(TEXT_LIMIT);
    weir_buffer_char(data, '{');
    if (step) {
        weir_buffer_text(data, "\"step\":");
        weir_buffer_json(data, step, strlen(step));
    }
}

static void put_name(weir_buffer *data, const char *name)
{
    weir_buffer_format(data, "%s\"%s\":", data->length > 1 ? "," : "", name);
}

static void put_text(weir_buffer *data, const char *name, const char *text)
{
    if (!text)
        return;
    put_name(data, name);
    weir_buffer_json(data, text, strlen(text));
}

static weir_slice payload(const weir_event *event)
{
    bool json = !event->binary && event->data_length > 0;
    return json ? (weir_slice){event->data, event->data_length} : (weir_slice){"null", 4};
}

static void set_timer(weir_saga_instance *i, int64_t ms)
{
    i->timer = ms > 0 ? WEIR_SAGA_SET : WEIR_SAGA_CLEAR;
    i->due_ms = ms;
}

/* Sends the request of the step it is at. */
static bool ask(const decision *d)
{
    weir_saga_instance *i = d->instance;
    const size_t stage = stage_of(d);
    const weir_saga_act *act = act_at(d, stage);
    const weir_saga_values values = {i->id, i->reason, i->data};
    weir_buffer data = WEIR_BUFFER(TEXT_LIMIT);
    weir_uuid *id = weir_arena_alloc(d->output->arena, sizeof *id);
    if (!id)
        return full(d);
    *id = weir_uuid_new();
    if (!weir_saga_template_fill(act->data, &values, &data, d->error)) {
        weir_buffer_free(&data);
        return weir_error_prefix(d->error, "%s of %s '%s' cannot be asked for", act->request,
                                 d->plan->name, i->id);
    }
    const char *text = settle(d, &data);
    if (!text || !add(d, act->request, text, id))
        return false;
    weir_uuid_format(id, i->request_id);
    i->waiting = false;
    set_timer(i, act->timeout_ms);
    return true;
}

static bool go_to(const decision *d, size_t stage)
{
    d->instance->step = d->plan->stages[stage].name;
    d->instance->attempt = 1;
    return ask(d);
}

static bool end(const decision *d, weir_saga_state state)
{
    weir_saga_instance *i = d->instance;
    weir_buffer data;
    open_data(d, &data);
    if (state != WEIR_SAGA_COMPLETED)
        put_text(&data, "reason", i->reason);
    weir_buffer_char(&data, '}');
    if (!add_own(d, weir_saga_state_names[state], &data))
        return false;
    i->state = state;
    i->waiting = false;
    set_timer(i, 0);
    return true;
}

/* Steps that were answered before they were reached are not asked for. */
static bool go_on(const decision *d, size_t stage)
{
    while (stage < d->plan->count && has_answer(d, stage))
        stage++;
    if (stage < d->plan->count)
        return go_to(d, stage);
    d->instance->step = NULL;
    return end(d, WEIR_SAGA_COMPLETED);
}

/* The next step below this one that is to be undone. */
static bool undo_below(const decision *d, size_t stage)
{
    while (stage-- > 0)
        if (d->plan->stages[stage].undo.request && has_answer(d, stage))
            return go_to(d, stage);
    d->instance->step = NULL;
    return end(d, WEIR_SAGA_COMPENSATED);
}

/* unknown: the step that it is at may have happened, or may yet. */
static bool turn_back(const decision *d, const char *reason, bool unknown)
{
    weir_saga_instance *i = d->instance;
    size_t stage = stage_of(d);
    weir_buffer data;
    char *why = weir_arena_copy(d->output->arena, reason, strlen(reason));
    if (!why)
        return full(d);
    i->reason = why;
    if (unknown && stage < d->plan->count && !has_answer(d, stage) &&
        !put_data(d, i->step, (weir_slice){"null", 4}))
        return false;
    open_data(d, &data);
    put_text(&data, "reason", reason);
    weir_buffer_char(&data, '}');
    if (!add_own(d, "compensating", &data))
        return false;
    i->state = WEIR_SAGA_COMPENSATING;
    return undo_below(d, d->plan->count);
}

/* A timeout, or an answer that asks for another attempt. */
static bool attempt_failed(const decision *d, const char *why)
{
    weir_saga_instance *i = d->instance;
    const weir_saga_act *act = act_at(d, stage_of(d));
    bool again = i->attempt <= act->retries;
    int64_t pause = act->backoff_ms;
    for (int64_t n = 1; n < i->attempt && pause < BACKOFF_MOST_MS; n++)
        pause *= 2;
    pause = pause < BACKOFF_MOST_MS ? pause : BACKOFF_MOST_MS;
    weir_buffer data;
    open_data(d, &data);
    put_text(&data, "why", why);
    weir_buffer_format(&data, ",\"attempt\":%lld", (long long)i->attempt);
    if (again)
        weir_buffer_format(&data, ",\"next_in_ms\":%lld", (long long)pause);
    weir_buffer_char(&data, '}');
    if (!add_own(d, strcmp(why, "timeout") == 0 ? "timed_out" : "attempt_failed", &data))
        return false;
    if (again) {
        i->waiting = true;
        i->attempt++;
        set_timer(i, pause);
        return true;
    }
    char reason[400];
    snprintf(reason, sizeof reason, "%s: %s after %lld attempts", i->step, why,
             (long long)i->attempt);
    if (i->state == WEIR_SAGA_RUNNING)
        return turn_back(d, reason, true);
    char *copy = weir_arena_copy(d->output->arena, reason, strlen(reason));
    if (!copy)
        return full(d);
    i->reason = copy;
    return end(d, WEIR_SAGA_FAILED);
}

static bool begin(const decision *d)
{
    weir_saga_instance *i = d->instance;
    weir_slice start = payload(d->input->event);
    weir_buffer data;
    i->definition = d->plan->version;
    i->state = WEIR_SAGA_RUNNING;
    i->data = "{}";
    if (!(i->correlation_id = weir_arena_copy(d->output->arena, d->context->correlation_id,
                                              strlen(d->context->correlation_id))))
        return full(d);
    if (!put_data(d, "start", start))
        return false;
    open_data(d, &data);
    weir_buffer_format(&data, "\"definition\":%lld", (long long)d->plan->version);
    put_text(&data, "by", d->input->event->type);
    put_name(&data, "start");
    weir_buffer_append(&data, start.text, start.length);
    weir_buffer_char(&data, '}');
    return add_own(d, "started", &data) && go_on(d, 0);
}

/* Notes the answer in the stream and, of a step itself, in the data. */
static bool note_answer(const decision *d, const char *what, size_t stage)
{
    weir_saga_instance *i = d->instance;
    const char *at = i->step;
    weir_slice answer = payload(d->input->event);
    weir_buffer data;
    i->step = d->plan->stages[stage].name;
    open_data(d, &data);
    i->step = at;
    put_text(&data, "by", d->input->event->type);
    put_name(&data, "answer");
    weir_buffer_append(&data, answer.text, answer.length);
    weir_buffer_char(&data, '}');
    bool undone = i->state == WEIR_SAGA_COMPENSATING;
    return add_own(d, what, &data) && (undone || put_data(d, d->plan->stages[stage].name, answer));
}

static bool take_success(const decision *d, size_t stage)
{
    weir_saga_instance *i = d->instance;
    if (i->state == WEIR_SAGA_COMPENSATING)
        return note_answer(d, "step_compensated", stage) && undo_below(d, stage);
    if (stage == stage_of(d))
        return note_answer(d, "step_completed", stage) && go_on(d, stage + 1);
    return has_answer(d, stage) || note_answer(d, "step_completed", stage);
}

static bool take_refusal(const decision *d, size_t stage)
{
    char reason[400];
    weir_saga_instance *i = d->instance;
    const char *type = d->input->event->type;
    snprintf(reason, sizeof reason, "%s: %s", d->plan->stages[stage].name, type);
    if (i->state == WEIR_SAGA_COMPENSATING)
        return attempt_failed(d, type);
    bool only = i->attempt == 1;
    weir_slice answer = payload(d->input->event);
    weir_buffer data;
    open_data(d, &data);
    put_text(&data, "by", type);
    put_name(&data, "answer");
    weir_buffer_append(&data, answer.text, answer.length);
    weir_buffer_char(&data, '}');
    return add_own(d, "step_failed", &data) && turn_back(d, reason, !only);
}

static bool take_event(const decision *d)
{
    const weir_saga_instance *i = d->instance;
    weir_saga_role role = weir_saga_plan_role(d->plan, d->input->event->type);
    bool running = i->state == WEIR_SAGA_RUNNING, undoing = i->state == WEIR_SAGA_COMPENSATING;
    if (role.meaning == WEIR_SAGA_START)
        return i->state != WEIR_SAGA_NEW || begin(d);
    if (role.meaning == WEIR_SAGA_ABORT && running)
        return turn_back(d, d->input->event->type, true);
    if ((!running && !undoing) || role.undo != undoing)
        return true; /* nothing, too late, or of the way there when it goes back */
    size_t at = stage_of(d);
    switch (role.meaning) {
    case WEIR_SAGA_SUCCESS:
        return role.stage == at || (running && role.stage > at) ? take_success(d, role.stage)
                                                                : true;
    case WEIR_SAGA_FAILURE:
        return role.stage != at || take_refusal(d, at);
    case WEIR_SAGA_RETRY_ON:
        return role.stage != at || i->waiting || attempt_failed(d, d->input->event->type);
    default:
        return true;
    }
}

static bool take_time(const decision *d)
{
    const weir_saga_instance *i = d->instance;
    if (i->state != WEIR_SAGA_RUNNING && i->state != WEIR_SAGA_COMPENSATING)
        return true;
    return i->waiting ? ask(d) : attempt_failed(d, "timeout");
}

static bool refuse_person(const decision *d, const char *what)
{
    return weir_fail_code(
        d->error, WEIR_FATE_CONFLICT, WEIR_CONFLICT, "%s '%s' is %s%s: %s", d->plan->name,
        d->instance->id, weir_saga_state_names[d->instance->state],
        d->instance->state == WEIR_SAGA_FAILED && !d->instance->step ? " (cancelled)" : "", what);
}

static bool note_person(const decision *d, const char *what)
{
    weir_buffer data;
    open_data(d, &data);
    put_text(&data, "by", d->input->by);
    put_text(&data, "reason", d->input->why);
    weir_buffer_char(&data, '}');
    return add_own(d, what, &data);
}

/* A person's word. Another attempt begins to count anew. */
static bool take_word(const decision *d)
{
    weir_saga_instance *i = d->instance;
    bool active = i->state == WEIR_SAGA_RUNNING || i->state == WEIR_SAGA_COMPENSATING;
    bool parked = i->state == WEIR_SAGA_FAILED && i->step;
    char reason[400];
    snprintf(reason, sizeof reason, "%s by %s%s%s",
             d->input->cause == WEIR_SAGA_CANCEL ? "cancelled" : "compensation asked for",
             d->input->by, d->input->why ? ": " : "", d->input->why ? d->input->why : "");
    switch (d->input->cause) {
    case WEIR_SAGA_RETRY:
        if (!active && !parked)
            return refuse_person(d, "there is nothing to try again");
        if (!note_person(d, "retried"))
            return false;
        if (parked)
            i->state = WEIR_SAGA_COMPENSATING;
        i->attempt = 1;
        return ask(d);
    case WEIR_SAGA_COMPENSATE:
        if (i->state != WEIR_SAGA_RUNNING && i->state != WEIR_SAGA_COMPLETED)
            return refuse_person(d, "only what is running or completed can be compensated");
        return turn_back(d, reason, true);
    default:
        if (!active && !parked)
            return refuse_person(d, "it has ended");
        if (!note_person(d, "cancelled"))
            return false;
        i->step = NULL;
        if (!(i->reason = weir_arena_copy(d->output->arena, reason, strlen(reason))))
            return full(d);
        return end(d, WEIR_SAGA_FAILED);
    }
}

/* What the events that it leads to belong to: the instance's conversation, whoever answered. */
static weir_message_context *context_of(const weir_saga_instance *i, const weir_saga_input *input)
{
    weir_message_context context = {.correlation_id = i->correlation_id};
    weir_message_context *caused = input->event ? weir_context_caused_by(input->event) : NULL;
    if (caused) {
        context = *caused;
        if (i->correlation_id)
            context.correlation_id = i->correlation_id;
    } else {
        context.causation_id = i->request_id[0] ? i->request_id : NULL;
        context.user_id = input->by;
    }
    weir_message_context *copy = weir_context_copy(&context);
    free(caused);
    return copy;
}

bool weir_saga_decide(const weir_saga_plan *plan, weir_saga_instance *instance,
                      const weir_saga_input *input, weir_saga_output *output, weir_error *error)
{
    weir_message_context *context = context_of(instance, input);
    const decision d = {plan, instance, input, output, context, error};
    bool ok = input->cause == WEIR_SAGA_EVENT  ? take_event(&d)
              : input->cause == WEIR_SAGA_TIME ? take_time(&d)
                                               : take_word(&d);
    free(context);
    return ok;
}

bool weir_saga_key(const weir_saga_role *role, const weir_event *event,
                   char key[WEIR_SAGA_KEY_SIZE], weir_error *error)
{
    weir_slice value, data = payload(event);
    const char *text = event->aggregate_id;
    char *decoded = NULL;
    weir_arena *arena = NULL;
    bool starts = role->meaning == WEIR_SAGA_START;
    key[0] = '\0';
    if (strcmp(role->key, "$aggregate_id") != 0) {
        bool there = weir_saga_find(data.text, data.length, role->key, &value) && value.length > 0;
        arena = weir_arena_new(64 << 10);
        if (there && value.text[0] == '"')
            decoded = weir_json_decode(value, arena);
        else if (there && weir_json_is_number(value.text, value.length))
            decoded = weir_arena_copy(arena, value.text, value.length);
        text = decoded;
    }
    bool fits = text && *text && strlen(text) < WEIR_SAGA_KEY_SIZE;
    if (fits)
        memcpy(key, text, strlen(text) + 1);
    weir_arena_free(arena);
    return fits || !starts ||
           weir_fail(error, WEIR_FATE_POISON,
                     "%s %s/%s does not say which instance it begins: its data has no '%s' of 1 "
                     "to 256 bytes",
                     event->type, event->aggregate_type, event->aggregate_id, role->key);
}
