"""What a run says: readable text on stdout, JSON lines in a file, and the verdict.

A comparison is a list of pairs measured one right after the other, in alternating order (floor,
weir, weir, floor, …), so that what slows the machine down for a while slows down both sides. The
median of the pairs' ratios decides; absolute figures are reported and decide nothing.
"""

import json
import os
import platform
import statistics
import subprocess
from pathlib import Path


class Report:
    def __init__(self, chosen):
        self.chosen = chosen
        self.file = chosen.json.open("w") if chosen.json else None
        self.missed = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.file:
            self.file.close()

    def say(self, text=""):
        print(text, flush=True)

    def title(self, text):
        """A benchmark's heading, with the load it starts under: a loaded machine explains a wide spread."""
        self.say(f"\n{text}\n  load average {os.getloadavg()[0]:.2f}")

    def record(self, kind, **facts):
        if self.file:
            self.file.write(json.dumps({"kind": kind, **facts}) + "\n")
            self.file.flush()

    def settings(self, title, facts):
        self.say(f"  {title}: " + ", ".join(f"{name} {value}" for name, value in facts.items()))
        self.record("settings", title=title, **facts)

    def machine(self, stage):
        model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        self.say("machine and servers")
        self.settings(
            "machine",
            {
                "cores": len(os.sched_getaffinity(0)),
                "processor": model[0].split(":")[1].strip() if model else platform.machine(),
                "memory": f"{memory:.0f} GiB",
            },
        )
        self.settings("PostgreSQL", stage.server_settings())
        revision = subprocess.run(
            ["git", "-C", stage.root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        ).stdout.strip()
        self.settings("weir", {"revision": revision or "unknown", "build": stage.build.name})

    def compare(self, name, unit, measure_floor, measure_weir, target=None):
        """Measures the pairs; both functions return a Measurement. Returns the pairs."""
        pairs = []
        for number in range(1, self.chosen.pairs + 1):
            sides = {"floor": measure_floor, "weir": measure_weir}
            order = ["floor", "weir"] if number % 2 else ["weir", "floor"]
            found = {side: sides[side]() for side in order}
            floor, weir = found["floor"], found["weir"]
            ratio = weir.rate / floor.rate
            pairs.append((floor, weir, ratio))
            self.say(
                f"  pair {number} ({order[0]} first): floor {floor.rate:,.0f} {unit}/s,"
                f" weir {weir.rate:,.0f} {unit}/s, ratio {ratio:.3f}"
            )
            self.record("pair", name=name, pair=number, first=order[0], ratio=ratio,
                        floor=vars(floor), weir=vars(weir))
        self._verdict(name, unit, pairs, target)
        return pairs

    def _verdict(self, name, unit, pairs, target):
        ratios = [ratio for _, _, ratio in pairs]
        median = statistics.median(ratios)
        rates = {side: statistics.median(pair[i].rate for pair in pairs) for i, side in enumerate(("floor", "weir"))}
        self.say(
            f"  {name}: ratio {median:.3f} (median of {len(pairs)}; {min(ratios):.3f} to {max(ratios):.3f});"
            f" floor {rates['floor']:,.0f} {unit}/s, weir {rates['weir']:,.0f} {unit}/s"
        )
        self.record("ratio", name=name, median=median, least=min(ratios), most=max(ratios),
                    pairs=len(pairs), floor_rate=rates["floor"], weir_rate=rates["weir"], unit=unit)
        if target is not None:
            self.judge(f"{name} ratio", median, f">= {target}", median >= target)

    def memory(self, name, pairs, most_mib):
        """Judges weir's peak over the pairs."""
        peak = max(weir.peak_mib for _, weir, _ in pairs)
        self.judge(f"{name} peak resident MiB", peak, f"< {most_mib}", peak < most_mib)

    def cost(self, name, pairs):
        """Says what an event costs each side of the pairs."""
        for side, index in (("weir", 1), ("floor", 0)):
            cpu = statistics.median(pair[index].cpu_seconds / pair[index].events * 1e6 for pair in pairs)
            self.say(f"  {name}, {side}: {cpu:.2f} processor seconds per million events")
            self.record("cost", name=name, side=side, cpu_seconds_per_million=cpu)

    def judge(self, what, value, target, met):
        """A target: met or missed. In a quick run nothing is judged."""
        verdict = "met" if met else "missed"
        if self.chosen.quick:
            verdict = "not judged in a quick run"
        elif not met:
            self.missed.append(what)
        self.say(f"  {what}: {value:.3f}, target {target}: {verdict}")
        self.record("target", name=what, value=value, target=target, met=met)

    def exit_code(self):
        return 1 if self.missed else 0
