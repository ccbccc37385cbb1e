"""Makes the tiny model from nothing: tokenizer, chat template, weights, model card.

    OMP_NUM_THREADS=1 python -m ftbench.models.tiny.make --seed 0

writes into ``ftbench/models/tiny/weights``; ``--out DIR`` writes elsewhere, ``--steps N`` trains shorter or longer.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path

from ftbench.core.files import write_json
from ftbench.models.tiny import WEIGHTS
from ftbench.models.tiny.card import write_card
from ftbench.models.tiny.text import conversations
from ftbench.models.tiny.tokenizer import CONTEXT, train_tokenizer

STEPS = 3000
TOKENIZER_CONVERSATIONS = 12000
MAX_NEW_TOKENS = 64
CHECK_SEEDS = (1, 2, 3)


def make(seed: int, steps: int, out: Path) -> dict[str, float]:
    """Trains tokenizer and model and writes the folder.

    Args:
        seed: of text and initial weights.
        steps: optimiser steps.
        out: folder to write; made where it does not exist.

    Returns:
        What it took: ``cpu_seconds``, ``tokens``, ``parameters``.
    """
    import torch
    from transformers import GenerationConfig

    from ftbench.models.tiny.train import pretrain

    started = time.process_time()

    def report(step: int, loss: float, tokens: int) -> None:
        print(
            f"step {step}/{steps}  loss {loss:.4f}  {tokens / 1e6:.2f} M tokens  {time.process_time() - started:.0f}"
            " CPU s",
            flush=True,
        )

    texts = (
        turn.content
        for conversation in islice(conversations(seed), TOKENIZER_CONVERSATIONS)
        for turn in conversation.turns
    )
    tokenizer = train_tokenizer(texts)
    model, tokens = pretrain(tokenizer, seed, steps, report)
    ends = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    for key, value in ends.items():
        setattr(model.config, key, value)
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=MAX_NEW_TOKENS, **ends)
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    _state_float32(out / "config.json")
    took = {
        "cpu_seconds": time.process_time() - started,
        "tokens": float(tokens),
        "parameters": float(sum(parameter.numel() for parameter in model.parameters())),
    }
    return took


def _state_float32(path: Path) -> None:
    """Stored in 16 bits to be small, used in 32: on a CPU half precision is slow and rounds what comes out."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    write_json(path, config, indent=2, sort_keys=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ftbench.models.tiny.make", description="Make the tiny model from nothing."
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the pretraining text and of the initial weights (default 0)"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help=f"optimiser steps (default {STEPS})")
    parser.add_argument(
        "--check-n",
        type=int,
        default=400,
        help="reading questions for each of the card's three check seeds (default 400)",
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder to write (default: the shipped weights)")
    options = parser.parse_args(arguments)
    took = make(options.seed, options.steps, options.out)
    print(
        f"{took['parameters']:,.0f} parameters, {took['tokens']:,.0f} tokens, {took['cpu_seconds']:.0f} CPU s, context"
        f" {CONTEXT}: {options.out}"
    )
    for check, found in write_card(
        options.out, options.seed, options.steps, took, CHECK_SEEDS, options.check_n
    ).items():
        print(
            f"check seed {check}: "
            + ", ".join(f"{name} {found[name]['value']:.3f}" for name in ("reading", "known", "unknown"))
        )


if __name__ == "__main__":
    main()
