"""Which evaluation rows are about documents or groups that training rows are about too: ``document: seen in training``.

Splitting by document keeps tuning from having seen what retrieval is handed; where that is not so, or not wanted (few
articles, many tickets about each), answers from documents seen in training and from unseen ones are told apart, in
every metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ftbench.core.example import Example, Splits
from ftbench.data.inspection.finding import Finding

COLUMN, SEEN, UNSEEN = "document", "seen in training", "unseen"


def with_seen(examples: Sequence[Example], train: Sequence[Example]) -> list[Example]:
    """Returns the examples with the slice ``document`` where some of them are seen and some are not; else as they are.

    An example is seen when training rows share one of its gold documents, or its group. The dataset's own column of
    that name stays.
    """
    flags = seen(examples, train)
    if len(set(flags) - {None}) < 2 or any(COLUMN in example.slices for example in examples):
        return list(examples)
    told = {True: {COLUMN: SEEN}, False: {COLUMN: UNSEEN}, None: {}}
    return [
        replace(example, slices={**example.slices, **told[flag]}) for example, flag in zip(examples, flags, strict=True)
    ]


def seen(examples: Sequence[Example], train: Sequence[Example]) -> list[bool | None]:
    """Returns for each example whether training rows are about the same document or group; None where it names neither,
    or they name none.
    """
    documents = {name for row in train for name in row.gold_documents}
    groups = {row.group for row in train} - {None}
    flags: list[bool | None] = []
    for row in examples:
        asked = [bool(documents & set(row.gold_documents))] if documents and row.gold_documents else []
        asked += [row.group in groups] if groups and row.group is not None else []
        flags.append(any(asked) if asked else None)
    return flags


def seen_findings(splits: Splits) -> list[Finding]:
    """Says how many test rows are about documents that training rows are about too; groups on both sides are leaks,
    told elsewhere.
    """
    trained = {name for row in splits.train for name in row.gold_documents}
    rows = [row.id for row in splits.test if trained & set(row.gold_documents)]
    if not rows:
        return []
    rest = (
        f"scores are told apart by the slice {COLUMN!r}"
        if False in seen(splits.test, splits.train)
        else "none shows what an unseen one would score"
    )
    why = f"{len(rows)} of {len(splits.test)} are about documents that training rows are about too; {rest}"
    return [
        Finding(
            "seen_documents",
            "note",
            "test rows",
            why,
            "Split by document (dataset.group) to test on unseen ones",
            len(rows),
            tuple(rows[:20]),
        )
    ]
