/* "did you mean": the closest of a few known words. Pure. */
#include <string.h>

#include "projections/projection_int.h"

#define LONGEST 64
#define CLOSE 2 /* edits */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1], a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *weir_suggest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t least_edits = CLOSE + 1;
    for (size_t i = 0; i < count; i++) {
        size_t edits = distance(word, candidates[i]);
        if (edits < least_edits && edits < strlen(word)) {
            least_edits = edits;
            best = candidates[i];
        }
    }
    return best;
}
