"""Whether nothing is claimed where there is nothing: real trainings in toy worlds in which tuning adds nothing, or no
method differs.

    OMP_NUM_THREADS=1 python -m benchmarks.null_worlds [--seeds 20] [--methods none,lora]

Each seed is a world of its own (``dataset.seed``): other facts, other products, other rows. Every world is trained in
and asked for real, with the smallest sizes that are still a run, in one process over one resident model (about two
minutes of CPU time for 20 seeds). A false claim is a pair that is called better or worse, or a sentence that says so,
in any world. With 95% confidence at most one world in twenty should hold one. Printed are the number of worlds, the
exact 95% interval of the rate that they come from, and whether so many are likely (1%) at the stated rate. ``--test
1200`` asks for every fact of a world: what is left between two cells then is what there is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WORLDS = {"no_gain": "rougeL", "no_difference": "exact_match"}
"""World and the metric in which it holds no difference."""
SIZES = (
    "dataset.train=64",
    "dataset.validation=8",
    "validation=false",
    "method.epochs=2",
    "decoding.max_new_tokens=24",
    "decoding.latency_requests=0",
    "statistics.resamples=1000",
)
CLAIMS = ("helps", "hurts", ": better:", ": worse:", "As good as", "Not worse")


def run(world: str, seeds: Iterable[int], methods: str, folder: Path, test: int = 48) -> dict[str, Any]:
    """Trains and asks in the worlds of ``seeds`` and returns ``results.json``.

    Raises:
        subprocess.CalledProcessError: when a cell failed.
    """
    words = [
        f"dataset.world={world}",
        f"dataset.seed={','.join(map(str, seeds))}",
        f"method={methods}",
        f"metrics=[{WORLDS[world]}]",
        f"dataset.test={test}",
        *SIZES,
    ]
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    subprocess.run(
        [sys.executable, "-m", "ftbench", "-m", *words, f"hydra.sweep.dir={folder}/sweep", f"store.dir={folder}/store"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads((folder / "sweep" / "results.json").read_text(encoding="utf-8"))


def claims(results: dict[str, Any]) -> list[list[str]]:
    """Returns what is claimed of each world: pairs told apart, and sentences that say more than "not told apart"."""
    found = []
    for family in results["families"]:
        said = [
            f"{pair['first']} {pair['verdict']} than {pair['second']}"
            for pair in family["comparisons"]
            if not pair["tie"]
        ]
        found.append(said + [sentence for sentence in family["sentences"] if any(word in sentence for word in CLAIMS)])
    return found


def likely(wrong: int, worlds: int, rate: float = 0.05) -> bool:
    """Says whether so many wrong worlds or more come with a chance of at least 1% where each is wrong with ``rate``."""
    from scipy.stats import binom

    return bool(binom.sf(wrong - 1, worlds, rate) >= 0.01)


def rate(wrong: int, worlds: int) -> tuple[float, float]:
    """Returns the exact (Clopper-Pearson) 95% interval of the rate of wrong worlds."""
    from scipy.stats import binomtest

    found = binomtest(wrong, worlds).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--methods", default="none,lora")
    parser.add_argument("--test", type=int, default=48, help="test rows of each world (up to 1200)")
    parser.add_argument("--world", choices=sorted(WORLDS), action="append", help="this world only")
    words = parser.parse_args()
    for world in words.world or WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            results = run(world, range(words.seeds), words.methods, Path(folder), words.test)
        told = claims(results)
        moved = sum(any(pair["differing"] for pair in family["comparisons"]) for family in results["families"])
        wrong = sum(bool(said) for said in told)
        low, high = rate(wrong, len(told))
        widest = max(abs(pair["value"]) for family in results["families"] for pair in family["comparisons"])
        verdict = "holds" if likely(wrong, len(told)) else "FAILS"
        print(
            f"{world:<14} by {WORLDS[world]:<12} {wrong} of {len(told)} worlds with a false claim (rate {low:.3f} to"
            f" {high:.3f}, stated 0.050); tuning changed answers in {moved}, widest difference {widest:.4f}  {verdict}",
            flush=True,
        )
        for said in told:
            print("".join(f"    {text}\n" for text in said), end="")


if __name__ == "__main__":
    main()
