/* executors: command handlers of plug-ins (store/plugin_command.h) as subscriptions. Each batch of
 * requests is one transaction: the streams of their aggregates are read, the plug-in's code raises
 * events in a process of its own, and weir.append_many takes them at the versions that were read,
 * with the checkpoint. docs/commands.md is the manual. */
#ifndef WEIR_PROJECTIONS_EXECUTOR_H
#define WEIR_PROJECTIONS_EXECUTOR_H

#include "consumer/consumer.h"
#include "store/plugin_command.h"

typedef struct weir_executor weir_executor;

typedef struct weir_executors {
    weir_executor **items;
    size_t count;
} weir_executors;

/* weir_executors_load finds the command handlers in every plug-in of `plugins.files`; CONFIG, among
 * others for two of one name or for one aggregate type. Their processes are of this program, whose
 * main knows WEIR_PLUGIN_HOST. */
WEIR_MUST_USE bool weir_executors_load(const weir_config *config, weir_executors *executors,
                                       weir_error *error);
void weir_executors_free(weir_executors *executors);

const char *weir_executor_name(const weir_executor *executor);
const char *weir_executor_file(const weir_executor *executor);         /* "shop.so(payments)" */
const char *const *weir_executor_types(const weir_executor *executor); /* NULL-terminated */

/* weir_executor_handler makes the handler that executes; owned by the executor. The events of
 * aggregates come to the code in the latest form that upcasters (may be NULL) know; both outlive
 * it. */
weir_handler *weir_executor_handler(weir_executor *executor, const weir_config *config,
                                    const weir_upcasters *upcasters);

#endif
