/* An event's members from a command's options --type, --data or --data-file, --content-type,
 * --metadata and --schema-version, all of which the command must have. */
#ifndef WEIR_APP_EVENT_MEMBERS_H
#define WEIR_APP_EVENT_MEMBERS_H

#include "app/arguments.h"

/* weir_event_members appends those given as members of a JSON object as weir.append takes them, a
 * comma before each. CONFIG for what does not go together, INVALID for what is not what it says. */
WEIR_MUST_USE bool weir_event_members(const weir_arguments *arguments, weir_buffer *event,
                                      weir_error *error);

#endif
