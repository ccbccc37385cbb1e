"""A sweep as the report reads it: ``plan.json``, ``results.json`` and, when asked for, what its stages left in the
store.

Plain JSON is read, not objects: a sweep of an earlier version, or one that is still running, can be looked at. A sweep
that came out of a bundle is not trusted: nothing that it names is imported but ftbench's own metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from ftbench.analysis.column import Column
from ftbench.analysis.damaged_stages import damage_line
from ftbench.analysis.own_columns import from_results
from ftbench.analysis.rows import Row
from ftbench.core.cell import is_deployable
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.receipt import Receipt
from ftbench.cost.bill import Bill
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store
from ftbench.sweep.folder import RESULTS, SweepFolder, newest, open_folder

OURS = "ftbench.metrics."
FOREIGN = "ftbench.metrics.function."
"""A metric of the user's: it imports what its YAML names."""
NOT_ROW = {"baseline", "scores", "validation", "bill", "notes", "details", "rank", "frontier"}


@dataclass(frozen=True)
class MeanOfScores:
    """Stands in for a user's metric that is not to be imported: such a metric is a mean over examples."""

    higher_is_better: bool
    is_mean: bool = True

    def value(self, totals: Any, n: Any) -> Any:
        return totals[..., 0] / n


@dataclass(frozen=True)
class Sweep:
    """One sweep's folder.

    Attributes:
        folder: where its files are.
        name: what people call it: the last two parts of the folder.
        plan: ``plan.json``.
        results: ``results.json``, or None while it runs or after ``plan``.
        trusted: whether components that its files name may be imported.
        moved: where its store now is, None for where the plan says.
    """

    folder: Path
    name: str
    plan: dict[str, Any]
    results: dict[str, Any] | None
    trusted: bool = True
    moved: Path | None = None
    _samples: dict[str, Sufficient | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, folder: SweepFolder) -> Sweep:
        return cls(folder.path, folder.name, folder.data, folder.results, folder.trusted, folder.moved)

    @cached_property
    def store(self) -> Store:
        return Store(self.moved or self.plan["store"] or self.folder / "store")

    @cached_property
    def cells(self) -> dict[str, dict[str, Any]]:
        """Cell id -> cell of the plan."""
        return {cell["id"]: cell for cell in self.plan["cells"]}

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage key -> stage of the plan, inputs first."""
        return {stage["key"]: stage for stage in self.plan["stages"]}

    @cached_property
    def shown(self) -> dict[str, dict[str, Any]]:
        """Cell id -> cell of the results, in the order of the table; one whose stages are damaged by now has failed."""
        found = {cell["cell_id"]: cell for cell in (self.results or {}).get("cells", ())}
        for identity in found.keys() & self.damaged.keys():
            found[identity] = {
                **found[identity],
                "status": "failed",
                "reason": self.damaged[identity],
                "rank": "",
                "frontier": None,
            }
        return found

    @cached_property
    def damaged(self) -> dict[str, str]:
        """Cell id -> why it counts as not done: the files of one of its stages are not what was written."""
        broken = {key: problem for key in self.stages if (problem := self.store.damage(key)) is not None}
        lines = (
            {identity: damage_line(cell["stages"], broken) for identity, cell in self.cells.items()} if broken else {}
        )
        return {identity: line for identity, line in lines.items() if line is not None}

    @cached_property
    def rows(self) -> dict[str, Row]:
        """Cell id -> row, in the order of the table."""
        return {identity: _row(cell, self.cells.get(identity)) for identity, cell in self.shown.items()}

    @cached_property
    def own_columns(self) -> list[Column]:
        """Columns of the user's own."""
        return from_results(self.results)

    def choices(self, cell: str) -> dict[str, Any]:
        """Returns axis or sub-axis -> option of a cell."""
        return dict(self.cells.get(cell, {}).get("choices", {}))

    @property
    def settings(self) -> dict[str, Any]:
        return self.plan["settings"]

    @property
    def primary(self) -> str:
        return (
            (self.results or {}).get("primary_metric")
            or self.settings.get("primary_metric")
            or next(iter(self.metrics), "")
        )

    @property
    def metrics(self) -> list[str]:
        return list((self.results or {}).get("metrics") or self.settings.get("metrics") or ())

    def stage_folder(self, key: str | None) -> Path | None:
        """Returns the folder of a finished stage, or None."""
        return self.store.find(key) if key else None

    def folder_of(self, cell: str, role: str) -> Path | None:
        """Returns the folder of a cell's finished stage, such as ``generate.test``, or None."""
        return self.stage_folder(self.cells.get(cell, {}).get("stages", {}).get(role))

    def receipt(self, key: str) -> Receipt | None:
        found = self.stage_folder(key)
        return Receipt.read(found) if found else None

    def sample(self, cell: str) -> Sufficient | None:
        """Returns the per-example statistics of a cell on the test split, or None; each is read once."""
        if cell not in self._samples:
            folder = self.folder_of(cell, "score.test")
            try:
                self._samples[cell] = Sufficient.read(folder) if folder else None
            except (OSError, ValueError, KeyError, EOFError, MemoryError) as error:
                raise FtbenchError(
                    f"{self.name}: the scores of {cell} cannot be read ({error}). Delete {folder} and run the sweep"
                    " again"
                ) from error
        return self._samples[cell]

    def metric(self, cell: str, name: str) -> Any:
        """Returns the metric as the cell was scored by it."""
        node = self.stages[self.cells[cell]["stages"]["score.test"]]["config"]["metrics"][name]
        target = str(node.get("_target_"))
        if not self.trusted and (not target.startswith(OURS) or target.startswith(FOREIGN)):
            return MeanOfScores(bool(self.shown[cell]["scores"][name].get("higher_is_better", True)))
        try:
            return build(node, f"metrics.{name}")
        except FtbenchError as error:
            raise FtbenchError(
                f"{self.name}: its {name} is of another version ({error}). Repeat the sweep's command: it is scored"
                " again, nothing is trained"
            ) from error


def open_sweeps(paths: Sequence[Path], *, ended: bool = False) -> list[Sweep]:
    """Opens sweeps by folder; the newest below ``multirun`` when none is named, of those with results where only such
    will do, else of those that were run.

    Raises:
        FtbenchError: one line for what is no sweep.
    """
    found = list(paths) or [newest(RESULTS, *([] if ended else ["worker.log"]))]
    opened = {path.resolve(): open_sweep(path) for path in found}
    return list(opened.values())


def open_sweep(path: Path, *, trusted: bool = True, moved: Path | None = None, name: str | None = None) -> Sweep:
    """Opens one sweep; see ``ftbench.sweep.folder.open_folder``."""
    return Sweep.of(open_folder(path, trusted=trusted, moved=moved, name=name))


def read_lines(path: Path, wanted: set[int] | None = None) -> Iterator[dict[str, Any]]:
    """Yields the objects of a JSONL file; with ``wanted``, only those lines, by number from 0."""
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        for index, line in enumerate(file):
            if wanted is None or index in wanted:
                yield json.loads(line)


def _row(cell: dict[str, Any], planned: dict[str, Any] | None) -> Row:
    paid = cell.get("bill")
    stages = (planned or {}).get("stages", {})
    facts = {key: value for key, value in cell.items() if key not in NOT_ROW}
    return Row(
        facts=facts if planned is None else {**facts, "deployable": is_deployable(planned)},
        scores=cell.get("scores") or {},
        validation=cell.get("validation") or {},
        bill=None if paid is None else Bill(**{one.name: paid.get(one.name) for one in fields(Bill)}),
        trains="train" in stages or "merge" in stages,
        baseline=bool(cell.get("baseline")),
        notes=tuple(cell.get("notes") or ()),
        details=cell.get("details") or {},
    )
