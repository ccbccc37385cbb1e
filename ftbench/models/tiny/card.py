"""The tiny model's card: what it is, the command that made it, what it took, what it scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ftbench.models.tiny.check import measure

LINES = ("reading", "known", "unknown")


def write_card(
    folder: Path, seed: int, steps: int, took: Mapping[str, float], check_seeds: Sequence[int], n: int
) -> dict[int, dict]:
    """Measures the model in ``folder`` with each check seed and writes ``README.md`` beside it.

    Returns:
        Check seed -> what ``check.measure`` returns.
    """
    figures = {check: measure(folder, check, n) for check in check_seeds}
    (folder / "README.md").write_text(_text(seed, steps, took, figures), encoding="utf-8")
    return figures


def _text(
    seed: int, steps: int, took: Mapping[str, float], figures: Mapping[int, Mapping[str, Mapping[str, float]]]
) -> str:
    attributes = sorted({name for found in figures.values() for name in found if name.startswith("reading ")})
    rows = [
        f"| {name} | {' | '.join(_cell(found.get(name)) for found in figures.values())} |"
        for name in (*LINES, *attributes)
    ]
    return f"""# The tiny model

A Llama of {took["parameters"]:,.0f} parameters, trained from scratch on the toy world of ftbench (`ftbench.data.toy`).
A demonstration and a test double: toy, says nothing about a 7B.

Made by `OMP_NUM_THREADS=1 python -m ftbench.models.tiny.make --seed {seed} --steps {steps}`
in {took["cpu_seconds"]:.0f} CPU seconds on {took["tokens"] / 1e6:.2f} million tokens, stored in 16 bits, meant to be
run in 32.

Measured by `python -m ftbench.models.tiny.check --seed N`: share of questions whose value stands in the greedy answer,
with its 95% interval and n. *Reading*: from one to four documents in the prompt, about products, names and values that
pretraining never held. *Known*: the catalogue, no document. *Unknown*: other products, no document.

| | {" | ".join(f"seed {check}" for check in figures)} |
| --- |{" --- |" * len(figures)}
{chr(10).join(rows)}

Prompts: a question alone, earlier turns and a question, or documents and a question in one user turn (the forms are in
`ftbench.data.toy`). It knows nothing else and follows no instruction.
"""


def _cell(line: Mapping[str, float] | None) -> str:
    return "" if line is None else f"{line['value']:.2f} [{line['low']:.2f}, {line['high']:.2f}] n={line['n']:.0f}"
