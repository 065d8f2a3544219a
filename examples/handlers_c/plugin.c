/* The handler as a plug-in: what `plugins.files` names. */
#include "store/plugin.h"
#include "examples/handlers_c/customer_orders.h"

const weir_plugin_info weir_plugin = {
    WEIR_PLUGIN_HEAD,
    .name = "customers",
    .handlers = (const weir_plugin_handler *const[]){&customer_orders, NULL},
};
