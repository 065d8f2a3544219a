/* Base64: the RFC's vectors both ways, every byte, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base64.h"

static void test_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        char bytes[8];
        size_t length;
        weir_buffer text = WEIR_BUFFER((size_t)64);
        weir_base64_encode(&text, plain[i], strlen(plain[i]));
        assert_string_equal(text.data ? text.data : "", coded[i]);
        assert_true(weir_base64_decode(coded[i], strlen(coded[i]), bytes, &length));
        assert_int_equal(length, strlen(plain[i]));
        assert_memory_equal(bytes, plain[i], length);
        weir_buffer_free(&text);
    }
}

static void test_every_byte_comes_back(void **state)
{
    (void)state;
    char bytes[256], back[260];
    size_t length;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    weir_buffer text = WEIR_BUFFER((size_t)1024);
    weir_base64_encode(&text, bytes, sizeof bytes);
    assert_true(weir_base64_decode(text.data, text.length, back, &length));
    assert_int_equal(length, sizeof bytes);
    assert_memory_equal(back, bytes, sizeof bytes);
    weir_buffer_free(&text);
}

static void test_what_is_no_base64_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Z", "Zg=", "Zg", "Zg==Zg==", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "Zm9-"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char bytes[16];
        size_t length;
        if (weir_base64_decode(wrong[i], strlen(wrong[i]), bytes, &length))
            fail_msg("accepted %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_rfc_4648),
        cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
