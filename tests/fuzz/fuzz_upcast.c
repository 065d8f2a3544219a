/* Rules of schemas.files, up to the first NUL byte, and an event's data behind it.
 *
 * Claims: rules that are refused name their place; data that they bring forward is acceptable JSON
 * of the latest version; data that they cannot bring forward leaves the event as it was. */
#include "store/upcast.h"
#include "tests/fuzz/fuzz.h"

#define SCRATCH ((size_t)1 << 20)

static void apply(const weir_upcasters *upcasters, const char *data, size_t length)
{
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(SCRATCH);
    weir_event event = {.type = "t",
                        .aggregate_type = "a",
                        .aggregate_id = "1",
                        .content_type = "application/json",
                        .schema_version = 1,
                        .data = data,
                        .data_length = length};
    if (weir_upcasters_apply(upcasters, &event, &scratch, &error)) {
        int32_t latest = weir_upcasters_latest(upcasters, "t");
        CLAIM(event.schema_version == (latest ? latest : 1), "version %d", event.schema_version);
        CLAIM(weir_json_check(event.data, event.data_length, &error), "%s: %.*s", error.message,
              (int)event.data_length, event.data);
    } else {
        claim_refused(&error);
        CLAIM(event.data == data && event.schema_version == 1, "the event is not as it was");
    }
    weir_buffer_free(&scratch);
}

/* Each part is a copy, with the NUL that events have, so that reading beyond its end is noticed. */
static char *copy(const char *bytes, size_t length)
{
    char *made = weir_malloc(length + 1);
    memcpy(made, bytes, length);
    made[length] = '\0';
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    weir_error error = {0};
    const char *text = (const char *)bytes, *cut = length ? memchr(text, '\0', length) : NULL;
    if (!cut)
        return 0;
    size_t rules_length = (size_t)(cut - text), data_length = length - rules_length - 1;
    char *rules = copy(text, rules_length), *data = copy(cut + 1, data_length);
    weir_upcasters *upcasters = weir_upcasters_new();
    bool ok = weir_upcasters_parse(upcasters, "f.yaml", rules, rules_length, &error) &&
              weir_upcasters_check(upcasters, &error);
    if (!ok) {
        CLAIM(error.fate == WEIR_FATE_CONFIG, "fate %s", weir_fate_name(error.fate));
        CLAIM(strncmp(error.message, "f.yaml", 6) == 0, "no place: %s", error.message);
    } else if (weir_json_check(data, data_length, &error)) {
        apply(upcasters, data, data_length);
    }
    weir_upcasters_free(upcasters);
    free(rules);
    free(data);
    return 0;
}
