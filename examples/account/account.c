/* The account's events change its state (apply); its commands decide which events happen. The state
 * holds what the decisions need and nothing else: nobody decides by the owner's name. */
#include "examples/account/account.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "store/codec.h"

static bool read_amount(const weir_event *event, int64_t *amount, weir_error *error)
{
    json_t *data = json_loadb(event->data, event->data_length, 0, NULL);
    const json_t *member = json_object_get(data, "amount");
    bool ok = json_is_integer(member);
    *amount = json_integer_value(member);
    json_decref(data);
    return ok || weir_fail(error, WEIR_FATE_POISON, "there is no amount");
}

static bool apply(void *state, const weir_event *event, weir_error *error)
{
    account *self = state;
    int64_t amount;
    if (strcmp(event->type, "account.opened") == 0) {
        self->open = true;
    } else if (strcmp(event->type, "account.deposited") == 0) {
        if (!read_amount(event, &amount, error))
            return false;
        self->balance += amount;
    } else if (strcmp(event->type, "account.withdrawn") == 0) {
        if (!read_amount(event, &amount, error))
            return false;
        self->balance -= amount;
    } else if (strcmp(event->type, "account.closed") == 0) {
        self->open = false;
        self->closed = true;
    } else {
        return weir_fail(error, WEIR_FATE_POISON, "an account knows no such event");
    }
    return true;
}

static bool refuse(weir_error *error, const char *why)
{
    return weir_fail_code(error, WEIR_FATE_POISON, WEIR_INVALID, "%s", why);
}

static bool raise_event(weir_aggregate *aggregate, const char *type, const char *data,
                        weir_error *error)
{
    weir_new_event event = {.type = type, .data = data, .data_length = strlen(data)};
    return weir_aggregate_raise(aggregate, &event, error);
}

static bool raise_amount(weir_aggregate *aggregate, const char *type, int64_t amount,
                         weir_error *error)
{
    char data[48];
    snprintf(data, sizeof data, "{\"amount\": %" PRId64 "}", amount);
    return raise_event(aggregate, type, data, error);
}

bool account_open(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    const account *self = weir_aggregate_state(aggregate);
    const account_opening *opening = argument;
    weir_buffer data = WEIR_BUFFER(4096);
    if (self->open || self->closed)
        return refuse(error, "the account exists");
    weir_buffer_text(&data, "{\"owner\": ");
    weir_buffer_json(&data, opening->owner, strlen(opening->owner));
    weir_buffer_char(&data, '}');
    bool ok = data.overflow ? refuse(error, "the owner's name is too long")
                            : raise_event(aggregate, "account.opened", data.data, error);
    weir_buffer_free(&data);
    return ok;
}

static bool check_movement(const account *self, const account_movement *movement, weir_error *error)
{
    if (!self->open)
        return refuse(error, "the account is not open");
    if (movement->amount <= 0)
        return refuse(error, "an amount is positive");
    return true;
}

bool account_deposit(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    const account *self = weir_aggregate_state(aggregate);
    const account_movement *movement = argument;
    if (!check_movement(self, movement, error))
        return false;
    if (movement->amount > INT64_MAX - self->balance)
        return refuse(error, "no bank has so much money");
    return raise_amount(aggregate, "account.deposited", movement->amount, error);
}

bool account_withdraw(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    const account *self = weir_aggregate_state(aggregate);
    const account_movement *movement = argument;
    if (!check_movement(self, movement, error))
        return false;
    if (movement->amount > self->balance)
        return weir_fail_code(error, WEIR_FATE_POISON, WEIR_INVALID, "the balance is %" PRId64,
                              self->balance);
    return raise_amount(aggregate, "account.withdrawn", movement->amount, error);
}

bool account_close(weir_aggregate *aggregate, const void *argument, weir_error *error)
{
    const account *self = weir_aggregate_state(aggregate);
    (void)argument;
    if (self->closed)
        return true;
    if (!self->open)
        return refuse(error, "the account is not open");
    if (self->balance != 0)
        return refuse(error, "there is money in the account");
    return raise_event(aggregate, "account.closed", "{}", error);
}

/* A snapshot is [balance, open, closed]. */
static void snapshot(const void *state, weir_buffer *msgpack)
{
    const account *self = state;
    char json[64];
    weir_error ignored;
    snprintf(json, sizeof json, "[%" PRId64 ", %s, %s]", self->balance,
             self->open ? "true" : "false", self->closed ? "true" : "false");
    if (!weir_json_to_msgpack(json, strlen(json), msgpack, &ignored))
        weir_buffer_clear(msgpack);
}

static bool restore(void *state, const char *msgpack, size_t length, weir_error *error)
{
    account *self = state;
    int open, closed;
    json_int_t balance;
    weir_buffer json = WEIR_BUFFER(1024);
    json_t *parsed = NULL;
    bool ok = weir_msgpack_to_json(msgpack, length, &json, error);
    if (ok) {
        parsed = json_loadb(json.data, json.length, 0, NULL);
        ok = json_unpack(parsed, "[I, b, b!]", &balance, &open, &closed) == 0 ||
             weir_fail(error, WEIR_FATE_POISON, "it is no account");
    }
    if (ok)
        *self = (account){.balance = balance, .open = open != 0, .closed = closed != 0};
    json_decref(parsed);
    weir_buffer_free(&json);
    return ok;
}

const weir_aggregate_class account_class = {
    .type = "account",
    .size = sizeof(account),
    .apply = apply,
    .snapshot_schema = 1,
    .snapshot = snapshot,
    .restore = restore,
};
