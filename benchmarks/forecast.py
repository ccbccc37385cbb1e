"""Forecast against measured time of the demo matrix on this CPU, calibrated just before: ``OMP_NUM_THREADS=1 python -m
benchmarks.forecast``.

Calibrates on the tiny model, plans the demo with those rates, runs it in a store of its own, and prints every stage and
the total, forecast, measured in CPU time (what an undisturbed machine takes) and by the wall clock. The probes run
other steps, sizes and rows than the demo, and nothing of it is used to forecast it. Nobody knows how long answers will
be: they are taken to be as long as the references. The last column tells the same forecast at the lengths that the
answers had, so that an error of the rates is told from one of the lengths. Exits 1 when the total is more than 25% off
in CPU time. Three minutes on an idle core; more where others use it too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ftbench.core.plan import FILE, Plan
from ftbench.core.receipt import Receipt
from ftbench.cost.calibration import read, write
from ftbench.store.store import Store
from ftbench.sweep.calibrate import answered, calibrate, work_seconds

ALLOWED = 0.25


def main(argv: Sequence[str] = ()) -> int:
    words = list(argv) or ["+recipes=demo"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = calibrate([], folder / "probes")
        write(folder / "store", made)
        command = [
            sys.executable,
            "-m",
            "ftbench",
            "-m",
            *words,
            f"store.dir={folder / 'store'}",
            f"hydra.sweep.dir={folder / 'demo'}",
        ]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        plan, store = Plan.read(folder / "demo" / FILE), Store(folder / "store")
        rows, records = [], read(folder / "store")
        for key, stage in plan.stages.items():
            found = store.find(key)
            one = (
                next(iter(plan.forecast["stages"][key].values()))
                if plan.forecast and key in plan.forecast["stages"]
                else None
            )
            if found is None or one is None:
                continue
            receipt = Receipt.read(found)
            wall = receipt.seconds["total"] - sum(
                receipt.seconds.get(name, 0.0) for name in ("load", "import", "warm_up", "latency")
            )
            named = next((cell.label for cell in plan.cells if key in cell.stages.values()), "")
            known = answered(plan, key, found, records).seconds if stage.kind == "generate" else one["seconds"]
            rows.append((stage.kind, named, one["seconds"], work_seconds(receipt), wall, known))
    print(
        f"{'stage':<12}{'first cell':<28}{'forecast':>10}{'CPU time':>10}{'error':>8}{'wall':>10}{'answers known':>15}"
    )
    for kind, named, forecast, measured, wall, told in rows:
        print(
            f"{kind:<12}{named:<28}{'n/a' if forecast is None else format(forecast, '.2f'):>10}"
            f"{measured:>10.2f}{_error(forecast, measured):>8}{wall:>10.2f}"
            f"{_error(told, measured) if kind == 'generate' else '':>15}"
        )
    print(f"\n{'kind':<12}{'stages':<28}{'forecast':>10}{'CPU time':>10}{'error':>8}{'':>10}{'answers known':>15}")
    for kind in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == kind and None not in row]
        forecast, measured, told = (sum(row[place] for row in own) for place in (2, 3, 5))
        print(
            f"{kind:<12}{len(own):<28}{forecast:>10.2f}{measured:>10.2f}{_error(forecast, measured):>8}"
            f"{'':>10}{_error(told, measured) if kind == 'generate' else '':>15}"
        )
    known = [row for row in rows if row[2] is not None]
    total = sum(row[2] for row in known), sum(row[3] for row in known), sum(row[4] for row in known)
    error = total[0] / total[1] - 1 if total[1] else float("nan")
    missing = sum(row[3] for row in rows) - total[1]
    print(
        f"total of {len(known)} of {len(rows)} stages: forecast {total[0]:.1f} s, CPU time {total[1]:.1f} s, error"
        f" {error:+.0%} (wanted: within {ALLOWED:.0%}), wall {total[2]:.1f} s; not forecast: {missing:.1f} s"
    )
    print(json.dumps({"forecast": total[0], "cpu": total[1], "wall": total[2], "error": error}))
    return int(not abs(error) <= ALLOWED)


def _error(forecast: float | None, measured: float) -> str:
    return "n/a" if forecast is None or not measured else f"{forecast / measured - 1:+.0%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
