"""The plot of bench_latency.py: a cumulative distribution a mode, over milliseconds, as SVG by hand."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 60
COLOURS = ("#1f6feb", "#d1495b", "#2a9d8f")
SHARES = (0, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
POINTS = 400


def draw(curves, title):
    """curves: {name: latencies in ms, rising}; the SVG as text. The x axis is logarithmic."""
    least = min(latencies[0] for latencies in curves.values())
    most = max(latencies[-1] for latencies in curves.values())
    low = max([tick for tick in TICKS if tick <= least], default=TICKS[0])
    high = min([tick for tick in TICKS if tick >= most], default=TICKS[-1])
    if low == high:
        low = low / 2

    def across(ms):
        share = math.log(min(max(ms, low), high) / low) / math.log(high / low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(share):
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" fill="#222222">{escape(title)}</text>',
    ]
    parts += [_grid(across(tick), TOP, across(tick), up(0), across(tick), up(0) + 18, "middle", f"{tick:g}")
              for tick in TICKS if low <= tick <= high]
    parts += [_grid(LEFT, up(share), WIDTH - RIGHT, up(share), LEFT - 8, up(share) + 4, "end", f"{share * 100:g} %")
              for share in SHARES if share != 0.99]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle" fill="#444444">'
                 "milliseconds (logarithmic); share of the events that had arrived</text>")
    for number, (name, latencies) in enumerate(curves.items()):
        parts += _curve(name, latencies, across, up, COLOURS[number % len(COLOURS)], TOP - 12, LEFT + 330 * number)
    return "\n".join([*parts, "</svg>", ""])


def _grid(x1, y1, x2, y2, x, y, anchor, label):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#444444">{label}</text>')


def _curve(name, latencies, across, up, colour, y, x):
    count = len(latencies)
    steps = sorted({min(count - 1, round(i * (count - 1) / POINTS)) for i in range(POINTS + 1)})
    line = " ".join(f"{across(latencies[i]):.1f},{up((i + 1) / count):.1f}" for i in steps)
    middle, last = latencies[(count - 1) // 2], latencies[math.ceil(0.99 * count) - 1]
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{x}" y="{y}" fill="{colour}">{escape(name)}: p50 {middle:.1f} ms, p99 {last:.1f} ms</text>',
    ]
