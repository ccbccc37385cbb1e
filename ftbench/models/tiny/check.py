"""Measures the tiny model: reading from documents, facts known by heart, facts it cannot know.

    OMP_NUM_THREADS=1 python -m ftbench.models.tiny.check --seed 1 [--model DIR] [--n 400] [--json FILE]

Reading is asked about products whose names and values were all held out from pretraining, drawn from the seed, with
one to four documents in the prompt. A question counts as right when the value stands in the answer as whole words.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.files import write_json
from ftbench.data.toy import words, world
from ftbench.models.tiny import WEIGHTS

BATCH = 16
MAX_NEW_TOKENS = 40


@dataclass(frozen=True)
class Item:
    """One thing asked.

    Attributes:
        kind: ``reading``, ``known`` or ``unknown``.
        attribute: what is asked for.
        documents: how many documents stand in the prompt.
        prompt: the user turn.
        value: the right answer's value.
    """

    kind: str
    attribute: str
    documents: int
    prompt: str
    value: str


def items(seed: int, n: int) -> list[Item]:
    """Returns ``n`` reading questions, ``n`` about the catalogue and ``n // 4`` about products without any document."""
    rng = random.Random(f"ftbench tiny check {seed}")
    made: list[Item] = []
    for index in range(n):
        attribute, count = words.ATTRIBUTES[index % len(words.ATTRIBUTES)], 1 + index // len(words.ATTRIBUTES) % 4
        shown = world.products(rng, count, unseen=True)
        asked = rng.choice(shown)
        prompt = world.retrieval_prompt(
            [world.document(product, words.ATTRIBUTES) for product in shown], _question(rng, asked.name, attribute)
        )
        made.append(Item("reading", attribute, count, prompt, asked.facts[attribute]))
    known = world.catalogue()
    facts = [(product, attribute) for product in known for attribute in words.ATTRIBUTES]
    for product, attribute in rng.sample(facts, min(n, len(facts))):
        made.append(Item("known", attribute, 0, _question(rng, product.name, attribute), product.facts[attribute]))
    for product in world.products(rng, n // 4, unseen=True):
        attribute = rng.choice(words.ATTRIBUTES)
        made.append(Item("unknown", attribute, 0, _question(rng, product.name, attribute), product.facts[attribute]))
    return made


def _question(rng: random.Random, name: str, attribute: str) -> str:
    return world.question(name, attribute, rng.randrange(world.FORMS))


def answers(model: Any, tokenizer: Any, prompts: Sequence[str]) -> list[str]:
    """Returns the greedy answer to each user turn, generated in batches of similar length, left-padded with a mask."""
    import torch

    texts = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found = [""] * len(texts)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        batch = tokenizer(
            [texts[index] for index in chosen],
            padding=True,
            padding_side="left",
            add_special_tokens=False,
            return_tensors="pt",
        )
        with torch.inference_mode():
            out = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                do_sample=False,
                max_new_tokens=MAX_NEW_TOKENS,
            )
        for index, text in zip(
            chosen, tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True), strict=True
        ):
            found[index] = text
    return found


def right(answer: str, value: str) -> bool:
    """Returns whether the value stands in the answer as whole words."""
    return f" {value}." in f" {answer}"


def share(hits: Sequence[bool]) -> dict[str, float]:
    """Returns the share of hits, with n and a Wilson 95% interval."""
    n, z = len(hits), 1.959964
    p = sum(hits) / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return {"n": n, "value": p, "low": (middle - half) / (1 + z * z / n), "high": (middle + half) / (1 + z * z / n)}


def measure(folder: Path, seed: int, n: int) -> dict[str, dict[str, float]]:
    """Measures the model in a folder.

    Args:
        folder: model folder.
        seed: of the questions.
        n: number of reading questions.

    Returns:
        Line name (``reading``, ``reading colour``, ``reading 4 documents``, ``known``, ``unknown``) -> what ``share``
        returns.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    asked = items(seed, n)
    hits: dict[str, list[bool]] = {}
    for item, answer in zip(asked, answers(model, tokenizer, [item.prompt for item in asked]), strict=True):
        hit = right(answer, item.value)
        hits.setdefault(item.kind, []).append(hit)
        hits.setdefault(f"{item.kind} {item.attribute}", []).append(hit)
        if item.documents:
            hits.setdefault(f"{item.kind} {item.documents} documents", []).append(hit)
    return {name: share(hits[name]) for name in sorted(hits)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ftbench.models.tiny.check", description="Measure the tiny model on things it never saw."
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the questions")
    parser.add_argument("--n", type=int, default=400, help="number of reading questions (default 400)")
    parser.add_argument("--model", type=Path, default=WEIGHTS, help="model folder (default: the shipped weights)")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    if options.n < 4 or not (options.model / "config.json").is_file():
        parser.error(
            f"--n {options.n} --model {options.model}: give at least 4 questions and a folder that holds config.json"
        )
    started = time.process_time()
    figures = measure(options.model, options.seed, options.n)
    for name, line in figures.items():
        print(f"{name:<24} {line['value']:.3f}  [{line['low']:.3f}, {line['high']:.3f}]  n={line['n']}")
    print(f"{time.process_time() - started:.0f} CPU s, seed {options.seed}, model {options.model}")
    if options.json:
        write_json(options.json, {"seed": options.seed, "figures": figures})


if __name__ == "__main__":
    main()
