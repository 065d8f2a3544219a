/* One batch of an import: collected, sent, retried, counted. */
#ifndef WEIR_APP_IMPORT_INT_H
#define WEIR_APP_IMPORT_INT_H

#include "app/session.h"
#include "store/cloudevent.h"

#define WEIR_IMPORT_BATCH 500

typedef struct weir_importer {
    weir_session *session;
    const char *name;           /* of the file, for errors */
    const char *aggregate_type; /* for lines without one; may be NULL */
    weir_store *store;          /* NULL: lost, or a dry run */
    weir_arena *arena;          /* the batch's lines and what they were read into */
    size_t bytes;               /* of the batch's lines */
    size_t count;
    weir_cloudevent events[WEIR_IMPORT_BATCH];
    int64_t lines[WEIR_IMPORT_BATCH]; /* their numbers in the file */
    int64_t read, sent, added;        /* events so far; added: that were new */
} weir_importer;

void weir_importer_open(weir_importer *importer, weir_session *session, const char *name,
                        const char *aggregate_type);
void weir_importer_close(weir_importer *importer);
WEIR_MUST_USE bool weir_importer_connect(weir_importer *importer, weir_error *error);

/* weir_importer_full: the batch must be sent before a line of that length is added. */
bool weir_importer_full(const weir_importer *importer, size_t length);

/* weir_importer_add reads a line into the batch. POISON says what is wrong with it. */
WEIR_MUST_USE bool weir_importer_add(weir_importer *importer, const char *line, size_t length,
                                     int64_t number, weir_error *error);

/* weir_importer_send stores the batch in one transaction, retrying what passes by itself; errors
 * begin with file:line where an event is at fault. */
WEIR_MUST_USE bool weir_importer_send(weir_importer *importer, weir_error *error);

/* weir_importer_drop forgets the batch. */
void weir_importer_drop(weir_importer *importer);

#endif
