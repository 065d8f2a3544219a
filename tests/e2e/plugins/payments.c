/* Payments as a service would own them: accounts that are charged and refunded on request. A charge
 * that was made is answered in the same way when it is asked for again. What an event's data says
 * besides, {"do": "abort"}, goes wrong unless there is a file "repaired". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/plugin.h"

#ifndef NAME
#define NAME "payments"
#endif
#ifndef TYPE
#define TYPE "payment"
#endif

typedef struct account {
    int64_t charged, limit, many;
} account;

static const char *member(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    return at ? at + strlen(name) + strspn(at + strlen(name), "\": ") : NULL;
}

static int64_t number(const char *json, const char *name)
{
    const char *at = member(json, name);
    return at ? strtoll(at, NULL, 10) : 0;
}

static bool asks(const weir_event *event, const char *what)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"do\": \"%s\"", what);
    return strstr(event->data, wanted) && access("repaired", F_OK) != 0;
}

/* Version 1 of payment.opened has its limit in euros. */
static bool to_cents(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    (void)context, (void)error;
    weir_buffer_format(data, "{\"limit\": %" PRId64 "}", number(event->data, "\"limit\"") * 100);
    return true;
}

static bool apply(void *state, const weir_event *event, weir_error *error)
{
    account *self = state;
    self->many++;
    if (strcmp(event->type, "payment.opened") == 0)
        self->limit = number(event->data, "\"limit\"");
    else if (strcmp(event->type, "payment.charged") == 0)
        self->charged += number(event->data, "\"sum\"");
    else if (strcmp(event->type, "payment.refunded") == 0)
        self->charged -= number(event->data, "\"sum\"");
    else if (strcmp(event->type, "payment.spoilt") == 0)
        return weir_fail(error, WEIR_FATE_POISON, "an account does not know this");
    return true;
}

static const weir_aggregate_class payment_class = {
    .type = TYPE, .size = sizeof(account), .apply = apply};

static bool target(const weir_event *request, char id[WEIR_ID_SIZE], weir_error *error)
{
    const char *account = member(request->data, "\"account\"");
    if (!account)
        return weir_fail(error, WEIR_FATE_POISON, "it names no account");
    if (asks(request, "abort at the target"))
        abort();
    snprintf(id, WEIR_ID_SIZE, "%.*s", (int)strcspn(account, "\""), account);
    return true;
}

static bool answer(weir_aggregate *aggregate, const weir_event *request, const char *type,
                   const char *metadata, weir_error *error)
{
    char data[1000];
    const account *self = weir_aggregate_state(aggregate);
    int length = snprintf(data, sizeof data,
                          "{\"order\": \"%s\", \"sum\": %" PRId64 ", \"before\": %" PRId64 "}",
                          request->aggregate_id, number(request->data, "\"sum\""), self->many);
    const weir_new_event event = {
        .type = type, .data = data, .data_length = (size_t)length, .metadata = metadata};
    return weir_aggregate_raise(aggregate, &event, error);
}

static bool raise_text(weir_aggregate *aggregate, const char *type, const char *data,
                       weir_error *error)
{
    const weir_new_event event = {.type = type, .data = data, .data_length = strlen(data)};
    return weir_aggregate_raise(aggregate, &event, error);
}

static bool execute(weir_aggregate *aggregate, const weir_event *request, weir_error *error)
{
    const account *self = weir_aggregate_state(aggregate);
    const int64_t sum = number(request->data, "\"sum\"");
    weir_error ignored;
    if (asks(request, "abort"))
        abort();
    while (asks(request, "hang"))
        sleep(1);
    if (asks(request, "refuse"))
        return weir_fail(error, WEIR_FATE_POISON, "no such currency");
    if (asks(request, "raise nothing"))
        return true;
    if (asks(request, "forge the cause"))
        return answer(aggregate, request, "payment.charged", "{\"causationid\": \"else\"}", error);
    if (asks(request, "raise no JSON"))
        return raise_text(aggregate, "payment.charged", "{\"sum\": }", error);
    if (asks(request, "raise a bad type"))
        return raise_text(aggregate, "weir.reserved", "{}", error);
    if (asks(request, "go on")) {
        (void)!raise_text(aggregate, "payment.spoilt", "{}", &ignored);
        return raise_text(aggregate, "payment.charged", "{}", error);
    }
    if (strcmp(request->type, "payment.refund_requested") == 0)
        return answer(aggregate, request, "payment.refunded", NULL, error);
    if (self->limit && self->charged + sum > self->limit)
        return answer(aggregate, request, "payment.refused", NULL, error);
    return answer(aggregate, request, "payment.charged", NULL, error);
}

static const weir_plugin_command payments = {
    .name = NAME,
    .from = "fulfilment",
    .on = "payment.charge_requested, payment.refund_requested",
    .aggregate = &payment_class,
    .target = target,
    .execute = execute,
};

#ifdef TWICE
static const weir_plugin_command more = {
    .name = TWICE,
    .from = "fulfilment",
    .on = "*",
    .aggregate = &payment_class,
    .target = target,
    .execute = execute,
};
#define MORE &more,
#else
#define MORE
#endif

const weir_plugin_info weir_plugin = {
    WEIR_PLUGIN_HEAD,
    .name = "payments",
    .aggregates = (const weir_aggregate_class *const[]){&payment_class, NULL},
    .upcasters = (const weir_plugin_upcaster[]){{"payment.opened", 1, 2, to_cents, NULL}, {0}},
    .commands = (const weir_plugin_command *const[]){&payments, MORE NULL},
};
