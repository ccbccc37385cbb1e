"""Data sets of the Hugging Face hub: pinned to a commit while planning, read while preparing.

Planning asks only for the commit; ``datasets`` is imported when rows are read.
"""

from __future__ import annotations

import re
from typing import Any

from ftbench.core.errors import Problem, Refused

COMMIT = re.compile(r"[0-9a-f]{40}")
TIMEOUT_SECONDS = 10.0
_commits: dict[tuple[str, str | None], str] = {}


def commit(name: str, revision: str | None, where: str) -> str:
    """Returns the commit that a data set's revision stands for now; asked once per process.

    A full commit stands for itself. Anything else is asked of the hub, and of the local cache when the hub is out of
    reach.

    Raises:
        Refused: when neither knows it.
    """
    if revision is not None and COMMIT.fullmatch(revision):
        return revision
    if (name, revision) not in _commits:
        _commits[name, revision] = _asked(name, revision, where)
    return _commits[name, revision]


def _asked(name: str, revision: str | None, where: str) -> str:
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise Refused(
            [
                Problem(
                    where, f"no file {name!r} here, and a hub name needs huggingface_hub", "pip install huggingface_hub"
                )
            ]
        ) from None
    try:
        return HfApi().dataset_info(name, revision=revision, timeout=TIMEOUT_SECONDS).sha
    except HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403, 404):
            why = (
                f"no file {name!r} here, and the hub shows no data set {name!r}"
                + (f" at {revision!r}" if revision else "")
                + f" (HTTP {status})"
            )
            raise Refused(
                [Problem(where, why, "Check the path or the name; for a private or gated one set HF_TOKEN")]
            ) from None
        reason = f"HTTP {status}"
    except HFValidationError:
        raise Refused(
            [Problem(where, f"no file {name[:60]!r} here, and no hub data set can have that name", "Check the path")]
        ) from None
    except (
        Exception
    ) as error:  # whatever the network stack raises: it differs by version, and all of it means out of reach
        reason = type(error).__name__
    cached = _cached(name, revision or "main")
    if cached is None:
        why = f"no file {name!r} here, and the hub cannot be reached to pin a data set {name!r} ({reason})"
        fix = f"Give an existing path, go online, or name the commit: {name}@<40 hexadecimal digits>"
        raise Refused([Problem(where, why, fix)])
    return cached


def _cached(name: str, revision: str) -> str | None:
    """Returns the commit that the local cache last saw for a revision."""
    from pathlib import Path

    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    ref = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="dataset") / "refs" / revision
    text = ref.read_text(encoding="utf-8").strip() if ref.is_file() else ""
    return text if COMMIT.fullmatch(text) else None


def rows(name: str, config: str | None, split: str, revision: str, where: str) -> list[dict[str, Any]]:
    """*Heavy.* Returns the rows of one split at one commit.

    ``datasets`` alone would fall back to whatever version it has cached when the hub is out of reach, so the pinned
    snapshot is named by its folder then.

    Raises:
        Refused: when the split, config or commit cannot be had.
    """
    import datasets
    from huggingface_hub import HfApi, snapshot_download

    try:
        HfApi().dataset_info(name, revision=revision, timeout=TIMEOUT_SECONDS)
        place, pinned = name, {"revision": revision}
    except Exception:
        try:
            place, pinned = snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True), {}
        except Exception as error:
            why = (
                f"{name} at {revision[:12]} is not in the cache and the hub cannot be reached ({type(error).__name__})"
            )
            raise Refused([Problem(where, why, "Go online once, or give a path")]) from None
    try:
        return list(datasets.load_dataset(place, config, split=split, **pinned))
    except Exception as error:
        lines = str(error).strip().splitlines()
        why = (
            f"{name} at {revision[:12]} has no readable split {split!r}: {lines[0] if lines else type(error).__name__}"
        )
        raise Refused([Problem(where, why, "Name config and split as owner/name:config:split")]) from None
