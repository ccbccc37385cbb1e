"""How much CPU time ``--help`` and planning take, beside Hydra's own composition of the same cells.

    OMP_NUM_THREADS=1 python -m benchmarks.plan [--cells 1000] [--runs 3]

Prints CPU seconds (user + system of the child process, minimum of the runs) and the ratio to ``hydra.compose``,
measured in the same run on a sample of the same cells.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def cpu_seconds(words: list[str], folder: str) -> float:
    """Returns the CPU time of one ``python -m ftbench`` with these words."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "ftbench", *words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def hydra_seconds(jobs: list[list[str]]) -> float:
    """Returns the CPU time of ``hydra.compose`` for one cell, as the mean over some cells."""
    from hydra import compose, initialize_config_dir

    from ftbench.core.shipped import CONF

    with initialize_config_dir(str(CONF), version_base="1.3"):
        start = time.process_time()
        for job in jobs:
            compose("config", overrides=job)
        return (time.process_time() - start) / len(jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    words = parser.parse_args()
    ranks, seeds = range(1, 26), range(max(1, words.cells // 100))
    axes = ["model=llama2_7b,llama2_13b", "method=lora", "context=zero_shot,few_shot", "hardware=h100"]
    matrix = [*axes, f"method.rank={','.join(map(str, ranks))}", f"seed={','.join(map(str, seeds))}"]
    jobs = [
        [f"model={model}", "method=lora", f"context={context}", "hardware=h100", f"method.rank={rank}", f"seed={seed}"]
        for model in ("llama2_7b", "llama2_13b")
        for context in ("zero_shot", "few_shot")
        for rank in ranks
        for seed in seeds
    ]
    with tempfile.TemporaryDirectory() as folder:
        help_seconds = min(cpu_seconds(["--help"], folder) for _ in range(words.runs))
        plan_seconds = min(cpu_seconds(["plan", "-m", *matrix], folder) for _ in range(words.runs))
    each = hydra_seconds(random.Random(0).sample(jobs, 20))
    print(f"--help: {help_seconds:.2f} s of CPU time")
    print(
        f"plan of {len(jobs)} cells: {plan_seconds:.2f} s of CPU time, {1000 * plan_seconds / len(jobs):.2f} ms a cell"
    )
    print(
        f"hydra.compose alone: {1000 * each:.0f} ms a cell, {each * len(jobs):.0f} s for all:"
        f" {each * len(jobs) / plan_seconds:.0f} times the whole plan"
    )


if __name__ == "__main__":
    main()
