/* The account as a plug-in: the same class that the bank's program links, for `weir aggregate show`
 * and `weir snapshot create`. */
#include "store/plugin.h"
#include "examples/account/account.h"

const weir_plugin_info weir_plugin = {
    WEIR_PLUGIN_HEAD,
    .name = "bank",
    .aggregates = (const weir_aggregate_class *const[]){&account_class, NULL},
};
