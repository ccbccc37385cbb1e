"""Measures the rates of this machine: runs probes as ordinary sweeps and fits rates to what their stages took."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftbench.compile.forecast import Forecaster
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.example import SPLITS
from ftbench.core.files import read_jsonl
from ftbench.core.plan import FILE, Plan
from ftbench.core.receipt import Receipt
from ftbench.core.shipped import CONF
from ftbench.cost.calibration import Calibration
from ftbench.cost.fit_rates import Probe, errors, rates
from ftbench.cost.forecast import LIGHT, Forecast
from ftbench.store.store import Store

TRAININGS = [
    "method.batch_size=2,16",
    "method.max_steps=4,16",
    "method.eval_steps=0",
    "dataset.limit.test=4",
    "validation=false",
    "metrics=[exact_match]",
]
ASKED = ["method=none", "decoding.batch_size=4,16", "decoding.latency_requests=0", "validation=false"]
"""Two sizes of batches tell what a pass costs from what a row costs."""
ANSWERS = [
    *ASKED,
    "context=zero_shot,rag",
    "dataset.limit.test=8,40,120",
    "metrics=[exact_match,bleu,rougeL,bits_per_byte]",
]
QUANTISED_ANSWERS = [*ASKED, "model.quantization=nf4", "dataset.limit.test=16,64", "metrics=[exact_match]"]


def calibrate(overrides: Sequence[str], scratch: Path) -> Calibration:
    """Runs the probes in ``scratch`` and returns what they tell.

    Args:
        overrides: of every probe.
        scratch: an empty folder.

    Raises:
        FtbenchError: when nothing could be measured.
    """
    store = scratch / "store"
    common = ["dataset=toy", "on_refusal=skip", f"store.dir={store}", *overrides]
    _run(["method=lora", f"method/weights={','.join(kinds_of_weights())}", *TRAININGS, *common], scratch / "training")
    _run([*ANSWERS, *common], scratch / "answering")
    _run([*QUANTISED_ANSWERS, *common], scratch / "quantised")
    probes: list[Probe] = []
    loads: list[tuple[float, float]] = []
    light: dict[str, list[tuple[float, int]]] = {}
    devices: set[str] = set()
    threads, model = None, "unknown"
    for folder in ("training", "answering", "quantised"):
        plan = Plan.read(scratch / folder / FILE)
        for key, own in (plan.forecast or {}).get("stages", {}).items():
            found = Store(store).find(key)
            if found is None:
                continue
            receipt, one = Receipt.read(found), next(iter(own.values()))
            seconds = work_seconds(receipt)
            if one["kind"] in LIGHT:
                light.setdefault(one["kind"], []).append((seconds, _rows(plan, key, store)))
            elif one["work"] is not None and (
                folder != "training" or one["kind"] == "train"
            ):  # hardly trained weights ramble on
                work = answered(plan, key, found, []).work if one["kind"] == "generate" else one["work"]
                if work is None:
                    continue
                probes.append(Probe(one["pace"], work, seconds))
                devices.add(str(receipt.device))
                threads = receipt.environment.get("threads")
                model = plan.stages[key].config["model"].get("name_or_path", model)
                if one["memory"] is not None and receipt.seconds.get("load", 0.0) > 0.01 * seconds:
                    loads.append((one["memory"]["weights"], receipt.seconds["load"]))
    if not probes:
        raise FtbenchError(
            f"nothing could be measured with {' '.join(overrides) or 'the tiny model'}. Try it as a run first:"
            f" python -m ftbench -m {' '.join(overrides)}"
        )
    device = sorted(devices)[0]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    basis = f"rates measured on {device} ({platform.node()}), {now[:10]}"
    measured = rates(probes, loads, light, overlap=device != "cpu", basis=basis)
    return Calibration(device, platform.node(), threads, now, str(model), measured, errors(probes, measured.kinds))


def answered(plan: Plan, key: str, folder: Path, calibrations: Sequence[Calibration]) -> Forecast:
    """Returns the forecast of a finished ``generate`` stage at the lengths that its prompts and answers turned out to
    have.

    An untouched model answers longer or shorter than the references; rates must not be blamed for that.
    """
    rows = list(read_jsonl(folder / "outputs.jsonl"))
    hardware: Any = build(
        next(cell for cell in plan.cells if key in cell.stages.values()).config["hardware"], "hardware"
    )
    return Forecaster(calibrations).answered(
        plan.stages[key], hardware, [row["prompt_tokens"] for row in rows], [row["completion_tokens"] for row in rows]
    )


def work_seconds(receipt: Receipt) -> float:
    """Returns the seconds that a forecast is about: without loading, imports, and the timing of single requests.

    On a CPU they are those of an undisturbed machine: the share of the wall time in which this process had a processor.
    """
    held = (
        min(1.0, (receipt.cpu_seconds or 0.0) / receipt.seconds["total"])
        if receipt.device == "cpu" and receipt.cpu_seconds
        else 1.0
    )
    return held * _wall(receipt)


def _wall(receipt: Receipt) -> float:
    return receipt.seconds["total"] - sum(
        receipt.seconds.get(name, 0.0) for name in ("load", "import", "warm_up", "latency")
    )


def _rows(plan: Plan, key: str, store: Path) -> int:
    """Returns how many rows a stage that needs no model went through."""
    stage = plan.stages[key]
    ahead = [key]
    while ahead:
        folder = Store(store).find(ahead[0])
        kind = plan.stages[ahead[0]].kind
        if folder is not None and kind in ("prepare", "documents"):
            names = ("documents",) if kind == "documents" else ("test",) if stage.kind == "score" else SPLITS
            beside = Receipt.read(Store(store).folder(key)).details.get("documents", 0) if stage.kind == "check" else 0
            return beside + sum(sum(1 for _ in open(folder / f"{name}.jsonl", encoding="utf-8")) for name in names)
        ahead = [*ahead[1:], *plan.stages[ahead[0]].inputs.values()]
    return 0


def kinds_of_weights() -> list[str]:
    """Returns the kinds of weights that ship, each of which trains at a pace of its own."""
    return sorted(path.stem for path in (CONF / "method" / "weights").glob("*.yaml"))


def _run(overrides: Sequence[str], folder: Path) -> None:
    """Runs one sweep of probes in a process of its own; cells that fail are left out by who reads the store."""
    command = [sys.executable, "-m", "ftbench", "-m", *overrides, f"hydra.sweep.dir={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    if not (folder / FILE).is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise FtbenchError(f"the probes could not be planned: {lines[-1] if lines else 'no reason given'}")
