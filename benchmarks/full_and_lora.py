"""Full tuning against LoRA against the untouched base, on real weights and real data, each at a learning rate of its
own.

    OMP_NUM_THREADS=1 python -m benchmarks.full_and_lora --model ../shared/data/stories260K/hf --data \\
        ../shared/data/e2e_nlg/dev.jsonl [--seeds 8]

One sweep: ``matrix.couple`` gives each method its own rate to start from, ``effort`` tries as many rates around it for
either (half a decade apart) and chooses on validation, and the chosen one is trained with every seed and scored on
test. All else is the same: rows, steps, batch. The longest reference has 122 tokens. The adapter leaves the head alone
and never learns to end an answer, which stories260K itself never does; ``--max-new-tokens 64`` cuts what goes on after
an answer, and so takes most of that out of the comparison. About 17 minutes of CPU time on one thread; run again it
takes what is there from its store.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

RATES = {"lora": [1e-2, 3e-3, 3e-2], "full": [3e-3, 1e-3, 1e-2]}
"""Method -> the rates that are tried, the one that it starts from first. A model of 260,000 weights takes far larger
ones than a 7B.
"""


def command(words: argparse.Namespace) -> list[str]:
    """Returns the ftbench command line."""
    couples = ",".join(
        f"{{when: {{method: {name}}}, set: {{method.learning_rate: {rates[0]}}}}}" for name, rates in RATES.items()
    )
    spaces = [f"effort.space.{name}.learning_rate={rates}" for name, rates in RATES.items()]
    return [
        *(sys.executable, "-m", "ftbench", "-m"),
        *(
            "model=hf",
            f"model.name_or_path={words.model}",
            "dataset=files",
            f"dataset.train={words.data}",
            'dataset.prompt="{mr}"',
            "dataset.references=references",
        ),
        *(
            "dataset.split.test=0.3",
            f"decoding.max_new_tokens={words.max_new_tokens}",
            "metrics=[bleu,rougeL,length_ratio]",
        ),
        *(
            "method=none,lora,full",
            "method.epochs=3",
            "method.rank=16",
            "method.alpha=32",
            f"matrix.couple=[{couples}]",
            "effort.trials=3",
            *spaces,
            f"effort.seeds={list(range(words.seeds))}",
        ),
        *(f"store.dir={words.store}", f"hydra.sweep.dir={words.sweep}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the base model")
    parser.add_argument("--data", required=True, help="rows with mr and references")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--store", default=".ftbench/store")
    parser.add_argument("--sweep", default="multirun/full_and_lora")
    words = parser.parse_args()
    raise SystemExit(subprocess.run(command(words), check=False).returncode)


if __name__ == "__main__":
    main()
