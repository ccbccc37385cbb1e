"""Rows made ready for comparison: their words, which of them are their own, and their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ftbench.core.example import SPLITS, Example, Splits
from ftbench.data.inspection.likeness import Forms, Vocabulary, common_runs, facts, own_words, words

NOTHING = np.empty(0, dtype=np.uint32)


@dataclass
class Row:
    """An example with its texts made ready for comparison.

    Attributes:
        split, example: which row it is.
        text: of the prompt; ``prompt`` and ``answer`` are the words of either.
        key, answer_key: the words in one text, by which the same is found.
        facts: see ``likeness.facts``.
        kept: one flag per word of the prompt, True where it is the row's own.
        own, all, answered: sorted features [features] of the own words, of all words, of the answer.
        forms: those of all prompts together.
    """

    split: str
    example: Example
    text: str
    prompt: list[str]
    answer: list[str]
    key: str
    answer_key: str
    facts: tuple[str, ...]
    kept: list[bool] = field(default_factory=list)
    own: np.ndarray = field(default_factory=lambda: NOTHING)
    all: np.ndarray = field(default_factory=lambda: NOTHING)
    answered: np.ndarray = field(default_factory=lambda: NOTHING)
    forms: Forms = field(default_factory=lambda: Forms(()))

    @cached_property
    def filling(self) -> set[str]:
        """The words of the prompt that stand in a slot."""
        return self.forms.filling(self.prompt)

    @cached_property
    def beside(self) -> set[str]:
        """The words of the prompt that are part of no form."""
        return self.forms.beside(self.prompt) - self.filling


def prompt_text(example: Example, fixed_system: bool = True) -> str:
    """Returns everything before the answer; the system's turn only where it differs from row to row."""
    return "\n".join(turn.content for turn in example.turns if not (fixed_system and turn.role == "system"))


def answer_text(example: Example) -> str:
    """Returns the answer of a row: its target, else what is preferred, else the first reference."""
    return next((text for text in (example.target, example.chosen, *example.references[:1]) if text is not None), "")


def prepare_rows(splits: Splits) -> list[Row]:
    """Returns all rows of all splits with words, own words and features."""
    return ready([(split, example) for split in SPLITS for example in splits.split(split)])


def ready(examples: Sequence[tuple[str, Example]]) -> list[Row]:
    """Returns (split, example) pairs made ready for comparison, template words being told over all of them."""
    systems = {tuple(turn.content for turn in example.turns if turn.role == "system") for _, example in examples}
    rows = []
    for split, example in examples:
        text, answer = prompt_text(example, len(systems) < 2), answer_text(example)
        prompt, answered = words(text), words(answer)
        rows.append(
            Row(
                split,
                example,
                text,
                prompt,
                answered,
                " ".join(prompt) or text.strip(),
                " ".join(answered) or answer.strip(),
                facts(prompt),
            )
        )
    different = {row.key: row.prompt for row in rows}.values()
    common, forms, vocabulary = common_runs(different), Forms(different), Vocabulary()
    for row in rows:
        row.forms = forms
        row.kept = own_words(row.prompt, common)
        row.own = vocabulary.features(row.prompt, row.kept)
        row.all = row.own if all(row.kept) else vocabulary.all_features(row.prompt, row.kept)
        row.answered = vocabulary.features(row.answer)
    return rows


def bodies(rows: Sequence[Row]) -> list[list[str]]:
    """Returns the words of each prompt without the text that all of them begin and end with; without such text, from
    its first own word to its last.
    """
    texts = [row.text for row in rows]
    before, after = frame(texts)
    if not before and not after:
        return [_stretch(row) for row in rows]
    return [words(text[len(before) : len(text) - len(after)]) for text in texts]


def frame(texts: Sequence[str]) -> tuple[str, str]:
    """Returns the text that all begin with and the text that all end with, cut at white space; nothing where all are
    one text.
    """
    if len(set(texts)) < 2:
        return "", ""
    before = _alike(min(texts), max(texts))
    turned = [text[len(before) :][::-1] for text in texts]
    after = _alike(min(turned), max(turned))[::-1]
    first = max((at for at, letter in enumerate(before) if letter.isspace()), default=-1) + 1
    last = next((at for at, letter in enumerate(after) if letter.isspace()), len(after))
    return before[:first], after[last:]


def _alike(one: str, other: str) -> str:
    size = next(
        (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right),
        min(len(one), len(other)),
    )
    return one[:size]


def _stretch(row: Row) -> list[str]:
    own = [at for at, kept in enumerate(row.kept) if kept]
    return row.prompt[own[0] : own[-1] + 1] if own else []
