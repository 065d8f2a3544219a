/* The guess of past_tense.h: splitting into words, and the tables of English. */
#include "app/past_tense.h"

#include <stddef.h>
#include <string.h>

#define WORD 32  /* longer ones are cut at the front: what counts is how they end */
#define WORDS 16 /* the last ones of a name */

/* Past participles and past tenses that do not end in -ed. Prefixes are taken off first: rewritten,
 * withdrawn, overpaid, undone. */
static const char *const irregular[] = {
    "arisen",    "ate",       "awoken", "beaten", "became",  "become",     "been",      "began",
    "begun",     "bent",      "bet",    "bid",    "bitten",  "blown",      "born",      "bought",
    "bound",     "broadcast", "broke",  "broken", "brought", "built",      "burnt",     "burst",
    "came",      "cast",      "caught", "chose",  "chosen",  "come",       "cost",      "cut",
    "dealt",     "did",       "done",   "drawn",  "drew",    "driven",     "drove",     "dug",
    "eaten",     "fallen",    "fell",   "felt",   "fled",    "flown",      "forbidden", "forgiven",
    "forgotten", "fought",    "found",  "froze",  "frozen",  "gave",       "given",     "gone",
    "got",       "gotten",    "grew",   "ground", "grown",   "heard",      "held",      "hid",
    "hidden",    "hit",       "hung",   "hurt",   "kept",    "knew",       "known",     "laid",
    "lain",      "learnt",    "led",    "left",   "lent",    "let",        "lit",       "lost",
    "made",      "meant",     "met",    "paid",   "proven",  "put",        "quit",      "ran",
    "read",      "ridden",    "risen",  "rose",   "run",     "said",       "sat",       "saw",
    "seen",      "sent",      "set",    "sewn",   "shaken",  "shed",       "shot",      "shown",
    "shrunk",    "shut",      "slept",  "slid",   "sold",    "sought",     "spent",     "split",
    "spoke",     "spoken",    "spread", "spun",   "stolen",  "stood",      "struck",    "stuck",
    "sung",      "sunk",      "swept",  "sworn",  "swung",   "taken",      "taught",    "thought",
    "threw",     "thrown",    "told",   "took",   "torn",    "understood", "upheld",    "went",
    "woken",     "won",       "wore",   "worn",   "wound",   "woven",      "written",   "wrote",
    NULL,
};
static const char *const prefixes[] = {"re",  "un",  "over", "under", "out", "with",
                                       "pre", "mis", "up",   "off",   "de",  NULL};

/* Words in -ed that are no past tense; and the ones in -eed that are. */
static const char *const not_past[] = {"embed", "hundred", "infrared", "kindred",
                                       "moped", "naked",   "newlywed", "sacred",
                                       "shred", "sled",    "wicked",   NULL};
static const char *const past_in_eed[] = {"agreed",     "decreed",  "disagreed", "freed",
                                          "guaranteed", "refereed", NULL};

/* What may follow the past tense. */
static const char *const followers[] = {
    "about",  "after", "against", "ahead",  "as",      "at",      "away",    "back", "before",
    "behind", "by",    "down",    "during", "for",     "forward", "from",    "in",   "into",
    "of",     "off",   "on",      "onto",   "out",     "over",    "through", "to",   "together",
    "under",  "up",    "via",     "with",   "without", NULL,
};
static const char *const passed_over[] = {"event", "evt", "domainevent", "v", NULL};

static bool among(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static bool in_ed(const char *word)
{
    size_t length = strlen(word);
    if (length < 4 || strcmp(word + length - 2, "ed") != 0)
        return false;
    return word[length - 3] == 'e' ? among(past_in_eed, word) : !among(not_past, word);
}

static bool is_past(const char *word)
{
    if (in_ed(word) || among(irregular, word))
        return true;
    for (const char *const *prefix = prefixes; *prefix; prefix++) {
        size_t length = strlen(*prefix);
        if (strncmp(word, *prefix, length) == 0 && among(irregular, word + length))
            return true;
    }
    return false;
}

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* begins tells whether a word begins at `at`: after a separator, at fooBar and at the F of HTTPFoo.
 */
static bool begins(const char *name, const char *at)
{
    static const char separators[] = "._-:/+ ";
    if (at == name || strchr(separators, at[-1]))
        return true;
    return is_capital(*at) &&
           (is_small(at[-1]) || is_digit(at[-1]) || (is_capital(at[-1]) && is_small(at[1])));
}

/* word_before copies the last word before *end, small and without its separators and digits, and
 * moves *end to its beginning; false when there is none. Several words may be empty. */
static bool word_before(const char *name, const char **end, char word[WORD])
{
    const char *from = *end;
    size_t length = 0;
    if (from == name)
        return false;
    do
        from--;
    while (!begins(name, from));
    for (const char *at = from; at < *end; at++) {
        if (strchr("._-:/+ ", *at) || is_digit(*at))
            continue;
        if (length == WORD - 1)
            memmove(word, word + 1, --length);
        word[length++] = is_capital(*at) ? (char)(*at - 'A' + 'a') : *at;
    }
    word[length] = '\0';
    *end = from;
    return true;
}

bool weir_past_tense(const char *event_type)
{
    const char *end = event_type + strlen(event_type);
    char word[WORD], before[WORD] = "";
    bool last = true;
    for (size_t i = 0; i < WORDS && word_before(event_type, &end, word); i++) {
        if (!*word || (last && among(passed_over, word)))
            continue;
        if (is_past(word) && (last || among(followers, before)))
            return true;
        last = false;
        memcpy(before, word, sizeof before);
    }
    return false;
}
