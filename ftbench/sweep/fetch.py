"""Downloads the models and data sets of a plan from the hub."""

from __future__ import annotations

from pathlib import Path

from ftbench.core.cell import AXES
from ftbench.core.component import Component, Remote, build
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan

LEFT_OUT = ("*.bin", "*.pth", "*.pt", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "original/*", "metal/*", "onnx/*")
"""Other formats of the same weights: only safetensors are read, unless ``model.safetensors_only=false``."""


def remotes_of(plan: Plan) -> list[Remote]:
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
