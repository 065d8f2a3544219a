/* version: of the program; --failpoints: the names that a test build can be armed with. */
#include "app/verbs.h"

bool weir_verb_version(weir_session *session, weir_error *error)
{
    if (!weir_arguments_flag(&session->arguments, "failpoints")) {
        weir_output_format(&session->output, "weir %s\n", weir_version());
        return true;
    }
#ifdef WEIR_FAILPOINTS
    (void)error;
    for (int point = 0; point < WEIR_FP_COUNT; point++)
        weir_output_format(&session->output, "%s\n", weir_failpoint_name((weir_failpoint)point));
    return true;
#else
    return weir_fail(error, WEIR_FATE_FATAL, "this build has no failpoints");
#endif
}
