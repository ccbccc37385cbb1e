"""TRL's SFTTrainer, told exactly what to do. Imported only while training: it brings torch, transformers, datasets and trl along.

Rows come tokenised, labelled and in order, so TRL prepares, truncates, packs and shuffles nothing. The loss is the sum
over supervised tokens divided by their number in the whole optimizer step, so accumulation changes nothing.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import datasets
import torch
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from ftbench.core.errors import FtbenchError
from ftbench.methods.recipe import SCHEDULES
from ftbench.methods.rows import Row
from ftbench.methods.sft import SftRun
from ftbench.models.intact import intact

datasets.disable_progress_bars()


class _Trainer(SFTTrainer):
    """Phones nobody, and counts no floating-point operations: the figure is unused and costs a walk over the model per step."""

    def _send_telemetry(self) -> None:
        return None

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0


class _Watch(TrainerCallback):
    """Keeps each step's figures, reports progress, and stops at a loss that is not finite."""

    def __init__(self, run: SftRun, order: Sequence[Row], steps: int, scaled: bool) -> None:
        self.run, self.order, self.steps, self.scaled = run, order, steps, scaled
        self.points: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        # float16 scales its loss until a gradient overflows once and that step is left out: only its loss is watched.
        watched = {"loss": logs["loss"], **({} if self.scaled else {"gradient norm": logs.get("grad_norm", 0.0)})}
        for name, value in watched.items():
            if not math.isfinite(value):
                size = self.run.recipe.effective_batch
                ids = [row.id for row in self.order[(state.global_step - 1) * size : state.global_step * size]]
                raise FtbenchError(
                    f"{name} is {value} at step {state.global_step} (rows {', '.join(ids)}). "
                    f"Lower method.learning_rate ({self.run.recipe.learning_rate}) or look at these rows"
                )
        gradient = logs.get("grad_norm")
        finite = gradient if gradient is not None and math.isfinite(gradient) else None
        self.points.append({"loss": logs["loss"], "learning_rate": logs["learning_rate"], "grad_norm": finite})
        if self.run.progress is not None:
            self.run.progress(state.global_step, self.steps)


def fit(run: SftRun, order: Sequence[Row], loaded: Any) -> list[dict[str, float]]:
    """Trains one run and saves its weights; the base is put back afterwards.

    Args:
        order: rows in the order they are trained on, repeats included.
        loaded: ``ftbench.models.loaded.Loaded``.

    Returns:
        ``loss``, ``learning_rate``, ``grad_norm`` of each optimizer step.
    """
    with intact(loaded.model), tempfile.TemporaryDirectory() as scratch, torch.enable_grad():
        set_seed(run.seed)
        model = run.adapt(loaded.model)
        args = _arguments(run, len(order), loaded.device, scratch)
        watch = _Watch(run, order, args.max_steps, args.fp16)
        trainer = _Trainer(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_dict({"input_ids": [row.input_ids for row in order], "labels": [row.labels for row in order]}),
            data_collator=DataCollatorForLanguageModeling(pad_token_id=loaded.pad_id),
            processing_class=loaded.tokenizer,
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        model.eval()
        run.save(model)
        return watch.points


def _arguments(run: SftRun, rows: int, device: str, scratch: str) -> SFTConfig:
    recipe = run.recipe
    steps = math.ceil(rows / recipe.effective_batch)
    precision = recipe.precision
    if precision == "auto":
        precision = "bfloat16" if device.startswith("cuda") and torch.cuda.is_bf16_supported() else "float32"
    if precision == "float16" and device == "cpu":
        raise FtbenchError("method.precision=float16 needs a GPU: on a CPU the trainer would use float32 and not say so. Set it to auto or bfloat16")
    args = SFTConfig(
        output_dir=scratch,
        seed=run.seed,
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
        packing=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    # With several GPUs in sight transformers would wrap the model in DataParallel; a worker trains on the one it was given.
    if args.device.type == "cuda":
        args._n_gpu = 1
    return args
