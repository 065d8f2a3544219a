/* A config file in a folder of its own, so that messages name it plainly; and a clean environment.
 * For the tests of config/. */
#ifndef WEIR_TESTS_CONFIG_FIXTURE_H
#define WEIR_TESTS_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

static char fixture_folder[] = "/tmp/weir-config-XXXXXX";

static inline void write_bytes(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static inline void write_config(const char *yaml)
{
    write_bytes("weir.yaml", yaml, strlen(yaml));
}

static inline int enter_folder(void **state)
{
    (void)state;
    extern char **environ;
    for (char **entry = environ; *entry;) {
        char *name = weir_strndup(*entry, strcspn(*entry, "="));
        bool ours = strncmp(name, "WEIR_", 5) == 0;
        if (ours)
            unsetenv(name);
        else
            entry++;
        free(name);
    }
    return mkdtemp(fixture_folder) && chdir(fixture_folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state)
{
    (void)state;
    unlink("weir.yaml");
    return chdir("/") == 0 && rmdir(fixture_folder) == 0 ? 0 : -1;
}

/* must_load loads yaml and one override (or NULL). */
static inline weir_config *must_load(const char *yaml, const char *override)
{
    weir_error error;
    write_config(yaml);
    weir_config *config = weir_config_load(NULL, &override, override ? 1 : 0, &error);
    if (!config)
        fail_msg("%s", error.message);
    return config;
}

static inline void expect_error(const char *yaml, const char *override, const char *message)
{
    weir_error error;
    write_config(yaml);
    weir_config *config = weir_config_load(NULL, &override, override ? 1 : 0, &error);
    if (config)
        fail_msg("taken: %s", yaml);
    assert_string_equal(error.message, message);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_int_equal(error.code, WEIR_INVALID);
}

#endif
