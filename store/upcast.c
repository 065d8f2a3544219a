/* The registry of upcasters: chains by event type, and an event's way along its chain.
 *
 * Invariant: the links of a chain are ordered by the version they lead from, and no two lead from
 * one. An event that is current costs one lookup. It must never guess: a version that the chain
 * does not know, older or newer, is the event's error. */
#include "store/upcast.h"

#include <stdlib.h>
#include <string.h>

#include "store/codec.h"
#include "store/upcast_int.h"

typedef struct chain {
    char *type;
    weir_upcast_link **links;
    size_t count;
    int32_t latest;
    UT_hash_handle hh;
} chain;

struct weir_upcasters {
    chain *chains; /* a hash, kept in the order of types */
};

weir_upcasters *weir_upcasters_new(void)
{
    return weir_calloc(1, sizeof(weir_upcasters));
}

void weir_upcast_link_free(weir_upcast_link *link)
{
    for (size_t i = 0; i < link->rule_count; i++) {
        weir_rule *rule = &link->rules[i];
        weir_path_free(&rule->path);
        weir_path_free(&rule->target);
        free(rule->key);
        free(rule->value);
        free(rule->text);
    }
    free(link->rules);
    free(link->type);
    free(link->place);
    free(link);
}

void weir_upcasters_free(weir_upcasters *upcasters)
{
    chain *at, *next;
    if (!upcasters)
        return;
    HASH_ITER(hh, upcasters->chains, at, next)
    {
        HASH_DEL(upcasters->chains, at);
        for (size_t i = 0; i < at->count; i++)
            weir_upcast_link_free(at->links[i]);
        free(at->links);
        free(at->type);
        free(at);
    }
    free(upcasters);
}

static chain *find_chain(const weir_upcasters *upcasters, const char *type)
{
    chain *found = NULL;
    if (upcasters)
        HASH_FIND_STR(upcasters->chains, type, found);
    return found;
}

static int by_type(const chain *a, const chain *b)
{
    return strcmp(a->type, b->type);
}

static chain *make_chain(weir_upcasters *upcasters, const char *type)
{
    chain *made = find_chain(upcasters, type);
    if (made)
        return made;
    made = weir_calloc(1, sizeof *made);
    made->type = weir_strdup(type);
    HASH_ADD_KEYPTR(hh, upcasters->chains, made->type, strlen(made->type), made);
    HASH_SORT(upcasters->chains, by_type);
    return made;
}

static weir_upcast_link *find_link(const chain *in, int32_t from)
{
    size_t low = 0, high = in->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in->links[middle]->from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < in->count && in->links[low]->from == from ? in->links[low] : NULL;
}

bool weir_upcasters_take(weir_upcasters *upcasters, weir_upcast_link *link, const char *where,
                         weir_error *error)
{
    chain *to = make_chain(upcasters, link->type);
    const weir_upcast_link *other = find_link(to, link->from);
    if (other) {
        weir_fail(error, WEIR_FATE_CONFIG,
                  "%s: a second link of %s from version %d; the first, to %d, is %s", where,
                  link->type, (int)link->from, (int)other->to,
                  other->place ? other->place : "a C function");
        weir_upcast_link_free(link);
        return false;
    }
    to->links = weir_realloc(to->links, (to->count + 1) * sizeof *to->links);
    size_t at = to->count++;
    for (; at > 0 && to->links[at - 1]->from > link->from; at--)
        to->links[at] = to->links[at - 1];
    to->links[at] = link;
    if (link->to > to->latest)
        to->latest = link->to;
    return true;
}

bool weir_upcasters_add(weir_upcasters *upcasters, const char *type, int32_t from, int32_t to,
                        weir_upcast_fn *fn, void *context, weir_error *error)
{
    char where[] = "upcaster in C";
    if (!*type || from < 1 || to <= from)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s: '%s' from version %d to %d: an event type, and two versions from 1 "
                         "that rise, are needed",
                         where, type, (int)from, (int)to);
    weir_upcast_link *link = weir_calloc(1, sizeof *link);
    *link = (weir_upcast_link){
        .type = weir_strdup(type), .from = from, .to = to, .fn = fn, .context = context};
    return weir_upcasters_take(upcasters, link, where, error);
}

bool weir_upcasters_check(const weir_upcasters *upcasters, weir_error *error)
{
    for (const chain *at = upcasters->chains; at; at = at->hh.next)
        for (size_t i = 0; i < at->count; i++) {
            const weir_upcast_link *link = at->links[i];
            if (link->to == at->latest || find_link(at, link->to))
                continue;
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "%s: the link of %s from version %d to %d leads nowhere: none goes on "
                             "from %d, and %d is the latest version",
                             link->place ? link->place : "upcaster in C", at->type, (int)link->from,
                             (int)link->to, (int)link->to, (int)at->latest);
        }
    return true;
}

int32_t weir_upcasters_latest(const weir_upcasters *upcasters, const char *type)
{
    const chain *found = find_chain(upcasters, type);
    return found ? found->latest : 0;
}

bool weir_upcasters_next(const weir_upcasters *upcasters, const weir_event *event,
                         const weir_upcast_link **link, weir_error *error)
{
    const chain *found = find_chain(upcasters, event->type);
    *link = NULL;
    if (!found || event->schema_version == found->latest)
        return true;
    if (event->schema_version > found->latest)
        return weir_fail(error, WEIR_FATE_POISON,
                         "schema version %d of %s is newer than %d, the latest known here: add the "
                         "link that leads to it, or upgrade this program first",
                         (int)event->schema_version, event->type, (int)found->latest);
    *link = find_link(found, event->schema_version);
    return *link || weir_fail(error, WEIR_FATE_POISON,
                              "schema version %d of %s is older than %d, the latest, and no link "
                              "leads from it: add one",
                              (int)event->schema_version, event->type, (int)found->latest);
}

/* The rules' work on msgpack, by way of JSON. */
static bool transform_msgpack(const weir_upcast_link *link, const weir_event *event, size_t *found,
                              weir_buffer *out, weir_error *error)
{
    weir_buffer before = WEIR_BUFFER(weir_msgpack_json_limit(event->data_length));
    weir_buffer after = WEIR_BUFFER(out->limit);
    bool ok = weir_msgpack_to_json(event->data, event->data_length, &before, error) &&
              weir_rules_apply(link->rules, link->rule_count, before.data, before.length, found,
                               &after, error);
    out->overflow = after.overflow;
    ok = ok && (after.overflow || weir_json_to_msgpack(after.data, after.length, out, error));
    weir_buffer_free(&before);
    weir_buffer_free(&after);
    return ok;
}

static bool transform_by_rules(const weir_upcast_link *link, const weir_event *event, size_t *found,
                               weir_buffer *out, weir_error *error)
{
    if (!event->binary || link->rule_count == 0)
        return weir_rules_apply(link->rules, link->rule_count, event->data, event->data_length,
                                found, out, error);
    if (weir_is_msgpack(event->content_type))
        return transform_msgpack(link, event, found, out, error);
    return weir_fail(error, WEIR_FATE_POISON,
                     "its data is %s, and rules need JSON or msgpack: use a C function",
                     event->content_type);
}

/* Carries out the link's work on the data alone. */
static bool transform(const weir_upcast_link *link, const weir_event *event, size_t *found,
                      weir_buffer *out, weir_error *error)
{
    if (!link->fn)
        return transform_by_rules(link, event, found, out, error);
    weir_error_clear(error);
    if (!link->fn(link->context, event, out, error))
        return error->fate != WEIR_FATE_NONE
                   ? false
                   : weir_fail(error, WEIR_FATE_POISON, "the function failed without a reason");
    return out->overflow || event->binary ||
           (out->length ? weir_json_check(out->data, out->length, error)
                        : weir_fail(error, WEIR_FATE_POISON, "the function wrote no data"));
}

bool weir_upcast_link_apply(const weir_upcast_link *link, weir_event *event, weir_buffer *scratch,
                            size_t *found, weir_error *error)
{
    weir_buffer out = WEIR_BUFFER(scratch->limit);
    bool ok = transform(link, event, found, &out, error);
    if (ok && out.overflow)
        ok = weir_fail(error, WEIR_FATE_POISON, "the result is larger than %zu bytes", out.limit);
    if (!ok) {
        weir_buffer_free(&out);
        return weir_error_prefix(error, "upcasting %s from schema version %d to %d", link->type,
                                 (int)link->from, (int)link->to);
    }
    if (!out.data)
        weir_buffer_text(&out, "");
    weir_buffer_free(scratch); /* the event's data until now, perhaps */
    *scratch = out;
    event->data = out.data;
    event->data_length = out.length;
    event->schema_version = link->to;
    return true;
}

static bool name_event(const weir_event *event, weir_error *error)
{
    return weir_error_prefix(error, "event %lld (%s, %s/%s version %lld)",
                             (long long)event->position, event->type, event->aggregate_type,
                             event->aggregate_id, (long long)event->version);
}

bool weir_upcasters_apply(const weir_upcasters *upcasters, weir_event *event, weir_buffer *scratch,
                          weir_error *error)
{
    const weir_upcast_link *link = NULL;
    do {
        if (!weir_upcasters_next(upcasters, event, &link, error) ||
            (link && !weir_upcast_link_apply(link, event, scratch, NULL, error)))
            return name_event(event, error);
    } while (link);
    return true;
}

const weir_upcast_link *weir_upcasters_link(const weir_upcasters *upcasters, size_t index)
{
    for (const chain *at = upcasters->chains; at; at = at->hh.next) {
        if (index < at->count)
            return at->links[index];
        index -= at->count;
    }
    return NULL;
}

const char *weir_upcast_link_type(const weir_upcast_link *link)
{
    return link->type;
}

int32_t weir_upcast_link_from(const weir_upcast_link *link)
{
    return link->from;
}

int32_t weir_upcast_link_to(const weir_upcast_link *link)
{
    return link->to;
}

const char *weir_upcast_link_place(const weir_upcast_link *link)
{
    return link->place;
}

size_t weir_upcast_link_rules(const weir_upcast_link *link)
{
    return link->rule_count;
}

const char *weir_upcast_link_rule(const weir_upcast_link *link, size_t index, const char **path)
{
    const weir_rule *rule = &link->rules[index];
    *path = rule->operation == WEIR_DEFAULT ? NULL : rule->path.text;
    return rule->text;
}
