/* What a plug-in gives to weir: a shared object with one symbol, weir_plugin, that names its
 * aggregates, its upcasters, its handlers, its sagas and its command handlers.
 *
 *     const weir_plugin_info weir_plugin = {
 *         WEIR_PLUGIN_HEAD,
 *         .name = "shop",
 *         .aggregates = (const weir_aggregate_class *const[]){&account_class, NULL},
 *     };
 *
 * It includes the installed headers and links nothing: the functions of libweir are the program's
 * own, so that log, metrics and everything else exist once. Classes and upcasters are called by
 * several threads at once, never on one state; handlers of both kinds run in processes of their
 * own. docs/plugins.md says how to build one.
 *
 * The interface is a number and the sizes of the records that cross it: a plug-in built for another
 * one is refused, never tried. */
#ifndef WEIR_STORE_PLUGIN_H
#define WEIR_STORE_PLUGIN_H

#include "store/aggregate.h"
#include "store/plugin_command.h"
#include "store/plugin_handler.h"
#include "store/saga_definition.h"
#include "store/upcast.h"

#define WEIR_PLUGIN_MAGIC 0x57454952u /* "WEIR" */

/* Raised when a record or a function that plug-ins use changes its meaning or its form. Members
 * added at the end of weir_plugin_info do not: an older plug-in has zeroes there. */
#define WEIR_PLUGIN_INTERFACE 1

/* An upcaster in C: the link of an event type from one schema version to a later one. */
typedef struct weir_plugin_upcaster {
    const char *type; /* event type */
    int32_t from, to;
    weir_upcast_fn *fn;
    void *context; /* handed to fn */
} weir_plugin_upcaster;

typedef struct weir_plugin_info {
    uint32_t magic;
    uint32_t interface;
    uint32_t size;     /* of this record, as the plug-in knows it */
    uint32_t sizes[5]; /* of the records that cross the interface, as the plug-in knows them */
    const char *name;  /* for messages and `weir plugin list` */
    const weir_aggregate_class *const *aggregates; /* ends with NULL; NULL: none */
    const weir_plugin_upcaster *upcasters;         /* ends with a NULL type; NULL: none */
    uint32_t handler_sizes[3]; /* as sizes; zeroes in a plug-in that is older than handlers */
    const weir_plugin_handler *const *handlers; /* ends with NULL; NULL: none */
    const weir_saga_definition *const *sagas;   /* ends with NULL; NULL: none */
    const weir_plugin_command *const *commands; /* ends with NULL; NULL: none */
    uint32_t command_size; /* of weir_plugin_command; zero in a plug-in that is older than it */
} weir_plugin_info;

/* What every plug-in begins with. */
#define WEIR_PLUGIN_HEAD                                                                           \
    .magic = WEIR_PLUGIN_MAGIC, .interface = WEIR_PLUGIN_INTERFACE,                                \
    .size = (uint32_t)sizeof(weir_plugin_info), .sizes = WEIR_PLUGIN_SIZES,                        \
    .handler_sizes = WEIR_PLUGIN_HANDLER_SIZES,                                                    \
    .command_size = (uint32_t)sizeof(weir_plugin_command)

#define WEIR_PLUGIN_SIZES                                                                          \
    {                                                                                              \
        (uint32_t)sizeof(weir_error), (uint32_t)sizeof(weir_buffer), (uint32_t)sizeof(weir_event), \
            (uint32_t)sizeof(weir_aggregate_class), (uint32_t)sizeof(weir_plugin_upcaster)         \
    }

#define WEIR_PLUGIN_HANDLER_SIZES                                                                  \
    {                                                                                              \
        (uint32_t)sizeof(weir_plugin_handler), (uint32_t)sizeof(weir_param),                       \
            (uint32_t)sizeof(weir_rows)                                                            \
    }

/* The one symbol. */
extern const weir_plugin_info weir_plugin __attribute__((visibility("default")));

#endif
