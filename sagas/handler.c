/* A saga as the runtime's handler: a batch of events becomes the locks, then the decisions, then
 * the calls that record them. */
#include <stdlib.h>
#include <string.h>

#include "sagas/saga_int.h"

/* Instances that one transaction appends to: what it appends holds readers of the store back. */
#define BATCH_MOST 50
#define ARRAY_LIMIT ((size_t)64 << 20)

typedef struct session {
    const weir_saga *saga;
    weir_saga_book book;
    weir_array ids, begins; /* reused */
} session;

/* An event that means something, and to whom. */
typedef struct item {
    size_t event; /* of the batch */
    bool begins;
    const char *key;
    weir_saga_work *work; /* NULL: there is no such instance */
} item;

typedef struct taking {
    weir_saga_work *work;
    size_t count, capacity;
    weir_arena *arena;
} taking;

static bool settle(weir_handler *handler, weir_connection *connection, int *generation,
                   weir_error *error)
{
    char version[24];
    const weir_saga_plan *plan = ((weir_saga *)handler->context)->plan;
    const weir_param params[] = {WEIR_PARAM_TEXT(plan->name),
                                 weir_param_integer(plan->version, version),
                                 WEIR_PARAM_TEXT(plan->json)};
    weir_result *row = weir_connection_query(connection, "saga_settle", params, 3, error);
    if (!row)
        return false;
    bool ours = strcmp(weir_result_value(row, 0, 1), "saga") == 0;
    bool same = weir_result_bool(row, 0, 2);
    *generation = (int)weir_result_integer(row, 0, 0);
    if (!ours)
        weir_fail(error, WEIR_FATE_CONFIG, "%s: the name '%s' belongs to a subscription of kind %s",
                  plan->file, plan->name, weir_result_value(row, 0, 1));
    else if (!same)
        weir_fail(error, WEIR_FATE_CONFIG,
                  "%s: instances follow version %lld of %s, which was recorded as another: raise "
                  "'version', and they end by what they began with",
                  plan->file, (long long)plan->version, plan->name);
    weir_result_free(row);
    return ours && same;
}

static void close_session(void *context)
{
    session *s = context;
    if (!s)
        return;
    weir_saga_book_close(&s->book);
    weir_array_free(&s->ids);
    weir_array_free(&s->begins);
    free(s);
}

static void *open_session(weir_handler *handler, weir_connection *connection, int generation,
                          weir_error *error)
{
    (void)generation;
    session *s = weir_calloc(1, sizeof *s);
    s->saga = handler->context;
    s->ids.bytes = s->begins.bytes = WEIR_BUFFER(ARRAY_LIMIT);
    if (weir_saga_book_open(&s->book, s->saga->plan, connection, error))
        return s;
    close_session(s);
    return NULL;
}

static bool find_items(const session *s, const weir_batch *batch, item *items, size_t *count,
                       weir_calls *calls, weir_error *error)
{
    char key[WEIR_SAGA_KEY_SIZE];
    *count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        weir_saga_role role = weir_saga_book_role(&s->book, batch->events[i].type);
        if (role.meaning == WEIR_SAGA_NOTHING)
            continue;
        if (!weir_saga_key(&role, &batch->events[i], key, error)) {
            calls->accused = i + 1;
            return false;
        }
        if (!key[0])
            continue;
        item *it = &items[(*count)++];
        *it = (item){.event = i, .begins = role.meaning == WEIR_SAGA_START};
        if (!(it->key = weir_arena_copy(batch->arena, key, strlen(key))))
            return weir_batch_full(error);
    }
    return true;
}

static int by_key(const void *one, const void *other)
{
    const item *const *a = one, *const *b = other;
    return strcmp((*a)->key, (*b)->key);
}

static bool take_row(void *context, const weir_result *row, weir_error *error)
{
    taking *t = context;
    if (weir_result_rows(row) == 0)
        return true;
    return t->count < t->capacity
               ? weir_saga_work_read(&t->work[t->count++], row, 0, t->arena, error)
               : weir_batch_full(error);
}

/* Each key once, in order, and whether it may begin. */
static size_t list_keys(session *s, item *const *sorted, size_t count)
{
    size_t keys = 0;
    weir_array_begin(&s->ids, WEIR_PG_TEXT);
    weir_array_begin(&s->begins, WEIR_PG_BOOL);
    for (size_t i = 0; i < count;) {
        size_t to = i;
        char begins = 0;
        for (; to < count && strcmp(sorted[to]->key, sorted[i]->key) == 0; to++)
            begins = (char)(begins | sorted[to]->begins);
        weir_array_text(&s->ids, sorted[i]->key, strlen(sorted[i]->key));
        weir_array_text(&s->begins, &begins, 1);
        keys++;
        i = to;
    }
    return keys;
}

/* Rows and items are in the same order. */
static void join(item *const *sorted, size_t count, weir_saga_work *work, size_t works)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < works && strcmp(work[at].instance.id, sorted[i]->key) < 0)
            at++;
        if (at < works && strcmp(work[at].instance.id, sorted[i]->key) == 0)
            sorted[i]->work = &work[at];
    }
}

static bool lock(session *s, item *items, size_t count, taking *t, weir_calls *calls,
                 weir_error *error)
{
    weir_arena *arena = calls->arena;
    const weir_saga_plan *plan = s->saga->plan;
    item **sorted = weir_arena_alloc(arena, count * sizeof *sorted);
    weir_param *params = weir_arena_alloc(arena, 4 * sizeof *params);
    char *version = weir_arena_alloc(arena, 24);
    if (!sorted || !params || !version)
        return weir_batch_full(error);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &items[i];
    qsort(sorted, count, sizeof(item *), by_key);
    t->capacity = list_keys(s, sorted, count);
    t->arena = arena;
    t->work = weir_arena_alloc(arena, t->capacity * sizeof *t->work);
    params[0] = WEIR_PARAM_TEXT(plan->name);
    params[1] = weir_array_param(&s->ids);
    params[2] = weir_array_param(&s->begins);
    params[3] = weir_param_integer(plan->version, version);
    if (!t->work || s->ids.bytes.overflow || s->begins.bytes.overflow)
        return weir_batch_full(error);
    const weir_call call = {"saga_take", params, 4};
    if (!weir_calls_add(calls, call, SIZE_MAX, "saga_take", error) ||
        !weir_calls_ask(calls, take_row, t, error))
        return false;
    join(sorted, count, t->work, t->count);
    return true;
}

typedef struct learning {
    session *session;
    int64_t version;
    const weir_saga_plan *plan;
} learning;

static bool learn_row(void *context, const weir_result *row, weir_error *error)
{
    learning *l = context;
    if (weir_result_rows(row) == 0)
        return true;
    l->plan = weir_saga_book_add(&l->session->book, l->session->saga->plan->name, l->version,
                                 weir_result_value(row, 0, 0), error);
    return l->plan != NULL;
}

/* The plan of an instance that another process began, by a definition that is newer than ours. */
static const weir_saga_plan *learn(session *s, int64_t version, weir_calls *calls,
                                   weir_error *error)
{
    learning l = {s, version, NULL};
    weir_param *params = weir_arena_alloc(calls->arena, 2 * sizeof *params);
    char *number = weir_arena_alloc(calls->arena, 24);
    if (!params || !number) {
        weir_batch_full(error);
        return NULL;
    }
    params[0] = WEIR_PARAM_TEXT(s->saga->plan->name);
    params[1] = weir_param_integer(version, number);
    const weir_call call = {"saga_definition", params, 2};
    if (!weir_calls_add(calls, call, SIZE_MAX, "saga_definition", error) ||
        !weir_calls_ask(calls, learn_row, &l, error))
        return NULL;
    if (!l.plan)
        weir_fail(error, WEIR_FATE_FATAL,
                  "version %lld of saga %s, which instances follow, is recorded nowhere",
                  (long long)version, s->saga->plan->name);
    return l.plan;
}

static bool decide(session *s, const weir_event *event, weir_saga_work *work, weir_calls *calls,
                   weir_error *error)
{
    const weir_saga_input input = {.cause = WEIR_SAGA_EVENT, .event = event};
    weir_saga_state state = work->instance.state;
    if (state > WEIR_SAGA_COMPENSATING)
        return true; /* it has ended: whatever comes is late */
    const weir_saga_plan *plan = state == WEIR_SAGA_NEW
                                     ? s->saga->plan
                                     : weir_saga_book_plan(&s->book, work->instance.definition);
    if (!plan)
        plan = learn(s, work->instance.definition, calls, error);
    return plan && weir_saga_decide(plan, &work->instance, &input, &work->output, error);
}

static bool collect(void *context, const weir_batch *batch, bool one_by_one, weir_calls *calls,
                    weir_error *error)
{
    (void)one_by_one;
    session *s = context;
    size_t count;
    taking t = {0};
    item *items = weir_arena_alloc(batch->arena, batch->count * sizeof *items);
    if (!items)
        return weir_batch_full(error);
    if (!find_items(s, batch, items, &count, calls, error))
        return false;
    if (count == 0)
        return true;
    if (!lock(s, items, count, &t, calls, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        const item *it = &items[i];
        if (!it->work || decide(s, &batch->events[it->event], it->work, calls, error))
            continue;
        if (error->fate == WEIR_FATE_POISON)
            calls->accused = it->event + 1;
        return false;
    }
    return weir_saga_work_save(s->saga->plan->name, t.work, t.count, calls, error);
}

void weir_saga_make_handler(weir_saga *saga)
{
    saga->handler = (weir_handler){.subscription = saga->plan->name,
                                   .aggregate_types = saga->plan->from,
                                   .context = saga,
                                   .settle = settle,
                                   .open = open_session,
                                   .collect = collect,
                                   .close = close_session,
                                   .batch_most = BATCH_MOST};
}

weir_handler *weir_saga_handler(weir_saga *saga)
{
    return &saga->handler;
}
