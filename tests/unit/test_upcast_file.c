/* Files of upcasting rules: every refusal with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/upcast.h"

static void expect_refused(const char *text, const char *why)
{
    weir_error error = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    if (weir_upcasters_parse(upcasters, "s.yaml", text, strlen(text), &error))
        fail_msg("not refused: %s", text);
    assert_string_equal(error.message, why);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    weir_upcasters_free(upcasters);
}

static void test_shape(void **state)
{
    (void)state;
    expect_refused("[]\n", "s.yaml:1:1: a file of schemas must be a mapping, not a list");
    expect_refused("t: { from: 1 }\n", "s.yaml:1:4: t must be a list, not a mapping");
    expect_refused("t: [ 5 ]\n", "s.yaml:1:6: a link must be a mapping, not a value");
    expect_refused("'': []\n", "s.yaml:1:1: an event type has a name");
    expect_refused("t: []\nt: []\n", "s.yaml:2:1: key 't' stands here twice");
    expect_refused("t:\n  - from: 1\n    to: 2\n    renam: { a: b }\n",
                   "s.yaml:4:5: unknown key 'renam' in a link of 't'; did you mean 'rename'?");
    expect_refused("t:\n  - from: 1\n    to: 2\n    drop: a\n",
                   "s.yaml:4:11: drop must be a list, not a value");
    expect_refused("t: [ { from: 1, to: 2, rename: [ a ] } ]\n",
                   "s.yaml:1:32: rename must be a mapping, not a list");
    expect_refused("t: [ { from: 1, to: 2, drop: [ [ a ] ] } ]\n",
                   "s.yaml:1:32: a path to drop must be a value, not a list");
    expect_refused("t: {",
                   "s.yaml:2:1: did not find expected node content while parsing a flow node");
}

static void test_versions(void **state)
{
    (void)state;
    expect_refused("t: [ { to: 2 } ]\n",
                   "s.yaml:1:6: a link of 't' lacks 'from', a schema version");
    expect_refused("t: [ { from: 2 } ]\n",
                   "s.yaml:1:6: a link of 't' lacks 'to', a schema version");
    expect_refused("t: [ { from: 0, to: 2 } ]\n",
                   "s.yaml:1:14: from must be a whole number from 1, not '0'");
    expect_refused("t: [ { from: 1, to: two } ]\n",
                   "s.yaml:1:21: to must be a whole number from 1, not 'two'");
    expect_refused("t: [ { from: 1, to: 99999999999 } ]\n",
                   "s.yaml:1:21: to must be a whole number from 1, not '99999999999'");
    expect_refused("t: [ { from: 2, to: 2 } ]\n",
                   "s.yaml:1:21: 'to' must be a later version than 'from': 2 is not beyond 2");
    expect_refused("t: [ { from: 3, to: 2 } ]\n",
                   "s.yaml:1:21: 'to' must be a later version than 'from': 2 is not beyond 3");
    expect_refused("t:\n  - { from: 1, to: 2 }\n  - { from: 1, to: 3 }\n",
                   "s.yaml:3:5: a second link of t from version 1; the first, to 2, is s.yaml:2");
}

#define LINK(rules) "t: [ { from: 1, to: 2, " rules " } ]\n"

static void test_paths_and_values(void **state)
{
    (void)state;
    expect_refused(LINK("drop: [ '' ]"), "s.yaml:1:32: the path '' is empty");
    expect_refused(LINK("drop: [ a..b ]"), "s.yaml:1:32: the path 'a..b' has an empty name");
    expect_refused(LINK("drop: [ a. ]"), "s.yaml:1:32: the path 'a.' has an empty name");
    expect_refused(LINK("drop: [ '.a' ]"), "s.yaml:1:32: the path '.a' has an empty name");
    expect_refused(LINK("drop: [ 'a[0].b' ]"),
                   "s.yaml:1:32: the path 'a[0].b' may have [] behind a name, nothing else in "
                   "brackets");
    expect_refused(LINK("drop: [ 'a]' ]"), "s.yaml:1:32: the path 'a]' has a ] without its [");
    expect_refused(LINK("drop: [ 'a\\b' ]"),
                   "s.yaml:1:32: the path 'a\\b' has a \\ before something else than . [ ] or \\");
    expect_refused(
        LINK("drop: [ 'a[]' ]"),
        "s.yaml:1:32: the path 'a[]' must end with a name: [] at the end is for convert");
    expect_refused(LINK("rename: { a: b.c }"),
                   "s.yaml:1:37: rename gives a name, not a path like 'b.c': use move");
    expect_refused(LINK("rename: { x.a: a }"), "s.yaml:1:39: 'x.a' is what it is called already");
    expect_refused(LINK("move: { a: a }"),
                   "s.yaml:1:35: 'a' cannot move to 'a': one is in the other");
    expect_refused(LINK("move: { a: a.b }"),
                   "s.yaml:1:35: 'a' cannot move to 'a.b': one is in the other");
    expect_refused(LINK("move: { a.b: a }"),
                   "s.yaml:1:37: 'a.b' cannot move to 'a': one is in the other");
    expect_refused(LINK("move: { 'l[].a': b }"),
                   "s.yaml:1:41: 'l[].a' and 'b' must be in one element: the same path up to the "
                   "last []");
    expect_refused(
        LINK("convert: { a: int }"),
        "s.yaml:1:38: convert knows text, integer, number and boolean, not 'int'; did you "
        "mean 'integer'?");
    expect_refused(
        LINK("convert: { a: nomber }"),
        "s.yaml:1:38: convert knows text, integer, number and boolean, not 'nomber'; did "
        "you mean 'number'?");
    expect_refused(
        LINK("default: { a: 007 }"),
        "s.yaml:1:38: '007' is neither a number nor a boolean in JSON; quote it if it is "
        "meant as text");
    expect_refused(
        LINK("default: { a: yes }"),
        "s.yaml:1:38: 'yes' is neither a number nor a boolean in JSON; quote it if it is "
        "meant as text");
    expect_refused("t: [ { from: 1, to: 2, default: { a: &x [ *x ] } } ]\n",
                   "s.yaml:1:38: a value deeper than 32 or larger than 1 MiB");
}

static void test_contradictions(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *why;
    } rows[] = {
        {"rename: { a: b }, drop: [ a ]", "'drop a' contradicts 'rename a to b'"},
        {"rename: { a: b }, drop: [ b ]", "'drop b' contradicts 'rename a to b'"},
        {"rename: { a: c, b: c }", "'rename b to c' contradicts 'rename a to c'"},
        {"rename: { a: b, b: c }", "'rename b to c' contradicts 'rename a to b'"},
        {"rename: { a: b }, move: { a.c: d }", "'move a.c to d' contradicts 'rename a to b'"},
        {"rename: { a: b }, move: { c: b }", "'move c to b' contradicts 'rename a to b'"},
        {"rename: { a: b }, convert: { a: text }",
         "'convert a to text' contradicts 'rename a to b'"},
        {"rename: { a: b }, default: { a: 1 }", "'default a' contradicts 'rename a to b'"},
        {"move: { a: x.y, b: x.y }", "'move b to x.y' contradicts 'move a to x.y'"},
        {"move: { a: x, b: x.y }", "'move b to x.y' contradicts 'move a to x'"},
        {"move: { a: x, a.b: y }", "'move a.b to y' contradicts 'move a to x'"},
        {"move: { a: x }, drop: [ x ]", "'drop x' contradicts 'move a to x'"},
        {"move: { a: x.y }, drop: [ x ]", "'drop x' contradicts 'move a to x.y'"},
        {"drop: [ a, a ]", "'drop a' contradicts 'drop a'"},
        {"drop: [ a, a.b ]", "'drop a.b' contradicts 'drop a'"},
        {"drop: [ a ], convert: { a.b: text }", "'convert a.b to text' contradicts 'drop a'"},
        {"drop: [ a ], default: { a: 1 }", "'default a' contradicts 'drop a'"},
        {"drop: [ 'l[].a' ], default: { 'l[].a.b': 1 }",
         "'default l[].a.b' contradicts 'drop l[].a'"},
        {"convert: { a: text, a.b: text }",
         "'convert a.b to text' contradicts 'convert a to text'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_error error = {0};
        weir_upcasters *upcasters = weir_upcasters_new();
        char *text = weir_format(LINK("%s"), rows[i].rules);
        if (weir_upcasters_parse(upcasters, "s.yaml", text, strlen(text), &error))
            fail_msg("not refused: %s", rows[i].rules);
        const char *second = strchr(strchr(error.message, ':') + 3, ' ') + 1;
        assert_string_equal(second, rows[i].why);
        free(text);
        weir_upcasters_free(upcasters);
    }
    expect_refused("t:\n- from: 1\n  to: 2\n  drop:\n    - a\n  rename:\n    a: b\n",
                   "s.yaml:5:7: 'drop a' contradicts 'rename a to b'");
}

static void test_what_goes_together(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "move: { a.b: c }, drop: [ a ]",
        "rename: { a: b }, convert: { b: text }",
        "rename: { a: b }, default: { b: 1 }",
        "convert: { a: text }, default: { a: '' }",
        "move: { a: b }, drop: [ b.c ]",
        "rename: { a: b }, move: { b.c: d }",
        "rename: { a.x: y }, move: { a: b }",
        "default: { a: {}, a.b: 1 }",
        "drop: [ a.b, 'a.c' ]",
        "drop: [ 'l[].a' ], convert: { 'm[]': text }",
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        weir_error error = {0};
        weir_upcasters *upcasters = weir_upcasters_new();
        char *text = weir_format(LINK("%s"), rules[i]);
        if (!weir_upcasters_parse(upcasters, "s.yaml", text, strlen(text), &error))
            fail_msg("%s: %s", rules[i], error.message);
        free(text);
        weir_upcasters_free(upcasters);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_paths_and_values),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_what_goes_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
