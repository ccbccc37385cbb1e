"""What lm-eval tasks there are and which files each is made of, read from their YAML without importing lm-eval.

A task of one's own is a YAML file anywhere below ``harness.include_path``; the bytes of everything it is made of (the
files it includes, functions that stand beside it, local data) go into keys, so that an edited task runs again.
lm-eval's own tasks come with the package: its version stands for them.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

IGNORED = ("__pycache__", ".ipynb_checkpoints")
FUNCTION = "!function "
_NAME = re.compile(rb"""^[ \t-]*["']?(?:task|group)["']?:[ \t]*["']?([\w.+:%@()-]+)""", re.M)
_TAGS = re.compile(rb"""^[ \t-]*["']?tag["']?:[ \t]*((?:.*)(?:\r?\n[ \t]*(?:-.*|\[[^\]]*\]))*)""", re.M)


@dataclass(frozen=True)
class Entry:
    """A task, a group or a tag of ``harness.include_path``.

    Attributes:
        path: its YAML file; None for a tag, which several tasks name.
        config: what the file says, with what it includes.
        members: names of what a group or a tag consists of; empty for a task.
    """

    path: Path | None
    config: dict[str, Any]
    members: tuple[str, ...]


@dataclass(frozen=True)
class Folder:
    """Everything below one ``include_path``.

    Attributes:
        entries: name -> entry.
        broken: YAML files that cannot be read, with the reason.
    """

    entries: dict[str, Entry]
    broken: dict[str, str]

    def has_all(self, names: Sequence[str]) -> bool:
        """Says whether everything that these names need is in this folder, so that lm-eval's own tasks need not be
        searched.
        """
        return all(name in self.entries for name in self.reached(names))

    def files(self, names: Sequence[str]) -> tuple[list[Path], list[str]]:
        """Returns the files that these tasks are made of, local data included, and data files that are not there."""
        found: dict[Path, None] = {}
        absent = []
        for name in self.reached(names):
            entry = self.entries.get(name)
            if entry is None or entry.path is None:
                continue
            for path in _chain(entry.path):
                found[path] = None
                found.update(dict.fromkeys(_functions(path)))
            for text in data_files(entry.config):
                path = Path(text)
                if path.is_file():
                    found[path.resolve()] = None
                elif path.is_dir():
                    found.update(dict.fromkeys(sorted(one.resolve() for one in path.rglob("*") if one.is_file())))
                else:
                    absent.append(f"{name}: {text}")
        return list(found), absent

    def reached(self, names: Sequence[str]) -> list[str]:
        """Returns these names and all that they consist of, groups and tags before their members."""
        reached: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name not in reached:
                reached[name] = None
                waiting += self.entries[name].members if name in self.entries else ()
        return list(reached)


def read_folder(folder: Path) -> Folder:
    """Reads every YAML file below ``folder`` as lm-eval would; one that it would skip without a word is listed as
    broken.
    """
    entries: dict[str, Entry] = {}
    broken: dict[str, str] = {}
    tags: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.yaml"), key=lambda path: path.as_posix()):
        if any(part in IGNORED for part in path.parts):
            continue
        try:
            config = _merged(path, ())
        except (OSError, yaml.YAMLError, ValueError) as error:
            broken[str(path)] = str(error).splitlines()[0]
            continue
        name = config.get("group") if "group" in config and "class" not in config else config.get("task")
        if not isinstance(name, str):
            continue  # a file that others include
        members = (
            tuple(_member(item) for item in config.get("task") or ())
            if "group" in config and isinstance(config.get("task"), list)
            else ()
        )
        entries.setdefault(name, Entry(path, config, tuple(member for member in members if member)))
        for tag in _listed(config.get("tag")) if "group" not in config else ():
            tags.setdefault(tag, []).append(name)
    for tag, names in tags.items():
        entries.setdefault(tag, Entry(None, {}, tuple(names)))
    return Folder(entries, broken)


def data_files(config: dict[str, Any]) -> list[str]:
    """Returns the places of a task's local data as its YAML gives them; nothing for data from the hub."""
    arguments = config.get("dataset_kwargs") or {}
    found = list(_texts(arguments.get("data_files"))) if isinstance(arguments, dict) else []
    root = arguments.get("data_dir") if isinstance(arguments, dict) else None
    if root is not None and Path(str(root)).exists():
        found = [str(Path(root) / text) for text in found] or [str(root)]
    place = config.get("dataset_path")
    if isinstance(place, str) and Path(place).exists():
        found.append(place)
    return [text for text in found if "://" not in text and not any(sign in text for sign in "*?[")]


@lru_cache(maxsize=1)
def shipped_names() -> frozenset[str] | None:
    """Returns the names of the tasks, groups and tags that come with lm-eval, found by their text (0.4 s); None without
    lm-eval.
    """
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        return None
    names: set[str] = set()
    for path in (Path(spec.submodule_search_locations[0]) / "tasks").rglob("*"):
        if path.suffix not in ("", ".yaml", ".yml") or not path.is_file():  # what tasks include often has no ending
            continue
        text = path.read_bytes()
        names.update(name.decode() for name in _NAME.findall(text))
        for block in _TAGS.findall(text):
            names.update(name.decode() for name in re.findall(rb"[\w.+-]+", block))
    return frozenset(names)


class _Loader(yaml.SafeLoader):
    """Reads ``!function module.name`` as text."""


_Loader.add_constructor("!function", lambda loader, node: FUNCTION + str(node.value))


def _merged(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    path = path.resolve()
    if path in seen:
        raise ValueError(f"includes itself by way of {path.name}")
    config = _own(path)
    merged: dict[str, Any] = {}
    for name in _listed(config.pop("include", None)):
        merged.update(_merged(path.parent / name, (*seen, path)))
    return {**merged, **config}


def _chain(path: Path) -> Iterator[Path]:
    """Yields a YAML file and all that it includes; ``_merged`` has seen that there is no circle."""
    yield path.resolve()
    for name in _listed(_own(path).get("include")):
        yield from _chain(path.parent / name)


def _own(path: Path) -> dict[str, Any]:
    config = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    if not isinstance(config, dict):
        raise ValueError("is no mapping of keys to values")
    return config


def _functions(path: Path) -> Iterator[Path]:
    """Yields the Python files beside a YAML that its ``!function`` values name."""
    for text in _texts(_own(path)):
        if text.startswith(FUNCTION):
            module = path.parent / (text.removeprefix(FUNCTION).rpartition(".")[0].replace(".", "/") + ".py")
            if module.is_file():
                yield module.resolve()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _member(item: Any) -> str | None:
    return (
        item if isinstance(item, str) else (item.get("task") or item.get("group")) if isinstance(item, dict) else None
    )
