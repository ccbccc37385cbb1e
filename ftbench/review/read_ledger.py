"""A sweep's verdicts as evidence: unblinded by the key, and only where the text that was judged is still what the
system says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.review.evidence import BOTH_BAD, TIE, A, Alike, B, Evidence, Rating, Verdict, turned
from ftbench.review.key import Key, read_keys, text_digest
from ftbench.review.ledger import Said, current, read_ledger
from ftbench.review.make import example_values
from ftbench.review.read_judge import read_judge_stages
from ftbench.review.rubric import PREFERENCE, SCALE
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store

Texts = dict[tuple[str, str], str]
"""(cell, example) -> sha256 of what it says now."""


def sweep_evidence(sweep: Path, plan: Plan, store: Store, split: str) -> Evidence:
    """Reads the evidence of one split.

    Raises:
        FtbenchError: when nothing was made or imported for this split.
    """
    keys = [key for key in read_keys(sweep) if key.split == split]
    said = [(rater, one) for rater, one in current(read_ledger(sweep)) if one.split == split]
    if not keys or not said:
        what = "no sheets were made for it" if not keys else "no verdicts were imported"
        raise FtbenchError(
            f"{sweep}: {what} ({split} split). Run review make, have the sheets filled in, then review import FILE..."
        )
    systems: dict[str, str] = {}
    for key in keys:
        systems |= {cell: label for cell, label in key.systems.items() if cell not in systems}
    texts = _texts(plan, store, systems, split)
    rubrics = {key.batch: key.rubric for key in keys}
    evidence = Evidence(systems, overall=keys[0].rubric.dimensions[0].name)
    evidence.notes += _damaged(plan, store, systems, split)
    if not texts:
        evidence.notes.append(
            "the answers are not in the store any more: verdicts are taken for what they were made on"
        )
    outdated = set()
    order = {cell: place for place, cell in enumerate(systems)}
    for rater, one in sorted(said, key=lambda pair: (pair[1].repeat_of is not None, pair[1].item, pair[1].dimension)):
        rubric = rubrics.get(one.batch)
        dimension = (
            next((entry for entry in rubric.dimensions if entry.name == one.dimension), None) if rubric else None
        )
        if dimension is None:
            continue
        if not _stands(one, texts):
            outdated.add(one.item)
            continue
        _add(evidence, rater, one, dimension.kind, rubric.dimensions[0].name == one.dimension, order, texts)
    _mark_repeats(evidence)
    evidence.alike = [alike for key in keys for alike in _alike(key, texts, order)]
    if outdated:
        evidence.notes.append(
            f"{len(outdated)} verdicts were left out: the text that was judged is not what the system says now"
        )
    evidence.counts = {"items_made": sum(len(key.items) for key in keys), "items_outdated": len(outdated)}
    if any(key.settings.get("stratify") == "disagreement" for key in keys):
        evidence.notes.append("drawn from where the systems disagree: the rates speak of those examples, not of all")
    evidence.metrics = _metrics(plan, store, systems, split)
    evidence.aliases = {
        cell.stages[role]: cell.id
        for cell in plan.cells
        if cell.id in systems and (role := f"generate.{split}") in cell.stages
    }
    read_judge_stages(plan, store, split, evidence)
    return evidence


def _add(
    evidence: Evidence, rater: str, one: Said, kind: str, decides: bool, order: dict[str, int], texts: Texts
) -> None:
    cluster = one.example if one.group is None else f"group {one.group}"
    dimension = evidence.overall if decides else one.dimension
    repeat = one.repeat_of is not None
    if kind == PREFERENCE:
        left, right = (side["cells"][0] for side in one.sides)
        choice = {"left": A, "right": B, "tie": TIE, "both bad": BOTH_BAD}[one.value]
        shown = A
        if order[left] > order[right]:
            left, right, choice, shown = right, left, turned(choice), B
        evidence.verdicts.append(Verdict(one.example, cluster, left, right, rater, choice, shown, dimension, repeat))
    elif kind == SCALE:
        cells = [
            cell
            for cell in one.sides[0]["cells"]
            if not texts or texts.get((cell, one.example)) == one.sides[0]["digest"]
        ]
        evidence.ratings += [
            Rating(one.example, cluster, cell, rater, float(one.value), dimension, repeat) for cell in cells
        ]
    else:
        evidence.comments.append((one.example, rater, one.value))


def _mark_repeats(evidence: Evidence) -> None:
    """Marks what one rater judged again in another batch; a repeat whose first showing was left empty is a
    first one.
    """
    for rows, place in (
        (evidence.verdicts, lambda one: (one.example, one.first, one.second, one.rater, one.dimension)),
        (evidence.ratings, lambda one: (one.example, one.system, one.rater, one.dimension)),
    ):
        seen = set()
        for index, one in enumerate(rows):
            rows[index] = replace(one, repeat=place(one) in seen)
            seen.add(place(one))


def _stands(one: Said, texts: Texts) -> bool:
    """Returns whether every text that was judged is still said by a system that it was taken from."""
    if not texts:
        return True
    return all(any(texts.get((cell, one.example)) == side["digest"] for cell in side["cells"]) for side in one.sides)


def _texts(plan: Plan, store: Store, systems: Sequence[str], split: str) -> Texts:
    cells = {cell.id: cell for cell in plan.cells}
    found: Texts = {}
    for system in systems:
        key = cells[system].stages.get(f"generate.{split}") if system in cells else None
        folder = store.find(key) if key else None
        if folder is not None:
            found |= {(system, row["id"]): text_digest(row["output"]) for row in read_jsonl(folder / "outputs.jsonl")}
    return found


def _damaged(plan: Plan, store: Store, systems: Mapping[str, str], split: str) -> list[str]:
    """Returns a sentence for each system whose answers are not what was written."""
    answered = {cell.label: cell.stages.get(f"generate.{split}") for cell in plan.cells if cell.id in systems}
    problems = {label: store.damage(key) for label, key in answered.items() if key is not None}
    return [
        f"{label}: its answers are damaged ({why}). Repeat the sweep's command"
        for label, why in problems.items()
        if why is not None
    ]


def _alike(key: Key, texts: Texts, order: dict[str, int]) -> list[Alike]:
    found = []
    for one in key.identical:
        if texts and any(
            texts.get((cell, one["example"])) != digest
            for cell, digest in zip(one["cells"], one["digests"], strict=True)
        ):
            continue
        first, second = sorted(one["cells"], key=order.__getitem__)
        found.append(
            Alike(one["example"], one["example"] if one["group"] is None else f"group {one['group']}", first, second)
        )
    return found


def _metrics(
    plan: Plan, store: Store, systems: Sequence[str], split: str
) -> dict[str, tuple[bool, dict[str, dict[str, float]]]]:
    """Returns each metric of the sweep that has a value per example, for each system that was scored."""
    cells = {cell.id: cell for cell in plan.cells}
    found: dict[str, tuple[bool, dict[str, dict[str, float]]]] = {}
    for system in systems:
        key = cells[system].stages.get(f"score.{split}") if system in cells else None
        folder = store.find(key) if key else None
        if folder is None:
            continue
        sample = Sufficient.read(folder)
        for name, node in plan.stages[key].config["metrics"].items():
            if name in sample.metrics:
                higher = bool(build(node, f"metric.{name}").higher_is_better)
                found.setdefault(name, (higher, {}))[1][system] = example_values(node, sample, name)
    return found
