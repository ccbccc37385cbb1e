"""Forecast against measured memory and time on a real device, and against plain TRL in the same run: ``python -m benchmarks.gpu``.

    python -m benchmarks.gpu --out gpu.json                  # 7B and 13B with random weights, from config alone; under 9 minutes on one 80 GB GPU
    python -m benchmarks.gpu --tiny --out gpu.json           # a tiny architecture on whatever device there is; the tests run this

Every case makes a model of random weights on the device, trains a few steps through ftbench's own trainers (LoRA, QLoRA, all weights, DPO) or answers a
batch, and does the same by plain TRL and peft where there is such a thing. One JSON: per case the forecast and the measured peak (torch's allocator)
and seconds per step. A case that does not fit says so and the others go on; after ``--minutes`` no further case is begun.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from ftbench.core.component import build
from ftbench.core.training import Training
from ftbench.cost.architecture import Architecture, architecture, catalogue
from ftbench.cost.hardware import Hardware
from ftbench.cost.memory import Setting, inference_peak, kv_cache_bytes, training_peak, weight_bytes
from ftbench.cost.speed import GENERATE, WHOLE, Rates, data_sheet, generation_work, training_work
from ftbench.places import CONF

LLAMA = {"7B": "meta-llama/Llama-2-7b-hf", "13B": "meta-llama/Llama-2-13b-hf"}
TINY = {"model_type": "llama", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 384, "vocab_size": 512}
STEPS = 4
"""Optimizer steps of a case; the first warms up and is not timed."""


@dataclass(frozen=True)
class Case:
    """One measurement: ``what`` is an option of the method axis, or ``generate``; ``changed`` are fields of the method."""

    size: str
    what: str
    rows: int
    length: int
    changed: dict[str, Any]


def cases(tiny: bool) -> list[Case]:
    sizes = ["tiny", "tiny"] if tiny else ["7B", "13B"]
    length, rows = (32, 2) if tiny else (512, 4)
    small = {} if tiny or not torch.cuda.is_available() else {"master_weights": "base", "optimizer": "adamw_bnb_8bit", "gradient_checkpointing": True}
    found = [Case(size, what, rows, length, {}) for size in sizes[:1] for what in ("lora", "qlora")]
    found += [Case(sizes[0], "full", rows, length, small), Case(sizes[0], "dpo", max(1, rows // 2), length, {}), Case(sizes[0], "generate", rows, length, {})]
    found += [Case(sizes[1], what, rows, length, {}) for what in ("lora", "qlora", "dpo", "generate")]
    return found[:5] if tiny else found


def config_of(size: str) -> dict[str, Any]:
    return TINY if size == "tiny" else catalogue()[LLAMA[size]]


def random_model(size: str, quantised: bool, device: str) -> Any:
    """Returns a causal language model with random weights on the device, its linear layers in NF4 where asked for."""
    from transformers import AutoConfig, AutoModelForCausalLM

    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config_of(size)), dtype=dtype)
    if quantised:
        _quantise(model, device, dtype)
    return model.eval()


def _quantise(model: Any, device: str, dtype: Any) -> None:
    import bitsandbytes as bnb

    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            packed = bnb.nn.Linear4bit(module.in_features, module.out_features, bias=False, compute_dtype=dtype, quant_type="nf4", compress_statistics=True, device="meta")
            packed.weight = bnb.nn.Params4bit(module.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True).to(device)
            packed.support_avx512bf16_for_cpu = False  # see ftbench.models.quantize
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], packed)
            module.weight = None
    model.is_loaded_in_4bit = True


class Clock:
    """Peak memory of the device and the time of each step; on a CPU there is no such peak."""

    def __init__(self, device: str) -> None:
        self.device, self.steps = device, []  # type: ignore[var-annotated]
        gc.collect()
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def step(self, *_: Any) -> None:
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()
        self.steps.append(time.perf_counter())

    def reading(self) -> dict[str, float | None]:
        gaps = [after - before for before, after in zip(self.steps, self.steps[1:], strict=False)]
        return {"peak_bytes": float(torch.cuda.max_memory_allocated()) if self.device.startswith("cuda") else None, "seconds": min(gaps) if gaps else None}


def method_of(case: Case) -> Any:
    node = yaml.safe_load((CONF / "method" / f"{case.what}.yaml").read_text(encoding="utf-8"))
    node.pop("_search_", None)
    return build({**node, "batch_size": case.rows, "max_steps": STEPS, "eval_steps": 0, "max_tokens": case.length, **case.changed}, "method")


def loaded_of(model: Any, device: str) -> Any:
    """Returns the random model as ftbench's trainers take it, with the tiny model's tokenizer; ids are drawn, nothing is tokenised."""
    from ftbench.models.loaded import load

    node = yaml.safe_load((CONF / "model" / "tiny.yaml").read_text(encoding="utf-8"))
    tiny = build(node, "model")
    own = load(
        **tiny._source(), device="cpu", dtype="float32", quantization=None, attention="sdpa", trust_remote_code=False, safetensors_only=True, context_tokens=None,
        template=None, use_template=True, template_arguments={},
    )  # fmt: skip
    return replace(own, model=model, device=device, pad_id=0, stop_ids=(1,))


def train_ours(case: Case, model: Any, device: str) -> dict[str, Any]:
    """Trains through ftbench's own trainers on drawn ids."""
    method, loaded, clock = method_of(case), loaded_of(model, device), Clock(device)
    drawn = torch.Generator().manual_seed(0)
    rows = torch.randint(2, config_of(case.size)["vocab_size"], (STEPS * case.rows, case.length), generator=drawn).tolist()
    with tempfile.TemporaryDirectory() as folder:
        run = _Run(Path(folder), clock.step)
        if case.what == "dpo":
            from ftbench.methods.pairs import Pair
            from ftbench.methods.preference import Loss, PreferenceRun
            from ftbench.methods.preference_trainer import fit as fit_pairs

            half = case.length // 2
            pairs = [Pair(str(number), tuple(row[:half]), tuple(row[half:]), tuple(row[half:][::-1])) for number, row in enumerate(rows)]
            supervised = method._run(run, loaded)
            preferred = PreferenceRun(
                examples=(), recipe=method, loss=Loss("sigmoid", 0.1, 0.0), reference={pair.id: (-float(half), -float(half)) for pair in pairs}, seed=0,
                adapt=supervised.adapt, save=lambda model: None, folder=Path(folder), progress=clock.step,
            )  # fmt: skip
            fit_pairs(preferred, pairs, [], frozenset(), loaded)
        else:
            from ftbench.methods.rows import Row
            from ftbench.methods.trainer import fit

            order = [Row(str(number), tuple(row), tuple(row)) for number, row in enumerate(rows)]
            fit(replace(method._run(run, loaded), save=lambda model: None), order, [], frozenset(), loaded)
    return clock.reading()


@dataclass
class _Run:
    """See ``ftbench.core.protocols.TrainRun``."""

    folder: Path
    progress: Callable[..., None]
    examples: Sequence[Any] = ()
    validation: Sequence[Any] = ()
    seed: int = 0
    inputs: Any = None
    scratch: Path | None = None


def train_trl(case: Case, model: Any, device: str) -> dict[str, Any]:
    """Trains the same rows by TRL and peft as their documentation has it."""
    import datasets
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    clock, loaded, method = Clock(device), loaded_of(model, device), method_of(case)

    class Steps(TrainerCallback):
        def on_step_end(self, *rest: Any, **more: Any) -> None:
            clock.step()

    rows = torch.randint(2, config_of(case.size)["vocab_size"], (STEPS * case.rows, case.length), generator=torch.Generator().manual_seed(0)).tolist()
    cuda = device.startswith("cuda")
    with tempfile.TemporaryDirectory() as folder:
        args = SFTConfig(
            output_dir=folder, per_device_train_batch_size=case.rows, max_steps=STEPS, learning_rate=1e-5, bf16=cuda, use_cpu=not cuda, report_to="none",
            save_strategy="no", disable_tqdm=True, max_length=None, packing=False, dataset_kwargs={"skip_prepare_dataset": True}, optim=method.optimizer,
            activation_checkpointing=method.gradient_checkpointing,
        )  # fmt: skip
        lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM") if case.what in ("lora", "qlora") else None
        data = datasets.Dataset.from_dict({"input_ids": rows, "labels": rows})
        trainer = SFTTrainer(model=model, args=args, train_dataset=data, processing_class=loaded.tokenizer, peft_config=lora, callbacks=[Steps()])
        trainer.train()
    return clock.reading()


def answer(case: Case, model: Any, device: str) -> dict[str, Any]:
    """Answers one batch of drawn prompts, as many new tokens as the prompt has over eight, greedily."""
    clock, new = Clock(device), max(4, case.length // 8)
    prompts = torch.randint(2, config_of(case.size)["vocab_size"], (case.rows, case.length), generator=torch.Generator().manual_seed(0)).to(device)
    with torch.inference_mode():
        for _ in range(3):
            clock.step()
            model.generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0)
    clock.step()
    return clock.reading()


def forecast_of(case: Case, shape: Architecture, device: str, rates: Rates | None) -> dict[str, float | None]:
    """Returns the forecast by the formulas of ``ftbench.cost``."""
    cuda = device.startswith("cuda")
    dtype = "bfloat16" if cuda else "float32"
    quantised = "nf4" if case.what == "qlora" else None
    setting = Setting(dtype, dtype, quantised, "sdpa", "cuda" if cuda else "cpu")
    if case.what == "generate":
        new = max(4, case.length // 8)
        peak = sum(inference_peak(shape, setting, case.rows, case.length, new).values())
        work = generation_work(shape, case.rows, case.rows, case.length, new, weight_bytes(shape, dtype, None), kv_cache_bytes(shape, setting, 1), None, False)
        return {"peak_bytes": peak, "seconds": None if rates is None else rates.kinds[GENERATE].seconds(work)}
    training: Training = method_of(case).training(STEPS * case.rows)
    peak = sum(training_peak(shape, setting, training, case.length).values())
    work = training_work(shape, training, case.length, 0.0, 0, quantised is not None)
    return {"peak_bytes": peak, "seconds": None if rates is None else rates.kinds[WHOLE].seconds(work) / STEPS}


def hardware_of(device: str) -> Hardware | None:
    """Returns the shipped description of this GPU, or None."""
    if not device.startswith("cuda"):
        return None
    options = [build(yaml.safe_load(path.read_text(encoding="utf-8")), "hardware") for path in sorted((CONF / "hardware").glob("*.yaml"))]
    return next((one for one in options if one.matches(torch.cuda.get_device_name(0))), None)


def measured(case: Case, device: str, how: Callable[[Case, Any, str], dict[str, Any]]) -> dict[str, Any]:
    """Runs one case on a fresh model; what fails is said in its place."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # trainers print their losses; what is printed here is one JSON
            return how(case, random_model(case.size, case.what == "qlora", device), device)
    except Exception as error:  # a case that fails must not take the others with it; the JSON says why
        return {"peak_bytes": None, "seconds": None, "error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    finally:
        gc.collect()
        if device.startswith("cuda"):
            torch.cuda.empty_cache()


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a tiny architecture on whatever device there is")
    parser.add_argument("--minutes", type=float, default=8.0, help="begin no further case after so many")
    parser.add_argument("--out", type=Path, default=None, help="write the JSON here too")
    words = parser.parse_args(list(argv))
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    if not words.tiny and device == "cpu":
        print("benchmarks.gpu: no GPU here; --tiny runs a tiny architecture on the CPU", file=sys.stderr)
        return 1
    machine = hardware_of(device)
    rates = data_sheet(machine.name, machine.peak_bf16_flops, machine.bandwidth_bytes_per_second) if machine and machine.peak_bf16_flops and machine.bandwidth_bytes_per_second else None
    start, told = time.monotonic(), []
    for case in cases(words.tiny):
        if time.monotonic() - start > words.minutes * 60:
            told.append({"case": vars(case), "skipped": f"{words.minutes:g} minutes were over"})
            continue
        shape = architecture(config_of(case.size))
        assert shape is not None
        ours = measured(case, device, answer if case.what == "generate" else train_ours)
        plain = measured(case, device, train_trl) if case.what in ("lora", "qlora", "full") else None
        told.append({"case": vars(case), "forecast": forecast_of(case, shape, device, rates), "measured": ours, "trl": plain})
        print(json.dumps(told[-1]), file=sys.stderr)
    name = torch.cuda.get_device_name(0) if device != "cpu" else "cpu"
    data = {"device": name, "torch": torch.__version__, "seconds": time.monotonic() - start, "rates": rates.basis if rates else None, "cases": told}
    text = json.dumps(data, indent=1)
    if words.out is not None:
        words.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
