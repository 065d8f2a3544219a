/* --max-lag, as every status command that measures lag takes it. */
#include "app/max_lag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool weir_max_lag_read(const weir_arguments *arguments, weir_max_lag *most, weir_error *error)
{
    char *end;
    const char *text = weir_arguments_text(arguments, "max-lag");
    if (!text)
        return true;
    errno = 0;
    most->given = true;
    most->value = strtoll(text, &end, 10);
    most->in_seconds = strcmp(end, "s") == 0;
    if (end == text || (*end && !most->in_seconds) || errno || most->value < 0)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "--max-lag must be events (100) or seconds (30s), not '%s'", text);
    return true;
}

bool weir_max_lag_exceeded(const weir_max_lag *most, const char *name, int64_t events,
                           double seconds)
{
    if (!most->given)
        return false;
    if (most->in_seconds && seconds > (double)most->value)
        fprintf(stderr, "weir: %s is %.3f s behind\n", name, seconds);
    else if (!most->in_seconds && events > most->value)
        fprintf(stderr, "weir: %s is %lld events behind\n", name, (long long)events);
    else
        return false;
    return true;
}
