"""Refuses secrets in configs before Hydra writes anything: it keeps them in ``multirun.yaml`` and ``.hydra/``.

``typed_secrets`` looks at the words of a command line, ``filed_secrets`` at the files that they can reach, and
``refuse_secrets`` at configs as they were composed.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ftbench.core.errors import Problem, Refused
from ftbench.core.shipped import CONF, RECIPES
from ftbench.text.secrets import Finder, scrub

FIX = "Export it, and write the variable's name where one is asked for (model.api_key_env=NAME); the hub's is HF_TOKEN"
KEPT = "would be stored in the sweep's files"
FOLDER_FLAGS = ("--config-dir", "-cd", "--config-path", "-cp")
_SEARCH_PATH = re.compile(r"(hydra\.)?searchpath(\[\d+\])?")
DEPTH = 6
"""How far below a folder of options files are looked for."""


def typed_secrets(words: Sequence[str]) -> list[Problem]:
    """Returns a problem for each secret among the words of a command line, with its key and kind, never its text."""
    found = dict.fromkeys(_in_words(words, Finder()))
    return [Problem(place, f"a secret on the command line ({why}) {KEPT}", FIX) for place, why in found]


def filed_secrets(words: Sequence[str]) -> list[Problem]:
    """Returns a problem for each secret in the files that a command line can reach, with file, line, key and kind.

    A file counts as reached when its name stands among the words, or in a file that is reached; so a few that are not
    used are read too.
    """
    found = dict.fromkeys(_in_files(words, Finder()))
    return [Problem(place, f"{why} {KEPT}", FIX) for place, why in found]


def refuse_secrets(configs: Iterable[dict[str, Any]]) -> None:
    """Refuses composed configs that hold a secret, whatever they were composed of.

    Args:
        configs: all at hand at once; a node that several of them share is looked at once.

    Raises:
        Refused: one problem for each key, whatever number of cells has it.
    """
    finder = Finder()
    found: dict[tuple[str, str], None] = {}
    seen: set[int] = set()
    for config in configs:
        for key, node in config.items():
            if not (isinstance(node, dict) and id(node) in seen):
                seen.add(id(node))
                found |= dict.fromkeys(finder.find({key: node}))
    if found:
        raise Refused([Problem(place, f"{why} {KEPT}", FIX) for place, why in found])


def _in_words(words: Sequence[str], finder: Finder) -> Iterator[tuple[str, str]]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for word in words:
        key, equals, text = word.lstrip("+~").partition("=")
        if not equals:
            yield from (("a word of the command line", why) for _, why in finder.find(word))
            continue
        try:
            value = text if word.startswith("-") else _plain(parser.parse_override(word).value())
        except HydraException:  # named later, with the fix; until then it is text
            pairs = re.findall(r"([\w-]+)['\"]?\s*[:=]\s*([^\s,{}\[\]]+)", text)
            value = {name: item.strip("'\"") for name, item in pairs}
        found = list(finder.find({key: value}))
        yield from found or ((scrub(key), why) for _, why in finder.find(text))


def _plain(value: Any) -> Any:
    """Returns the value of an override as plain JSON; of a sweep all that it goes through, where it lists them."""
    from hydra.core.override_parser.types import ChoiceSweep, QuotedString

    if isinstance(value, ChoiceSweep):
        return _plain(value.list)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, QuotedString):
        return value.text
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _in_files(words: Sequence[str], finder: Finder) -> Iterator[tuple[str, str]]:
    """Yields ``file:line: key`` and the kind of each secret in the files that the words can reach."""
    texts = ["config", *words]
    known: dict[Path, None] = dict.fromkeys([CONF, RECIPES, *_folders(words)])
    read: set[Path] = set()
    named = _by_name(known)
    if "glob(" in " ".join(words):
        texts.append(" ".join(named))
    while texts:
        for name in set(re.findall(r"[^\s,/=@\[\]{}()'\":+~]+", texts.pop())):
            for path in named.get(name.removesuffix(".yaml"), ()):
                if path in read:
                    continue
                read.add(path)
                try:
                    text = path.read_text(encoding="utf-8")
                except (OSError, UnicodeDecodeError):  # named by whoever reads it as an option
                    continue
                texts.append(re.sub(r"(?m)(^|\s)#.*", "", text))
                found = list(_lines(text))
                paths = [value for key, value, _ in found if _SEARCH_PATH.fullmatch(key)]
                more = {folder for value in paths for folder in _search_path(value)}
                if more - known.keys():
                    known |= dict.fromkeys(more)
                    named = _by_name(known)
                    texts += [" ".join(words), text]
                for key, value, line in found:
                    yield from ((f"{path}:{line}: {place}", why) for place, why in finder.find({key: value}))


def _by_name(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Returns the YAML files below folders by name without its ending; hidden folders are none of Hydra's."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for base, inner, names in os.walk(folder):
            deep = len(Path(base).relative_to(folder).parts) >= DEPTH
            inner[:] = [] if deep else [name for name in inner if not name.startswith(".")]
            for name in names:
                if name.endswith(".yaml"):
                    found.setdefault(name.removesuffix(".yaml"), []).append(Path(base) / name)
    return found


def _folders(words: Sequence[str]) -> list[Path]:
    found = []
    for index, word in enumerate(words):
        name, equals, value = word.lstrip("+").partition("=")
        if name in FOLDER_FLAGS:
            value = value if equals else words[index + 1] if index + 1 < len(words) else ""
            found.append(Path(value))
        elif name == "hydra.searchpath":
            found += [folder for part in value.strip("[]").split(",") for folder in _search_path(part)]
    return [folder for folder in found if folder.is_dir()]


def _search_path(text: Any) -> list[Path]:
    """Returns the folders of one entry of Hydra's search path: ``file://PATH`` or ``pkg://module``."""
    scheme, separator, place = str(text).strip(" '\"").rpartition("://")
    if scheme != "pkg":
        return [Path(place)] if Path(place).is_dir() else []
    try:
        spec = importlib.util.find_spec(place.replace("/", "."))
    except (ImportError, ValueError):
        return []
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []


def _lines(text: str) -> Iterator[tuple[str, Any, int]]:
    """Yields key, value and line of each scalar of a YAML file; nothing of what is no YAML: Hydra names that."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    except yaml.YAMLError:
        return
    plain = {"int": 0, "float": 0.0, "bool": None, "null": None}
    waiting, seen = [("", root)] if root is not None else [], set()
    while waiting:
        key, node = waiting.pop()
        if not isinstance(node, yaml.ScalarNode):
            if id(node) in seen:  # an anchor may hold itself
                continue
            seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting += [(f"{key}.{name.value}".lstrip("."), item) for name, item in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(f"{key}[{index}]", item) for index, item in enumerate(node.value)]
        else:
            yield key, plain.get(node.tag.rpartition(":")[2], node.value), node.start_mark.line + 1
