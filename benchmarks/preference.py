"""DPO beside a plain TRL script: the same pairs in the same order from the same seed, so equal losses; and what a step
costs.

    OMP_NUM_THREADS=1 python -m benchmarks.preference [--pairs 64] [--runs 3]

Over a fresh adapter, over a trained one, and over the whole tiny model. Plain TRL tokenizes by the chat template and
keeps the reference itself. A step's cost is the difference between a long and a short training, so that setting up
counts for neither; the reference, which all runs over the same pairs share, is told apart. CPU seconds, one thread,
minimum of the runs; both take turns in one process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import datasets
import peft
import torch
import transformers
import trl

from ftbench.compile.option import shipped as component
from ftbench.core.component import node
from ftbench.core.example import Example
from ftbench.core.training import TrainRun
from ftbench.methods.dpo_reference import reference_logps
from ftbench.methods.pairs import encode_pairs
from ftbench.methods.rows import ordered
from ftbench.models.resident import Resident

SEED = 0
RATES = {"fresh adapter": 5e-4, "earlier adapter": 5e-4, "whole model": 3e-5}
FIXED = {"batch_size": 8, "warmup": 0.0, "schedule": "linear", "eval_steps": 0, "epochs": 1.0, "max_tokens": None}


def methods() -> dict[str, Any]:
    first = component("method", "lora", **{**FIXED, "learning_rate": 2e-3})
    return {
        "fresh adapter": component("method", "dpo", **{**FIXED, "learning_rate": RATES["fresh adapter"]}),
        "earlier adapter": component(
            "method", "dpo", **{**FIXED, "learning_rate": RATES["earlier adapter"], "start": node(first)}
        ),
        "whole model": component("method", "dpo_full", **{**FIXED, "learning_rate": RATES["whole model"]}),
    }


def ours(
    method: Any, loaded: Any, pairs: Sequence[Example], weights: Path | None, folder: Path
) -> tuple[list[float], float, float]:
    """Returns losses, CPU seconds of the training, and those of the reference."""
    start = time.process_time()
    with method.start_method().attach(loaded, weights):
        kept = encode_pairs(loaded.format, pairs, None, "cut").kept
        rows = reference_logps(loaded, kept, "auto")
    (folder / "reference.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    middle = time.process_time()
    inputs = {"reference": folder, **({} if weights is None else {"weights": weights})}
    (result,) = method.train([TrainRun(pairs, SEED, folder, inputs=inputs)], loaded)
    return result["losses"], time.process_time() - middle, middle - start


def plain(
    kind: str, name: str, tokenizer: Any, pairs: Sequence[Example], weights: Path | None, folder: Path
) -> tuple[list[float], float]:
    """Returns the losses and the CPU seconds of TRL as its documentation shows it."""
    start = time.process_time()
    model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    transformers.set_seed(SEED)
    config = peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    if kind == "earlier adapter":
        model = peft.PeftModel.from_pretrained(model, weights / "adapter", is_trainable=True)

    def said(role: str, text: str | None) -> list[dict[str, Any]]:
        return [{"role": role, "content": text}]

    rows = [
        {
            "prompt": said("user", p.turns[-1].content),
            "chosen": said("assistant", p.chosen),
            "rejected": said("assistant", p.rejected),
        }
        for p in pairs
    ]
    arguments = trl.DPOConfig(
        output_dir=str(folder),
        seed=SEED,
        per_device_train_batch_size=8,
        num_train_epochs=1,
        learning_rate=RATES[kind],
        lr_scheduler_type="linear",
        max_length=None,
        activation_checkpointing=False,
        bf16=False,
        use_cpu=True,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    with redirect_stdout(StringIO()):
        trainer = trl.DPOTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=config if kind == "fresh adapter" else None,
        )
        trainer.train()
    return [point["loss"] for point in trainer.state.log_history if "loss" in point], time.process_time() - start


def both(
    kind: str, method: Any, pairs: Sequence[Example], first: Path, resident: Resident, model: Any, scratch: Path
) -> tuple[Any, Any]:
    """Trains both ways on the same pairs; the base's folder is where plain TRL loads from."""
    weights = first if kind == "earlier adapter" else None
    loaded = resident.get(model)
    name, tokenizer = loaded.model.config._name_or_path, loaded.tokenizer
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        own = ours(method, loaded, pairs, weights, Path(folder))
        return own, plain(kind, name, tokenizer, ordered(pairs, len(pairs), SEED), weights, Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=int, default=64, help="of the short training; the long one has four times as many"
    )
    parser.add_argument("--runs", type=int, default=3)
    words = parser.parse_args()
    datasets.disable_progress_bars()
    warnings.simplefilter("ignore", FutureWarning)
    model, resident = component("model", "tiny"), Resident("cpu")
    long = component("dataset", "toy", train=4 * words.pairs).load().train
    with tempfile.TemporaryDirectory() as scratch:
        first = Path(scratch) / "first"
        first.mkdir()
        methods()["earlier adapter"].start_method().train([TrainRun(long, SEED, first)], resident.get(model))
        for kind, method in methods().items():
            seconds: dict[tuple[str, int], float] = {}
            for pairs in [long[: words.pairs], long] * words.runs:
                (own, spent, reference), (theirs, rival) = both(
                    kind, method, pairs, first, resident, model, Path(scratch)
                )
                for name, value in (("ours", spent), ("reference", reference), ("trl", rival)):
                    seconds[name, len(pairs)] = min(seconds.get((name, len(pairs)), value), value)
            steps = 3 * words.pairs // FIXED["batch_size"]
            ms = {
                name: 1000 * (seconds[name, len(long)] - seconds[name, words.pairs]) / steps for name in ("ours", "trl")
            }
            apart = max(abs(a - b) for a, b in zip(own, theirs, strict=True))
            print(
                f"{kind}: {len(own)} steps, losses {own[0]:.6f} to {own[-1]:.4f}, at most {apart:.1e} apart;"
                f" {ms['ours']:.0f} ms a step, TRL {ms['trl']:.0f}: {ms['ours'] / ms['trl']:.2f} of it; reference of"
                f" {len(long)} pairs once: {seconds['reference', len(long)]:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
