/* "did you mean …?" for a mistyped word. */
#ifndef WEIR_BASE_SUGGEST_H
#define WEIR_BASE_SUGGEST_H

#include <stddef.h>

/* A search for the candidate nearest to word. Zero-initialise all but word. */
typedef struct weir_suggestion {
    const char *word;
    const char *best; /* NULL: nothing was near enough */
    size_t distance;
} weir_suggestion;

/* weir_suggest_offer considers a candidate, which must outlive the search. */
void weir_suggest_offer(weir_suggestion *suggestion, const char *candidate);

#endif
