"""Preference rows: one prompt with two answers, as ids, made by the same format that asks the model later.

Both answers end in the end-of-turn token. A pair of which one sequence is longer than allowed is cut at its end, or
left out, by rule; a pair without an answer token left on both sides, or whose answers have become the same, is refused
by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example
from ftbench.methods.rows import IGNORED, Row, masked_example
from ftbench.models.rendering import separate_notes


@dataclass(frozen=True)
class Pair:
    """One preference row: ``prompt_ids`` [prompt] stand before ``chosen_ids`` [chosen] and before ``rejected_ids``
    [rejected].
    """

    id: str
    prompt_ids: tuple[int, ...]
    chosen_ids: tuple[int, ...]
    rejected_ids: tuple[int, ...]
    separate: str | None = None
    """Why an answer was put behind the prompt as it was given; None where both are the chat template's rendering."""

    @property
    def supervised(self) -> int:
        """How many tokens of both answers the loss looks at."""
        return len(self.chosen_ids) + len(self.rejected_ids)

    @property
    def lengths(self) -> tuple[int, int]:
        """Tokens of the two sequences."""
        return len(self.prompt_ids) + len(self.chosen_ids), len(self.prompt_ids) + len(self.rejected_ids)


@dataclass(frozen=True)
class Pairs:
    """All pairs of a training split.

    Attributes:
        kept: pairs to train on.
        truncated: how many of them were cut at ``max_tokens``.
        dropped: how many others were longer and left out by rule.
        refused_ids: ids of the pairs that cannot teach a preference, or that the chat template refuses.
        notes: sentences about pairs that the chat template's own rendering could not be used for.
    """

    kept: tuple[Pair, ...]
    truncated: int
    dropped: int
    refused_ids: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[str, Any]:
        """Returns what ``rows.json`` holds."""
        return {
            "trained": len(self.kept),
            "truncated": self.truncated,
            "dropped": self.dropped,
            "refused": len(self.refused_ids),
            "refused_ids": list(self.refused_ids),
        }


NO_PREFERENCE = "no training row holds a preference (a chosen and a rejected answer)"


def has_preference(example: Example) -> bool:
    return example.chosen is not None and example.rejected is not None


def encode_pairs(format: Any, examples: Sequence[Example], max_tokens: int | None, overlong: str) -> Pairs:
    """Encodes the preference rows among ``examples``; the others are not looked at.

    Args:
        format: ``ftbench.models.format.Format`` of the model.
        max_tokens: longest sequence, in tokens; None for no limit.
        overlong: ``cut`` or ``drop`` longer ones.

    Raises:
        FtbenchError: when no pair is left to train on.
    """
    kept, truncated, dropped, refused = [], 0, 0, []
    offered = [example for example in examples if has_preference(example)]
    for example in offered:
        whole = _pair(format, example)
        if whole is None:
            refused.append(example.id)
            continue
        if overlong == "drop" and max_tokens is not None and max(whole.lengths) > max_tokens:
            dropped += 1
            continue
        pair = _cut(whole, max_tokens)
        if not pair.chosen_ids or not pair.rejected_ids or pair.chosen_ids == pair.rejected_ids:
            refused.append(example.id)
            continue
        truncated += pair != whole
        kept.append(pair)
    if not kept:
        raise FtbenchError(
            f"train: none of {len(offered)} preference rows has two different answers within {max_tokens} tokens. "
            "Raise method.max_tokens, or mend dataset.chosen and dataset.rejected"
        )
    return Pairs(tuple(kept), truncated, dropped, tuple(refused), tuple(separate_notes(kept)))


def _pair(format: Any, example: Example) -> Pair | None:
    """Returns the pair's ids, or None where the chat template refuses its turns."""
    try:
        chosen, rejected = (format.encode(example.turns, answer) for answer in (example.chosen, example.rejected))
    except FtbenchError:
        return None
    ids = ((*one.target_ids, *one.end_ids) for one in (chosen, rejected))
    return Pair(example.id, chosen.prompt_ids, *ids, chosen.separate or rejected.separate)


def _cut(pair: Pair, max_tokens: int | None) -> Pair:
    if max_tokens is None:
        return pair
    room = max(0, max_tokens - len(pair.prompt_ids))
    return Pair(pair.id, pair.prompt_ids, pair.chosen_ids[:room], pair.rejected_ids[:room], pair.separate)


def pair_tokens(order: Sequence[Pair], micro_batch: int) -> dict[str, int]:
    """Returns tokens by name: ``supervised`` by the loss, ``non_pad`` seen, ``padded`` computed; a prompt is seen
    twice.
    """
    batches = [order[start : start + micro_batch] for start in range(0, len(order), micro_batch)]
    return {
        "supervised": sum(pair.supervised for pair in order),
        "non_pad": sum(sum(pair.lengths) for pair in order),
        "padded": sum(2 * len(batch) * max(max(pair.lengths) for pair in batch) for batch in batches),
    }


def masked_pair(pair: Pair, tokenizer: Any) -> dict[str, Any]:
    """Returns one pair as a person can read it: the text of both sequences in segments, each with whether the loss
    looks at it.
    """
    chosen, rejected = (
        masked_example(Row(pair.id, (*pair.prompt_ids, *ids), (*[IGNORED] * len(pair.prompt_ids), *ids)), tokenizer)[
            "segments"
        ]
        for ids in (pair.chosen_ids, pair.rejected_ids)
    )
    return {"id": pair.id, "segments": chosen, "rejected_segments": rejected}
