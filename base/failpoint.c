/* Named failpoints, for tests that kill, delay or fail the process at a chosen place.
 *
 * The table of points is built once from WEIR_FAILPOINT, at the first pass of any of them; passes
 * are counted atomically. A text that cannot be understood aborts: a test whose fault was never
 * injected would prove nothing. Release builds hold nothing of this but the names. */
#include "base/failpoint.h"

#include <stddef.h>

#define NAME(name) #name,
static const char *const names[] = {WEIR_FAILPOINTS_LIST(NAME)};

const char *weir_failpoint_name(weir_failpoint point)
{
    size_t index = (size_t)point;
    return index < WEIR_FP_COUNT ? names[index] : NULL;
}

#ifdef WEIR_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

typedef enum action {
    NOTHING,
    KILL,
    SLEEP,
    FAIL,
} action;

static struct {
    action action;
    long sleep_ms;
    unsigned long from; /* the pass it begins at, 1 is the first */
    atomic_ulong passes;
} points[WEIR_FP_COUNT];

static pthread_once_t once = PTHREAD_ONCE_INIT;

static _Noreturn void refuse(const char *item)
{
    fprintf(stderr, "weir: WEIR_FAILPOINT: '%s' is not name=kill|sleep:MS|error[@nth]\n", item);
    abort();
}

static size_t find(const char *name, size_t length)
{
    for (size_t i = 0; i < WEIR_FP_COUNT; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return i;
    return WEIR_FP_COUNT;
}

/* number reads a positive number that ends where the text or an '@' does. */
static unsigned long number(const char *text, const char *item)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || (*end && *end != '@') || value == 0 || value > 1000000000)
        refuse(item);
    return value;
}

static void arm(const char *item)
{
    const char *equals = strchr(item, '=');
    size_t index = equals ? find(item, (size_t)(equals - item)) : WEIR_FP_COUNT;
    if (index == WEIR_FP_COUNT)
        refuse(item);
    const char *what = equals + 1;
    const char *at = strchr(what, '@');
    size_t length = at ? (size_t)(at - what) : strlen(what);
    points[index].from = at ? number(at + 1, item) : 1;
    if (length == 4 && memcmp(what, "kill", 4) == 0)
        points[index].action = KILL;
    else if (length == 5 && memcmp(what, "error", 5) == 0)
        points[index].action = FAIL;
    else if (strncmp(what, "sleep:", 6) == 0) {
        points[index].action = SLEEP;
        points[index].sleep_ms = (long)number(what + 6, item);
    } else
        refuse(item);
}

static void arm_all(void)
{
    const char *text = getenv("WEIR_FAILPOINT");
    if (!text || !*text)
        return;
    char *copy = weir_strdup(text);
    char *rest = copy;
    for (char *item = strsep(&rest, ","); item; item = strsep(&rest, ","))
        arm(item);
    free(copy);
}

bool weir_failpoint_hit(weir_failpoint point)
{
    pthread_once(&once, arm_all);
    unsigned long pass = atomic_fetch_add(&points[point].passes, 1) + 1;
    if (points[point].action == NOTHING || pass < points[point].from)
        return false;
    switch (points[point].action) {
    case KILL:
        raise(SIGKILL);
        return true;
    case SLEEP:
        nanosleep(&(struct timespec){.tv_sec = points[point].sleep_ms / 1000,
                                     .tv_nsec = points[point].sleep_ms % 1000 * 1000000},
                  NULL);
        return false;
    default:
        return true;
    }
}

#endif
