"""What can be wrong with rows that are no leak: gaps, empty and over-long rows, odd characters, repeated rows, lopsided
labels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from ftbench.core.example import SPLITS, Example, Splits
from ftbench.data.inspection.encoding import ODDITIES, form, oddities
from ftbench.data.inspection.finding import Finding, listed
from ftbench.data.inspection.rows import Row, answer_text, prompt_text
from ftbench.data.inspection.twins import find_twins

LONG_CHARACTERS, LONG_TIMES = 20_000, 20
"""A row is over-long with more characters than this, and more than this many times the median."""
LABEL_WORDS, LABEL_SHARE, MOST_LABELS = 6, 0.2, 200
"""Answers look like labels when there are few of them: at most a fifth as many as rows, none longer than six words."""
LOPSIDED = 0.9


def histogram(values: Sequence[int]) -> dict[str, Any]:
    """Returns how long things are: quantiles, and counts in bins that double (``[from, below, count]``)."""
    if not values:
        return {"n": 0}
    ordered = sorted(values)
    bins: Counter[int] = Counter(value.bit_length() for value in ordered)
    spans = [[1 << (bits - 1) if bits else 0, 1 << bits, bins[bits]] for bits in range(min(bins), max(bins) + 1)]
    at = {
        name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in (("p50", 0.5), ("p95", 0.95))
    }
    return {"n": len(ordered), "least": ordered[0], **at, "most": ordered[-1], "bins": spans}


def lengths(splits: Splits) -> dict[str, Any]:
    """Returns split -> ``prompt`` and ``target`` -> histogram of characters."""
    parts: dict[str, Callable[[Example], str]] = {"prompt": lambda row: prompt_text(row, False), "target": answer_text}
    return {
        split: {name: histogram([len(text(row)) for row in splits.split(split)]) for name, text in parts.items()}
        for split in SPLITS
        if splits.split(split)
    }


def quality(splits: Splits, rows: Sequence[Row], similarity: float) -> list[Finding]:
    """Returns all findings on rows by themselves and within a split.

    Args:
        rows: from ``ftbench.data.inspection.rows.prepare_rows(splits)``.
        similarity: see ``ftbench.data.inspection.leaks.find_leaks``.
    """
    found = [*_gaps(splits), *_empty(splits), *_long(splits), *_spaces(splits), *_characters(splits)]
    for split in SPLITS:
        found += _twins(split, [row for row in rows if row.split == split], similarity)
    return found + _labels(splits)


def _say(kind: str, level: str, split: str, ids: Sequence[str], why: str, fix: str) -> list[Finding]:
    return (
        [
            Finding(
                kind,
                level,
                f"{split} rows {listed(ids)}" if len(ids) > 1 else f"{split} row {ids[0]!r}",
                why,
                fix,
                len(ids),
                tuple(ids[:20]),
            )
        ]
        if ids
        else []
    )


def _gaps(splits: Splits) -> list[Finding]:
    """Finds columns that only some rows of a split fill."""
    parts: dict[str, Callable[[Example], Any]] = {
        "target": lambda row: row.target if row.chosen is None else row.chosen,
        "group": lambda row: row.group,
        "time": lambda row: row.time,
        "gold documents": lambda row: row.gold_documents or None,
        "system turn": lambda row: next((turn for turn in row.turns if turn.role == "system"), None),
    }
    found = []
    for split in SPLITS:
        for name, part in parts.items():
            lacking = [row.id for row in splits.split(split) if part(row) is None]
            if 0 < len(lacking) < len(splits.split(split)) and not (name == "target" and split != "train"):
                why = f"{len(lacking)} of {len(splits.split(split))} have no {name}, the others have"
                found += _say(
                    f"lacks_{name.replace(' ', '_')}", "warning", split, lacking, why, "Fill it in, or take them out"
                )
        columns = Counter(name for row in splits.split(split) for name in row.slices)
        for name, count in columns.items():
            if count < len(splits.split(split)):
                lacking = [row.id for row in splits.split(split) if name not in row.slices]
                found += _say(
                    "lacks_slice",
                    "warning",
                    split,
                    lacking,
                    f"{len(lacking)} have no {name!r}, the others have",
                    "Fill it in",
                )
    return found


def _empty(splits: Splits) -> list[Finding]:
    found = []
    for split in SPLITS:
        rows = splits.split(split)
        blank = [row.id for row in rows if not prompt_text(row).strip()]
        found += _say(
            "empty_prompt",
            "warning",
            split,
            blank,
            f"{len(blank)} of {len(rows)} have an empty prompt",
            "Fill it in, or take them out",
        )
        silent = [row.id for row in rows if row.target is not None and not row.target.strip()]
        found += _say(
            "empty_target",
            "warning",
            split,
            silent,
            f"{len(silent)} of {len(rows)} have an empty target",
            "Fill it in, or take them out",
        )
        vain = [
            row.id
            for row in rows
            if split != "train" and row.references and not any(text.strip() for text in row.references)
        ]
        found += _say(
            "empty_reference",
            "warning",
            split,
            vain,
            f"{len(vain)} of {len(rows)} have nothing but empty references",
            "Fill them in",
        )
    return found


def _long(splits: Splits) -> list[Finding]:
    found = []
    for split in SPLITS:
        sizes = {row.id: len(prompt_text(row, False)) + len(answer_text(row)) for row in splits.split(split)}
        most = max(LONG_CHARACTERS, LONG_TIMES * median(sizes.values())) if sizes else 0
        ids = sorted((name for name, size in sizes.items() if size > most), key=lambda name: -sizes[name])
        if ids:
            why = (
                f"{len(ids)} of {len(sizes)} are over-long, up to {sizes[ids[0]]:,} characters where the middle one has"
                f" {int(median(sizes.values())):,}"
            )
            found += _say("over_long", "warning", split, ids, why, "Shorten them, or take them out")
    return found


def _spaces(splits: Splits) -> list[Finding]:
    rows = [row for row in splits.train if row.target]
    edged = [row.id for row in rows if row.target != row.target.strip()]
    if not 0 < len(edged) < len(rows):
        return []
    why = f"{len(edged)} of {len(rows)} targets begin or end in white space, which a model then learns for some answers"
    return _say("edge_spaces", "warning", "train", edged, why, "Strip them")


def _characters(splits: Splits) -> list[Finding]:
    found = []
    forms: dict[str, list[str]] = defaultdict(list)
    for split in SPLITS:
        odd: dict[str, list[str]] = defaultdict(list)
        for row in splits.split(split):
            text = f"{prompt_text(row, False)}\n{answer_text(row)}"
            for name in oddities(text):
                odd[name].append(row.id)
            if (kind := form(text)) is not None:
                forms[kind].append(row.id)
        for name in ODDITIES:
            found += _say(
                name,
                "warning",
                split,
                odd[name],
                f"{len(odd[name])} of {len(splits.split(split))} hold {ODDITIES[name]}",
                "Mend the text where it was made",
            )
    if len(forms) > 1:
        why = (
            f"{len(forms['decomposed'])} rows hold letters with separate accents, {len(forms['composed'])} hold them in"
            " one piece: other tokens for the same word"
        )
        found += _say(
            "mixed_forms",
            "warning",
            "decomposed",
            forms["decomposed"],
            why,
            "Bring all text to one normalization form (NFC)",
        )
    return found


def _twins(split: str, rows: Sequence[Row], similarity: float) -> list[Finding]:
    twins = find_twins(rows, similarity)
    found = []
    many = "weigh more than others" if split == "train" else "count as one in truth, so intervals are too narrow"
    for kind, clusters, what in (
        ("repeated_rows", twins.exact, "the same prompt"),
        ("alike_rows", twins.near, "nearly the same prompt"),
    ):
        if clusters:
            ids = [name for cluster in clusters for name in cluster]
            why = (
                f"{len(ids)} of {len(rows)} share {what} with another, in {len(clusters)} clusters, and {many}; the"
                f" first: {listed(clusters[0])}"
            )
            found += _say(
                kind,
                "warning" if split != "train" or kind == "repeated_rows" else "note",
                split,
                ids,
                why,
                "Keep one of each",
            )
    if twins.contradicting:
        ids = [name for cluster in twins.contradicting for name in cluster]
        why = (
            f"{len(twins.contradicting)} prompts stand there with different answers; the first:"
            f" {listed(twins.contradicting[0])}"
        )
        found += _say(
            "contradicting_rows",
            "warning",
            split,
            ids,
            why,
            "Decide on one answer, or give the prompt what tells them apart",
        )
    return found


def labels(splits: Splits) -> dict[str, dict[str, int]] | None:
    """Returns split -> label -> rows where answers look like labels, else None."""
    answers = {split: [answer_text(row).strip() for row in splits.split(split)] for split in SPLITS}
    trained = answers["train"] or answers["test"]
    kinds = set(trained)
    if not 2 <= len(kinds) <= min(MOST_LABELS, LABEL_SHARE * len(trained)) or any(
        len(text.split()) > LABEL_WORDS or not text for text in kinds
    ):
        return None
    return {split: dict(Counter(texts).most_common()) for split, texts in answers.items() if texts}


def _labels(splits: Splits) -> list[Finding]:
    counts = labels(splits)
    if counts is None:
        return []
    found = []
    for split, table in counts.items():
        (first, most), total = next(iter(table.items())), sum(table.values())
        if most > LOPSIDED * total:
            why = f"{most} of {total} {split} answers are {first!r}: always saying it scores {most / total:.2f}"
            found.append(
                Finding(
                    "lopsided_labels",
                    "warning",
                    f"{split} labels",
                    why,
                    "Rank by macro_f1, or balance the split",
                    most,
                    (),
                )
            )
        unknown = [label for label in table if "train" in counts and label not in counts["train"]]
        if split != "train" and unknown:
            rows = [row.id for row in splits.split(split) if answer_text(row).strip() in set(unknown)]
            why = f"{len(rows)} of {total} have a label that no training row has: {listed(unknown)}"
            found += _say(
                "untrained_labels", "warning", split, rows, why, "Add training rows for it, or check its spelling"
            )
    return found
