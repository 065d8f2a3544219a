/* A bank account as an aggregate: opened by somebody, deposited to, withdrawn from without ever
 * being overdrawn, closed once it is empty. Amounts are in cents. */
#ifndef EXAMPLES_ACCOUNT_ACCOUNT_H
#define EXAMPLES_ACCOUNT_ACCOUNT_H

#include "store/repository.h"

typedef struct account {
    int64_t balance;
    bool open, closed;
} account;

extern const weir_aggregate_class account_class;

/* Arguments of commands. */
typedef struct account_opening {
    const char *owner;
} account_opening;

typedef struct account_movement {
    int64_t amount;
} account_movement;

/* The commands; the argument of account_close is NULL. */
weir_command_fn account_open, account_deposit, account_withdraw, account_close;

#endif
