"""``python -m ftbench report [SWEEP...]``: opens the report of finished or running sweeps in the browser, or writes it
to be sent.

    python -m ftbench report                                      # the newest sweep below ./multirun
    python -m ftbench report multirun/2026-11-23/10-30-00 --port 8600
    python -m ftbench report --html comparison.html               # one file that opens anywhere, without a network
    python -m ftbench report --markdown - --csv cells.csv         # for a pull request, for a spreadsheet
    # what the app needs; report comparison.zip opens it elsewhere
    python -m ftbench report --bundle comparison.zip

The app is Streamlit (``pip install 'ftbench[report]'``); the files need nothing. It listens on this machine alone and
asks nothing of any other. Whatever is written holds no secrets and no places of this machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_text
from ftbench.core.shipped import REPORTS
from ftbench.report.draw.style import DARK, FONT, LIGHT
from ftbench.report.send.bundle import open_bundle, write_bundle
from ftbench.report.send.page import EXAMPLES, html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.view.sweep import Sweep, open_sweeps
from ftbench.text import numbers

FIRST_PORT = 8501
BUTTON = "#1c76b3"
"""Streamlit writes white on its primary colour; the accent of the dark theme is too light for that."""


def main(argv: Sequence[str]) -> int:
    """Runs the verb; returns 0, or the app's exit status.

    Raises:
        FtbenchError: one line for what cannot be opened or written.
    """
    words = parser().parse_args(list(argv))
    bundles = [path for path in words.sweeps if path.suffix == ".zip"]
    if bundles and len(words.sweeps) > 1:
        raise FtbenchError(f"{bundles[0]}: a bundle is opened alone. Name it without other sweeps")
    if not bundles:
        return _report(open_sweeps(words.sweeps, ended=_to_be_sent(words)), words, trusted=True)
    with tempfile.TemporaryDirectory(prefix="ftbench-bundle-") as folder:
        return _report(open_bundle(bundles[0], Path(folder)), words, trusted=False)


def _report(sweeps: Sequence[Sweep], words: argparse.Namespace, *, trusted: bool) -> int:
    for sweep in sweeps:
        for cell, line in sweep.damaged.items():
            print(f"ftbench: {sweep.name}: {sweep.cells[cell]['label']} counts as not done: {line}", file=sys.stderr)
    if not _to_be_sent(words):
        return serve(sweeps, words.port, trusted=trusted)
    if not any(sweep.results is not None for sweep in sweeps):
        raise FtbenchError(
            f"{sweeps[0].folder}: has no results yet. Run the sweep to its end; without --html and the like, report"
            " shows how far it is"
        )
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


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="ftbench report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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


def serve(sweeps: Sequence[Sweep], port: int | None, *, trusted: bool = True) -> int:
    """Runs the app until it is stopped.

    Raises:
        FtbenchError: when Streamlit is not installed or the port is taken.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise FtbenchError(
            "streamlit is not installed, so the app cannot be opened. pip install 'ftbench[report]'; --html FILE needs"
            " nothing"
        )
    chosen = _free(port)
    asked = {
        "trusted": trusted,
        "sweeps": [
            {
                "folder": str(sweep.folder.resolve()),
                "name": sweep.name,
                "store": str(sweep.moved) if sweep.moved else None,
            }
            for sweep in sweeps
        ],
    }
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(REPORTS / "app.py"),
        *(f"--{name}={value}" for name, value in options(chosen).items()),
        "--",
        json.dumps(asked),
    ]
    print(
        f"report: http://localhost:{chosen}  ({', '.join(sweep.name for sweep in sweeps)}; Ctrl-C ends it)", flush=True
    )
    process = subprocess.Popen(
        command, env={**os.environ, "STREAMLIT_SERVER_SHOW_EMAIL_PROMPT": "false"}, stdout=subprocess.DEVNULL
    )
    previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()
        print()
        return 0
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0 if status in (0, -signal.SIGTERM, -signal.SIGINT) else status


def options(port: int) -> dict[str, Any]:
    """Returns Streamlit's settings: the theme, no toolbar for developers, no statistics to anybody, this
    machine alone.
    """
    found: dict[str, Any] = {
        "server.port": port,
        "server.address": "localhost",
        "server.headless": "false" if _display() else "true",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "theme.font": FONT,
        "theme.baseRadius": "6px",
    }
    for name, colours, button in (("light", LIGHT, LIGHT["accent"]), ("dark", DARK, BUTTON)):
        found |= {
            f"theme.{name}.primaryColor": button,
            f"theme.{name}.backgroundColor": colours["ground"],
            f"theme.{name}.secondaryBackgroundColor": colours["panel"],
            f"theme.{name}.textColor": colours["ink"],
            f"theme.{name}.linkColor": colours["accent"],
            f"theme.{name}.borderColor": colours["line"],
        }
    return found


def _display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no number of examples. Give 0 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port. Give a number from 1 to 65535")
    return int(text)


def _free(port: int | None) -> int:
    """Returns the port asked for, or the first free one.

    Raises:
        FtbenchError: when it is taken.
    """
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
                return candidate
            except OSError:
                continue
    raise FtbenchError(
        f"--port {port}: is in use. Give another one"
        if port
        else "no port from 8501 to 8600 is free. Give one with --port"
    )
