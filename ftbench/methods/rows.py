"""Training rows: ids with labels, made by the same format that asks the model later.

A label stands on every token of what the assistant says and on its end-of-turn token, and on nothing else: on what
follows the prompt in the rendered conversation, and on the assistant's earlier turns where the row is a conversation. A
row that is longer than allowed is cut at its end and counted as truncated, or left out and counted as dropped; a row
that would be left without a single label is refused by name and never trained on. A cut row gets no end token: its
answer did not end there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example
from ftbench.models.rendering import separate_notes

IGNORED = -100
"""The label that the loss leaves out, in torch and transformers alike."""


@dataclass(frozen=True)
class Row:
    """One training row: ``input_ids`` [seq] and ``labels`` [seq], ``IGNORED`` where the loss does not look."""

    id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def supervised(self) -> int:
        """How many tokens the loss is taken over; the first token has none before it and never counts."""
        return sum(label != IGNORED for label in self.labels[1:])


@dataclass(frozen=True)
class Rows:
    """All rows of a training split.

    Attributes:
        kept: rows to train on.
        truncated: how many of them were cut at ``max_tokens``.
        dropped: how many others were longer and left out by rule.
        unsupervised_turns: earlier assistant turns that the loss leaves out, since they could not be told from the text
            around them.
        refused_ids: ids of the rows without a single label left, without a target, or that the chat template refuses.
            Preference pairs without a target are no rows of this kind and not counted.
        notes: sentences about targets that the chat template's own rendering could not be used for.
    """

    kept: tuple[Row, ...]
    truncated: int
    dropped: int
    unsupervised_turns: int
    refused_ids: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[str, Any]:
        """Returns what ``rows.json`` holds."""
        return {
            "trained": len(self.kept),
            "truncated": self.truncated,
            "dropped": self.dropped,
            "unsupervised_turns": self.unsupervised_turns,
            "refused": len(self.refused_ids),
            "refused_ids": list(self.refused_ids),
        }


def encode_rows(format: Any, examples: Sequence[Example], max_tokens: int | None, overlong: str = "cut") -> Rows:
    """Encodes training examples.

    Args:
        format: ``ftbench.models.format.Format`` of the model.
        max_tokens: longest row, in tokens; None for no limit.
        overlong: ``cut`` or ``drop`` longer rows.

    Raises:
        FtbenchError: when no row is left to train on.
    """
    kept, used, truncated, dropped, unsupervised, refused = [], [], 0, 0, 0, []
    for example in examples:
        if example.target is None and example.chosen is not None:
            continue
        encoded = _encoded(format, example)
        if encoded is None:
            refused.append(example.id)
            continue
        answer = (*encoded.target_ids, *encoded.end_ids)
        ids = (*encoded.prompt_ids, *answer)
        spoken, missed = format.answered(example.turns, encoded.prompt_ids)
        labels = (*(id if flag else IGNORED for id, flag in zip(encoded.prompt_ids, spoken, strict=True)), *answer)
        if overlong == "drop" and max_tokens is not None and len(ids) > max_tokens:
            dropped += 1
            continue
        if max_tokens is not None and max_tokens <= len(encoded.prompt_ids) + encoded.answer_span[0]:
            # Nothing of the answer is left: what the template writes before it is no target by itself.
            labels = (*labels[: len(encoded.prompt_ids)], *[IGNORED] * len(answer))
        row = Row(example.id, ids[:max_tokens], labels[:max_tokens])
        if row.supervised == 0:
            refused.append(example.id)
            continue
        truncated += len(row.input_ids) < len(ids)
        unsupervised += missed
        kept.append(row)
        used.append(encoded)
    if not kept:
        raise FtbenchError(
            f"train: none of {len(examples)} rows has a target token within {max_tokens} tokens. Raise"
            " method.max_tokens or shorten the prompts"
        )
    return Rows(tuple(kept), truncated, dropped, unsupervised, tuple(refused), tuple(separate_notes(used)))


def _encoded(format: Any, example: Example) -> Any:
    """Returns the row's ids, or None without a target or where the chat template refuses its turns."""
    if example.target is None:
        return None
    try:
        return format.encode(example.turns, example.target)
    except FtbenchError:
        return None


def ordered(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """Returns ``count`` rows: whole epochs one after another, each shuffled by its own seeded generator.

    The order is drawn here and not by a trainer, so that a fused run can follow the same one.
    """
    order: list[Row] = []
    epoch = 0
    while len(order) < count:
        shuffled = list(rows)
        random.Random(f"{seed}/{epoch}").shuffle(shuffled)
        order += shuffled
        epoch += 1
    return order[:count]


def token_counts(order: Sequence[Row], micro_batch: int, packing: bool = False) -> dict[str, int]:
    """Returns tokens by name: ``supervised`` by the loss, ``non_pad`` seen, ``padded`` computed (mistake 35);
    packed rows have no padding.
    """
    batches = [order[start : start + micro_batch] for start in range(0, len(order), micro_batch)]
    seen = sum(len(row.input_ids) for row in order)
    return {
        "supervised": sum(row.supervised for row in order),
        "non_pad": seen,
        "padded": seen if packing else sum(len(batch) * max(len(row.input_ids) for row in batch) for batch in batches),
    }


def masked_example(row: Row, tokenizer: Any) -> dict[str, Any]:
    """Returns one row as a person can read it: its text in segments, each with whether the loss looks at it."""
    segments: list[dict[str, Any]] = []
    start = 0
    flags = [label != IGNORED for label in row.labels]
    for position in range(1, len(flags) + 1):
        if position == len(flags) or flags[position] != flags[start]:
            text = tokenizer.decode(
                list(row.input_ids[start:position]), skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
            segments.append({"text": text, "supervised": flags[start]})
            start = position
    return {"id": row.id, "segments": segments}
