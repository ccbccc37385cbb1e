"""A witness for rebuilds: all that ftbench writes and prints for a few whole sweeps, recorded once and compared since.

    python -m tests.witness              # run every case, compare with tests/witness/expected (8 minutes, two cores)
    python -m tests.witness demo review  # only these
    python -m tests.witness --record     # take what is seen now as expected; the diff belongs in the commit

A case runs for real, in an empty store. Then the measured numbers in its receipts (times, memory, and so dollars, marks
and headlines) are replaced by a fixed function of stage and part, and the same command is run again: it finds every
stage finished and renders from the replaced receipts. Keys and ids are shown as names, so that a change of what keys
are taken over changes nothing here.
"""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
import tempfile
from pathlib import Path

from tests.witness.cases import CASES, Case, run_case

EXPECTED = Path(__file__).resolve().parent / "expected"
SHOWN = 40
"""Lines of a difference that are printed; all of it is in the folder that is named."""


def main() -> int:
    """Returns 0 where every case reproduces what is expected, or was recorded."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.witness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", choices=[[], *CASES], metavar="NAME", help=f"of {', '.join(CASES)}; default: all"
    )
    parser.add_argument("--record", action="store_true", help="write what is seen as expected")
    parser.add_argument("--out", type=Path, help="keep what was seen in this folder")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="ftbench-witness-"))
    different = []
    for name in options.names or CASES:
        seen = run_case(CASES[name], out / "work" / name)
        if _compare(CASES[name], seen, out / "seen" / name, record=options.record):
            different.append(name)
    shutil.rmtree(out / "work", ignore_errors=True)
    if different:
        print(f"different: {', '.join(different)}; all of it in {out / 'seen'}")
    return 1 if different else 0


def _compare(case: Case, seen: dict[str, str], folder: Path, *, record: bool) -> bool:
    """Writes what was seen, says how it differs from what is expected, and returns whether it does."""
    place = EXPECTED / case.name if record else folder
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name, text in seen.items():
        (place / name).write_text(text, encoding="utf-8")
    if record:
        print(f"{case.name}: recorded {len(seen)} files")
        return False
    own = EXPECTED / case.name
    expected = {path.name: path.read_text(encoding="utf-8") for path in own.iterdir()} if own.is_dir() else {}
    changed = [name for name in sorted(seen.keys() | expected.keys()) if seen.get(name) != expected.get(name)]
    print(f"{case.name}: {', '.join(changed) + ' differ' if changed else f'{len(seen)} files as expected'}", flush=True)
    for name in changed:
        lines = difflib.unified_diff(
            expected.get(name, "").splitlines(),
            seen.get(name, "").splitlines(),
            f"expected/{name}",
            f"seen/{name}",
            "",
            "",
            1,
            "",
        )
        print("\n".join(line[:400] for line in list(lines)[:SHOWN]))
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main())
