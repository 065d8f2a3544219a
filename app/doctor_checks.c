/* The checks of doctor.h. PostgreSQL counts, one row for each event type and schema version; what
 * is a fact and which versions are known is decided here, row by row, so that memory is bounded by
 * the examples. Streams are counted by a statement of their own, for they span event types. */
#include "app/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "app/past_tense.h"

static const struct {
    const char *name, *unit;
} checks[WEIR_DOCTOR_CHECKS] = {
    [WEIR_DOCTOR_NAME] = {"name", "event types"},
    [WEIR_DOCTOR_PAYLOAD] = {"payload", "events"},
    [WEIR_DOCTOR_STREAM] = {"stream", "streams"},
    [WEIR_DOCTOR_SHAPE] = {"shape", "schema versions"},
    [WEIR_DOCTOR_NEWER] = {"newer", "events"},
    [WEIR_DOCTOR_CORRELATION] = {"correlation", "events"},
};

/* The columns of doctor_events. */
enum {
    EVENT_TYPE,
    SCHEMA_VERSION,
    EVENTS,
    SHAPES,
    COMMON_SHAPE,
    RARE_SHAPE,
    LARGE,
    LARGEST_BYTES,
    LARGEST,
    ALONE,
    LATEST_ALONE,
    LATEST,
};

const char *weir_doctor_name(weir_doctor_check check)
{
    return checks[check].name;
}

const char *weir_doctor_unit(weir_doctor_check check)
{
    return checks[check].unit;
}

/* keep takes the example over and keeps it among the gravest. */
static void keep(weir_finding *finding, int64_t weight, char *example)
{
    for (size_t i = 0; i < WEIR_DOCTOR_EXAMPLES; i++) {
        if (finding->examples[i] && finding->weights[i] >= weight)
            continue;
        char *next = finding->examples[i];
        int64_t next_weight = finding->weights[i];
        finding->examples[i] = example;
        finding->weights[i] = weight;
        example = next;
        weight = next_weight;
        if (!example)
            return;
    }
    free(example);
}

/* A run over the rows: an event type's rows follow each other. */
typedef struct run {
    weir_doctor *doctor;
    const weir_upcasters *upcasters;
    int64_t sample; /* of each event type, or of the aggregate type; 0: all */
    char *type;     /* the event type of the last row */
    int64_t events; /* of that event type, or of the aggregate type */
    int64_t types;
} run;

static bool turn_to(run *at, const char *type)
{
    if (at->type && strcmp(at->type, type) == 0)
        return false;
    free(at->type);
    at->type = weir_format("%s", type);
    at->types++;
    if (!at->doctor->aggregate_type)
        at->events = 0;
    return true;
}

static void check_name(weir_finding *finding, const char *type)
{
    if (strncmp(type, "weir.", 5) == 0)
        return; /* reserved: not of the user's design */
    finding->of++;
    if (weir_past_tense(type))
        return;
    finding->found++;
    keep(finding, 0, weir_format("%s", type));
}

static void check_payload(weir_finding *finding, const char *type, const weir_result *row)
{
    int64_t large = weir_result_integer(row, 0, LARGE);
    int64_t bytes = weir_result_integer(row, 0, LARGEST_BYTES);
    finding->of += weir_result_integer(row, 0, EVENTS);
    finding->found += large;
    if (large)
        keep(finding, bytes,
             weir_format("%s (%s): %lld bytes", weir_result_value(row, 0, LARGEST), type,
                         (long long)bytes));
}

static void check_shape(weir_finding *finding, const char *type, const weir_result *row)
{
    int64_t shapes = weir_result_integer(row, 0, SHAPES);
    if (!shapes)
        return; /* no JSON */
    finding->of++;
    if (shapes == 1)
        return;
    finding->found++;
    keep(finding, shapes,
         weir_format("%s schema version %lld: %lld shapes, mostly %s, rarely %s", type,
                     (long long)weir_result_integer(row, 0, SCHEMA_VERSION), (long long)shapes,
                     weir_result_value(row, 0, COMMON_SHAPE),
                     weir_result_value(row, 0, RARE_SHAPE)));
}

static void check_newer(weir_finding *finding, const char *type, const weir_result *row,
                        const weir_upcasters *upcasters)
{
    int64_t version = weir_result_integer(row, 0, SCHEMA_VERSION);
    int64_t events = weir_result_integer(row, 0, EVENTS);
    int32_t latest = weir_upcasters_latest(upcasters, type);
    finding->of += events;
    if (!latest || version <= latest)
        return;
    finding->found += events;
    keep(finding, events,
         weir_format("%s: schema version %lld, latest known %d; %lld events, such as %s", type,
                     (long long)version, (int)latest, (long long)events,
                     weir_result_value(row, 0, LATEST)));
}

static void check_correlation(weir_finding *finding, const char *type, const weir_result *row)
{
    int64_t alone = weir_result_integer(row, 0, ALONE);
    finding->of += weir_result_integer(row, 0, EVENTS);
    finding->found += alone;
    if (alone)
        keep(finding, alone,
             weir_format("%s: %lld events, such as %s", type, (long long)alone,
                         weir_result_value(row, 0, LATEST_ALONE)));
}

static bool take_row(void *context, const weir_result *row, weir_error *error)
{
    (void)error;
    run *at = context;
    weir_finding *findings = at->doctor->findings;
    const char *type = weir_result_value(row, 0, EVENT_TYPE);
    if (turn_to(at, type))
        check_name(&findings[WEIR_DOCTOR_NAME], type);
    at->events += weir_result_integer(row, 0, EVENTS);
    if (at->sample && at->events >= at->sample)
        at->doctor->cut = true;
    check_payload(&findings[WEIR_DOCTOR_PAYLOAD], type, row);
    check_shape(&findings[WEIR_DOCTOR_SHAPE], type, row);
    check_newer(&findings[WEIR_DOCTOR_NEWER], type, row, at->upcasters);
    check_correlation(&findings[WEIR_DOCTOR_CORRELATION], type, row);
    return true;
}

static bool check_streams(weir_doctor *doctor, weir_connection *connection,
                          const weir_param params[4], weir_error *error)
{
    weir_param in_all[] = {params[0], params[2]};
    weir_result *rows =
        doctor->all ? weir_connection_query(connection, "doctor_streams_all", in_all, 2, error)
                    : weir_connection_query(connection, "doctor_streams", params, 4, error);
    if (!rows)
        return false;
    weir_finding *finding = &doctor->findings[WEIR_DOCTOR_STREAM];
    finding->of = weir_result_integer(rows, 0, 0);
    finding->found = weir_result_integer(rows, 0, 1);
    for (int i = 0; finding->found && i < weir_result_rows(rows); i++)
        keep(finding, weir_result_integer(rows, i, 3),
             weir_format("%s: %s events", weir_result_value(rows, i, 2),
                         weir_result_value(rows, i, 3)));
    weir_result_free(rows);
    return true;
}

bool weir_doctor_run(weir_doctor *doctor, const weir_config *config, weir_connection *connection,
                     const weir_upcasters *upcasters, weir_error *error)
{
    char sample[24], bytes[24], events[24], types[24];
    run at = {.doctor = doctor, .upcasters = upcasters};
    at.sample = doctor->all ? 0 : weir_config_integer(config, "doctor.sample_events");
    weir_param type = WEIR_PARAM_TEXT(doctor->aggregate_type);
    weir_param limit = doctor->all ? WEIR_PARAM_NULL : weir_param_integer(at.sample, sample);
    weir_param most = doctor->all ? WEIR_PARAM_NULL : weir_param_integer(WEIR_DOCTOR_TYPES, types);
    weir_param payload =
        weir_param_integer(weir_config_integer(config, "doctor.payload_bytes"), bytes);
    weir_param stream =
        weir_param_integer(weir_config_integer(config, "doctor.stream_events"), events);
    bool ok =
        weir_connection_stream(connection, "doctor_events",
                               (const weir_param[]){type, limit, payload, most}, 4, take_row, &at,
                               error) &&
        check_streams(doctor, connection, (const weir_param[]){type, limit, stream, most}, error);
    if (!doctor->all && !doctor->aggregate_type && at.types >= WEIR_DOCTOR_TYPES)
        doctor->cut = true;
    free(at.type);
    return ok;
}

void weir_doctor_clear(weir_doctor *doctor)
{
    for (size_t i = 0; i < WEIR_DOCTOR_CHECKS; i++)
        for (size_t j = 0; j < WEIR_DOCTOR_EXAMPLES; j++)
            free(doctor->findings[i].examples[j]);
    *doctor = (weir_doctor){.aggregate_type = doctor->aggregate_type, .all = doctor->all};
}
