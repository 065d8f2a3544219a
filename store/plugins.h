/* The plug-ins that the configuration names, loaded and checked. What is loaded stays in the
 * process: the functions may be used until its end. Filled by one thread, then read by any. */
#ifndef WEIR_STORE_PLUGINS_H
#define WEIR_STORE_PLUGINS_H

#include "config/config.h"
#include "store/plugin.h"

typedef struct weir_plugins weir_plugins;

/* weir_plugins_load loads every file of plugins.files. NULL with CONFIG, naming the file and the
 * way out: one that cannot be loaded, is no plug-in, was built for another interface, is
 * incomplete, or has an aggregate type that another one has already. */
weir_plugins *weir_plugins_load(const weir_config *config, weir_error *error);

/* weir_plugins_open loads one file, as load does. */
weir_plugins *weir_plugins_open(const char *file, weir_error *error);
void weir_plugins_free(weir_plugins *plugins);

/* What there is, from 0; NULL beyond the last. *file is where it came from. */
const weir_plugin_info *weir_plugins_at(const weir_plugins *plugins, size_t index,
                                        const char **file);

/* weir_plugins_class finds the class of an aggregate type; NULL with CONFIG saying which are known.
 */
const weir_aggregate_class *weir_plugins_class(const weir_plugins *plugins, const char *type,
                                               weir_error *error);

/* weir_plugins_upcasters adds the upcasters of all plug-ins to a registry. CONFIG names the file.
 */
WEIR_MUST_USE bool weir_plugins_upcasters(const weir_plugins *plugins, weir_upcasters *upcasters,
                                          weir_error *error);

#endif
