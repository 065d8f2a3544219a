/* What both sides of the benchmark of loads do with an event, so that they do the same work. */
#ifndef WEIR_BENCH_LOAD_H
#define WEIR_BENCH_LOAD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench_account {
    double balance;
    int64_t events;
} bench_account;

/* bench_account_add folds one event, given as JSON text. */
static inline void bench_account_add(bench_account *account, const char *data)
{
    const char *amount = strstr(data, "\"amount\": ");
    if (amount)
        account->balance += strtod(amount + strlen("\"amount\": "), NULL);
    account->events++;
}

#endif
