/* What an account does, as specifications: given these events, when this command, then that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "examples/account/account.h"
#include "store/specification.h"

static const weir_fact opened = {.type = "account.opened", .data = "{\"owner\": \"Ada\"}"};
static const weir_fact deposited_10 = {.type = "account.deposited", .data = "{\"amount\": 10}"};

static void is_opened_once(void **state)
{
    (void)state;
    weir_specify(
        &account_class, weir_given_nothing(),
        weir_when(account_open, &(account_opening){"Ada \"the\" first"}),
        weir_then_events(WEIR_FACT("account.opened", "{\"owner\":\"Ada \\\"the\\\" first\"}")));
    weir_specify(&account_class, weir_given(opened),
                 weir_when(account_open, &(account_opening){"Bob"}),
                 weir_then_refused("the account exists"));
}

static bool holds_30(const void *state)
{
    return ((const account *)state)->balance == 30;
}

static void takes_deposits(void **state)
{
    (void)state;
    weir_specify(&account_class, weir_given(opened, deposited_10),
                 weir_when(account_deposit, &(account_movement){20}),
                 weir_then_events(WEIR_FACT("account.deposited", "{\"amount\": 20}")),
                 weir_then_state(holds_30));
    weir_specify(&account_class, weir_given(opened),
                 weir_when(account_deposit, &(account_movement){-1}),
                 weir_then_refused("an amount is positive"));
    weir_specify(&account_class, weir_given_nothing(),
                 weir_when(account_deposit, &(account_movement){1}),
                 weir_then_refused("the account is not open"));
}

static void is_never_overdrawn(void **state)
{
    (void)state;
    weir_specify(&account_class, weir_given(opened, deposited_10),
                 weir_when(account_withdraw, &(account_movement){10}),
                 weir_then_events(WEIR_FACT("account.withdrawn", "{\"amount\": 10}")));
    weir_specify(&account_class, weir_given(opened, deposited_10),
                 weir_when(account_withdraw, &(account_movement){11}),
                 weir_then_refused("the balance is 10"));
}

static void is_closed_empty_and_for_good(void **state)
{
    (void)state;
    weir_specify(&account_class, weir_given(opened), weir_when(account_close, NULL),
                 weir_then_events(WEIR_FACT("account.closed", "{}")));
    weir_specify(&account_class, weir_given(opened, deposited_10), weir_when(account_close, NULL),
                 weir_then_refused("there is money in the account"));
    weir_specify(&account_class, weir_given(opened, WEIR_FACT("account.closed", "{}")),
                 weir_when(account_close, NULL), weir_then_nothing());
    weir_specify(&account_class, weir_given(opened, WEIR_FACT("account.closed", "{}")),
                 weir_when(account_open, &(account_opening){"Ada"}),
                 weir_then_refused("the account exists"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_opened_once),
        cmocka_unit_test(takes_deposits),
        cmocka_unit_test(is_never_overdrawn),
        cmocka_unit_test(is_closed_empty_and_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
