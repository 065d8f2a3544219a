/* Show: the whole configuration as YAML that loads again; the reference page is the committed one.
 */
#include "config/config_int.h"
#include "tests/unit/config_fixture.h"

static weir_buffer shown = WEIR_BUFFER(1 << 20);

static const char *show(const weir_config *config)
{
    weir_buffer_clear(&shown);
    weir_config_show(config, &shown);
    assert_false(shown.overflow);
    return shown.data;
}

static void expect_part(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in:\n%s", part, text);
}

static void test_values_with_their_source(void **state)
{
    (void)state;
    setenv("WEIR_RELAY_NAME", "other", 1);
    weir_config *config = must_load("kafka:\n"
                                    "  brokers: a:1\n"
                                    "  properties: { sasl.password: SECRET, retries: 5 }\n"
                                    "store: { conninfo: 'host=h password=SECRET' }\n"
                                    "subscriptions:\n"
                                    "  u: { batch_ms: 5 }\n",
                                    "log.level=warn");
    unsetenv("WEIR_RELAY_NAME");
    const char *text = show(config);
    expect_part(text, "store:\n  conninfo: \"host=h password=***\"  # weir.yaml:4\n");
    expect_part(text, "  brokers: \"a:1\"  # weir.yaml:2\n");
    expect_part(text,
                "  properties: {\"sasl.password\": \"***\", \"retries\": \"5\"}  # weir.yaml:3\n");
    expect_part(text, "  partitions: 6  # default\n");
    expect_part(text, "relay:\n  name: \"other\"  # WEIR_RELAY_NAME\n");
    expect_part(text, "  files: []  # default\n");
    expect_part(text, "log:\n  level: \"warn\"  # --set\n");
    expect_part(text, "subscriptions:\n  \"u\":\n    batch_ms: 5  # weir.yaml:6\n");
    assert_null(strstr(text, "SECRET"));
    weir_config_free(config);
}

/* Loaded again, everything but the secrets is what it was, whatever characters it holds. */
static void test_loads_again(void **state)
{
    (void)state;
    weir_config *config =
        must_load("relay:\n"
                  "  name: 'a \"b\" $${HOME} $$$$ # c: d \\ \xc3\xa4'\n"
                  "kafka:\n"
                  "  properties: { 'x: y': \"tab\\tnewline\\n\", sasl.username: '${FIXTURE:~}' }\n"
                  "projections: { files: ['*.sql', '- a', ''] }\n"
                  "subscriptions: { 'a: b': { batch_ms: 7 } }\n",
                  NULL);
    char *first = weir_strdup(show(config));
    weir_config *again = must_load(first, NULL);
    assert_string_equal(weir_config_text(again, "relay.name"),
                        "a \"b\" ${HOME} $$ # c: d \\ \xc3\xa4");
    assert_string_equal(weir_config_text(again, "relay.name"),
                        weir_config_text(config, "relay.name"));
    assert_string_equal(weir_config_item_key(again, "kafka.properties", 0), "x: y");
    assert_string_equal(weir_config_item(again, "kafka.properties", 0), "tab\tnewline\n");
    assert_string_equal(weir_config_item(again, "kafka.properties", 1), "~");
    assert_int_equal(weir_config_count(again, "projections.files"), 3);
    assert_int_equal(weir_config_subscription_integer(again, "a: b", "batch_ms"), 7);
    free(first);
    weir_config_free(config);
    weir_config_free(again);
}

static char *read_source(const char *path)
{
    const char *here = strstr(__FILE__, "tests/unit/");
    char *full = weir_format("%.*s%s", (int)(here - __FILE__), __FILE__, path);
    FILE *file = fopen(full, "r");
    if (!file)
        fail_msg("cannot read %s", full);
    char *text = weir_calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    free(full);
    return text;
}

/* When this fails: weir config reference > docs/configuration.md */
static void test_reference_is_the_committed_page(void **state)
{
    (void)state;
    char *page = read_source("docs/configuration.md");
    weir_buffer_clear(&shown);
    weir_config_reference(&shown);
    assert_string_equal(shown.data, page);
    free(page);
}

/* The example shows every setting, at its default, commented out; without the marks it loads. */
static void test_example_shows_every_setting(void **state)
{
    (void)state;
    char *example = read_source("examples/weir.yaml");
    weir_config_free(must_load(example, NULL));
    char *out = example;
    for (const char *in = example; *in;) {
        bool marked = strncmp(in, "#:", 2) == 0;
        in += marked ? 2 : 0;
        size_t line = strcspn(in, "\n") + 1;
        memmove(out, in, line);
        out += line;
        in += line;
    }
    *out = '\0';
    weir_config *config = must_load(example, NULL);
    for (size_t i = 0; weir_settings[i].name; i++) {
        const weir_setting *s = &weir_settings[i];
        const weir_value *value = &config->values[i];
        for (size_t o = 0; o < config->overlay_count; o++)
            if (weir_overlay_section(s->name, '.') == config->overlays[o].section)
                value = &config->overlays[o].values[i];
        if (!value->source || strncmp(value->source, "weir.yaml", 9) != 0)
            fail_msg("%s is not in examples/weir.yaml", s->name);
        if (s->preset && (s->type == WEIR_SETTING_INTEGER || s->type == WEIR_SETTING_CHOICE))
            assert_string_equal(value->text, s->preset);
    }
    weir_config_free(config);
    free(example);
}

static int free_buffer(void **state)
{
    weir_buffer_free(&shown);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_with_their_source),
        cmocka_unit_test(test_loads_again),
        cmocka_unit_test(test_reference_is_the_committed_page),
        cmocka_unit_test(test_example_shows_every_setting),
    };
    return cmocka_run_group_tests(tests, enter_folder, free_buffer);
}
