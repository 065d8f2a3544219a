/* A plug-in as a user would write it, for the tests: an account, whose deposits once were euros and
 * are cents since schema version 2. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/codec.h"
#include "store/plugin.h"

#ifndef SCHEMA
#define SCHEMA 1
#endif

typedef struct account {
    int64_t balance; /* cents */
    bool open;
    char *owner;
} account;

/* The member of flat JSON text, NULL without it. */
static const char *member(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    return at ? at + strlen(name) + strspn(at + strlen(name), "\": ") : NULL;
}

static bool apply(void *state, const weir_event *event, weir_error *error)
{
    account *self = state;
    const char *amount = member(event->data, "\"amount\""),
               *owner = member(event->data, "\"owner\"");
    WEIR_DEBUG("plugin", "account", "applied", WEIR_NUMBER("version", event->version));
    if (strcmp(event->type, "account.opened") == 0 && owner) {
        free(self->owner);
        self->owner = weir_strndup(owner, strcspn(owner, "\""));
        self->open = true;
    } else if (strcmp(event->type, "account.deposited") == 0 && amount) {
        self->balance += strtoll(amount, NULL, 10);
    } else if (strcmp(event->type, "account.closed") == 0) {
        self->open = false;
        free(self->owner);
        self->owner = NULL;
    } else {
        return weir_fail(error, WEIR_FATE_POISON, "an account does not know this");
    }
    return true;
}

static void clear(void *state)
{
    free(((account *)state)->owner);
}

static void snapshot(const void *state, weir_buffer *msgpack)
{
    const account *self = state;
    weir_error error;
    weir_buffer json = WEIR_BUFFER(4096);
    weir_buffer_format(&json, "{\"balance\":%" PRId64 ",\"open\":%s", self->balance,
                       self->open ? "true" : "false");
    if (self->owner)
        weir_buffer_format(&json, ",\"owner\":\"%s\"", self->owner);
    weir_buffer_char(&json, '}');
    (void)!weir_json_to_msgpack(json.data, json.length, msgpack, &error);
    weir_buffer_free(&json);
}

static bool restore(void *state, const char *msgpack, size_t length, weir_error *error)
{
    account *self = state;
    weir_buffer json = WEIR_BUFFER(8192);
    bool ok = weir_msgpack_to_json(msgpack, length, &json, error);
    if (ok) {
        const char *owner = member(json.data, "\"owner\"");
        self->balance = strtoll(member(json.data, "\"balance\""), NULL, 10);
        self->open = strstr(json.data, "\"open\":true") != NULL;
        self->owner = owner ? weir_strndup(owner, strcspn(owner, "\"")) : NULL;
    }
    weir_buffer_free(&json);
    return ok;
}

static bool to_cents(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    const char *amount = member(event->data, "\"amount\"");
    if (!amount)
        return weir_fail(error, WEIR_FATE_POISON, "there is no amount");
    weir_buffer_format(data, "{\"amount\":%lld}",
                       strtoll(amount, NULL, 10) * *(const int *)context);
    return true;
}

static const weir_aggregate_class account_class = {
    .type = "account",
    .size = sizeof(account),
    .clear = clear,
    .apply = apply,
    .snapshot_schema = SCHEMA,
    .snapshot = snapshot,
    .restore = restore,
};

static int cents = 100;

const weir_plugin_info weir_plugin = {
    WEIR_PLUGIN_HEAD,
    .name = "bank",
    .aggregates = (const weir_aggregate_class *const[]){&account_class, NULL},
    .upcasters = (const weir_plugin_upcaster[]){{"account.deposited", 1, 2, to_cents, &cents}, {0}},
};
