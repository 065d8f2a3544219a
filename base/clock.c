/* Time: microseconds since 1970 and RFC 3339, without the C library's calendar and its time zones.
 *
 * Days are counted on the proleptic Gregorian calendar by the well-known era method (400 years are
 * 146,097 days; years begin in March, so the leap day is the last of its year). Only years 0001 to
 * 9999 exist here: times beyond are refused when read and clamped when written. */
#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define EARLIEST (-INT64_C(62135596800) * SECOND)   /* 0001-01-01T00:00:00Z */
#define LATEST (INT64_C(253402300800) * SECOND - 1) /* 9999-12-31T23:59:59.999999Z */

typedef struct moment {
    int year, month, day, hour, minute, second, offset_minutes;
    int64_t microseconds;
} moment;

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t weir_clock_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t weir_clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* day_number is the days from 1970-01-01 to a date. */
static int64_t day_number(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = y / 400; /* y ≥ 0 here */
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468; /* days since 0000-03-01, ≥ 0 from year 1 on */
    int64_t era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

/* put writes a number of so many digits and what follows it. By hand: the relay writes two times an
 * event, and printf was a tenth of its work. */
static char *put(char *at, int value, int digits, char then)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = then;
    return at + digits + 1;
}

size_t weir_clock_format(int64_t time_us, char text[WEIR_TIME_TEXT])
{
    int64_t t = time_us < EARLIEST ? EARLIEST : time_us > LATEST ? LATEST : time_us;
    int64_t days = t / DAY - (t % DAY < 0);
    int64_t rest = t - days * DAY;
    int64_t fraction = rest % SECOND;
    int seconds = (int)(rest / SECOND);
    int year, month, day;
    date_of(days, &year, &month, &day);
    char *at = put(text, year, 4, '-');
    at = put(at, month, 2, '-');
    at = put(at, day, 2, 'T');
    at = put(at, seconds / 3600, 2, ':');
    at = put(at, seconds / 60 % 60, 2, ':');
    at = put(at, seconds % 60, 2, fraction ? '.' : 'Z');
    if (fraction % 1000)
        at = put(at, (int)fraction, 6, 'Z');
    else if (fraction)
        at = put(at, (int)(fraction / 1000), 3, 'Z');
    *at = '\0';
    return (size_t)(at - text);
}

/* digits reads exactly count digits at *at. */
static bool digits(const char **at, const char *end, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (*at == end || !isdigit((unsigned char)**at))
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

/* expect steps over one character, in either case. */
static bool expect(const char **at, const char *end, char wanted)
{
    if (*at == end || toupper((unsigned char)**at) != wanted)
        return false;
    (*at)++;
    return true;
}

static bool read_fraction(const char **at, const char *end, int64_t *microseconds)
{
    *microseconds = 0;
    if (!expect(at, end, '.'))
        return true;
    int64_t unit = SECOND;
    const char *start = *at;
    for (; *at < end && isdigit((unsigned char)**at); (*at)++) {
        unit /= 10;
        *microseconds += (**at - '0') * unit;
    }
    return *at > start;
}

static bool read_offset(const char **at, const char *end, int *minutes)
{
    *minutes = 0;
    if (expect(at, end, 'Z'))
        return true;
    int sign = expect(at, end, '+') ? 1 : -1;
    int hour, minute;
    if (sign < 0 && !expect(at, end, '-'))
        return false;
    if (!digits(at, end, 2, &hour) || !expect(at, end, ':') || !digits(at, end, 2, &minute))
        return false;
    *minutes = sign * (hour * 60 + minute);
    return hour <= 23 && minute <= 59;
}

static bool read_moment(const char *at, const char *end, moment *m)
{
    return digits(&at, end, 4, &m->year) && expect(&at, end, '-') &&
           digits(&at, end, 2, &m->month) && expect(&at, end, '-') &&
           digits(&at, end, 2, &m->day) && expect(&at, end, 'T') && digits(&at, end, 2, &m->hour) &&
           expect(&at, end, ':') && digits(&at, end, 2, &m->minute) && expect(&at, end, ':') &&
           digits(&at, end, 2, &m->second) && read_fraction(&at, end, &m->microseconds) &&
           read_offset(&at, end, &m->offset_minutes) && at == end;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* A leap second is always the last one of a day in UTC. */
static bool may_be_leap(const moment *m)
{
    int minutes = m->hour * 60 + m->minute - m->offset_minutes;
    return (minutes + 2 * 1440) % 1440 == 1439;
}

static bool is_real(const moment *m)
{
    return m->year >= 1 && m->month >= 1 && m->month <= 12 && m->day >= 1 &&
           m->day <= days_in(m->year, m->month) && m->hour <= 23 && m->minute <= 59 &&
           (m->second <= 59 || (m->second == 60 && may_be_leap(m)));
}

bool weir_clock_parse(const char *text, size_t length, int64_t *time_us, weir_error *error)
{
    moment m;
    int shown = (int)(length < WEIR_TIME_TEXT ? length : WEIR_TIME_TEXT);
    if (!read_moment(text, text + length, &m) || !is_real(&m))
        return weir_fail(error, WEIR_FATE_POISON, "'%.*s' is not an RFC 3339 time", shown, text);
    int64_t seconds = m.hour * 3600 + m.minute * 60 + (m.second == 60 ? 59 : m.second);
    int64_t t = day_number(m.year, m.month, m.day) * DAY +
                (seconds - m.offset_minutes * INT64_C(60)) * SECOND + m.microseconds;
    if (t < EARLIEST || t > LATEST)
        return weir_fail(error, WEIR_FATE_POISON, "'%.*s' is outside the years 0001 to 9999", shown,
                         text);
    *time_us = t;
    return true;
}

bool weir_duration_parse(const char *text, int64_t *duration_us, weir_error *error)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const int64_t longest = (int64_t)86400000 * 366 * 1000;
    const size_t digits = strspn(text, "0123456789");
    int64_t number = 0;
    for (size_t i = 0; i < digits && number <= longest; i++)
        number = number * 10 + (text[i] - '0');
    for (size_t i = 0; digits && text[digits] && i < sizeof units / sizeof *units; i++) {
        if (strcmp(text + digits, units[i].unit) == 0 && number <= longest / units[i].ms) {
            *duration_us = number * units[i].ms * 1000;
            return true;
        }
    }
    return weir_fail(error, WEIR_FATE_POISON,
                     "'%s' is no duration such as 500ms, 90s, 15m, 1h or 7d", text);
}
