/* dlq edit: another value for a letter, to be applied instead of its original, which stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/dlq.h"
#include "app/dlq_value.h"
#include "app/lines.h"
#include "base/base64.h"

#define INPUT ((size_t)64 * 1024 * 1024)

/* encode makes the value that is stored: in the form of the original, in base64 for the way. */
static bool encode(weir_connection *connection, const char *id, const weir_buffer *json,
                   weir_buffer *base64, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(id)};
    weir_buffer payload = WEIR_BUFFER(2 * INPUT);
    weir_letter_shape shape = {0};
    weir_result *headers =
        weir_connection_query(connection, "cli_letter_headers", params, 1, error);
    if (!headers)
        return false;
    weir_letter_shape_read(&shape, headers);
    bool ok = weir_letter_payload_make(&shape, json->data ? json->data : "", json->length, &payload,
                                       error) ||
              weir_error_prefix(error, "the new value of letter %s", id);
    if (ok)
        weir_base64_encode(base64, payload.data, payload.length);
    weir_buffer_free(&payload);
    weir_letter_shape_free(&shape);
    weir_result_free(headers);
    return ok;
}

static bool store_edit(weir_connection *connection, const char *id, const weir_buffer *json,
                       weir_error *error)
{
    weir_buffer base64 = WEIR_BUFFER(4 * INPUT);
    bool ok = encode(connection, id, json, &base64, error);
    const weir_param params[] = {WEIR_PARAM_TEXT(id), WEIR_PARAM_TEXT(base64.data)};
    weir_result *done =
        ok ? weir_connection_query(connection, "cli_letter_edit", params, 2, error) : NULL;
    weir_result_free(done);
    weir_buffer_free(&base64);
    return done != NULL;
}

/* say: first is the one that waits before it, as an array of one; NULL: none does. */
static void say(const char *id, bool execute, bool retry, const char *first)
{
    const char *then = retry ? (execute ? "the runtime tries its aggregate again"
                                        : "its aggregate would be tried again")
                             : "`weir dlq retry` makes the runtime try it";
    fprintf(stderr, "weir: letter %s %s; %s", id, execute ? "is edited" : "would be edited", then);
    if (first)
        fprintf(stderr, ", letter %.*s first, behind which it waits", (int)strlen(first) - 2,
                first + 1);
    fprintf(stderr, "%s\n", execute ? "" : "; add --execute");
}

static bool edit(weir_connection *connection, const weir_arguments *arguments,
                 const weir_buffer *json, weir_error *error)
{
    const char *id = weir_arguments_word(arguments, 0);
    bool execute = weir_arguments_flag(arguments, "execute");
    bool retry = weir_arguments_flag(arguments, "retry");
    char *ids = weir_format("{%s}", id), *heads = NULL, *marked = NULL;
    bool ok =
        weir_connection_execute(connection, "BEGIN", error) &&
        weir_letters_lock(connection, ids, error) && store_edit(connection, id, json, error) &&
        (heads = weir_letters_heads(connection, ids, error)) != NULL &&
        (!retry || weir_letters_mark(connection, ids, "retry", "after an edit", &marked, error)) &&
        weir_connection_execute(connection, execute ? "COMMIT" : "ROLLBACK", error);
    if (ok)
        say(id, execute, retry, strcmp(heads, ids) == 0 ? NULL : heads);
    free(marked);
    free(heads);
    free(ids);
    return ok;
}

bool weir_verb_dlq_edit(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *path = weir_arguments_text(arguments, "data");
    weir_buffer json = WEIR_BUFFER(INPUT);
    weir_store *store = NULL;
    bool ok = weir_letter_id(weir_arguments_word(arguments, 0), error);
    if (ok && !path)
        ok = weir_fail(error, WEIR_FATE_CONFIG, "it needs the new value: --data FILE, or -");
    ok = ok &&
         (weir_lines_file(path, INPUT, weir_session_stop(), &json, error) ||
          weir_error_prefix(error, "--data")) &&
         (store = weir_session_store(session, error)) != NULL &&
         edit(weir_store_connection(store), arguments, &json, error);
    weir_store_close(store);
    weir_buffer_free(&json);
    return ok;
}
