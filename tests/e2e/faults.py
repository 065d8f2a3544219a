"""What a Soak does to the pipeline: each fault is a generator, see soak.py."""

import time

RECOVERY = 30
RECOVERY_BROKER_KILLED = 60
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name LIKE 'weir relay%' AND datname = current_database()"
)


def rest(soak, shortest, longest):
    time.sleep(shortest + soak.chance.random() * (longest - shortest))


def broker_killed(number):
    def fault(soak):
        soak.wait_for_replicas()
        soak.services.kill_kafka(number)
        yield "without it", RECOVERY_BROKER_KILLED
        soak.services.start_kafka(number)
        yield "back", RECOVERY

    return fault


def broker_bounced(number):
    def fault(soak):
        soak.wait_for_replicas()
        soak.services.stop_kafka(number)
        rest(soak, 0, 3)
        soak.services.start_kafka(number)
        yield "back", RECOVERY

    return fault


def broker_hangs(soak):
    soak.wait_for_replicas()
    with soak.services.kafka_paused(soak.partition_leader()):
        yield "without it", RECOVERY_BROKER_KILLED
    yield "back", RECOVERY


def relay_killed(soak):
    leader = soak.leader()
    leader.kill()
    soak.replace(leader)
    yield "killed", RECOVERY


def relay_stopped(soak):
    """SIGSTOP: its successor takes over; then it wakes up, and must do no harm."""
    leader = soak.leader()
    leader.pause()
    try:
        yield "taken over", RECOVERY
    finally:
        leader.resume()
    rest(soak, 0, 2)
    yield "woken", RECOVERY


def postgres_killed(soak):
    soak.services.kill_postgres()
    rest(soak, 0, 3)
    soak.services.start_postgres()
    yield "back", RECOVERY


def sessions_ended(seconds):
    """pg_terminate_backend of every relay's session, five times a second."""
    def fault(soak):
        ended, until = soak.shop.connect(), time.monotonic() + seconds
        while time.monotonic() < until:
            ended.execute(END_SESSIONS)
            time.sleep(0.2)
        yield "left alone", RECOVERY

    return fault


def unruly(which, way, seconds):
    def fault(soak):
        with getattr(soak, which).unruly(way):
            time.sleep(seconds)
        yield "left alone", RECOVERY

    return fault


def in_order(chance, times=None):
    """[(name, fault)]: brokers killed and bounced five times each, the rest twice, in any order; or,
    with times 1, each kind once, first and last what takes a broker longest to come back from."""
    brokers = [chance.choice((1, 2, 3))] if times == 1 else [1, 2, 3]
    seconds = 2 if times == 1 else 15
    often = [(f"broker {n} {name}", fault(n)) for n in brokers
             for name, fault in (("killed", broker_killed), ("bounced", broker_bounced))]
    rare = [
        ("broker hangs", broker_hangs),
        ("relay killed", relay_killed),
        ("relay stopped", relay_stopped),
        ("postgresql killed", postgres_killed),
        ("sessions ended", sessions_ended(3 if times == 1 else 60)),
    ]
    rare += [(f"{which} {way}", unruly(which, way, seconds))
             for which in ("postgres", "kafka") for way in ("cut", "half", "delay", "hold")]
    if times == 1:
        chance.shuffle(rare)
        return [often[0], *rare, often[1]]
    faults = often * 5 + rare * 2
    chance.shuffle(faults)
    return faults


def dealt(faults, delivery):
    """One pass shared by both modes of delivery."""
    for_transactions = ("broker hangs", "kafka", "relay stopped")
    return [f for f in faults if f[0].startswith(for_transactions) == (delivery == "exactly_once")]
