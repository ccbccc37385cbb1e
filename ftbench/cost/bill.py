"""The bill: what a cell cost, from the receipts of its stages.

Every cell is billed as if it had run alone: a train stage that three cells share is paid by each, and the base model is
loaded once per stage, even where a worker still had it in memory. Billing counts loading and warm-up, throughput does
not (docs/mistakes.md, number 30). A price that is not known makes dollars unknown, never zero (mistake 31); so does a
measurement on other hardware than the one that is priced. Whole GPUs are paid, idle ones among them (mistake 33).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.core.receipt import Receipt
from ftbench.cost.hardware import Hardware
from ftbench.cost.tokens import TokenPrice

HOUR_SECONDS = 3600.0
BATCH_REQUESTS = 1000
UNSERVED = ("transformers",)
"""Backends that generate and that nobody would serve with; a price at their pace says so."""


@dataclass(frozen=True)
class Bill:
    """What one cell cost; None is unknown.

    Attributes:
        train_seconds: of all stages that made its weights, loading included; 0.0 where nothing was trained.
        index_seconds: of the stages that its context built beforehand, such as an index of documents; 0.0 without any.
        generate_seconds: to answer the test split, making the prompts (a retriever's search), loading and warm-up
            included, timing probes left out.
        seconds_per_1k_requests: one load, one warm-up and a thousand requests, prompts made, at the measured pace.
        tokens_per_second: completion tokens over the seconds spent generating alone.
        price_basis: which price, from when and whom, measured where; or why there are no dollars.
        requests_per_second: prompts made and answered, loading and warm-up left out; None for a model that others
            serve.
        usd_per_hour: of all the hardware's GPUs, where what was measured is what is priced; None for a model that
            others serve.
    """

    train_seconds: float | None
    index_seconds: float | None
    generate_seconds: float | None
    seconds_per_1k_requests: float | None
    tokens_per_second: float | None
    train_usd: float | None
    index_usd: float | None
    usd_per_1k_requests: float | None
    price_basis: str
    requests_per_second: float | None = None
    usd_per_hour: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def bill(
    hardware: Hardware,
    train: Sequence[Receipt] | None,
    generate: Receipt | None,
    requests: int | None,
    load_seconds: float,
    index: Sequence[Receipt] | None = (),
    per_token: TokenPrice | None = None,
) -> Bill:
    """Makes the bill of one cell.

    Args:
        hardware: what the cell is priced for.
        train: receipts of the stages that made its weights; empty where nothing is trained, None where one is missing.
        generate: receipt of the stage that answered the test split, None where it is missing or there is none.
        requests: how many requests that stage answered.
        load_seconds: what loading this base model takes, for the stages that found it loaded.
        index: receipts of what the context built beforehand, None where one is missing (docs/mistakes.md, number 32).
        per_token: what a host takes for tokens; requests are then billed by them and not by the hour, linearly.
    """
    train_seconds = None if train is None else sum((alone_seconds(receipt, load_seconds) for receipt in train), 0.0)
    index_seconds = None if index is None else sum((receipt.seconds["total"] for receipt in index), 0.0)
    generate_seconds = per_1k = pace = served = None
    if generate is not None:
        work = work_seconds(generate)
        standing = max(generate.seconds.get("load", 0.0), load_seconds) + generate.seconds.get("warm_up", 0.0)
        if work is not None:
            asked = work + generate.seconds.get("prompts", 0.0)
            generate_seconds = standing + asked
            if requests:
                per_1k = standing + asked * BATCH_REQUESTS / requests
                served = requests / asked if asked > 0 and per_token is None else None
            tokens = generate.tokens.get("completion")
            if tokens is not None and work > 0 and not generate.details.get("answered_before"):
                pace = tokens / work
    measured = [*(train or ()), *((generate,) if generate is not None and per_token is None else (index or ()))]
    price = hardware.usd_per_hour if all(hardware.matches(receipt.device) for receipt in measured) else None
    return Bill(
        train_seconds=train_seconds,
        index_seconds=index_seconds,
        generate_seconds=generate_seconds,
        seconds_per_1k_requests=per_1k,
        tokens_per_second=pace,
        train_usd=usd(train_seconds, hardware.units, price),
        index_usd=usd(index_seconds, hardware.units, price),
        usd_per_1k_requests=(
            usd(per_1k, hardware.units, price) if per_token is None else _hosted_usd_per_1k(per_token, generate)
        ),
        price_basis=_basis(hardware, measured) if per_token is None else _hosted_basis(per_token, hardware, measured),
        requests_per_second=served,
        usd_per_hour=None if price is None or per_token is not None else price * hardware.units,
    )


def _hosted_usd_per_1k(per_token: TokenPrice, generate: Receipt | None) -> float | None:
    """Returns what a thousand requests cost at their mean tokens; None where not every answer says how many it took."""
    if generate is None or not generate.details.get("answered"):
        return None
    spent = per_token.usd(generate.tokens)
    return None if spent is None else spent * BATCH_REQUESTS / generate.details["answered"]


def usd(seconds: float | None, units: int, usd_per_hour: float | None) -> float | None:
    """Returns the price of ``seconds`` on ``units`` whole GPUs; None as soon as either is unknown."""
    if seconds is None or usd_per_hour is None:
        return None
    return seconds / HOUR_SECONDS * units * usd_per_hour


def alone_seconds(receipt: Receipt, load_seconds: float) -> float:
    """Returns the wall time of a stage as if it had loaded the model itself.

    What Python takes to import its libraries (``import``) is left out: a worker pays it once, in whichever stage comes
    first.
    """
    own = receipt.seconds.get("load", 0.0)
    return receipt.seconds["total"] - receipt.seconds.get("import", 0.0) - own + max(own, load_seconds)


def work_seconds(receipt: Receipt) -> float | None:
    """Returns the seconds of a stage without loading and warm-up; None where the body did not tell them apart."""
    if "work" in receipt.seconds:
        return receipt.seconds["work"]
    if "load" not in receipt.seconds:
        return None
    return receipt.seconds["total"] - sum(value for name, value in receipt.seconds.items() if name != "total")


def _hosted_basis(per_token: TokenPrice, hardware: Hardware, measured: Sequence[Receipt]) -> str:
    return f"per token: {per_token.text()}" + (f"; its index {_basis(hardware, measured)}" if measured else "")


def _basis(hardware: Hardware, measured: Sequence[Receipt]) -> str:
    if not measured:
        return "nothing measured"
    strangers = dict.fromkeys(str(receipt.device) for receipt in measured if not hardware.matches(receipt.device))
    if strangers:
        return f"measured on {', '.join(strangers)}, not {hardware.name}"
    used = max(receipt.devices or 0 for receipt in measured)
    idle = f" ({used} of {hardware.gpus} GPUs at work)" if hardware.gpus > used else ""
    unserved = any(receipt.details.get("backend") in UNSERVED for receipt in measured)
    pace = (
        ", at the pace of transformers' generate, which nobody serves with: a serving engine is several times cheaper"
        if unserved
        else ""
    )
    return f"measured on {measured[0].device}{idle}; {hardware.price_text()}" + (
        pace if hardware.usd_per_hour is not None else ""
    )
