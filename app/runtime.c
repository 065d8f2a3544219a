/* Threads of subscriptions.
 *
 * Everything that can be refused is refused before the first thread starts. A subscription that
 * stops itself says so in the log, once, and never takes the others with it. */
#include "app/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "app/names.h"
#include "app/schema.h"
#include "app/session.h"
#include "base/suggest.h"

#define STARTS_ONCE 5 /* of a handler's command that fails, with --once */

const char *weir_member_kind(const weir_member *member)
{
    return member->projection ? "projection"
           : member->external ? "handler"
           : member->saga     ? "saga"
                              : "command";
}

const char *weir_member_name(const weir_member *member)
{
    return member->projection ? weir_projection_name(member->projection)
           : member->external ? weir_external_name(member->external)
           : member->saga     ? weir_saga_name(member->saga)
                              : weir_executor_name(member->executor);
}

const char *const *weir_member_types(const weir_member *member)
{
    return member->projection ? weir_projection_types(member->projection)
           : member->external ? weir_external_types(member->external)
           : member->saga     ? weir_saga_types(member->saga)
                              : weir_executor_types(member->executor);
}

static weir_handler *handler_of(const weir_member *member)
{
    const weir_runtime *runtime = member->runtime;
    return member->projection ? weir_projection_handler(member->projection, runtime->config)
           : member->external ? weir_external_handler(member->external)
           : member->saga
               ? weir_saga_handler(member->saga)
               : weir_executor_handler(member->executor, runtime->config, runtime->upcasters);
}

const weir_foreign *weir_member_foreign(const weir_member *member)
{
    return member->projection ? weir_projection_foreign(member->projection) : NULL;
}

/* How many there are; projections alone unless all were asked for. */
static size_t count_all(const weir_runtime *runtime)
{
    size_t others = runtime->externals.count + runtime->sagas.count + runtime->executors.count;
    return runtime->projections.count + (runtime->all ? others : 0);
}

/* Projections come first, command handlers last. */
static weir_member member_at(weir_runtime *runtime, size_t i)
{
    size_t projections = runtime->projections.count;
    size_t externals = projections + runtime->externals.count;
    size_t sagas = externals + runtime->sagas.count;
    weir_member member = {.runtime = runtime};
    if (i < projections)
        member.projection = runtime->projections.items[i];
    else if (i < externals)
        member.external = runtime->externals.items[i - projections];
    else if (i < sagas)
        member.saga = runtime->sagas.items[i - externals];
    else
        member.executor = runtime->executors.items[i - sagas];
    return member;
}

static bool find(weir_runtime *runtime, const char *name, weir_member *found, weir_error *error)
{
    weir_suggestion near = {.word = name};
    for (size_t i = 0; i < count_all(runtime); i++) {
        *found = member_at(runtime, i);
        if (strcmp(weir_member_name(found), name) == 0)
            return true;
        weir_suggest_offer(&near, weir_member_name(found));
    }
    for (size_t i = 0; !runtime->all && i < runtime->sagas.count; i++)
        if (strcmp(weir_saga_name(runtime->sagas.items[i]), name) == 0)
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "'%s' is a saga: its effects are events, and those are there already",
                             name);
    weir_fail_code(
        error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND, "there is no projection%s '%s'",
        count_all(runtime) > runtime->projections.count ? ", handler, saga or command handler" : "",
        name);
    return weir_suggest_end(&near, error);
}

static bool choose(weir_runtime *runtime, const char *const *names, size_t count, weir_error *error)
{
    size_t wanted = count ? count : count_all(runtime);
    runtime->members = weir_calloc(wanted, sizeof *runtime->members);
    for (size_t i = 0; i < wanted; i++) {
        weir_member member = {0};
        if (!count)
            member = member_at(runtime, i);
        else if (!find(runtime, names[i], &member, error))
            return false;
        for (size_t j = 0; j < runtime->count; j++)
            if (strcmp(weir_member_name(&runtime->members[j]), weir_member_name(&member)) == 0)
                return weir_fail(error, WEIR_FATE_CONFIG, "%s '%s' is named twice",
                                 weir_member_kind(&member), names[i]);
        runtime->members[runtime->count++] = member;
    }
    return true;
}

static bool load(weir_runtime *runtime, const weir_config *config, weir_stop *stop,
                 weir_error *error)
{
    *runtime = (weir_runtime){.config = config, .stop = stop};
    runtime->upcasters = weir_schema_open(config, error);
    return runtime->upcasters && weir_projections_load(config, &runtime->projections, error) &&
           weir_sagas_load(config, &runtime->sagas, error) &&
           weir_executors_load(config, &runtime->executors, error) &&
           weir_names_check(
               &(weir_names){config, &runtime->projections, &runtime->sagas, &runtime->executors},
               error);
}

bool weir_runtime_load(weir_runtime *runtime, const weir_config *config, weir_stop *stop,
                       const char *const *names, size_t count, weir_error *error)
{
    return load(runtime, config, stop, error) && choose(runtime, names, count, error);
}

bool weir_runtime_load_all(weir_runtime *runtime, const weir_config *config, weir_stop *stop,
                           const char *const *names, size_t count, weir_error *error)
{
    if (!load(runtime, config, stop, error))
        return false;
    runtime->all = true;
    return weir_externals_load(config, &runtime->projections, &runtime->externals, error) &&
           choose(runtime, names, count, error);
}

static bool check_all(weir_runtime *runtime, weir_error *error)
{
    weir_store *store = weir_store_open(runtime->config, "weir check", runtime->stop, error);
    bool ok = store != NULL;
    for (size_t i = 0; ok && i < runtime->count; i++)
        ok = !runtime->members[i].projection ||
             weir_projection_check(runtime->members[i].projection, runtime->config,
                                   weir_store_connection(store), error);
    weir_store_close(store);
    return ok;
}

static bool make_subscriptions(weir_runtime *runtime, weir_error *error)
{
    for (size_t i = 0; i < runtime->count; i++) {
        weir_member *member = &runtime->members[i];
        member->subscription =
            weir_subscription_new(runtime->config, handler_of(member), runtime->stop, error);
        if (!member->subscription)
            return false;
        weir_subscription_upcast(member->subscription, runtime->upcasters);
    }
    return true;
}

bool weir_runtime_check(weir_runtime *runtime, weir_error *error)
{
    weir_backoff backoff = {.initial_ms = 100, .max_ms = 5000};
    while (!check_all(runtime, error)) {
        if (error->fate != WEIR_FATE_RETRY)
            return false;
        weir_session_explain_config(runtime->config, error);
        if (backoff.attempts == 0)
            WEIR_WARN("part", "run", "waiting for the store", WEIR_TEXT("why", error->message));
        if (weir_stop_wait(runtime->stop, weir_backoff_next(&backoff)))
            return false;
    }
    return make_subscriptions(runtime, error);
}

/* With once: after everything was read, so that no timer overtakes an answer. */
static bool start_clock(weir_member *member, weir_error *error)
{
    const weir_runtime *runtime = member->runtime;
    member->clock = weir_saga_clock_start(member->saga, runtime->once ? NULL : member->subscription,
                                          runtime->config, runtime->stop, error);
    return member->clock != NULL;
}

static void *run_member(void *context)
{
    weir_member *member = context;
    weir_error error = {0};
    member->failed = !weir_subscription_run(member->subscription, member->runtime->once, &error);
    if (member->saga && member->runtime->once && !member->failed)
        member->failed = !start_clock(member, &error);
    weir_saga_clock_end(member->clock);
    member->clock = NULL;
    if (member->failed)
        WEIR_ERROR("subscription", weir_subscription_name(member->subscription), "stopped itself",
                   WEIR_TEXT("why", error.message), WEIR_TEXT("fate", weir_fate_name(error.fate)));
    return NULL;
}

static bool start_letters(weir_runtime *runtime, weir_error *error)
{
    runtime->names = weir_calloc(runtime->count + 1, sizeof *runtime->names);
    for (size_t i = 0; i < runtime->count; i++)
        runtime->names[i] = weir_subscription_name(runtime->members[i].subscription);
    runtime->letters = weir_letter_topics_start(runtime->config, runtime->names, runtime->count,
                                                runtime->stop, error);
    return runtime->letters != NULL;
}

bool weir_runtime_start(weir_runtime *runtime, bool once, weir_error *error)
{
    runtime->once = once;
    if (!start_letters(runtime, error))
        return false;
    for (size_t i = 0; i < runtime->count; i++) {
        if (once && runtime->members[i].external)
            weir_external_give_up(runtime->members[i].external, STARTS_ONCE);
        weir_member *member = &runtime->members[i];
        if (member->saga && !once && !start_clock(member, error))
            return false;
        int code =
            pthread_create(&runtime->members[i].thread, NULL, run_member, &runtime->members[i]);
        if (code)
            return weir_fail(error, WEIR_FATE_FATAL, "starting a thread: %s", strerror(code));
        runtime->members[i].started = true;
    }
    return true;
}

void weir_runtime_join(weir_runtime *runtime, size_t *failed)
{
    *failed = 0;
    for (size_t i = 0; i < runtime->count; i++) {
        weir_member *member = &runtime->members[i];
        if (!member->started)
            continue;
        pthread_join(member->thread, NULL);
        member->started = false;
        *failed += member->failed;
    }
    weir_letter_topics_end(runtime->letters);
    runtime->letters = NULL;
}

void weir_runtime_free(weir_runtime *runtime)
{
    for (size_t i = 0; i < runtime->count; i++) {
        weir_saga_clock_end(runtime->members[i].clock); /* one whose thread was never started */
        weir_subscription_free(runtime->members[i].subscription);
    }
    free(runtime->members);
    free(runtime->names);
    weir_externals_free(&runtime->externals);
    weir_executors_free(&runtime->executors);
    weir_sagas_free(&runtime->sagas);
    weir_projections_free(&runtime->projections);
    weir_upcasters_free(runtime->upcasters);
    *runtime = (weir_runtime){0};
}
