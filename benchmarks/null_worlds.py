"""Whether nothing is claimed where there is nothing: real trainings in toy worlds in which tuning adds nothing, or no method differs.

    OMP_NUM_THREADS=1 python -m benchmarks.null_worlds [--seeds 20] [--methods none,lora]

Each seed is a world of its own (``dataset.seed``): other facts, other products, other rows. Every world is trained in and asked for
real, with the smallest sizes that are still a run, in one process over one resident model (about two minutes of CPU time for 20 seeds).
A false claim is a pair that is called better or worse, or a sentence that says so, in any world. (In ``no_gain`` a claim that tuning
*hurts* may be true: nothing can be gained there, something can be lost. It is counted all the same.) With 95% confidence at most one world
in twenty should hold one; what is printed is the number of worlds, and whether so many are likely (1%) at that rate.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WORLDS = {"no_gain": "rougeL", "no_difference": "exact_match"}
"""World and the metric in which it holds no difference."""
SIZES = (
    "dataset.train=64", "dataset.validation=8", "dataset.test=48", "validation=false", "method.epochs=2", "decoding.max_new_tokens=24", "decoding.latency_requests=0",
    "statistics.resamples=1000",
)  # fmt: skip
CLAIMS = ("helps", "hurts", ": better:", ": worse:", "As good as", "Not worse")


def run(world: str, seeds: int, methods: str, folder: Path) -> dict[str, Any]:
    """Trains and asks in ``seeds`` worlds and returns ``results.json``.

    Raises:
        subprocess.CalledProcessError: when a cell failed.
    """
    words = [f"dataset.world={world}", f"dataset.seed={','.join(map(str, range(seeds)))}", f"method={methods}", f"metrics=[{WORLDS[world]}]", *SIZES]
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    subprocess.run(
        [sys.executable, "-m", "ftbench", "-m", *words, f"hydra.sweep.dir={folder}/sweep", f"store.dir={folder}/store"],
        cwd=folder, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads((folder / "sweep" / "results.json").read_text(encoding="utf-8"))


def claims(results: dict[str, Any]) -> list[list[str]]:
    """Returns what is claimed of each world: pairs told apart, and sentences that say more than "not told apart"."""
    found = []
    for family in results["families"]:
        said = [f"{pair['first']} {pair['verdict']} than {pair['second']}" for pair in family["comparisons"] if not pair["tie"]]
        found.append(said + [sentence for sentence in family["sentences"] if any(word in sentence for word in CLAIMS)])
    return found


def likely(wrong: int, worlds: int, rate: float = 0.05) -> bool:
    """Says whether so many wrong worlds or more come with a chance of at least 1% where each is wrong with ``rate``."""
    from scipy.stats import binom

    return bool(binom.sf(wrong - 1, worlds, rate) >= 0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--methods", default="none,lora")
    words = parser.parse_args()
    for world in WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            results = run(world, words.seeds, words.methods, Path(folder))
        told = claims(results)
        moved = sum(any(pair["differing"] for pair in family["comparisons"]) for family in results["families"])
        wrong = sum(bool(said) for said in told)
        verdict = "holds" if likely(wrong, len(told)) else "FAILS"
        print(f"{world:<14} by {WORLDS[world]:<12} {wrong} of {len(told)} worlds with a false claim; tuning changed answers in {moved}  {verdict}", flush=True)
        for said in told:
            print("".join(f"    {text}\n" for text in said), end="")


if __name__ == "__main__":
    main()
