"""Puts each numbered mistake back and shows which test catches it: ``make mutants``.

Every ``NN_name.json`` here holds ``number`` (of the list in docs/mistakes.md, 0 for others), ``mistake``, ``file``,
``find`` (text that occurs once), ``replace`` and ``test``. The patch is applied to a copy of the checkout, never to the
checkout itself.

    python -m tests.mutants              # all
    python -m tests.mutants 05 lora      # those whose name contains one of the words
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COPIED = ("ftbench", "hydra_plugins", "conf", "recipes", "tests", "benchmarks", "docs", "pyproject.toml")


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it is put back, and the test that must then fail."""

    name: str
    number: int
    mistake: str
    file: str
    find: str
    replace: str
    test: str


def mutants() -> list[Mutant]:
    """Reads all mutants, by number and name."""
    found = [Mutant(path.stem, **json.loads(path.read_text(encoding="utf-8"))) for path in HERE.glob("*.json")]
    return sorted(found, key=lambda mutant: (mutant.number, mutant.name))


def apply(mutant: Mutant, tree: Path) -> str:
    """Patches the copied tree and returns the text to restore.

    Raises:
        ValueError: when the text to replace is not there exactly once.
    """
    path = tree / mutant.file
    original = path.read_text(encoding="utf-8")
    if original.count(mutant.find) != 1:
        raise ValueError(
            f"{mutant.name}: its text occurs {original.count(mutant.find)} times in {mutant.file}, not once"
        )
    path.write_text(original.replace(mutant.find, mutant.replace), encoding="utf-8")
    return original


def main() -> int:
    """Returns 0 when every mutant was caught by its test and nothing but the mistake made the test fail."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="run only mutants whose name contains one of these")
    words = parser.parse_args().words
    chosen = [mutant for mutant in mutants() if not words or any(word in mutant.name for word in words)]
    escaped = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "ftbench"
        tree.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                shutil.copy(source, tree / name)
        for mutant in chosen:
            original = apply(mutant, tree)
            try:
                done = _test(tree, mutant.test)
            finally:
                (tree / mutant.file).write_text(original, encoding="utf-8")
            caught = done.returncode == 1 and " failed" in done.stdout
            print(
                f"{'caught ' if caught else 'ESCAPED'} {mutant.number:>2} {mutant.name}: {mutant.mistake}"
                f" [{mutant.test}]",
                flush=True,
            )
            if not caught:
                escaped.append(mutant.name)
                print(done.stdout[-2000:] + done.stderr[-500:])
    print(f"{len(chosen) - len(escaped)} passed, {len(escaped)} failed")
    return 1 if escaped else 0


def _test(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    data = os.environ.get("FTBENCH_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "FTBENCH_SHARED_DATA": data}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", test],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
