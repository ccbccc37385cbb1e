"""Checks ``axis=option`` on the command line before Hydra does, so that every misspelt option is named at once, with
the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftbench.compile.renamed import renamed
from ftbench.compile.settings import ROOT_KEYS
from ftbench.core.cell import AXES
from ftbench.core.errors import FtbenchError, Problem, Problems, Refused, did_you_mean
from ftbench.core.shipped import CONF

CONFIG_DIR = ("--config-dir", "-cd")
VALUED = ("-cd", "-cn", "-cp", "-p")
"""Hydra's short flags that a value follows."""


def check_words(words: Sequence[str]) -> None:
    """Refuses unknown options of any axis or sub-axis.

    A word that is more than names and commas, or a search path that only Hydra can read, is left to Hydra.

    Raises:
        FtbenchError: one line for each option that is nowhere on the search path.
    """
    problems = [*renamed(words), *_unknown_roots(words)]
    own = config_dirs(words)
    for folder in own:
        for name in sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name in ROOT_KEYS):
            fix = f"Name it {name[:-1]}/" if name in ("metrics", "trackers") else "Rename it"
            why = f"holds a folder {name}/, which would hide the setting {name}="
            problems.append(Problem(f"--config-dir {folder}", why, fix))
        problems += [
            problem
            for path in sorted([*folder.glob("*/*.yaml"), *folder.glob("*/*/*.yaml")])
            for problem in _no_option(path)
        ]
    if any(word.lstrip("+").startswith("hydra.searchpath") for word in words):
        words = []
    folders = [CONF, *own]
    for word in words:
        group, equals, names = word.partition("=")
        axis, *sub_axis = group.split("/")
        if (
            axis not in AXES
            or "@" in group
            or not equals
            or not names.replace(",", "").replace("_", "").replace("-", "").isalnum()
        ):
            continue
        if sub_axis and not any((folder / group).is_dir() for folder in folders):
            known = {f"{axis}/{path.name}" for folder in folders for path in (folder / axis).glob("*") if path.is_dir()}
            problems.append(Problem(group, f"{axis} has no such sub-axis", did_you_mean(group, known)))
            continue
        options = {path.stem for folder in folders for path in (folder / group).glob("*.yaml")}
        for name in names.split(","):
            if name not in options:
                problems.append(Problem(f"{group}={name}", f"no such {group}", did_you_mean(name, options)))
    if problems:
        raise Refused(problems)


def _no_option(path: Path) -> list[Problem]:
    """Returns a problem for a file that Hydra would stumble over; what is no YAML at all Hydra names itself, with the
    line.
    """
    import yaml

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        return [Problem(str(path), f"is no UTF-8 (byte {error.start})", "Save it as UTF-8")]
    except yaml.YAMLError:
        return []
    return (
        []
        if node is None or isinstance(node, yaml.MappingNode)
        else [Problem(str(path), "holds no mapping", "Write key: value, one a line")]
    )


def _unknown_roots(words: Sequence[str]) -> list[Problem]:
    """Returns a problem for each plain override whose first part is neither axis nor setting, and for a stray word."""
    problems = Problems()
    known = (*AXES, *ROOT_KEYS, "hydra")
    for index, word in enumerate(words):
        key, equals, value = word.partition("=")
        if word.startswith("~") and key[1:] in known:
            why = f"takes {key[1:]} away, which every cell has"
            problems.add(word, why, f"Choose {key[1:]}=..., or leave it as it is")
        if (
            word.startswith(("-", "+", "~"))
            or (index and words[index - 1].startswith("--") and "=" not in words[index - 1])
            or (index and words[index - 1] in VALUED)
        ):
            continue
        if not equals:
            problems.add(word, "is no override", "A verb is the first word; everything after it is key=value")
        elif key == "recipes":
            problems.add(word, "a recipe is added to what there is", f"Write +{word}")
        elif "/" not in key and "@" not in key and key.split(".")[0] not in known:
            problems.add(key or word, "no such axis or setting", did_you_mean(key.split(".")[0], known))
        elif key == "trackers" and "," in value and not value.startswith("["):
            problems.add(key, f"{value} would be a matrix for each", f"Write trackers=[{value}]")
        elif key.split(".")[0] in ROOT_KEYS:
            problems += _unknown_key(key)
    return problems


def _unknown_key(key: str) -> list[Problem]:
    """Returns a problem for a dotted key that no mapping of ``config.yaml`` has; what is null or empty there
    takes any.
    """
    import yaml

    node = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    for part in key.split("."):
        if not isinstance(node, dict) or not node:
            return []
        if part not in node:
            return [Problem(key, "no such setting", did_you_mean(part, node))]
        node = node[part]
    return []


def check_quotes(words: Sequence[str]) -> None:
    """Refuses a template that Hydra's grammar cannot read without quotes, and says how to write it.

    Raises:
        Refused: with one problem for each such word.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    problems = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or "{" not in value or word.startswith("-"):
            continue
        try:
            OverridesParser.create().parse_override(word)
        except HydraException:
            fix = f"Quote it twice, for the shell and for Hydra: '{key}=\"{value}\"'"
            problems.append(Problem(key, f"{value} is a template, which Hydra reads only in quotes", fix))
    if problems:
        raise Refused(problems)


def config_dirs(words: Sequence[str]) -> list[Path]:
    """Returns the folders that ``--config-dir`` names.

    Raises:
        FtbenchError: where there is no such folder.
    """
    found = []
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in CONFIG_DIR:
            value = value if equals else (words[index + 1] if index + 1 < len(words) else "")
            if not Path(value).is_dir():
                raise FtbenchError(
                    f"{name} {value}: no such folder. Name the folder that holds model/, dataset/ and so on"
                )
            found.append(Path(value))
    return found
