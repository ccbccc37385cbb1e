"""Forecast against measured memory and time on one GPU, and against plain TRL in the same run: ``python -m
benchmarks.gpu``.

    # 7B and 13B with random weights, from config alone; under 9 minutes on one GPU with 80 GB or more
    python -m benchmarks.gpu [--out gpu.json]
    # what it would do: each case's forecast memory and time on hardware=h100, and the sum; needs no GPU
    python -m benchmarks.gpu --plan
    python -m benchmarks.gpu --tiny               # a tiny architecture on whatever device there is; the tests run this

A case is LoRA, QLoRA, all weights, DPO or answering at one size. It runs in a process of its own
(``benchmarks.gpu_case``), so that it begins with an empty device and takes no other with it: first by ftbench's own
code, then by plain TRL and transformers on the same weights, ids and seed. The JSON holds for each the forecast, both
peaks of torch's allocator, both times of a step, and how far apart the losses are. It is written anew after every case.
Cases stand in the order of their weight. One that the time left does not allow is written down as not run, one that
fails with its error.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ftbench.compile.option import shipped
from ftbench.core.component import build
from ftbench.core.shipped import CONF
from ftbench.core.training import Training
from ftbench.cost.architecture import Architecture, architecture, catalogue
from ftbench.cost.forecast import LOGIT_BUDGET_BYTES, rates_of
from ftbench.cost.hardware import Hardware
from ftbench.cost.memory import (
    GB,
    Setting,
    inference_peak,
    kv_cache_bytes,
    scoring_peak,
    total,
    training_peak,
    weight_bytes,
)
from ftbench.cost.speed import FORWARD, GENERATE, WHOLE, Rates, generation_work, scoring_work, training_work
from ftbench.execution.worker import QUIET

LLAMA = {"7B": "meta-llama/Llama-2-7b-hf", "13B": "meta-llama/Llama-2-13b-hf"}
TINY = {
    "model_type": "llama",
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 384,
    "vocab_size": 512,
}
STEPS = 6
"""Optimizer steps of a training, or rounds of answering; the first warms up and is not timed."""
REFERENCE_ROWS = 16
"""Sequences at once when the reference is scored, as ``ftbench.methods.dpo_reference`` has it."""
START_SECONDS, SETUP_SECONDS, MADE_BYTES_PER_SECOND = 25.0, 4.0, 4e9
"""Assumed, for the estimate alone: a process with its imports and CUDA; a trainer; drawing random weights on the
device.
"""
IMPORTANCE = (
    "7B-lora",
    "7B-qlora",
    "13B-lora",
    "7B-full",
    "7B-dpo",
    "7B-generate",
    "13B-qlora",
    "13B-dpo",
    "13B-generate",
)


@dataclass(frozen=True)
class Case:
    """One measurement: ``what`` is an option of the method axis, or ``generate``; ``changed`` are fields of the
    method.
    """

    size: str
    what: str
    rows: int
    length: int
    changed: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.size}-{self.what}"

    @property
    def new(self) -> int:
        """Tokens that an answer has."""
        return max(4, self.length // 8)


def cases(tiny: bool) -> list[Case]:
    """Returns the cases, the weightiest first."""
    if tiny:
        return [
            Case("tiny", what, 1 if what == "dpo" else 2, 32, {})
            for what in ("lora", "qlora", "full", "dpo", "generate")
        ]
    # What a 7B needs to be trained whole on one GPU of 80 GB; torchtune ships the same.
    small = {"master_weights": "base", "optimizer": "adamw_bnb_8bit", "gradient_checkpointing": True}
    return [
        Case(size, what, 2 if what == "dpo" else 4, 512, small if what == "full" else {})
        for size, what in (name.split("-") for name in IMPORTANCE)
    ]


def config_of(size: str) -> dict[str, Any]:
    return TINY if size == "tiny" else catalogue()[LLAMA[size]]


def method_of(case: Case) -> Any:
    return shipped(
        "method", case.what, batch_size=case.rows, max_steps=STEPS, eval_steps=0, max_tokens=case.length, **case.changed
    )


def machines() -> list[Hardware]:
    """Returns the hardware that ships with its data sheet."""
    found: list[Any] = [
        build(yaml.safe_load(path.read_text(encoding="utf-8")), "hardware")
        for path in sorted((CONF / "hardware").glob("*.yaml"))
    ]
    return [one for one in found if one.gpus]


def forecast_of(case: Case, cuda: bool, rates: Rates | None) -> dict[str, Any]:
    """Returns the forecast by the formulas of ``ftbench.cost``: bytes at the peak, and seconds of a step or of a round
    of answers.
    """
    shape = architecture(config_of(case.size))
    assert shape is not None
    dtype = "bfloat16" if cuda else "float32"
    setting = Setting(dtype, dtype, "nf4" if case.what == "qlora" else None, "sdpa", "cuda" if cuda else "cpu")
    if case.what == "generate":
        weights, cache = weight_bytes(shape, dtype, None), kv_cache_bytes(shape, setting, 1)
        terms = inference_peak(shape, setting, case.rows, case.length, case.new)
        work = generation_work(shape, case.rows, case.rows, case.length, case.new, weights, cache, None, False)
        return {**_told(terms, None if rates is None else rates.kinds[GENERATE].seconds(work))}
    training: Training = method_of(case).training(STEPS * case.rows)
    work = training_work(shape, training, case.length, 0.0, 0, setting.quantization is not None)
    found = _told(
        training_peak(shape, setting, training, case.length),
        None if rates is None else rates.kinds[WHOLE].seconds(work) / STEPS,
    )
    return found if case.what != "dpo" else {**found, "reference": _reference(case, shape, setting, rates)}


def _reference(case: Case, shape: Architecture, setting: Setting, rates: Rates | None) -> dict[str, Any]:
    sequences = 2 * STEPS * case.rows
    terms = scoring_peak(shape, setting, min(REFERENCE_ROWS, sequences), case.length, LOGIT_BUDGET_BYTES)
    work = scoring_work(shape, sequences, REFERENCE_ROWS, case.length, None, False)
    return _told(terms, None if rates is None else rates.kinds[FORWARD].seconds(work))


def _told(terms: dict[str, float], seconds: float | None) -> dict[str, Any]:
    return {"peak_bytes": total(terms), "memory": terms, "seconds": seconds}


def estimate(case: Case, forecast: dict[str, Any]) -> float:
    """Returns the seconds that a case's process will take, both ways of doing it; without rates nothing but what is
    assumed of processes.
    """
    made = 2.0 * weight_bytes_of(case) / MADE_BYTES_PER_SECOND
    steps = 2 * STEPS * (forecast["seconds"] or 0.0)
    return START_SECONDS + 2 * SETUP_SECONDS + made + steps + (forecast.get("reference", {}).get("seconds") or 0.0)


def weight_bytes_of(case: Case) -> float:
    shape = architecture(config_of(case.size))
    assert shape is not None
    return weight_bytes(shape, "bfloat16", None)


def run_case(case: Case, hardware: str | None, seconds: float) -> dict[str, Any]:
    """Runs a case in its own process, which is killed after so many seconds; what it had measured until then is
    kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "case.json"
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[
            0
        ]  # TRL refuses several GPUs in sight of one process
        command = [
            sys.executable,
            "-m",
            "benchmarks.gpu_case",
            json.dumps(asdict(case)),
            str(out),
            *([hardware] if hardware else []),
        ]
        error = None
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=max(1.0, seconds),
                check=False,
                env={**os.environ, **QUIET, "CUDA_VISIBLE_DEVICES": visible},
            )
            if done.returncode != 0:
                lines = done.stderr.strip().splitlines()
                error = f"its process ended with status {done.returncode}: {lines[-1] if lines else 'no word'}"
        except subprocess.TimeoutExpired:
            error = f"stopped after {seconds:.0f} s, when the command's time was over"
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    return {**found, **({} if error is None else {"error": error})}


def show(case: Case, found: dict[str, Any]) -> str:
    """Returns a line for a person who waits."""
    parts = [
        f"{part}: {_gb(found[part].get('peak_bytes'))}, {_s(found[part].get('seconds'))}"
        for part in ("forecast", "ftbench", "plain")
        if part in found
    ]
    errors = [str(one["error"]) for one in (found, found.get("ftbench", {}), found.get("plain", {})) if "error" in one]
    return f"{case.name}: " + "; ".join([*parts, *errors])


def _gb(amount: float | None) -> str:
    return "no peak" if amount is None else f"{amount / GB:.1f} GB"


def _s(seconds: float | None) -> str:
    return "no time" if seconds is None else f"{seconds:.3f} s"


def write(path: Path, data: dict[str, Any]) -> None:
    """Puts the file in place in one step: a kill leaves the one before."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="a tiny architecture on whatever device there is")
    parser.add_argument("--plan", action="store_true", help="print what would be done and for how long, and do nothing")
    parser.add_argument("--minutes", type=float, default=8.5, help="all is over after so many")
    parser.add_argument(
        "--only", default=None, metavar="NAME,...", help="these cases alone, such as 7B-lora,13B-generate"
    )
    parser.add_argument(
        "--hardware",
        default=None,
        help="whose data sheet the forecast takes; default: that of the GPU found, for an estimate h100",
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    words = parser.parse_args(list(argv))
    named = {case.name: case for case in cases(words.tiny)}
    chosen = list(named) if words.only is None else words.only.split(",")
    known = {machine.name: machine for machine in machines()}
    for value, options, word in [
        *((name, named, "--only") for name in chosen),
        (words.hardware or "h100", known, "--hardware"),
    ]:
        if value not in options:
            print(f"benchmarks.gpu: {word} {value}: is none of {', '.join(options)}", file=sys.stderr)
            return 2
    if not 0 < words.minutes < math.inf or not words.out.absolute().parent.is_dir():
        print(
            f"benchmarks.gpu: --minutes {words.minutes:g} --out {words.out}: give minutes above 0, and a file in a"
            " folder that is there",
            file=sys.stderr,
        )
        return 2
    rates = None if words.tiny else rates_of(known[words.hardware or "h100"], None)
    expected = {name: estimate(named[name], forecast_of(named[name], not words.tiny, rates)) for name in chosen}
    print(
        f"benchmarks.gpu: {len(chosen)} cases, about {sum(expected.values()):.0f} s of {60 * words.minutes:.0f}"
        + (f" by the data sheet of {words.hardware or 'h100'}" if rates else ""),
        file=sys.stderr,
    )
    if words.plan:
        for name in chosen:
            found = forecast_of(named[name], not words.tiny, rates)
            print(
                f"{name:<14}{_gb(found['peak_bytes']):>10}{_s(found['seconds']):>12} a step{expected[name]:>8.0f} s"
                " in all"
            )
        return 0
    if not words.tiny and not _has_gpu():
        print(
            "benchmarks.gpu: no GPU here; --tiny runs a tiny architecture on the CPU, --plan tells what would be done",
            file=sys.stderr,
        )
        return 1
    return _measure([named[name] for name in chosen], expected, words)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()  # asks the driver alone: no context of this process stands on the device


def _measure(chosen: Sequence[Case], expected: dict[str, float], words: argparse.Namespace) -> int:
    start, slower, told = time.monotonic(), 1.0, []
    data: dict[str, Any] = {"device": None, "minutes": words.minutes, "expected_seconds": expected, "cases": told}
    for case in chosen:
        left = 60 * words.minutes - (time.monotonic() - start)
        needed = slower * expected[case.name]
        begun = time.monotonic()
        if needed > left:
            found: dict[str, Any] = {
                "not_run": (
                    f"would take about {needed:.0f} s, and {max(0.0, left):.0f} s are left of {words.minutes:g} minutes"
                )
            }
        else:
            found = run_case(case, words.hardware, left)
            slower = (time.monotonic() - begun) / expected[
                case.name
            ]  # of the last alone: the first may read its imports from a cold disk
        found = {"case": asdict(case), "name": case.name, **found, "seconds": time.monotonic() - begun}
        told.append(found)
        data["device"] = data["device"] or found.get("environment", {}).get("device")
        write(words.out, {**data, "seconds": time.monotonic() - start})
        print(show(case, found), file=sys.stderr)
    whole = [one for one in told if all(one.get(part, {}).get("seconds") for part in ("ftbench", "plain"))]
    print(
        f"{data['device']}: {len(whole)} of {len(told)} cases measured both ways in {time.monotonic() - start:.0f} s:"
        f" {words.out}"
    )
    return int(len(whole) < len(told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
