"""What a family's comparisons allow to be said, in plain sentences.

"Not told apart" is never "equal": that needs a margin (mistake 26). Two cells with one seed each are two
checkpoints; a sentence about methods needs several seeds (mistake 27).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from ftbench.analysis.rows import Row
from ftbench.stats.paired import BETTER, EQUIVALENT, NOT_BETTER, NOT_WORSE, WORSE, Compared, Difference
from ftbench.stats.seeds import MethodGap

CHECKPOINTS = "One seed: this compares these two checkpoints, not the methods that made them."
Gap = tuple[tuple[str, ...], tuple[str, ...], MethodGap]
"""Ids of the cells of two methods, the better first, and how far they are apart."""
Gaps = Sequence[Gap]


def cell_sentences(
    rows: Sequence[Row],
    compared: Compared,
    gaps: Gaps,
    primary: str,
    higher: bool,
    n: int,
    confidence: float,
    decision: Mapping[str, Any],
) -> list[str]:
    """Returns the sentences of one family.

    Args:
        rows: of the family, best first.
        compared: all comparisons.
        gaps: comparisons of methods over seeds.
        primary: name of the metric; ``higher`` says which way is up.
        n: examples.
        confidence: such as 0.95.
        decision: ``decision`` of the config.
    """
    said = []
    if len(rows) > 1 and compared.known and all(difference.tie for difference in compared.known):
        pairs = (
            "No two of these"
            if len(compared.known) == len(rows) * (len(rows) - 1) // 2
            else "No cell and baseline among these"
        )
        said.append(
            f"{pairs} {len(rows)} cells can be told apart by {primary} on {n} example{'s' * (n != 1)}; that is no proof"
            " that they are equal."
        )
    said += _equality(rows, compared, primary, decision["margin"])
    for model in dict.fromkeys(row.details.get("model") for row in rows):
        own = [row for row in rows if row.details.get("model") == model]
        tuned, untouched = [row for row in own if row.trains], [row for row in own if not row.trains]
        if tuned and untouched:
            said += _gain(
                tuned[0], untouched[0], compared, primary, higher, confidence, alone=not _has_seeds(tuned[0], gaps)
            )
    return said


def _has_seeds(row: Row, gaps: Gaps) -> bool:
    return any(row.id in side and len(side) > 1 for first, second, _ in gaps for side in (first, second))


def _equality(rows: Sequence[Row], compared: Compared, primary: str, margin: float | None) -> list[str]:
    if margin is None or len(rows) < 2:
        return []
    labels = {row.id: row.label for row in rows}
    best = rows[0].id
    found: dict[str, list[str]] = {EQUIVALENT: [], NOT_WORSE: [], "undecided": [], "small": []}
    for pair in compared.declared:
        if best not in (pair.first, pair.second):
            continue
        other = pair.second if pair.first == best else pair.first
        verdict = pair.verdict if other == pair.first else _turned(pair.verdict)
        if pair.within_margin and verdict == WORSE:
            found["small"].append(labels[other])
        elif verdict != WORSE:
            found[verdict if verdict in found else "undecided"].append(labels[other])
    words = {
        EQUIVALENT: f"As good as {labels[best]}, within the margin of {margin:g} {primary}",
        NOT_WORSE: f"Not worse than {labels[best]} by the margin of {margin:g} {primary}",
        "small": f"Worse than {labels[best]}, but by less than the margin of {margin:g} {primary}",
        "undecided": (
            f"Undecided against {labels[best]}: neither a difference nor equality within {margin:g} {primary} is shown"
        ),
    }
    return [f"{words[kind]}: {', '.join(names)}." for kind, names in found.items() if names]


def _turned(verdict: str) -> str:
    return {BETTER: WORSE, WORSE: BETTER, NOT_WORSE: NOT_BETTER, NOT_BETTER: NOT_WORSE}.get(verdict, verdict)


def _gain(
    tuned: Row, untouched: Row, compared: Compared, primary: str, higher: bool, confidence: float, *, alone: bool
) -> list[str]:
    pair = next((found for found in compared.known if {found.first, found.second} == {tuned.id, untouched.id}), None)
    if pair is None:
        return []
    sign = 1.0 if pair.first == tuned.id else -1.0
    gap = _gap(pair, sign, primary, confidence)
    about = f" {CHECKPOINTS}" if alone else ""
    if pair.tie:
        return [
            f"Tuning adds nothing that can be told from chance: {tuned.label} against {untouched.label}: {gap}.{about}"
        ]
    verb = "helps" if (sign * pair.value > 0) == higher else "hurts"
    return [f"Tuning {verb}: {tuned.label} against {untouched.label}: {gap}.{about}"]


def _gap(pair: Difference, sign: float, primary: str, confidence: float) -> str:
    limits = sorted(sign * limit for limit in (pair.low, pair.high) if limit is not None)
    reach = (
        f", {confidence:.0%} interval {_signed(limits[0])} to {_signed(limits[1])} over {pair.family}"
        f" comparison{'s' if pair.family > 1 else ''}"
        if limits
        else ""
    )
    return f"{primary} {_signed(sign * pair.value)}{reach}"


def method_sentences(
    rows: Sequence[Row], names: Mapping[str, str], gaps: Gaps, primary: str, higher: bool, confidence: float
) -> list[str]:
    """Returns what can be said of methods: the best against each that it is told apart from, and those that it is not,
    together.

    Args:
        rows: of the family.
        names: cell id -> what its method is called.
        gaps: comparisons of methods over seeds, with simultaneous intervals.
        primary, higher, confidence: as for ``cell_sentences``.
    """
    if not gaps:
        return []
    values = {row.id: float(row.value(primary)) for row in rows}
    sign = 1.0 if higher else -1.0
    sides = dict.fromkeys(side for first, second, _ in gaps for side in (first, second))
    best = max(sides, key=lambda side: sign * fmean(values[cell] for cell in side))
    said, tied = [], [best]
    for first, second, gap in gaps:
        if best not in (first, second):
            continue
        other, turn = (second, 1.0) if first == best else (first, -1.0)
        if gap.tie:
            tied.append(other)
            continue
        low, high = sorted((turn * gap.low, turn * gap.high))
        over = f"{confidence:.0%} interval {_signed(low)} to {_signed(high)} over {_comparisons(len(gaps))}"
        errors = f"standard error from the examples {gap.sampling_error:.2g}, from the seeds {gap.seed_error:.2g}"
        word = "better" if (turn * gap.value > 0) == higher else "worse"
        said.append(
            f"As methods, {_side(names, best)} against {_side(names, other)}: {word}: {primary}"
            f" {_signed(turn * gap.value)}, {over}; {errors}."
        )
    return ([_not_told_apart(names, tied, gaps, values, primary, confidence)] if len(tied) > 1 else []) + said


def _not_told_apart(
    names: Mapping[str, str],
    tied: Sequence[tuple[str, ...]],
    gaps: Gaps,
    values: Mapping[str, float],
    primary: str,
    confidence: float,
) -> str:
    widest = max(
        (entry for entry in gaps if entry[0] in tied and entry[1] in tied), key=lambda entry: abs(entry[2].value)
    )
    first, second, gap = widest
    spreads = [f"{stdev(values[cell] for cell in side):.2g}" for side in tied if len(side) > 1]
    sides = [_side(names, side) for side in tied]
    reach = f"{confidence:.0%} interval {_signed(gap.low)} to {_signed(gap.high)} over {_comparisons(len(gaps))}"
    return (
        f"As methods, {', '.join(sides[:-1])} and {sides[-1]} are not told apart, which is no proof of being equal: the"
        f" widest gap is {primary} {_signed(gap.value)} ({names[first[0]]} against {names[second[0]]}), {reach}; one"
        f" seed to the next moves {primary} by {', '.join(spreads)} (standard deviation, in that order)."
    )


def _side(names: Mapping[str, str], side: tuple[str, ...]) -> str:
    return f"{names[side[0]]} ({f'{len(side)} seeds' if len(side) > 1 else 'one run, nothing trained'})"


def _comparisons(count: int) -> str:
    return f"{count} comparison{'s' if count > 1 else ''}"


def without_seed(label: str) -> str:
    return " ".join(part for part in label.split(" ") if not part.startswith("seed="))


def _signed(value: float) -> str:
    """Returns three digits with a sign; what is smaller than any metric's last digit is zero, not noise."""
    return f"{0.0 if abs(value) < 1e-9 else value:+.3g}"
