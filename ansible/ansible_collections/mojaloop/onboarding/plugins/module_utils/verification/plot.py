# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measured times as a picture in the evidence page: numbers become shapes, no text of anybody else gets in."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 560, 200, 44
"""Size of the picture, and room for its axes, in its own units."""
PERCENTILES = {50: 6, 95: 18, 99: 6}
"""The percentiles, each with the height of its text: the last two would overlap."""


def plot(series: Sequence[float]) -> Markup:
    """Scalable vector graphics (SVG 1.1): milliseconds by share of the requests, slowest last, with the percentiles (nearest rank)."""
    ordered = sorted(float(each) for each in series)
    highest = ordered[-1] or 1.0
    points = " ".join(f"{_x((rank + 1) / len(ordered))},{_y(value / highest)}" for rank, value in enumerate(ordered))
    marks = "".join(_mark(percent, ordered[math.ceil(percent / 100 * len(ordered)) - 1], highest) for percent in PERCENTILES)
    left, right, top, bottom = _x(0), _x(1), _y(1), _y(0)
    axes = f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#8aa0b0"/>'
    line = f'<polyline points="{points}" fill="none" stroke="#0a5c8f" stroke-width="2"/>'
    return Markup(  # noqa: S704 -- numbers and constants of ours
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="Time by share of the requests">'
        f'{axes}{line}{marks}<text x="{left}" y="12" font-size="11" fill="#4a6070">ms, by share of {len(ordered)} requests</text></svg>'
    )


def _mark(percent: int, value: float, highest: float) -> str:
    x, y = _x(percent / 100), _y(value / highest)
    said = f'x="{x}" y="{HEIGHT - PERCENTILES[percent]}" font-size="11" text-anchor="end" fill="#4a6070"'
    text = f"<text {said}>p{percent}: {value:.0f}</text>"
    return f'<circle cx="{x}" cy="{y}" r="4" fill="#c1440e"/>{text}'


def _x(share: float) -> float:
    return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)


def _y(share: float) -> float:
    return round(HEIGHT - MARGIN + 8 - share * (HEIGHT - MARGIN - 12), 1)
