"""A stage: one cacheable piece of work, named by a key over everything that can change its result.

``spec`` is what the key is taken over; ``config`` is what the body needs to run (paths, batch sizes, whole nodes).
Whatever can change a result must be in ``spec``: bodies read values from components built of ``config``, and the
compiler takes ``spec`` from the same components' ``identity()``, so the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ftbench.core.canonical import digest

VERSIONS: dict[str, int] = {
    "prepare": 2,
    "check": 2,
    "tokens": 2,
    "documents": 1,
    "index": 3,
    "reference": 2,
    "train": 2,
    "merge": 1,
    "generate": 4,
    "likelihood": 6,
    "harness": 1,
    "judge": 1,
    "score": 3,
}
"""Version of each stage's body. Raise one when the same spec would give another result; old results are then
not found.
"""


SCHEME = 2
"""How identities are written into keys. Raised when that changes for all of them; 1 named components by the path of
their class.
"""

RECORD = "stage.json"
"""File in a finished stage's folder that says what its key was taken over."""


@dataclass(frozen=True)
class Stage:
    """One node of the plan's graph.

    Attributes:
        kind: name of the body, a module of ``ftbench.stages`` with a ``run`` function.
        spec: plain JSON, hashed: component identities, seed, split.
        inputs: role -> key of the stage whose folder is read.
        config: plain JSON, not hashed: full component nodes and whatever only says where and how to run.
        model: identity digest of the base model that the body loads, or None; a worker that has it is preferred.
        version: of the body that the key is taken over; 0 becomes that of this code.
        scheme: see ``SCHEME``.
        key: sha256, computed.
    """

    kind: str
    spec: dict[str, Any]
    inputs: dict[str, str]
    config: dict[str, Any]
    model: str | None = None
    version: int = 0
    scheme: int = SCHEME
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", self.version or VERSIONS[self.kind])
        object.__setattr__(self, "key", stage_key(self.kind, self.spec, self.inputs, self.version))

    @property
    def current(self) -> bool:
        """Whether this code makes it: a stage of an earlier version can be read, but not run."""
        return self.version == VERSIONS.get(self.kind) and self.scheme == SCHEME

    @property
    def held(self) -> str | None:
        """The model that a worker holds once this stage is done: the one that it made, else the one that it loaded."""
        return self.key if self.kind == "merge" else self.model

    def as_dict(self) -> dict[str, Any]:
        return {**self.record(), "config": self.config, "model": self.model}

    def record(self) -> dict[str, Any]:
        """Returns what the key was taken over, and nothing else; no path of a machine is in it."""
        taken = {"kind": self.kind, "version": self.version, "spec": self.spec, "inputs": self.inputs}
        return {"key": self.key, "scheme": self.scheme, **taken}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Stage:
        """Rebuilds a stage from ``plan.json`` and checks that its key still is what it says.

        Raises:
            ValueError: when the key differs: the file was edited.
        """
        of_key = (data["version"], data.get("scheme", 1))
        stage = cls(data["kind"], data["spec"], data["inputs"], data["config"], data["model"], *of_key)
        if stage.key != data["key"]:
            raise ValueError(f"stage {data['key'][:12]} does not match its spec; compile the plan again")
        return stage


def stage_key(kind: str, spec: dict[str, Any], inputs: dict[str, str], version: int | None = None) -> str:
    """Returns the full sha256 over kind, code version (that of this code unless given), resolved spec and the keys of
    the inputs (docs/mistakes.md, number 38).
    """
    return digest({"kind": kind, "version": version or VERSIONS[kind], "spec": spec, "inputs": inputs})


def with_inputs(stages: Mapping[str, Stage], keys: Iterable[str]) -> list[str]:
    """Returns the given keys and those of all that they read from, directly or not, in the order of ``stages``."""
    wanted: set[str] = set()
    ahead = list(keys)
    while ahead:
        key = ahead.pop()
        if key not in wanted:
            wanted.add(key)
            ahead += stages[key].inputs.values()
    return [key for key in stages if key in wanted]
