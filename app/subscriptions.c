/* Names of subscriptions against those of the store. The configuration is not asked: what it no
 * longer has may still have letters and generations to look after. */
#include "app/subscriptions.h"

#include <string.h>

#include "base/suggest.h"

bool weir_subscription_known(weir_connection *connection, const char *name, weir_error *error)
{
    weir_suggestion near = {.word = name};
    bool known = false;
    weir_result *found = weir_connection_query(connection, "cli_subscriptions", NULL, 0, error);
    if (!found)
        return false;
    for (int row = 0; row < weir_result_rows(found); row++) {
        known = known || strcmp(weir_result_value(found, row, 0), name) == 0;
        weir_suggest_offer(&near, weir_result_value(found, row, 0));
    }
    if (!known) {
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "there is no subscription %s: one is known from its first run on", name);
        weir_suggest_end(&near, error);
    }
    weir_result_free(found);
    return known;
}
