/* Carrying the rules of one link out on an event's JSON. Pure: text in, text out.
 *
 * One operation after the other, in the order of weir_operation, each rule on what those before it
 * left. Taking (rename, move, drop, convert) passes over what is not there; giving (move, default)
 * makes the objects that lead to its path, and refuses to go through anything that is neither
 * object nor missing, or to overwrite. What no path leads to is never looked at. */
#include <stdio.h>
#include <string.h>

#include "store/upcast_int.h"

/* Nodes are made of the event's own members, so that its size bounds them. */
#define ARENA ((size_t)1 << 40)

const char *const weir_operation_names[WEIR_OPERATIONS] = {
    [WEIR_RENAME] = "rename",   [WEIR_MOVE] = "move",       [WEIR_DROP] = "drop",
    [WEIR_CONVERT] = "convert", [WEIR_DEFAULT] = "default",
};

typedef struct run {
    const weir_rule *rule;
    weir_arena *arena;
    weir_error *error;
    bool found;
} run;

static bool refuse(run *in, const char *path, const char *why, const char *what)
{
    return weir_fail(in->error, WEIR_FATE_POISON, "%s: '%s' %s%s", in->rule->text, path, why, what);
}

/* fn gets a node that the first steps of the rule's path lead to. */
typedef bool base_fn(run *in, weir_node *base, size_t depth);

static bool each_base(run *in, weir_node *node, size_t step, size_t steps, base_fn *fn)
{
    if (step == steps)
        return fn(in, node, step);
    const weir_step *at = &in->rule->path.steps[step];
    weir_member **member =
        weir_node_open(node, WEIR_NODE_OBJECT, in->arena) ? weir_node_find(node, at->name) : NULL;
    if (!member)
        return true;
    if (!at->each)
        return each_base(in, &(*member)->value, step + 1, steps, fn);
    if (!weir_node_open(&(*member)->value, WEIR_NODE_LIST, in->arena))
        return true;
    for (weir_member *e = (*member)->value.members; e; e = e->next)
        if (!each_base(in, &e->value, step + 1, steps, fn))
            return false;
    return true;
}

/* The member that the rest of a path leads to from a base; NULL: there is none. */
static weir_member **find(run *in, weir_node *base, const weir_path *path, size_t depth,
                          weir_node **parent)
{
    weir_member **member = NULL;
    for (size_t i = depth; i < path->count; i++) {
        *parent = base;
        if (!weir_node_open(base, WEIR_NODE_OBJECT, in->arena) ||
            !(member = weir_node_find(base, path->steps[i].name)))
            return NULL;
        base = &(*member)->value;
    }
    in->found = true;
    return member;
}

static bool do_rename(run *in, weir_node *base, size_t depth)
{
    const weir_rule *rule = in->rule;
    weir_node *parent;
    weir_member **member = find(in, base, &rule->path, depth, &parent);
    if (!member)
        return true;
    if (weir_node_find(parent, rule->target.steps[rule->target.count - 1].name))
        return refuse(in, rule->target.text, "is there already", "");
    (*member)->key = (weir_slice){rule->key, strlen(rule->key)};
    return true;
}

static weir_slice quoted(const char *name, weir_arena *arena)
{
    weir_buffer text = WEIR_BUFFER(1 << 20);
    weir_buffer_json(&text, name, strlen(name));
    weir_slice slice = {weir_arena_copy(arena, text.data, text.length), text.length};
    weir_buffer_free(&text);
    return slice;
}

/* The object that is to get the path's last member, those that lead to it made where they are
 * missing. NULL: one of them is null or something else; *obstacle is that one. */
static weir_node *make_parents(run *in, weir_node *base, const weir_path *path, size_t depth,
                               weir_node **obstacle)
{
    for (size_t i = depth;; i++) {
        *obstacle = base;
        if (!weir_node_open(base, WEIR_NODE_OBJECT, in->arena))
            return NULL;
        if (i + 1 == path->count)
            return base;
        weir_member **member = weir_node_find(base, path->steps[i].name), *made;
        if (!member) {
            made = weir_node_add(base, quoted(path->steps[i].name, in->arena),
                                 (weir_node){.kind = WEIR_NODE_OBJECT}, in->arena);
            member = &made;
        }
        base = &(*member)->value;
    }
}

static bool do_move(run *in, weir_node *base, size_t depth)
{
    const weir_rule *rule = in->rule;
    weir_node *from, *to, *obstacle;
    weir_member **member = find(in, base, &rule->path, depth, &from);
    if (!member)
        return true;
    weir_node value = (*member)->value;
    *member = (*member)->next;
    to = make_parents(in, base, &rule->target, depth, &obstacle);
    if (!to)
        return refuse(in, rule->target.text, "leads through ", weir_node_kind_name(obstacle));
    if (weir_node_find(to, rule->target.steps[rule->target.count - 1].name))
        return refuse(in, rule->target.text, "is there already", "");
    return weir_node_add(to, (weir_slice){rule->key, strlen(rule->key)}, value, in->arena);
}

static bool do_drop(run *in, weir_node *base, size_t depth)
{
    weir_node *parent;
    weir_member **member = find(in, base, &in->rule->path, depth, &parent);
    if (member)
        *member = (*member)->next;
    return true;
}

static bool convert_node(run *in, weir_node *node)
{
    static const char *const kinds[] = {
        "cannot become a text: it is ", "cannot become a whole number: it is ",
        "cannot become a number: it is ", "cannot become a boolean: it is "};
    weir_slice result;
    if (node->kind == WEIR_NODE_TEXT &&
        weir_convert(node->text, in->rule->kind, in->arena, &result)) {
        node->text = result;
        return true;
    }
    char shown[64];
    bool scalar = node->kind == WEIR_NODE_TEXT && *weir_node_kind_name(node) == 'a' &&
                  node->text.length < 40 && node->text.text[0] != '{' && node->text.text[0] != '[';
    snprintf(shown, sizeof shown, "%.*s", scalar ? (int)node->text.length : 0, node->text.text);
    return refuse(in, in->rule->path.text, kinds[in->rule->kind],
                  scalar ? shown : weir_node_kind_name(node));
}

static bool do_convert(run *in, weir_node *base, size_t depth)
{
    weir_node *parent;
    if (depth == in->rule->path.count) { /* the path ends with [] */
        in->found = true;
        return convert_node(in, base);
    }
    weir_member **member = find(in, base, &in->rule->path, depth, &parent);
    return !member || convert_node(in, &(*member)->value);
}

static bool do_default(run *in, weir_node *base, size_t depth)
{
    const weir_rule *rule = in->rule;
    weir_node *obstacle, *to = make_parents(in, base, &rule->path, depth, &obstacle);
    if (!to && weir_node_is_null(obstacle)) /* nothing can be missing below null */
        return true;
    if (!to)
        return refuse(in, rule->path.text, "leads through ", weir_node_kind_name(obstacle));
    if (weir_node_find(to, rule->path.steps[rule->path.count - 1].name))
        return true;
    weir_node value = {.kind = WEIR_NODE_TEXT, .text = {rule->value, strlen(rule->value)}};
    return weir_node_add(to, (weir_slice){rule->key, strlen(rule->key)}, value, in->arena);
}

/* Up to and with the last [] a path names many places. */
static size_t shared_steps(const weir_path *path)
{
    size_t count = path->count;
    while (count > 0 && !path->steps[count - 1].each)
        count--;
    return count;
}

static bool apply(run *in, weir_node *root, size_t *found)
{
    static base_fn *const operations[WEIR_OPERATIONS] = {
        [WEIR_RENAME] = do_rename,   [WEIR_MOVE] = do_move,       [WEIR_DROP] = do_drop,
        [WEIR_CONVERT] = do_convert, [WEIR_DEFAULT] = do_default,
    };
    in->found = false;
    bool ok =
        each_base(in, root, 0, shared_steps(&in->rule->path), operations[in->rule->operation]);
    if (found && in->found)
        ++*found;
    return ok;
}

bool weir_rules_apply(const weir_rule *rules, size_t count, const char *data, size_t length,
                      size_t *found, weir_buffer *out, weir_error *error)
{
    weir_node root = {.kind = WEIR_NODE_TEXT, .text = {data, length}};
    run in = {.arena = weir_arena_new(ARENA), .error = error};
    bool ok = count == 0 || weir_node_open(&root, WEIR_NODE_OBJECT, in.arena);
    if (!ok)
        weir_fail(error, WEIR_FATE_POISON, "the data must be an object, not %s",
                  weir_node_kind_name(&root));
    for (size_t i = 0; ok && i < count; i++) {
        in.rule = &rules[i];
        ok = apply(&in, &root, found ? &found[i] : NULL);
    }
    if (ok)
        weir_node_write(&root, out);
    weir_arena_free(in.arena);
    return ok;
}
