"""A sink that raises is switched off, and the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.core.plan import Plan
from ftbench.core.stage import Stage
from ftbench.execution.events import Event
from ftbench.execution.sinks.base import Sink, Sinks

PLAN = Plan((), {}, (), "", {})
EVENT = Event("done", Stage("prepare", {}, {}, {}))


class Noted(Sink):
    def __init__(self, raises: str = "") -> None:
        self.raises, self.heard = raises, []

    def start(self, plan: Plan, folder: Path) -> None:
        self._note("start")

    def take(self, event: Event) -> None:
        self._note("take")

    def end(self) -> None:
        self._note("end")

    def _note(self, what: str) -> None:
        self.heard.append(what)
        if what == self.raises:
            raise OSError("no quiet-as-a-mouse-77 there")


@pytest.mark.parametrize("raises", ["start", "take", "end"])
def test_one_that_raises_is_switched_off_with_one_line_and_no_secret(
    raises: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "quiet-as-a-mouse-77")
    said: list[str] = []
    broken, sound = Noted(raises), Noted()
    sinks = Sinks({"broken": broken, "silent": Sink(), "sound": sound}, said.append)
    sinks.start(PLAN, Path())
    sinks.take(EVENT)
    sinks.take(EVENT)
    sinks.end()
    assert said == ["ftbench: broken is switched off, the run goes on: OSError: no *** there"]
    assert sound.heard == ["start", "take", "take", "end"]
    assert broken.heard == sound.heard[: sound.heard.index(raises) + 1]
