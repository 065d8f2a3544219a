/* "did you mean …?" for a mistyped word. */
#ifndef WEIR_BASE_SUGGEST_H
#define WEIR_BASE_SUGGEST_H

#include "base/error.h"

/* A search for the candidate nearest to word. Zero-initialise all but word. */
typedef struct weir_suggestion {
    const char *word;
    const char *best; /* NULL: nothing was near enough */
    size_t distance;
} weir_suggestion;

/* weir_suggest_offer considers a candidate, which must outlive the search. */
void weir_suggest_offer(weir_suggestion *suggestion, const char *candidate);

/* weir_suggest_end ends an error's message with "; did you mean 'x'?" if anything was near, and
 * returns false like weir_fail. */
bool weir_suggest_end(const weir_suggestion *suggestion, weir_error *error);

#endif
