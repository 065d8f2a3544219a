/* projection try: a projection that nobody runs yet, over the store's events, into a schema of its
 * own that stays for a look. */
#include "app/schema.h"
#include "app/trial.h"
#include "app/verbs.h"

#define MARK "made by weir projection try; drop it at will"

static bool run(weir_trial *s, weir_projection *projection, weir_error *error)
{
    weir_store *work = NULL;
    s->history.store = weir_session_store(s->session, error);
    bool ok = s->history.store && weir_history_check(&s->history, error) &&
              (work = weir_session_store(s->session, error));
    if (ok && !weir_trial_open(s, projection, work, error)) {
        ok = false;
        if (error->code == WEIR_CONFLICT && !s->replace)
            weir_fail(error, WEIR_FATE_CONFLICT,
                      "schema \"%s\" exists; --replace replaces one that projection try made",
                      s->schema);
    }
    ok = ok && weir_trial_fill(s, error);
    weir_trial_close(s);
    weir_store_close(work);
    weir_store_close(s->history.store);
    return ok;
}

bool weir_verb_projection_try(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    weir_projection *projection = NULL;
    weir_upcasters *upcasters = NULL;
    bool ok = false;
    weir_trial s = {.session = session,
                    .schema = weir_arguments_text(arguments, "into"),
                    .mark = MARK,
                    .replace = weir_arguments_flag(arguments, "replace"),
                    .limit = weir_arguments_integer(arguments, "limit")};
    if (!s.schema)
        return weir_fail(error, WEIR_FATE_CONFIG, "into which schema? --into SCHEMA");
    if ((upcasters = weir_schema_open(session->config, error)) &&
        (projection = weir_projection_load(weir_arguments_word(arguments, 0), error)) &&
        weir_trial_check(s.schema, weir_projection_name(projection), error) &&
        weir_projection_needs_store(projection, "there are no events to try it on", error)) {
        s.history = (weir_history){.upcasters = upcasters,
                                   .projection = projection,
                                   .stop = &session->stop,
                                   .aggregate_type = weir_arguments_text(arguments, "aggregate"),
                                   .aggregate_id = weir_arguments_second(arguments, "aggregate")};
        ok = run(&s, projection, error);
    }
    weir_projection_free(projection);
    weir_upcasters_free(upcasters);
    return ok;
}
