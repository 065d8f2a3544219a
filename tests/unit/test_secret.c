/* Secrets: no password of any conninfo that libpq reads is shown, nor one that it cannot read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "config/config_int.h"

static void test_conninfos(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"host=a dbname=b", "host=a dbname=b"},
        {"host=a password=SECRET user=c", "host=a password=*** user=c"},
        {"password = SECRET", "password=***"},
        {"password='SE CRET' host=a", "password=*** host=a"},
        {"password='SE\\'CRET x' host=a", "password=*** host=a"},
        {"password=SE\\ CRET host=a", "password=*** host=a"},
        {"password='a://SECRET' host=a", "password=*** host=a"},
        {"sslpassword=SECRET", "sslpassword=***"},
        {"PASSWORD=SECRET", "PASSWORD=***"},
        {"application_name='password=x' host=a", "application_name='password=x' host=a"},
        {"passfile=/a/b host=''", "passfile=/a/b host=''"},
        {"postgresql://u:SECRET@h:5432/db", "postgresql://u:***@h:5432/db"},
        {"postgres://u@h/db?a=b", "postgres://u@h/db?a=b"},
        {"postgres://h:5432/db", "postgres://h:5432/db"},
        {"postgres://u:SE?CRET@h/db", "postgres://u:***@h/db"},
        {"postgres://u:SE/CRET@h/db", "postgres://u:***@h/db"},
        {"postgres://u:SE@CRET@h/db", "postgres://u:***@h/db"},
        {"postgres://u:SE:CRET@[::1]/db", "postgres://u:***@[::1]/db"},
        {"postgres://h/db?password=SECRET&user=u", "postgres://h/db?password=***&user=u"},
        {"postgres://h/db?user=u&sslpassword=SECRET", "postgres://h/db?user=u&sslpassword=***"},
        {"postgres://h/db?pass%77ord=SECRET", "postgres://h/db?pass%77ord=***"},
        {"postgres://", "postgres://"},
        {"password SECRET", "***"},
        {"password='SECRET", "***"},
        {"=SECRET", "***"},
        {"mysql://u:SECRET@h", "***"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *shown = weir_redact_conninfo(cases[i][0]);
        assert_string_equal(shown, cases[i][1]);
        assert_null(strstr(shown, "SE"));
        free(shown);
    }
}

static void test_properties(void **state)
{
    (void)state;
    static const char *const secret[] = {
        "sasl.password",           "ssl.key.password",
        "ssl.keystore.password",   "ssl.key.pem",
        "SASL.Password",           "sasl.jaas.config",
        "sasl.oauthbearer.config", "sasl.oauthbearer.client.secret"};
    static const char *const open[] = {"sasl.username", "ssl.key.location", "bootstrap.servers",
                                       "security.protocol", "ssl.ca.pem"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        assert_true(weir_is_secret_property(secret[i]));
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_false(weir_is_secret_property(open[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conninfos),
        cmocka_unit_test(test_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
