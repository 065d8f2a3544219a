/* The contract of appending: modes, repeated ids, many streams at once. */
#include "tests/integration/contract_fixture.h"

static void every_expected_version_mode(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event e = json_event("user.created", "{}");
    static const struct {
        int64_t expected, version; /* version -1: a conflict */
    } steps[] = {{WEIR_MUST_EXIST, -1},
                 {1, -1},
                 {WEIR_NO_STREAM, 1},
                 {WEIR_NO_STREAM, -1},
                 {2, -1},
                 {1, 2},
                 {WEIR_MUST_EXIST, 3},
                 {WEIR_ANY_VERSION, 4},
                 {3, -1},
                 {5, -1},
                 {INT64_MAX, -1},
                 {4, 5}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_int_equal(append_one(c, "user", "u1", steps[i].expected, e, &error),
                         steps[i].version);
    assert_int_equal(append_one(c, "user", "u2", WEIR_ANY_VERSION, e, &error), 1);
    assert_int_equal(version_of(c, "user", "u1"), 5);
    assert_int_equal(version_of(c, "user", "u2"), 1);
    assert_int_equal(version_of(c, "user", "nobody"), 0);
}

static void a_conflict_says_what_was_expected_and_what_is(void **state)
{
    contract *c = *state;
    weir_error error;
    given(c, "user", "u1", json_event("t", "1"));
    assert_int_equal(append_one(c, "user", "u1", 7, json_event("t", "1"), &error), -1);
    assert_int_equal(error.fate, WEIR_FATE_CONFLICT);
    assert_int_equal(error.code, WEIR_CONFLICT);
    assert_string_equal(error.sqlstate, "WV001");
    assert_string_equal(error.message, "conflict in user/u1: expected version 7, actual version 1");
    assert_reads(c, "user/u1@1", .limit = 0);
}

static weir_new_event *with_ids(weir_new_event *events, weir_uuid *ids, size_t count, unsigned from)
{
    static const char *const data[] = {"{\"n\": 1.50, \"m\": [true, null]}", "2", "{}", "\"four\""};
    for (size_t i = 0; i < count; i++) {
        ids[i] = id_number(from + (unsigned)i);
        events[i] = json_event(i % 2 ? "user.renamed" : "user.created", data[i % 4]);
        events[i].id = &ids[i];
    }
    return events;
}

static void the_identical_append_is_absorbed(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event e[4];
    weir_uuid ids[4];
    with_ids(e, ids, 4, 0);
    assert_int_equal(append_events(c, "user", "u1", 0, e, 1, &error), 1);
    assert_int_equal(append_events(c, "user", "u1", 0, e, 1, &error), 1);
    assert_int_equal(append_events(c, "user", "u1", 1, e + 1, 3, &error), 4);
    given(c, "user", "u1", json_event("t", "1"));
    /* after later events, and whatever is expected now: what it returned the first time */
    assert_int_equal(append_events(c, "user", "u1", 0, e, 1, &error), 1);
    assert_int_equal(append_events(c, "user", "u1", 1, e + 1, 3, &error), 4);
    assert_int_equal(append_events(c, "user", "u1", 77, e + 1, 3, &error), 4);
    /* a run that was stored by two calls is one run all the same */
    assert_int_equal(append_events(c, "user", "u1", 0, e, 4, &error), 4);
    assert_int_equal(version_of(c, "user", "u1"), 5);
    assert_int_equal(read_events(c, (weir_read){0}).count, 5);
}

static void equal_json_is_the_same_and_other_json_is_not(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_uuid id = id_number(1);
    weir_new_event e = json_event("t", "{\"a\": 1.50, \"b\": [1e2, \"\\u00e9\"]}");
    e.id = &id;
    static const char *const same[] = {"{\"b\":[100,\"\xc3\xa9\"],\"a\":1.5}",
                                       "{ \"a\" : 1.5000, \"b\" : [1.00E+2, \"\xc3\xa9\"] }"};
    static const char *const other[] = {
        "{\"a\": 1.51, \"b\": [100, \"\xc3\xa9\"]}", "{\"a\": 1.5, \"b\": [\"\xc3\xa9\", 100]}",
        "{\"a\": \"1.5\", \"b\": [100, \"\xc3\xa9\"]}", "{\"a\": 1.5}", "null"};
    assert_int_equal(append_one(c, "user", "u1", 0, e, &error), 1);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        e.data = same[i];
        e.data_length = strlen(same[i]);
        assert_int_equal(append_one(c, "user", "u1", 0, e, &error), 1);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        e.data = other[i];
        e.data_length = strlen(other[i]);
        assert_int_equal(append_one(c, "user", "u1", 1, e, &error), -1);
        assert_string_equal(error.sqlstate, "WV003");
    }
}

static void assert_overlap(contract *c, const char *type, const char *id,
                           const weir_new_event *events, size_t count, const char *message)
{
    weir_error error;
    assert_int_equal(append_events(c, type, id, WEIR_ANY_VERSION, events, count, &error), -1);
    assert_string_equal(error.message, message);
    assert_string_equal(error.sqlstate, "WV003");
    assert_int_equal(error.fate, WEIR_FATE_POISON);
}

#define ONLY " Hint: Only the identical append may be repeated; other events need other ids."

static void a_partial_overlap_is_refused(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event e[4];
    weir_uuid ids[4];
    with_ids(e, ids, 4, 0);
    assert_int_equal(append_events(c, "user", "u1", 0, e, 2, &error), 2);
    assert_overlap(c, "user", "u1", e + 1, 2,
                   "1 of 2 event ids are already used in user: For example in u1 "
                   "(018f4e6e-0c6b-7d5e-9f63-000000000001)." ONLY);
    assert_overlap(c, "user", "u2", e, 2,
                   "2 of 2 event ids are already used in user: For example in u1 "
                   "(018f4e6e-0c6b-7d5e-9f63-000000000000)." ONLY);
    weir_new_event turned[] = {e[1], e[0]};
    weir_error ignored;
    assert_int_equal(append_events(c, "user", "u1", 0, turned, 2, &ignored), -1);
    weir_new_event renamed = e[0];
    renamed.type = "user.other";
    assert_int_equal(append_one(c, "user", "u1", 0, renamed, &ignored), -1);
    weir_new_event binary = {.type = e[1].type,
                             .data = "2",
                             .data_length = 1,
                             .binary = true,
                             .content_type = "x/y",
                             .id = e[1].id};
    assert_int_equal(append_one(c, "user", "u1", 1, binary, &error), -1);
    assert_string_equal(error.sqlstate, "WV003");
    /* ids are unique within an aggregate type only */
    assert_int_equal(append_events(c, "order", "u1", 0, e, 2, &error), 2);
    assert_int_equal(version_of(c, "user", "u1"), 2);
    assert_int_equal(version_of(c, "user", "u2"), 0);
}

static void an_id_twice_in_one_append_is_refused(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_uuid id = id_number(1);
    weir_new_event e[] = {json_event("t", "1"), json_event("t", "2"), json_event("t", "3")};
    e[0].id = e[2].id = &id;
    assert_int_equal(append_events(c, "user", "u1", 0, e, 3, &error), -1);
    assert_string_equal(error.sqlstate, "WV002");
    assert_string_equal(error.message, "an event id stands twice in one append to user/u1");
    assert_int_equal(version_of(c, "user", "u1"), 0);
}

static void binary_data_is_absorbed_byte_by_byte(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_uuid id = id_number(1);
    weir_new_event e = {.type = "t",
                        .data = "\x00\x01\xff",
                        .data_length = 3,
                        .binary = true,
                        .content_type = "application/octet-stream",
                        .id = &id};
    assert_int_equal(append_one(c, "user", "u1", 0, e, &error), 1);
    assert_int_equal(append_one(c, "user", "u1", 0, e, &error), 1);
    e.data = "\x00\x01\xfe";
    assert_int_equal(append_one(c, "user", "u1", 0, e, &error), -1);
    assert_string_equal(error.sqlstate, "WV003");
    e.data_length = 0;
    e.id = NULL;
    assert_int_equal(append_one(c, "user", "u1", 1, e, &error), 2);
}

static void many_streams_or_none(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event e[] = {json_event("t", "1"), json_event("t", "2")};
    weir_append appends[] = {{"user", "u3", 0, e, 2, 0},
                             {"user", "u1", 0, e, 1, 0},
                             {"order", "u2", 7, e, 1, 0},
                             {"user", "u2", 0, e, 1, 0}};
    size_t failed = 9;
    assert_false(weir_store_append(c->store, appends, 4, &failed, &error));
    assert_int_equal(failed, 2);
    assert_int_equal(error.fate, WEIR_FATE_CONFLICT);
    assert_int_equal(read_events(c, (weir_read){0}).count, 0);
    assert_int_equal(version_of(c, "user", "u1"), 0);
    appends[2].expected_version = 0;
    assert_ok(weir_store_append(c->store, appends, 4, &failed, &error));
    assert_int_equal(appends[0].version, 2);
    assert_int_equal(appends[3].version, 1);
    assert_reads(c, "order/u2@1 user/u1@1 user/u2@1 user/u3@1 user/u3@2", .limit = 0);
}

static void what_a_failed_call_had_placed_leaves_no_trace(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_uuid id = id_number(1);
    weir_new_event e = json_event("t", "1"), other = json_event("t", "2");
    e.id = &id;
    given(c, "user", "u2", json_event("t", "0"));
    weir_append appends[] = {{"user", "u1", 0, &e, 1, 0}, {"user", "u2", 5, &other, 1, 0}};
    assert_false(weir_store_append(c->store, appends, 2, NULL, &error));
    /* neither its id nor its stream is known */
    assert_int_equal(append_one(c, "user", "u9", WEIR_NO_STREAM, e, &error), 1);
    assert_int_equal(append_one(c, "user", "u1", WEIR_MUST_EXIST, other, &error), -1);
    assert_int_equal(append_one(c, "user", "u1", WEIR_NO_STREAM, other, &error), 1);
    assert_reads(c, "user/u2@1 user/u9@1 user/u1@1", .limit = 0);
}

static void appends_to_one_stream_keep_their_order(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event e[] = {json_event("first", "1"), json_event("second", "2"),
                          json_event("third", "3")};
    weir_append appends[] = {{"user", "u1", 0, &e[0], 1, 0},
                             {"order", "o1", 0, &e[0], 1, 0},
                             {"user", "u1", 1, &e[1], 1, 0},
                             {"user", "u1", 2, &e[2], 1, 0}};
    assert_ok(weir_store_append(c->store, appends, 4, NULL, &error));
    assert_int_equal(appends[3].version, 3);
    assert_reads(c, "user/u1@3", .event_type = "third");
    appends[3].expected_version = 1; /* the second already made it 2 */
    appends[0].expected_version = 3;
    appends[2].expected_version = 4;
    appends[1].expected_version = 1;
    size_t failed = 9;
    assert_false(weir_store_append(c->store, appends, 4, &failed, &error));
    assert_int_equal(failed, 3);
    assert_string_equal(error.message, "conflict in user/u1: expected version 1, actual version 5");
}

static void a_refused_event_names_its_append_and_place(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event good = json_event("t", "1");
    weir_new_event bad[] = {good, good, json_event("", "1")};
    weir_append appends[] = {{"user", "u1", 0, &good, 1, 0},
                             {"user", "u3", 9, &good, 1, 0},
                             {"user", "u2", 0, bad, 3, 0}};
    size_t failed = 9;
    assert_false(weir_store_append(c->store, appends, 3, &failed, &error));
    assert_int_equal(failed, 2); /* u2 comes before u3 */
    assert_string_equal(error.message, "event 3 of 3 for user/u2 is refused: \"type\" must have 1 "
                                       "to 200 bytes and no control characters");
    assert_int_equal(read_events(c, (weir_read){0}).count, 0);
    assert_ok(weir_store_append(c->store, appends, 1, &failed, &error));
}

static void a_tombstone_closes_its_stream(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_uuid id = id_number(1);
    weir_new_event tombstone = json_event(WEIR_TOMBSTONE, "null"), e = json_event("t", "1");
    tombstone.id = &id;
    given(c, "user", "u1", e);
    assert_int_equal(append_one(c, "user", "u1", 1, tombstone, &error), 2);
    static const int64_t expected[] = {WEIR_ANY_VERSION, WEIR_MUST_EXIST, 2, 1, WEIR_NO_STREAM};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(append_one(c, "user", "u1", expected[i], e, &error), -1);
        assert_string_equal(error.sqlstate, "WV006");
        assert_int_equal(error.fate, WEIR_FATE_CONFLICT);
        assert_string_equal(error.message,
                            "user/u1 is closed: Its last event, version 2, is a tombstone. Hint: "
                            "Append to an aggregate with another id.");
    }
    assert_int_equal(append_one(c, "user", "u1", 1, tombstone, &error), 2); /* absorbed */
    assert_int_equal(version_of(c, "user", "u1"), 2);
    assert_reads(c, "user/u1@2", .event_type = WEIR_TOMBSTONE);
    given(c, "order", "u1", e); /* another stream */
}

static void a_tombstone_comes_last_or_not_at_all(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event early[] = {json_event("t", "1"), json_event(WEIR_TOMBSTONE, "null"),
                              json_event("t", "2")};
    assert_int_equal(append_events(c, "user", "u1", 0, early, 3, &error), -1);
    assert_string_equal(error.message,
                        "event 2 of 3 for user/u1 is refused: a tombstone closes its "
                        "stream: it must be the last event");
    weir_append both[] = {{"user", "u1", 0, early, 2, 0}, {"user", "u1", 2, early, 1, 0}};
    size_t failed = 9;
    assert_false(weir_store_append(c->store, both, 2, &failed, &error));
    assert_string_equal(error.sqlstate, "WV006");
    assert_int_equal(failed, 1);
    /* what was rolled back has closed nothing */
    assert_int_equal(append_events(c, "user", "u1", 0, early, 1, &error), 1);
    assert_int_equal(append_events(c, "user", "u1", 1, early, 2, &error), 3);
    assert_int_equal(append_events(c, "user", "u2", 0, early + 1, 1, &error), 1);
}

static void no_appends_are_no_error(void **state)
{
    contract *c = *state;
    weir_error error = {0};
    assert_ok(weir_store_append(c->store, NULL, 0, NULL, &error));
    weir_append empty = {"user", "u1", 0, NULL, 0, 0};
    assert_false(weir_store_append(c->store, &empty, 1, NULL, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(every_expected_version_mode),
        CONTRACT(a_conflict_says_what_was_expected_and_what_is),
        CONTRACT(the_identical_append_is_absorbed),
        CONTRACT(equal_json_is_the_same_and_other_json_is_not),
        CONTRACT(a_partial_overlap_is_refused),
        CONTRACT(an_id_twice_in_one_append_is_refused),
        CONTRACT(binary_data_is_absorbed_byte_by_byte),
        CONTRACT(many_streams_or_none),
        CONTRACT(what_a_failed_call_had_placed_leaves_no_trace),
        CONTRACT(appends_to_one_stream_keep_their_order),
        CONTRACT(a_refused_event_names_its_append_and_place),
        CONTRACT(a_tombstone_closes_its_stream),
        CONTRACT(a_tombstone_comes_last_or_not_at_all),
        CONTRACT(no_appends_are_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
