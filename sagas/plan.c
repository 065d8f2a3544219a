/* From a file, a recorded text or a table in C to a plan. A table is written as the text that says
 * the same and read like any other, so that there is one reader and one set of rules; and JSON,
 * which definitions are recorded as, is YAML. */
#include "sagas/plan_int.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "config/yaml.h"
#include "sagas/template_int.h"

#define PLAN_LIMIT ((size_t)8 << 20)
#define TEXT_LIMIT ((size_t)1 << 20)
#define NAME_MOST 50

typedef enum kind {
    TEXT,
    WORDS,
    NUMBER,
    DURATION,
    TEMPLATE,
    STEPS,
    REQUEST,
} kind;

typedef struct field {
    const char *name;
    kind kind;
    size_t at; /* in the record */
    bool needed;
} field;

#define AT(record, member) offsetof(record, member)

static const field plan_keys[] = {
    {"saga", TEXT, AT(weir_saga_plan, name), true},
    {"version", NUMBER, AT(weir_saga_plan, version), false},
    {"from", WORDS, AT(weir_saga_plan, from), true},
    {"start", WORDS, AT(weir_saga_plan, start), true},
    {"start_key", TEXT, AT(weir_saga_plan, start_key), false},
    {"key", TEXT, AT(weir_saga_plan, key), true},
    {"abort", WORDS, AT(weir_saga_plan, abort), false},
    {"steps", STEPS, 0, true},
    {0},
};

#define ACT_KEYS(base, prefix_needed)                                                              \
    {"request", TEXT, (base) + AT(weir_saga_act, request), prefix_needed},                         \
        {"data", TEMPLATE, (base) + AT(weir_saga_act, data), prefix_needed},                       \
        {"success", WORDS, (base) + AT(weir_saga_act, success), prefix_needed},                    \
        {"failure", WORDS, (base) + AT(weir_saga_act, failure), false},                            \
        {"retry_on", WORDS, (base) + AT(weir_saga_act, retry_on), false},                          \
        {"key", TEXT, (base) + AT(weir_saga_act, key), false},                                     \
        {"timeout", DURATION, (base) + AT(weir_saga_act, timeout_ms), false},                      \
        {"retries", NUMBER, (base) + AT(weir_saga_act, retries), false},                           \
    {                                                                                              \
        "backoff", DURATION, (base) + AT(weir_saga_act, backoff_ms), false                         \
    }

static const field step_keys[] = {
    {"name", TEXT, AT(weir_saga_stage, name), true},
    ACT_KEYS(AT(weir_saga_stage, go), true),
    {"compensate", REQUEST, AT(weir_saga_stage, undo), false},
    {0},
};

static const field act_keys[] = {ACT_KEYS(0, true), {0}};

/* What is being read. */
typedef struct reader {
    weir_saga_plan *plan;
    weir_yaml *yaml;
    const field *keys;
    void *record;
    const char *what; /* as the user knows it */
    unsigned seen;    /* bits of keys */
    weir_error *error;
} reader;

static char *keep(weir_saga_plan *plan, const char *text, size_t length)
{
    char *copy = weir_arena_copy(plan->arena, text, length);
    if (!copy)
        weir_out_of_memory(length); /* a file of 1 MiB cannot get here */
    return copy;
}

static void *room(weir_saga_plan *plan, size_t bytes)
{
    void *memory = weir_arena_alloc(plan->arena, bytes);
    if (!memory)
        weir_out_of_memory(bytes);
    memset(memory, 0, bytes);
    return memory;
}

static bool read_number(const reader *r, const field *key, const weir_yaml_node *node,
                        int64_t *value)
{
    char *end;
    const char *text = weir_yaml_text(node);
    *value = strtoll(text, &end, 10);
    if (*end || end == text || *value < 0 || *value > 1000000)
        return weir_yaml_fail(r->yaml, node, r->error, "%s must be a whole number, not '%s'",
                              key->name, text);
    return true;
}

static bool read_duration(const reader *r, const field *key, const weir_yaml_node *node,
                          int64_t *value)
{
    int64_t us;
    weir_error why;
    if (!weir_duration_parse(weir_yaml_text(node), &us, &why) || us < 1000)
        return weir_yaml_fail(r->yaml, node, r->error,
                              "%s must be a duration such as 500ms, 30s, 5m or 1d, not '%s'",
                              key->name, weir_yaml_text(node));
    *value = us / 1000;
    return true;
}

/* Words between commas and blanks, or the items of a list. */
static bool read_words(const reader *r, const field *key, const weir_yaml_node *node,
                       const char *const **value)
{
    static const char between[] = ", \t\r\n";
    bool list = weir_yaml_kind_of(node) == WEIR_YAML_LIST;
    size_t count = 0, items = list ? weir_yaml_count(node) : 1;
    const char **words = room(r->plan, sizeof *words);
    for (size_t i = 0; i < items; i++) {
        const weir_yaml_node *item = list ? weir_yaml_item(r->yaml, node, i) : node;
        if (!weir_yaml_expect(r->yaml, item, WEIR_YAML_SCALAR, key->name, r->error))
            return false;
        const char *text = weir_yaml_text(item);
        for (text += strspn(text, between); *text; text += strspn(text, between)) {
            size_t length = strcspn(text, between);
            const char **more = room(r->plan, (count + 2) * sizeof *more);
            memcpy(more, words, count * sizeof *more);
            more[count++] = keep(r->plan, text, length);
            words = more;
            text += length;
        }
    }
    *value = words;
    return count > 0 || weir_yaml_fail(r->yaml, node, r->error, "%s is empty", key->name);
}

static bool read_record(reader *r, const weir_yaml_node *node);

static bool read_steps(const reader *r, const weir_yaml_node *node)
{
    weir_saga_plan *plan = r->plan;
    if (!weir_yaml_expect(r->yaml, node, WEIR_YAML_LIST, "steps", r->error))
        return false;
    plan->count = weir_yaml_count(node);
    if (plan->count == 0 || plan->count > WEIR_SAGA_STEPS_MOST)
        return weir_yaml_fail(r->yaml, node, r->error, "a saga has 1 to %d steps",
                              WEIR_SAGA_STEPS_MOST);
    plan->stages = room(plan, plan->count * sizeof *plan->stages);
    for (size_t i = 0; i < plan->count; i++) {
        weir_saga_stage *stage = &plan->stages[i];
        stage->go.retries = stage->undo.retries = 3;
        stage->go.backoff_ms = stage->undo.backoff_ms = 1000;
        reader step = *r;
        step.keys = step_keys;
        step.record = stage;
        step.what = "a step";
        if (!read_record(&step, weir_yaml_item(r->yaml, node, i)))
            return false;
    }
    return true;
}

static bool read_template(const reader *r, const weir_yaml_node *node, const char **value)
{
    char *json = weir_yaml_json(r->yaml, node, r->error);
    if (!json)
        return false;
    *value = keep(r->plan, json, strlen(json));
    free(json);
    return true;
}

static bool read_value(const reader *r, const field *key, const weir_yaml_node *node)
{
    void *value = (char *)r->record + key->at;
    bool scalar = key->kind == TEXT || key->kind == NUMBER || key->kind == DURATION;
    if (scalar && !weir_yaml_expect(r->yaml, node, WEIR_YAML_SCALAR, key->name, r->error))
        return false;
    switch (key->kind) {
    case NUMBER:
        return read_number(r, key, node, value);
    case DURATION:
        return read_duration(r, key, node, value);
    case WORDS:
        return read_words(r, key, node, value);
    case STEPS:
        return read_steps(r, node);
    case TEMPLATE:
        return read_template(r, node, value);
    case REQUEST: {
        reader undo = *r;
        undo.keys = act_keys;
        undo.record = value;
        undo.what = "compensate";
        return read_record(&undo, node);
    }
    case TEXT:
        break;
    }
    const char *text = weir_yaml_text(node);
    const char *copy = keep(r->plan, text, strlen(text));
    memcpy(value, &copy, sizeof copy);
    return *text || weir_yaml_fail(r->yaml, node, r->error, "%s is empty", key->name);
}

static bool read_pair(void *context, weir_yaml *yaml, const weir_yaml_node *name,
                      const weir_yaml_node *value, weir_error *error)
{
    reader *r = context;
    weir_suggestion near = {.word = weir_yaml_text(name)};
    for (size_t i = 0; r->keys[i].name; i++) {
        if (strcmp(r->keys[i].name, near.word) == 0) {
            r->seen |= 1u << i;
            return read_value(r, &r->keys[i], value);
        }
        weir_suggest_offer(&near, r->keys[i].name);
    }
    weir_yaml_fail(yaml, name, error, "unknown key '%s' in %s", near.word, r->what);
    return weir_suggest_end(&near, error);
}

static bool read_record(reader *r, const weir_yaml_node *node)
{
    r->seen = 0;
    if (!weir_yaml_expect(r->yaml, node, WEIR_YAML_MAPPING, r->what, r->error) ||
        !weir_yaml_pairs(r->yaml, node, read_pair, r, r->error))
        return false;
    for (size_t i = 0; r->keys[i].name; i++)
        if (r->keys[i].needed && !(r->seen & 1u << i))
            return weir_yaml_fail(r->yaml, node, r->error, "%s lacks '%s'", r->what,
                                  r->keys[i].name);
    return true;
}

/* The rules that no single key can break. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return length > 0 && length <= NAME_MOST;
}

static bool fail_at(const weir_saga_plan *plan, const weir_saga_stage *stage, weir_error *error,
                    const char *why, const char *what)
{
    return weir_fail(error, WEIR_FATE_CONFIG, "%s: step '%s': %s '%s'", plan->file, stage->name,
                     why, what);
}

/* An answer is to mean one thing, or a late one would answer another question. */
static bool check_answers(const weir_saga_plan *plan, size_t stage, const weir_saga_act *act,
                          weir_error *error)
{
    const char *const *const lists[] = {act->success, act->failure, act->retry_on};
    for (size_t l = 0; l < 3; l++)
        for (const char *const *type = lists[l]; type && *type; type++) {
            weir_saga_role role = weir_saga_plan_role(plan, *type);
            bool undo = act == &plan->stages[stage].undo;
            if (strchr(*type, '*'))
                return fail_at(plan, &plan->stages[stage], error,
                               "an answer is one event type, not a pattern like", *type);
            if (role.meaning != (weir_saga_meaning)(WEIR_SAGA_SUCCESS + l) || role.stage != stage ||
                role.undo != undo)
                return fail_at(plan, &plan->stages[stage], error,
                               "another place of this saga has this event type, too:", *type);
        }
    return true;
}

static bool check_act(const weir_saga_plan *plan, size_t at, const weir_saga_act *act,
                      weir_error *error)
{
    char why[200];
    const weir_saga_stage *stage = &plan->stages[at];
    if (!act->request)
        return true;
    size_t own = strlen(plan->name);
    if (strncmp(act->request, plan->name, own) == 0 && act->request[own] == '.')
        return fail_at(plan, stage, error,
                       "events of that prefix are the saga's own:", act->request);
    if (strncmp(act->request, "weir.", 5) == 0)
        return fail_at(plan, stage, error,
                       "types that begin with weir. are reserved:", act->request);
    if (!weir_saga_template_check(act->data, plan, at, act == &stage->undo, why, sizeof why))
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: step '%s': %s", plan->file, stage->name,
                         why);
    return check_answers(plan, at, act, error);
}

static bool check_plan(weir_saga_plan *plan, weir_error *error)
{
    if (!is_name(plan->name))
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s: '%s' is no name of a saga: it has 1 to %d letters, digits and _",
                         plan->file, plan->name, NAME_MOST);
    for (const char *const *type = plan->from; *type; type++)
        if (strcmp(*type, plan->name) == 0)
            return weir_fail(
                error, WEIR_FATE_CONFIG,
                "%s: '%s' in 'from' is the saga's own name, and so the aggregate type of "
                "its streams",
                plan->file, *type);
    if (plan->version < 1)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: version must be at least 1", plan->file);
    for (size_t i = 0; i < plan->count; i++) {
        const weir_saga_stage *stage = &plan->stages[i];
        bool reserved = is_name(stage->name) &&
                        (strcmp(stage->name, "start") == 0 || strcmp(stage->name, "id") == 0 ||
                         strcmp(stage->name, "reason") == 0);
        if (!is_name(stage->name) || reserved)
            return fail_at(plan, stage, error,
                           reserved ? "the name is taken:" : "it is no name:", stage->name);
        if (weir_saga_plan_stage(plan, stage->name, strlen(stage->name)) != i)
            return fail_at(plan, stage, error, "two steps have the name", stage->name);
        if (!check_act(plan, i, &stage->go, error) || !check_act(plan, i, &stage->undo, error))
            return false;
    }
    return true;
}

static weir_saga_plan *read_plan(weir_yaml *yaml, const char *path, weir_error *error)
{
    weir_saga_plan *plan = weir_calloc(1, sizeof *plan);
    plan->arena = weir_arena_new(PLAN_LIMIT);
    plan->version = 1;
    plan->file = keep(plan, path, strlen(path));
    reader r = {plan, yaml, plan_keys, plan, "a saga", 0, error};
    const weir_yaml_node *root = weir_yaml_root(yaml);
    char *json = NULL;
    bool ok = root ? read_record(&r, root) && check_plan(plan, error) &&
                         (json = weir_yaml_json(yaml, root, error)) != NULL
                   : weir_fail(error, WEIR_FATE_CONFIG, "%s: the file is empty", path);
    if (ok) {
        plan->json = keep(plan, json, strlen(json));
        if (!plan->start_key)
            plan->start_key = "$aggregate_id";
    }
    free(json);
    if (ok)
        return plan;
    weir_saga_plan_free(plan);
    return NULL;
}

weir_saga_plan *weir_saga_plan_open(const char *path, weir_error *error)
{
    weir_yaml *yaml = weir_yaml_open(path, error);
    weir_saga_plan *plan = yaml ? read_plan(yaml, path, error) : NULL;
    weir_yaml_free(yaml);
    return plan;
}

weir_saga_plan *weir_saga_plan_parse(const char *path, const char *text, size_t length,
                                     weir_error *error)
{
    weir_yaml *yaml = weir_yaml_parse(path, text, length, error);
    weir_saga_plan *plan = yaml ? read_plan(yaml, path, error) : NULL;
    weir_yaml_free(yaml);
    return plan;
}

void weir_saga_plan_free(weir_saga_plan *plan)
{
    if (!plan)
        return;
    weir_arena_free(plan->arena);
    free(plan);
}

/* A table as text. */
static void put_member(weir_buffer *to, const char *name, const char *value)
{
    if (!value)
        return;
    if (to->length > 0 && to->data[to->length - 1] != '{')
        weir_buffer_text(to, ", ");
    weir_buffer_format(to, "\"%s\": ", name);
    if (strcmp(name, "data") == 0)
        weir_buffer_text(to, value);
    else
        weir_buffer_json(to, value, strlen(value));
}

static void put_request(weir_buffer *to, const weir_saga_request *request)
{
    put_member(to, "request", request->request);
    put_member(to, "data", request->data);
    put_member(to, "success", request->success);
    put_member(to, "failure", request->failure);
    put_member(to, "retry_on", request->retry_on);
    put_member(to, "key", request->key);
    put_member(to, "timeout", request->timeout);
    put_member(to, "retries", request->retries);
    put_member(to, "backoff", request->backoff);
}

static void put_steps(weir_buffer *to, const weir_saga_step *steps)
{
    weir_buffer_text(to, ", \"steps\": [");
    for (const weir_saga_step *step = steps; step && step->name; step++) {
        weir_buffer_text(to, step == steps ? "{" : ", {");
        put_member(to, "name", step->name);
        put_request(to, &step->go);
        if (step->compensate.request) {
            weir_buffer_text(to, ", \"compensate\": {");
            put_request(to, &step->compensate);
            weir_buffer_char(to, '}');
        }
        weir_buffer_char(to, '}');
    }
    weir_buffer_text(to, "]}");
}

weir_saga_plan *weir_saga_plan_of_table(const weir_saga_definition *definition, const char *file,
                                        weir_error *error)
{
    char version[16];
    weir_buffer text = WEIR_BUFFER(TEXT_LIMIT);
    snprintf(version, sizeof version, "%d", definition->version ? definition->version : 1);
    weir_buffer_char(&text, '{');
    put_member(&text, "saga", definition->name);
    put_member(&text, "version", version);
    put_member(&text, "from", definition->from);
    put_member(&text, "start", definition->start);
    put_member(&text, "start_key", definition->start_key);
    put_member(&text, "key", definition->key);
    put_member(&text, "abort", definition->abort);
    put_steps(&text, definition->steps);
    weir_saga_plan *plan = NULL;
    if (text.overflow)
        weir_fail(error, WEIR_FATE_CONFIG, "%s: the definition is larger than 1 MiB", file);
    else
        plan = weir_saga_plan_parse(file, text.data, text.length, error);
    weir_buffer_free(&text);
    return plan;
}

size_t weir_saga_plan_stage(const weir_saga_plan *plan, const char *name, size_t length)
{
    size_t i = 0;
    while (i < plan->count && (strlen(plan->stages[i].name) != length ||
                               memcmp(plan->stages[i].name, name, length) != 0))
        i++;
    return i;
}

static bool among(const char *const *types, const char *type)
{
    for (; types && *types; types++)
        if (strcmp(*types, type) == 0)
            return true;
    return false;
}

static weir_saga_meaning meaning_of(const weir_saga_act *act, const char *type)
{
    return !act->request                ? WEIR_SAGA_NOTHING
           : among(act->success, type)  ? WEIR_SAGA_SUCCESS
           : among(act->failure, type)  ? WEIR_SAGA_FAILURE
           : among(act->retry_on, type) ? WEIR_SAGA_RETRY_ON
                                        : WEIR_SAGA_NOTHING;
}

weir_saga_role weir_saga_plan_role(const weir_saga_plan *plan, const char *event_type)
{
    if (among(plan->start, event_type))
        return (weir_saga_role){WEIR_SAGA_START, 0, false,
                                plan->start_key ? plan->start_key : "$aggregate_id"};
    if (among(plan->abort, event_type))
        return (weir_saga_role){WEIR_SAGA_ABORT, 0, false, plan->key};
    for (size_t i = 0; i < plan->count; i++)
        for (int undo = 0; undo < 2; undo++) {
            const weir_saga_act *act = undo ? &plan->stages[i].undo : &plan->stages[i].go;
            weir_saga_meaning meaning = meaning_of(act, event_type);
            if (meaning != WEIR_SAGA_NOTHING)
                return (weir_saga_role){meaning, i, undo, act->key ? act->key : plan->key};
        }
    return (weir_saga_role){WEIR_SAGA_NOTHING, 0, false, NULL};
}
