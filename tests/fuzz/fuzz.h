/* What every fuzz target needs: its entry, and a claim that ends the run when it is false. */
#ifndef WEIR_TESTS_FUZZ_FUZZ_H
#define WEIR_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* CLAIM(condition, format, …) aborts with the text, so that libFuzzer keeps the input. */
#define CLAIM(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: false: %s: ", __FILE__, __LINE__, #condition);                 \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* claim_refused: an error that was filled, of the fate that bad input has. */
static inline void claim_refused(const weir_error *error)
{
    CLAIM(error->fate == WEIR_FATE_POISON, "fate %s", weir_fate_name(error->fate));
    CLAIM(error->message[0], "no message");
}

static inline void claim_equal(const weir_buffer *one, const weir_buffer *other, const char *what)
{
    CLAIM(one->length == other->length &&
              (one->length == 0 || memcmp(one->data, other->data, one->length) == 0),
          "%s: %zu and %zu bytes", what, one->length, other->length);
}

#endif
