"""One case of ``benchmarks.gpu`` in a process of its own: ``python -m benchmarks.gpu_case CASE OUT [HARDWARE]``.

CASE is a case as JSON, OUT the file that takes what is known, rewritten after each part: by ftbench's own trainers or
generation, then by plain TRL or transformers. Both get a model of the same random weights, made on the device in the
dtype it computes in, the same ids, values and seed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import datasets
import peft
import torch
import transformers
import trl
import yaml

from benchmarks.gpu import STEPS, Case, config_of, forecast_of, machines, method_of, write
from ftbench.core.component import build
from ftbench.core.shipped import CONF
from ftbench.core.training import TrainRun
from ftbench.cost.forecast import rates_of
from ftbench.execution.worker import die_with_parent
from ftbench.methods.dpo_reference import reference_logps
from ftbench.methods.pairs import Pair
from ftbench.methods.recipe import SCHEDULES
from ftbench.methods.rows import Row
from ftbench.models.decoding import Decoding
from ftbench.models.format import Encoded
from ftbench.models.generate import generate
from ftbench.models.intact import forget_optimizers
from ftbench.models.loaded import load

SEED = 0
STOP = 1
"""An id that ends an answer; random weights hardly ever write it."""


def device_of() -> str:
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def random_model(case: Case, device: str) -> Any:
    """Returns a causal language model with random weights, the same ones each time, its blocks' linear layers in NF4
    for QLoRA.
    """
    dtype = torch.bfloat16 if device != "cpu" else torch.float32
    torch.manual_seed(SEED)
    with torch.device(device):  # a 13B drawn on the host would take minutes
        model = transformers.AutoModelForCausalLM.from_config(
            transformers.AutoConfig.for_model(**config_of(case.size)), dtype=dtype
        )
    if case.what == "qlora":
        quantize(model, device, dtype)
    return model.eval()


def quantize(model: Any, device: str, dtype: torch.dtype) -> None:
    """Puts NF4 layers with double quantization in the place of all linear layers but the head, one by one, as
    transformers does while loading.
    """
    import bitsandbytes as bnb

    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            packed = bnb.nn.Linear4bit(
                module.in_features,
                module.out_features,
                bias=False,
                compute_dtype=dtype,
                quant_type="nf4",
                compress_statistics=True,
                device="meta",
            )
            packed.weight = bnb.nn.Params4bit(
                module.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True, module=packed
            ).to(device)
            packed.support_avx512bf16_for_cpu = False  # see ftbench.models.quantize
            setattr(model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], packed)
            module.weight = None
    model.is_loaded_in_4bit = True


def lent(model: Any, device: str) -> Any:
    """Returns the random model as ftbench's code takes it, with the tiny model's tokenizer; ids are drawn, no text is
    tokenized.
    """
    tiny: Any = build(yaml.safe_load((CONF / "model" / "tiny.yaml").read_text(encoding="utf-8")), "model")
    own = load(
        **tiny._source(),
        device="cpu",
        dtype="float32",
        quantization=None,
        attention="sdpa",
        safetensors_only=True,
        **tiny._spoken(),
    )
    return replace(own, model=model, device=device, dtype=model.dtype, pad_id=0, stop_ids=(STOP,), context_tokens=None)


def drawn(case: Case, rows: int) -> list[list[int]]:
    """Returns rows of token ids, the same ones each time; none is an end or padding."""
    return torch.randint(
        2, config_of(case.size)["vocab_size"], (rows, case.length), generator=torch.Generator().manual_seed(SEED)
    ).tolist()


class Clock:
    """Reads the time after each step, once the device has done it, and the peak of its memory from here on; a CPU has
    no such peak.
    """

    def __init__(self, device: str) -> None:
        self.cuda, self.marks = device != "cpu", []  # type: ignore[var-annotated]
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()

    def mark(self, *_: Any) -> None:
        if self.cuda:
            torch.cuda.synchronize()
        self.marks.append(time.perf_counter())

    def reading(self, **more: Any) -> dict[str, Any]:
        """Returns peaks and times; ``seconds`` is the median of the gaps between marks."""
        gaps = [after - before for before, after in zip(self.marks, self.marks[1:], strict=False)]
        memory = (
            {"peak_bytes": torch.cuda.max_memory_allocated(), "reserved_bytes": torch.cuda.max_memory_reserved()}
            if self.cuda
            else {"peak_bytes": None}
        )
        return {**memory, "seconds": median(gaps) if gaps else None, "step_seconds": gaps, **more}


def _unsaved(method: Any, run: TrainRun, loaded: Any) -> Any:
    """Returns the run of a method's own training call, whose weights are not written."""
    weights = method.weights_component().trainable(run.folder, loaded, None)
    return method.objective_component().run_of(run, replace(weights, save=lambda model: None), method)


def trained(case: Case, model: Any, device: str) -> dict[str, Any]:
    """Supervised steps by ftbench's trainer."""
    from ftbench.methods.trainer import fit

    loaded = lent(model, device)
    order = [Row(str(number), tuple(row), tuple(row)) for number, row in enumerate(drawn(case, STEPS * case.rows))]
    clock = Clock(device)
    with tempfile.TemporaryDirectory() as folder:
        run = _unsaved(method_of(case), TrainRun((), SEED, Path(folder), progress=clock.mark), loaded)
        fitted = fit(run, order, [], frozenset(), loaded)
    return clock.reading(losses=[point["loss"] for point in fitted.points], rows_at_once=fitted.rows_at_once)


def trained_plainly(case: Case, model: Any, device: str) -> dict[str, Any]:
    """The same steps by TRL and peft as their documentation has it."""
    clock, rows = Clock(device), drawn(case, STEPS * case.rows)
    data = datasets.Dataset.from_dict({"input_ids": rows, "labels": rows})
    with tempfile.TemporaryDirectory() as folder:
        args = trl.SFTConfig(
            packing=False, dataset_kwargs={"skip_prepare_dataset": True}, **_values(case, folder, device)
        )
        lora = None if case.what == "full" else _lora(case)
        trainer = trl.SFTTrainer(
            model=model,
            args=args,
            train_dataset=data,
            processing_class=lent(model, device).tokenizer,
            peft_config=lora,
            callbacks=[_Marks(clock)],
        )
        trainer.train()
    return clock.reading(losses=_losses(trainer))


def preferred(case: Case, model: Any, device: str) -> dict[str, Any]:
    """DPO steps by ftbench's trainer; the reference is scored beforehand, as the stage of its own that it is."""
    from ftbench.methods.preference_trainer import fit

    loaded, pairs = lent(model, device), _pairs(case)
    scoring = Clock(device)
    scoring.mark()
    scored = reference_logps(loaded, pairs, "auto")
    scoring.mark()
    reference = scoring.reading()
    clock = Clock(device)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "reference.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in scored), encoding="utf-8"
        )
        run = _unsaved(
            method_of(case),
            TrainRun((), SEED, Path(folder), inputs={"reference": Path(folder)}, progress=clock.mark),
            loaded,
        )
        fitted = fit(run, pairs, [], frozenset(), loaded)
    return clock.reading(
        losses=[point["loss"] for point in fitted.points], rows_at_once=fitted.rows_at_once, reference=reference
    )


def preferred_plainly(case: Case, model: Any, device: str) -> dict[str, Any]:
    """The same DPO steps by TRL and peft as their documentation has it; TRL asks the reference anew in each step."""

    class Given(trl.DPOTrainer):  # pairs come as ids already
        def _prepare_dataset(self, dataset: Any, *rest: Any) -> Any:
            return dataset

    clock, objective = Clock(device), method_of(case).objective_component()
    columns = [
        {
            "prompt_ids": list(pair.prompt_ids),
            "chosen_ids": list(pair.chosen_ids),
            "rejected_ids": list(pair.rejected_ids),
        }
        for pair in _pairs(case)
    ]
    with tempfile.TemporaryDirectory() as folder:
        args = trl.DPOConfig(beta=objective.beta, loss_type=[objective.loss_type], **_values(case, folder, device))
        trainer = Given(
            model=model,
            args=args,
            train_dataset=datasets.Dataset.from_list(columns),
            processing_class=lent(model, device).tokenizer,
            peft_config=_lora(case),
            callbacks=[_Marks(clock)],
        )
        trainer.train()
    return clock.reading(losses=_losses(trainer))


def answered(case: Case, model: Any, device: str) -> dict[str, Any]:
    """Batches of answers by ftbench's generation, greedily."""
    loaded, clock = lent(model, device), Clock(device)
    requests = [Encoded("", tuple(row), (), (), ()) for row in drawn(case, case.rows)]
    greedy = Decoding(
        do_sample=False,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        max_new_tokens=case.new,
        stop=[],
        batch_size=case.rows,
        latency_requests=0,
        backend="transformers",
    )
    for _ in range(STEPS):
        answers = generate(loaded, requests, greedy, SEED)
        clock.mark()
    return clock.reading(completion_tokens=[one.completion_tokens for one in answers])


def answered_plainly(case: Case, model: Any, device: str) -> dict[str, Any]:
    """The same answers by transformers as its documentation has it."""
    clock, ids = Clock(device), torch.tensor(drawn(case, case.rows), device=device)
    for _ in range(STEPS):
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=case.new,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=STOP,
        )
        clock.mark()
    rows = written[:, case.length :].tolist()
    return clock.reading(completion_tokens=[row.index(STOP) + 1 if STOP in row else len(row) for row in rows])


def _values(case: Case, folder: str, device: str) -> dict[str, Any]:
    """Returns the method's own values under TRL's names."""
    method = method_of(case)
    return {
        "output_dir": folder,
        "seed": SEED,
        "per_device_train_batch_size": case.rows,
        "max_steps": STEPS,
        "max_length": None,
        "learning_rate": method.learning_rate,
        "lr_scheduler_type": SCHEDULES[method.schedule],
        "warmup_steps": math.ceil(method.warmup * STEPS),
        "weight_decay": method.weight_decay,
        "max_grad_norm": method.max_grad_norm,
        "optim": method.optimizer,
        "activation_checkpointing": method.gradient_checkpointing,
        "bf16": device != "cpu",
        "use_cpu": device == "cpu",
        "train_sampling_strategy": "sequential",
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def _lora(case: Case) -> Any:
    weights = method_of(case).weights_component()
    return peft.LoraConfig(
        r=weights.rank,
        lora_alpha=weights.alpha,
        lora_dropout=weights.dropout,
        target_modules=weights.target_modules,
        task_type="CAUSAL_LM",
    )


def _pairs(case: Case) -> list[Pair]:
    half = case.length // 2
    return [
        Pair(str(number), tuple(row[:half]), tuple(row[half:]), tuple(row[half:][::-1]))
        for number, row in enumerate(drawn(case, STEPS * case.rows))
    ]


def _losses(trainer: Any) -> list[float]:
    return [point["loss"] for point in trainer.state.log_history if "loss" in point]


class _Marks(transformers.TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_step_end(self, *rest: Any, **more: Any) -> None:
        self.clock.mark()


WAYS = {"dpo": (preferred, preferred_plainly), "generate": (answered, answered_plainly)}
"""``what`` of a case -> ftbench's own way and the plain one; any other is supervised training."""


def attempted(case: Case, device: str, way: Callable[[Case, Any, str], dict[str, Any]]) -> dict[str, Any]:
    """Does a case one way on a fresh model, and gives the device's memory back; a failure is said in the place of
    figures.
    """
    held = torch.cuda.memory_allocated() if device != "cpu" else None
    found: dict[str, Any]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # trainers print their losses
            found = way(case, random_model(case, device), device)
    except Exception as error:  # the other way is tried all the same, and the JSON says why this one has no figures
        found = {
            "peak_bytes": None,
            "seconds": None,
            "error": f"{type(error).__name__}: {(str(error).splitlines() or ['no word'])[0]}",
        }
    forget_optimizers()  # what plain TRL leaves behind; ftbench's own trainers did it themselves
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()
    return {**found, "held_before_bytes": held}


def measure(case: Case, hardware: str | None) -> Iterator[dict[str, Any]]:
    """Yields what is known after each part."""
    device = device_of()
    name = torch.cuda.get_device_name(0) if device != "cpu" else "cpu"
    machine = next((one for one in machines() if one.name == hardware or hardware is None and one.matches(name)), None)
    rates = None if machine is None else rates_of(machine, None)
    found: dict[str, Any] = {
        "environment": environment(name, device),
        "rates": f"none: no data sheet of {name} ships" if rates is None else rates.basis,
    }
    found["forecast"] = forecast_of(case, device != "cpu", rates)
    yield found
    for part, way in zip(("ftbench", "plain"), WAYS.get(case.what, (trained, trained_plainly)), strict=True):
        found[part] = attempted(case, device, way)
        if part == "ftbench":
            found["forecast_error"] = {
                key: _off(found["forecast"][key], found[part][key]) for key in ("peak_bytes", "seconds")
            }
            if device != "cpu":
                free, whole = torch.cuda.mem_get_info()
                found["outside_allocator_bytes"] = (
                    whole - free - torch.cuda.memory_reserved()
                )  # context and kernels, and whoever else is on the device
        yield found
    ours, plain = found["ftbench"], found["plain"]
    found["of_plain"] = {
        key: None if not ours[key] or not plain[key] else ours[key] / plain[key] for key in ("peak_bytes", "seconds")
    }
    if ours.get("losses") and plain.get("losses"):
        apart = [abs(mine - theirs) for mine, theirs in zip(ours["losses"], plain["losses"], strict=True)]
        found["losses_apart"] = {
            "first": apart[0],
            "largest": max(apart),
        }  # for QLoRA plain TRL trains its adapters in bfloat16
    yield found


def _off(forecast: float | None, measured: float | None) -> float | None:
    return None if forecast is None or not measured else forecast / measured - 1


def environment(name: str, device: str) -> dict[str, Any]:
    packages = {module.__name__: module.__version__ for module in (torch, transformers, trl, peft, datasets)}
    memory = torch.cuda.get_device_properties(0).total_memory if device != "cpu" else None
    return {"device": name, "memory_bytes": memory, "cuda": torch.version.cuda, **packages}


def main(argv: Sequence[str]) -> int:
    die_with_parent()
    warnings.simplefilter("ignore")
    datasets.disable_progress_bars()
    for found in measure(Case(**json.loads(argv[0])), argv[2] if len(argv) > 2 else None):
        write(Path(argv[1]), found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
