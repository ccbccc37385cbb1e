"""Builds plans of real prepare stages over ``GatedLines``, so that tests can hold, fail or kill a stage."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ftbench.core.cell import Cell
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.core.stage import Stage
from ftbench.store.store import Store

ROOT = Path(__file__).resolve().parents[2]


class Bench:
    """A store, a sweep folder and the means to write plans into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sweep = folder / "sweep"
        self.sweep.mkdir(parents=True)
        self.store = Store(folder / "store")
        self.trace = folder / "trace.txt"

    def stage(
        self,
        name: str,
        needs: Sequence[Stage] = (),
        *,
        gate: str = "",
        marker: str = "",
        wrong: str = "",
        text: str = "",
        model: str | None = None,
    ) -> Stage:
        """Returns a prepare stage; ``gate`` names a file in the test's folder, opened with ``open_gate``."""
        node = {
            "_target_": "tests.execution.gated_lines.GatedLines",
            "name": name,
            "trace": str(self.trace),
            "gate": str(self.folder / gate) if gate else "",
            "marker": marker,
            "work": str(self.store.work),
            "wrong": wrong,
            "text": text,
        }
        inputs = {f"input{index}": needed.key for index, needed in enumerate(needs)}
        return Stage("prepare", {"dataset": build(node, "dataset").identity()}, inputs, {"dataset": node}, model)

    def plan(self, *stages: Stage, cells: Sequence[Sequence[Stage]] = (), hardware: dict | None = None) -> Plan:
        """Writes ``plan.json``; each cell is a sequence of its stages."""
        made = tuple(
            Cell(
                f"{index:010d}",
                f"cell{index}",
                {},
                (),
                {"hardware": hardware or {}},
                {f"role{n}": stage.key for n, stage in enumerate(cell)},
            )
            for index, cell in enumerate(cells)
        )
        plan = Plan(made, {stage.key: stage for stage in stages}, (), str(self.store.path), {})
        plan.write(self.sweep)
        return plan

    @property
    def plan_path(self) -> Path:
        return self.sweep / "plan.json"

    def open_gate(self, gate: str) -> None:
        (self.folder / gate).touch()

    def loads(self) -> list[str]:
        """Returns the names of the datasets that were loaded, in order."""
        return (
            [line.split()[0] for line in self.trace.read_text(encoding="utf-8").splitlines()]
            if self.trace.exists()
            else []
        )

    def pids(self) -> list[int]:
        return (
            [int(line.split()[1]) for line in self.trace.read_text(encoding="utf-8").splitlines()]
            if self.trace.exists()
            else []
        )

    def artefacts(self, stage: Stage) -> dict[str, bytes]:
        """Returns name -> bytes of a finished stage's files, the receipt apart."""
        folder = self.store.published(stage.key)
        assert folder is not None
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != "receipt.json"
        }

    def text_of_everything(self) -> str:
        """Returns the text of every file of the store and of the sweep folder."""
        files = [
            path
            for base in (self.store.path, self.sweep)
            for path in base.rglob("*")
            if path.is_file() and path.name != "plan.json"
        ]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, sys.path)])))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Bench(tmp_path)


@pytest.fixture
def other_bench(tmp_path: Path) -> Bench:
    """A second, untouched store to compare with; needs ``bench`` for the import path."""
    return Bench(tmp_path / "other")


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits for a condition of another process, and fails the test when it never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until
