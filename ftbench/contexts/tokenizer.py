"""A tokenizer's file without its model: what a text's tokens are and where they stand, read by the light ``tokenizers``
package.

A tokenizer is named as a model is, by a folder, ``package://PACKAGE/FOLDER`` or a hub id, the last also as
``NAME@REVISION``. Only its ``tokenizer.json`` counts: models that bring the same bytes share whatever was cut with it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ftbench.core.canonical import file_digest
from ftbench.core.component import Remote
from ftbench.core.errors import FtbenchError, Problem, Refused
from ftbench.models.revision import cached_snapshot, folder_of, hub_commit
from ftbench.text.secrets import scrub

FILE = "tokenizer.json"
PLACE = "tokenizer"


def identity(name: str) -> dict[str, Any]:
    """Returns a folder's tokenizer by the hash of its file, a hub name by its commit, None where that cannot be found
    out now.
    """
    folder, hub, revision = _parts(name)
    return {"hub": hub, "commit": hub_commit(hub, revision)} if folder is None else {FILE: file_digest(folder / FILE)}


def problems(name: str) -> list[Problem]:
    """Returns what is wrong with a tokenizer's name or its file, its place relative to the node that holds it."""
    fix = f"Name a folder with a {FILE}, or a hub id"
    try:
        folder, hub, revision = _parts(name)
        if folder is None:
            hub_commit(hub, revision)
        elif not (folder / FILE).is_file():
            return [Problem(PLACE, f"{name!r} is no folder with a {FILE}", f"{fix}; or cut by words")]
        path = file(name)
        if path is not None:
            load(str(path))
    except Refused as refused:
        return [Problem(PLACE, problem.why, fix) for problem in refused.problems]
    except FtbenchError as error:
        return [Problem(PLACE, str(error), fix)]
    return []


def missing(name: str) -> list[Problem]:
    """Returns why a tokenizer that can be planned with cannot be used here, its place relative to the node that holds
    it.
    """
    if identity(name).get("commit", "") is not None:
        return []
    why = (
        f"the hub is out of reach and {name} is not in the cache, so its commit is unknown and no result could be found"
        " again"
    )
    return [Problem(PLACE, why, "Write NAME@COMMIT with a 40-digit commit, or name a folder")]


def pinned(name: str) -> str:
    """Returns a name as it travels to a worker: an absolute folder, or a hub name at its commit."""
    folder, hub, revision = _parts(name)
    return f"{hub}@{hub_commit(hub, revision) or revision}" if folder is None else str(folder.absolute())


def remotes(name: str) -> list[Remote]:
    """Returns what ``ftbench fetch`` has to download."""
    folder, hub, revision = _parts(name)
    return [Remote("model", hub, revision)] if folder is None else []


def file(name: str) -> Path | None:
    """Returns the tokenizer's file; None for one of the hub that is not in the cache."""
    folder, hub, revision = _parts(name)
    if folder is None:
        commit = hub_commit(hub, revision)
        folder = cached_snapshot(hub, commit) if commit else None
    return folder / FILE if folder is not None and (folder / FILE).is_file() else None


def fetched(name: str) -> Path:
    """Returns the tokenizer's file, downloaded where it is not here.

    Raises:
        FtbenchError: when it cannot be had; one line.
    """
    found = file(name)
    if found is not None:
        return found
    import huggingface_hub

    _, hub, revision = _parts(name)
    try:
        return Path(huggingface_hub.hf_hub_download(hub, FILE, revision=revision))
    except Exception as error:
        reason = scrub(" ".join(str(error).split()))[:200]
        raise FtbenchError(
            f"the {FILE} of {name} cannot be fetched ({reason}). Name a tokenizer's folder, or cut by words"
        ) from error


@functools.lru_cache(maxsize=8)
def load(path: str) -> Any:
    """Returns a ``tokenizers.Tokenizer`` that neither cuts a long text off nor fills a short one up.

    Raises:
        FtbenchError: when the file is none; one line.
    """
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(path)
    except Exception as error:  # the package raises nothing narrower
        raise FtbenchError(f"{path} is no tokenizer ({scrub(' '.join(str(error).split()))[:120]})") from error
    made.no_truncation()
    made.no_padding()
    return made


def _parts(name: str) -> tuple[Path | None, str, str]:
    """Returns the folder, or None with the hub's name and the revision."""
    hub, _, revision = name.partition("@")
    if revision and folder_of(hub) is None and not Path(name).is_dir():
        return None, hub, revision
    return folder_of(name), name, "main"
