/* migrate: brings the store to this program's version. What was done is a message; SQL that
 * somebody with more rights must run is data, so that it can be piped into psql. */
#include "app/verbs.h"

#include <stdio.h>

#define STATEMENTS ((size_t)1024 * 1024)

bool weir_verb_migrate(weir_session *session, weir_error *error)
{
    int applied = 0;
    weir_buffer statements = WEIR_BUFFER(STATEMENTS);
    bool ok = weir_store_migrate(session->config, &session->stop, &applied, &statements, error);
    if (ok && applied > 0)
        fprintf(stderr, "applied %d migration%s\n", applied, applied == 1 ? "" : "s");
    else if (ok)
        fprintf(stderr, "the store is up to date\n");
    if (ok && statements.length > 0) {
        fprintf(stderr, "left to do, by somebody who may: run this SQL (weir migrate | psql …); "
                        "until then the\nstore works for this user, without the roles\n");
        weir_output_bytes(&session->output, statements.data, statements.length);
    }
    weir_buffer_free(&statements);
    return ok;
}
