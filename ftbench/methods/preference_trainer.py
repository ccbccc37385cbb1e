"""TRL's DPOTrainer, told exactly what to do. Imported only while training: it brings torch, transformers, datasets and
trl along.

Pairs come tokenized, in order and with the reference's log-probabilities, so TRL prepares, shuffles and precomputes
nothing and loads no reference: left alone it would load one from ``config._name_or_path``, which is not what is being
trained.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import PrinterCallback, set_seed
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from ftbench.methods.callbacks import TrainingCallback
from ftbench.methods.checkpoint import Checkpoints, Resumable
from ftbench.methods.oom_retry import OomRetry, in_pieces
from ftbench.methods.pairs import Pair
from ftbench.methods.runs import PreferenceRun
from ftbench.methods.trainer import Fitted, training_arguments
from ftbench.models.intact import intact

datasets.disable_progress_bars()

FIGURES = {
    "margin": "rewards/margins",
    "accuracy": "rewards/accuracies",
    "chosen_reward": "rewards/chosen",
    "rejected_reward": "rewards/rejected",
    "chosen_logp": "logps/chosen",
    "rejected_logp": "logps/rejected",
}
"""Field of ``curve.jsonl`` -> TRL's name. A reward is beta times the log-ratio to the reference; a margin, chosen less
rejected.
"""
HELD_OUT = {"validation_margin": "rewards/margins", "validation_accuracy": "rewards/accuracies"}


class _Trainer(OomRetry, Resumable, DPOTrainer):
    """Takes pairs as they come. Phones nobody, and counts no floating-point operations: the figure is unused."""

    share = True  # see compute_loss
    pairs: int
    size: int

    def _prepare_dataset(self, dataset: datasets.Dataset, *rest: Any) -> datasets.Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: datasets.Dataset, *rest: Any) -> datasets.Dataset:
        return dataset

    def _send_telemetry(self) -> None:
        return None

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Weighs each micro-batch by its pairs: TRL's mean of means would count a pair of a short last one for more."""
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if not self.model.training:
            return loss
        for name in (
            FIGURES.values()
        ):  # TRL logs the mean over passes; said once for each pair it is the mean over pairs, whatever the passes hold
            self._metrics["train"][name] += self._metrics["train"][name][-1:] * (self._rows(inputs) - 1)
        pairs = min(self.size, self.pairs - self.state.global_step * self.size)
        batches = math.ceil(pairs / self.args.per_device_train_batch_size)
        return loss * (self._rows(inputs) * batches / pairs)

    def _rows(self, batch: dict[str, Any]) -> int:
        return len(batch["input_ids"]) // 2

    def _cut(self, batch: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
        """Returns those pairs: token tensors are ``[2 * pairs, tokens]``, all chosen answers before all rejected ones;
        the reference's are ``[pairs]``.
        """
        count = self._rows(batch)
        both = {
            name: value.unflatten(0, (2, count))[:, start:stop].flatten(0, 1)
            for name, value in batch.items()
            if len(value) == 2 * count
        }
        return {name: value[start:stop] for name, value in batch.items()} | both

    def _forget(self) -> None:
        self._metrics["train"].clear()


def fit(
    run: PreferenceRun, order: Sequence[Pair], held: Sequence[Pair], evaluated: Collection[int], loaded: Any
) -> Fitted:
    """Trains one run and saves its weights; the base is put back afterwards.

    Args:
        order: pairs in the order they are trained on, repeats included.
        held: validation pairs.
        evaluated: steps after which their loss is measured.
        loaded: ``ftbench.models.loaded.Loaded``.

    Returns:
        How it went; the points hold ``FIGURES`` too, and ``HELD_OUT`` where validation was measured.
    """
    recipe, size = run.recipe, run.recipe.effective_batch
    with (
        intact(loaded.model),
        _same_padding(loaded.tokenizer),
        tempfile.TemporaryDirectory() as scratch,
        torch.enable_grad(),
    ):
        loss = {"loss_type": [run.loss.kind], "beta": run.loss.beta, "label_smoothing": run.loss.label_smoothing}
        set_seed(run.seed)
        model = run.adapt(loaded.model)
        adapters = getattr(model, "peft_config", {})
        # Without an adapter TRL must be told beforehand, or it loads a second model; with one, it would hash every
        # weight.
        known = {"precompute_ref_log_probs": not adapters, "max_length": None, **loss}
        args = training_arguments(
            recipe, run.seed, math.ceil(len(order) / size), loaded.device, scratch, DPOConfig, **known
        )
        collate = DataCollatorForPreference(pad_token_id=loaded.pad_id)
        checkpoints = (
            Checkpoints(run.scratch, loaded.device)
            if run.scratch is not None and recipe.checkpoint_every is not None
            else None
        )
        watch = TrainingCallback(
            recipe=recipe,
            ids=lambda step: [pair.id for pair in order[(step - 1) * size : step * size]],
            steps=args.max_steps,
            evaluated=evaluated,
            validate=lambda: _validated(trainer, collate, _columns(run, held), recipe.batch_size, watch.points[-1]),
            folder=Path(scratch),
            checkpoints=checkpoints,
            progress=run.progress,
            figures=FIGURES,
        )
        trainer = _Trainer(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_list(_columns(run, order)),
            data_collator=collate,
            processing_class=loaded.tokenizer,
            callbacks=[watch],
        )
        trainer.pairs, trainer.size = len(order), size
        trainer.precompute_ref_logps = True
        if "ref" in adapters:  # the copy that TRL would take the reference from
            model.delete_adapter("ref")
        trainer.remove_callback(PrinterCallback)
        watch.trainer = trainer
        resumed = checkpoints.latest() if checkpoints is not None else None
        if resumed is not None:
            watch.resume(resumed)
        trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        kept = watch.keep()
        model.eval()
        run.save(model)
        return Fitted(
            watch.points, args.max_steps, kept, watch.best, watch.stopped, trainer.rows_at_once, trainer.halved_at
        )


def _columns(run: PreferenceRun, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    return [
        {
            "prompt_ids": list(pair.prompt_ids),
            "chosen_ids": list(pair.chosen_ids),
            "rejected_ids": list(pair.rejected_ids),
            "ref_chosen_logps": run.reference[pair.id][0],
            "ref_rejected_logps": run.reference[pair.id][1],
        }
        for pair in pairs
    ]


def _validated(
    trainer: Any, collate: Any, held: Sequence[dict[str, Any]], batch_size: int, point: dict[str, Any]
) -> float:
    """Returns the mean loss of the validation pairs, and writes their mean margin and accuracy into ``point``."""
    totals = dict.fromkeys(("loss", *HELD_OUT), 0.0)

    def measured(batch: Sequence[dict[str, Any]]) -> dict[str, float]:
        loss = float(trainer.compute_loss(trainer.model, trainer._prepare_inputs(collate(list(batch)))))
        return {"loss": loss, **{field: trainer._metrics["eval"][name][-1] for field, name in HELD_OUT.items()}}

    was_training = trainer.model.training
    trainer.model.eval()
    with torch.no_grad(), trainer.compute_loss_context_manager():
        for count, found in in_pieces(held, trainer.rows_at_once or batch_size, measured):
            totals = {name: total + found[name] * count for name, total in totals.items()}
    trainer._metrics["eval"].clear()
    trainer.model.train(was_training)
    means = {name: total / len(held) for name, total in totals.items()}
    point.update({field: means[field] for field in HELD_OUT})
    return means["loss"]


@contextmanager
def _same_padding(tokenizer: Any) -> Iterator[None]:
    """TRL gives a tokenizer without a pad token its EOS for one; that must not outlive the training."""
    before = tokenizer.pad_token
    try:
        yield
    finally:
        tokenizer.pad_token = before
