"""project: `weir run --once` over a topic against the same statement fed from memory.

weir's time is from the start of its process to its exit: it connects, joins the group, fetches,
decodes, passes the gate, and applies one statement a wave. The floor has the same events encoded in
memory and sends them over one connection: the very statement that the runtime sent (a trigger
catches it in an unmeasured run), batches of the same size in the topic's order, waves by the same
rule, and the same compare-and-swap of checkpoints in the same transactions. Afterwards both tables
must be equal, row for row. With two lanes weir has two connections, and the floor still one.
"""

import topics
from events import AGGREGATE_TYPE, AGGREGATES, PAYLOAD_BYTES, fill
from stage import ROOT, Measurement

PARTITIONS = 6
BATCH = 1000  # subscriptions.*.batch_events, its default
CATCH = (
    "CREATE TABLE bench.caught (statement text, plan_cache_mode text)",
    """CREATE FUNCTION bench.catch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO bench.caught VALUES (current_query(), current_setting('plan_cache_mode'));
        RETURN NULL;
    END $$""",
)


def run(stage, report):
    for apply, events in (("aggregate", stage.chosen.events), ("each", stage.chosen.each)):
        bench = ProjectBench(stage, apply, events)
        report.title(f"project: {events:,} events applied by {apply}, {PAYLOAD_BYTES} B JSON, {AGGREGATES:,} aggregates,"
                     f" {PARTITIONS} partitions, against the same statement fed from memory")
        bench.prepare()
        report.settings("both sides", bench.settings)
        for name, weir in ((f"project, {apply}", bench.weir), (f"project, {apply}, 2 lanes", bench.weir_in_lanes)):
            pairs = report.compare(name, "events", bench.floor, weir)
            report.say(f"  {name}: peak resident {max(weir.peak_mib for _, weir, _ in pairs):.1f} MiB;"
                       f" both tables are equal, {bench.rows:,} rows")
            report.record("equal", name=name, rows=bench.rows)
        bench.clean()


class ProjectBench:
    def __init__(self, stage, apply, events, name="project"):
        self.stage, self.apply, self.events, self.name = stage, apply, events, name
        self.prefix = f"{stage.name}.{name}.{apply}"
        self.topic = f"{self.prefix}.{AGGREGATE_TYPE}"

    def prepare(self):
        """A store, its topic, the projection's first run, and the statement caught in a second."""
        self.database = self.stage.create_database(f"{self.name}_{self.apply}")
        file = self.stage.directory / f"balances_{self.name}_{self.apply}.sql"
        text = (ROOT / "bench/balances.sql").read_text()
        file.write_text(text.replace("-- apply: aggregate", f"-- apply: {self.apply}"))
        self.config, self.laned = (
            self.stage.configure(self.database, self.prefix, files=[file], partitions=PARTITIONS,
                                 subscriptions={"balances": {"lanes": lanes}}) for lanes in (1, 2))
        self.stage.run_weir(self.config, "migrate")
        fill(self.stage, self.database, self.events)
        self.stage.run_weir(self.config, "relay", "--once")
        self.stage.run_weir(self.config, "run", "--once")
        self._find_table()
        self._make_floor()
        self._catch_statement()

    def weir_in_lanes(self):
        return self.weir(self.laned)

    def weir(self, config=None):
        self._sql(f"TRUNCATE {self.table}")
        self._sql("UPDATE weir.checkpoints SET next_offset = -1, position = 0, events = 0"
                  " WHERE subscription = 'balances'")
        self._settle(self.table)
        done = self.stage.run_weir(config or self.config, "run", "--once")
        applied = self._value("SELECT sum(events)::bigint FROM weir.checkpoints WHERE subscription = 'balances'")
        if applied != self.events:
            raise SystemExit(f"weir run applied {applied} of {self.events} events")
        return Measurement(self.events, done.seconds, self.events / done.seconds, done.cpu_seconds, done.peak_mib)

    def floor(self):
        self._sql("TRUNCATE bench.balances")
        self._sql("UPDATE weir.checkpoints SET next_offset = -1, position = 0, events = 0"
                  " WHERE subscription = 'bench_floor'")
        self._settle("bench.balances")
        said = self.stage.run_floor("project_floor", self.database, self.apply, self.topic, self.statement,
                                    "bench", BATCH)
        self._compare_tables()
        return Measurement(said["events"], said["seconds"], said["events"] / said["seconds"])

    def clean(self):
        topics.delete(self.stage.brokers, self.prefix)
        self.stage.drop_database(self.database)

    def _find_table(self):
        self.table = self._value("SELECT schemaname || '.' || tablename FROM pg_tables"
                                 " WHERE tablename = 'balances' AND schemaname LIKE 'balances\\_\\_g%'")

    def _make_floor(self):
        self._sql("CREATE SCHEMA bench")
        self._sql(f"CREATE TABLE bench.balances (LIKE {self.table} INCLUDING ALL)")
        self._sql("INSERT INTO weir.subscriptions (subscription, generation) VALUES ('bench_floor', 1)")
        self._sql("INSERT INTO weir.checkpoints (subscription, generation, topic, partition)"
                  " SELECT 'bench_floor', 1, %s, n FROM generate_series(0, %s) AS n", self.topic, PARTITIONS - 1)

    def _catch_statement(self):
        """current_query() in a trigger is the text that the runtime prepared; the longest is that for
        many events."""
        for statement in CATCH:
            self._sql(statement)
        self._sql(f"CREATE TRIGGER caught AFTER INSERT ON {self.table} EXECUTE FUNCTION bench.catch()")
        self.weir()
        self._sql(f"DROP TRIGGER caught ON {self.table}")
        rows = self.stage.sql(self.database, "SELECT statement, plan_cache_mode, count(*) FROM bench.caught"
                              " GROUP BY 1, 2 ORDER BY length(statement) DESC")
        statement, plans, _ = rows[0]
        self.statement = self.stage.directory / f"statement_{self.apply}.sql"
        self.statement.write_text(statement)
        self.settings = {"batch_events": BATCH, "weir's statements a run": sum(row[2] for row in rows),
                         "weir's plan_cache_mode": plans,
                         "synchronous_commit": self._value("SHOW synchronous_commit")}

    def _compare_tables(self):
        """The floor's table against weir's, which holds the run before."""
        rows = self.stage.sql(self.database, f"SELECT count(*) FROM {self.table}")[0][0]
        differing = self._value(f"SELECT count(*) FROM (TABLE {self.table} EXCEPT TABLE bench.balances) AS d")
        if rows != self._value("SELECT count(*) FROM bench.balances") or differing:
            raise SystemExit(f"{differing} of {rows} rows differ between weir and its floor")
        self.rows = rows

    def _settle(self, table):
        """The same start for both: nothing left to vacuum, nothing left to write."""
        self._sql(f"VACUUM ANALYZE {table}")
        self._sql("VACUUM weir.checkpoints")
        self._sql("CHECKPOINT")

    def _sql(self, query, *values):
        self.stage.sql(self.database, query, *values)

    def _value(self, query, *values):
        return self.stage.value(self.database, query, *values)
