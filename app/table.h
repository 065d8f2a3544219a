/* Rows for stdout in the format that was asked for: an aligned table, a JSON array, or one JSON
 * object a line. Memory is bounded: a table's widths come from its first rows. One thread. */
#ifndef WEIR_APP_TABLE_H
#define WEIR_APP_TABLE_H

#include "app/output.h"

typedef struct weir_column {
    const char *key;   /* of the JSON member */
    const char *title; /* of the table's column; NULL: only in JSON */
    bool number;       /* aligned to the right; in JSON unquoted */
} weir_column;

typedef struct weir_table weir_table;

/* weir_table_new begins output; columns end with a NULL key and outlive the table. */
weir_table *weir_table_new(weir_output *output, weir_shape format, const weir_column *columns);

/* weir_table_object makes it one object of JSON instead of an array; for exactly one row. */
void weir_table_object(weir_table *table);

/* One cell after the other, row after row. */
void weir_table_text(weir_table *table, const char *text); /* NULL: empty, JSON null */
void weir_table_number(weir_table *table, int64_t number);
void weir_table_decimal(weir_table *table, double number, int digits);
void weir_table_bool(weir_table *table, bool value); /* yes, no; JSON true, false */
void weir_table_json(weir_table *table, const char *json, const char *text); /* JSON value; shown */

/* weir_table_flush hands the rows over to the output even if the widths are not settled yet. */
void weir_table_flush(weir_table *table);

/* weir_table_end writes what is left and frees it; weir_table_finish writes nothing of a table that
 * failed before its first row. */
void weir_table_end(weir_table *table);
void weir_table_finish(weir_table *table, bool ok);

#endif
