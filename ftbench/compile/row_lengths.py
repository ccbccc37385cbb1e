"""How long the rows of a stage will be, asked of its own components before any model is loaded: what a forecast counts
its tokens by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ftbench.core.canonical import canonical
from ftbench.core.component import build
from ftbench.core.example import Example, Splits
from ftbench.core.stage import Stage
from ftbench.core.training import Training
from ftbench.cost.forecast import Asked
from ftbench.cost.lengths import Counter, Lengths, counter, sampled


class RowLengths:
    """Measures each distinct set of rows once."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}
        self._asked: dict[str, Asked | None] = {}

    def count(self, model: Any) -> Counter:
        name = model.checkpoint or type(model).__name__
        if name not in self._counters:
            self._counters[name] = counter(model.file("tokenizer.json"))
        return self._counters[name]

    def trained(self, stage: Stage, training: Training, splits: Splits | None) -> Asked | None:
        if splits is None:
            return None
        count, context = self.count(component(stage, "model")), component(stage, "context")
        memo = canonical(
            ["train", stage.inputs["prepare"], count.basis, id(count), training.reads, context and context.identity()]
        )
        if memo not in self._asked:
            rows, held = trainable(splits.train, training.reads), trainable(splits.validation, training.reads)
            seed = stage.config.get("seed") or 0
            prompts, answers = _sequences(_within(rows, context, splits, seed), training.reads, count)
            before, after = _sequences(_within(held, context, splits, seed), training.reads, count)
            self._asked[memo] = Asked(
                Lengths.of(prompts, len(rows)),
                Lengths.of(answers, len(rows)),
                _whole(prompts, answers, len(rows)),
                _whole(before, after, len(held)) if held else None,
                count.basis,
            )
        return self._asked[memo]

    def pairs(self, stage: Stage, splits: Splits | None) -> Asked | None:
        if splits is None:
            return None
        rows = [*trainable(splits.train, "preferences"), *trainable(splits.validation, "preferences")]
        count = self.count(component(stage, "model"))
        prompts, answers = _sequences(sampled(rows), "preferences", count)
        return Asked(
            Lengths.of(prompts, len(rows)),
            Lengths.of(answers, len(rows)),
            _whole(prompts, answers, len(rows)),
            None,
            count.basis,
        )

    def questions(self, stage: Stage, splits: Splits | None) -> Asked | None:
        """Returns the lengths of a split's prompts under the stage's context; None where the context does not sketch
        them.
        """
        context: Any = component(stage, "context")
        if splits is None:
            return None
        model, split = component(stage, "model"), stage.config["split"]
        count = self.count(model)
        memo = canonical(["ask", stage.inputs["prepare"], id(count), context.identity(), split])
        if memo not in self._asked:
            rows = splits.split(split)
            chosen = sampled(rows)
            requests = context.sketch(chosen, splits, stage.config.get("seed") or 0)
            if requests is None:
                self._asked[memo] = None
                return None
            prompts = [count.turns(request.turns) for request in requests]
            answers = [
                count.count(example.references[0] if example.references else example.target or "") for example in chosen
            ]
            self._asked[memo] = Asked(
                Lengths.of(prompts, len(rows)),
                Lengths.of(answers, len(rows)),
                _whole(prompts, answers, len(rows)),
                None,
                count.basis,
            )
        return self._asked[memo]


def component(stage: Stage, role: str) -> Any:
    """Returns a component of a stage, or None where it has none in that role."""
    node = stage.config.get(role)
    return None if node is None else build(node, role)


def trainable(rows: Sequence[Example], reads: str) -> list[Example]:
    if reads == "targets":
        return [row for row in rows if row.target is not None]
    return [row for row in rows if row.chosen is not None and row.rejected is not None]


def _within(rows: Sequence[Example], context: Any, splits: Splits, seed: int) -> list[Example]:
    """Returns sampled rows as they are trained on: with the passages of the context that stands in the train stage,
    where one does.
    """
    chosen = sampled(rows)
    requests = None if context is None else context.sketch(chosen, splits, seed)
    if requests is None:
        return chosen
    return [replace(row, turns=asked.turns) for row, asked in zip(chosen, requests, strict=True)]


def _sequences(rows: Sequence[Example], reads: str, count: Counter) -> tuple[list[int], list[int]]:
    """Returns tokens of prompts and of what follows them, one entry per sequence."""
    prompts, answers = [], []
    for row in rows:
        before = count.turns(row.turns)
        texts = {"targets": (row.target,), "chosen": (row.chosen,), "preferences": (row.chosen, row.rejected)}[reads]
        for text in texts:
            prompts.append(before)
            answers.append(count.count(text or "") + 1)
    return prompts, answers


def _whole(prompts: Sequence[int], answers: Sequence[int], rows: int) -> Lengths:
    return Lengths.of((before + after for before, after in zip(prompts, answers, strict=True)), rows)
