"""What every ``_target_`` in ``conf/`` is: a frozen dataclass without defaults, built from its YAML node with types
checked.

The YAML holds every value; the class holds the types and the behavior. ``build`` refuses wrong types, unknown keys
and missing keys, which ``hydra.utils.instantiate`` alone does not.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, cast, get_args, get_type_hints

from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from ftbench.core.canonical import canonical, file_digest
from ftbench.core.components.earlier_names import EARLIER, of_today
from ftbench.core.components.names import base_of, class_of, is_ours, name_of
from ftbench.core.errors import Problem, Problems, Refused, did_you_mean
from ftbench.core.example import Splits


@dataclass(frozen=True)
class Remote:
    """A model or data set on the hub.

    Attributes:
        kind: ``model`` or ``dataset``.
        name: hub id, ``owner/name``.
        revision: branch, tag or commit; None for the newest.
        safetensors_only: whether other formats of the same weights can be left out.
    """

    kind: str
    name: str
    revision: str | None
    safetensors_only: bool = True


@dataclass(frozen=True)
class Component:
    """Base of all components: models, methods, contexts, datasets, decodings, hardware, metrics.

    Attributes:
        axis: of the matrix, or of a part of an axis (``context/retriever``).
        key_name: what keys call this class, unique within its axis; each class that can be built declares its own. It
            never changes, wherever the class is moved; a user's class needs none.
        NOT_HASHED: names of the fields that cannot change a result (a label, a batch size that is proven neutral, a
            path whose content is hashed instead). They are left out of ``identity`` and so out of every key.
        SILENT_AT_DEFAULT: field -> the value at which it is left out of ``identity``: a field that was added later, so
            that keys taken before it still hold.
        KEY_NAMES: field -> what ``identity`` calls it: a field that was renamed later, so that keys taken before it
            still hold.
        deployable: False for what no deployed system has, such as the documents that hold each answer. Its cells are
            an upper bound (a ceiling): shown, but neither ranked, compared, priced against others, nor recommended.
            In no key.

    Every hook has a default here or in the base class of its axis (``ftbench/core/components/``).
    """

    axis: ClassVar[str] = ""
    key_name: ClassVar[str] = ""
    NOT_HASHED: ClassVar[tuple[str, ...]] = ()
    SILENT_AT_DEFAULT: ClassVar[Mapping[str, Any]] = {}
    KEY_NAMES: ClassVar[Mapping[str, str]] = {}
    deployable: ClassVar[bool] = True

    @property
    def uses_seed(self) -> bool:
        """True when the cell's seed can change what this component does; else cells of all seeds share the work."""
        return True

    @property
    def empty(self) -> bool:
        """True when this component does nothing at all; then nothing of it is in any key."""
        return False

    def identity(self) -> dict[str, Any]:
        """Returns the plain-JSON part of this component that decides a result; keys are taken over it."""
        cls = type(self)
        parts = {f.name: plain(vars(self)[f.name]) for f in fields(self) if f.name not in self.NOT_HASHED}
        for name, silent in self.SILENT_AT_DEFAULT.items():
            if name in parts and type(parts[name]) is type(silent) and parts[name] == silent:  # 0 is not false
                del parts[name]
        parts = {self.KEY_NAMES.get(name, name): value for name, value in parts.items()}
        code = foreign_source(f"{cls.__module__}.{cls.__qualname__}")
        return {"_target_": name_of(cls), **parts, **({"_source_": code} if code else {})}

    def check(self) -> list[Problem]:
        """Returns what is wrong with these values by themselves (ranges, combinations); empty when nothing is."""
        return []

    def check_data(self, splits: Splits) -> list[Problem]:
        """Returns why these rows do not suffice this component (too few to train on, or to draw shots from)."""
        return []

    def missing(self) -> list[Problem]:
        """Returns why this can be planned with and not be run here: a missing package, an unknown commit."""
        return []

    def remarks(self, splits: Splits) -> list[str]:
        """Returns sentences worth saying about these rows under this component, which refuse nothing."""
        return []

    def remotes(self) -> list[Remote]:
        """Returns what this component takes from the hub, for ``ftbench fetch``; nothing where all is local."""
        return []

    def resolve(self) -> Component:
        """Returns a copy with places made absolute and names pinned, ready to travel to a worker elsewhere."""
        return self


LOADED_AS = ("dtype", "quantization", "attention")
"""Fields of a model that say how its weights are loaded, and nothing of its tokenizer."""


def text_identity(model: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part of a model's identity that two with the same tokens share: a base and the same in 4 bits."""
    return {name: value for name, value in model.items() if name not in LOADED_AS}


def plain(value: Any) -> Any:
    """Returns ``value`` with dataclasses and OmegaConf nodes turned into plain dicts and lists."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, DictConfig) or OmegaConf.is_config(value):
        return OmegaConf.to_container(value, resolve=True)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(vars(value)[f.name]) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def node(component: Component) -> dict[str, Any]:
    """Returns the plain dict, ``_target_`` included, from which ``build`` makes an equal component again."""
    return {"_target_": name_of(type(component)), **plain(component)}


def target_class(path: str, where: str) -> type[Component]:
    """Imports the class that a ``_target_`` names: ``axis/key_name``, a dotted path, or that of an earlier version.

    Raises:
        Refused: when there is no such class, it is no frozen dataclass, or it lacks what its base class asks for.
    """
    try:
        found = class_of(path)
    except ImportError as error:
        if path in EARLIER:
            return target_class(EARLIER[path], where)
        why, fix = f"{path!r} cannot be imported ({error})", "Name a class by its full dotted path"
        raise Refused([Problem(f"{where}._target_", why, fix)]) from error
    if not (isinstance(found, type) and is_dataclass(found)):
        fix = "Derive it from ftbench.core.component.Component"
        raise Refused([Problem(f"{where}._target_", f"{path!r} is not a dataclass", fix)])
    if inspect.isabstract(found):
        why = f"{path} does not define {', '.join(sorted(found.__abstractmethods__))}"
        raise Refused([Problem(f"{where}._target_", why, "Define it, as the base class says")])
    return cast(type[Component], found)


_schemas: dict[type, DictConfig] = {}
_built: dict[str, Component] = {}


def build(config: Mapping[str, Any], where: str) -> Component:
    """Builds the component that a config node describes, memoized per distinct node.

    Args:
        config: a plain, resolved node with ``_target_``.
        where: the config key of the node, for messages (``method``).

    Returns:
        The frozen dataclass instance.

    Raises:
        Refused: with one problem for each wrong type, unknown key and missing key.
    """
    if not isinstance(config, Mapping) or "_target_" not in config:
        raise Refused([Problem(where, "has no _target_", "Choose one of its options, or give the node a _target_")])
    memo = where + canonical(config)
    if memo not in _built:
        _built[memo] = _build(dict(config), where)
    return _built[memo]


def build_for(axis: str, config: Any, where: str = "") -> Component:
    """Builds a component of an axis or sub-axis; see ``build``.

    Raises:
        Refused: also where the class does not derive from the base class of the axis.
    """
    made, base = build(config, where or axis), base_of(axis)
    if isinstance(made, base):
        return made
    problem = Problem(
        f"{where or axis}._target_",
        f"{name_of(type(made))} is no {base.__name__}",
        f"Derive it from {base.__module__}.{base.__qualname__}",
    )
    raise Refused([problem])


def _build(config: dict[str, Any], where: str) -> Component:
    cls = target_class(config.pop("_target_"), where)
    schema = _schema(cls)
    problems = Problems()
    known = {f.name for f in fields(cls)}
    config = of_today(config, known)
    for name in sorted(set(config) - known):
        problems.add(_under(where, name), "no such key", did_you_mean(name, known))
    for name in sorted(known - set(config)):
        problems.add(_under(where, name), "is missing", f"Set {_under(where, name)}=...")
    missing = ""
    if not problems:
        try:
            made: Component = OmegaConf.to_object(OmegaConf.merge(schema, config))  # type: ignore[assignment]  # of cls
            return made
        except OmegaConfBaseException as error:
            # told field by field below, which takes a merge for each and names everything that is wrong
            missing = str(error).splitlines()[0]
    for name in sorted(known & set(config)):
        try:
            OmegaConf.merge(schema, {name: config[name]})
            if config[name] == "???":
                problems.add(_under(where, name), "is not set", f"Set {_under(where, name)}=...")
        except ConfigKeyError as error:
            problems.add(_under(where, error.full_key or name), "no such key", "Remove it")
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            path = error.full_key if error.full_key and error.full_key.startswith(f"{name}.") else name
            problems.add(_under(where, path), reason, f"Give a value of type {_type_name(cls, path)}")
    # nothing wrong in any field: a value is missing deeper than one level
    raise Refused(problems or [Problem(where, missing, "Set it")])


def _under(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _schema(cls: type) -> DictConfig:
    """Returns the structured config of ``cls``, with the read-only flags of nested frozen classes cleared."""
    if cls not in _schemas:
        schema = OmegaConf.structured(cls)
        _writable(schema)
        _schemas[cls] = schema
    return _schemas[cls]


def _writable(config: Any) -> None:
    OmegaConf.set_readonly(config, None)
    with read_write(config), open_dict(config):
        for key in config:
            child = config._get_node(key)
            if isinstance(child, DictConfig) and child._is_missing() and is_dataclass(child._metadata.ref_type):
                config[key] = OmegaConf.structured(child._metadata.ref_type)  # else the merge makes it, read-only again
                child = config._get_node(key)
            if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
                _writable(child)


def _type_name(cls: type, path: str) -> str:
    """Returns what a field is declared as, such as ``float or null``; ``path`` goes through nested dataclasses, and
    ends at a mapping or list.
    """
    name, _, rest = path.partition(".")
    hint = get_type_hints(cls)[name]
    return _type_name(hint, rest) if rest and isinstance(hint, type) and is_dataclass(hint) else _type_words(hint)


def _type_words(hint: Any) -> str:
    parts = get_args(hint)
    if type(None) in parts:
        return " or ".join([*(_type_words(part) for part in parts if part is not type(None)), "null"])
    return str(hint) if parts or not isinstance(hint, type) else hint.__name__


def foreign_source(target: str) -> str | None:
    """Returns the sha256 of the file behind a dotted path outside ftbench, else None.

    Code of ours is versioned by hand (``core.stage.VERSIONS``), so that a changed comment trains nothing again. A
    user's own method or metric has no such number: its file's bytes stand for it.
    """
    module = target.rpartition(".")[0]
    if is_ours(module):
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        return None
    return file_digest(Path(spec.origin))
