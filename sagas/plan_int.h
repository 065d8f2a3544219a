/* A saga's definition, read and checked: the plan that its instances follow. Immutable once made;
 * any thread. */
#ifndef WEIR_SAGAS_PLAN_INT_H
#define WEIR_SAGAS_PLAN_INT_H

#include "base/base.h"
#include "store/saga_definition.h"

#define WEIR_SAGA_STEPS_MOST 100

/* One request and its answers; request NULL: nothing is asked. */
typedef struct weir_saga_act {
    const char *request, *data;
    const char *const *success, *const *failure, *const *retry_on; /* NULL-terminated */
    const char *key;
    int64_t timeout_ms; /* 0: none */
    int64_t backoff_ms;
    int64_t retries;
} weir_saga_act;

typedef struct weir_saga_stage {
    const char *name;
    weir_saga_act go, undo;
} weir_saga_stage;

typedef struct weir_saga_plan {
    const char *name, *file;
    int64_t version;
    const char *const *from, *const *start, *const *abort; /* NULL-terminated */
    const char *start_key, *key;
    weir_saga_stage *stages;
    size_t count;
    const char *json; /* the definition as it is recorded */
    weir_arena *arena;
} weir_saga_plan;

/* weir_saga_plan_open reads a file, weir_saga_plan_parse the text of one, or a recorded definition;
 * weir_saga_plan_of_table a table in C, which comes from where file says. NULL: CONFIG, with the
 * place. Free with weir_saga_plan_free; NULL is fine. */
weir_saga_plan *weir_saga_plan_open(const char *path, weir_error *error);
weir_saga_plan *weir_saga_plan_parse(const char *path, const char *text, size_t length,
                                     weir_error *error);
weir_saga_plan *weir_saga_plan_of_table(const weir_saga_definition *definition, const char *file,
                                        weir_error *error);
void weir_saga_plan_free(weir_saga_plan *plan);

/* What an event type means to a plan. */
typedef enum weir_saga_meaning {
    WEIR_SAGA_NOTHING,
    WEIR_SAGA_START,
    WEIR_SAGA_ABORT,
    WEIR_SAGA_SUCCESS,
    WEIR_SAGA_FAILURE,
    WEIR_SAGA_RETRY_ON,
} weir_saga_meaning;

typedef struct weir_saga_role {
    weir_saga_meaning meaning;
    size_t stage; /* of an answer */
    bool undo;    /* an answer to its compensation */
    const char *key;
} weir_saga_role;

weir_saga_role weir_saga_plan_role(const weir_saga_plan *plan, const char *event_type);

/* weir_saga_plan_stage finds a step by name; plan->count: there is none. */
size_t weir_saga_plan_stage(const weir_saga_plan *plan, const char *name, size_t length);

#endif
