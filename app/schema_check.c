/* schema check: old events tried on today's upcasters and handlers, before they meet them for good.
 *
 * Every projection has a connection and a transaction of its own, which is rolled back; without
 * projections nothing is connected. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/event_log.h"
#include "app/samples.h"
#include "app/schema.h"
#include "app/table.h"
#include "app/verbs.h"

/* The projections of the configuration, each with its store. */
typedef struct stage {
    weir_projections projections;
    weir_store **stores;
    weir_rehearsal **rehearsals;
} stage;

static bool open_stage(stage *on, weir_session *session, weir_error *error)
{
    if (!weir_projections_load(session->config, &on->projections, error))
        return false;
    size_t count = on->projections.count;
    on->stores = weir_calloc(count + 1, sizeof *on->stores);
    on->rehearsals = weir_calloc(count + 1, sizeof *on->rehearsals);
    for (size_t i = 0; i < count; i++) {
        on->stores[i] = weir_session_store(session, error);
        if (!on->stores[i])
            return false;
        on->rehearsals[i] = weir_rehearsal_open(on->projections.items[i], session->config,
                                                weir_store_connection(on->stores[i]), error);
        if (!on->rehearsals[i])
            return false;
    }
    return true;
}

static void close_stage(stage *on)
{
    for (size_t i = 0; i < on->projections.count && on->stores; i++) {
        weir_rehearsal_close(on->rehearsals[i]);
        weir_store_close(on->stores[i]);
    }
    free(on->rehearsals);
    free(on->stores);
    weir_projections_free(&on->projections);
}

static bool try_all(weir_samples *samples, weir_lines *lines, const weir_stop *stop,
                    weir_error *error)
{
    const char *text;
    size_t length;
    while (weir_event_log_next(lines, &text, &length, error)) {
        if (lines->ended) {
            weir_samples_end(samples);
            return true;
        }
        if (weir_stop_requested(stop))
            return weir_fail(error, WEIR_FATE_FATAL, "interrupted");
        if (!weir_samples_try(samples, text, length, lines->number, error))
            return false;
    }
    return false;
}

static void write_findings(weir_session *session, const weir_samples *samples)
{
    static const char *const kinds[] = {"failure", "newer", "vanished", "unused"};
    static const weir_column columns[] = {
        {"kind", "KIND", false},
        {"type", "EVENT TYPE", false},
        {"line", "LINE", true},
        {"events", "EVENTS", true},
        {"where", "WHERE", false},
        {"why", "WHY", false},
        {0},
    };
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (size_t i = 0; i < samples->finding_count; i++) {
        const weir_finding *at = &samples->findings[i];
        weir_table_text(table, kinds[at->kind]);
        weir_table_text(table, at->type);
        if (at->line)
            weir_table_number(table, at->line);
        else
            weir_table_text(table, NULL);
        weir_table_number(table, at->count);
        weir_table_text(table, at->where);
        weir_table_text(table, at->why);
    }
    weir_table_end(table);
}

static bool report(weir_session *session, const weir_samples *samples, weir_error *error)
{
    write_findings(session, samples);
    if (samples->truncated)
        fprintf(stderr, "more than %zu findings: the others are not shown\n",
                samples->finding_count);
    fprintf(stderr, "%lld events tried, %lld of older versions, %lld failed; nothing was stored\n",
            (long long)samples->events, (long long)samples->upcasts, (long long)samples->failing);
    return samples->failing == 0 ||
           weir_fail(error, WEIR_FATE_POISON, "%lld of %lld events failed",
                     (long long)samples->failing, (long long)samples->events);
}

bool weir_verb_schema_check(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    stage on = {0};
    weir_lines lines;
    weir_samples samples = {0};
    weir_upcasters *upcasters = weir_schema_open(session->config, error);
    bool ok = false;
    if (!upcasters || !weir_event_log_open(&lines, weir_arguments_word(arguments, 0), error)) {
        weir_upcasters_free(upcasters);
        return false;
    }
    weir_samples_open(&samples, upcasters);
    samples.event_type = weir_arguments_text(arguments, "event-type");
    samples.aggregate_type = weir_arguments_text(arguments, "aggregate-type");
    if (open_stage(&on, session, error)) {
        samples.rehearsals = on.rehearsals;
        samples.rehearsal_count = on.projections.count;
        ok = try_all(&samples, &lines, &session->stop, error) && report(session, &samples, error);
    }
    close_stage(&on);
    weir_samples_close(&samples);
    weir_event_log_close(&lines);
    weir_upcasters_free(upcasters);
    return ok;
}
