/* The members of a JSON object, as text: no number is rounded. Pure; any thread. */
#ifndef WEIR_APP_MEMBERS_H
#define WEIR_APP_MEMBERS_H

#include "base/base.h"
#include "base/json_walk.h"

/* weir_member_find finds the value of a key, which is given with its quotes; false: there is none.
 */
bool weir_member_find(const char *object, weir_slice key, weir_slice *value);

/* weir_members_show appends "balance: 5, owner: \"Ann\"". */
void weir_members_show(const char *object, weir_buffer *shown);

/* weir_members_compare appends what differs: to names "balance","owner", to shown
 * "balance: 5 → 7", where a member that was not or is no longer there has nothing on that side.
 * names begins with what stands before the list, such as [. */
void weir_members_compare(const char *before, const char *after, weir_buffer *names,
                          weir_buffer *shown);

#endif
