/* doctor events: what is to be said about how the events of the store are designed. */
#include "app/doctor.h"

#include <stdio.h>
#include <string.h>

#include "app/schema.h"
#include "app/table.h"
#include "app/verbs.h"
#include "base/suggest.h"

/* choose marks the checks that are named, all if none is. */
static bool choose(const weir_arguments *arguments, bool wanted[WEIR_DOCTOR_CHECKS],
                   weir_error *error)
{
    for (int check = 0; check < WEIR_DOCTOR_CHECKS; check++)
        wanted[check] = arguments->word_count == 0;
    for (size_t i = 0; i < arguments->word_count; i++) {
        const char *word = weir_arguments_word(arguments, i);
        weir_suggestion near = {.word = word};
        int check = 0;
        for (; check < WEIR_DOCTOR_CHECKS && strcmp(weir_doctor_name(check), word) != 0; check++)
            weir_suggest_offer(&near, weir_doctor_name(check));
        if (check == WEIR_DOCTOR_CHECKS) {
            weir_fail(error, WEIR_FATE_CONFIG, "there is no check '%s'", word);
            return weir_suggest_end(&near, error);
        }
        wanted[check] = true;
    }
    return true;
}

/* examples_of writes a finding's examples as a JSON array. */
static void examples_of(const weir_finding *finding, weir_buffer *json)
{
    weir_buffer_char(json, '[');
    for (size_t i = 0; i < WEIR_DOCTOR_EXAMPLES && finding->examples[i]; i++) {
        weir_buffer_text(json, i ? "," : "");
        weir_buffer_json(json, finding->examples[i], strlen(finding->examples[i]));
    }
    weir_buffer_char(json, ']');
}

/* write_finding writes one row; in a table each further example has a row of its own. */
static void write_finding(weir_table *table, bool rows, weir_doctor_check check,
                          const weir_finding *finding)
{
    weir_buffer json = WEIR_BUFFER((size_t)1 << 20);
    examples_of(finding, &json);
    weir_table_text(table, weir_doctor_name(check));
    weir_table_number(table, finding->found);
    weir_table_number(table, finding->of);
    weir_table_text(table, weir_doctor_unit(check));
    weir_table_json(table, json.data, finding->examples[0] ? finding->examples[0] : "");
    for (size_t i = 1; rows && i < WEIR_DOCTOR_EXAMPLES && finding->examples[i]; i++) {
        for (int column = 0; column < 4; column++)
            weir_table_text(table, NULL);
        weir_table_text(table, finding->examples[i]);
    }
    weir_buffer_free(&json);
}

/* report writes the findings and counts the checks that have some. */
static int report(weir_session *session, const weir_doctor *doctor, const bool *wanted)
{
    static const weir_column columns[] = {
        {"check", "CHECK", false}, {"found", "FOUND", true},        {"of", "OF", true},
        {"unit", "UNIT", false},   {"examples", "EXAMPLES", false}, {0}};
    int found = 0;
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (int check = 0; check < WEIR_DOCTOR_CHECKS; check++) {
        if (!wanted[check])
            continue;
        write_finding(table, session->format == WEIR_SHAPE_TABLE, check, &doctor->findings[check]);
        found += doctor->findings[check].found > 0;
    }
    weir_table_end(table);
    return found;
}

bool weir_verb_doctor_events(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_doctor doctor = {.aggregate_type = weir_arguments_text(arguments, "aggregate-type"),
                          .all = weir_arguments_flag(arguments, "all")};
    weir_upcasters *upcasters = NULL;
    weir_store *store = NULL;
    bool wanted[WEIR_DOCTOR_CHECKS];
    bool ok =
        choose(arguments, wanted, error) &&
        (upcasters = weir_schema_open(session->config, error)) != NULL &&
        (store = weir_session_store(session, error)) != NULL &&
        weir_doctor_run(&doctor, session->config, weir_store_connection(store), upcasters, error);
    if (ok) {
        int found = report(session, &doctor, wanted);
        if (doctor.cut)
            fprintf(stderr, "weir: there are older events that were not looked at: --all\n");
        if (found && weir_arguments_flag(arguments, "strict"))
            ok = weir_fail(error, WEIR_FATE_FATAL, "%d check%s found something", found,
                           found == 1 ? "" : "s");
    }
    weir_doctor_clear(&doctor);
    weir_store_close(store);
    weir_upcasters_free(upcasters);
    return ok;
}
