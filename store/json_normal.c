/* JSON in one normal form: a tree of the tokens, its members sorted, written again.
 *
 * The form is jsonb's, to the byte: what a store in memory hands out looks as PostgreSQL's does,
 * sizes are counted alike, and equal text is equal meaning but for zeros behind a number's point.
 * Source: jsonb_out() and numeric_out() in src/backend/utils/adt; keys: lengthCompareJsonbString.
 */
#include "store/json_normal_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/event.h"
#include "store/json_int.h"

#define DEPTH_LIMIT 2048 /* as weir_json_check */
#define EQUAL_LIMIT ((size_t)256 << 20)

typedef struct node {
    weir_json_token token;
    const char *key, *text; /* text: of a string or number */
    size_t key_length, length;
    struct node *parent, *first, *last, *next;
    size_t count; /* of members or elements */
} node;

struct tree {
    weir_json_reader reader;
    weir_arena *arena;
    node *root, *open; /* open: the innermost array or object */
    const char *key;   /* of the value that comes next */
    size_t key_length;
};

static node *add(struct tree *tree, weir_json_token token)
{
    node *added = weir_arena_alloc(tree->arena, sizeof *added);
    if (!added)
        return NULL;
    *added = (node){
        .token = token, .key = tree->key, .key_length = tree->key_length, .parent = tree->open};
    if (!tree->open)
        tree->root = added;
    else if (tree->open->last)
        tree->open->last->next = added;
    else
        tree->open->first = added;
    if (tree->open) {
        tree->open->last = added;
        tree->open->count++;
    }
    return added;
}

/* take puts one token into the tree; false when the arena is full. */
static bool take(struct tree *tree, weir_json_token token)
{
    if (token == WEIR_JSON_END)
        return true;
    if (token == WEIR_JSON_CLOSE_ARRAY || token == WEIR_JSON_CLOSE_OBJECT) {
        tree->open = tree->open->parent;
        return true;
    }
    if (token == WEIR_JSON_KEY) {
        const char *key = weir_nest_last(&tree->reader.nest, &tree->key_length);
        tree->key = weir_arena_copy(tree->arena, key, tree->key_length);
        return tree->key != NULL;
    }
    node *added = add(tree, token);
    if (!added)
        return false;
    if (token == WEIR_JSON_OPEN_ARRAY || token == WEIR_JSON_OPEN_OBJECT) {
        tree->open = added;
    } else if (token == WEIR_JSON_STRING || token == WEIR_JSON_NUMBER) {
        const weir_buffer *text = &tree->reader.text;
        added->length = text->length;
        added->text = weir_arena_copy(tree->arena, text->length ? text->data : "", text->length);
        return added->text != NULL;
    }
    return true;
}

static bool build(struct tree *tree, weir_error *error)
{
    weir_json_token token = WEIR_JSON_NULL;
    while (token != WEIR_JSON_END) {
        if (!weir_json_reader_next(&tree->reader, &token, error))
            return false;
        if (!take(tree, token))
            return weir_fail(error, WEIR_FATE_POISON, "too large a JSON value");
    }
    return true;
}

/* digit is the one at a place of a number's digits, which go on with zeros on both sides. */
static char digit(const char *digits, long count, long place)
{
    return place >= 0 && place < count ? digits[place] : '0';
}

/* put_number writes a number without exponent. The digits in front of and behind the point stand
 * one after the other in `digits`; `point` says before which of them the point stands. */
static void put_number(weir_buffer *out, const char *text, size_t length, bool fold)
{
    char *digits = weir_malloc(length + 1);
    long count = 0, point = -1, exponent = 0, first = 0, end;
    size_t i = text[0] == '-';
    for (; i < length && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.')
            point = count;
        else
            digits[count++] = text[i];
    }
    if (i < length)
        exponent = strtol(text + i + 1, NULL, 10);
    point = (point < 0 ? count : point) + exponent;
    end = point > count ? point : count;
    while (first < count && digits[first] == '0')
        first++;
    if (text[0] == '-' && first < count)
        weir_buffer_char(out, '-');
    for (first = first < point && first < count ? first : point - 1; first < point; first++)
        weir_buffer_char(out, digit(digits, count, first));
    while (fold && end > point && digit(digits, count, end - 1) == '0')
        end--;
    if (end > point)
        weir_buffer_char(out, '.');
    for (; first < end; first++)
        weir_buffer_char(out, digit(digits, count, first));
    free(digits);
}

static int by_key(const void *left, const void *right)
{
    const node *a = *(node *const *)left, *b = *(node *const *)right;
    if (a->key_length != b->key_length)
        return a->key_length < b->key_length ? -1 : 1;
    return memcmp(a->key, b->key, a->key_length);
}

static void put(const node *value, bool fold, weir_buffer *out);

static void put_members(const node *value, bool fold, weir_buffer *out)
{
    bool object = value->token == WEIR_JSON_OPEN_OBJECT;
    node **members = weir_calloc(value->count + 1, sizeof(node *));
    size_t count = 0;
    for (node *member = value->first; member; member = member->next)
        members[count++] = member;
    if (object)
        qsort(members, count, sizeof(node *), by_key);
    weir_buffer_char(out, object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        weir_buffer_text(out, i ? ", " : "");
        if (object) {
            weir_buffer_json(out, members[i]->key, members[i]->key_length);
            weir_buffer_text(out, ": ");
        }
        put(members[i], fold, out);
    }
    weir_buffer_char(out, object ? '}' : ']');
    free(members);
}

static void put(const node *value, bool fold, weir_buffer *out)
{
    switch (value->token) {
    case WEIR_JSON_NULL:
        weir_buffer_text(out, "null");
        break;
    case WEIR_JSON_FALSE:
        weir_buffer_text(out, "false");
        break;
    case WEIR_JSON_TRUE:
        weir_buffer_text(out, "true");
        break;
    case WEIR_JSON_NUMBER:
        put_number(out, value->text, value->length, fold);
        break;
    case WEIR_JSON_STRING:
        weir_buffer_json(out, value->text, value->length);
        break;
    default:
        put_members(value, fold, out);
    }
}

bool weir_json_normal(const char *json, size_t length, bool fold, weir_buffer *out,
                      weir_error *error)
{
    /* A token has at least one byte, and costs a node and its text at most. */
    struct tree tree = {.arena = weir_arena_new((length + 1) * (2 * sizeof(node) + 64))};
    weir_json_reader_open(&tree.reader, json, length, DEPTH_LIMIT);
    tree.reader.keep_text = true;
    bool ok = build(&tree, error);
    if (ok) {
        put(tree.root, fold, out);
        ok = !out->overflow || weir_fail(error, WEIR_FATE_POISON, "too large a JSON value");
    }
    weir_json_reader_close(&tree.reader);
    weir_arena_free(tree.arena);
    return ok;
}

bool weir_json_equal(const char *one, size_t one_length, const char *other, size_t other_length)
{
    weir_error ignored;
    weir_buffer left = WEIR_BUFFER(EQUAL_LIMIT), right = WEIR_BUFFER(EQUAL_LIMIT);
    if (one_length == other_length && memcmp(one, other, one_length) == 0)
        return true;
    bool equal = weir_json_check(one, one_length, &ignored) &&
                 weir_json_check(other, other_length, &ignored) &&
                 weir_json_normal(one, one_length, true, &left, &ignored) &&
                 weir_json_normal(other, other_length, true, &right, &ignored) &&
                 left.length == right.length && memcmp(left.data, right.data, left.length) == 0;
    weir_buffer_free(&left);
    weir_buffer_free(&right);
    return equal;
}

/* key_is: the key that was read last is of the outermost object, and this one. */
static bool key_is(const weir_json_reader *reader, const char *name)
{
    size_t length;
    const char *key = weir_nest_last(&reader->nest, &length);
    return reader->nest.depth == 1 && length == strlen(name) && memcmp(key, name, length) == 0;
}

bool weir_json_member(const char *json, size_t length, const char *name, weir_buffer *out)
{
    weir_json_reader reader;
    weir_json_token token = WEIR_JSON_NULL;
    weir_error ignored;
    bool ok = true, found = false;
    weir_json_reader_open(&reader, json, length, DEPTH_LIMIT);
    reader.keep_text = true;
    while (ok && !found && token != WEIR_JSON_END) {
        ok = weir_json_reader_next(&reader, &token, &ignored);
        found = ok && token == WEIR_JSON_KEY && key_is(&reader, name);
    }
    const char *from = reader.at + 1; /* behind the blank that follows the colon */
    ok = found && weir_json_reader_next(&reader, &token, &ignored) && token != WEIR_JSON_NULL;
    bool text = token == WEIR_JSON_STRING;
    while (ok && reader.nest.depth > 1)
        ok = weir_json_reader_next(&reader, &token, &ignored);
    if (ok && text)
        weir_buffer_append(out, reader.text.length ? reader.text.data : "", reader.text.length);
    else if (ok)
        weir_buffer_append(out, from, (size_t)(reader.at - from));
    weir_json_reader_close(&reader);
    return ok;
}
