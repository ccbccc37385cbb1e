"""Does it fit, and what would: the nearest change whose forecast is within the device's memory, by the same
formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

from ftbench.core.training import Adapter, Training
from ftbench.cost.memory import GB

PAPER_QLORA = Adapter(16, None, True, False)
MOST_GPUS = 64


@dataclass(frozen=True)
class Remedy:
    """A change that makes a training fit.

    Attributes:
        words: what to set, as overrides.
        needs_bytes: what the changed training needs on each GPU.
        runnable: whether this version can run it.
    """

    words: str
    needs_bytes: float
    runnable: bool

    def text(self) -> str:
        mark = "" if self.runnable else ", which this version cannot run: it trains on one GPU"
        return f"{self.words} needs {self.needs_bytes / GB:.0f} GB{mark}"


Needs = Callable[[Training, str | None], float]
"""(training, quantization) -> bytes needed on the device."""
Shards = Callable[[Training, int], float]
"""(training, GPUs) -> bytes needed on each when weights, gradients and optimizer state are sharded."""
Change = tuple[str, Callable[[Training], Training]]


def changes(training: Training) -> list[Change]:
    """Returns single changes that save memory, those that change the result least first.

    A smaller micro-batch with more accumulation is the same training up to rounding; so is recomputation. A smaller
    optimizer state and 16-bit weights are not.
    """
    found: list[Change] = []
    size = training.batch_size
    while size > 1:
        size //= 2
        accumulated = training.gradient_accumulation * (training.batch_size // size)
        words = f"method.batch_size={size} method.gradient_accumulation={accumulated}"
        found.append((words, partial(replace, batch_size=size, gradient_accumulation=accumulated)))
    if not training.checkpointing:
        found.append(("method.gradient_checkpointing=true", lambda run: replace(run, checkpointing=True)))
    if training.adapter is None:
        if training.optimizer != "adamw_bnb_8bit":
            found.append(("method.optimizer=adamw_bnb_8bit", lambda run: replace(run, optimizer="adamw_bnb_8bit")))
        if training.master_weights != "base":
            found.append(("method.master_weights=base", lambda run: replace(run, master_weights="base")))
    return found


def remedies(training: Training, quantized: bool, memory_bytes: float, needs: Needs, shards: Shards) -> list[Remedy]:
    """Returns the nearest change within this method, one that changes the method, and sharding, each where it fits.

    Args:
        training: that does not fit.
        quantized: whether its base is in 4 bits already.
        memory_bytes: of one GPU.
    """
    found: list[Remedy] = []
    for words, changed in _combined(changes(training)):
        required = needs(changed(training), None)
        if required <= memory_bytes:
            found.append(Remedy(words, required, True))
            break
    if not quantized:
        found += _quantised(training, memory_bytes, needs)
    for gpus in range(2, MOST_GPUS + 1):
        required = shards(training, gpus)
        if required <= memory_bytes:
            found.append(Remedy(f"hardware.gpus={gpus} with sharding", required, False))
            break
    return found


def _quantised(training: Training, memory_bytes: float, needs: Needs) -> list[Remedy]:
    adapted = replace(training, adapter=training.adapter or PAPER_QLORA)
    unchanged: Change = ("", lambda run: run)
    for words, changed in [unchanged, *_combined(changes(adapted))]:
        required = needs(changed(adapted), "nf4")
        if required <= memory_bytes:
            return [Remedy(f"an adapter over a 4-bit base (method=qlora) {words}".rstrip(), required, True)]
    return []


def _combined(single: Sequence[Change]) -> Iterator[Change]:
    """Yields single changes, then pairs and so on; never two sizes of the micro-batch."""
    for count in range(1, min(4, len(single)) + 1):
        for chosen in combinations(single, count):
            names = [words.split("=")[0] for words, _ in chosen]
            if len(set(names)) < len(names):
                continue
            yield " ".join(words for words, _ in chosen), _all([change for _, change in chosen])


def _all(parts: Sequence[Callable[[Training], Training]]) -> Callable[[Training], Training]:
    def changed(run: Training) -> Training:
        for part in parts:
            run = part(run)
        return run

    return changed
