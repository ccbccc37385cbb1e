"""The one supervised fine-tuning call. Every method that learns from targets goes through ``sft``; it differs in what
it adapts.

It takes a list of runs over one loaded base and returns the losses of each. Runs are trained one after another today; a
list is what training several adapters in one pass will need.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json, write_jsonl
from ftbench.methods.findings import Finding, findings
from ftbench.methods.recipe import Recipe
from ftbench.methods.rows import Row, Rows, encode_rows, masked_example, ordered, token_counts
from ftbench.methods.runs import SftRun


def sft(runs: Sequence[SftRun], loaded: Any) -> list[dict[str, Any]]:
    """Trains each run over the loaded base, completions only, and leaves the base as it was.

    Writes ``curve.jsonl``, ``findings.json``, ``masked_example.json`` and ``rows.json`` into each run's folder, and
    what ``run.save`` writes.

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
    from ftbench.methods.trainer import fit  # heavy

    recipe = run.recipe
    limits = [limit for limit in (recipe.max_tokens, loaded.context_tokens) if limit is not None]
    rows = encode_rows(loaded.format, run.examples, min(limits, default=None), recipe.overlong)
    order = ordered(rows.kept, recipe.rows(len(rows.kept)), run.seed)
    write_json(run.folder / "rows.json", rows.counts())
    write_json(run.folder / "masked_example.json", masked_example(order[0], loaded.tokenizer))
    held = _held_out(run, loaded)
    fitted = fit(run, order, held, recipe.evaluated(len(order), len(rows.kept)) if held else frozenset(), loaded)
    curve = _curve(fitted.points, order, recipe, rows)
    write_jsonl(run.folder / "curve.jsonl", curve)
    remarks = report(curve, fitted, recipe, run.folder, rows.notes)
    losses = [point["loss"] for point in curve]
    seen = order[: len(curve) * recipe.effective_batch]
    counts = {k: v for k, v in rows.counts().items() if k != "refused_ids"}
    details = {"steps": len(curve), "loss_first": losses[0], "loss_last": losses[-1], **counts, **remarks}
    return {"losses": losses, "tokens": token_counts(seen, recipe.batch_size, recipe.packing), "details": details}


def report(
    curve: Sequence[dict[str, Any]], fitted: Any, recipe: Recipe, folder: Path, notes: Sequence[str]
) -> dict[str, Any]:
    """Writes ``findings.json`` and returns what the receipt says of the watched run.

    Args:
        curve: points with ``step``, ``loss``, ``validation_loss``.
        fitted: ``ftbench.methods.trainer.Fitted``.
        notes: sentences about how rows were encoded, for the receipt.
    """
    found = findings(curve)
    if fitted.halved_at is not None:
        asked = f"{recipe.batch_size} rows at once"
        text = (
            f"memory ran out at step {fitted.halved_at} with {asked}: went on with {fitted.rows_at_once}; the effective"
            f" batch stays {recipe.effective_batch}"
        )
        found.append(Finding("memory", fitted.halved_at, text))
    if fitted.stopped:
        text = (
            f"stopped early after step {len(curve)} of {fitted.planned}: no better validation loss in {recipe.patience}"
            " measurements"
        )
        found.append(Finding("stopped", len(curve), text))
    if fitted.kept < len(curve):
        text = (
            f"kept the weights of step {fitted.kept} of {len(curve)}, whose validation loss {fitted.best.loss:.4g} is"
            " the best measured"
        )
        found.append(Finding("kept", fitted.kept, text))
    write_json(folder / "findings.json", [one.as_dict() for one in found])
    best = None if fitted.best is None else {"step": fitted.best.step, "validation_loss": fitted.best.loss}
    said = [one.text for one in found]
    at_once = fitted.rows_at_once or recipe.batch_size
    notes = [*notes, *said]
    return {"kept_step": fitted.kept, "best": best, "rows_at_once": at_once, "findings": said, "notes": notes}


def _held_out(run: SftRun, loaded: Any) -> tuple[Row, ...]:
    """Returns the validation rows that have a target within the window; whole, whatever ``max_tokens`` says of
    training.
    """
    if run.recipe.eval_steps == 0 or not run.validation:
        return ()
    try:
        return encode_rows(loaded.format, run.validation, loaded.context_tokens).kept
    except FtbenchError:
        return ()


def _curve(
    logged: Sequence[dict[str, float]], order: Sequence[Any], recipe: Recipe, rows: Rows
) -> list[dict[str, Any]]:
    """Returns one point per optimizer step; ``tokens`` are the supervised ones of that step."""
    curve = []
    for step, point in enumerate(logged):
        seen = order[step * recipe.effective_batch : (step + 1) * recipe.effective_batch]
        epoch = min(len(order), (step + 1) * recipe.effective_batch) / len(rows.kept)
        curve.append(
            {"step": step + 1, "epoch": round(epoch, 6), **point, "tokens": sum(row.supervised for row in seen)}
        )
    return curve
