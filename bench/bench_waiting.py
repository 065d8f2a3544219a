"""waiting: what a relay that waits for events costs the appends.

Pairs of pgbench alone and pgbench beside a relay of another database of the same server, which is
woken by a trickle of events; the trickle runs on both sides. A relay of the same database would have
all those events to publish, which is its work and not its waiting.
"""

import contextlib
import statistics
import threading

import psycopg

import bench_append
from bench_latency import Scene, share
from events import AGGREGATE_TYPE

TARGET = 0.97  # of the rate of appends
TRICKLE = 20  # events a second


def run(stage, report):
    report.title(f"waiting: appends beside a relay that is woken {TRICKLE} times a second, against appends alone")
    template = bench_append.prepare(stage)
    scripts = bench_append.write_scripts(stage.directory, 1)
    for clients in (1, 8):
        name, used = f"appends beside a waiting relay, {clients} client{'s' * (clients > 1)}", []
        report.compare(name, "events", lambda: beside(stage, template, scripts, clients, None),
                       lambda: beside(stage, template, scripts, clients, used), TARGET)
        relay, session = (statistics.median(column) for column in zip(*used))
        report.say(f"  {name}: relay {relay:.2f} % of a core, its PostgreSQL session {session:.2f} %")
        report.record("cpu", name=name, relay=relay, session=session)
    stage.drop_database(template)


def beside(stage, template, scripts, clients, used):
    """used: what the relay and its session used is added to it; None for no relay."""
    scene = Scene(stage, "at_least_once")
    if used is None:
        scene.stop()
    with trickle(stage.conninfo_of(scene.database)):
        before = scene.used()
        found = bench_append.once(stage, template, scripts, "weir", 1, clients)
        if used is not None:
            used.append(share(before, scene.used()))
    scene.close()
    return found


@contextlib.contextmanager
def trickle(conninfo):
    """Meanwhile, TRICKLE events a second."""
    done = threading.Event()

    def run():
        with psycopg.connect(conninfo, autocommit=True) as connection:
            while not done.wait(1 / TRICKLE):
                connection.execute("SELECT weir.append(%s, 'first-1', NULL, %s::jsonb)",
                                   (AGGREGATE_TYPE, '[{"type": "next", "data": {}}]'))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
