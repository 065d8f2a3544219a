"""Schedules for the append fence: who takes which step when, drawn from a seed and a number.

A schedule is a list of steps, each one statement of one session, so that it can be read, and run again
by hand. Writers append to two stores in transactions that commit, roll back, roll back to savepoints,
are prepared, and at times bring a forged memory of their floor; readers ask for the horizon and read.
Which statements, and their order, follow from (seed, number) alone. Nothing waits for anything: each
transaction has streams of its own.

A quarter of the orders is drawn step by step, more or less patiently; the others by priorities, with some sessions
standing still within an append or a look at the horizon until all others are through: the faults hide there.
"""

import random
from dataclasses import dataclass

SCHEMAS = ("weir", "other")
FORGED = (  # what may stand for a remembered floor: one above the truth, one below it, none
    (0.6, ("(last_value + 3)::text", "(last_value + 1000)::text", "'999999999999999999'")),
    (0.25, ("last_value::text", "greatest(last_value - 2, 1)::text")),
    (0.15, ("'0'", "'-1'", "'99999999999999999999'", "'here'", "''", "'1:' || last_value")),
)


@dataclass(eq=False)
class Step:
    session: str
    group: int  # a transaction or a reader's cycle: left out as one when a schedule is made smaller
    sql: str
    kind: str = ""  # append or horizon: a step of that function; read: it gives events; alone: see fence_explorer
    schema: str = ""  # of an append or a read
    marks: tuple = ()  # of a commit: (schema, mark) of the events it makes visible


class Plan:
    def __init__(self, seed, number, steps, isolation=""):
        """`steps`: the names of append's and horizon's steps, in their order; `isolation`: see Mutant."""
        self.random = random.Random(f"{seed}/{number}")
        self.name = f"{seed}/{number}"
        self.append_steps, self.horizon_steps = steps["append"], steps["horizon"]
        self.isolation = isolation
        self.rich = self._chance(0.5)  # all that there is; or plain appends, where orders alone are tried
        self.forging = self._chance(0.75)
        self.schemas = SCHEMAS if self.rich and self._chance(0.5) else SCHEMAS[:1]
        self.groups = self.events = 0
        count = self.random.choice((2, 2, 3)) if self.rich else 2
        writers = {f"writer_{n}": self._writer(f"writer_{n}") for n in range(count)}
        readers = {f"reader_{schema}": self._reader(schema) for schema in self.schemas}
        self.steps = list(self._ordered(writers, readers))

    def _chance(self, probability):
        return self.random.random() < probability

    def _group(self):
        self.groups += 1
        return self.groups

    # Writers

    def _writer(self, session):
        steps, later = [], []
        for _ in range(self.random.choice((1, 1, 1, 2)) if self.rich else 1):
            group = self._group()
            transaction, afterwards = self._transaction(session, group)
            steps += transaction + later  # one that was prepared may end after the next transaction
            later = []
            if afterwards and self._chance(0.5):
                later = afterwards
            else:
                steps += afterwards
        return steps + later

    def _transaction(self, session, group):
        """Its steps, and those that end it if it is prepared."""
        steps, marks = [Step(session, group, "BEGIN")], []
        if self.forging and self._chance(0.9):
            steps.append(Step(session, group, self._forge()))
        if not self.rich or self._chance(0.9):
            marks += self._append(session, group, steps)
        if self.rich and self._chance(0.35):
            steps.append(Step(session, group, "SAVEPOINT s"))
            inner = self._append(session, group, steps)
            if self._chance(0.6):
                steps.append(Step(session, group, "ROLLBACK TO s"))
            else:
                marks += inner
            if self._chance(0.5):
                marks += self._append(session, group, steps)
        return steps, self._end(session, group, steps, tuple(marks))

    def _end(self, session, group, steps, marks):
        if self.rich and self._chance(0.25):
            name = f"%(worker)s {group}"
            steps.append(Step(session, group, f"PREPARE TRANSACTION '{name}'"))
            if self._chance(0.7):
                return [Step(session, group, f"COMMIT PREPARED '{name}'", "alone", marks=marks)]
            return [Step(session, group, f"ROLLBACK PREPARED '{name}'", "alone")]
        if not self.rich or self._chance(0.8):
            steps.append(Step(session, group, "COMMIT", marks=marks))
        else:
            steps.append(Step(session, group, "ROLLBACK"))
        return []

    def _forge(self):
        """What a hostile client may set; for the transaction or, to be found by later ones, for the session."""
        schema = self._schema()
        [(_, kind)] = self.random.choices(FORGED, [weight for weight, _ in FORGED])
        forged = self.random.choice(kind)
        local = "true" if self._chance(0.7) else "false"
        name = f"'weir.fence_' || {schema}.store_number()"
        return f"SELECT set_config({name}, {forged}, {local}) FROM {schema}.event_position"

    def _schema(self):
        return self.random.choice(self.schemas)

    def _append(self, session, group, steps):
        """Adds the steps of one append; returns the marks of its events."""
        schema, count = self._schema(), 2 if self.rich and self._chance(0.25) else 1
        marks = []
        for _ in range(count):
            self.events += 1
            marks.append((schema, f"{self.name}/{self.events}"))
        events = ", ".join(f'{{"type": "t", "data": "{mark}"}}' for _, mark in marks)
        if self.rich and self._chance(0.15):
            sql = f"EXECUTE {schema}_append('thing', 's{group}', NULL, '[{events}]')"
            steps.append(Step(session, group, sql, schema=schema))
            return marks
        first, *others = self.append_steps
        sql = f"EXECUTE {schema}_{first}('thing', 's{group}', NULL, '[{events}]')"
        steps.append(Step(session, group, sql, "append", schema))
        for step in others:
            steps.append(Step(session, group, f"EXECUTE {schema}_{step}", "append", schema))
        return marks

    # Readers

    def _reader(self, schema):
        steps = []
        for _ in range(self.random.choice((1, 2, 2, 3)) if self.rich else 1):
            steps += self._cycle(schema, self._group(), whole=self.rich and self._chance(0.2))
        return steps

    def _cycle(self, schema, group, whole):
        session = f"reader_{schema}"

        def step(sql, kind=""):
            return Step(session, group, sql, kind, schema)

        if whole:
            steps = [step(f"EXECUTE {schema}_horizon")]
        else:
            steps = [step(f"EXECUTE {schema}_{name}", "horizon") for name in self.horizon_steps]
        limit = self.random.choice(("NULL", "NULL", "NULL", "1", "2")) if group else "NULL"
        for _ in range(1 if limit == "NULL" else 2):  # with a limit, two pages below one horizon
            steps.append(step(f"EXECUTE {schema}_read({{cursor}}, {{horizon}}, NULL, {limit})", "read"))
        if self.isolation:
            steps = [step(f"BEGIN ISOLATION LEVEL {self.isolation}"), *steps, step("COMMIT")]
        return steps

    # Their order

    def _ordered(self, writers, readers):
        left = {**writers, **readers}
        touched = {name: {step.schema for step in steps} for name, steps in writers.items()}
        total = sum(map(len, left.values()))
        if self._chance(0.75):
            pick = self._by_priority(left)
        else:
            pick = self._with_patience(self.random.choice((0, 0.5, 0.8)))
        if len(self.schemas) > 1:
            total = int(total * self.random.uniform(0.6, 1))
        for _ in range(total):
            yield left[pick([name for name in left if left[name]])].pop(0)
        # One store after the other comes to rest: what is still open in the second must not hide the first's events.
        for schema in self.random.sample(self.schemas, len(self.schemas)):
            for name in (*(w for w in writers if schema in touched[w]), f"reader_{schema}"):
                yield from left[name]
                left[name] = []
            yield from self._cycle(schema, 0, whole=True)
        for name in writers:  # what has appended nothing
            yield from left[name]

    def _with_patience(self, patience):
        """Any, or with this probability the last one again."""
        last = None

        def pick(names):
            nonlocal last
            if last not in names or not self._chance(patience):
                last = self.random.choice(names)
            return last

        return pick

    def _by_priority(self, left):
        """One after the other, but about half of them stand still for all others within an append or a look."""
        order, stands = self.random.sample(list(left), len(left)), {}
        for name in order:
            inner = [step for step in left[name] if step.kind in ("append", "horizon")]
            if inner and self._chance(0.6):
                stands[name] = self.random.choice(inner)

        def pick(names):
            name = next(n for n in order if n in names)
            if name in stands and stands[name] not in left[name]:  # it has just come to where it stands
                del stands[name]
                order.remove(name)
                order.append(name)
                name = next(n for n in order if n in names)
            return name

        return pick
