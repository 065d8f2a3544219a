/* The contract of reading: every selector in both directions, by range, page by page, as of then.
 */
#include "tests/integration/contract_fixture.h"

/* Twelve events: of two types, each with three of the metadata values. */
static void given_a_shop(contract *c)
{
    for (int i = 0; i < 12; i++) {
        char id[16], metadata[160];
        weir_new_event e = json_event(i % 4 == 3 ? "renamed" : "created", "{}");
        snprintf(id, sizeof id, "%c%d", i % 2 ? 'o' : 'u', i % 3);
        snprintf(metadata, sizeof metadata,
                 "{\"correlationid\": \"r%d\", \"causationid\": \"c%d\", \"userid\": \"a%d\"}",
                 i % 4, i % 5, i % 6);
        e.metadata = metadata;
        given(c, i % 2 ? "order" : "user", id, e);
    }
}

#define U "user/u"
#define O "order/o"
#define SHOP                                                                                       \
    "user/u0@1 order/o1@1 user/u2@1 order/o0@1 user/u1@1 order/o2@1 "                              \
    "user/u0@2 order/o1@2 user/u2@2 order/o0@2 user/u1@2 order/o2@2"

static void one_stream_by_version(void **state)
{
    contract *c = *state;
    for (int i = 0; i < 5; i++) {
        given(c, "user", "u1", json_event("t", "{}"));
        given(c, "user", "u2", json_event("t", "{}"));
        given(c, "order", "u1", json_event("t", "{}"));
    }
#define STREAM .aggregate_type = "user", .aggregate_id = "u1"
    assert_reads(c, "user/u1@1 user/u1@2 user/u1@3 user/u1@4 user/u1@5", STREAM);
    assert_reads(c, "user/u1@5 user/u1@4 user/u1@3 user/u1@2 user/u1@1", STREAM, .backwards = true);
    assert_reads(c, "user/u1@2 user/u1@3 user/u1@4", STREAM, .from = 2, .to = 4);
    assert_reads(c, "user/u1@4 user/u1@3 user/u1@2", STREAM, .from = 2, .to = 4, .backwards = true);
    assert_reads(c, "user/u1@4 user/u1@5", STREAM, .from = 4);
    assert_reads(c, "user/u1@1 user/u1@2", STREAM, .to = 2); /* as of a version */
    assert_reads(c, "user/u1@4 user/u1@3", STREAM, .to = 4, .limit = 2, .backwards = true);
    assert_reads(c, "user/u1@2 user/u1@3", STREAM, .from = 2, .limit = 2);
    assert_reads(c, "user/u1@5", STREAM, .from = 5, .to = 99);
    assert_reads(c, "", STREAM, .from = 6);
    assert_reads(c, "", STREAM, .from = 4, .to = 3);
    assert_reads(c, "user/u1@1 user/u1@2", STREAM, .from = -7, .to = 2);
    assert_reads(c, "", .aggregate_type = "user", .aggregate_id = "u");
    assert_reads(c, "", .aggregate_type = "nothing", .aggregate_id = "u1");
#undef STREAM
}

static void a_stream_longer_than_a_page(void **state)
{
    contract *c = *state;
    weir_error error;
    static weir_new_event events[700];
    for (int i = 0; i < 700; i++)
        events[i] = json_event("t", "{}");
    assert_int_equal(append_events(c, "user", "u1", 0, events, 700, &error), 700);
    assert_reads(c, "user/u1@699 user/u1@700", .aggregate_type = "user", .aggregate_id = "u1",
                 .from = 699);
    assert_reads(c, "user/u1@2 user/u1@1", .aggregate_type = "user", .aggregate_id = "u1", .to = 2,
                 .backwards = true);
    int64_t next = 1, sum = 0;
    for (;; next += 60) {
        struct seen seen = read_events(
            c,
            (weir_read){.aggregate_type = "user", .aggregate_id = "u1", .from = next, .limit = 60});
        sum += seen.count;
        if (seen.count < 60)
            break;
    }
    assert_int_equal(sum, 700);
}

static void all_events_by_position(void **state)
{
    contract *c = *state;
    given_a_shop(c);
    struct seen all = read_events(c, (weir_read){0});
    assert_string_equal(all.text, SHOP);
    assert_reads(c, O "2@2 " U "1@2 " O "0@2", .backwards = true, .limit = 3);
    assert_reads(c, U "1@1 " O "2@1", .after = all.positions[3], .limit = 2);
    assert_reads(c, O "2@2", .after = all.positions[10]);
    assert_reads(c, "", .after = all.positions[11]);
    assert_reads(c, "", .after = all.positions[11] + 100);
    assert_reads(c, O "1@1 " U "0@1", .after = all.positions[2], .backwards = true);
    assert_reads(c, "", .after = all.positions[0], .backwards = true);
    assert_reads(c, O "2@2", .after = all.positions[11] + 100, .backwards = true, .limit = 1);
    assert_reads(c, SHOP, .limit = -1);
    assert_reads(c, U "0@1 " O "1@1", .through = all.positions[1]);
    assert_reads(c, O "1@1", .through = all.positions[1], .after = all.positions[0]);
    assert_reads(c, O "1@1", .through = all.positions[2], .aggregate_type = "order");
    assert_reads(c, "", .through = all.positions[1], .after = all.positions[1]);
    assert_reads(c, SHOP, .through = all.positions[11]);
}

/* A selector, and which of the shop's events it finds. */
struct choice {
    weir_read what;
    const char *found;
};

static const struct choice choices[] = {
    {{0}, SHOP},
    {{.aggregate_type = "user"}, U "0@1 " U "2@1 " U "1@1 " U "0@2 " U "2@2 " U "1@2"},
    {{.aggregate_type = "order"}, O "1@1 " O "0@1 " O "2@1 " O "1@2 " O "0@2 " O "2@2"},
    {{.event_type = "renamed"}, O "0@1 " O "1@2 " O "2@2"},
    {{.correlation_id = "r1"}, O "1@1 " O "2@1 " O "0@2"},
    {{.causation_id = "c0"}, U "0@1 " O "2@1 " U "1@2"},
    {{.causation_id = "c1"}, O "1@1 " U "0@2 " O "2@2"},
    {{.user_id = "a5"}, O "2@1 " O "2@2"},
    {{.aggregate_type = "use"}, ""},
    {{.event_type = "creat"}, ""},
    {{.correlation_id = "c1"}, ""},
    {{.causation_id = ""}, ""},
    {{.user_id = "a"}, ""},
};

/* Reads page by page in one direction and joins what came. */
static struct seen by_pages(contract *c, weir_read what, int64_t page)
{
    weir_error error = {0};
    struct seen seen = {0};
    for (int before = -1; before < seen.count;) {
        before = seen.count;
        what.limit = page;
        assert_ok(weir_store_read(c->store, &what, see, &seen, &error));
        assert_true(seen.count - before <= page);
        what.after = seen.count ? seen.positions[seen.count - 1] : what.after;
    }
    return seen;
}

static void turned_around(const char *text, char *out)
{
    size_t end = strlen(text);
    *out = '\0';
    for (size_t i = end; i > 0; i--)
        if (i == 1 || text[i - 2] == ' ') {
            sprintf(out + strlen(out), "%s%.*s", *out ? " " : "", (int)(end - i + 1), text + i - 1);
            end = i >= 2 ? i - 2 : 0;
        }
}

static void every_selector_in_both_directions_page_by_page(void **state)
{
    contract *c = *state;
    given_a_shop(c);
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        char backwards[512];
        turned_around(choices[i].found, backwards);
        for (int64_t page = 1; page <= 13; page += 2) {
            weir_read what = choices[i].what;
            assert_string_equal(by_pages(c, what, page).text, choices[i].found);
            what.backwards = true;
            assert_string_equal(by_pages(c, what, page).text, backwards);
        }
        assert_string_equal(read_events(c, choices[i].what).text, choices[i].found);
    }
}

static void metadata_values_are_read_as_texts(void **state)
{
    contract *c = *state;
    static const char *const metadata[] = {"{\"correlationid\": \"\\u00e9 \\\"x\\\"\"}",
                                           "{\"correlationid\": 1.50}",
                                           "{\"correlationid\": {\"b\":1,\"a\":[]}}",
                                           "{\"correlationid\": null}",
                                           "{\"correlationid\": \"\"}",
                                           "{\"a\": {\"correlationid\": \"inner\"}}",
                                           "{\"correlationid\": true, \"z\": 0}"};
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        weir_new_event e = json_event("t", "1");
        e.metadata = metadata[i];
        given(c, "user", "u1", e);
    }
    assert_reads(c, "user/u1@1", .correlation_id = "\xc3\xa9 \"x\"");
    assert_reads(c, "user/u1@2", .correlation_id = "1.50");
    assert_reads(c, "user/u1@3", .correlation_id = "{\"a\": [], \"b\": 1}");
    assert_reads(c, "", .correlation_id = "null");
    assert_reads(c, "user/u1@5", .correlation_id = "");
    assert_reads(c, "", .correlation_id = "inner");
    assert_reads(c, "user/u1@7", .correlation_id = "true");
}

static void names_are_only_names(void **state)
{
    contract *c = *state;
    static const char *const names[] = {"it's", "$1", "a\\'b", "';--", "%s"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        given(c, "user", names[i], json_event(names[i], "\"'$2\""));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "user/%s@1", names[i]);
        assert_reads(c, expected, .event_type = names[i]);
        assert_reads(c, expected, .event_type = names[i], .backwards = true);
    }
}

static void as_of_a_time(void **state)
{
    contract *c = *state;
    given_a_shop(c);
    usleep(2000);
    given(c, "user", "u0", json_event("renamed", "{}"));
    struct seen all = read_events(c, (weir_read){0});
    for (int i = 1; i < all.count; i++)
        assert_true(all.recorded_us[i] >= all.recorded_us[i - 1]);
    int64_t then = all.recorded_us[12] - 1;
    assert_reads(c, SHOP, .as_of_us = then);
    assert_reads(c, O "2@2", .as_of_us = then, .backwards = true, .limit = 1);
    assert_reads(c, U "0@3", .as_of_us = all.recorded_us[12], .backwards = true, .limit = 1);
    assert_reads(c, U "0@1 " U "0@2", .aggregate_type = "user", .aggregate_id = "u0",
                 .as_of_us = then);
    assert_reads(c, U "0@2", .aggregate_type = "user", .aggregate_id = "u0", .as_of_us = then,
                 .backwards = true, .limit = 1);
    assert_reads(c, O "0@1 " O "1@2 " O "2@2", .event_type = "renamed", .as_of_us = then);
    assert_reads(c, "", .as_of_us = all.recorded_us[0] - 1);
    assert_reads(c, "", .as_of_us = 1);
}

static void selectors_exclude_each_other(void **state)
{
    contract *c = *state;
    static const weir_read refused[] = {
        {.aggregate_type = "user", .event_type = "t"},
        {.event_type = "t", .correlation_id = "r"},
        {.correlation_id = "r", .causation_id = "c"},
        {.causation_id = "c", .user_id = "a"},
        {.aggregate_id = "u1"},
        {.aggregate_type = "user", .aggregate_id = "u1", .after = 1},
        {.aggregate_type = "user", .from = 1},
        {.to = 1},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        weir_error error = {0};
        struct seen seen = {0};
        weir_read what = refused[i];
        assert_false(weir_store_read(c->store, &what, see, &seen, &error));
        assert_int_equal(error.fate, WEIR_FATE_CONFIG);
        assert_int_equal(seen.count, 0);
    }
}

static void the_horizon_covers_what_was_read(void **state)
{
    contract *c = *state;
    weir_error error;
    given_a_shop(c);
    struct seen all = read_events(c, (weir_read){0}), seen = {0};
    weir_read what = {.user_id = "nobody", .horizon = -1};
    assert_ok(weir_store_read(c->store, &what, see, &seen, &error));
    assert_true(what.horizon >= all.positions[11]);
    assert_int_equal(what.after, 0);
}

static void a_reader_that_has_enough_ends_with_its_own_error(void **state)
{
    contract *c = *state;
    given_a_shop(c);
    static const weir_read reads[] = {
        {0}, {.backwards = true}, {.aggregate_type = "user"}, {.user_id = "a5"}, {.limit = 9}};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        weir_error error = {0};
        struct seen seen = {.stop_after = 2};
        weir_read what = reads[i];
        assert_false(weir_store_read(c->store, &what, see, &seen, &error));
        assert_string_equal(error.message, "seen enough");
        assert_int_equal(error.fate, WEIR_FATE_CONFIG);
        assert_int_equal(seen.count, 2);
        assert_true(weir_store_alive(c->store));
        assert_reads(c, O "2@1 " O "2@2", .user_id = "a5");
    }
    given(c, "user", "u0", json_event("t", "{}"));
}

struct listed {
    char text[512];
    int stop_after;
};

static bool list(void *context, const char *type, const char *id, int64_t version,
                 weir_error *error)
{
    struct listed *listed = context;
    sprintf(listed->text + strlen(listed->text), "%s/%s=%lld ", type, id, (long long)version);
    return listed->stop_after == 0 || --listed->stop_after > 0 ||
           weir_fail(error, WEIR_FATE_CONFIG, "enough");
}

/* Each tries something else on the handle it is called from. */
static bool append_within(void *context, const weir_event *event, weir_error *error)
{
    (void)event;
    const weir_new_event made = json_event("note.written", "1");
    weir_append append = {"note", "within", WEIR_ANY_VERSION, &made, 1, 0};
    return weir_store_append(context, &append, 1, NULL, error);
}

static bool read_within(void *context, const weir_event *event, weir_error *error)
{
    weir_read what = {.after = event->position};
    return weir_store_read(context, &what, append_within, context, error);
}

static bool ask_within(void *context, const char *type, const char *id, int64_t version,
                       weir_error *error)
{
    return weir_store_stream_version(context, type, id, &version, error);
}

static void a_receiver_does_not_use_the_handle_it_receives_from(void **state)
{
    contract *c = *state;
    static weir_event_fn *const receivers[] = {append_within, read_within};
    given_a_shop(c);
    for (size_t i = 0; i < 2; i++) {
        weir_error error = {0};
        assert_false(weir_store_read(c->store, &(weir_read){0}, receivers[i], c->store, &error));
        assert_int_equal(error.fate, WEIR_FATE_FATAL);
        assert_non_null(strstr(error.message, "must not use the store handle"));
    }
    weir_error error = {0};
    int64_t version;
    assert_false(weir_store_streams(c->store, NULL, 0, ask_within, c->store, &error));
    assert_int_equal(error.fate, WEIR_FATE_FATAL);
    assert_ok(weir_store_stream_version(c->store, "note", "within", &version, &error));
    assert_int_equal(version, 0);
}

static void streams_are_listed_in_order(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    given_a_shop(c);
    given(c, "user", "u0", json_event("t", "{}"));
    static const struct {
        const char *type;
        int64_t limit;
        const char *text;
    } lists[] = {
        {NULL, 0, "order/o0=2 order/o1=2 order/o2=2 user/u0=3 user/u1=2 user/u2=2 "},
        {NULL, 4, "order/o0=2 order/o1=2 order/o2=2 user/u0=3 "},
        {"user", 0, "user/u0=3 user/u1=2 user/u2=2 "},
        {"user", 1, "user/u0=3 "},
        {"nothing", 0, ""},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct listed listed = {0};
        assert_ok(
            weir_store_streams(c->store, lists[i].type, lists[i].limit, list, &listed, &error));
        assert_string_equal(listed.text, lists[i].text);
    }
    struct listed early = {.stop_after = 2};
    assert_false(weir_store_streams(c->store, NULL, 0, list, &early, &error));
    assert_string_equal(error.message, "enough");
    assert_int_equal(version_of(c, "user", "u0"), 3);
}

static void a_store_is_itself(void **state)
{
    contract *c = *state;
    weir_uuid id;
    weir_store *other = contract_open(c);
    assert_true(weir_uuid_parse(weir_store_id(c->store), strlen(weir_store_id(c->store)), &id));
    assert_string_equal(weir_store_id(other), weir_store_id(c->store));
    assert_in_range(weir_store_number(other), 1, 32767);
    assert_true((weir_store_connection(other) == NULL) == (c->memory != NULL));
    given(c, "user", "u1", json_event("t", "1"));
    int64_t version;
    weir_error error;
    assert_ok(weir_store_stream_version(other, "user", "u1", &version, &error));
    assert_int_equal(version, 1);
    weir_store_close(other);
    assert_int_equal(version_of(c, "user", "u1"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(one_stream_by_version),
        CONTRACT(a_stream_longer_than_a_page),
        CONTRACT(all_events_by_position),
        CONTRACT(every_selector_in_both_directions_page_by_page),
        CONTRACT(metadata_values_are_read_as_texts),
        CONTRACT(names_are_only_names),
        CONTRACT(as_of_a_time),
        CONTRACT(selectors_exclude_each_other),
        CONTRACT(the_horizon_covers_what_was_read),
        CONTRACT(a_reader_that_has_enough_ends_with_its_own_error),
        CONTRACT(a_receiver_does_not_use_the_handle_it_receives_from),
        CONTRACT(streams_are_listed_in_order),
        CONTRACT(a_store_is_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
