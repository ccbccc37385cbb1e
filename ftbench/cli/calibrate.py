"""``python -m ftbench calibrate``: measures a few steps on this machine and keeps its rates, so that plans forecast
times with them.

    python -m ftbench calibrate                                        # the shipped tiny model, here
    python -m ftbench calibrate model=llama2_7b hardware=h100          # the model that matters, where it will run

Takes model=, hardware=, store.dir= and any other override. Probes are ordinary cells of the toy world, a few steps
each, in a store of their own; each distinct kind of training (adapter, adapter over 4 bits, all weights) is probed once
at several sizes, and so are answering and scoring. What does not fit or fails is left out. The rates go into
STORE/calibration.json; one to two minutes for the tiny model.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
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
from ftbench.cost.calibration import Calibration, write
from ftbench.cost.fit_rates import Probe, errors, rates
from ftbench.cost.forecast import LIGHT, Forecast
from ftbench.store.store import Store
from ftbench.sweep.run_matrix import check_writable

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


def main(argv: Sequence[str]) -> int:
    """Runs the verb; returns 0.

    Raises:
        FtbenchError: when nothing could be measured.
    """
    words = list(argv)
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return 0
    wrong = next((word for word in words if "=" not in word), None)
    if wrong is not None:
        raise FtbenchError(
            f"{wrong}: calibrate takes overrides such as model=tiny. See python -m ftbench calibrate --help"
        )
    store = next((word.partition("=")[2] for word in words if word.startswith("store.dir=")), ".ftbench/store")
    check_writable(str(Path(store).expanduser()))
    with tempfile.TemporaryDirectory() as scratch:
        made = calibrate([word for word in words if not word.startswith("store.dir=")], Path(scratch))
    path = write(Path(store).expanduser(), made)
    for kind, rate in made.rates.kinds.items():
        own = [abs(probe["fitted"] / probe["seconds"] - 1) for probe in made.probes if probe["pace"] == kind]
        parts = [
            f"{rate.operation * 1e6:.3g} us per operation" if rate.operation else "",
            f"{1e-9 / rate.flop:.3g} GFLOP/s" if rate.flop else "",
        ]
        print(
            f"{kind}: {len(own)} probes; {', '.join(part for part in parts if part) or 'by rows alone'}, mean error of"
            f" the fit {sum(own) / len(own):.0%}"
        )
    print(f"rates of {made.device} ({made.host}) with {made.model}: {path}")
    return 0


def calibrate(words: Sequence[str], scratch: Path) -> Calibration:
    """Runs the probes in ``scratch`` and returns what they tell.

    Args:
        words: overrides of every probe.
    """
    store = scratch / "store"
    common = ["dataset=toy", "on_refusal=skip", f"store.dir={store}", *words]
    _run(["method=lora", f"method/weights={','.join(_weights())}", *TRAININGS, *common], scratch / "training")
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
            f"nothing could be measured with {' '.join(words) or 'the tiny model'}. Try it as a run first: python -m"
            f" ftbench -m {' '.join(words)}"
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


def _weights() -> list[str]:
    """Returns the kinds of weights that ship, each of which trains at a pace of its own."""
    return sorted(path.stem for path in (CONF / "method" / "weights").glob("*.yaml"))


def _run(words: Sequence[str], folder: Path) -> None:
    """Runs one sweep of probes in a process of its own; cells that fail are left out by who reads the store."""
    command = [sys.executable, "-m", "ftbench", "-m", *words, f"hydra.sweep.dir={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    if not (folder / FILE).is_file():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise FtbenchError(f"the probes could not be planned: {lines[-1] if lines else 'no reason given'}")
