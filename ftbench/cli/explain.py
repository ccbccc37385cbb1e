"""Says what a cell or a stage is, what its key was taken over, and why it is or is not cached.

python -m ftbench explain 3f9a1c              # a prefix of a stage key or a cell id, in the newest sweep
python -m ftbench explain 3f9a1c --sweep multirun/2026-11-23/10-30-00
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import command
from ftbench.compile.explain import explain
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import FILE, Plan
from ftbench.store.store import Store


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        FtbenchError: when nothing has such a key.
    """
    parser = command("explain", __doc__)
    parser.add_argument("key", help="a cell id or a stage key, or the beginning of one")
    parser.add_argument("--sweep", type=Path, help="folder of a sweep (default: the newest below ./multirun)")
    words = parser.parse_args(argv)
    plan = read_plan(words.sweep)
    print("\n".join(explain(plan, Store(plan.store), words.key)))
    return 0


def read_plan(sweep: Path | None, *, ended: bool = False) -> Plan:
    """Reads the plan of a sweep's folder, or of the newest sweep below ``./multirun``: of those with results, where
    ``ended`` and there is one.

    Raises:
        FtbenchError: where there is none, or it was compiled by another version.
    """
    path = _plan_file(sweep, ended)
    try:
        return Plan.read(path)
    except (ValueError, KeyError, TypeError) as error:
        raise FtbenchError(f"{path}: is no plan of this version ({error}). Repeat the command that made it") from error


def _plan_file(sweep: Path | None, ended: bool) -> Path:
    if sweep is not None:
        path = sweep / FILE if sweep.is_dir() else sweep
        if not path.is_file():
            raise FtbenchError(f"--sweep {sweep}: holds no {FILE}. Name the folder that a run or plan printed")
        return path
    plans = sorted(Path("multirun").glob(f"**/{FILE}"), key=lambda path: path.stat().st_mtime)
    if not plans:
        raise FtbenchError("no sweep below ./multirun. Name one with --sweep FOLDER")
    return next((path for path in reversed(plans) if ended and path.with_name("results.json").is_file()), plans[-1])
