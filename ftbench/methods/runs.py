"""One training run: the rows, the recipe, what is adapted and where it is saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.example import Example
from ftbench.methods.recipe import Recipe


@dataclass(frozen=True)
class SftRun:
    """One supervised run: what ``ftbench.methods.sft.sft`` trains.

    Attributes:
        examples: training rows, in file order.
        recipe: how to train.
        seed: decides the adapter's initial weights, the order of rows and dropout.
        adapt: base model -> model with the parameters to train switched on; called after seeding.
        save: writes the trained weights.
        folder: where the curve, the masked example and the row counts go.
        progress: told (steps done, steps in all).
        validation: rows that validation loss is measured on.
        scratch: folder for checkpoints that outlives this attempt, or None.
    """

    examples: Sequence[Example]
    recipe: Recipe
    seed: int
    adapt: Callable[[Any], Any]
    save: Callable[[Any], None]
    folder: Path
    progress: Callable[[int, int], None] | None
    validation: Sequence[Example] = ()
    scratch: Path | None = None


@dataclass(frozen=True)
class Loss:
    """How a pair becomes a number.

    Attributes:
        kind: one of ``LOSSES``; ``sigmoid`` is the DPO paper's (Rafailov et al. 2023, equation 7).
        beta: how strongly leaving the reference is held back.
        label_smoothing: share of pairs assumed to be the wrong way round; read by ``robust`` and ``exo_pair``.
    """

    kind: str
    beta: float
    label_smoothing: float


@dataclass(frozen=True)
class PreferenceRun:
    """One preference run: what ``ftbench.methods.preference.prefer`` trains.

    Attributes:
        examples: training rows, in file order; those without a preference are not looked at.
        recipe: how to train; a row is a pair.
        loss: what to minimize.
        reference: pair id -> summed log-probabilities (nats) of its chosen and its rejected answer.
        seed: decides a fresh adapter's initial weights and the order of pairs.
        adapt: base model -> model with the parameters to train switched on; called after seeding.
        save: writes the trained weights.
        folder: where the curve, the masked example and the counts go.
        progress: told (steps done, steps in all).
        validation: rows whose pairs validation loss is measured on.
        scratch: folder for checkpoints that outlives this attempt, or None.
    """

    examples: Sequence[Example]
    recipe: Recipe
    loss: Loss
    reference: Mapping[str, tuple[float, float]]
    seed: int
    adapt: Callable[[Any], Any]
    save: Callable[[Any], None]
    folder: Path
    progress: Callable[[int, int], None] | None
    validation: Sequence[Example] = ()
    scratch: Path | None = None
