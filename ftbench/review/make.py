"""``review make``: samples, deals out, blinds, and writes each rater's sheet in three forms; the key stays with the
sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ftbench.core.canonical import digest
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan
from ftbench.review.assign import Showing, assign, random_name
from ftbench.review.key import Item, Key, Side, text_digest, write_key
from ftbench.review.rubric import PAIRWISE, Rubric
from ftbench.review.sample import Comparison, Drawn, draw
from ftbench.review.sheet import Entry, Sheet, shown
from ftbench.review.systems import Reviewed, question
from ftbench.review.write_csv import csv_bytes, instructions_text
from ftbench.review.write_html import html_bytes
from ftbench.review.write_xlsx import xlsx_bytes
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store


@dataclass(frozen=True)
class Request:
    """What was asked for; see ``review make --help``."""

    n: int
    raters: tuple[str, ...]
    seed: int
    repeats: float
    overlap: float
    stratify: str | None
    reference: bool
    margin: float


@dataclass(frozen=True)
class Batch:
    """What was made: the key, the sheets, and what the sample met."""

    key: Key
    sheets: tuple[Sheet, ...]
    drawn: Drawn


def make(reviewed: Reviewed, rubric: Rubric, request: Request, scores: Mapping[int, Mapping[str, float]]) -> Batch:
    """Makes a batch; the same words over the same answers make the same one.

    Chance is seeded by the seed *and* by what the raters do not have (the keys of the generating stages), so that
    nobody who knows the program and the seed can tell the sides.
    """
    words = [
        request.seed,
        request.n,
        list(request.raters),
        request.repeats,
        request.overlap,
        request.stratify,
        request.reference,
    ]
    secret = digest([*words, rubric.as_dict(), [system.stage for system in reviewed.systems], reviewed.split])
    rng = np.random.default_rng(int(secret, 16))
    pairwise = rubric.mode == PAIRWISE
    drawn = draw(reviewed, request.n, request.stratify, scores, rng, pairwise=pairwise)
    comparisons = drawn.shown if pairwise else _singles(reviewed, drawn)
    dealt = assign(comparisons, request.raters, request.overlap, request.repeats, rng)
    batch = random_name(rng)
    sheets = tuple(
        Sheet(batch, rater, rubric, tuple(_entry(reviewed, one, request.reference) for one in shown))
        for rater, shown in dealt.items()
    )
    items = {one.item: _item(reviewed, one, pairwise=pairwise) for shown in dealt.values() for one in shown}
    # in the order of the ids: the key's own order tells nothing either
    settings = {
        "seed": request.seed,
        "n": request.n,
        "raters": list(request.raters),
        "repeat_share": request.repeats,
        "overlap": request.overlap,
        "stratify": request.stratify,
        "margin": request.margin,
        "drawn": len(drawn.shown),
        "identical": len(drawn.identical),
        "pool": drawn.pool,
    }
    systems = {system.id: system.label for system in reviewed.systems}
    identical = tuple(_identical(reviewed, one) for one in drawn.identical) if pairwise else ()
    return Batch(
        Key(batch, reviewed.split, systems, rubric, dict(sorted(items.items())), identical, settings), sheets, drawn
    )


def write_batch(batch: Batch, sweep: Path, out: Path) -> tuple[list[Path], Path]:
    """Writes the sheets into ``out`` and the key into the sweep's folder; returns the sheets' paths and the key's.

    Raises:
        FtbenchError: when the sheets would lie with the key, or ``out`` holds something else.
    """
    if out.resolve().is_relative_to(sweep.resolve()):
        raise FtbenchError(
            f"--out {out}: lies inside the sweep, where the key is. Name a folder outside it, which can be sent"
        )
    files: dict[str, bytes] = {}
    for sheet in batch.sheets:
        files |= {
            f"{sheet.rater}.xlsx": xlsx_bytes(sheet),
            f"{sheet.rater}.html": html_bytes(sheet),
            f"{sheet.rater}.csv": csv_bytes(sheet),
        }
    files["instructions.txt"] = instructions_text(batch.sheets[0]).encode("utf-8")
    if out.exists() and not out.is_dir():
        raise FtbenchError(f"--out {out}: is a file. Name a folder")
    changed = [
        name for name, content in files.items() if (out / name).is_file() and (out / name).read_bytes() != content
    ]
    if changed:
        raise FtbenchError(
            f"--out {out}: holds another {changed[0]}, perhaps with verdicts in it. Name a new folder; nothing was"
            " overwritten"
        )
    key = write_key(sweep, batch.key)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
    return [out / name for name in files], key


def primary_scores(plan: Plan, store: Store, reviewed: Reviewed) -> dict[int, dict[str, float]]:
    """Returns system -> example -> value of the primary metric by itself, where the sweep was scored."""
    name = plan.settings.get("primary_metric") or next(iter(plan.settings.get("metrics", ())), None)
    cells = {cell.id: cell for cell in plan.cells}
    found: dict[int, dict[str, float]] = {}
    for place, system in enumerate(reviewed.systems):
        key = cells[system.id].stages.get(f"score.{reviewed.split}")
        folder = store.find(key) if key else None
        if folder is not None and name is not None:
            found[place] = example_values(plan.stages[key].config["metrics"][name], Sufficient.read(folder), name)
    return found


def example_values(node: Mapping[str, Any], sample: Sufficient, name: str) -> dict[str, float]:
    """Returns example -> value of a metric on that example alone; examples on which it is not defined are left out."""
    metric = build(node, f"metric.{name}")
    table = sample.metrics[name]
    with np.errstate(all="ignore"):
        values = np.asarray(metric.value(table, np.ones(len(table))), dtype=np.float64)
    return {identity: float(value) for identity, value in zip(sample.ids, values, strict=True) if np.isfinite(value)}


def _singles(reviewed: Reviewed, drawn: Drawn) -> list[Comparison]:
    """Returns one showing per distinct text of each drawn example: systems that wrote the same share its rating."""
    found = []
    for one in drawn.shown + drawn.identical:
        texts: dict[str, int] = {}
        for place in one.systems:
            texts.setdefault(reviewed.systems[place].outputs[one.example], place)
        found += [Comparison(one.example, (place,)) for place in texts.values()]
    return found


def _entry(reviewed: Reviewed, one: Showing, reference: bool) -> Entry:
    example = reviewed.example(one.example)
    answers = tuple(shown(reviewed.systems[place].outputs[one.example]) for place in one.places)
    return Entry(
        one.item,
        shown(question(example)),
        shown("\n\nor\n\n".join(example.references)) if reference else None,
        answers,
    )


def _item(reviewed: Reviewed, one: Showing, *, pairwise: bool) -> Item:
    sides = []
    for place in one.places:
        text = reviewed.systems[place].outputs[one.example]
        same = [system.id for system in reviewed.systems if not pairwise and system.outputs[one.example] == text]
        sides.append(Side(tuple(same) or (reviewed.systems[place].id,), text_digest(text)))
    return Item(one.item, one.rater, one.example, reviewed.example(one.example).group, tuple(sides), one.repeat_of)


def _identical(reviewed: Reviewed, one: Comparison) -> dict[str, Any]:
    pair = [reviewed.systems[place] for place in one.systems]
    digests = [text_digest(system.outputs[one.example]) for system in pair]
    return {
        "example": one.example,
        "group": reviewed.example(one.example).group,
        "cells": [system.id for system in pair],
        "digests": digests,
    }
