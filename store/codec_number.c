/* Numbers without loss.
 *
 * A decimal is its significant digits and where its point stands; two spellings are the same number
 * when those are equal. A double holds a decimal when it prints back to it. */
#include "store/codec_int.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIGITS 17               /* a double never needs more */
#define DIGITS_16 1000000000000000LL /* behind the first of sixteen digits */

typedef struct decimal {
    bool negative;
    char digits[MOST_DIGITS + 1]; /* neither first nor last is 0; "" is zero */
    int count;
    long exponent; /* the value is 0.digits × 10^exponent */
} decimal;

/* add_digit takes the next digit; zeros wait until a digit follows. False when there are too many
 * for any double. */
static bool add_digit(decimal *d, char digit, int *zeros)
{
    if (digit == '0') {
        *zeros += d->count > 0;
        return true;
    }
    if (d->count + *zeros + 1 > MOST_DIGITS)
        return false;
    for (; *zeros > 0; --*zeros)
        d->digits[d->count++] = '0';
    d->digits[d->count++] = digit;
    return true;
}

/* read_decimal reads a JSON number, whose exponent is small enough for a long. */
static bool read_decimal(const char *text, size_t length, decimal *d)
{
    bool point = false;
    int zeros = 0;
    *d = (decimal){.negative = text[0] == '-'};
    size_t i = d->negative;
    for (; i < length && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        if (!add_digit(d, text[i], &zeros))
            return false;
        d->exponent += !point && (d->count > 0 || zeros > 0);
        d->exponent -= point && d->count == 0;
    }
    bool down = i + 1 < length && text[i + 1] == '-';
    long exponent = 0;
    for (; i < length; i++)
        if (text[i] >= '0' && text[i] <= '9')
            exponent = exponent * 10 + (text[i] - '0');
    d->exponent = d->count ? d->exponent + (down ? -exponent : exponent) : 0;
    return true;
}

static bool same(const decimal *a, const decimal *b)
{
    return a->negative == b->negative && a->exponent == b->exponent && a->count == b->count &&
           memcmp(a->digits, b->digits, (size_t)a->count) == 0;
}

/* in_c_locale begins number text with a point, whatever the program has set; end gives it back. */
static locale_t in_c_locale(void)
{
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static void end_c_locale(locale_t before)
{
    freelocale(uselocale(before));
}

/* print_above tries the decimal of sixteen digits above the nearest one: below a power of two
 * doubles are twice as dense as above, so the nearest may belong to a neighbour while that one does
 * not. */
static bool print_above(double value, char text[WEIR_DOUBLE_TEXT])
{
    char digits[WEIR_DOUBLE_TEXT];
    snprintf(digits, sizeof digits, "%.15e", fabs(value));
    long exponent = strtol(strchr(digits, 'e') + 1, NULL, 10);
    digits[1] = digits[0]; /* over the point */
    long long above = strtoll(digits + 1, NULL, 10) + 1;
    snprintf(text, WEIR_DOUBLE_TEXT, "%s%lld.%015llde%ld", signbit(value) ? "-" : "",
             above / DIGITS_16, above % DIGITS_16, exponent);
    return strtod(text, NULL) == value;
}

/* Fifteen digits suffice for every double that was a decimal of fifteen, except the smallest. */
static void print(double value, char text[WEIR_DOUBLE_TEXT])
{
    for (int precision = fabs(value) < DBL_MIN ? 1 : DBL_DIG; precision <= MOST_DIGITS;
         precision++) {
        snprintf(text, WEIR_DOUBLE_TEXT - 2, "%.*g", precision, value);
        if (strtod(text, NULL) == value || (precision == 16 && print_above(value, text)))
            break;
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
}

void weir_double_print(double value, char text[WEIR_DOUBLE_TEXT])
{
    locale_t before = in_c_locale();
    print(value, text);
    end_c_locale(before);
}

bool weir_double_read(const char *text, size_t length, double *value)
{
    decimal wanted, got;
    char spelled[2 * WEIR_DOUBLE_TEXT], printed[WEIR_DOUBLE_TEXT];
    if (!read_decimal(text, length, &wanted))
        return false;
    snprintf(spelled, sizeof spelled, "%s0.%s0e%ld", wanted.negative ? "-" : "", wanted.digits,
             wanted.exponent);
    locale_t before = in_c_locale();
    *value = strtod(spelled, NULL);
    bool finite = isfinite(*value);
    if (finite)
        print(*value, printed);
    end_c_locale(before);
    return finite && read_decimal(printed, strlen(printed), &got) && same(&wanted, &got);
}
