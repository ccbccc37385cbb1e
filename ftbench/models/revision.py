"""What a model name stands for: a folder by the hashes of its files, a hub name by its commit. No weights are loaded
here.

Everything is remembered within the process (file hashes by path, size and modification time), because a matrix asks
for the same model once per cell.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from pathlib import Path

from ftbench.core.canonical import file_digest
from ftbench.core.errors import Problem, Refused

PACKAGE = "package://"
COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
HUB_TIMEOUT_SECONDS = 4.0

WEIGHTS = (".safetensors",)
PICKLED = (".bin", ".pt", ".pth")
TEXT = (".json", ".jinja", ".model", ".txt", ".tiktoken", ".py", ".spm")
BYSTANDERS = (
    "license.txt",
    "requirements.txt",
    "use_policy.txt",
    "notice.txt",
    "trainer_state.json",
    "training_args.bin",
    "optimizer.pt",
    "scheduler.pt",
)


def folder_of(name_or_path: str) -> Path | None:
    """Returns the folder that a model name stands for, or None when it is a hub name.

    ``package://ftbench.models.tiny/weights`` is the folder ``weights`` inside that installed package.
    """
    if name_or_path.startswith(PACKAGE):
        package, _, inner = name_or_path.removeprefix(PACKAGE).partition("/")
        try:
            root = importlib.resources.files(package)
        except ModuleNotFoundError as error:
            problem = Problem(
                "model.name_or_path",
                f"{name_or_path}: no package {package}",
                "Name an installed package, a folder or a hub id",
            )
            raise Refused([problem]) from error
        return Path(str(root)) / inner
    path = Path(name_or_path).expanduser()
    if path.is_dir() or not HUB_NAME.fullmatch(name_or_path) or name_or_path.startswith("."):
        return path
    return None


_digests: dict[tuple[str, int, int], str] = {}


def folder_digests(folder: Path, pickled: bool) -> dict[str, str]:
    """Returns relative name -> sha256 of every file in ``folder`` that can change what the model says.

    Weights, configs, tokenizer, chat templates, generation config and code; not the readme or a trainer's leftovers.

    Args:
        folder: a model folder as ``save_pretrained`` writes it.
        pickled: whether pickled weights may be loaded and therefore count.
    """
    suffixes = WEIGHTS + TEXT + (PICKLED if pickled else ())
    places = [folder, *(path for path in [folder / "additional_chat_templates"] if path.is_dir())]
    found = {}
    for path in sorted(path for place in places for path in place.iterdir()):
        if (
            path.suffix in suffixes
            and path.name.lower() not in BYSTANDERS
            and not path.name.startswith(".")
            and path.is_file()
        ):
            status = path.stat()
            memo = (str(path.resolve()), status.st_size, status.st_mtime_ns)
            if memo not in _digests:
                _digests[memo] = file_digest(path)
            found[path.relative_to(folder).as_posix()] = _digests[memo]
    return found


@functools.cache
def hub_commit(name: str, revision: str) -> str | None:
    """Returns the commit that a hub name has at ``revision``: from the hub, else from the local cache, else None.

    Args:
        name: hub id, such as ``meta-llama/Llama-2-7b-hf``.
        revision: branch, tag or commit.

    Raises:
        Refused: when the hub answers that there is no such model or revision, or that it is private.
    """
    if COMMIT.fullmatch(revision):
        return revision
    return _asked_commit(name, revision) or _cached_commit(name, revision)


_hub_is_out_of_reach = False


def _asked_commit(name: str, revision: str) -> str | None:
    global _hub_is_out_of_reach
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE or _hub_is_out_of_reach:
        return None
    try:
        return huggingface_hub.HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT_SECONDS).sha
    except GatedRepoError:
        return None
    except RepositoryNotFoundError as error:
        raise Refused(
            [
                Problem(
                    "model.name_or_path",
                    f"the hub has no model {name}, or it is private",
                    "Check the name, or set HF_TOKEN",
                )
            ]
        ) from error
    except RevisionNotFoundError as error:
        raise Refused(
            [Problem("model.revision", f"{name} has no revision {revision}", "Name a branch, a tag or a 40-hex commit")]
        ) from error
    except Exception:  # no route, a proxy's page, a timeout, a broken answer: all mean that the hub cannot be asked now
        _hub_is_out_of_reach = True
        return None


def _cached_commit(name: str, revision: str) -> str | None:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    reference = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "refs" / revision
    if not reference.is_file():
        return None
    commit = reference.read_text(encoding="utf-8").strip()
    return commit if COMMIT.fullmatch(commit) else None


def cached_snapshot(name: str, commit: str) -> Path | None:
    """Returns the folder of a hub model's files in the local cache, or None when none of them is there."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "snapshots" / commit
    return folder if folder.is_dir() else None
