/* Time. Wall-clock times are microseconds since 1970-01-01 UTC (int64, as PostgreSQL resolves);
 * durations are measured on the monotonic clock. Any thread. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>

#include "base/error.h"

#define WEIR_TIME_TEXT 36 /* room for an RFC 3339 time with its NUL */

int64_t weir_clock_now_us(void);       /* wall clock */
int64_t weir_clock_monotonic_us(void); /* for durations */

/* weir_clock_format writes RFC 3339 in UTC with the fewest of 0, 3 or 6 fractional digits that
 * lose nothing: "2010-10-02T07:20:39.266Z". Years 0001–9999; returns the length. */
size_t weir_clock_format(int64_t time_us, char text[WEIR_TIME_TEXT]);

/* weir_clock_parse reads an RFC 3339 time with any offset; digits beyond microseconds are cut off.
 * POISON on anything else (also on 24:00, a 30 February; a leap second :60 counts as :59). */
WEIR_MUST_USE bool weir_clock_parse(const char *text, size_t length, int64_t *time_us,
                                    weir_error *error);

/* weir_duration_parse reads a whole number with its unit, ms, s, m, h or d: "500ms", "90s", "7d".
 * Microseconds; POISON on anything else and beyond a thousand years. */
WEIR_MUST_USE bool weir_duration_parse(const char *text, int64_t *duration_us, weir_error *error);

#endif
