/* A JSON value opened only where a path leads into it: everything else stays the text that it was,
 * byte for byte, so that no number passes through a double. */
#include <string.h>

#include "store/upcast_int.h"

static weir_member *append(weir_member ***end, weir_slice key, weir_slice value, weir_arena *arena)
{
    weir_member *member = weir_arena_alloc(arena, sizeof *member);
    if (!member)
        return NULL;
    *member = (weir_member){.key = key, .value = {.kind = WEIR_NODE_TEXT, .text = value}};
    **end = member;
    *end = &member->next;
    return member;
}

bool weir_node_open(weir_node *node, weir_node_kind kind, weir_arena *arena)
{
    weir_json_walk walk;
    weir_slice key = {0}, value;
    bool object = kind == WEIR_NODE_OBJECT;
    if (node->kind != WEIR_NODE_TEXT)
        return node->kind == kind;
    if (!(object ? weir_json_object(&walk, node->text.text, node->text.length)
                 : weir_json_array(&walk, node->text.text, node->text.length)))
        return false;
    weir_member *first = NULL, **end = &first;
    while (object ? weir_json_next(&walk, &key, &value) : weir_json_element(&walk, &value))
        if (!append(&end, key, value, arena))
            return false;
    node->kind = kind;
    node->members = first;
    return true;
}

weir_member **weir_node_find(weir_node *node, const char *name)
{
    for (weir_member **at = &node->members; *at; at = &(*at)->next)
        if (weir_json_is((*at)->key, name))
            return at;
    return NULL;
}

weir_member *weir_node_add(weir_node *node, weir_slice key, weir_node value, weir_arena *arena)
{
    weir_member **end = &node->members;
    while (*end)
        end = &(*end)->next;
    weir_member *member = append(&end, key, (weir_slice){0}, arena);
    if (member)
        member->value = value;
    return member;
}

const char *weir_node_kind_name(const weir_node *node)
{
    if (node->kind != WEIR_NODE_TEXT)
        return node->kind == WEIR_NODE_OBJECT ? "an object" : "a list";
    switch (node->text.length ? node->text.text[0] : '\0') {
    case '{':
        return "an object";
    case '[':
        return "a list";
    case '"':
        return "a text";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

bool weir_node_is_null(const weir_node *node)
{
    return node->kind == WEIR_NODE_TEXT && node->text.length > 0 && node->text.text[0] == 'n';
}

/* No deeper than the longest path: what no path leads into is text. */
void weir_node_write(const weir_node *node, weir_buffer *out)
{
    bool object = node->kind == WEIR_NODE_OBJECT;
    if (node->kind == WEIR_NODE_TEXT) {
        weir_buffer_append(out, node->text.text, node->text.length);
        return;
    }
    weir_buffer_char(out, object ? '{' : '[');
    for (const weir_member *member = node->members; member; member = member->next) {
        weir_buffer_append(out, member->key.text, member->key.length);
        weir_buffer_text(out, object ? ": " : "");
        weir_node_write(&member->value, out);
        weir_buffer_text(out, member->next ? ", " : "");
    }
    weir_buffer_char(out, object ? '}' : ']');
}
