"""A dataset for tests of runner and worker: real rows, and a ``load`` that waits, fails, dies or talks as it is told.

It is loaded by the real prepare stage in a real worker process; tests talk to it through files.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ftbench.core.components.dataset import Dataset
from ftbench.core.example import Example, Splits, Turn


@dataclass(frozen=True)
class GatedLines(Dataset):
    """A few rows, after a while.

    Attributes:
        name: told apart by it.
        trace: file that gets one line ``name pid`` per load.
        gate: ``load`` waits until this file exists; empty: does not wait.
        marker: while it waits, a file of this name lies in the stage's temporary folder; empty: none.
        work: the store's folder of temporary folders.
        wrong: ``raise`` raises, ``kill`` kills the process, ``exit`` calls ``sys.exit`` with the number in ``text``,
            ``exhaust`` runs out of memory, ``print`` prints, ``swallow`` goes on after whatever is raised while it
            waits; empty: nothing.
        text: goes into the error or the printed line.
    """

    NOT_HASHED: ClassVar[tuple[str, ...]] = ("trace", "gate", "marker", "work", "wrong", "text")

    name: str
    trace: str
    gate: str
    marker: str
    work: str
    wrong: str
    text: str

    def load(self) -> Splits:
        with open(self.trace, "a", encoding="utf-8") as trace:
            trace.write(f"{self.name} {os.getpid()}\n")
        if self.gate and not Path(self.gate).exists():
            self._wait()
        if self.wrong == "raise":
            raise RuntimeError(f"cannot read {self.name} {self.text}\nsecond line")
        if self.wrong == "kill":
            os.kill(os.getpid(), 9)
        if self.wrong == "exit":
            sys.exit(int(self.text))
        if self.wrong == "exhaust":
            raise MemoryError
        if self.wrong == "print":
            print(self.text)
            print(self.text, file=sys.stderr)
            os.write(1, f"{self.text}\n".encode())
        return Splits(
            self._rows("train", 4),
            self._rows("validation", 2),
            self._rows("test", 3),
            (),
            (f"made {self.name}",),
            {"read": 9},
        )

    def _wait(self) -> None:
        if self.marker:
            for folder in Path(self.work).glob(f"*.{os.getpid()}.*"):
                (folder / self.marker).write_text("half-written", encoding="utf-8")
        try:
            while not Path(self.gate).exists():
                time.sleep(0.01)
        except:  # noqa: E722 - what careless code does
            if self.wrong != "swallow":
                raise

    def _rows(self, split: str, count: int) -> tuple[Example, ...]:
        return tuple(
            Example(
                f"{split}-{index}",
                (Turn("user", f"{self.name} {index}?"),),
                f"answer {index}",
                (f"answer {index}",),
                None,
                None,
                {},
                (),
                None,
                None,
            )
            for index in range(count)
        )
