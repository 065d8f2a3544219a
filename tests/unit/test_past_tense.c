/* Which names of event types are facts in the past tense: a table of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/past_tense.h"

static void expect(const char *const *names, bool fact)
{
    size_t wrong = 0;
    for (; *names; names++)
        if (weir_past_tense(*names) != fact) {
            fprintf(stderr, "'%s' should%s be a fact\n", *names, fact ? "" : " not");
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

static void test_facts(void **state)
{
    (void)state;
    static const char *const names[] = {
        /* every usual spelling of the last word */
        "user.created", "user_created", "user-created", "user:created", "com/shop/created",
        "UserCreated", "userCreated", "USER_CREATED", "HTTPRequestReceived", "created",
        "user created",
        /* versions and the word event behind it */
        "user.created.v2", "UserCreatedV2", "user.created_2", "UserCreatedEvent", "user.created.",
        /* irregular, with prefixes */
        "order.paid", "mail.sent", "invoice.withdrawn", "order.overpaid", "page.rewritten",
        "hold.undone", "seat.chosen", "password.reset", "mail.resent", "order.begun", "race.won",
        "deposit.withheld", "contract.broken",
        /* -eed that is one */
        "terms.agreed", "loan.guaranteed",
        /* before a particle or a preposition */
        "user.logged_in", "UserSignedUp", "order.checked_out", "item_added_to_cart",
        "payment.received_by_bank", "order.closed_by_hand", NULL};
    expect(names, true);
}

static void test_others(void **state)
{
    (void)state;
    static const char *const names[] = {
        /* commands */
        "create_user", "user.create", "CreateUser", "createUser", "order.pay", "send",
        "update_user", "mail.send", "user.rename.v2",
        /* states, nouns, things going on */
        "user", "user.updating", "order.total", "payment.failure", "user.event", "UserEvent", "",
        "...", "v2", "42",
        /* -ed that is something else */
        "user.need", "limit.exceed", "rss.feed", "video.embed", "garden.bed", "index.red",
        "order.hundred", "speed",
        /* a past tense elsewhere: the known limit */
        "order.closed_manually", "deleted_user", "created.user", "log_in",
        /* another language, and bytes that are no letters */
        "usuario.creado", "benutzer.gel\xc3\xb6scht", NULL};
    expect(names, false);
}

/* Names are data of users: nothing of them may be read or written out of bounds. */
static void test_lengths(void **state)
{
    (void)state;
    for (size_t length = 0; length < 2000; length += 7) {
        char *name = malloc(length + 9);
        assert_non_null(name);
        memset(name, length % 2 ? 'a' : '.', length);
        memcpy(name + length, "_created", 9);
        assert_true(weir_past_tense(name));
        memset(name + length, 'x', 8);
        assert_false(weir_past_tense(name));
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
