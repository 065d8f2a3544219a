"""The steps of the append fence, cut out of the very functions that the migrations made.

A store's append and horizon are taken from the database (pg_get_functiondef), cut at a few lines of
theirs into pieces, and each piece becomes a function of its own: what the product declares is handed
from one to the next as a row of all its variables. So a test can stand still between two steps of the
real code. A cut that is not found once, or pieces that do not add up to what was read, fail: the
steps cannot drift from the product.

A mutant is an edit of the pieces. It is planted in both: the steps, and the function as a whole.
"""

import re
from dataclasses import dataclass

# The first line of each piece after the first; the last piece of append, its RETURN, is no step.
CUTS = {
    "append": {
        "floor": "    -- Fence: floor",
        "lock": "    ignored := pg_advisory_xact_lock_shared",
        "insert": "    -- Insert.",
        "result": "    RETURN version;",
    },
    "horizon": {
        "upper": "    SELECT last_value INTO horizon",
        "locks": "    SELECT min(",
        "least": "    horizon := least(",
    },
}
FIRST = {"append": "check", "horizon": "refuse"}
BEFORE_NEXT, AFTER_LAST = ("check", "refuse"), ("least",)  # one step with the next, or the last: nothing lies between

DEFINITION = re.compile(
    r"(?P<head>CREATE OR REPLACE FUNCTION \w+\.(?P<name>\w+)\((?P<arguments>[^)]*)\)\n RETURNS [^\n]*\n"
    r" LANGUAGE plpgsql\n(?P<options>.*?)AS \$function\$(?P<pragma>.*?)DECLARE\n(?P<declared>.*?)BEGIN\n)"
    r"(?P<body>.*)(?P<tail>END \$function\$\n?)",
    re.DOTALL,
)
DECLARED = re.compile(r"^ +(\w+) +([a-z ]+?)(?: +:= ([^;]+))?; *(?:--.*)?$")


@dataclass
class Mutant:
    """A wrong fence: what it does to the pieces (by name, in order) of one function."""

    function: str
    edit: callable
    isolation: str = ""  # of the reader's transaction around all its steps; empty: each on its own


def in_order(*names):
    return lambda pieces: {name: pieces[name] for name in names}


def replaced(piece, old, new):
    def edit(pieces):
        assert pieces[piece].count(old) == 1, f"{old!r} is not in {piece} once"
        return {**pieces, piece: pieces[piece].replace(old, new)}

    return edit


MUTANTS = {
    "it locks after nextval": Mutant("append", in_order("check", "floor", "insert", "lock", "result")),
    "it reads the upper bound after the locks": Mutant("horizon", in_order("refuse", "locks", "upper", "least")),
    "its snapshot is older than its look at the locks": Mutant(
        "horizon", lambda pieces: {**pieces, "refuse": ""}, "REPEATABLE READ"
    ),
    "it trusts a remembered floor": Mutant("append", replaced("floor", "least(floor, remembered::bigint)", "remembered::bigint")),
}


class Pieces:
    """One function of the product, in pieces."""

    def __init__(self, definition):
        found = DEFINITION.fullmatch(definition)
        assert found, f"this is not a function as it was known:\n{definition}"
        self.parts = found.groupdict()
        self.name = self.parts["name"]
        self.pieces = dict(self._cut())
        assert self.whole() == definition
        self.variables = [self._argument(a) for a in self.parts["arguments"].split(", ")]
        for line in self.parts["declared"].splitlines():
            name, kind, default = DECLARED.fullmatch(line).groups()
            self.variables.append((name, kind, default))
        self.kept = [v for v in self.variables if v[1] != "record"]
        assert not re.search(r"\bstate\b", self.parts["body"]), "a name of the steps' own"

    def _cut(self):
        name, rest = FIRST[self.name], self.parts["body"]
        for following, line in CUTS[self.name].items():
            assert rest.count("\n" + line) == 1, f"{line!r} is not in {self.name} once"
            piece, rest = rest.split("\n" + line)
            yield name, piece + "\n"
            name, rest = following, line + rest
        yield name, rest

    @staticmethod
    def _argument(text):
        name, kind = text.removeprefix("OUT ").split(" ", 1)
        return name, kind, None

    def whole(self):
        return self.parts["head"] + "".join(self.pieces.values()) + self.parts["tail"]

    def steps(self):
        """What can be stood between, in the order in which it runs: {name: text}."""
        steps, before = {}, ""
        for name, text in self.pieces.items():
            if name in BEFORE_NEXT:
                before += text
            elif name in AFTER_LAST:
                steps[last] += text
            elif name != "result":
                steps[name], before, last = before + text, "", name
        return steps

    def sql(self, home):
        """A type for the variables and a function for each step, in the schema `home`."""
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in self.kept)
        yield f"CREATE TYPE {home}.{self.name} AS ({columns})"
        for number, (step, text) in enumerate(self.steps().items()):
            declared = [
                f"    {name} {kind} := {default if default and number == 0 else 'state.' + name};"
                for name, kind, default in self.kept
            ] + [f"    {name} record;" for name in self._records(text)]
            lines = [
                f"CREATE FUNCTION {home}.{self.name}_{step}(state {home}.{self.name}) RETURNS {home}.{self.name}",
                f"LANGUAGE plpgsql {self.parts['options']} AS $step${self.parts['pragma']}",
                f"<<{self.name}>> DECLARE",
                *declared,
                "BEGIN",
                text,
                f"    RETURN ROW({', '.join(f'{self.name}.{name}' for name, _, _ in self.kept)});",
                "END $step$",
            ]
            yield "\n".join(lines)

    def _records(self, text):
        """The records of a step. They cannot be handed on, so no other may need them."""
        for name, kind, _ in self.variables:
            if kind == "record":
                users = [step for step in self.steps().values() if re.search(rf"\b{name}\b", step)]
                assert len(users) == 1, f"{name} is used in {len(users)} steps"
                if users == [text]:
                    yield name


def plant(connection, schema, mutant=None):
    """Cuts the functions of a store into steps, in the schema steps_<schema>; returns the Pieces by function."""
    home, planted = f"steps_{schema}", {}
    connection.execute(f"CREATE SCHEMA {home}")
    for name in CUTS:
        [definition] = connection.execute(f"SELECT pg_get_functiondef('{schema}.{name}'::regproc)").fetchone()
        function = Pieces(definition)
        if mutant and mutant.function == name:
            function.pieces = mutant.edit(function.pieces)
            assert function.whole() != definition
            connection.execute(function.whole())
        for statement in function.sql(home):
            connection.execute(statement)
        planted[name] = function
    return planted
