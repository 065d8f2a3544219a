/* The schedule of redrives: a list of times with units. */
#include "consumer/redrives_int.h"

#include <stdlib.h>
#include <string.h>

static int unit(char letter)
{
    switch (letter) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

static bool read_one(const char *item, size_t length, int *seconds)
{
    long value = 0;
    if (length < 2 || length > 6 || !unit(item[length - 1]))
        return false;
    for (size_t i = 0; i + 1 < length; i++) {
        if (item[i] < '0' || item[i] > '9')
            return false;
        value = value * 10 + (item[i] - '0');
    }
    value *= unit(item[length - 1]);
    *seconds = value <= 366L * 86400 ? (int)value : 0;
    return *seconds > 0;
}

bool weir_redrives_read(const char *text, weir_redrives *redrives, weir_error *error)
{
    *redrives = (weir_redrives){0};
    if (strcmp(text, "none") == 0)
        return true;
    for (const char *at = text;;) {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ,");
        if (redrives->count == WEIR_REDRIVES_MOST ||
            !read_one(at, length, &redrives->seconds[redrives->count++]))
            return weir_fail(
                error, WEIR_FATE_CONFIG,
                "'%s' is no schedule: up to %d times like 10s, 1m, 2h or 1d, separated "
                "by commas, or none",
                text, WEIR_REDRIVES_MOST);
        at += length;
        at += strspn(at, " ");
        if (!*at)
            return true;
        at += *at == ',';
    }
}
