/* Does the name of an event type say what has happened, in English? A guess by its last word.
 *
 * Words end at . _ - : / + and spaces, and where a capital follows a small letter (OrderPlaced).
 * Last words that only say "event" or which version it is (v2) are passed over. The name is a fact
 * when its last word is a past tense: one of the irregular ones, or one that ends in -ed and is not
 * known for something else (need, speed). A word before a preposition or particle will do as well
 * (user.logged_in, item_added_to_cart).
 *
 * Its limits: English only. Words whose past is their present pass (reset, put, split). An
 * adjective passes for the verb it was (user.unverified), a past tense elsewhere in the name is not
 * seen (order.closed_by_hand is, order.closed_manually is not). A pure function; any thread. */
#ifndef WEIR_APP_PAST_TENSE_H
#define WEIR_APP_PAST_TENSE_H

#include <stdbool.h>

bool weir_past_tense(const char *event_type);

#endif
