"""Measures a few steps on this machine and keeps its rates, so that plans forecast times with them.

    python -m ftbench calibrate                                        # the shipped tiny model, here
    python -m ftbench calibrate model=llama2_7b hardware=h100          # the model that matters, where it will run

Takes model=, hardware=, store.dir= and any other override. Probes are ordinary cells of the toy world, a few steps
each, in a store of their own; each distinct kind of training (adapter, adapter over 4 bits, all weights) is probed once
at several sizes, and so are answering and scoring. What does not fit or fails is left out. The rates go into
STORE/calibration.json; one to two minutes for the tiny model.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import command
from ftbench.core.errors import FtbenchError
from ftbench.cost.calibration import write
from ftbench.sweep.calibrate import calibrate
from ftbench.sweep.run_matrix import check_writable


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        FtbenchError: when nothing could be measured.
    """
    parser = command("calibrate", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="overrides of every probe")
    overrides = parser.parse_args(argv).overrides
    wrong = next((word for word in overrides if "=" not in word), None)
    if wrong is not None:
        raise FtbenchError(
            f"{wrong}: calibrate takes overrides such as model=tiny. See python -m ftbench calibrate --help"
        )
    store = next((word.partition("=")[2] for word in overrides if word.startswith("store.dir=")), ".ftbench/store")
    check_writable(str(Path(store).expanduser()))
    with tempfile.TemporaryDirectory() as scratch:
        made = calibrate([word for word in overrides if not word.startswith("store.dir=")], Path(scratch))
    path = write(Path(store).expanduser(), made)
    for kind, rate in made.rates.kinds.items():
        own = [abs(probe["fitted"] / probe["seconds"] - 1) for probe in made.probes if probe["pace"] == kind]
        parts = [
            f"{rate.operation * 1e6:.3g} us per operation" if rate.operation else "",
            f"{1e-9 / rate.flop:.3g} GFLOP/s" if rate.flop else "",
        ]
        print(
            f"{kind}: {len(own)} probes; {', '.join(part for part in parts if part) or 'by rows alone'}, mean error of"
            f" the fit {sum(own) / len(own):.0%}"
        )
    print(f"rates of {made.device} ({made.host}) with {made.model}: {path}")
    return 0
