/* Rules of one link that contradict each other: two that take, give or change one path, or one that
 * looks below what another has taken away.
 *
 * Operations are carried out in the order of weir_operation, each on what those before it left, so
 * it depends on both sides whether two rules go together. The table says it; the rest only compares
 * paths. */
#include <string.h>

#include "store/upcast_int.h"

/* What a rule does at a path. */
typedef enum deed {
    RENAMED, /* has another name afterwards */
    NAMED,   /* is the new name */
    MOVED,   /* is elsewhere afterwards */
    PLACED,  /* is where it goes */
    DROPPED,
    CONVERTED,
    PRESET,
} deed;

/* refused[a][b], where a's path is b's or leads to it: 'x' refused, '=' refused at one path, '<'
 * refused below, '.' they go together. */
static const char refused[][8] = {
    /*               RNMPDCP: renamed, named, moved, placed, dropped, converted, preset */
    [RENAMED] = "xxxxxxx", [NAMED] = "x====..",     [MOVED] = "==xxxxx",  [PLACED] = "x=xx=..",
    [DROPPED] = "xx=xxxx", [CONVERTED] = "x<x<xx<", [PRESET] = "=.=.=.=",
};

typedef struct mark {
    deed deed;
    const weir_step *steps;
    size_t count;
} mark;

static size_t marks_of(const weir_rule *rule, mark marks[2])
{
    static const deed at[WEIR_OPERATIONS] = {RENAMED, MOVED, DROPPED, CONVERTED, PRESET};
    marks[0] = (mark){at[rule->operation], rule->path.steps, rule->path.count};
    marks[1] = (mark){rule->operation == WEIR_RENAME ? NAMED : PLACED, rule->target.steps,
                      rule->target.count};
    return rule->operation == WEIR_RENAME || rule->operation == WEIR_MOVE ? 2 : 1;
}

/* Whether a's path leads to b's: '=' it is the same, '<' b is below it. */
static char relation(const mark *a, const mark *b)
{
    if (a->count > b->count)
        return 0;
    for (size_t i = 0; i + 1 < a->count; i++)
        if (!weir_step_equal(&a->steps[i], &b->steps[i]))
            return 0;
    const weir_step *last = &a->steps[a->count - 1], *other = &b->steps[a->count - 1];
    if (strcmp(last->name, other->name) != 0 || (last->each && !other->each))
        return 0;
    return a->count == b->count && last->each == other->each ? '=' : '<';
}

static bool contradict(const mark *a, const mark *b)
{
    char how = relation(a, b), rule = refused[a->deed][b->deed];
    return how && (rule == 'x' || rule == how);
}

static bool rules_contradict(const weir_rule *a, const weir_rule *b)
{
    mark of_a[2], of_b[2];
    size_t count_a = marks_of(a, of_a), count_b = marks_of(b, of_b);
    for (size_t i = 0; i < count_a; i++)
        for (size_t j = 0; j < count_b; j++)
            if (contradict(&of_a[i], &of_b[j]) || contradict(&of_b[j], &of_a[i]))
                return true;
    return false;
}

bool weir_rules_conflict(const weir_rule *rules, size_t count, size_t *earlier, size_t *later)
{
    for (*later = 1; *later < count; ++*later)
        for (*earlier = 0; *earlier < *later; ++*earlier)
            if (rules_contradict(&rules[*earlier], &rules[*later]))
                return true;
    return false;
}
