"""What listens to a run: the seam for progress bars, logs and trackers.

A sink of your own is one Python file and one ``conf/tracker/NAME.yaml`` (docs/own.md), and ``trackers=[NAME]`` uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.plan import Plan
from ftbench.execution.events import Event
from ftbench.execution.execute import one_line


@dataclass
class Sink:
    """Listens to a run. Nothing needs to be overridden, and what raises is switched off without disturbing the run.

    A run may have several parts, such as the rounds of a search: each is started and ended by itself.
    """

    def start(self, plan: Plan, folder: Path) -> None:
        """Called before the first stage.

        Args:
            plan: the stages of this part, and all cells.
            folder: the sweep's.
        """

    def take(self, event: Event) -> None:
        """Called for each event, from one thread."""

    def end(self) -> None:
        """Called after the last event, also where the run failed or was interrupted."""


class Sinks:
    """Hands events to several sinks; one that raises is switched off, with one line.

    Args:
        sinks: name -> sink.
        say: takes that line.
    """

    def __init__(self, sinks: Mapping[str, Sink], say: Callable[[str], None]) -> None:
        self._sinks = dict(sinks)
        self._say = say

    def start(self, plan: Plan, folder: Path) -> None:
        self._each(lambda sink: sink.start(plan, folder))

    def take(self, event: Event) -> None:
        self._each(lambda sink: sink.take(event))

    def end(self) -> None:
        self._each(lambda sink: sink.end())

    def _each(self, call: Callable[[Sink], None]) -> None:
        for name, sink in list(self._sinks.items()):
            try:
                call(sink)
            except (Exception, SystemExit) as error:
                del self._sinks[name]
                self._say(f"ftbench: {name} is switched off, the run goes on: {one_line(error)}")
