"""What a training curve says, in plain sentences: spikes, divergence, overfitting, a run that never learned.

A curve is judged by medians over windows, since single steps hold different rows. Each threshold stands here with its
reason; a run too short to judge (fewer than ``MIN_STEPS`` steps) gets no finding about its training loss.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

MIN_STEPS = 12
"""Below this the first and the last quarter hold fewer than three steps each, and their medians say nothing."""
SPIKE_WINDOW = 24
"""Steps before a step that tell the usual jump from one step to the next."""
SPIKE_LEVEL = 8
"""Steps before a step whose median it is compared with: few enough to follow a falling loss."""
SPIKE_SPREADS = 8.0
"""A spike stands this many robust standard deviations over that median. From 24 steps the deviation is known to a
factor of two, so this is at least four true ones.
"""
SPIKE_RISE = 1.6
"""and so many times as high: smaller jumps come from hard rows and do no harm."""
DIVERGED = 1.5
"""The last quarter's median over the best quarter-wide median before it: a falling schedule never brings that back."""
OVERFITTED = 1.05
"""Validation loss at the end over its lowest. The rows are the same each time, so 5 % is no sampling noise."""
LEARNED = 0.98
"""The last quarter's median over the first steps' that still counts as learning: 2 % in nats is a perplexity hardly
moved.
"""
KNOWN_LOSS = 0.05
"""Nats per token under which there was little left to learn from the start."""


@dataclass(frozen=True)
class Finding:
    """One remark: ``kind`` (``spike``, ``divergence``, ``overfitting``, ``never_learned``, ``memory``, ...), the step
    it is about, and a sentence.
    """

    kind: str
    step: int
    text: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def findings(curve: Sequence[dict[str, Any]]) -> list[Finding]:
    """Judges a finished curve.

    Args:
        curve: points with ``step``, ``loss`` and, where it was measured, ``validation_loss``, in order of steps.

    Returns:
        What is worth saying, the gravest first; empty for a healthy run.
    """
    losses = [point["loss"] for point in curve]
    steps = [point["step"] for point in curve]
    found: list[Finding] = []
    if len(losses) >= MIN_STEPS:
        diverged = _divergence(steps, losses)
        found += diverged
        found += [] if diverged else _never_learned(steps, losses)
        found += _spikes(steps, losses)
    return found + _overfitting(curve)


def _quarter(losses: Sequence[float]) -> int:
    return len(losses) // 4


def _divergence(steps: Sequence[int], losses: Sequence[float]) -> list[Finding]:
    width = _quarter(losses)
    medians = [statistics.median(losses[start : start + width]) for start in range(len(losses) - width + 1)]
    last, best = medians[-1], min(medians[: len(losses) - 2 * width + 1])
    # Of windows that overlap with none of the last one; a rise within the noise of single steps is none.
    if last <= DIVERGED * best or last - best <= 2 * _spread(losses[-width:]):
        return []
    step = steps[medians.index(best) + width - 1]
    text = (
        f"the loss diverged: {best:.3g} around step {step}, {last:.3g} at the end. Lower method.learning_rate or raise"
        " method.warmup"
    )
    return [Finding("divergence", step, text)]


def _never_learned(steps: Sequence[int], losses: Sequence[float]) -> list[Finding]:
    first = statistics.median(losses[: max(3, len(losses) // 10)])
    last = statistics.median(losses[-_quarter(losses) :])
    if first <= KNOWN_LOSS or last <= LEARNED * first:
        return []
    text = (
        f"never learned: the loss was {first:.3g} in the first steps and {last:.3g} in the last. Raise"
        " method.learning_rate or method.epochs"
    )
    return [Finding("never_learned", steps[-1], text)]


def _spikes(steps: Sequence[int], losses: Sequence[float]) -> list[Finding]:
    """Returns one finding for all spikes: how many, and the highest."""
    spikes = []
    for index in range(SPIKE_WINDOW, len(losses)):
        before = losses[index - SPIKE_WINDOW : index]
        level = statistics.median(before[-SPIKE_LEVEL:])
        # Of jumps, and not of losses: those of a falling loss differ from their median without any noise.
        spread = _spread([later - earlier for earlier, later in pairwise(before)]) / math.sqrt(2)
        if losses[index] > max(level + SPIKE_SPREADS * spread, SPIKE_RISE * level):
            spikes.append((losses[index] / max(level, 1e-12), index))
    if not spikes:
        return []
    times, index = max(spikes)
    count = "one loss spike" if len(spikes) == 1 else f"{len(spikes)} loss spikes, the highest"
    text = (
        f"{count} at step {steps[index]}: {losses[index]:.3g}, {times:.1f} times the steps before. Look at its rows, or"
        " lower method.max_grad_norm"
    )
    return [Finding("spike", steps[index], text)]


def _overfitting(curve: Sequence[dict[str, Any]]) -> list[Finding]:
    measured = [
        (point["validation_loss"], point["step"]) for point in curve if point.get("validation_loss") is not None
    ]
    if len(measured) < 2:
        return []
    (best, step), (last, end) = min(measured), measured[-1]
    if last <= OVERFITTED * best:
        return []
    text = (
        f"overfitting: validation loss was lowest at step {step} ({best:.3g}) and {last / best - 1:.0%} higher at step"
        f" {end}. Train for fewer method.epochs"
    )
    return [Finding("overfitting", step, text)]


def _spread(losses: Sequence[float]) -> float:
    """Returns a standard deviation that single outliers do not move: 1.4826 times the median absolute deviation."""
    middle = statistics.median(losses)
    return 1.4826 * statistics.median(abs(loss - middle) for loss in losses)
