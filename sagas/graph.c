/* A saga as a graph: the way there from top to bottom, the way back beside it. */
#include <string.h>

#include "sagas/saga_int.h"

/* How one form writes its parts. Names of steps are letters, digits and _. */
typedef struct style {
    const char *head, *foot;
    const char *step, *undo, *end; /* node: name, label lines */
    const char *line_break;
    const char *edge; /* from, to, label */
} style;

static const style styles[] = {
    {"digraph %s {\n  rankdir=TB; node [fontname=\"sans-serif\"]; edge "
     "[fontname=\"sans-serif\"];\n",
     "}\n", "  %s [shape=box, label=\"%s\"];\n", "  %s [shape=box, style=dashed, label=\"%s\"];\n",
     "  %s [shape=oval, label=\"%s\"];\n", "\\n", "  %s -> %s [label=\"%s\"];\n"},
    {"flowchart TB\n  %%%% %s\n", "", "  %s[\"%s\"]\n", "  %s[/\"%s\"/]\n", "  %s([\"%s\"])\n",
     "<br/>", "  %s -->|%s| %s\n"},
};

typedef struct drawing {
    const weir_saga_plan *plan;
    const style *form;
    bool mermaid;
    weir_buffer *out;
} drawing;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put(const drawing *d, const char *format, const char *one, const char *other)
{
    weir_buffer_format(d->out, format, one, other);
}

static void edge(const drawing *d, const char *from, const char *to, const char *label)
{
    if (d->mermaid)
        weir_buffer_format(d->out, d->form->edge, from, label, to);
    else
        weir_buffer_format(d->out, d->form->edge, from, to, label);
}
#pragma GCC diagnostic pop

static void name_of(const drawing *d, size_t stage, bool undo, weir_buffer *name)
{
    weir_buffer_clear(name);
    weir_buffer_format(name, "%s_%s", undo ? "undo" : "step", d->plan->stages[stage].name);
}

static void list(const char *const *types, weir_buffer *label)
{
    for (size_t i = 0; types && types[i]; i++)
        weir_buffer_format(label, "%s%s", i ? ", " : "", types[i]);
}

static void put_node(const drawing *d, size_t stage, bool undo)
{
    weir_buffer name = WEIR_BUFFER(400), label = WEIR_BUFFER(4000);
    const weir_saga_stage *s = &d->plan->stages[stage];
    const weir_saga_act *act = undo ? &s->undo : &s->go;
    name_of(d, stage, undo, &name);
    weir_buffer_format(&label, "%s%s%s%s", undo ? "undo " : "", s->name, d->form->line_break,
                       act->request);
    if (act->timeout_ms > 0)
        weir_buffer_format(&label, "%stimeout %lld ms, %lld retries", d->form->line_break,
                           (long long)act->timeout_ms, (long long)act->retries);
    put(d, undo ? d->form->undo : d->form->step, name.data, label.data);
    weir_buffer_free(&name);
    weir_buffer_free(&label);
}

/* The node that the way back leads to from behind this step. */
static void way_back(const drawing *d, size_t below, weir_buffer *name)
{
    while (below-- > 0)
        if (d->plan->stages[below].undo.request) {
            name_of(d, below, true, name);
            return;
        }
    weir_buffer_clear(name);
    weir_buffer_text(name, "compensated");
}

static void put_edges(const drawing *d, size_t stage)
{
    weir_buffer from = WEIR_BUFFER(400), to = WEIR_BUFFER(400), label = WEIR_BUFFER(4000);
    const weir_saga_stage *s = &d->plan->stages[stage];
    name_of(d, stage, false, &from);
    if (stage + 1 < d->plan->count)
        name_of(d, stage + 1, false, &to);
    else
        weir_buffer_text(&to, "completed");
    list(s->go.success, &label);
    edge(d, from.data, to.data, label.data);
    way_back(d, stage, &to);
    if (s->go.failure) {
        weir_buffer_clear(&label);
        list(s->go.failure, &label);
        edge(d, from.data, to.data, label.data);
    }
    if (s->go.timeout_ms > 0 || s->go.retry_on) {
        way_back(d, stage + 1, &to);
        edge(d, from.data, to.data, "no attempt left");
    }
    if (s->undo.request) {
        name_of(d, stage, true, &from);
        way_back(d, stage, &to);
        weir_buffer_clear(&label);
        list(s->undo.success, &label);
        edge(d, from.data, to.data, label.data);
        edge(d, from.data, "failed", "no attempt left");
    }
    weir_buffer_free(&from);
    weir_buffer_free(&to);
    weir_buffer_free(&label);
}

void weir_saga_graph(const weir_saga *saga, weir_saga_graph_form form, weir_buffer *out)
{
    const weir_saga_plan *plan = saga->plan;
    const drawing d = {plan, &styles[form], form == WEIR_SAGA_MERMAID, out};
    weir_buffer label = WEIR_BUFFER(4000), first = WEIR_BUFFER(400);
    bool undone = false;
    for (size_t i = 0; i < plan->count; i++)
        undone = undone || plan->stages[i].undo.request;
    put(&d, d.form->head, plan->name, "");
    put(&d, d.form->end, "started", plan->name);
    for (size_t i = 0; i < plan->count; i++) {
        put_node(&d, i, false);
        if (plan->stages[i].undo.request)
            put_node(&d, i, true);
    }
    put(&d, d.form->end, "completed", "completed");
    put(&d, d.form->end, "compensated", "compensated");
    if (undone)
        put(&d, d.form->end, "failed", "failed: a person decides");
    list(plan->start, &label);
    name_of(&d, 0, false, &first);
    edge(&d, "started", first.data, label.data);
    for (size_t i = 0; i < plan->count; i++)
        put_edges(&d, i);
    weir_buffer_text(out, d.form->foot);
    weir_buffer_free(&label);
    weir_buffer_free(&first);
}
