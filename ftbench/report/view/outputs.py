"""Answers side by side, example by example: read from the store only for the cells and examples that are looked at."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ftbench.report.view.sweep import Sweep, read_lines
from ftbench.report.view.table import Table

ORDERS = {
    "split": "as in the test split",
    "disagreement": "largest disagreement first",
    "gain": "largest gain over the baseline first",
    "loss": "largest loss first",
    "worst": "lowest scores first",
}
OUTCOMES = ("win", "loss", "tie")
MOST_WORDS = 1500
"""Words of a text that are compared; what stands behind is shown as it is."""
_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Index:
    """Scores of every example by every chosen cell, without any text.

    Attributes:
        ids: of the examples, in split order.
        cells: ids of the cells; the first is the baseline.
        metric: whose per-example scores these are.
        higher: which way is up.
        scores: [cells, examples]; NaN where an example has none.
        slices: column -> value of each example.
    """

    ids: tuple[str, ...]
    cells: tuple[str, ...]
    metric: str
    higher: bool
    scores: np.ndarray
    slices: tuple[dict[str, str], ...]

    def gains(self) -> np.ndarray:
        """Returns [examples], last cell minus the first, turned so that more is better."""
        return (1 if self.higher else -1) * (self.scores[-1] - self.scores[0])

    def outcomes(self) -> list[str]:
        """Returns per example whether the last cell wins, loses or ties against the first."""
        return ["tie" if not abs(gain) > 1e-12 else "win" if gain > 0 else "loss" for gain in self.gains()]

    def ordered(self, order: str) -> list[int]:
        """Returns the places of all examples in one of ``ORDERS``; equal ones keep the order of the split."""
        if order == "split" or not len(self.cells):
            return list(range(len(self.ids)))
        with np.errstate(all="ignore"):
            low = np.nan_to_num(self.scores if self.higher else -self.scores, nan=0.0)
        keys = {
            "disagreement": -(low.max(axis=0) - low.min(axis=0)),
            "gain": -np.nan_to_num(self.gains()),
            "loss": np.nan_to_num(self.gains()),
            "worst": low.mean(axis=0),
        }
        return [int(place) for place in np.argsort(keys[order], kind="stable")]


@dataclass(frozen=True)
class Answer:
    """What one cell said to one example."""

    cell: str
    output: str
    finish: str
    error: str | None
    prompt: str
    prompt_tokens: int | None
    completion_tokens: int | None
    documents: tuple[str, ...]
    shots: tuple[str, ...]
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Shown:
    """One example with the answers of the chosen cells.

    Attributes:
        question: the turns of the example as text, or the first prompt where the data set is gone.
        passages: id, text and whether it is a gold document, of every document that some answer was shown, best first;
            text None where unknown.
    """

    id: str
    place: int
    question: str
    references: tuple[str, ...]
    group: str | None
    slices: dict[str, str]
    gold: tuple[str, ...]
    passages: tuple[tuple[str, str | None, bool], ...]
    answers: tuple[Answer, ...]


def index(table: Table, cells: Sequence[str], metric: str | None = None) -> Index:
    """Returns the per-example scores of cells over the examples that all of them answered.

    Args:
        table: ranked cells of the open sweeps.
        cells: ids; the first is the baseline, the last is set against it.
        metric: None for the table's.
    """
    metric = metric or table.metric
    samples = {cell: sample for cell in cells if (sample := table.home[cell].sample(cell)) is not None}
    if not samples:
        return Index((), (), metric, True, np.zeros((0, 0)), ())
    first = next(iter(samples.values()))
    shared = (
        [
            identity
            for identity in first.ids
            if all(identity in sample_ids for sample_ids in map(set, (sample.ids for sample in samples.values())))
        ]
        if len(samples) > 1
        else list(first.ids)
    )
    scores = np.full((len(samples), len(shared)), np.nan)
    higher = True
    for row, (cell, sample) in enumerate(samples.items()):
        if metric in sample.metrics:
            built = table.home[cell].metric(cell, metric)
            higher = bool(built.higher_is_better)
            scores[row] = _each(built, sample.metrics[metric][_places(sample.ids, shared)])
    slices = dict(zip(first.ids, first.slices, strict=True))
    return Index(tuple(shared), tuple(samples), metric, higher, scores, tuple(slices[identity] for identity in shared))


def _places(ids: Sequence[str], wanted: Sequence[str]) -> list[int]:
    place = {identity: number for number, identity in enumerate(ids)}
    return [place[identity] for identity in wanted]


def _each(metric: Any, statistics: np.ndarray) -> np.ndarray:
    """Returns [n], the metric of each example by itself; of a corpus metric (BLEU) it is that of a corpus of one."""
    with np.errstate(all="ignore"):
        found = np.asarray(metric.value(statistics, np.ones(len(statistics))), dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def examples(table: Table, cells: Sequence[str], ids: Sequence[str], metrics: Sequence[str] = ()) -> list[Shown]:
    """Returns examples with their texts, in the order of ``ids``.

    Args:
        table: ranked cells of the open sweeps.
        cells: ids of cells.
        ids: of examples.
        metrics: whose per-example scores stand beside each answer; empty for all of them.
    """
    wanted = set(ids)
    said: dict[str, dict[str, dict[str, Any]]] = {cell: _rows(table.home[cell], cell, wanted) for cell in cells}
    scores = {cell: _scores(table, cell, metrics or tuple(table.rows[cell].scores), wanted) for cell in cells}
    sweep = table.home[cells[0]] if cells else None
    asked = _data(sweep, cells[0], "test.jsonl", wanted) if sweep else {}
    shown_documents = {
        document for rows in said.values() for row in rows.values() for document in row.get("documents") or ()
    }
    documents: dict[str, Any] = {}
    for cell in cells if shown_documents else ():
        for role in ("documents", "prepare"):  # where sweeps of earlier versions have them
            documents |= _data(table.home[cell], cell, "documents.jsonl", shown_documents - documents.keys(), role)
    found = []
    for place, identity in enumerate(ids):
        rows = {cell: said[cell][identity] for cell in cells if identity in said[cell]}
        first = asked.get(identity) or next(iter(rows.values()), None)
        if first is None:
            continue
        answers = tuple(_answer(cell, row, scores[cell].get(identity, {})) for cell, row in rows.items())
        gold = tuple(str(one) for one in first.get("gold_documents") or ())
        named = dict.fromkeys(document for answer in answers for document in answer.documents)
        passages = tuple(
            (document, (documents.get(document) or {}).get("text"), document in gold) for document in named
        )
        found.append(
            Shown(
                identity,
                place,
                question(first),
                tuple(map(str, first.get("references") or ())),
                first.get("group"),
                {str(key): str(value) for key, value in (first.get("slices") or {}).items()},
                gold,
                passages,
                answers,
            )
        )
    return found


def question(example: Mapping[str, Any]) -> str:
    """Returns the turns of an example as text; a single one without its role."""
    turns = example.get("turns")
    if not turns:
        return str(example.get("prompt", ""))
    if len(turns) == 1:
        return str(turns[0]["content"])
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def matching(table: Table, cells: Sequence[str], text: str) -> set[str]:
    """Returns ids of the examples in whose id, question, references or answers the text stands, whatever its case."""
    needle = text.casefold()
    found: set[str] = set()
    for cell in cells:
        for row in _rows(table.home[cell], cell, None).values():
            words = (row["id"], row.get("prompt", ""), row.get("output", ""), *(row.get("references") or ()))
            if any(needle in str(word).casefold() for word in words):
                found.add(row["id"])
    return found


def differing(old: str, new: str) -> list[tuple[str, str]]:
    """Returns pieces of two texts, word by word: ``same``, ``gone`` (in the old one alone) or ``new``, in reading
    order.
    """
    first, second = _TOKEN.findall(old), _TOKEN.findall(new)
    rest = "".join(second[MOST_WORDS:])
    first, second = first[:MOST_WORDS], second[:MOST_WORDS]
    alike = len(os.path.commonprefix([first, second]))
    pieces = [("same", "".join(second[:alike]))] if alike else []
    # words that a looping model repeats a thousand times would make the search quadratic; in long texts it leaves
    # frequent words out
    for kind, a, b, c, d in difflib.SequenceMatcher(None, first[alike:], second[alike:]).get_opcodes():
        words = "".join(second[alike + c : alike + d])
        if kind == "equal":
            pieces.append(("same", words))
            continue
        pieces += [("gone", "".join(first[alike + a : alike + b]))] if b > a else []
        pieces += [("new", words)] if d > c else []
    return pieces + ([("same", rest)] if rest else [])


def _rows(sweep: Sweep, cell: str, wanted: set[str] | None) -> dict[str, dict[str, Any]]:
    folder = sweep.folder_of(cell, "generate.test")
    if folder is None or not (folder / "outputs.jsonl").is_file():
        return {}
    return {row["id"]: row for row in read_lines(folder / "outputs.jsonl") if wanted is None or row["id"] in wanted}


def _scores(table: Table, cell: str, metrics: Sequence[str], wanted: set[str]) -> dict[str, dict[str, float | None]]:
    sweep = table.home[cell]
    sample = sweep.sample(cell)
    if sample is None:
        return {}
    kept = [(place, identity) for place, identity in enumerate(sample.ids) if identity in wanted]
    found: dict[str, dict[str, float | None]] = {identity: {} for _, identity in kept}
    for metric in metrics:
        if metric in sample.metrics:
            values = _each(sweep.metric(cell, metric), sample.metrics[metric][[place for place, _ in kept]])
            for (_, identity), value in zip(kept, values.tolist(), strict=True):
                found[identity][metric] = None if value != value else value
    return found


def _data(sweep: Sweep, cell: str, file: str, wanted: set[str], role: str = "prepare") -> dict[str, dict[str, Any]]:
    folder = sweep.folder_of(cell, role)
    if folder is None or not (folder / file).is_file() or not wanted:
        return {}
    return {row["id"]: row for row in read_lines(folder / file) if row["id"] in wanted}


def _answer(cell: str, row: Mapping[str, Any], scores: dict[str, float | None]) -> Answer:
    return Answer(
        cell,
        str(row.get("output") or ""),
        str(row.get("finish")),
        row.get("error"),
        str(row.get("prompt") or ""),
        row.get("prompt_tokens"),
        row.get("completion_tokens"),
        tuple(map(str, row.get("documents") or ())),
        tuple(map(str, row.get("shots") or ())),
        scores,
    )
