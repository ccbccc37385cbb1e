"""Does DPO move the tiny model towards the chosen answers on pairs it never saw, and more than training on them alone
would?

    OMP_NUM_THREADS=1 python -m benchmarks.preference_learning [--pairs 160]

Each question of the toy world has two right answers, in the house's style (chosen) and in the base's own (rejected). A
LoRA adapter first learns half of each, so that neither is preferred. DPO goes on from that adapter; the control,
``sft_chosen``, trains one on the chosen answers alone. For each: how often the chosen answer of a held-out pair is the
likelier, how often it would be drawn if one of the two were sampled, and its reward margin over the first adapter.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.preference import FIXED, component
from ftbench.core.component import node
from ftbench.core.example import Example
from ftbench.core.files import write_jsonl
from ftbench.core.training import TrainRun
from ftbench.data.toy import world
from ftbench.methods.dpo_reference import reference_logps
from ftbench.methods.pairs import encode_pairs
from ftbench.models.resident import Resident

SEED = 0
BETA = 0.1


def styles(rows: Sequence[Example]) -> list[Example]:
    """Returns the rows with both styles of the right answer as a pair, and every other one of them as target."""
    made = []
    for index, row in enumerate(rows):
        value = row.chosen.split(" is ", 1)[1].split(". Kind regards", 1)[0]
        plain = world.base_answer(row.group, row.slices["attribute"], value)
        made.append(replace(row, target=(row.chosen, plain)[index % 2], rejected=plain))
    return made


def scored(loaded: Any, pairs: Sequence[Example]) -> np.ndarray:
    """Returns log-probabilities [pairs, 2] of the chosen and the rejected answers."""
    rows = reference_logps(loaded, encode_pairs(loaded.format, pairs, None, "cut").kept, "auto")
    return np.array([[row["chosen"], row["rejected"]] for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=160)
    words = parser.parse_args()
    splits = component("dataset", "toy", train=words.pairs).load()
    train, held = styles(splits.train), styles(splits.test)
    model, resident = component("model", "tiny"), Resident("cpu")
    mixed = component("method", "lora", **{**FIXED, "learning_rate": 2e-3, "epochs": 3.0})
    dpo = component("method", "dpo", **{**FIXED, "learning_rate": 5e-4, "beta": BETA, "start": node(mixed)})
    control = component("method", "sft_chosen", **{**FIXED, "learning_rate": 2e-3, "epochs": 3.0})
    found: dict[str, np.ndarray] = {"untouched": scored(resident.get(model), held)}
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch) / name for name in ("both styles", "dpo over it", "sft_chosen")}
        for folder in folders.values():
            folder.mkdir()

        def measure(name: str, method: Any) -> None:
            with method.attach(resident.get(model), folders[name]) as loaded:
                found[name] = scored(loaded, held)

        mixed.train([TrainRun(train, SEED, folders["both styles"])], resident.get(model))
        measure("both styles", mixed)
        with mixed.attach(resident.get(model), folders["both styles"]) as loaded:
            kept = encode_pairs(loaded.format, train, None, "cut").kept
            write_jsonl(folders["dpo over it"] / "reference.jsonl", reference_logps(loaded, kept, "auto"))
        inputs = {"reference": folders["dpo over it"], "weights": folders["both styles"]}
        dpo.train([TrainRun(train, SEED, folders["dpo over it"], inputs=inputs)], resident.get(model))
        measure("dpo over it", dpo)
        control.train([TrainRun(train, SEED, folders["sft_chosen"])], resident.get(model))
        measure("sft_chosen", control)
    before = found["both styles"]
    print(f"{len(train)} training pairs, {len(held)} held out")
    for name, logps in found.items():
        gap = logps[:, 0] - logps[:, 1]
        margin = BETA * (gap - (before[:, 0] - before[:, 1]))
        drawn = 1 / (1 + np.exp(-gap))
        print(
            f"{name:12} chosen likelier {np.mean(gap > 0):.2f}, drawn {np.mean(drawn):.2f}, reward margin"
            f" {np.mean(margin):+.2f}, accuracy {np.mean(margin > 0):.2f}"
        )


if __name__ == "__main__":
    main()
