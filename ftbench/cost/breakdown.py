"""The whole account of a cell: every stage it needs, alone and with shared stages split, tokens by name, GPU-hours,
energy, spot prices.

``bill`` answers what serving and making a cell cost; this adds everything around it (validation answers, likelihoods,
lm-eval) and the two readings of a stage that several cells share: *alone*, as if each paid for all of it, and *split*
evenly over the cells that use it. Split accounts add up to what the run really took. Unknown is None and stays None
(docs/mistakes.md, number 31).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.core.receipt import Receipt
from ftbench.cost.bill import HOUR_SECONDS, alone_seconds, usd
from ftbench.cost.forecast import LIGHT
from ftbench.cost.hardware import Hardware
from ftbench.cost.ownership import times
from ftbench.cost.tokens import TokenPrice

PARTS = {"train": "train", "reference": "train", "merge": "train", "index": "index", "generate": "generate"}
"""Kind of a stage -> part of the account; everything else is ``other``: preparing, likelihoods, lm-eval, scoring."""


@dataclass(frozen=True)
class Breakdown:
    """What one cell took; None is unknown.

    Attributes:
        alone_usd, split_usd: part (``train``, ``index``, ``generate``, ``other``, ``total``) -> dollars.
        alone_seconds, split_seconds: the same in wall seconds, loading included, imports left out.
        gpu_hours: paid ones of the split account, idle GPUs among them; None where there is no GPU.
        energy_joules: measured by NVML, split; None where a stage on a device has none.
        tokens: kind of stage -> name -> count; every name says which tokens.
        spot_usd: of everything alone at spot prices, interruptions included; None without such prices.
    """

    alone_usd: dict[str, float | None]
    split_usd: dict[str, float | None]
    alone_seconds: dict[str, float | None]
    split_seconds: dict[str, float | None]
    gpu_hours: float | None
    energy_joules: float | None
    tokens: dict[str, dict[str, int]]
    spot_usd: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def cost_breakdown(
    hardware: Hardware,
    stages: Mapping[str, Receipt | None],
    users: Mapping[str, int],
    loads: Mapping[str, float],
    price: TokenPrice | None = None,
) -> Breakdown:
    """Makes the account of one cell.

    Args:
        hardware: what the cell is priced for.
        stages: key -> receipt of every stage that the cell needs, None where it is missing.
        users: key -> how many cells need it.
        loads: key -> what loading that stage's model takes.
        price: what a host takes for tokens, for a model that others serve; its generate stages are paid by them.
    """
    parts = ("train", "index", "generate", "other")
    seconds: dict[str, dict[str, list[float | None]]] = {
        how: {part: [] for part in parts} for how in ("alone", "split")
    }
    money: dict[str, dict[str, list[float | None]]] = {how: {part: [] for part in parts} for how in ("alone", "split")}
    tokens: dict[str, dict[str, int]] = {}
    joules: list[float | None] = []
    spot: list[float | None] = []
    for key, receipt in stages.items():
        part = "other" if receipt is None else PARTS.get(receipt.kind, "other")
        share = 1 / max(1, users.get(key, 1))
        if receipt is None:
            for table in (seconds, money):
                for how in table.values():
                    how[part].append(None)
            continue
        alone, own = (
            alone_seconds(receipt, loads.get(key, 0.0)),
            receipt.seconds["total"] - receipt.seconds.get("import", 0.0),
        )
        hosted = price is not None and receipt.kind == "generate"
        rate = hardware.usd_per_hour if _priced(receipt, hardware) else None
        spent = price.usd(receipt.tokens) if hosted and price is not None else None
        seconds["alone"][part].append(alone)
        seconds["split"][part].append(own * share)
        money["alone"][part].append(spent if hosted else usd(alone, hardware.units, rate))
        money["split"][part].append(times(spent, share) if hosted else usd(own * share, hardware.units, rate))
        spot.append(spent if hosted else spot_usd(hardware, alone) if rate is not None else None)
        if receipt.device is not None and receipt.device != "cpu":
            joules.append(times(receipt.energy_joules, share))
        for name, count in receipt.tokens.items():
            own_tokens = tokens.setdefault(receipt.kind, {})
            own_tokens[name] = own_tokens.get(name, 0) + count
    split = {part: added(own) for part, own in seconds["split"].items()}
    whole = added(list(split.values()))
    return Breakdown(
        alone_usd=_with_total({part: added(own) for part, own in money["alone"].items()}),
        split_usd=_with_total({part: added(own) for part, own in money["split"].items()}),
        alone_seconds=_with_total({part: added(own) for part, own in seconds["alone"].items()}),
        split_seconds=_with_total(split),
        gpu_hours=None if hardware.gpus == 0 or whole is None else whole / HOUR_SECONDS * hardware.gpus,
        energy_joules=added(joules) if joules else None,
        tokens=tokens,
        spot_usd=added(spot),
    )


def spot_usd(hardware: Hardware, seconds: float) -> float | None:
    """Returns what ``seconds`` of uninterrupted work cost at spot prices; None where price or interruptions are
    unknown.

    Interruptions come at random at a rate q, and each throws the stage back to its start, so that T seconds of work
    take (exp(q T) - 1) / q on average (Daly 2006, section 2, without checkpoints and restart time).
    """
    if hardware.spot_usd_per_hour is None or hardware.spot_interruptions_per_hour is None:
        return None
    rate = hardware.spot_interruptions_per_hour / HOUR_SECONDS
    expected = seconds if rate == 0 else math.expm1(min(rate * seconds, 700.0)) / rate
    return usd(expected, hardware.units, hardware.spot_usd_per_hour)


def added(amounts: Sequence[float | None]) -> float | None:
    """Returns the sum, None as soon as one part is unknown."""
    return (
        None
        if any(amount is None for amount in amounts)
        else math.fsum(amount for amount in amounts if amount is not None)
    )


def _with_total(parts: dict[str, float | None]) -> dict[str, float | None]:
    return {**parts, "total": added(list(parts.values()))}


def _priced(receipt: Receipt, hardware: Hardware) -> bool:
    """Tells whether a stage was measured on what is priced; one that needs no accelerator runs on the priced machine's
    own processor.
    """
    beside = receipt.device == "cpu" and receipt.kind in LIGHT
    return receipt.device is not None and (beside or hardware.matches(receipt.device))
