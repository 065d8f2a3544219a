/* dlq show: all of one letter. A text of several parts for the eye, or one object of JSON. */
#include "app/dlq.h"

#include <stdlib.h>
#include <string.h>

#include "app/dlq_value.h"

#define TEXTS ((size_t)512 * 1024 * 1024)

/* A letter with what belongs to it. */
typedef struct letter {
    weir_result *row, *headers, *trail;
} letter;

static const weir_column trail_columns[] = {{"at", "AT", false},
                                            {"by", "BY", false},
                                            {"action", "ACTION", false},
                                            {"detail", "DETAIL", false},
                                            {0}};

/* The columns of cli_letter_show, up to the three that are in base64. */
static const weir_column show_columns[] = {{"id", NULL, true},
                                           {"subscription", NULL, false},
                                           {"generation", NULL, true},
                                           {"topic", NULL, false},
                                           {"partition", NULL, true},
                                           {"offset", NULL, true},
                                           {"position", NULL, true},
                                           {"aggregate_type", NULL, false},
                                           {"aggregate_id", NULL, false},
                                           {"version", NULL, true},
                                           {"event_id", NULL, false},
                                           {"event_type", NULL, false},
                                           {"cause", NULL, false},
                                           {"status", NULL, false},
                                           {"mark", NULL, false},
                                           {"error_class", NULL, false},
                                           {"error", NULL, false},
                                           {"attempts", NULL, true},
                                           {"first_at", NULL, false},
                                           {"last_at", NULL, false},
                                           {"message_time", NULL, false},
                                           {"published_at", NULL, false},
                                           {"parked_since", NULL, false},
                                           {"redrives", NULL, true},
                                           {"next_redrive_at", NULL, false},
                                           {0}};
enum {
    KEY = sizeof show_columns / sizeof *show_columns - 1,
    VALUE,
    EDITED
};

/* write_bytes writes a header's or the key's value: itself, or base64 of what is no text. */
static void write_bytes(weir_table *table, const char *base64)
{
    weir_letter_value value = {0};
    if (!base64)
        weir_table_text(table, NULL);
    else if (weir_letter_value_read(&value, base64, NULL) && value.is_text)
        weir_table_text(table, value.bytes);
    else {
        char *text = weir_format("base64:%s", base64);
        weir_table_text(table, text);
        free(text);
    }
    weir_letter_value_free(&value);
}

/* show_text writes a text that may be anything: a table escapes what could talk to a terminal. */
static void show_text(weir_output *output, const char *text)
{
    static const weir_column columns[] = {{"text", "(no JSON)", false}, {0}};
    weir_table *table = weir_table_new(output, WEIR_SHAPE_TABLE, columns);
    weir_table_text(table, text);
    weir_table_end(table);
}

static void show_payload(weir_output *output, const char *title, const char *base64,
                         const weir_letter_shape *shape)
{
    weir_letter_value value = {0};
    if (!base64)
        return;
    weir_output_format(output, "\n%s\n", title);
    bool read = weir_letter_value_read(&value, base64, shape);
    if (read && value.json)
        weir_json_pretty(value.json, value.json_length, output);
    else if (read && value.is_text)
        show_text(output, value.bytes);
    else
        weir_output_format(output, "base64:%s\n", base64);
    weir_letter_value_free(&value);
}

static void show_fields(weir_output *output, const weir_result *row)
{
    static const weir_column columns[] = {
        {"field", "FIELD", false}, {"value", "VALUE", false}, {0}};
    weir_table *table = weir_table_new(output, WEIR_SHAPE_TABLE, columns);
    for (int i = 0; i < KEY; i++) {
        weir_table_text(table, show_columns[i].key);
        weir_table_text(table, weir_result_value(row, 0, i));
    }
    weir_table_text(table, "key");
    write_bytes(table, weir_result_value(row, 0, KEY));
    weir_table_end(table);
}

static void show_headers(weir_output *output, const weir_result *headers)
{
    static const weir_column columns[] = {
        {"header", "HEADER", false}, {"value", "VALUE", false}, {0}};
    weir_table *table = weir_table_new(output, WEIR_SHAPE_TABLE, columns);
    for (int i = 0; i < weir_result_rows(headers); i++) {
        weir_table_text(table, weir_result_value(headers, i, 0));
        write_bytes(table, weir_result_value(headers, i, 1));
    }
    weir_table_end(table);
}

static void show_table(weir_output *output, const letter *of, const weir_letter_shape *shape)
{
    show_fields(output, of->row);
    weir_output_text(output, "\n");
    show_headers(output, of->headers);
    show_payload(output, "ORIGINAL VALUE", weir_result_value(of->row, 0, VALUE), shape);
    show_payload(output, "EDITED VALUE", weir_result_value(of->row, 0, EDITED), shape);
    weir_output_text(output, "\n");
    weir_table *trail = weir_table_new(output, WEIR_SHAPE_TABLE, trail_columns);
    for (int i = 0; i < weir_result_rows(of->trail); i++)
        weir_letter_row(trail, trail_columns, of->trail, i);
    weir_table_end(trail);
}

/* put_member appends "name": text, or "name_base64" where it is no text, or null. */
static void put_member(weir_buffer *json, const char *name, const char *base64)
{
    weir_letter_value value = {0};
    if (!base64)
        weir_buffer_format(json, "\"%s\":null", name);
    else if (weir_letter_value_read(&value, base64, NULL) && value.is_text) {
        weir_buffer_format(json, "\"%s\":", name);
        weir_buffer_json(json, value.bytes, value.length);
    } else
        weir_buffer_format(json, "\"%s_base64\":\"%s\"", name, base64);
    weir_letter_value_free(&value);
}

/* put_payload appends the JSON that a value is, else base64. */
static void put_payload(weir_buffer *json, const char *name, const char *base64,
                        const weir_letter_shape *shape)
{
    weir_letter_value value = {0};
    if (base64 && weir_letter_value_read(&value, base64, shape) && value.json) {
        weir_buffer_format(json, "\"%s\":", name);
        weir_buffer_append(json, value.json, value.json_length);
    } else if (base64)
        weir_buffer_format(json, "\"%s_base64\":\"%s\"", name, base64);
    else
        weir_buffer_format(json, "\"%s\":null", name);
    weir_letter_value_free(&value);
}

static void put_field(weir_buffer *json, const weir_column *column, const char *value)
{
    weir_buffer_format(json, "\"%s\":", column->key);
    if (!value)
        weir_buffer_text(json, "null");
    else if (column->number)
        weir_buffer_text(json, value);
    else
        weir_buffer_json(json, value, strlen(value));
}

static void put_headers(weir_buffer *json, const weir_result *headers)
{
    weir_buffer_text(json, ",\"headers\":[");
    for (int i = 0; i < weir_result_rows(headers); i++) {
        const char *name = weir_result_value(headers, i, 0);
        weir_buffer_text(json, i ? ",{\"name\":" : "{\"name\":");
        weir_buffer_json(json, name, strlen(name));
        weir_buffer_char(json, ',');
        put_member(json, "value", weir_result_value(headers, i, 1));
        weir_buffer_char(json, '}');
    }
    weir_buffer_text(json, "],");
}

/* put_row appends the members of one row of a result. */
static void put_row(weir_buffer *json, const weir_column *columns, const weir_result *result,
                    int row)
{
    for (int i = 0; columns[i].key; i++) {
        weir_buffer_text(json, i ? "," : "");
        put_field(json, &columns[i], weir_result_value(result, row, i));
    }
}

static void show_json(weir_session *session, const letter *of, const weir_letter_shape *shape)
{
    weir_buffer json = WEIR_BUFFER(TEXTS);
    weir_buffer_char(&json, '{');
    put_row(&json, show_columns, of->row, 0);
    weir_buffer_char(&json, ',');
    put_member(&json, "key", weir_result_value(of->row, 0, KEY));
    put_headers(&json, of->headers);
    put_payload(&json, "value", weir_result_value(of->row, 0, VALUE), shape);
    weir_buffer_char(&json, ',');
    put_payload(&json, "edited", weir_result_value(of->row, 0, EDITED), shape);
    weir_buffer_text(&json, ",\"trail\":[");
    for (int i = 0; i < weir_result_rows(of->trail); i++) {
        weir_buffer_text(&json, i ? ",{" : "{");
        put_row(&json, trail_columns, of->trail, i);
        weir_buffer_char(&json, '}');
    }
    weir_buffer_text(&json, "]}\n");
    weir_output_bytes(&session->output, json.data, json.length);
    weir_buffer_free(&json);
}

static bool read_letter(weir_connection *connection, const char *id, letter *to, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(id)};
    to->row = weir_connection_query(connection, "cli_letter_show", params, 1, error);
    if (to->row && weir_result_rows(to->row) == 0)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_NOT_FOUND, "there is no letter %s", id);
    return to->row &&
           (to->headers =
                weir_connection_query(connection, "cli_letter_headers", params, 1, error)) &&
           (to->trail = weir_connection_query(connection, "cli_letter_trail", params, 1, error));
}

bool weir_verb_dlq_show(weir_session *session, weir_error *error)
{
    const char *id = weir_arguments_word(&session->arguments, 0);
    letter of = {0};
    weir_letter_shape shape = {0};
    weir_store *store = NULL;
    bool ok = weir_letter_id(id, error) && (store = weir_session_store(session, error)) != NULL &&
              read_letter(weir_store_connection(store), id, &of, error);
    if (ok)
        weir_letter_shape_read(&shape, of.headers);
    if (ok && session->format == WEIR_SHAPE_TABLE)
        show_table(&session->output, &of, &shape);
    else if (ok)
        show_json(session, &of, &shape);
    weir_letter_shape_free(&shape);
    weir_result_free(of.trail);
    weir_result_free(of.headers);
    weir_result_free(of.row);
    weir_store_close(store);
    return ok;
}
