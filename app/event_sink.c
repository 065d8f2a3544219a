/* One writer of events for read, tail and export.
 *
 * A failure of stdout is noticed at the next event, so that a closed pipe ends a read of millions
 * at once. A table shows the beginning of the data only; the JSON formats carry all of it. */
#include "app/event_sink.h"

#include <string.h>

#include "store/cloudevent.h"
#include "store/codec.h"

#define SHOWN_DATA 100                         /* bytes of data in a table */
#define LINE_LIMIT ((size_t)256 * 1024 * 1024) /* far above any event the store takes */

static const weir_column columns[] = {
    {"position", "POSITION", true},
    {"aggregatetype", "AGGREGATE TYPE", false},
    {"subject", "AGGREGATE ID", false},
    {"aggregateversion", "VERSION", true},
    {"type", "EVENT TYPE", false},
    {"time", "TIME", false},
    {"data", "DATA", false},
    {0},
};

void weir_event_sink_open(weir_event_sink *sink, weir_output *output, weir_shape format, bool exact,
                          const char *store_id)
{
    *sink =
        (weir_event_sink){.output = output, .format = format, .exact = exact, .store_id = store_id};
    sink->line = WEIR_BUFFER(LINE_LIMIT);
    sink->decoded = WEIR_BUFFER(LINE_LIMIT / 2);
    if (format == WEIR_SHAPE_TABLE)
        sink->table = weir_table_new(output, format, columns);
}

/* shown_data puts what a table shows of the data into the line buffer. */
static const char *shown_data(weir_event_sink *sink, const weir_event *event)
{
    weir_buffer_clear(&sink->line);
    if (event->binary) {
        weir_buffer_format(&sink->line, "%zu bytes of %s", event->data_length, event->content_type);
        return sink->line.data;
    }
    size_t length = event->data_length;
    if (length > SHOWN_DATA) {
        length = SHOWN_DATA;
        while (length > 0 && ((unsigned char)event->data[length] & 0xC0) == 0x80)
            length--;
    }
    weir_buffer_append(&sink->line, event->data, length);
    if (length < event->data_length)
        weir_buffer_text(&sink->line, "…");
    return sink->line.data;
}

static void write_row(weir_event_sink *sink, const weir_event *event)
{
    char time[WEIR_TIME_TEXT];
    weir_clock_format(event->time_us, time);
    weir_table_number(sink->table, event->position);
    weir_table_text(sink->table, event->aggregate_type);
    weir_table_text(sink->table, event->aggregate_id);
    weir_table_number(sink->table, event->version);
    weir_table_text(sink->table, event->type);
    weir_table_text(sink->table, time);
    weir_table_text(sink->table, shown_data(sink, event));
}

static void write_line(weir_event_sink *sink, const weir_event *event)
{
    weir_buffer_clear(&sink->line);
    weir_cloudevent_write(&sink->line, event, sink->store_id);
    if (sink->format == WEIR_SHAPE_JSON)
        weir_output_text(sink->output, sink->count ? ",\n " : "[\n ");
    weir_output_bytes(sink->output, sink->line.data, sink->line.length);
    if (sink->format == WEIR_SHAPE_JSONL)
        weir_output_text(sink->output, "\n");
}

/* as_shown is the event with its msgpack as JSON; itself where there is none, or it is broken. */
static weir_event as_shown(weir_event_sink *sink, const weir_event *event)
{
    weir_event shown = *event;
    weir_error ignored;
    weir_buffer_clear(&sink->decoded);
    if (event->binary && !sink->exact && weir_is_msgpack(event->content_type) &&
        weir_msgpack_to_json(event->data, event->data_length, &sink->decoded, &ignored)) {
        shown.data = sink->decoded.data;
        shown.data_length = sink->decoded.length;
        shown.binary = false;
    }
    return shown;
}

bool weir_event_sink_write(void *context, const weir_event *event, weir_error *error)
{
    weir_event_sink *sink = context;
    weir_event shown = as_shown(sink, event);
    if (sink->table)
        write_row(sink, &shown);
    else
        write_line(sink, &shown);
    sink->count++;
    sink->position = event->position;
    return !sink->output->failure || weir_output_flush(sink->output, error);
}

bool weir_event_sink_flush(weir_event_sink *sink, weir_error *error)
{
    if (sink->table && sink->count)
        weir_table_flush(sink->table);
    return weir_output_flush(sink->output, error);
}

void weir_event_sink_close(weir_event_sink *sink)
{
    if (sink->table)
        weir_table_end(sink->table);
    else if (sink->format == WEIR_SHAPE_JSON)
        weir_output_text(sink->output, sink->count ? "\n]\n" : "[]\n");
    weir_buffer_free(&sink->line);
    weir_buffer_free(&sink->decoded);
}
