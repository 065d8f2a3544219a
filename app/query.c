/* query: what readers may ask of projections, by name; the list of it, and the rows of one. */
#include "projections/query.h"

#include <stdlib.h>
#include <string.h>

#include "app/table.h"
#include "app/verbs.h"

#define PARAMETERS ((size_t)64 * 1024)
#define CELL ((size_t)1 << 30)
#define OID_BOOL 16

static void write_parameters(weir_table *table, const weir_query *query)
{
    size_t count;
    const weir_query_parameter *parameters = weir_query_parameters(query, &count);
    weir_buffer json = WEIR_BUFFER(PARAMETERS), text = WEIR_BUFFER(PARAMETERS);
    weir_buffer_char(&json, '[');
    weir_buffer_text(&text, "");
    for (size_t i = 0; i < count; i++) {
        weir_buffer_text(&json, i > 0 ? ",{\"name\":" : "{\"name\":");
        weir_buffer_json(&json, parameters[i].name, strlen(parameters[i].name));
        weir_buffer_text(&json, ",\"type\":");
        weir_buffer_json(&json, parameters[i].type, strlen(parameters[i].type));
        weir_buffer_char(&json, '}');
        weir_buffer_format(&text, "%s%s %s", i > 0 ? ", " : "", parameters[i].name,
                           parameters[i].type);
    }
    weir_buffer_char(&json, ']');
    weir_table_json(table, json.data, text.data ? text.data : "");
    weir_buffer_free(&text);
    weir_buffer_free(&json);
}

static void write_list(weir_session *session, const weir_projections *projections)
{
    static const weir_column columns[] = {{"query", "QUERY", false},
                                          {"parameters", "PARAMETERS", false},
                                          {"about", "ABOUT", false},
                                          {"file", NULL, false},
                                          {0}};
    weir_table *table = weir_table_new(&session->output, session->format, columns);
    for (size_t i = 0; i < projections->count; i++) {
        const weir_query *query;
        const weir_projection *projection = projections->items[i];
        for (size_t q = 0; (query = weir_projection_query(projection, q)); q++) {
            char *name =
                weir_format("%s.%s", weir_projection_name(projection), weir_query_name(query));
            weir_table_text(table, name);
            write_parameters(table, query);
            weir_table_text(table, weir_query_about(query));
            weir_table_text(table, weir_projection_file(projection));
            free(name);
        }
    }
    weir_table_end(table);
}

/* Rows on their way to stdout. */
typedef struct printer {
    weir_output *output;
    weir_shape format;
    weir_column *columns; /* of a table, from the first result on */
    int count;
    weir_table *table;
    size_t rows;
} printer;

static bool is_number(unsigned type)
{
    static const unsigned numbers[] = {20, 21, 23, 26, 700, 701, 790, 1700};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] == type)
            return true;
    return false;
}

static void begin_table(printer *to, const weir_result *row)
{
    to->count = weir_result_columns(row);
    to->columns = weir_calloc((size_t)to->count + 1, sizeof *to->columns);
    for (int i = 0; i < to->count; i++) {
        char *name = weir_strdup(weir_result_name(row, i));
        to->columns[i] = (weir_column){name, name, is_number(weir_result_type(row, i))};
    }
    to->table = weir_table_new(to->output, WEIR_SHAPE_TABLE, to->columns);
}

static void write_cells(printer *to, const weir_result *row)
{
    for (int i = 0; i < to->count; i++)
        if (weir_result_type(row, i) == OID_BOOL && weir_result_value(row, 0, i))
            weir_table_bool(to->table, weir_result_bool(row, 0, i));
        else
            weir_table_text(to->table, weir_result_value(row, 0, i));
}

/* A json value may have line breaks, though never within a string: blanks are the same. */
static void write_json(printer *to, const weir_result *row)
{
    weir_buffer line = WEIR_BUFFER(CELL);
    weir_buffer_append(&line, weir_result_value(row, 0, 0), weir_result_length(row, 0, 0));
    for (size_t i = 0; i < line.length; i++)
        if (line.data[i] == '\n' || line.data[i] == '\r')
            line.data[i] = ' ';
    if (to->format == WEIR_SHAPE_JSON)
        weir_output_text(to->output, to->rows == 0 ? "[\n " : ",\n ");
    weir_output_bytes(to->output, line.data, line.length);
    if (to->format == WEIR_SHAPE_JSONL)
        weir_output_text(to->output, "\n");
    weir_buffer_free(&line);
}

static bool print(void *context, const weir_result *row, weir_error *error)
{
    printer *to = context;
    bool table = to->format == WEIR_SHAPE_TABLE;
    if (table && !to->table)
        begin_table(to, row);
    if (weir_result_rows(row) == 0)
        return true;
    if (table)
        write_cells(to, row);
    else
        write_json(to, row);
    to->rows++;
    return !to->output->failure || weir_output_flush(to->output, error);
}

static void end_print(printer *to, bool ok)
{
    if (to->table)
        weir_table_finish(to->table, ok);
    if (to->format == WEIR_SHAPE_JSON && (ok || to->rows > 0))
        weir_output_text(to->output, to->rows == 0 ? "[]\n" : "\n]\n");
    for (int i = 0; i < to->count; i++)
        free((char *)to->columns[i].key);
    free(to->columns);
}

static bool ask(weir_session *session, weir_asker *asker, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = weir_arguments_word(arguments, 0);
    if (!name)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "which query? weir query NAME [ARG]..., or --list for what there is");
    const weir_query *query = weir_query_find(weir_asker_projections(asker), name, error);
    if (!query)
        return false;
    printer to = {.output = &session->output, .format = session->format};
    weir_query_rows rows = session->format == WEIR_SHAPE_TABLE ? WEIR_ROWS_COLUMNS : WEIR_ROWS_JSON;
    bool ok = weir_asker_run(asker, query, arguments->words + 1, arguments->word_count - 1, rows,
                             print, &to, error);
    end_print(&to, ok);
    return ok;
}

bool weir_verb_query(weir_session *session, weir_error *error)
{
    weir_asker *asker = weir_asker_open(session->config, NULL, "weir query", &session->stop, error);
    if (!asker)
        return false;
    bool list = weir_arguments_flag(&session->arguments, "list"), ok = true;
    if (list && weir_arguments_word(&session->arguments, 0))
        ok = weir_fail(error, WEIR_FATE_CONFIG, "--list takes no query");
    else if (list)
        write_list(session, weir_asker_projections(asker));
    else
        ok = ask(session, asker, error);
    weir_asker_close(asker);
    return ok;
}
