/* The shop's customers, as a projection in C: what each has ordered and paid, and the tier that
 * this makes. */
#ifndef WEIR_EXAMPLES_HANDLERS_C_CUSTOMER_ORDERS_H
#define WEIR_EXAMPLES_HANDLERS_C_CUSTOMER_ORDERS_H

#include "store/plugin_handler.h"

extern const weir_plugin_handler customer_orders;

#endif
