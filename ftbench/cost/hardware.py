"""Hardware that cells run on or are priced for: what it is, what it can do, what an hour of it costs and who
says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from ftbench.core.component import Component
from ftbench.core.errors import Problem, Problems

MOST_USD = 1e9
"""Of one thing that has a price; what is larger was mistyped, and would leave no finite sums."""


@dataclass(frozen=True)
class Hardware(Component):
    """A machine with some number of equal GPUs, or with none.

    Attributes:
        name: as typed after ``hardware=``.
        gpus: GPUs that are paid for, used or not; 0 for a machine without.
        device_pattern: regular expression that matches the whole device name in a receipt measured on this hardware.
        memory_bytes: of one GPU, as its driver reports it; None where it is the machine's own.
        usd_per_hour: of one GPU (of the machine, where there is none); None is unknown, and then no dollars are shown.
        list_usd_per_hour: the price that ``price_date`` and ``price_source`` speak of. A price typed over it has no
            such source.
        price_date: ISO date of the list price.
        price_source: who published the list price.
        peak_bf16_flops: dense bfloat16 operations per second of one GPU, by its data sheet.
        bandwidth_bytes_per_second: of one GPU's memory, by its data sheet.
        specification_source: where the two figures above are from.
        spot_usd_per_hour: of one GPU that may be taken away; null where none is considered.
        spot_interruptions_per_hour: how often that happens.
    """

    axis: ClassVar[str] = "hardware"
    key_name: ClassVar[str] = "machine"

    name: str
    gpus: int
    device_pattern: str
    memory_bytes: int | None
    usd_per_hour: float | None
    list_usd_per_hour: float | None
    price_date: str | None
    price_source: str | None
    peak_bf16_flops: float | None
    bandwidth_bytes_per_second: float | None
    specification_source: str | None
    spot_usd_per_hour: float | None
    spot_interruptions_per_hour: float | None

    # Prices re-report; they never train or generate anything again.
    NEUTRAL: ClassVar[tuple[str, ...]] = (
        "usd_per_hour",
        "list_usd_per_hour",
        "price_date",
        "price_source",
        "specification_source",
        "spot_usd_per_hour",
        "spot_interruptions_per_hour",
    )

    @property
    def units(self) -> int:
        """What an hour is paid for: whole GPUs, idle ones among them, or the machine."""
        return self.gpus or 1

    def check(self) -> list[Problem]:
        problems = Problems()
        if self.gpus < 0:
            problems.add("hardware.gpus", f"{self.gpus} is no number of GPUs", "Use 1 or more, 0 for a machine without")
        if self.usd_per_hour is not None and not 0 < self.usd_per_hour <= MOST_USD:
            why = f"{self.usd_per_hour} is no price"
            problems.add("hardware.usd_per_hour", why, "Use the price of one hour, or null where it is not known")
        for name in ("memory_bytes", "peak_bf16_flops", "bandwidth_bytes_per_second"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                why = f"{value} is not above 0"
                problems.add(f"hardware.{name}", why, "Give what its data sheet says, or null where it is not known")
        if self.list_usd_per_hour is not None and not (self.price_date and self.price_source):
            fix = "Give hardware.price_date and hardware.price_source, or set it to null"
            problems.add("hardware.list_usd_per_hour", f"{self.list_usd_per_hour} has no date or no source", fix)
        if self.price_date is not None and not _is_date(self.price_date):
            problems.add("hardware.price_date", f"{self.price_date!r} is no date", "Write it as 2026-11-09")
        for name in ("spot_usd_per_hour", "spot_interruptions_per_hour"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= MOST_USD:
                why = f"{value} is less than 0 or beyond reason"
                problems.add(f"hardware.{name}", why, "Give a number of 0 or more, or null")
        try:
            re.compile(self.device_pattern)
        except re.error as error:
            why = f"{self.device_pattern!r} is no regular expression ({error})"
            problems.add("hardware.device_pattern", why, "Mend it")
        return problems

    def matches(self, device: str | None) -> bool:
        """Returns whether a device measured by a worker is this hardware."""
        return device is not None and re.fullmatch(self.device_pattern, device) is not None

    def price_text(self) -> str:
        """Returns the price with its date and source, or says that there is none."""
        if self.usd_per_hour is None:
            return f"no price known for {self.name}"
        unit = "GPU-hour" if self.gpus else "hour"
        amount = f"${self.usd_per_hour:g} per {unit}" + (f" x {self.units}" if self.units > 1 else "")
        if self.usd_per_hour == self.list_usd_per_hour:
            return f"{amount}, {self.price_source}, {self.price_date}"
        return f"{amount}, as set in hardware.usd_per_hour"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
