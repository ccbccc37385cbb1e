"""The small models that read for a retriever: found, pinned and named in keys as base models are.

They need the packages of the extra ``dense``; a cell that wants one without them can be planned and is refused before it runs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from ftbench.core.component import Remote
from ftbench.core.errors import Problem, Refused
from ftbench.models.revision import folder_digests, folder_of, hub_commit

INSTALL = 'pip install "ftbench[dense]" (sentence-transformers and faiss-cpu), or context/retriever=bm25'


def missing(model: str, revision: str | None, packages: tuple[str, ...]) -> list[Problem]:
    """Returns why a reader that can be planned with cannot be run here, with places relative to its node."""
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    found = []
    if absent:
        found.append(Problem("model", f"needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed", INSTALL))
    if identity(model, revision).get("commit", "") is None:
        why = f"the hub is out of reach and {model} is not in the cache, so its commit is unknown and no result could be found again"
        found.append(Problem("revision", why, "Set it to a 40-digit commit, or name a folder as the model"))
    return found


def problems(model: str, revision: str | None) -> list[Problem]:
    """Returns what is wrong with a reader's name, with places relative to its node."""
    try:
        identity(model, revision)
    except Refused as refused:
        return [Problem(problem.where.removeprefix("model.").replace("name_or_path", "model"), problem.why, problem.fix) for problem in refused.problems]
    return []


def identity(model: str, revision: str | None) -> dict[str, Any]:
    """Returns a folder by its files' hashes, a hub name by its commit, None where that cannot be found out now.

    Raises:
        Refused: when there is no such folder, or the hub knows no such name.
    """
    folder = folder_of(model)
    if folder is None:
        return {"hub": model, "commit": hub_commit(model, revision or "main")}
    if not (folder / "config.json").is_file():
        raise Refused([Problem("model", f"{model!r} is no folder of a model: no config.json in it", "Name a folder as save_pretrained writes it, or a hub id")])
    inside = [folder, *sorted(path for path in folder.iterdir() if path.is_dir() and (path / "config.json").is_file())]
    files = {f"{place.relative_to(folder).as_posix()}/{name}": value for place in inside for name, value in folder_digests(place, False).items()}
    return {"files": files}


def pinned(model: str, revision: str | None) -> tuple[str, str | None]:
    """Returns model and revision as they travel to a worker: an absolute folder, or a hub name and its commit."""
    folder = folder_of(model)
    return (model, identity(model, revision)["commit"] or revision) if folder is None else (str(folder.absolute()), None)


def remotes(model: str, revision: str | None) -> list[Remote]:
    """Returns what ``ftbench fetch`` has to download."""
    return [Remote("model", model, revision)] if folder_of(model) is None else []


def place(model: str) -> str:
    """Returns what the loading library is told: a folder's path or a hub name."""
    folder: Path | None = folder_of(model)
    return model if folder is None else str(folder)
