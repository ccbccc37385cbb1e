"""Measured rates of machines, kept beside the store's stages: ``calibration.json``, one record per machine and model
measured on it.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json
from ftbench.cost.hardware import Hardware
from ftbench.cost.speed import Rates

FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """What was measured once.

    Attributes:
        device: as receipts name it; ``cpu`` says little, so ``host`` and ``threads`` count too where there is no GPU.
        date: ISO 8601.
        model: name of the model that was measured.
        rates: see ``ftbench.cost.speed.Rates``.
        probes: what was run and how long it took, for the reader.
    """

    device: str
    host: str
    threads: int | None
    date: str
    model: str
    rates: Rates
    probes: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Calibration:
        return cls(**{**data, "rates": Rates.from_dict(data["rates"])})

    def same_machine(self, other: Calibration) -> bool:
        return (self.device, self.host, self.threads) == (other.device, other.host, other.threads)


def read(store: str | Path) -> list[Calibration]:
    """Returns the records of a store, newest first; none where there is no file.

    Raises:
        FtbenchError: for a file that is no such list.
    """
    path = Path(store) / FILE
    if not path.is_file():
        return []
    try:
        found = [Calibration.from_dict(record) for record in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError) as error:
        raise FtbenchError(
            f"{path}: cannot be read as calibrations ({error}). Remove it and run python -m ftbench calibrate again"
        ) from None
    return sorted(found, key=lambda record: record.date, reverse=True)


def write(store: str | Path, new: Calibration) -> Path:
    """Adds a record, in place of an older one of the same machine and model."""
    path = Path(store) / FILE
    kept = [record for record in read(store) if not (record.same_machine(new) and record.model == new.model)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, [record.as_dict() for record in (new, *kept)])
    return path


def rates_for(records: Sequence[Calibration], hardware: Hardware, model: str | None) -> Rates | None:
    """Returns the newest rates measured on this hardware: those of the same model before those of another; None where
    nothing was.

    A GPU is the same wherever it stands; a CPU only on the host where it was measured.
    """
    fitting = [
        record
        for record in records
        if hardware.matches(record.device) and (hardware.gpus > 0 or record.host == platform.node())
    ]
    own = [record for record in fitting if record.model == model]
    return (own or fitting)[0].rates if fitting else None
