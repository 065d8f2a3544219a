/* Tables and JSON rows.
 *
 * A cell is kept twice until its row ends: as shown and as JSON. The first SAMPLE rows of a table
 * wait until the widths are known; a later row can only widen them. Control characters are shown
 * escaped, so that data can neither break a row nor talk to the terminal. */
#include "app/table.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE 200
#define CELL ((size_t)64 * 1024 * 1024)

struct weir_table {
    weir_output *output;
    weir_shape format;
    const weir_column *columns;
    size_t count; /* of columns */
    size_t at;    /* the next cell's column */
    size_t rows;  /* complete */
    bool object;
    bool widths_known;
    size_t *widths;
    char **waiting; /* cells as shown; count a row */
    size_t waiting_rows;
};

weir_table *weir_table_new(weir_output *output, weir_shape format, const weir_column *columns)
{
    weir_table *table = weir_calloc(1, sizeof *table);
    *table = (weir_table){.output = output, .format = format, .columns = columns};
    while (columns[table->count].key)
        table->count++;
    table->widths = weir_calloc(table->count, sizeof *table->widths);
    table->waiting = weir_calloc(SAMPLE * table->count, sizeof *table->waiting);
    return table;
}

void weir_table_object(weir_table *table)
{
    table->object = true;
}

/* columns_of counts the characters of UTF-8 text. */
static size_t columns_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void append_shown(weir_buffer *cell, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0)
            weir_buffer_format(cell, "\\x%02x", (unsigned char)*++text);
        else if (c < 0x20 || c == 0x7F)
            weir_buffer_format(cell, "\\x%02x", c);
        else
            weir_buffer_char(cell, *text);
    }
}

static size_t last_shown(const weir_table *table)
{
    size_t last = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->columns[i].title)
            last = i;
    return last;
}

static void write_cell(weir_table *table, size_t column, const char *text, bool last)
{
    size_t width = columns_of(text);
    size_t gap = width < table->widths[column] ? table->widths[column] - width : 0;
    bool right = table->columns[column].number;
    if (right)
        weir_output_format(table->output, "%*s", (int)gap, "");
    weir_output_text(table->output, text);
    if (last)
        weir_output_text(table->output, "\n");
    else
        weir_output_format(table->output, "%*s", right ? 2 : (int)gap + 2, "");
}

static void write_row(weir_table *table, char *const *cells)
{
    size_t last = last_shown(table);
    for (size_t i = 0; i < table->count; i++)
        if (table->columns[i].title)
            write_cell(table, i, cells ? cells[i] : table->columns[i].title, i == last);
}

/* widen(NULL) is for the titles. */
static void widen(weir_table *table, char *const *cells)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!table->columns[i].title)
            continue;
        size_t width = columns_of(cells ? cells[i] : table->columns[i].title);
        if (width > table->widths[i])
            table->widths[i] = width;
    }
}

static void drop_row(weir_table *table, char **cells)
{
    for (size_t i = 0; i < table->count; i++) {
        free(cells[i]);
        cells[i] = NULL;
    }
}

/* release_sample settles the widths and writes the rows that waited for them. */
static void release_sample(weir_table *table)
{
    widen(table, NULL);
    for (size_t row = 0; row < table->waiting_rows; row++)
        widen(table, table->waiting + row * table->count);
    table->widths_known = true;
    write_row(table, NULL);
    for (size_t row = 0; row < table->waiting_rows; row++) {
        write_row(table, table->waiting + row * table->count);
        drop_row(table, table->waiting + row * table->count);
    }
}

static void show(weir_table *table, const char *text)
{
    weir_buffer cell = WEIR_BUFFER(CELL);
    append_shown(&cell, text);
    /* Once the widths are known, rows pass through the first waiting one. */
    size_t row = table->widths_known ? 0 : table->waiting_rows;
    table->waiting[row * table->count + table->at] = weir_strdup(cell.data ? cell.data : "");
    weir_buffer_free(&cell);
    if (++table->at < table->count)
        return;
    table->at = 0;
    table->rows++;
    if (table->widths_known) {
        widen(table, table->waiting);
        write_row(table, table->waiting);
        drop_row(table, table->waiting);
    } else if (++table->waiting_rows == SAMPLE) {
        release_sample(table);
    }
}

void weir_table_flush(weir_table *table)
{
    if (table->format == WEIR_SHAPE_TABLE && !table->widths_known)
        release_sample(table);
}

static void write_json(weir_table *table, const char *json, size_t length)
{
    const char *before = ",";
    if (table->at == 0 && table->format == WEIR_SHAPE_JSON && !table->object)
        before = table->rows == 0 ? "[\n {" : ",\n {";
    else if (table->at == 0)
        before = "{";
    weir_output_format(table->output, "%s\"%s\":", before, table->columns[table->at].key);
    weir_output_bytes(table->output, json, length);
    if (++table->at < table->count)
        return;
    table->at = 0;
    table->rows++;
    weir_output_text(table->output, "}");
    if (table->format == WEIR_SHAPE_JSONL || table->object)
        weir_output_text(table->output, "\n");
}

void weir_table_json(weir_table *table, const char *json, const char *text)
{
    if (table->format == WEIR_SHAPE_TABLE)
        show(table, text);
    else
        write_json(table, json, strlen(json));
}

void weir_table_text(weir_table *table, const char *text)
{
    if (table->format == WEIR_SHAPE_TABLE || !text) {
        weir_table_json(table, "null", text ? text : "");
        return;
    }
    weir_buffer json = WEIR_BUFFER(CELL);
    weir_buffer_json(&json, text, strlen(text));
    write_json(table, json.data, json.length);
    weir_buffer_free(&json);
}

void weir_table_number(weir_table *table, int64_t number)
{
    char *text = weir_format("%lld", (long long)number);
    weir_table_json(table, text, text);
    free(text);
}

void weir_table_decimal(weir_table *table, double number, int digits)
{
    char *text = weir_format("%.*f", digits, number);
    weir_table_json(table, text, text);
    free(text);
}

void weir_table_bool(weir_table *table, bool value)
{
    weir_table_json(table, value ? "true" : "false", value ? "yes" : "no");
}

void weir_table_end(weir_table *table)
{
    weir_table_finish(table, true);
}

void weir_table_finish(weir_table *table, bool ok)
{
    if (ok || table->rows > 0) {
        weir_table_flush(table);
        if (table->format == WEIR_SHAPE_JSON && !table->object)
            weir_output_text(table->output, table->rows == 0 ? "[]\n" : "\n]\n");
    }
    free(table->waiting);
    free(table->widths);
    free(table);
}
