/* Files of upcasting rules: per event type a list of links, each with the operations that lead from
 * one schema version to the next. Everything that can be known to be wrong without an event is
 * refused here, with its place. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "store/upcast_int.h"

static const char *const kind_names[] = {"text", "integer", "number", "boolean"};

/* The keys of a link: its versions, then weir_operation_names. */
static const char *const version_names[] = {"from", "to"};
#define VERSIONS 2
#define KEYS (VERSIONS + WEIR_OPERATIONS)

/* One link while it is read. */
typedef struct draft {
    const char *type;
    const weir_yaml_node *keys[KEYS], *values[KEYS]; /* NULL: not there */
    weir_operation operation;                        /* whose pairs are being read */
    weir_upcast_link *link;
    const weir_yaml_node **places; /* of each rule */
} draft;

typedef struct file {
    const char *path;
    weir_upcasters *upcasters;
} file;

static const char *key_name(size_t key)
{
    return key < VERSIONS ? version_names[key] : weir_operation_names[key - VERSIONS];
}

static bool collect_key(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                        const weir_yaml_node *value, weir_error *error)
{
    draft *in = context;
    weir_suggestion near = {.word = weir_yaml_text(key)};
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(key_name(i), near.word) == 0) {
            in->keys[i] = key;
            in->values[i] = value;
            return true;
        }
        weir_suggest_offer(&near, key_name(i));
    }
    weir_yaml_fail(yaml, key, error, "unknown key '%s' in a link of '%s'", near.word, in->type);
    return weir_suggest_end(&near, error);
}

static bool read_version(weir_yaml *yaml, const draft *in, const weir_yaml_node *link, size_t key,
                         int32_t *version, weir_error *error)
{
    char *end;
    const weir_yaml_node *node = in->values[key];
    if (!node)
        return weir_yaml_fail(yaml, link, error, "a link of '%s' lacks '%s', a schema version",
                              in->type, key_name(key));
    if (!weir_yaml_expect(yaml, node, WEIR_YAML_SCALAR, key_name(key), error))
        return false;
    errno = 0;
    long value = strtol(weir_yaml_text(node), &end, 10);
    *version = (int32_t)value;
    if (errno || *end || end == weir_yaml_text(node) || value < 1 || value > INT32_MAX)
        return weir_yaml_fail(yaml, node, error, "%s must be a whole number from 1, not '%s'",
                              key_name(key), weir_yaml_text(node));
    return true;
}

static bool read_path(weir_yaml *yaml, const weir_yaml_node *node, bool may_end_each,
                      weir_path *path, weir_error *error)
{
    const char *why = weir_path_parse(weir_yaml_text(node), path);
    if (!why && !may_end_each && path->steps[path->count - 1].each)
        why = "must end with a name: [] at the end is for convert";
    return !why || weir_yaml_fail(yaml, node, error, "the path '%s' %s", path->text, why);
}

/* The new name stands where the old one stood. */
static bool read_name(weir_yaml *yaml, const weir_yaml_node *node, weir_rule *rule,
                      weir_error *error)
{
    weir_path name;
    bool ok = read_path(yaml, node, false, &name, error);
    if (ok && name.count > 1)
        ok = weir_yaml_fail(yaml, node, error,
                            "rename gives a name, not a path like '%s': use move", name.text);
    weir_path_free(&name);
    if (!ok)
        return false;
    const char *text = rule->path.text;
    size_t parent = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '.')
            parent = i + 1;
        i += text[i] == '\\'; /* what follows it is of a name */
    }
    char *whole = weir_format("%.*s%s", (int)parent, text, weir_yaml_text(node));
    const char *why = weir_path_parse(whole, &rule->target);
    free(whole);
    if (!why && strcmp(rule->target.text, text) == 0)
        why = "is what it is called already";
    return !why || weir_yaml_fail(yaml, node, error, "'%s' %s", rule->target.text, why);
}

static size_t last_each(const weir_path *path)
{
    size_t count = path->count;
    while (count > 0 && !path->steps[count - 1].each)
        count--;
    return count;
}

/* What is moved within the elements of a list stays in its element. */
static bool read_target(weir_yaml *yaml, const weir_yaml_node *node, weir_rule *rule,
                        weir_error *error)
{
    if (!read_path(yaml, node, false, &rule->target, error))
        return false;
    const weir_path *from = &rule->path, *to = &rule->target;
    size_t shared = last_each(from), same = 0;
    while (same < from->count && same < to->count &&
           weir_step_equal(&from->steps[same], &to->steps[same]))
        same++;
    if (last_each(to) != shared || same < shared)
        return weir_yaml_fail(
            yaml, node, error,
            "'%s' and '%s' must be in one element: the same path up to the last []", from->text,
            to->text);
    if (same == from->count || same == to->count)
        return weir_yaml_fail(yaml, node, error, "'%s' cannot move to '%s': one is in the other",
                              from->text, to->text);
    return true;
}

static bool read_kind(weir_yaml *yaml, const weir_yaml_node *node, weir_rule *rule,
                      weir_error *error)
{
    weir_suggestion near = {.word = weir_yaml_text(node)};
    for (size_t i = 0; i < sizeof kind_names / sizeof *kind_names; i++) {
        if (strcmp(kind_names[i], near.word) == 0) {
            rule->kind = (weir_scalar)i;
            return true;
        }
        weir_suggest_offer(&near, kind_names[i]);
    }
    weir_yaml_fail(yaml, node, error, "convert knows text, integer, number and boolean, not '%s'",
                   near.word);
    return weir_suggest_end(&near, error);
}

/* What a rule is made of beside its path. */
static bool read_value(weir_yaml *yaml, const weir_yaml_node *value, weir_rule *rule,
                       weir_error *error)
{
    if (rule->operation == WEIR_DEFAULT) {
        weir_error why;
        rule->value = weir_yaml_json(yaml, value, error);
        if (rule->value && !weir_json_check(rule->value, strlen(rule->value), &why))
            return weir_yaml_fail(yaml, value, error, "%s", why.message);
        return rule->value != NULL;
    }
    if (!weir_yaml_expect(yaml, value, WEIR_YAML_SCALAR, rule->path.text, error))
        return false;
    return rule->operation == WEIR_RENAME ? read_name(yaml, value, rule, error)
           : rule->operation == WEIR_MOVE ? read_target(yaml, value, rule, error)
                                          : read_kind(yaml, value, rule, error);
}

static char *json_key(const weir_path *path)
{
    const char *name = path->steps[path->count - 1].name;
    weir_buffer text = WEIR_BUFFER((size_t)8 << 20); /* six times what a file may have */
    weir_buffer_json(&text, name, strlen(name));
    return text.data;
}

static char *describe(const weir_rule *rule)
{
    const char *name = weir_operation_names[rule->operation], *path = rule->path.text;
    return rule->target.text ? weir_format("%s %s to %s", name, path, rule->target.text)
           : rule->operation == WEIR_CONVERT
               ? weir_format("%s %s to %s", name, path, kind_names[rule->kind])
               : weir_format("%s %s", name, path);
}

/* value NULL: the operation has none. */
static bool add_rule(draft *in, weir_yaml *yaml, const weir_yaml_node *key,
                     const weir_yaml_node *value, weir_error *error)
{
    weir_upcast_link *link = in->link;
    link->rules = weir_realloc(link->rules, (link->rule_count + 1) * sizeof *link->rules);
    in->places = weir_realloc(in->places, (link->rule_count + 1) * sizeof(weir_yaml_node *));
    in->places[link->rule_count] = key;
    weir_rule *rule = &link->rules[link->rule_count++];
    *rule = (weir_rule){.operation = in->operation};
    if (!read_path(yaml, key, in->operation == WEIR_CONVERT, &rule->path, error) ||
        (value && !read_value(yaml, value, rule, error)))
        return false;
    if (in->operation != WEIR_DROP && in->operation != WEIR_CONVERT)
        rule->key = json_key(rule->target.count ? &rule->target : &rule->path);
    rule->text = describe(rule);
    return true;
}

static bool add_pair(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                     const weir_yaml_node *value, weir_error *error)
{
    return add_rule(context, yaml, key, value, error);
}

static bool read_drops(draft *in, weir_yaml *yaml, const weir_yaml_node *list, weir_error *error)
{
    for (size_t i = 0; i < weir_yaml_count(list); i++) {
        const weir_yaml_node *path = weir_yaml_item(yaml, list, i);
        if (!weir_yaml_expect(yaml, path, WEIR_YAML_SCALAR, "a path to drop", error) ||
            !add_rule(in, yaml, path, NULL, error))
            return false;
    }
    return true;
}

static bool read_operation(draft *in, weir_yaml *yaml, weir_error *error)
{
    const weir_yaml_node *value = in->values[VERSIONS + in->operation];
    bool drops = in->operation == WEIR_DROP;
    if (!value || weir_yaml_is_empty(value))
        return true;
    if (!weir_yaml_expect(yaml, value, drops ? WEIR_YAML_LIST : WEIR_YAML_MAPPING,
                          weir_operation_names[in->operation], error))
        return false;
    return drops ? read_drops(in, yaml, value, error)
                 : weir_yaml_pairs(yaml, value, add_pair, in, error);
}

static bool check_conflicts(const draft *in, weir_yaml *yaml, weir_error *error)
{
    size_t earlier, later;
    const weir_upcast_link *link = in->link;
    if (!weir_rules_conflict(link->rules, link->rule_count, &earlier, &later))
        return true;
    return weir_yaml_fail(yaml, in->places[later], error, "'%s' contradicts '%s'",
                          link->rules[later].text, link->rules[earlier].text);
}

static bool fill_link(draft *in, weir_yaml *yaml, const weir_yaml_node *node, weir_error *error)
{
    weir_upcast_link *link = in->link;
    if (!weir_yaml_expect(yaml, node, WEIR_YAML_MAPPING, "a link", error) ||
        !weir_yaml_pairs(yaml, node, collect_key, in, error) ||
        !read_version(yaml, in, node, 0, &link->from, error) ||
        !read_version(yaml, in, node, 1, &link->to, error))
        return false;
    if (link->to <= link->from)
        return weir_yaml_fail(yaml, in->values[1], error,
                              "'to' must be a later version than 'from': %d is not beyond %d",
                              (int)link->to, (int)link->from);
    for (in->operation = 0; in->operation < WEIR_OPERATIONS; in->operation++)
        if (!read_operation(in, yaml, error))
            return false;
    return check_conflicts(in, yaml, error);
}

static bool add_link(const file *to, weir_yaml *yaml, const char *type, const weir_yaml_node *node,
                     weir_error *error)
{
    draft in = {.type = type, .link = weir_calloc(1, sizeof *in.link)};
    in.link->type = weir_strdup(type);
    in.link->place = weir_format("%s:%d", to->path, weir_yaml_line(node));
    bool ok = fill_link(&in, yaml, node, error);
    free(in.places);
    if (ok)
        return weir_upcasters_take(to->upcasters, in.link, weir_yaml_where(yaml, node), error);
    weir_upcast_link_free(in.link);
    return false;
}

static bool add_type(void *context, weir_yaml *yaml, const weir_yaml_node *key,
                     const weir_yaml_node *value, weir_error *error)
{
    const char *type = weir_yaml_text(key);
    if (!*type)
        return weir_yaml_fail(yaml, key, error, "an event type has a name");
    if (!weir_yaml_expect(yaml, value, WEIR_YAML_LIST, type, error))
        return false;
    for (size_t i = 0; i < weir_yaml_count(value); i++)
        if (!add_link(context, yaml, type, weir_yaml_item(yaml, value, i), error))
            return false;
    return true;
}

static bool add_document(weir_upcasters *upcasters, const char *path, weir_yaml *yaml,
                         weir_error *error)
{
    file in = {path, upcasters};
    const weir_yaml_node *root = yaml ? weir_yaml_root(yaml) : NULL;
    bool ok =
        yaml && (!root || weir_yaml_is_empty(root) ||
                 (weir_yaml_expect(yaml, root, WEIR_YAML_MAPPING, "a file of schemas", error) &&
                  weir_yaml_pairs(yaml, root, add_type, &in, error)));
    weir_yaml_free(yaml);
    return ok;
}

bool weir_upcasters_parse(weir_upcasters *upcasters, const char *path, const char *text,
                          size_t length, weir_error *error)
{
    return add_document(upcasters, path, weir_yaml_parse(path, text, length, error), error);
}

static bool add_file(void *context, const char *path, weir_error *error)
{
    return add_document(context, path, weir_yaml_open(path, error), error);
}

bool weir_upcasters_load(weir_upcasters *upcasters, const weir_config *config, weir_error *error)
{
    return weir_config_files(config, "schemas.files", add_file, upcasters, error);
}
