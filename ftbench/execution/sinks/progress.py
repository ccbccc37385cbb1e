"""Shows a run: one line that rewrites itself on a terminal, else one line per finished stage, fit for a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean
from typing import Any, TextIO

from ftbench.core.plan import Plan
from ftbench.core.stage import Stage
from ftbench.cost.bill import usd
from ftbench.execution.events import ENDED, Event
from ftbench.execution.sinks.base import Sink
from ftbench.store.store import Store
from ftbench.text.numbers import duration, money

REDRAW_SECONDS = 0.1
CACHED_SEEN = 20
"""How many cached stages of a kind are asked how long they took."""


class Progress(Sink):
    """Writes counts, time left and money so far.

    Args:
        workers: how many stages run at once, for the time left.
        out: where to write; a terminal gets one rewriting line.
    """

    def __init__(self, *, workers: int = 1, out: TextIO | None = None) -> None:
        self._workers = workers
        self._out = sys.stderr if out is None else out
        self._terminal = self._out.isatty()

    def start(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._store = Store(plan.store)
        self._cell_of = {key: cell for cell in reversed(plan.cells) for key in cell.stages.values()}
        self._ended: dict[str, str] = {}
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._usd: float | None = 0.0
        self._now = ""
        self._drawn = 0.0

    def take(self, event: Event) -> None:
        if event.state in ENDED:
            self._end(event)
        elif event.state == "notice":
            self.say(event.message or "")
        elif event.state == "progress":
            self._now = f"{self._name(event.stage)} {event.done}/{event.total}"
        else:
            self._now = f"{self._name(event.stage)} {'' if event.state == 'started' else event.message}".strip()
            if event.state == "waiting" and not self._terminal:
                self.say(event.message or "waiting")
        if self._terminal:
            self._draw(force=event.state in ENDED and event.state != "cached")

    def end(self) -> None:
        """Ends the rewriting line."""
        if self._terminal:
            self._now = ""
            self._draw(force=True)
            self.say("")

    def counts(self) -> Counter[str]:
        """Returns state -> number of stages that ended so."""
        return Counter(self._ended.values())

    def usd(self) -> float | None:
        """Returns what this run has cost so far, or None when the price of any hardware that was used is unknown."""
        return self._usd

    def seconds_left(self) -> float | None:
        """Returns the expected time to the end, or None while a kind is still to come of which no stage has finished
        yet.
        """
        left = Counter(stage.kind for key, stage in self._plan.stages.items() if key not in self._ended)
        if not all(self._seconds.get(kind) for kind in left):
            return None
        return sum(count * mean(self._seconds[kind]) for kind, count in left.items()) / self._workers

    def _end(self, event: Event) -> None:
        if event.state == "interrupted":  # not ended: the next run takes it up
            return
        self._ended[event.stage.key] = event.state
        self._now = ""
        seconds = self._seconds[event.stage.kind]
        if event.state == "done":
            seconds.append(event.seconds)
        elif event.state == "cached" and len(seconds) < CACHED_SEEN and self._store.find(event.stage.key):
            seconds.append(self._store.receipt(event.stage.key).seconds["total"])
        if event.state in ("done", "failed"):
            self._pay(event)
        if event.state == "failed":
            self.say(f"{self._name(event.stage)} failed: {event.error}")
        elif event.state == "done" and not self._terminal:
            self.say(f"{self._summary()}  {self._name(event.stage)} {event.seconds:.1f} s")

    def _pay(self, event: Event) -> None:
        cell = self._cell_of.get(event.stage.key)
        hardware: dict[str, Any] = (cell.config.get("hardware") or {}) if cell else {}
        # A machine without GPUs is priced as one.
        price = usd(event.seconds, hardware.get("gpus") or 1, hardware.get("usd_per_hour"))
        if price is None or self._usd is None:
            self._usd = None  # a sum without one of its parts would look like the whole
        else:
            self._usd += price

    def _name(self, stage: Stage) -> str:
        cell = self._cell_of.get(stage.key)
        return f"{stage.kind} {stage.key[:12]}{f' ({cell.label})' if cell else ''}"

    def _summary(self) -> str:
        counts = self.counts()
        parts = [f"{sum(counts.values())}/{len(self._plan.stages)} stages"]
        cells = sum(
            all(self._ended.get(key) in ("done", "cached") for key in cell.stages.values()) for cell in self._plan.cells
        )
        parts.append(f"{cells}/{len(self._plan.cells)} cells")
        parts += [f"{counts[state]} {state}" for state in ("cached", "failed", "blocked") if counts[state]]
        left = self.seconds_left()
        if left:
            parts.append(f"about {duration(left)} left")
        if self._usd:
            parts.append(money(self._usd))
        return ", ".join(parts)

    def say(self, line: str) -> None:
        """Writes a line of its own, above the one that rewrites itself."""
        self._out.write(f"\r\x1b[K{line}\n" if self._terminal and line else f"{line}\n")
        self._out.flush()

    def _draw(self, *, force: bool) -> None:
        now = time.monotonic()
        if not force and now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        line = f"{self._summary()}  {self._now}".rstrip()
        width = shutil.get_terminal_size().columns
        self._out.write(f"\r\x1b[K{line[: max(10, width - 1)]}")
        self._out.flush()
