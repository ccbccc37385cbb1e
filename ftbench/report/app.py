"""Serves the report as a Streamlit app, to the browser of this machine alone."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.shipped import REPORTS
from ftbench.report.draw.style import DARK, FONT, LIGHT
from ftbench.report.view.sweep import Sweep

FIRST_PORT = 8501
BUTTON = "#1c76b3"
"""Streamlit writes white on its primary color; the accent of the dark theme is too light for that."""


def serve(sweeps: Sequence[Sweep], port: int | None, *, trusted: bool = True) -> int:
    """Runs the app until it is stopped.

    Args:
        sweeps: to show.
        port: to listen on; None for the first free one.
        trusted: whether classes and functions that the sweeps name may be imported.

    Returns:
        The exit status.

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
