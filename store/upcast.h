/* upcast: schema evolution. Old events keep the form in which they were stored; a chain of links
 * brings each to the latest form of its type when it is read.
 *
 * A link leads one event type from one schema version to a later one: a C function, or rules from a
 * YAML file of schemas.files (docs/schema_evolution.md). The end of a type's chain is its latest
 * known version. A type without links is weak schema: any version passes as it is.
 *
 * A registry is filled and checked by one thread; from then on it never changes, and any number of
 * threads may use it. What the rules do not touch keeps its exact text: no number is rounded. */
#ifndef WEIR_STORE_UPCAST_H
#define WEIR_STORE_UPCAST_H

#include "config/config.h"
#include "store/event.h"

typedef struct weir_upcasters weir_upcasters;
typedef struct weir_upcast_link weir_upcast_link;

/* weir_upcast_fn writes the new data of an event, which it gets in the form of the link's older
 * version: JSON text where the event has such, else bytes of its content type. It is called by
 * several threads at once and keeps nothing of the event. False with error filled (POISON) when the
 * data cannot be brought forward. */
typedef bool weir_upcast_fn(void *context, const weir_event *event, weir_buffer *data,
                            weir_error *error);

weir_upcasters *weir_upcasters_new(void);
void weir_upcasters_free(weir_upcasters *upcasters);

/* weir_upcasters_add adds a C function as the link of type from one version to a later one. CONFIG
 * when there is a link from that version already. context outlives the registry. */
WEIR_MUST_USE bool weir_upcasters_add(weir_upcasters *upcasters, const char *type, int32_t from,
                                      int32_t to, weir_upcast_fn *fn, void *context,
                                      weir_error *error);

/* weir_upcasters_load adds the rules of every file of schemas.files. CONFIG errors start with
 * "file:line:column: ". */
WEIR_MUST_USE bool weir_upcasters_load(weir_upcasters *upcasters, const weir_config *config,
                                       weir_error *error);

/* weir_upcasters_parse adds the rules in text, named file in errors. */
WEIR_MUST_USE bool weir_upcasters_parse(weir_upcasters *upcasters, const char *file,
                                        const char *text, size_t length, weir_error *error);

/* weir_upcasters_check refuses a chain with a link missing: one that ends before the type's latest
 * version. CONFIG. To be called once all links are there. */
WEIR_MUST_USE bool weir_upcasters_check(const weir_upcasters *upcasters, weir_error *error);

/* weir_upcasters_latest is the latest known version of a type; 0: it has no chain. */
int32_t weir_upcasters_latest(const weir_upcasters *upcasters, const char *type);

/* weir_upcasters_apply brings data, data_length and schema_version of an event to the latest
 * version; upcasters NULL: to what it is. The new data lies in scratch, a bounded buffer of the
 * caller's; an event that is current is left as it is. POISON, naming event, link and path: data
 * that a link cannot bring forward, a version newer than the latest known, one that no link leads
 * from, a result larger than scratch may be. */
WEIR_MUST_USE bool weir_upcasters_apply(const weir_upcasters *upcasters, weir_event *event,
                                        weir_buffer *scratch, weir_error *error);

/* The same step by step, for tools. weir_upcasters_next finds the link that the event is to take:
 * *link NULL when it is current. weir_upcast_link_apply takes it; found (may be NULL) has one
 * counter for each rule of the link, raised when the event has what the rule names. */
WEIR_MUST_USE bool weir_upcasters_next(const weir_upcasters *upcasters, const weir_event *event,
                                       const weir_upcast_link **link, weir_error *error);
WEIR_MUST_USE bool weir_upcast_link_apply(const weir_upcast_link *link, weir_event *event,
                                          weir_buffer *scratch, size_t *found, weir_error *error);

/* What there is, for tools: links ordered by type and version, from 0; NULL beyond the last. */
const weir_upcast_link *weir_upcasters_link(const weir_upcasters *upcasters, size_t index);

const char *weir_upcast_link_type(const weir_upcast_link *link);
int32_t weir_upcast_link_from(const weir_upcast_link *link);
int32_t weir_upcast_link_to(const weir_upcast_link *link);
const char *
weir_upcast_link_place(const weir_upcast_link *link);        /* "file:line"; NULL: C function */
size_t weir_upcast_link_rules(const weir_upcast_link *link); /* how many; 0 for a C function */

/* weir_upcast_link_rule describes one rule, "rename mail to email"; *path is what it looks for in
 * the data, NULL for a default. */
const char *weir_upcast_link_rule(const weir_upcast_link *link, size_t index, const char **path);

#endif
