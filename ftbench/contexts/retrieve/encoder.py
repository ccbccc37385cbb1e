"""The small models that read for a retriever: found, pinned and named in keys as base models are.

They need the packages of the extra ``dense``; a cell that wants one without them can be planned and is refused before
it runs.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from ftbench.core.component import Remote
from ftbench.core.errors import Problem, Refused
from ftbench.models import weight_files
from ftbench.models.revision import folder_digests, folder_of, hub_commit

_held: dict[tuple[str, str, str | None], Any] = {}
INSTALL = 'pip install "ftbench[dense]" (sentence-transformers and faiss-cpu), or context/retriever=bm25'


def missing(model: str, revision: str | None, packages: tuple[str, ...]) -> list[Problem]:
    """Returns why a reader that can be planned with cannot be run here, with places relative to its node."""
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    found = []
    if absent:
        found.append(
            Problem(
                "model",
                f"needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed",
                INSTALL,
            )
        )
    if identity(model, revision).get("commit", "") is None:
        why = (
            f"the hub is out of reach and {model} is not in the cache, so its commit is unknown and no result could be"
            " found again"
        )
        found.append(Problem("revision", why, "Set it to a 40-digit commit, or name a folder as the model"))
    return found


def problems(model: str, revision: str | None) -> list[Problem]:
    """Returns what is wrong with a reader's name, with places relative to its node."""
    try:
        identity(model, revision)
    except Refused as refused:
        return [
            Problem(problem.where.removeprefix("model.").replace("name_or_path", "model"), problem.why, problem.fix)
            for problem in refused.problems
        ]
    folder = folder_of(model)
    inside = [] if folder is None else [place for place in _model_folders(folder) if any(place.glob("*.safetensors*"))]
    found = (weight_files.problems(place, "model", pickled=False, causal=False) for place in inside)
    return [problem for problems in found for problem in problems]


def identity(model: str, revision: str | None) -> dict[str, Any]:
    """Returns a folder by its files' hashes, a hub name by its commit, None where that cannot be found out now.

    Raises:
        Refused: when there is no such folder, or the hub knows no such name.
    """
    folder = folder_of(model)
    if folder is None:
        return {"hub": model, "commit": hub_commit(model, revision or "main")}
    if not (folder / "config.json").is_file():
        why = f"{model!r} is no folder of a model: no config.json in it"
        raise Refused([Problem("model", why, "Name a folder as save_pretrained writes it, or a hub id")])
    inside = _model_folders(folder)
    files = {
        f"{place.relative_to(folder).as_posix()}/{name}": value
        for place in inside
        for name, value in folder_digests(place, False).items()
    }
    return {"files": files}


def _model_folders(folder: Path) -> list[Path]:
    """Returns a model's folder and those of its modules (pooling, projections)."""
    return [folder, *sorted(path for path in folder.iterdir() if path.is_dir() and (path / "config.json").is_file())]


def pinned(model: str, revision: str | None) -> tuple[str, str | None]:
    """Returns model and revision as they travel to a worker: an absolute folder, or a hub name and its commit."""
    folder = folder_of(model)
    return (
        (model, identity(model, revision)["commit"] or revision) if folder is None else (str(folder.absolute()), None)
    )


def unscoring(model: str) -> list[Problem]:
    """Returns why the model of a folder cannot score pairs: loaded as a classifier, any other model would answer with
    random weights.
    """
    folder = folder_of(model)
    config = {} if folder is None else json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kinds, labels = config.get("architectures") or [], config.get("num_labels") or len(config.get("id2label") or [0, 1])
    fix = "Name a cross-encoder with one output, such as cross-encoder/ms-marco-MiniLM-L6-v2"
    if folder is None:
        return []
    if not any(kind.endswith("ForSequenceClassification") for kind in kinds):
        why = f"{model!r} is a {', '.join(kinds) or 'model of unknown kind'}, which scores no pairs"
        return [Problem("model", why, fix)]
    return [] if labels == 1 else [Problem("model", f"{model!r} has {labels} outputs, and one score is wanted", fix)]


def remotes(model: str, revision: str | None) -> list[Remote]:
    """Returns what ``ftbench fetch`` has to download."""
    return [Remote("model", model, revision)] if folder_of(model) is None else []


def reader(kind: str, model: str, revision: str | None) -> Any:
    """*Heavy.* Returns a loaded ``SentenceTransformer`` or ``CrossEncoder``, which stays until ``release``.

    Raises:
        FtbenchError: when the model lacks tensors, which would be filled with random numbers (mistake 39).
    """
    import sentence_transformers

    from ftbench.models.loading_info import checked_loading

    held = kind, model, revision
    if held not in _held:
        with checked_loading(f"context.retriever.model={model}"):
            _held[held] = getattr(sentence_transformers, kind)(place(model), revision=revision)
    return _held[held]


def release() -> None:
    """Lets go of all loaded readers: the model that answers wants their memory."""
    _held.clear()


def place(model: str) -> str:
    """Returns what the loading library is told: a folder's path or a hub name."""
    folder: Path | None = folder_of(model)
    return model if folder is None else str(folder)
