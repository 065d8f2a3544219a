/* The table of SQL that the build embeds from store/sql. */
#ifndef WEIR_STORE_SQL_INT_H
#define WEIR_STORE_SQL_INT_H

#include <stddef.h>

typedef struct weir_sql {
    const char *name; /* "read_stream", "migrations/0001_tables" */
    const char *text;
} weir_sql;

extern const weir_sql weir_sql_embedded[]; /* in name order; ends with a NULL name */

#endif
