/* JSON and msgpack as two spellings of one value: a table of what each becomes, a table of what is
 * refused and where, and random values both ways. msgpack-c's own unpacker is the witness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/codec.h"
#include "store/store.h"

#define LIMIT ((size_t)1 << 20)
#define BYTES(text) (text), sizeof(text) - 1

static weir_buffer to_msgpack(const char *json, size_t length)
{
    weir_buffer out = WEIR_BUFFER(LIMIT);
    weir_error error = {0};
    if (!weir_json_to_msgpack(json, length, &out, &error))
        fail_msg("%.*s: %s", (int)length, json, error.message);
    return out;
}

static weir_buffer to_json(const weir_buffer *bytes)
{
    weir_buffer out = WEIR_BUFFER(weir_msgpack_json_limit(bytes->length));
    weir_error error = {0};
    if (!weir_msgpack_to_json(bytes->data, bytes->length, &out, &error))
        fail_msg("%s", error.message);
    return out;
}

static const struct {
    const char *json, *bytes;
    size_t length;
    const char *back; /* NULL: json itself */
} same[] = {
    {"null", BYTES("\xc0"), NULL},
    {" true ", BYTES("\xc3"), "true"},
    {"0", BYTES("\x00"), NULL},
    {"127", BYTES("\x7f"), NULL},
    {"128", BYTES("\xcc\x80"), NULL},
    {"-1", BYTES("\xff"), NULL},
    {"-32", BYTES("\xe0"), NULL},
    {"-33", BYTES("\xd0\xdf"), NULL},
    {"-129", BYTES("\xd1\xff\x7f"), NULL},
    {"65536", BYTES("\xce\x00\x01\x00\x00"), NULL},
    {"9223372036854775808", BYTES("\xcf\x80\0\0\0\0\0\0\0"), NULL},
    {"18446744073709551615", BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), NULL},
    {"-9223372036854775808", BYTES("\xd3\x80\0\0\0\0\0\0\0"), NULL},
    {"1.0", BYTES("\xcb\x3f\xf0\0\0\0\0\0\0"), NULL},
    {"-0", BYTES("\xcb\x80\0\0\0\0\0\0\0"), "-0.0"},
    {"1.50e1", BYTES("\xcb\x40\x2e\0\0\0\0\0\0"), "15.0"},
    {"0.1", BYTES("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), NULL},
    {"7.120236347223045e-307", BYTES("\xcb\0\x60\0\0\0\0\0\0"), NULL}, /* 2^-1017 */
    {"5e-324", BYTES("\xcb\0\0\0\0\0\0\0\x01"), NULL},
    {"1e308", BYTES("\xcb\x7f\xe1\xcc\xf3\x85\xeb\xc8\xa0"), "1e+308"},
    {"\"\\u00e9\\ud83d\\ude00\\/\\n\"", BYTES("\xa8\xc3\xa9\xf0\x9f\x98\x80/\n"),
     "\"\xc3\xa9\xf0\x9f\x98\x80/\\n\""},
    {"[]", BYTES("\x90"), NULL},
    {"{}", BYTES("\x80"), NULL},
    {"{\"b\": [1, {}], \"\": \"\"}",
     BYTES("\x82\xa1"
           "b\x92\x01\x80\xa0\xa0"),
     "{\"b\":[1,{}],\"\":\"\"}"},
    {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,[16]]",
     BYTES("\xdc\x00\x10\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\x91\20"), NULL},
};

static void test_each_value_has_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        weir_buffer bytes = to_msgpack(same[i].json, strlen(same[i].json));
        assert_int_equal(bytes.length, same[i].length);
        assert_memory_equal(bytes.data, same[i].bytes, same[i].length);
        weir_buffer json = to_json(&bytes);
        assert_string_equal(json.data, same[i].back ? same[i].back : same[i].json);
        weir_buffer_free(&bytes);
        weir_buffer_free(&json);
    }
}

/* What other writers may send: wider forms than needed, and single precision. */
static void test_other_spellings_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *json;
    } read[] = {
        {BYTES("\xcf\0\0\0\0\0\0\0\x05"), "5"},
        {BYTES("\xd3\0\0\0\0\0\0\0\x05"), "5"},
        {BYTES("\xd2\xff\xff\xff\xff"), "-1"},
        {BYTES("\xca\x3f\xc0\0\0"), "1.5"},
        {BYTES("\xca\x3d\xcc\xcc\xcd"), "0.10000000149011612"},
        {BYTES("\xdb\0\0\0\x01x"), "\"x\""},
        {BYTES("\xdd\0\0\0\x01\xc2"), "[false]"},
        {BYTES("\xdf\0\0\0\x01\xd9\x01k\xc0"), "{\"k\":null}"},
        {BYTES("\xa1\x01"), "\"\\u0001\""},
    };
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        weir_buffer bytes = {.data = (char *)(uintptr_t)read[i].bytes, .length = read[i].length};
        weir_buffer json = to_json(&bytes);
        assert_string_equal(json.data, read[i].json);
        weir_buffer_free(&json);
    }
}

static const struct {
    const char *json;
    size_t length;
    const char *why;
} bad_json[] = {
    {BYTES(""), "bad JSON at line 1, column 1: it ends early"},
    {BYTES("{\"a\":1,,}"), "bad JSON at line 1, column 8: a key is expected"},
    {BYTES("[1,]"), "bad JSON at line 1, column 4: a value is expected"},
    {BYTES("[1\n 2]"), "bad JSON at line 2, column 2: ',' or ']' is expected"},
    {BYTES("1 2"), "bad JSON at line 1, column 3: something follows the value"},
    {BYTES("{\"a\" 1}"), "bad JSON at line 1, column 6: ':' is expected"},
    {BYTES("\"a"), "bad JSON at line 1, column 3: a text without its end"},
    {BYTES("\"\\x\""), "bad JSON at line 1, column 2: an unknown escape"},
    {BYTES("\"\\u12g4\""), "bad JSON at line 1, column 2: four hexadecimal digits must follow \\u"},
    {BYTES("\"\t\""), "bad JSON at line 1, column 2: a control character must be escaped"},
    {BYTES("[NaN]"), "bad JSON at line 1, column 2: a value is expected"},
    {BYTES("[01]"), "bad JSON at line 1, column 4: a number must not begin with 0"},
    {BYTES("[-]"), "bad JSON at line 1, column 3: a number without digits"},
    {BYTES("[1.]"), "bad JSON at line 1, column 4: a point without digits"},
    {BYTES("[1e+]"), "bad JSON at line 1, column 5: an exponent without digits"},
    {BYTES("nul"), "bad JSON at line 1, column 1: a value is expected"},
    {BYTES("{\"items\":[1,2,3,{\"price\":\"\\u0000\"}]}"), "/items/3/price: \\u0000 in a text"},
    {BYTES("{\"a\":1,\"o\":{\"x\":1,\"\\u0000\":2}}"), "/o: in a key: \\u0000 in a text"},
    {BYTES("{\"~/\":[\"\\ud800\"]}"), "/~0~1/0: half of a surrogate pair in a text"},
    {BYTES("[\"\\ud800\\u0041\"]"), "/0: half of a surrogate pair in a text"},
    {BYTES("[\"\xed\xa0\x80\"]"), "/0: invalid UTF-8, byte 0xed"},
    {BYTES("\"\xc0\xaf\""), "invalid UTF-8, byte 0xc0"},
    {BYTES("{\"a\":{\"b\":1,\"\\u0062\":2}}"), "/a/b: a duplicate key"},
    {BYTES("{\"\":1,\"\":2}"), "/: a duplicate key"},
    {BYTES("[1e400]"), "/0: the number is out of range"},
    {BYTES("[1e-20000]"), "/0: the number is out of range"},
    {BYTES("[1e99999999999999999999]"), "/0: the number is out of range"},
};

static void test_bad_json_is_refused_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_json / sizeof *bad_json; i++) {
        weir_error error = {0};
        weir_buffer out = WEIR_BUFFER(LIMIT);
        assert_false(weir_json_check(bad_json[i].json, bad_json[i].length, &error));
        assert_string_equal(error.message, bad_json[i].why);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        assert_false(weir_json_to_msgpack(bad_json[i].json, bad_json[i].length, &out, &error));
        assert_string_equal(error.message, bad_json[i].why);
        weir_buffer_free(&out);
    }
}

/* Good JSON, which msgpack cannot say. */
static void test_json_that_msgpack_cannot_hold(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } refused[] = {
        {"{\"n\":18446744073709551616}",
         "/n: the integer 18446744073709551616 does not fit 64 bit"},
        {"[-9223372036854775809]", "/0: the integer -9223372036854775809 does not fit 64 bit"},
        {"[0.1000000000000000055511151231257827]",
         "/0: a double cannot hold 0.1000000000000000055511151231257827 without loss"},
        {"[1e-400]", "/0: a double cannot hold 1e-400 without loss"},
        {"[9.99e308]", "/0: a double cannot hold 9.99e308 without loss"},
        {"9007199254740993.0", "a double cannot hold 9007199254740993.0 without loss"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        weir_error error = {0};
        weir_buffer out = WEIR_BUFFER(LIMIT);
        size_t length = strlen(refused[i].json);
        assert_true(weir_json_check(refused[i].json, length, &error));
        assert_false(weir_json_to_msgpack(refused[i].json, length, &out, &error));
        assert_string_equal(error.message, refused[i].why);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        weir_buffer_free(&out);
    }
}

static void test_msgpack_that_json_cannot_hold(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *why;
    } refused[] = {
        {BYTES(""), "the msgpack ends early"},
        {BYTES("\xce\0\0"), "the msgpack ends early"},
        {BYTES("\x92\x01"), "/1: the msgpack ends early"},
        {BYTES("\xdd\xff\xff\xff\xff\x01"), "/1: the msgpack ends early"},
        {BYTES("\xdb\xff\xff\xff\xffx"), "the msgpack ends early"},
        {BYTES("\x81\xa1k\xcb\x7f\xf8\0\0\0\0\0\0"), "/k: NaN has no JSON"},
        {BYTES("\x91\xca\x7f\x80\0\0"), "/0: infinity has no JSON"},
        {BYTES("\x91\xcb\xff\xf0\0\0\0\0\0\0"), "/0: -infinity has no JSON"},
        {BYTES("\x81\xa1k\xa2"
               "a\0"),
         "/k: \\u0000 in a text"},
        {BYTES("\x81\xa1k\xa1\xff"), "/k: invalid UTF-8, byte 0xff"},
        {BYTES("\x82\xa1k\x01\xa1\xff\x01"), "in a key: invalid UTF-8, byte 0xff"},
        {BYTES("\x91\x81\x01\x01"), "/0: in a key: it is not a text"},
        {BYTES("\x82\xa1k\x01\xa1k\x02"), "/k: a duplicate key"},
        {BYTES("\x91\xc4\x01x"), "/0: binary (bin) has no JSON"},
        {BYTES("\x91\xd6\xff\0\0\0\0"), "/0: an extension type (ext) has no JSON"},
        {BYTES("\xc7\x00\x01"), "an extension type (ext) has no JSON"},
        {BYTES("\xc1"), "byte 0xc1 is not msgpack"},
        {BYTES("\x01\x02\x03"), "2 bytes follow the value"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        weir_error error = {0};
        weir_buffer out = WEIR_BUFFER(LIMIT);
        assert_false(weir_msgpack_to_json(refused[i].bytes, refused[i].length, &out, &error));
        assert_string_equal(error.message, refused[i].why);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        weir_buffer_free(&out);
    }
}

static bool unpacks(const weir_buffer *bytes)
{
    msgpack_unpacked read;
    size_t offset = 0;
    msgpack_unpacked_init(&read);
    bool ok =
        msgpack_unpack_next(&read, bytes->data, bytes->length, &offset) == MSGPACK_UNPACK_SUCCESS &&
        offset == bytes->length;
    msgpack_unpacked_destroy(&read);
    return ok;
}

/* Deep: as many levels as msgpack-c reads, and no more, both ways. */
static void test_nesting_has_a_limit(void **state)
{
    (void)state;
    char json[2 * 33 + 1], bytes[33];
    weir_error error = {0};
    for (int depth = 32; depth <= 33; depth++) {
        weir_buffer packed = WEIR_BUFFER(LIMIT), text = WEIR_BUFFER(LIMIT);
        snprintf(json, sizeof json, "%.*s1%.*s", depth - 1, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                 depth - 1, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        memset(bytes, '\x91', 33);
        bytes[depth - 1] = '\x01';
        /* one more level around the first of them */
        char *deep = weir_format("[%s]", json);
        weir_buffer more = WEIR_BUFFER(64);
        weir_buffer_char(&more, '\x91');
        weir_buffer_append(&more, bytes, (size_t)depth);
        bool fits = depth == 32;
        assert_true(weir_json_to_msgpack(deep, strlen(deep), &packed, &error) == fits);
        assert_true(weir_msgpack_to_json(more.data, more.length, &text, &error) == fits);
        assert_true(unpacks(&more) == fits);
        if (!fits) {
            assert_non_null(strstr(error.message, "/0/0/0: nested deeper than 32 levels"));
            assert_int_equal(error.fate, WEIR_FATE_POISON);
        }
        free(deep);
        weir_buffer_free(&more);
        weir_buffer_free(&packed);
        weir_buffer_free(&text);
    }
}

static void test_json_may_be_deeper_but_not_endless(void **state)
{
    (void)state;
    static char deep[200000];
    weir_error error = {0};
    memset(deep, '[', sizeof deep);
    assert_false(weir_json_check(deep, sizeof deep, &error));
    assert_non_null(strstr(error.message, "…"));
    assert_non_null(strstr(error.message, "nested deeper than 2048 levels"));
    memset(deep + 1000, ']', 1000);
    assert_true(weir_json_check(deep, 2000, &error));
}

static void test_output_is_bounded(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_buffer small = WEIR_BUFFER(8);
    assert_false(weir_json_to_msgpack(BYTES("[\"0123456789\"]"), &small, &error));
    assert_non_null(strstr(error.message, "more than 8 bytes"));
    weir_buffer_clear(&small);
    assert_false(weir_json_to_msgpack(BYTES("\"0123456789\""), &small, &error));
    weir_buffer_clear(&small);
    assert_false(weir_msgpack_to_json(BYTES("\x91\xa8\1\1\1\1\1\1\1\1"), &small, &error));
    assert_non_null(strstr(error.message, "more than 8 bytes"));
    weir_buffer_free(&small);
}

/* A random value as msgpack by msgpack-c, seeded: what both can express. */
static uint64_t seed;

static uint64_t draw(void)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}

static double draw_double(void)
{
    double value;
    do {
        uint64_t bits = draw();
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return draw() % 2 ? value : (double)(int64_t)(draw() % 2000001) / 100 - 10000;
}

static void pack_text(msgpack_packer *packer, int number)
{
    static const char *const parts[] = {
        "a", "\"", "\\", "\xc3\xa9", "\x01", "\n", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "/", "~"};
    char text[400] = "";
    for (uint64_t left = draw() % 40; left > 0; left--)
        strcat(text, parts[draw() % 10]);
    if (number >= 0)
        snprintf(text + strlen(text), 12, "%d", number);
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void pack(msgpack_packer *packer, int levels)
{
    int count = (int)(draw() % 20);
    switch (draw() % (levels > 0 ? 8 : 6)) {
    case 0:
        msgpack_pack_nil(packer);
        break;
    case 1:
        draw() % 2 ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case 2:
        msgpack_pack_int64(packer, (int64_t)draw() >> draw() % 64);
        break;
    case 3:
        msgpack_pack_uint64(packer, draw() >> draw() % 64);
        break;
    case 4:
        msgpack_pack_double(packer, draw_double());
        break;
    case 5:
        pack_text(packer, -1);
        break;
    case 6:
        msgpack_pack_array(packer, (size_t)count);
        while (count-- > 0)
            pack(packer, levels - 1);
        break;
    default:
        msgpack_pack_map(packer, (size_t)count);
        for (; count > 0; count--) {
            pack_text(packer, count);
            pack(packer, levels - 1);
        }
    }
}

/* Exact both ways: the bytes come back as they were, and so does the JSON made of them. Keys end in
 * a number, with another digit or none before it, so that two may be equal by chance: never here.
 */
static void test_random_values_come_back(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 3000; round++) {
        msgpack_sbuffer made;
        msgpack_packer packer;
        seed = round * UINT64_C(0x9E3779B97F4A7C15);
        msgpack_sbuffer_init(&made);
        msgpack_packer_init(&packer, &made, msgpack_sbuffer_write);
        pack(&packer, 4);
        weir_buffer bytes = {.data = made.data, .length = made.size};
        weir_buffer json = to_json(&bytes);
        weir_buffer again = to_msgpack(json.data, json.length);
        assert_int_equal(again.length, made.size);
        assert_memory_equal(again.data, made.data, made.size);
        weir_error error = {0};
        assert_true(weir_json_check(json.data, json.length, &error));
        weir_buffer_free(&json);
        weir_buffer_free(&again);
        msgpack_sbuffer_destroy(&made);
    }
}

/* An object of many keys: found, and found quickly. */
static void test_a_duplicate_among_many(void **state)
{
    (void)state;
    weir_buffer json = WEIR_BUFFER((size_t)8 << 20);
    weir_error error = {0};
    weir_buffer_char(&json, '{');
    for (int i = 0; i < 200000; i++)
        weir_buffer_format(&json, "%s\"k%d\":%d", i ? "," : "", i, i);
    size_t unique = json.length;
    weir_buffer_char(&json, '}');
    assert_true(weir_json_check(json.data, json.length, &error));
    json.length = unique;
    weir_buffer_text(&json, ",\"k77777\":0}");
    assert_false(weir_json_check(json.data, json.length, &error));
    assert_string_equal(error.message, "/k77777: a duplicate key");
    weir_buffer_free(&json);
}

static void test_numbers_do_not_know_the_locale(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    const char *set = NULL;
    for (size_t i = 0; !set && i < 4; i++)
        set = setlocale(LC_NUMERIC, with_comma[i]);
    if (!set)
        skip(); /* this machine has no such locale */
    weir_buffer bytes = to_msgpack(BYTES("[1.5]"));
    weir_buffer json = to_json(&bytes);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(json.data, "[1.5]");
    weir_buffer_free(&bytes);
    weir_buffer_free(&json);
}

static void test_content_types(void **state)
{
    (void)state;
    static const char *const yes[] = {"application/msgpack", "application/x-msgpack",
                                      "Application/VND.msgpack ; v=1", "application/order+msgpack"};
    static const char *const no[] = {
        "application/json", "msgpack", "application/msgpacks", "text/msgpack", "+msgpack",
        "x/y; a=+msgpack",  ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(weir_is_msgpack(yes[i]) && !weir_is_json(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(weir_is_msgpack(no[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_value_has_its_bytes),
        cmocka_unit_test(test_other_spellings_are_read),
        cmocka_unit_test(test_bad_json_is_refused_everywhere),
        cmocka_unit_test(test_json_that_msgpack_cannot_hold),
        cmocka_unit_test(test_msgpack_that_json_cannot_hold),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_json_may_be_deeper_but_not_endless),
        cmocka_unit_test(test_output_is_bounded),
        cmocka_unit_test(test_random_values_come_back),
        cmocka_unit_test(test_a_duplicate_among_many),
        cmocka_unit_test(test_numbers_do_not_know_the_locale),
        cmocka_unit_test(test_content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
