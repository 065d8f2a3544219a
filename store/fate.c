/* From SQLSTATE to fate, as one table: whole codes first, then classes.
 *
 * RETRY is for what passes by itself with time: connections, serialization, locks, resources,
 * operators stopping and starting things. POISON is for what this input will always do. CONFIG is
 * for what a person must change: missing tables, columns, rights, syntax. What is not listed is
 * POISON: an unknown refusal must not be retried for ever, and must not pass unseen. */
#include "store/fate.h"

#include <string.h>

static const struct {
    const char *prefix;
    weir_fate fate;
} fates[] = {
    {"WV001", WEIR_FATE_CONFLICT}, /* expected version */
    {"WV004", WEIR_FATE_CONFIG},   /* append-only */
    {"WV005", WEIR_FATE_CONFIG},   /* isolation level or standby */
    {"WV006", WEIR_FATE_CONFLICT}, /* closed by a tombstone */
    {"WV007", WEIR_FATE_CONFIG},   /* events cannot be split or rewritten so */
    {"WV010", WEIR_FATE_CONFLICT}, /* checkpoint moved by somebody else */
    {"WV013", WEIR_FATE_CONFIG},   /* waiting in the transaction that appended */
    {"WV015", WEIR_FATE_CONFIG},   /* waiting for what is stopped or paused */
    {"WV016", WEIR_FATE_RETRY},    /* waited too long */
    {"WV017", WEIR_FATE_CONFIG},   /* another source than before */
    {"WV", WEIR_FATE_POISON},      {"25006", WEIR_FATE_RETRY}, /* read-only transaction: a failover
                                                                  in progress */
    {"55P03", WEIR_FATE_RETRY},                                /* lock not available */
    {"55006", WEIR_FATE_RETRY},                                /* object in use */
    {"25P03", WEIR_FATE_RETRY},                                /* idle-in-transaction timeout */
    {"26000", WEIR_FATE_RETRY}, /* prepared statement gone: a pooler swapped the session */
    {"42P05", WEIR_FATE_RETRY}, /* prepared statement exists: likewise */
    {"0A000", WEIR_FATE_CONFIG},   {"08", WEIR_FATE_RETRY},    {"40", WEIR_FATE_RETRY},
    {"53", WEIR_FATE_RETRY},       {"57", WEIR_FATE_RETRY}, /* cancelled, shutting down, starting up
                                                             */
    {"58", WEIR_FATE_RETRY},       {"28", WEIR_FATE_CONFIG},   {"3D", WEIR_FATE_CONFIG},
    {"3F", WEIR_FATE_CONFIG},      {"42", WEIR_FATE_CONFIG},   {"XX", WEIR_FATE_FATAL},
};

weir_fate weir_sqlstate_fate(const char *sqlstate)
{
    if (sqlstate[0] == '\0')
        return WEIR_FATE_RETRY;
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        if (strncmp(sqlstate, fates[i].prefix, strlen(fates[i].prefix)) == 0)
            return fates[i].fate;
    return WEIR_FATE_POISON;
}
