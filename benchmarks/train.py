"""LoRA and full fine-tuning beside plain TRL and peft scripts: the same rows in the same order from the same seed, so
equal losses.

    OMP_NUM_THREADS=1 python -m benchmarks.train [--model FOLDER] [--rows 256] [--runs 5] [--batch 8]

Prints the largest difference of two losses in float32, and the CPU time of a step beside TRL's: one thread, each step's
minimum over the runs, which take turns in one process. A step's time is that between two log lines, so that neither
loading nor tokenizing counts. Without ``--model`` the tiny model is trained on the toy world. A folder (such as
stories260K) is trained on the same rows as plain text.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
import peft
import torch
import transformers
import trl

from ftbench.compile.option import shipped as component
from ftbench.core.example import Example
from ftbench.core.training import TrainRun
from ftbench.methods.rows import ordered
from ftbench.models.resident import Resident

SEED = 0
RATES = {"lora": 2e-3, "full": 3e-4}


class _Clock(transformers.TrainerCallback):
    """Keeps the CPU clock and the loss at each step."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.losses: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.losses.append(logs["loss"])
            self.clock.append(time.process_time())


def ours(kind: str, loaded: Any, rows: Sequence[Example], batch: int, folder: Path) -> tuple[list[float], list[float]]:
    """Returns the losses and the CPU clock of each step."""
    values = {
        "learning_rate": RATES[kind],
        "batch_size": batch,
        "epochs": 1.0,
        "warmup": 0.0,
        "schedule": "linear",
        "eval_steps": 0,
        "max_tokens": None,
    }
    method = component("method", kind, **values, **({"dropout": 0.0} if kind == "lora" else {}))
    clock: list[float] = []
    run = TrainRun(rows, SEED, folder, progress=lambda done, total: clock.append(time.process_time()))
    (result,) = method.train([run], loaded)
    return result["losses"], clock


def plain(
    kind: str, name: str, tokenizer: Any, rows: Sequence[Example], batch: int, folder: Path
) -> tuple[list[float], list[float]]:
    """Returns the losses and the CPU clock of each step of TRL as its documentation shows it."""
    model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    config = peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")

    def said(role: str, text: str) -> Any:
        return text if tokenizer.chat_template is None else [{"role": role, "content": text}]

    data = [
        {"prompt": said("user", row.turns[-1].content), "completion": said("assistant", row.target)} for row in rows
    ]
    arguments = trl.SFTConfig(
        output_dir=str(folder),
        seed=SEED,
        per_device_train_batch_size=batch,
        num_train_epochs=1,
        learning_rate=RATES[kind],
        lr_scheduler_type="linear",
        max_length=None,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    clock = _Clock()
    transformers.set_seed(SEED)
    with redirect_stdout(StringIO()):
        trainer = trl.SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(data),
            processing_class=tokenizer,
            peft_config=config if kind == "lora" else None,
            callbacks=[clock],
        )
        trainer.train()
    return clock.losses, clock.clock


def step_seconds(clocks: Sequence[Sequence[float]]) -> float:
    """Returns the mean over steps of each step's minimum over the runs: a neighbor on the machine slows single
    steps.
    """
    steps = [[later - earlier for earlier, later in pairwise(clock)] for clock in clocks]
    return sum(map(min, zip(*steps, strict=True))) / len(steps[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a transformers folder (default: the tiny model)")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    words = parser.parse_args()
    datasets.disable_progress_bars()
    torch.set_num_threads(1)
    model = (
        component("model", "tiny") if words.model is None else component("model", "hf", name_or_path=str(words.model))
    )
    rows = [row for row in component("dataset", "toy", train=words.rows).load().train if row.target is not None]
    resident = Resident("cpu")
    name, tokenizer = resident.get(model).model.config._name_or_path, resident.get(model).tokenizer
    order = ordered(rows, len(rows), SEED)  # ours shuffles by itself; plain TRL gets the rows so
    for kind in RATES:
        clocks: dict[str, list[list[float]]] = {"ours": [], "trl": []}
        for _ in range(words.runs):
            with tempfile.TemporaryDirectory() as scratch:
                own, clock = ours(kind, resident.get(model), rows, words.batch, Path(scratch))
                gc.collect()
                theirs, other = plain(kind, name, tokenizer, order, words.batch, Path(scratch))
                gc.collect()
            clocks["ours"].append(clock)
            clocks["trl"].append(other)
        apart = max(abs(a - b) for a, b in zip(own, theirs, strict=True))
        best = {name: step_seconds(found) for name, found in clocks.items()}
        print(
            f"{kind}: {len(own)} steps, losses {own[0]:.6f} to {own[-1]:.4f}, at most {apart:.1e} apart;"
            f" {1000 * best['ours']:.1f} ms CPU a step, TRL {1000 * best['trl']:.1f}: ratio"
            f" {best['ours'] / best['trl']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
