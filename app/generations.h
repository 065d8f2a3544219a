/* What commands tell about generations. */
#ifndef WEIR_APP_GENERATIONS_H
#define WEIR_APP_GENERATIONS_H

#include "store/store.h"

/* weir_generations_list: the rows of cli_generations.sql; NULL: error. */
weir_result *weir_generations_list(weir_connection *connection, const char *name,
                                   weir_error *error);

#endif
