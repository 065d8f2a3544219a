"""What must hold of sagas, read from raw tables: rows and streams say the same, and a stream is a story that can be true.

It knows the table of steps from the YAML file and nothing of weir's code.
"""

from collections import Counter

import yaml

ENDS = {"completed", "compensated", "failed"}


def definition(path):
    saga = yaml.safe_load(open(path).read())
    steps = {step["name"]: step for step in saga["steps"]}
    return saga, steps


def stories(shop, saga):
    """{instance id: [(event type, data)]}, in order."""
    found = {}
    for id, version, type, data in shop.sql(
        "SELECT aggregate_id, version, event_type, data FROM weir.events WHERE aggregate_type = %s ORDER BY aggregate_id, version", saga
    ):
        found.setdefault(id, []).append((type, data))
        assert len(found[id]) == version
    return found


def breaches(shop, path):
    """Every way in which rows and streams contradict each other or the definition."""
    saga, steps = definition(path)
    name, found = saga["saga"], []
    rows = {id: (state, version, step) for id, state, version, step in shop.sql(
        "SELECT id, state, version, step FROM weir.sagas WHERE saga = %s", name)}
    told = stories(shop, name)
    if set(rows) != set(told):
        found.append(f"rows without a stream or streams without a row: {sorted(set(rows) ^ set(told))[:5]}")
    for id, story in told.items():
        found += [f"{id}: {fault}" for fault in faults(name, steps, story, rows.get(id))]
    return found


def faults(name, steps, story, row):
    own = [type.removeprefix(f"{name}.") if type.startswith(f"{name}.") else None for type, _ in story]
    if own[0] != "started" or own.count("started") != 1:
        yield "it does not begin once"
    ends = [kind for kind in own if kind in ENDS]
    if row and (row[1] != len(story) or (ends[-1] if ends else row[0]) != row[0] or (row[0] in ENDS) != bool(ends)):
        yield f"its row says {row}, its stream ends with {story[-1][0]} at {len(story)}"
    timeouts = Counter((data["step"], data["attempt"], sum(k == "compensating" for k in own[:i]), sum(k == "retried" for k in own[:i]))
                       for i, (type, data) in enumerate(story) if type == f"{name}.timed_out")
    if any(count > 1 for count in timeouts.values()):
        yield f"a timer was acted on twice: {timeouts}"
    order, forward = list(steps), {step["request"]: name for name, step in steps.items()}
    done, undone, asked = [], [], set()
    for type, data in story:
        step = forward.get(type)
        if step and set(done) != set(done) | set(order[:order.index(step)]) or step in done:
            yield f"{step} is asked for when {done} are done"
        asked.add(step)
        if type == f"{name}.step_completed":
            if data["step"] not in asked and set(order[:order.index(data["step"])]) <= set(done):
                yield f"{data['step']} is done and was not asked for when it was its turn"
            done.append(data["step"])
        if type == f"{name}.step_compensated":
            undone.append(data["step"])
    if len(set(done)) != len(done) or len(set(undone)) != len(undone):
        yield f"a step is done or undone twice: {done}, {undone}"
    if undone != sorted(undone, key=order.index, reverse=True):
        yield f"steps are undone out of order: {undone}"
    if ends and ends[-1] == "completed" and set(done) != set(order):
        yield f"completed with {done}"
    missing = [step for step in done if "compensate" in steps[step] and step not in undone]
    if ends and ends[-1] == "compensated" and missing:
        yield f"compensated, and never undone: {missing}"
