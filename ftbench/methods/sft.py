"""The one supervised fine-tuning call. Every method that learns from targets goes through ``sft``; it differs in what it adapts.

It takes a list of runs over one loaded base and returns the losses of each. Runs are trained one after another today; a
list is what training several adapters in one pass will need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.example import Example, write_jsonl
from ftbench.methods.recipe import Recipe
from ftbench.methods.rows import Rows, encode_rows, masked_example, ordered, token_counts

@dataclass(frozen=True)
class SftRun:
    """One run of the call.

    Attributes:
        examples: training rows, in file order.
        recipe: how to train.
        seed: decides the adapter's initial weights, the order of rows and dropout.
        adapt: base model -> model with the parameters to train switched on; called after seeding.
        save: writes the trained weights.
        folder: where the curve, the masked example and the row counts go.
        progress: told (steps done, steps in all).
    """

    examples: Sequence[Example]
    recipe: Recipe
    seed: int
    adapt: Callable[[Any], Any]
    save: Callable[[Any], None]
    folder: Path
    progress: Callable[[int, int], None] | None


def sft(runs: Sequence[SftRun], loaded: Any) -> list[dict[str, Any]]:
    """Trains each run over the loaded base, completions only, and leaves the base as it was.

    Writes ``curve.jsonl``, ``masked_example.json`` and ``rows.json`` into each run's folder, and what ``run.save`` writes.

    Args:
        runs: what to train.
        loaded: ``ftbench.models.loaded.Loaded``.

    Returns:
        One dict per run: ``losses`` (one per step), ``tokens`` and ``details`` for the receipt.

    Raises:
        FtbenchError: when a loss is not finite (with the step and its rows), or no row can be trained on.
    """
    return [_solo(run, loaded) for run in runs]


def _solo(run: SftRun, loaded: Any) -> dict[str, Any]:
    from ftbench.methods.trainer import fit

    recipe = run.recipe
    limits = [limit for limit in (recipe.max_tokens, loaded.context_tokens) if limit is not None]
    rows = encode_rows(loaded.format, run.examples, min(limits, default=None), recipe.overlong)
    order = ordered(rows.kept, recipe.rows(len(rows.kept)), run.seed)
    _write_json(run.folder / "rows.json", rows.counts())
    _write_json(run.folder / "masked_example.json", masked_example(order[0], loaded.tokenizer))
    logged = fit(run, order, loaded)
    curve = _curve(logged, order, recipe, rows)
    write_jsonl(run.folder / "curve.jsonl", curve)
    losses = [point["loss"] for point in curve]
    details = {"steps": len(curve), "loss_first": losses[0], "loss_last": losses[-1], **{k: v for k, v in rows.counts().items() if k != "refused_ids"}}
    return {"losses": losses, "tokens": token_counts(order, recipe.batch_size), "details": details}


def _curve(logged: Sequence[dict[str, float]], order: Sequence[Any], recipe: Recipe, rows: Rows) -> list[dict[str, Any]]:
    """Returns one point per optimizer step; ``tokens`` are the supervised ones of that step."""
    curve = []
    for step, point in enumerate(logged):
        seen = order[step * recipe.effective_batch : (step + 1) * recipe.effective_batch]
        epoch = min(len(order), (step + 1) * recipe.effective_batch) / len(rows.kept)
        curve.append({"step": step + 1, "epoch": round(epoch, 6), **point, "tokens": sum(row.supervised for row in seen)})
    return curve


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
