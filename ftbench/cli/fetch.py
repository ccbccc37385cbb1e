"""Downloads what a plan needs from the hub, for machines that will run it without network.

    python -m ftbench plan -m model=llama2_7b,qwen3_8b method=none,lora hardware=h100
    python -m ftbench fetch                       # models and data sets of the newest plan, into the hub's own cache
    python -m ftbench fetch --sweep multirun/2026-11-23/10-30-00-000000 --list

Afterwards the same command runs with HF_HUB_OFFLINE=1; copy the folder that HF_HOME names to carry it elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import command
from ftbench.core.errors import FtbenchError
from ftbench.sweep.fetch import download, remotes_of
from ftbench.sweep.folder import newest, open_folder
from ftbench.text.secrets import scrub


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0, or 1 when something could not be downloaded."""
    parser = command("fetch", __doc__)
    parser.add_argument("--sweep", type=Path, help="folder of a plan or sweep (default: the newest below ./multirun)")
    parser.add_argument("--list", action="store_true", help="only list what is needed")
    words = parser.parse_args(argv)
    remotes = remotes_of(open_folder(words.sweep or newest()).plan)
    if not remotes:
        print("nothing: every model and data set of this plan is a local folder or file")
        return 0
    missing = 0
    for remote in remotes:
        print(f"{remote.kind} {remote.name} at {remote.revision or 'its newest commit'}", flush=True)
        if words.list:
            continue
        try:
            print(f"  {download(remote)}", flush=True)
        except FtbenchError as error:
            missing += 1
            print(f"ftbench: {scrub(str(error))}", file=sys.stderr)
    return 1 if missing else 0
