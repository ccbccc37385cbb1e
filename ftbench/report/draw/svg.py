"""Axes, ticks and text of charts, as SVG text; every chart is drawn wide and narrow, since scaled text cannot be read
on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ftbench.text.html import escaped
from ftbench.text.terminal import one_line

CHARACTER = 6.7
"""Width of an average character at the size of the charts' text, in pixels."""
LINE = 16


@dataclass(frozen=True)
class Scale:
    """From values to pixels; logarithmic or not."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (
            (math.log(self.low), math.log(self.high), math.log(max(value, 1e-300)))
            if self.log
            else (self.low, self.high, value)
        )
        share = 0.5 if high == low else (value - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Returns round values within the scale, at most about ``most``."""
        return _log_ticks(self.low, self.high, most) if self.log else _ticks(self.low, self.high, most)


def scale(values: Sequence[float], start: float, end: float, *, log: bool = False, room: float = 0.06) -> Scale:
    """Returns a scale over values with some room at both ends; one value stands in the middle."""
    low, high = min(values), max(values)
    if log:
        if low == high:
            return Scale(low / 2, high * 2, start, end, True)
        pad = (math.log(high) - math.log(low)) * room
        return Scale(math.exp(math.log(low) - pad), math.exp(math.log(high) + pad), start, end, True)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 10, high + (abs(high) or 1.0) / 10
    pad = (high - low) * room
    return Scale(low - pad, high + pad, start, end)


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    """Returns an SVG text; ``words`` may come from anywhere."""
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{name}>{escaped(one_line(words))}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" class="{kind}"/>' if points else ""


def figure(width: int, height: int, parts: Sequence[str], words: str, kind: str = "") -> str:
    """Returns the whole SVG; ``words`` say in a sentence what it shows, for who cannot see it."""
    name = f' class="{kind}"' if kind else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escaped(one_line(words))}"{name}>{"".join(parts)}</svg>'
    )


def fitted(words: str, pixels: float) -> str:
    """Returns text that fits about so many pixels, its middle left out: what tells labels apart stands at both ends."""
    words = one_line(words)
    most = max(4, int(pixels / CHARACTER))
    if len(words) <= most:
        return words
    tail = (most - 1) // 2
    return f"{words[: most - 1 - tail]}…{words[len(words) - tail :]}"


def width_of(words: str) -> float:
    """Returns about how many pixels a text takes; characters of East Asian scripts take two."""
    return sum(CHARACTER * (1 if ord(character) < 0x1100 else 1.9) for character in words)


def number(value: float) -> str:
    """Returns a tick's number: no more digits than it has."""
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e−").replace("-", "−")
    return f"{value:,.6g}".replace("-", "−")


def _ticks(low: float, high: float, most: int) -> list[float]:
    span = high - low
    if span <= 0 or most < 1:
        return [low]
    step = 10 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    found: list[float] = []
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        ticks = [
            float(f"{factor}e{exponent}")
            for exponent in exponents
            for factor in factors
            if low <= float(f"{factor}e{exponent}") <= high
        ]
        if len(ticks) > most:
            found = found or ticks[:: -(-len(ticks) // most)]  # more decades than fit: every second or third of them
            break
        found = ticks
    return found if len(found) > 1 else _ticks(low, high, most)
