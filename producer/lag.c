/* Lag, explained: how much of what was committed is not in Kafka yet, and where it is.
 *
 * Measured every LAG_US by the leader, on its own session between two reads, and bounded: at most
 * COUNTED events are counted. Who holds the horizon is in the log and in `weir relay status`, not
 * in a label: labels of transactions would grow without end. It only shows; it decides nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "producer/relay_int.h"

#define LAG_US 5000000
#define COUNTED 1000
#define HELD_BACK_S 10

static double number(const weir_result *result, int row, int column)
{
    const char *text = weir_result_value(result, row, column);
    return text ? strtod(text, NULL) : NAN;
}

static bool measure_stages(weir_relay *relay, weir_error *error)
{
    char numbers[3][24];
    weir_param params[] = {weir_param_integer(weir_ring_cursor(relay->ring), numbers[0]),
                           weir_param_integer(relay->read_position, numbers[1]),
                           weir_param_integer(COUNTED, numbers[2])};
    weir_result *stages =
        weir_connection_query(weir_store_connection(relay->store), "relay_lag", params, 3, error);
    for (int i = 0; stages && i < WEIR_RELAY_STAGE_COUNT; i++) {
        weir_metric_set(relay->meters.lag_events[i], number(stages, i, 1));
        weir_metric_set(relay->meters.lag_seconds[i], number(stages, i, 2));
    }
    weir_result_free(stages);
    return stages != NULL;
}

static void say_who(weir_relay *relay, const weir_result *holder, double age)
{
    const char *pid = weir_result_value(holder, 0, 0), *gid = weir_result_value(holder, 0, 1);
    const char *application = weir_result_value(holder, 0, 3);
    WEIR_WARN("relay", relay->title, "an open transaction that appended holds events back",
              WEIR_TEXT(pid ? "pid" : "gid", pid   ? pid
                                             : gid ? gid
                                                   : "unknown"),
              WEIR_TEXT("user", weir_result_value(holder, 0, 2)),
              WEIR_TEXT("application", application ? application : ""),
              WEIR_NUMBER("seconds", (int64_t)age));
}

/* An age that we may not see is at least that of the oldest event held back. */
static bool measure_holder(weir_relay *relay, weir_error *error)
{
    weir_param one = WEIR_PARAM_TEXT("1");
    double held_s = weir_metric_value(relay->meters.lag_seconds[WEIR_RELAY_STAGE_HORIZON]);
    weir_result *holder =
        weir_connection_query(weir_store_connection(relay->store), "fence_holders", &one, 1, error);
    if (!holder)
        return false;
    bool any = weir_result_rows(holder) > 0;
    double age = any ? number(holder, 0, 6) : 0;
    age = isnan(age) ? held_s : fmax(age, 0);
    weir_metric_set(relay->meters.holder_age, age);
    if (any && held_s >= HELD_BACK_S && !relay->held_back_said)
        say_who(relay, holder, age);
    else if (relay->held_back_said && held_s < HELD_BACK_S)
        WEIR_INFO("relay", relay->title, "no events are held back any more");
    relay->held_back_said = any && held_s >= HELD_BACK_S;
    weir_result_free(holder);
    return true;
}

bool weir_relay_lag_due(weir_relay *relay, weir_error *error)
{
    int64_t now = weir_clock_monotonic_us();
    if (relay->lag_us > 0 && now - relay->lag_us < LAG_US)
        return true;
    relay->lag_us = now;
    if (!measure_stages(relay, error) || !measure_holder(relay, error))
        return false;
    weir_metric_set(relay->meters.lag_measured, (double)weir_clock_now_us() / 1e6);
    return true;
}

void weir_relay_lag_clear(weir_relay *relay)
{
    relay->lag_us = 0;
    for (int i = 0; i < WEIR_RELAY_STAGE_COUNT; i++) {
        weir_metric_set(relay->meters.lag_events[i], 0);
        weir_metric_set(relay->meters.lag_seconds[i], 0);
    }
    weir_metric_set(relay->meters.holder_age, 0);
    weir_metric_set(relay->meters.lag_measured, 0);
}
