/* Samples through links and handlers; see samples.h. */
#include "app/samples.h"

#include <stdlib.h>
#include <string.h>

#include "app/json_paths.h"

#define LINE_MEMORY ((size_t)256 << 20)
#define UPCAST_LIMIT ((size_t)64 << 20)
#define MOST_FINDINGS 1000

/* What the samples met in one link. */
struct weir_sample_link {
    const weir_upcast_link *link;
    size_t *found; /* by rule */
    int64_t taken;
};

void weir_samples_open(weir_samples *samples, const weir_upcasters *upcasters)
{
    *samples = (weir_samples){.upcasters = upcasters};
    samples->arena = weir_arena_new(LINE_MEMORY);
    samples->upcast = WEIR_BUFFER(UPCAST_LIMIT);
    const weir_upcast_link *link;
    for (size_t i = 0; (link = weir_upcasters_link(upcasters, i)); i++) {
        samples->links = weir_realloc(samples->links, (i + 1) * sizeof *samples->links);
        samples->links[i] = (struct weir_sample_link){
            link, weir_calloc(weir_upcast_link_rules(link) + 1, sizeof(size_t)), 0};
        samples->link_count = i + 1;
    }
}

void weir_samples_close(weir_samples *samples)
{
    for (size_t i = 0; i < samples->link_count; i++)
        free(samples->links[i].found);
    for (size_t i = 0; i < samples->finding_count; i++) {
        free(samples->findings[i].type);
        free(samples->findings[i].where);
        free(samples->findings[i].why);
        free(samples->findings[i].what);
    }
    free(samples->links);
    free(samples->findings);
    weir_buffer_free(&samples->upcast);
    weir_arena_free(samples->arena);
    *samples = (weir_samples){0};
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* note takes where over. */
static void note(weir_samples *samples, weir_finding_kind kind, const char *type, char *where,
                 const char *what, const char *why, int64_t line)
{
    for (size_t i = 0; i < samples->finding_count; i++) {
        weir_finding *at = &samples->findings[i];
        if (at->kind == kind && same(at->type, type) && same(at->where, where) &&
            same(at->what, what)) {
            at->count++;
            free(where);
            return;
        }
    }
    if (samples->finding_count == MOST_FINDINGS) {
        samples->truncated = true;
        free(where);
        return;
    }
    samples->findings =
        weir_realloc(samples->findings, (samples->finding_count + 1) * sizeof *samples->findings);
    samples->findings[samples->finding_count++] =
        (weir_finding){.kind = kind,
                       .type = type ? weir_strdup(type) : NULL,
                       .where = where,
                       .why = weir_strdup(why),
                       .what = what ? weir_strdup(what) : NULL,
                       .line = line,
                       .count = line ? 1 : 0};
}

static char *name_of(const weir_upcast_link *link)
{
    const char *place = weir_upcast_link_place(link);
    return weir_format("%d to %d (%s)", (int)weir_upcast_link_from(link),
                       (int)weir_upcast_link_to(link), place ? place : "a C function");
}

static struct weir_sample_link *met(weir_samples *samples, const weir_upcast_link *link)
{
    struct weir_sample_link *at = samples->links;
    while (at->link != link)
        at++;
    return at;
}

/* Only a function can lose a field: rules name what they take away. */
static bool note_vanished(weir_samples *samples, const weir_upcast_link *link, weir_slice before,
                          const weir_event *event, int64_t line, weir_error *error)
{
    const char **gone =
        weir_json_vanished(before, (weir_slice){event->data, event->data_length}, samples->arena);
    if (!gone)
        return weir_fail(error, WEIR_FATE_POISON, "the event has too many fields to compare");
    for (; *gone; gone++) {
        char *why = weir_format("'%s' is not there afterwards", *gone);
        note(samples, WEIR_FINDING_VANISHED, event->type, name_of(link), *gone, why, line);
        free(why);
    }
    return true;
}

static bool take_link(weir_samples *samples, const weir_upcast_link *link, weir_event *event,
                      int64_t line, weir_error *error)
{
    struct weir_sample_link *at = met(samples, link);
    bool compare = !weir_upcast_link_place(link) && !event->binary;
    const char *copy =
        compare ? weir_arena_copy(samples->arena, event->data, event->data_length) : "";
    weir_slice before = {copy, event->data_length};
    at->taken++;
    if (!copy)
        return weir_fail(error, WEIR_FATE_POISON, "the event is too large to compare");
    return weir_upcast_link_apply(link, event, &samples->upcast, at->found, error) &&
           (!compare || note_vanished(samples, link, before, event, line, error));
}

static void fail(weir_samples *samples, weir_finding_kind kind, const char *type, char *where,
                 const weir_error *error, int64_t line)
{
    samples->failing++;
    note(samples, kind, type, where, error->sqlstate, error->message, line);
}

/* False: the event failed on its way, and is noted. */
static bool bring_forward(weir_samples *samples, weir_event *event, int64_t line)
{
    const weir_upcast_link *link;
    weir_error error = {0};
    int32_t stored = event->schema_version,
            latest = weir_upcasters_latest(samples->upcasters, event->type);
    for (;;) {
        if (!weir_upcasters_next(samples->upcasters, event, &link, &error)) {
            fail(samples, event->schema_version > latest ? WEIR_FINDING_NEWER : WEIR_FINDING_FAILED,
                 event->type, weir_format("version %d", (int)event->schema_version), &error, line);
            return false;
        }
        if (!link)
            break;
        if (!take_link(samples, link, event, line, &error)) {
            fail(samples, WEIR_FINDING_FAILED, event->type, name_of(link), &error, line);
            return false;
        }
    }
    samples->upcasts += event->schema_version != stored;
    return true;
}

static bool rehearse(weir_samples *samples, const weir_event *event, int64_t line,
                     weir_error *error)
{
    bool called, failed = false;
    for (size_t i = 0; i < samples->rehearsal_count; i++) {
        weir_rehearsal *rehearsal = samples->rehearsals[i];
        if (weir_rehearsal_apply(rehearsal, event, &called, error))
            continue;
        if (error->fate == WEIR_FATE_RETRY)
            return false;
        char *where = weir_format("projection %s", weir_rehearsal_name(rehearsal));
        samples->failing -= failed; /* an event fails once */
        failed = true;
        fail(samples, WEIR_FINDING_FAILED, event->type, where, error, line);
    }
    return true;
}

/* Where the line does not say it, the event stands where the line does. */
static weir_event event_of(const weir_cloudevent *read, int64_t line)
{
    const weir_new_event *from = &read->event;
    weir_event event = {
        .position = read->position ? read->position : line,
        .aggregate_type = read->aggregate_type,
        .aggregate_id = read->aggregate_id,
        .version = read->version ? read->version : line,
        .id = read->id,
        .type = from->type,
        .schema_version = from->schema_version ? from->schema_version : 1,
        .content_type = from->content_type ? from->content_type : "application/json",
        .data = from->data,
        .data_length = from->data_length,
        .binary = from->binary,
        .metadata = from->metadata,
        .metadata_length = strlen(from->metadata),
        .recorded_at_us = weir_clock_now_us(),
    };
    weir_error error;
    if (!from->time || !weir_clock_parse(from->time, strlen(from->time), &event.time_us, &error))
        event.time_us = event.recorded_at_us;
    return event;
}

bool weir_samples_try(weir_samples *samples, const char *line, size_t length, int64_t number,
                      weir_error *error)
{
    weir_cloudevent read;
    weir_error why = {0};
    weir_arena_reset(samples->arena);
    const char *copy = weir_arena_copy(samples->arena, line, length);
    if (!copy)
        weir_fail(&why, WEIR_FATE_POISON, "the line is too long");
    if (!copy ||
        !weir_cloudevent_read(copy, length, samples->aggregate_type, samples->arena, &read, &why)) {
        samples->events++;
        fail(samples, WEIR_FINDING_FAILED, NULL, weir_strdup("reading the line"), &why, number);
        return true;
    }
    if (samples->event_type && strcmp(samples->event_type, read.event.type) != 0)
        return true;
    samples->events++;
    weir_event event = event_of(&read, number);
    /* texts end with a NUL, and the line's data does not */
    if (!event.binary)
        event.data = weir_arena_copy(samples->arena, event.data, event.data_length);
    if (!event.data) {
        weir_fail(&why, WEIR_FATE_POISON, "the line is too long");
        fail(samples, WEIR_FINDING_FAILED, event.type, weir_strdup("reading the line"), &why,
             number);
        return true;
    }
    return !bring_forward(samples, &event, number) || rehearse(samples, &event, number, error);
}

static void note_rules(weir_samples *samples, const struct weir_sample_link *at)
{
    for (size_t i = 0; i < weir_upcast_link_rules(at->link); i++) {
        const char *path, *rule = weir_upcast_link_rule(at->link, i, &path);
        if (!path || at->found[i])
            continue;
        char *why = weir_format("%s: no sample has '%s'", rule, path);
        note(samples, WEIR_FINDING_UNUSED, weir_upcast_link_type(at->link), name_of(at->link), why,
             why, 0);
        free(why);
    }
}

void weir_samples_end(weir_samples *samples)
{
    for (size_t i = 0; i < samples->link_count; i++) {
        const struct weir_sample_link *at = &samples->links[i];
        const char *type = weir_upcast_link_type(at->link);
        if (samples->event_type && strcmp(samples->event_type, type) != 0)
            continue;
        if (at->taken == 0)
            note(samples, WEIR_FINDING_UNUSED, type, name_of(at->link), NULL,
                 "no sample took this link", 0);
        else
            note_rules(samples, at);
    }
}
