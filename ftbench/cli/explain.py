"""Says what a cell or a stage is, what its key was taken over, and why it is or is not cached.

python -m ftbench explain 3f9a1c              # a prefix of a stage key or a cell id, in the newest sweep
python -m ftbench explain 3f9a1c --sweep multirun/2026-11-23/10-30-00
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import command
from ftbench.compile.explain import explain
from ftbench.sweep.folder import newest, open_folder


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        FtbenchError: when nothing has such a key.
    """
    parser = command("explain", __doc__)
    parser.add_argument("key", help="a cell id or a stage key, or the beginning of one")
    parser.add_argument("--sweep", type=Path, help="folder of a sweep (default: the newest below ./multirun)")
    words = parser.parse_args(argv)
    folder = open_folder(words.sweep or newest())
    print("\n".join(explain(folder.plan, folder.store, words.key)))
    return 0
