"""``python -m ftbench fetch``: downloads what a plan needs from the hub, for machines that will run it without network.

    python -m ftbench plan -m model=llama2_7b,qwen3_8b method=none,lora hardware=h100
    python -m ftbench fetch                       # models and data sets of the newest plan, into the hub's own cache
    python -m ftbench fetch --sweep multirun/2026-11-23/10-30-00-000000 --list

Afterwards the same command runs with ``HF_HUB_OFFLINE=1``; copy the folder that ``HF_HOME`` names to carry it
elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ftbench.core.cell import AXES
from ftbench.core.component import Component, Remote, build
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan
from ftbench.sweep.folder import newest, open_folder
from ftbench.text.secrets import scrub

LEFT_OUT = ("*.bin", "*.pth", "*.pt", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "original/*", "metal/*", "onnx/*")
"""Other formats of the same weights: only safetensors are read, unless ``model.safetensors_only=false``."""


def main(argv: Sequence[str]) -> int:
    """Runs the verb; returns 0, or 1 when something could not be had."""
    parser = argparse.ArgumentParser(
        prog="ftbench fetch", description="Downloads the hub models and data sets that a plan names."
    )
    parser.add_argument("--sweep", type=Path, help="folder of a plan or sweep (default: the newest below ./multirun)")
    parser.add_argument("--list", action="store_true", help="only list what is needed")
    words = parser.parse_args(list(argv))
    wanted = needed(open_folder(words.sweep or newest()).plan)
    if not wanted:
        print("nothing: every model and data set of this plan is a local folder or file")
        return 0
    missing = 0
    for remote in wanted:
        print(f"{remote.kind} {remote.name} at {remote.revision or 'its newest commit'}", flush=True)
        if words.list:
            continue
        try:
            print(f"  {download(remote)}", flush=True)
        except FtbenchError as error:
            missing += 1
            print(f"ftbench: {scrub(str(error))}", file=sys.stderr)
    return 1 if missing else 0


def needed(plan: Plan) -> list[Remote]:
    """Returns what the cells of a plan take from the hub, each once, in their order."""
    found: dict[Remote, None] = {}
    for config in (
        *(cell.config for cell in plan.cells),
        *(refusal.config for refusal in plan.refusals if refusal.config),
    ):
        for axis in (axis for axis in AXES if axis in config):
            component: Component = build(config[axis], axis)
            found.update(dict.fromkeys(component.remotes()))
    return list(found)


def download(remote: Remote) -> Path:
    """Downloads one model or data set into the hub's cache, unless it is there; returns its folder.

    Raises:
        FtbenchError: with what the hub answered, and the fix.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    left_out = list(LEFT_OUT) if remote.kind == "model" and remote.safetensors_only else None
    place = f"{remote.kind} {remote.name}"
    try:
        return Path(
            snapshot_download(remote.name, repo_type=remote.kind, revision=remote.revision, ignore_patterns=left_out)
        )
    except GatedRepoError as error:
        raise FtbenchError(f"{place} is gated. Accept its license on the hub and set HF_TOKEN") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise FtbenchError(
            f"{place} at {remote.revision}: the hub has none, or it is private. Check the name, or set HF_TOKEN"
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise FtbenchError(
            f"{place} is not in the cache and the hub is out of reach ({type(error).__name__}). Go online and repeat"
        ) from error
