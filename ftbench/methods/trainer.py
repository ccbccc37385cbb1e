"""TRL's SFTTrainer, told exactly what to do. Imported only while training: it brings torch, transformers, datasets and
trl along.

Rows come tokenized, labeled and in order, so TRL prepares, truncates, packs and shuffles nothing. The loss is the sum
over supervised tokens divided by their number in the whole optimizer step, so accumulation changes nothing.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import PrinterCallback, set_seed
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from ftbench.core.errors import FtbenchError
from ftbench.methods.callbacks import Best, TrainingCallback
from ftbench.methods.checkpoint import Checkpoints, Resumable
from ftbench.methods.oom_retry import OomRetry, in_pieces
from ftbench.methods.packing import check_apart, packed
from ftbench.methods.recipe import CUDA_OPTIMIZERS, SCHEDULES, Recipe
from ftbench.methods.rows import Row
from ftbench.methods.runs import SftRun
from ftbench.models.intact import intact
from ftbench.models.loaded import has_bfloat16

datasets.disable_progress_bars()


class _Trainer(OomRetry, Resumable, SFTTrainer):
    """Phones nobody, and counts no floating-point operations: the figure is unused and costs a walk over the model per
    step.
    """

    packing: bool

    def _send_telemetry(self) -> None:
        return None

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super().compute_loss(model, packed(inputs) if self.packing else inputs, *args, **kwargs)


@dataclass(frozen=True)
class Fitted:
    """How a run went.

    Attributes:
        points: ``loss``, ``learning_rate``, ``grad_norm``, ``validation_loss`` (None where not measured) of each
            optimizer step.
        planned: steps that were to be done.
        kept: step whose weights were saved.
        best: step and loss of the lowest validation loss, or None.
        stopped: whether patience ended it.
        rows_at_once: rows of one forward pass where memory allowed no whole micro-batch, else None.
        halved_at: first step at which memory ran out, or None.
    """

    points: list[dict[str, Any]]
    planned: int
    kept: int
    best: Best | None
    stopped: bool
    rows_at_once: int | None
    halved_at: int | None


def fit(run: SftRun, order: Sequence[Row], held: Sequence[Row], evaluated: Collection[int], loaded: Any) -> Fitted:
    """Trains one run and saves its weights; the base is put back afterwards.

    Args:
        order: rows in the order they are trained on, repeats included.
        held: validation rows.
        evaluated: steps after which their loss is measured.
        loaded: ``ftbench.models.loaded.Loaded``.
    """
    recipe, size = run.recipe, run.recipe.effective_batch
    with intact(loaded.model), tempfile.TemporaryDirectory() as scratch, torch.enable_grad():
        args = training_arguments(recipe, run.seed, math.ceil(len(order) / size), loaded.device, scratch)
        set_seed(run.seed)
        model = run.adapt(loaded.model)
        collate = DataCollatorForLanguageModeling(pad_token_id=loaded.pad_id)
        checkpoints = checkpoints_of(run, loaded.device)
        watch = TrainingCallback(
            recipe=recipe,
            ids=lambda step: [row.id for row in order[(step - 1) * size : step * size]],
            steps=args.max_steps,
            evaluated=evaluated,
            validate=lambda: _validation_loss(trainer, collate, held, recipe.batch_size),
            folder=Path(scratch),
            checkpoints=checkpoints,
            progress=run.progress,
        )
        trainer = _Trainer(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_dict(
                {"input_ids": [row.input_ids for row in order], "labels": [row.labels for row in order]}
            ),
            data_collator=collate,
            processing_class=loaded.tokenizer,
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        watch.trainer = trainer
        trainer.packing = recipe.packing
        if recipe.packing:
            with trainer.compute_loss_context_manager():
                check_apart(model, [row.input_ids for row in order], loaded.device)
        return train_and_save(run, model, trainer, watch, checkpoints)


def checkpoints_of(run: Any, device: str) -> Checkpoints | None:
    """Returns where a run keeps its checkpoints; None where it keeps none."""
    if run.scratch is None or run.recipe.checkpoint_every is None:
        return None
    return Checkpoints(run.scratch, device)


def train_and_save(
    run: Any, model: Any, trainer: Any, watch: TrainingCallback, checkpoints: Checkpoints | None
) -> Fitted:
    """Trains, from a checkpoint where there is one, and saves the weights that are kept."""
    resumed = checkpoints.latest() if checkpoints is not None else None
    if resumed is not None:
        watch.resume(resumed)
    trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    kept = watch.keep()
    model.eval()
    run.save(model)
    halved = (trainer.rows_at_once, trainer.halved_at)
    return Fitted(watch.points, trainer.args.max_steps, kept, watch.best, watch.stopped, *halved)


def _validation_loss(trainer: Any, collate: Any, rows: Sequence[Row], batch_size: int) -> float:
    """Returns nats per supervised token over all rows: a sum of sums, so that neither batches nor padding weigh in."""
    by_length = [
        {"input_ids": row.input_ids, "labels": row.labels} for row in sorted(rows, key=lambda row: -len(row.input_ids))
    ]
    one = torch.ones((), device=trainer.args.device)

    def summed(batch: Sequence[dict[str, Any]]) -> Any:
        return trainer.compute_loss(
            trainer.model, trainer._prepare_inputs(collate(list(batch))), num_items_in_batch=one
        ).double()

    was_training = trainer.model.training
    trainer.model.eval()
    with torch.no_grad(), trainer.compute_loss_context_manager():
        total = sum(loss for _, loss in in_pieces(by_length, trainer.rows_at_once or batch_size, summed))
    trainer._metrics["eval"].clear()
    trainer.model.train(was_training)
    return float(total) / sum(row.supervised for row in rows)


def training_arguments(
    recipe: Recipe, seed: int, steps: int, device: str, scratch: str, config: Any = SFTConfig, **others: Any
) -> Any:
    """Returns the arguments of one run.

    Args:
        steps: optimizer steps.
        scratch: folder that the trainer may write into.
        config: class of the arguments; any that derives from transformers' ``TrainingArguments``.
        others: further arguments of that class.

    Raises:
        FtbenchError: for what this device or this installation cannot do.
    """
    _check_surroundings(recipe, device)
    precision = recipe.precision
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16(device) else "float32"
    args = config(
        output_dir=scratch,
        seed=seed,
        max_steps=steps,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=SCHEDULES[recipe.schedule],
        warmup_steps=math.ceil(recipe.warmup * steps),
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        optim=recipe.optimizer,
        activation_checkpointing=recipe.gradient_checkpointing,
        bf16=precision == "bfloat16",
        fp16=precision == "float16",
        use_cpu=device == "cpu",
        torch_compile=recipe.torch_compile,
        use_liger_kernel=recipe.liger,
        # Only what replaces the modules of this one model: the others change transformers for everybody in this
        # process.
        liger_kernel_config=(
            {"rope": False, "cross_entropy": False, "rms_norm": True, "swiglu": True} if recipe.liger else None
        ),
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        **(others or {"packing": False, "max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}),
    )
    # With several GPUs in sight transformers would wrap the model in DataParallel; a worker trains on the one it was
    # given.
    if args.device.type == "cuda":
        args._n_gpu = 1
    return args


def _check_surroundings(recipe: Recipe, device: str) -> None:
    cuda = device.startswith("cuda")
    if recipe.precision == "float16" and not cuda:
        raise FtbenchError(
            "method.precision=float16 needs a GPU: on a CPU the trainer would use float32 and not say so. Set it to"
            " auto or bfloat16"
        )
    if recipe.optimizer in CUDA_OPTIMIZERS:
        if not cuda:
            raise FtbenchError(
                f"method.optimizer={recipe.optimizer} needs a CUDA device, and there is none. Set it to adamw_torch"
            )
        if find_spec("bitsandbytes") is None:
            raise FtbenchError(
                f"method.optimizer={recipe.optimizer} needs bitsandbytes. Install bitsandbytes, or set it to"
                " adamw_torch"
            )
    if recipe.liger and find_spec("liger_kernel") is None:
        raise FtbenchError("method.liger=true needs Liger's kernels. Install liger-kernel, or set it to false")
    if recipe.liger and not cuda:
        raise FtbenchError("method.liger=true needs a CUDA device, and there is none. Set it to false")
