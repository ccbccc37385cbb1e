"""The one preference call. Every method that learns from chosen and rejected answers goes through ``prefer``.

The reference's log-probabilities come in as numbers, computed once by a stage of their own: no second model is kept in
memory, and none can be the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import read_jsonl, write_json, write_jsonl
from ftbench.methods.pairs import Pair, Pairs, encode_pairs, has_preference, masked_pair, pair_tokens
from ftbench.methods.recipe import Recipe
from ftbench.methods.rows import ordered
from ftbench.methods.runs import PreferenceRun
from ftbench.methods.sft import report

LOSSES = (
    "sigmoid",
    "hinge",
    "ipo",
    "robust",
    "exo_pair",
    "nca_pair",
    "bco_pair",
    "sppo_hard",
    "apo_zero",
    "apo_down",
    "discopop",
    "sigmoid_norm",
)
"""As TRL names them. Those that sort whole batches or look at the chosen answer alone are left out: they are no
pairwise loss.
"""


def read_reference(folder: Path) -> dict[str, tuple[float, float]]:
    """Returns what a reference stage wrote: pair id -> log-probabilities of its chosen and its rejected answer."""
    return {row["id"]: (row["chosen"], row["rejected"]) for row in read_jsonl(folder / "reference.jsonl")}


def prefer(runs: Sequence[PreferenceRun], loaded: Any) -> list[dict[str, Any]]:
    """Trains each run over the loaded base and leaves the base as it was.

    Writes ``curve.jsonl``, ``findings.json``, ``masked_example.json`` and ``rows.json`` into each run's folder, and
    what ``run.save`` writes.

    Args:
        loaded: ``ftbench.models.loaded.Loaded``.

    Returns:
        One dict per run: ``losses`` (one per step), ``tokens`` and ``details`` for the receipt.

    Raises:
        FtbenchError: when a loss is not finite (with the step and its pairs), a pair has no reference, or none can be
            trained on.
    """
    return [_solo(run, loaded) for run in runs]


def _solo(run: PreferenceRun, loaded: Any) -> dict[str, Any]:
    from ftbench.methods.preference_trainer import fit

    recipe = run.recipe
    limits = [limit for limit in (recipe.max_tokens, loaded.context_tokens) if limit is not None]
    pairs = encode_pairs(loaded.format, run.examples, min(limits, default=None), recipe.overlong)
    held = _held_out(run, loaded)
    lost = [pair.id for pair in (*pairs.kept, *held) if pair.id not in run.reference]
    if lost:
        raise FtbenchError(
            f"train: {len(lost)} preference rows have no reference log-probabilities, such as {lost[0]}. Compile the"
            " plan again"
        )
    order = ordered(pairs.kept, recipe.rows(len(pairs.kept)), run.seed)
    write_json(run.folder / "rows.json", pairs.counts())
    write_json(run.folder / "masked_example.json", masked_pair(order[0], loaded.tokenizer))
    fitted = fit(run, order, held, recipe.evaluated(len(order), len(pairs.kept)) if held else frozenset(), loaded)
    curve = _curve(fitted.points, order, recipe, pairs)
    write_jsonl(run.folder / "curve.jsonl", curve)
    remarks = report(curve, fitted, recipe, run.folder, pairs.notes)
    details = {
        "steps": len(curve),
        "loss_first": curve[0]["loss"],
        "loss_last": curve[-1]["loss"],
        "margin_last": curve[-1]["margin"],
        "accuracy_last": curve[-1]["accuracy"],
        **{name: value for name, value in pairs.counts().items() if name != "refused_ids"},
        **remarks,
    }
    seen = order[: len(curve) * recipe.effective_batch]
    return {
        "losses": [point["loss"] for point in curve],
        "tokens": pair_tokens(seen, recipe.batch_size),
        "details": details,
    }


def _held_out(run: PreferenceRun, loaded: Any) -> tuple[Pair, ...]:
    """Returns the validation pairs within the window; whole, whatever ``max_tokens`` says of training."""
    offered = [example for example in run.validation if has_preference(example)]
    if run.recipe.eval_steps == 0 or not offered:
        return ()
    try:
        return encode_pairs(loaded.format, offered, loaded.context_tokens, "drop").kept
    except FtbenchError:  # none of them fits
        return ()


def _curve(
    logged: Sequence[dict[str, Any]], order: Sequence[Pair], recipe: Recipe, pairs: Pairs
) -> list[dict[str, Any]]:
    """Returns one point per optimizer step; ``tokens`` are the supervised ones of that step."""
    curve = []
    for step, point in enumerate(logged):
        seen = order[step * recipe.effective_batch : (step + 1) * recipe.effective_batch]
        epoch = min(len(order), (step + 1) * recipe.effective_batch) / len(pairs.kept)
        unmeasured = dict.fromkeys(("validation_margin", "validation_accuracy"))
        curve.append(
            {
                "step": step + 1,
                "epoch": round(epoch, 6),
                **unmeasured,
                **point,
                "tokens": sum(pair.supervised for pair in seen),
            }
        )
    return curve
