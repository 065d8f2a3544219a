/* Reading an answer: strict, since a line that is no answer is mostly a print() that went astray,
 * and to take it for one would lose events. */
#include "projections/external_answer_int.h"

#include <string.h>

#include "store/event.h"

static bool is_word(weir_slice value, const char *word)
{
    return value.length == strlen(word) && memcmp(value.text, word, value.length) == 0;
}

/* A text's value, NULL for anything else. */
static const char *text_of(weir_slice value, weir_arena *arena)
{
    return value.length > 1 && value.text[0] == '"' ? weir_json_decode(value, arena) : NULL;
}

void weir_answer_read(const char *line, size_t length, weir_arena *arena, weir_answer *answer)
{
    weir_json_walk walk;
    weir_slice key, value;
    weir_error ignored;
    bool ready = false, ok = false, retry = false, sound = true;
    *answer = (weir_answer){0};
    if (!weir_json_check(line, length, &ignored) || !weir_json_object(&walk, line, length))
        return;
    while (weir_json_next(&walk, &key, &value)) {
        bool yes = is_word(value, "true");
        if (weir_json_is(key, "ready"))
            sound = sound && (ready = yes);
        else if (weir_json_is(key, "ok"))
            sound = sound && (ok = yes);
        else if (weir_json_is(key, "retry"))
            sound = sound && ((retry = yes) || is_word(value, "false"));
        else if (weir_json_is(key, "id"))
            sound = (answer->id = text_of(value, arena)) && sound;
        else if (weir_json_is(key, "error"))
            sound = (answer->error = text_of(value, arena)) && sound;
    }
    if (!sound || ready + ok + (answer->error != NULL) != 1 || (retry && !answer->error))
        return;
    if (ready)
        answer->kind = answer->id ? WEIR_ANSWER_NONE : WEIR_ANSWER_READY;
    else if (answer->id)
        answer->kind = ok ? WEIR_ANSWER_HANDLED : retry ? WEIR_ANSWER_LATER : WEIR_ANSWER_REFUSED;
}
