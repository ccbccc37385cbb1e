"""DPO of every weight of the base, over the base itself or over an earlier full training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftbench.core.component import Component
from ftbench.core.errors import Problem
from ftbench.core.protocols import TrainRun
from ftbench.methods.dpo import Preferring
from ftbench.methods.full import Full
from ftbench.methods.preference import PreferenceRun


@dataclass(frozen=True)
class DpoFull(Preferring, Full):
    """Full DPO. Its fields are those of ``ftbench.methods.full.Full`` and of ``ftbench.methods.dpo.Preferring``."""

    def cannot_follow(self, start: Component) -> list[Problem]:
        if type(start) is Full:
            return []
        return [Problem("method.over", f"{type(start).__name__} leaves no whole weights to go on from", "Name a node of method=full, or set method.over=null")]

    def preference_run(self, run: TrainRun, loaded: Any) -> PreferenceRun:
        supervised = self._run(run, loaded)
        if self.over is None:
            return self.made(run, supervised.adapt, supervised.save)

        def go_on(model: Any) -> Any:
            from ftbench.methods.whole import read_weights

            read_weights(model, run.inputs["weights"])
            return supervised.adapt(model)

        return self.made(run, go_on, supervised.save)
