/* Files that a setting names: patterns, relative to the config file's folder. A pattern that finds
 * no file is a mistake that would otherwise stay silent: it is refused. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static bool each_match(const weir_config *config, const char *name, const char *pattern,
                       weir_file_fn *fn, void *context, weir_error *error)
{
    const char *folder = weir_config_directory(config);
    bool as_is = *pattern == '/' || strcmp(folder, ".") == 0;
    char *path = as_is ? weir_strdup(pattern) : weir_format("%s/%s", folder, pattern);
    glob_t found = {0};
    int result = glob(path, 0, NULL, &found);
    bool ok = result == 0;
    if (result == GLOB_NOMATCH)
        weir_fail(error, WEIR_FATE_CONFIG, "%s: no file matches '%s'", name, path);
    else if (!ok)
        weir_fail(error, WEIR_FATE_CONFIG, "%s: '%s' cannot be read", name, path);
    for (size_t i = 0; ok && i < found.gl_pathc; i++)
        ok = fn(context, found.gl_pathv[i], error);
    globfree(&found);
    free(path);
    return ok;
}

bool weir_config_files(const weir_config *config, const char *name, weir_file_fn *fn, void *context,
                       weir_error *error)
{
    for (size_t i = 0; i < weir_config_count(config, name); i++)
        if (!each_match(config, name, weir_config_item(config, name, i), fn, context, error))
            return false;
    return true;
}
