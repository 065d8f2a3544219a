/* The nearest candidate by edit distance, where a swap of neighbours counts as one edit (the
 * restricted Damerau-Levenshtein distance). Near enough is a third of the word, two edits for a
 * short one; a word that the candidate begins with is near as well. */
#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

#define LONGEST 64 /* environment names are the longest words */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t m, const char *b, size_t n)
{
    size_t d[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= m; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= n; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        for (size_t j = 1; j <= n; j++) {
            size_t change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(change, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[m][n];
}

void weir_suggest_offer(weir_suggestion *suggestion, const char *candidate)
{
    size_t m = strlen(suggestion->word), n = strlen(candidate);
    if (m == 0 || m > LONGEST || n > LONGEST)
        return;
    size_t edits = distance(suggestion->word, m, candidate, n);
    if (m >= 2 && strncmp(suggestion->word, candidate, m) == 0)
        edits = 1;
    size_t allowed = m < 3 ? 1 : m < 6 ? 2 : m / 3;
    if (edits <= allowed && edits < n && (!suggestion->best || edits < suggestion->distance)) {
        suggestion->best = candidate;
        suggestion->distance = edits;
    }
}

bool weir_suggest_end(const weir_suggestion *suggestion, weir_error *error)
{
    size_t length = strlen(error->message);
    if (suggestion->best)
        snprintf(error->message + length, sizeof error->message - length, "; did you mean '%s'?",
                 suggestion->best);
    return false;
}
