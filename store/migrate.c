/* Migrations: numbered, checksummed, forward only, one at a time under an advisory lock.
 *
 * Each runs in a transaction of its own together with the row that records it, so that a death in
 * the middle leaves nothing half done. A recorded migration that this program has otherwise, or
 * does not have, is refused: then the program and the schema are not of one lineage. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sql_int.h"
#include "store/store_int.h"

#define PREFIX "migrations/"
#define CHECKSUM_TEXT (2 * SHA256_DIGEST_LENGTH + 1)

/* The next migration of this program from *at on, NULL at the end. Names sort by number. */
static const weir_sql *next_migration(const weir_sql *at)
{
    while (at->name && strncmp(at->name, PREFIX, strlen(PREFIX)) != 0)
        at++;
    return at->name ? at : NULL;
}

static void checksum(const char *text, char out[CHECKSUM_TEXT])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* Compares what is recorded with what this program has. *pending is the first that is not applied
 * yet, NULL when none is left. */
static bool compare(const weir_result *applied, const weir_sql **pending, weir_error *error)
{
    const weir_sql *own = next_migration(weir_sql_embedded);
    for (int row = 0; row < weir_result_rows(applied); row++, own = next_migration(own + 1)) {
        const char *name = weir_result_value(applied, row, 1);
        char sum[CHECKSUM_TEXT];
        if (!own)
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "the store is newer than this program: it has migration %s, which "
                             "weir %s does not know. Install the newer weir",
                             name, weir_version());
        checksum(own->text, sum);
        if (strcmp(name, own->name + strlen(PREFIX)) != 0 ||
            strcmp(sum, weir_result_value(applied, row, 2)) != 0)
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "migration %s of the store differs from %s of this program: they are "
                             "not of one lineage; nothing was changed",
                             name, own->name + strlen(PREFIX));
    }
    *pending = own;
    return true;
}

static bool find_pending(weir_connection *connection, const weir_sql **pending, weir_error *error)
{
    weir_result *applied = weir_connection_query(connection, "migrations", NULL, 0, error);
    if (!applied)
        return false;
    bool ok = compare(applied, pending, error);
    weir_result_free(applied);
    return ok;
}

bool weir_migrations_check(weir_connection *connection, weir_error *error)
{
    const weir_sql *pending;
    if (!find_pending(connection, &pending, error)) {
        if (strcmp(error->sqlstate, "42P01") == 0 || strcmp(error->sqlstate, "3F000") == 0)
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "there is no store in schema %s of this database: run `weir migrate`",
                             weir_connection_schema(connection));
        return false;
    }
    if (pending)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "the store is older than this program (%s is missing): run `weir migrate`",
                         pending->name + strlen(PREFIX));
    return true;
}

static bool execute(weir_connection *connection, const char *sql, weir_error *error)
{
    char *rendered = weir_sql_render(sql, weir_connection_schema(connection));
    bool ok = weir_connection_execute(connection, rendered, error);
    free(rendered);
    return ok;
}

static bool record(weir_connection *connection, const weir_sql *migration, weir_error *error)
{
    const char *name = migration->name + strlen(PREFIX);
    char number[16], sum[CHECKSUM_TEXT];
    snprintf(number, sizeof number, "%d", atoi(name));
    checksum(migration->text, sum);
    weir_param params[] = {WEIR_PARAM_TEXT(number), WEIR_PARAM_TEXT(name), WEIR_PARAM_TEXT(sum)};
    weir_result *result = weir_connection_query(connection, "migration_record", params, 3, error);
    weir_result_free(result);
    return result != NULL;
}

static bool apply(weir_connection *connection, const weir_sql *migration, weir_error *error)
{
    weir_error ignored;
    if (weir_connection_execute(connection, "BEGIN", error) &&
        execute(connection, migration->text, error) && record(connection, migration, error) &&
        weir_connection_execute(connection, "COMMIT", error))
        return true;
    if (weir_connection_alive(connection))
        (void)!weir_connection_execute(connection, "ROLLBACK", &ignored);
    return weir_error_prefix(error, "migration %s", migration->name + strlen(PREFIX));
}

/* Roles are created where that is permitted; who may not gets the statements to hand on. */
static bool roles_present(weir_connection *connection, bool *all, bool *owner, weir_error *error)
{
    weir_param schema = WEIR_PARAM_TEXT(weir_connection_schema(connection));
    weir_result *result = weir_connection_query(connection, "roles_present", &schema, 1, error);
    if (!result)
        return false;
    *all = weir_result_integer(result, 0, 0) == 6;
    *owner = weir_result_bool(result, 0, 1);
    weir_result_free(result);
    return true;
}

static bool try_script(weir_connection *connection, const char *name, weir_buffer *statements,
                       weir_error *error)
{
    const char *script = weir_sql_find(name);
    if (execute(connection, script, error))
        return true;
    if (strcmp(error->sqlstate, "42501") != 0) /* insufficient privilege */
        return weir_error_prefix(error, "%s", name);
    char *rendered = weir_sql_render(script, weir_connection_schema(connection));
    weir_buffer_text(statements, rendered);
    free(rendered);
    return true;
}

static bool begin(weir_connection *connection, bool as_owner, weir_error *error)
{
    const char *schema = weir_connection_schema(connection);
    char *sql;
    if (as_owner) {
        sql = weir_format("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %%I TO %s_owner', "
                          "current_database()); END $$;"
                          "CREATE SCHEMA IF NOT EXISTS %s; ALTER SCHEMA %s OWNER TO %s_owner;"
                          "SET ROLE %s_owner",
                          schema, schema, schema, schema, schema);
    } else {
        sql = weir_format("CREATE SCHEMA IF NOT EXISTS %s", schema);
    }
    bool ok = weir_connection_execute(connection, sql, error) &&
              execute(connection, weir_sql_find("admin/migrations"), error);
    free(sql);
    return ok;
}

static bool create_identity(weir_connection *connection, const weir_param limits[2],
                            weir_error *error)
{
    weir_result *free_number =
        weir_connection_query(connection, "store_number_free", NULL, 0, error);
    if (!free_number)
        return false;
    const char *number = weir_result_value(free_number, 0, 0);
    weir_param params[] = {WEIR_PARAM_TEXT(number), limits[0], limits[1]};
    weir_result *created = weir_connection_query(connection, "store_create", params, 3, error);
    char *comment = weir_format("COMMENT ON SCHEMA %s IS 'weir store number %s'",
                                weir_connection_schema(connection), number);
    bool ok = created && weir_connection_execute(connection, comment, error);
    free(comment);
    weir_result_free(created);
    weir_result_free(free_number);
    return ok;
}

/* The identity row and the limits: made once, then kept as configured. */
static bool settle(weir_connection *connection, const weir_config *config, weir_error *error)
{
    char bytes[24], idle[24];
    weir_param limits[] = {
        weir_param_integer(weir_config_integer(config, "store.max_event_bytes"), bytes),
        weir_param_integer(weir_config_integer(config, "store.append_idle_timeout_ms"), idle)};
    weir_result *identity = weir_connection_query(connection, "store_identity", NULL, 0, error);
    if (!identity)
        return false;
    bool exists = weir_result_rows(identity) == 1;
    weir_result_free(identity);
    if (!exists)
        return create_identity(connection, limits, error);
    weir_result *updated = weir_connection_query(connection, "store_limits", limits, 2, error);
    weir_result_free(updated);
    return updated != NULL;
}

/* The owner and the rights of everything in the schema are about to change, and its name is about
 * to stand in every statement. */
static bool check_schema(weir_connection *connection, weir_error *error)
{
    const char *schema = weir_connection_schema(connection);
    weir_param param = WEIR_PARAM_TEXT(schema);
    weir_result *found = weir_connection_query(connection, "schema_usable", &param, 1, error);
    if (!found)
        return false;
    bool plain = weir_result_bool(found, 0, 0), others = weir_result_bool(found, 0, 1);
    weir_result_free(found);
    if (!plain)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "store.schema: '%s' is a word of SQL; choose another name", schema);
    return !others || weir_fail(error, WEIR_FATE_CONFIG,
                                "schema %s exists and has other things than a store in it; choose "
                                "another store.schema",
                                schema);
}

static bool migrate(weir_connection *connection, const weir_config *config, int *applied,
                    weir_buffer *statements, weir_error *error)
{
    bool all = false, owner = false;
    const weir_sql *pending = NULL;
    if (!weir_connection_execute(connection, "SELECT pg_advisory_lock(0, 1)", error) ||
        !check_schema(connection, error) ||
        !try_script(connection, "admin/roles", statements, error) ||
        !roles_present(connection, &all, &owner, error) ||
        !begin(connection, all && owner, error) || !find_pending(connection, &pending, error))
        return false;
    for (; pending; pending = next_migration(pending + 1), ++*applied)
        if (!apply(connection, pending, error))
            return false;
    if (!settle(connection, config, error) ||
        !weir_connection_execute(connection, "RESET ROLE", error))
        return false;
    return !all || try_script(connection, "admin/grants", statements, error);
}

bool weir_store_migrate(const weir_config *config, weir_stop *stop, int *applied,
                        weir_buffer *statements, weir_error *error)
{
    weir_connection_options options = {weir_config_text(config, "store.conninfo"),
                                       weir_config_text(config, "store.schema"), "weir migrate",
                                       stop};
    *applied = 0;
    weir_connection *connection = weir_connection_open(&options, error);
    bool ok = connection && migrate(connection, config, applied, statements, error);
    weir_connection_close(connection);
    return ok;
}
