/* The fate of a PostgreSQL error, by SQLSTATE. Any thread. */
#ifndef WEIR_STORE_FATE_H
#define WEIR_STORE_FATE_H

#include "base/error.h"

/* weir_sqlstate_fate: what to do about an error with that SQLSTATE ("" : the connection failed). */
weir_fate weir_sqlstate_fate(const char *sqlstate);

#endif
