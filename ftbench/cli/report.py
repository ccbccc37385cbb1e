"""Opens the report of finished or running sweeps in the browser, or writes it to be sent.

    python -m ftbench report                                      # the newest sweep below ./multirun
    python -m ftbench report multirun/2026-11-23/10-30-00 --port 8600
    python -m ftbench report --html comparison.html               # one file that opens anywhere, without a network
    python -m ftbench report --markdown - --csv cells.csv         # for a pull request, for a spreadsheet
    # what the app needs; report comparison.zip opens it elsewhere
    python -m ftbench report --bundle comparison.zip

The app is Streamlit (pip install 'ftbench[report]'); the files need nothing. It listens on this machine alone and asks
nothing of any other. Whatever is written holds no secrets and no places of this machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import Parser, command
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_text
from ftbench.report.app import FIRST_PORT, serve
from ftbench.report.send.bundle import open_bundle, write_bundle
from ftbench.report.send.page import EXAMPLES, html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.view.sweep import Sweep, open_sweeps
from ftbench.sweep.folder import no_results
from ftbench.text import numbers


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0, or the app's exit status.

    Raises:
        FtbenchError: one line for what cannot be opened or written.
    """
    words = _parser().parse_args(argv)
    bundles = [path for path in words.sweeps if path.suffix == ".zip"]
    if bundles and len(words.sweeps) > 1:
        raise FtbenchError(f"{bundles[0]}: a bundle is opened alone. Name it without other sweeps")
    if not bundles:
        return _report(open_sweeps(words.sweeps, ended=_to_be_sent(words)), words, trusted=True)
    with tempfile.TemporaryDirectory(prefix="ftbench-bundle-") as folder:
        return _report(open_bundle(bundles[0], Path(folder)), words, trusted=False)


def _parser() -> Parser:
    found = command("report", __doc__)
    found.add_argument(
        "sweeps",
        nargs="*",
        type=Path,
        metavar="SWEEP",
        help="folder of a sweep (default: the newest below ./multirun that was run), or one bundle",
    )
    found.add_argument("--port", type=_port, help=f"port of the app (default: the first free one from {FIRST_PORT})")
    found.add_argument("--html", type=Path, metavar="FILE", help="write one self-contained HTML file")
    found.add_argument(
        "--examples",
        type=_count,
        default=EXAMPLES,
        metavar="N",
        help=f"examples in the HTML file, spread evenly over the test split (default: {EXAMPLES})",
    )
    found.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the decision as Markdown (- for the terminal)"
    )
    found.add_argument("--csv", type=Path, metavar="FILE", help="write all cells as CSV (- for the terminal)")
    found.add_argument("--bundle", type=Path, metavar="FILE", help="pack what the app needs into a zip file")
    return found


def _report(sweeps: Sequence[Sweep], words: argparse.Namespace, *, trusted: bool) -> int:
    for sweep in sweeps:
        for cell, line in sweep.damaged.items():
            print(f"ftbench: {sweep.name}: {sweep.cells[cell]['label']} counts as not done: {line}", file=sys.stderr)
    if not _to_be_sent(words):
        return serve(sweeps, words.port, trusted=trusted)
    if not any(sweep.results is not None for sweep in sweeps):
        raise no_results(sweeps[0].folder)
    if words.bundle and any(sweep.damaged for sweep in sweeps):
        raise FtbenchError(
            f"--bundle {words.bundle}: what is damaged cannot be packed. Repeat the sweep's command first: it makes"
            " that again"
        )
    if words.bundle:
        print(f"{words.bundle}: {numbers.size(write_bundle(sweeps, words.bundle))}")
    for path, make in (
        (words.html, lambda: html(sweeps, words.examples)),
        (words.markdown, lambda: markdown_text(sweeps)),
        (words.csv, lambda: csv_text(sweeps)),
    ):
        if path is not None:
            _write(path, make())
    return 0


def _to_be_sent(words: argparse.Namespace) -> bool:
    return any((words.html, words.markdown, words.csv, words.bundle))


def _write(path: Path, text: str) -> None:
    """Writes a file whole or not at all; ``-`` is the standard output."""
    if str(path) == "-":
        sys.stdout.write(text)
        return
    write_text(path, text, asked=str(path))
    print(f"{path}: {numbers.size(path.stat().st_size)}")


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no number of examples. Give 0 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port. Give a number from 1 to 65535")
    return int(text)
