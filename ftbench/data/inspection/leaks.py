"""What training rows, worked examples and documents give away of the evaluation rows (mistake 37), and rows that stand
twice.

Every training row may be trained on and, the pool of worked examples being the train split, shown as an example: what
is found of it counts against both uses. Documents are judged by their own rules: holding the answer is what they are
for.

Certain leaks, of which one alone makes a score untrue:
    ``same_row``           a prompt that an evaluation row has too, but for case, spacing, punctuation, Unicode form
    ``reworded_row``       a prompt that is an evaluation row's with small edits or its words in another order, or with
                           larger ones where both have an answer that next to no other row has
    ``quoted_row``         a training row that holds an evaluation row's prompt inside other text
    ``shared_group``       a training row of a group (document, customer, thread) that is evaluated too
    ``shown_row``          an evaluation row inside what all prompts share: a hand-written worked example
    ``trained_document``   a training row made of a document that holds an evaluation row's answer
    ``later_document``     a document dated after an evaluation row that may be handed it
    ``benchmark_row``      a training row that holds a question of a benchmark of this matrix
Possible leaks, for a person to look at:
    ``varied_row``         a prompt that is alike but for numbers or signs, or alike with another answer
    ``same_answer``        a long answer that an evaluation row has too, which no other row does
    ``quoting_document``   an undated document that holds an evaluation row's prompt word by word: the ticket itself
    ``between_evaluations``  a test row that is a validation row too: what is tuned on one is scored on the other

Prompts and answers are judged apart. A canned answer, a label or a shared template never makes a leak: an answer counts
only where few rows have it, for ``same_answer`` when it is long, for ``reworded_row`` beside a prompt that is alike.
One form with other words in its slots, or with two names that changed places, is another question (``alike``). A prompt
that goes with many different answers ("Write a review.") names no row, and is the same row only together with its
answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.core.example import Document, Splits
from ftbench.data.inspection.alike import Lookup, nameless_prompts, reworded
from ftbench.data.inspection.likeness import facts, words
from ftbench.data.inspection.passages import Passages
from ftbench.data.inspection.rows import Row, bodies, frame, prompt_text

EVALUATION = ("test", "validation")
CERTAIN = (
    *("same_row", "reworded_row", "quoted_row", "shared_group", "shown_row"),
    *("trained_document", "later_document", "benchmark_row"),
)
POSSIBLE = ("varied_row", "same_answer", "quoting_document", "between_evaluations")
LONG = 13
"""Words from which on a text that stands elsewhere too is no coincidence: the field's 13."""
PASSAGE = 50
"""Words that stand elsewhere too from which on they are a passage, whatever is asked about it, and no form."""
QUOTED_SHARE, DOCUMENT_SHARE = 0.8, 0.5


@dataclass(frozen=True)
class Leak:
    """One row or document that gives something away.

    Attributes:
        kind: one of ``CERTAIN`` or ``POSSIBLE``.
        source: ``train``, ``documents``, ``validation``, or ``template`` for what all prompts share.
        row: id within the source.
        against: (split or benchmark, id) of what it gives away, the first found first.
        degree: likeness or share, 1 for the same; None where there is none to tell.
        detail: the group, or the two times.
    """

    kind: str
    source: str
    row: str
    against: tuple[tuple[str, str], ...]
    degree: float | None = None
    detail: str = ""

    @property
    def certain(self) -> bool:
        return self.kind in CERTAIN


def find_leaks(
    splits: Splits, rows: Sequence[Row], similarity: float, benchmarks: Sequence[tuple[str, str, str]] = ()
) -> list[Leak]:
    """Returns every leak, certain ones first, each training row once for the strongest reason.

    Args:
        rows: from ``prepare_rows(splits)``.
        similarity: likeness from which on two prompts are the same one reworded.
        benchmarks: (task, id, text) of questions that the matrix will ask beside its own.
    """
    train = [row for row in rows if row.split == "train"]
    judged = [row for row in rows if row.split != "train"]
    nameless = nameless_prompts(rows)
    found = _same(train, judged, nameless, "train")
    found += _near(train, judged, nameless, similarity, {leak.row for leak in found}, "train")
    found += _quoted(train, judged)
    found += _groups(train, judged)
    found += _shown(judged)
    found += _documents(splits, train, judged)
    found += _benchmarks(train, benchmarks)
    found += _answers(rows)
    found += _between(judged, nameless, similarity)
    order = {kind: place for place, kind in enumerate((*CERTAIN, *POSSIBLE))}
    strongest: dict[tuple[str, str], Leak] = {}
    for leak in sorted(found, key=lambda leak: order[leak.kind]):
        strongest.setdefault((leak.source, leak.row), leak)
    return sorted(strongest.values(), key=lambda leak: (not leak.certain, order[leak.kind]))


def _same(train: Sequence[Row], judged: Sequence[Row], nameless: frozenset[str], source: str) -> list[Leak]:
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in judged:
        by_key[row.key].append(row)
    found = []
    for row in train:
        same = by_key.get(row.key, [])
        if row.key in nameless:
            same = [other for other in same if other.answer_key == row.answer_key and len(row.answer) >= LONG]
        if same:
            found.append(Leak("same_row", source, row.example.id, _ids(same), 1.0))
    return found


def _near(
    train: Sequence[Row],
    judged: Sequence[Row],
    nameless: frozenset[str],
    similarity: float,
    known: set[str],
    source: str,
) -> list[Leak]:
    judged = [row for row in judged if row.key not in nameless]
    asking = [row for row in train if row.key not in nameless and row.example.id not in known]
    lookup = Lookup([*asking, *judged], similarity)
    for row in judged:
        lookup.add(row)
    found = []
    for row in asking:
        alike = lookup.alike(row)
        if alike:
            sure = [(degree, other) for degree, other in alike if reworded(row, other, degree)]
            best = sorted(sure or alike, key=lambda pair: -pair[0])
            kind = "reworded_row" if sure else "varied_row"
            found.append(Leak(kind, source, row.example.id, _ids(other for _, other in best), best[0][0]))
    return found


def _quoted(train: Sequence[Row], judged: Sequence[Row]) -> list[Leak]:
    sought = Passages(enumerate(bodies(judged)), LONG)
    held = {row.example.id: [*row.prompt, *row.answer] for row in train}
    hits = {
        (row, place): share
        for (row, place), share in sought.search(held.items()).items()
        if share >= QUOTED_SHARE and _quotes(held[row], judged[place])
    }
    return _passages(hits, QUOTED_SHARE, "quoted_row", "train", _ids(judged))


def _quotes(text: Sequence[str], row: Row) -> bool:
    """False where a form of a sentence or two is filled otherwise: what ``text`` lacks of the prompt is a number or
    stands in a slot.
    """
    lacking = set(row.prompt) - set(text)
    return len(row.prompt) - len(lacking) >= PASSAGE or not facts(lacking) and lacking.isdisjoint(row.filling)


def _passages(
    hits: dict[tuple[Any, Any], float], least: float, kind: str, source: str, names: Sequence[tuple[str, str]] | None
) -> list[Leak]:
    """Returns a leak for each row of the hits; ``names`` are those of the places that were found, None where a place
    is a name.
    """
    by_row: dict[str, list[tuple[float, Any]]] = defaultdict(list)
    for (row, sought), share in hits.items():
        if share >= least:
            by_row[row].append((share, sought))
    found = []
    for row, shares in by_row.items():
        best = sorted(shares, key=lambda one: -one[0])
        against = tuple(sought if names is None else names[sought] for _, sought in best)
        found.append(Leak(kind, source, row, against, best[0][0]))
    return found


def _groups(train: Sequence[Row], judged: Sequence[Row]) -> list[Leak]:
    held: dict[str, list[Row]] = defaultdict(list)
    for row in judged:
        if row.example.group is not None:
            held[row.example.group].append(row)
    return [
        Leak("shared_group", "train", row.example.id, _ids(held[row.example.group]), None, row.example.group)
        for row in train
        if row.example.group is not None and row.example.group in held
    ]


def _shown(judged: Sequence[Row]) -> list[Leak]:
    """Finds evaluation rows in what every prompt begins or ends with, system turns included."""
    texts = [prompt_text(row.example, False) for row in judged]
    before, after = frame(texts)
    sought = Passages((place, words(text[len(before) : len(text) - len(after)])) for place, text in enumerate(texts))
    hits = sought.search(("template", words(part)) for part in (before, after) if part)
    return _passages(hits, QUOTED_SHARE, "shown_row", "template", _ids(judged))


def shown_in(text: str, judged: Sequence[Row]) -> list[Leak]:
    """Finds evaluation rows in a text that every prompt holds, such as an instruction."""
    hits = Passages(enumerate(bodies(judged))).search([("template", words(text))])
    return _passages(hits, QUOTED_SHARE, "shown_row", "template", _ids(judged))


def _documents(splits: Splits, train: Sequence[Row], judged: Sequence[Row]) -> list[Leak]:
    if not splits.documents:
        return []
    texts = {document.id: words(document.text) for document in splits.documents}
    found = later_documents(splits.documents, judged)
    dated = {document.id for document in splits.documents if document.time is not None}
    asked = Passages(enumerate(bodies(judged)), LONG)
    quoting = asked.search((identity, text) for identity, text in texts.items() if identity not in dated)
    found += _passages(quoting, QUOTED_SHARE, "quoting_document", "documents", _ids(judged))
    gold: dict[str, list[Row]] = defaultdict(list)
    for row in judged:
        for name in row.example.gold_documents:
            gold[name].append(row)
    sought = Passages((identity, text) for identity, text in texts.items() if identity in gold)
    shares: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for (row, document), share in sought.search((row.example.id, [*row.prompt, *row.answer]) for row in train).items():
        if share >= DOCUMENT_SHARE:
            shares[row].append((share, document))
    for row, documents in shares.items():
        share, document = max(documents)
        found.append(Leak("trained_document", "train", row, _ids(gold[document]), share, document))
    return found


def later_documents(documents: Iterable[Document], judged: Sequence[Row]) -> list[Leak]:
    """Finds documents dated after evaluation rows: a past ticket is fair to retrieve, one from after the question is
    not.
    """
    found = []
    for document in documents:
        if document.time is None:
            continue
        earlier = [row for row in judged if row.example.time is not None and _before(row.example.time, document.time)]
        if earlier:
            times = f"{document.time} is after {earlier[0].example.time}"
            found.append(Leak("later_document", "documents", document.id, _ids(earlier), None, times))
    return found


def _before(one: Any, other: Any) -> bool:
    return isinstance(one, str) == isinstance(other, str) and one < other


def _benchmarks(train: Sequence[Row], benchmarks: Sequence[tuple[str, str, str]]) -> list[Leak]:
    sought = Passages(((task, identity), words(text)) for task, identity, text in benchmarks)
    hits = sought.search((row.example.id, [*row.prompt, *row.answer]) for row in train)
    return _passages(hits, 0.0, "benchmark_row", "train", None)


def _answers(rows: Sequence[Row]) -> list[Leak]:
    """Finds long answers of exactly one prompt on either side that stand on both sides; what more rows say is
    canned.
    """
    by_answer: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if len(row.answer) >= LONG:
            by_answer[row.answer_key].append(row)
    found = []
    for same in by_answer.values():
        prompts = {row.key for row in same}
        trained, judged = ([row for row in same if (row.split == "train") == side] for side in (True, False))
        if len(prompts) == 2 and trained and judged:
            found += [Leak("same_answer", "train", row.example.id, _ids(judged), 1.0) for row in trained]
    return found


def _between(judged: Sequence[Row], nameless: frozenset[str], similarity: float) -> list[Leak]:
    tested, tuned = ([row for row in judged if row.split == split] for split in EVALUATION)
    same = _same(tuned, tested, nameless, "validation")
    near = _near(tuned, tested, nameless, similarity, {leak.row for leak in same}, "validation")
    return [
        Leak("between_evaluations", leak.source, leak.row, leak.against, leak.degree)
        for leak in (*same, *near)
        if leak.kind != "varied_row"
    ]


def _ids(rows: Iterable[Row]) -> tuple[tuple[str, str], ...]:
    return tuple((row.split, row.example.id) for row in rows)
