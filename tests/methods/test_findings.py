"""Findings on made-up curves: silent on healthy ones whatever their noise, loud on each kind of trouble."""

from __future__ import annotations

import math
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.methods.findings import MIN_STEPS, SPIKE_WINDOW, findings
from ftbench.stages.generate import endless

SEEDS = st.integers(0, 10_000)


def curve(losses: list[float], validation: dict[int, float] | None = None) -> list[dict[str, Any]]:
    measured = validation or {}
    return [{"step": i + 1, "loss": loss, "validation_loss": measured.get(i + 1)} for i, loss in enumerate(losses)]


def falling(steps: int, seed: int, noise: float = 0.1, first: float = 3.0, last: float = 0.5) -> list[float]:
    """An exponential fall with relative normal noise, as batches of unlike rows give."""
    draw = random.Random(seed)
    return [
        max(1e-3, (last + (first - last) * math.exp(-5 * i / steps)) * (1 + draw.gauss(0, noise))) for i in range(steps)
    ]


def kinds(*args: Any) -> list[str]:
    return [one.kind for one in findings(curve(*args))]


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, steps=st.integers(1, 400), noise=st.floats(0, 0.1))
def test_a_healthy_run_gives_none(seed: int, steps: int, noise: float) -> None:
    assert kinds(falling(steps, seed, noise), {steps // 2: 0.8, steps: 0.7}) == []


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, steps=st.integers(60, 300), times=st.floats(3.0, 20.0), share=st.floats(0.35, 0.95))
def test_a_spike_is_found_at_its_step(seed: int, steps: int, times: float, share: float) -> None:
    losses = falling(steps, seed, 0.05)
    at = max(SPIKE_WINDOW, int(share * steps))
    losses[at] *= times
    (found,) = findings(curve(losses))
    assert (found.kind, found.step) == ("spike", at + 1) and f"step {at + 1}" in found.text


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, steps=st.integers(MIN_STEPS * 4, 300), end=st.floats(2.0, 10.0))
def test_a_loss_that_comes_back_up_has_diverged(seed: int, steps: int, end: float) -> None:
    half = steps // 2
    losses = falling(half, seed, 0.05) + [0.5 + (end - 0.5) * min(1.0, 3 * i / half) for i in range(steps - half)]
    assert kinds(losses)[0] == "divergence"
    assert "never_learned" not in kinds(losses)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, steps=st.integers(MIN_STEPS, 300), level=st.floats(0.5, 8.0))
def test_a_flat_loss_never_learned(seed: int, steps: int, level: float) -> None:
    draw = random.Random(seed)
    assert kinds([level * (1 + draw.uniform(-0.005, 0.005)) for _ in range(steps)]) == ["never_learned"]


def test_a_model_that_knew_it_all_and_a_run_too_short_are_not_blamed() -> None:
    assert kinds([0.02] * 100) == []
    assert kinds([3.0] * (MIN_STEPS - 1)) == []


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, best=st.floats(0.1, 5.0), worse=st.floats(1.06, 3.0))
def test_a_validation_loss_that_ends_above_its_lowest_is_overfitting(seed: int, best: float, worse: float) -> None:
    losses = falling(100, seed)
    (found,) = findings(curve(losses, {25: best * 1.5, 50: best, 75: best * (1 + worse) / 2, 100: best * worse}))
    assert (found.kind, found.step) == ("overfitting", 50)
    assert kinds(losses, {25: best * 1.5, 50: best, 100: best * 1.04}) == []
    assert kinds(losses, {100: best}) == []


def test_many_spikes_are_one_sentence() -> None:
    losses = falling(100, 0, 0.02)
    losses[40], losses[70] = 6.0, 9.0
    (found,) = findings(curve(losses))
    assert found.text.startswith("2 loss spikes, the highest at step 71: 9, ")


def answered(finishes: list[str], references: list[str]) -> list[dict[str, Any]]:
    return [{"finish": finish, "references": references} for finish in finishes]


def words(text: str, add_special_tokens: bool) -> dict[str, list[str]]:
    return {"input_ids": text.split()}


@given(capped=st.integers(0, 40), stopped=st.integers(0, 40))
def test_a_model_that_never_stops_is_told_from_a_cap_that_is_too_low(capped: int, stopped: int) -> None:
    finishes = ["length"] * capped + ["stop"] * stopped
    short, long = ["a b c", "a b c d e f g h i"], ["a b c d e f g h"]
    said = endless(answered(finishes, short), words, 8)
    assert bool(said) == (capped > stopped)
    if said:
        assert said[0].startswith(f"never stops generating: {capped} of {capped + stopped} answers")
        assert endless(answered(finishes, long), words, 8)[0].endswith("Raise decoding.max_new_tokens")
