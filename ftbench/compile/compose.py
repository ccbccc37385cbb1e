"""Composes thousands of cells fast, and equal to what ``hydra.compose`` gives.

Hydra composes one config in about 0.1 s. A matrix repeats the same few options, so each distinct option is composed
once and a cell is put together from those parts:

* the *frame* of a job is every override that is not ``axis=option`` or a plain ``key=value``: recipes, ``+x=1``,
  ``~x``. Jobs of one matrix mostly share it. The frame alone gives the base config.
* ``axis=option`` is composed once per frame, with each choice of its sub-axes (``context=rag
  context/retriever=dense``). What it changes against the base is its *effect*: its own node, the choice of another axis
  (a preset), or other keys.
* a cell is the base, plus effects, plus its plain values, with ``${a.b}`` resolved.

A value of one option (``method.rank=8``) is typed for a whole matrix, where other options (``method=none``) have no
such key. The command line hands it over as ``++method.rank=8`` so that Hydra's first composition does not stumble; here
it is set where it exists and listed as ``idle`` where it does not. A sub-axis is idle under an option that does not
bring it. The rules refuse what is idle in every cell.

Whatever does not fit this pattern exactly (two effects on one key, a preset that edits another axis's values, an
unknown key) is composed by Hydra itself, so that its result, or its error message, is the real one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from ftbench.compile.composed import Composed, Job, is_axis_value
from ftbench.compile.frames import Fallback, Frames
from ftbench.compile.groups import Groups
from ftbench.compile.hydra_configs import Choices, HydraConfigs
from ftbench.compile.hydra_internals import ConfigLoader, repository_of
from ftbench.compile.interpolate import resolve
from ftbench.compile.select import has
from ftbench.core.cell import AXES


class Composer:
    """Composes cells under one primary config.

    Args:
        loader: Hydra's config loader, as plug-ins and ``hydra.initialize`` have it.
        config_name: name of the primary config.
        hydra_overrides: the ``hydra.*`` overrides of the command line, common to all jobs.

    Attributes:
        groups: axes, sub-axes and options on the search path.
    """

    def __init__(self, loader: ConfigLoader, config_name: str, hydra_overrides: Sequence[str] = ()) -> None:
        self.hydra_overrides = list(hydra_overrides)
        self._parser = OverridesParser.create(config_loader=loader)
        self.groups = Groups(repository_of(loader, config_name, self.hydra_overrides))
        self._parsed: dict[str, Override] = {}
        self._nodes: dict[tuple[str, ...], dict[str, Any] | None] = {}
        self._hydra = HydraConfigs(loader, config_name, self.hydra_overrides)
        self._frames = Frames(self._hydra)

    def compose(self, overrides: Sequence[str]) -> Composed:
        """Composes one job.

        Raises:
            hydra.errors.HydraException: what Hydra itself would say of a bad override.
            Refused: where a key is short for several.
        """
        job = self._sort([self.groups.spelled(text) for text in overrides])
        try:
            raw, choices, idle, replaced = self._frames.compose(job)
        except Fallback:
            raw, choices, idle, replaced = self._whole(job)
        kept = {key: value for key, value in raw.items() if key != "hydra"}
        names = frozenset(
            key for text in job.texts if (key := self.parse(text).key_or_group) not in AXES and "/" not in key
        )
        shown = tuple(text.removeprefix("++") if is_axis_value(self.parse(text)) else text for text in job.texts)
        typed = {**job.typed, **{group: name for group, name in job.parts.items() if group not in idle}}
        chosen = {group: name for group, name in choices.items() if isinstance(name, str)}
        return Composed(resolve(kept), kept, chosen, typed, names - idle, frozenset(idle), shown, frozenset(replaced))

    def parse(self, text: str) -> Override:
        """Returns the parsed override; parsing costs 1 ms, so each distinct text is parsed once."""
        if text not in self._parsed:
            self._parsed[text] = self._parser.parse_override(text)
        return self._parsed[text]

    def options(self, group: str) -> list[str]:
        """Returns the names that ``group=`` takes, a user's ``--config-dir`` included."""
        return self.groups.options(group)

    def root_option(self, group: str, name: str) -> str:
        """Returns the option that a preset is made of (``Groups.root_option``)."""
        return self.groups.root_option(group, name)

    def option_node(self, group: str, name: str, parts: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Returns the unresolved node of ``group/name`` from the search path, or None when there is no such option.

        Args:
            group: such as an axis.
            name: of the option.
            parts: sub-axes -> option, where it is not the one that this option brings.
        """
        parts = parts or {}
        memo = (group, name, *(f"{sub}={chosen}" for sub, chosen in sorted(parts.items())))
        if memo not in self._nodes:
            self._nodes[memo] = self._hydra.node(group, name, parts) if name in self.options(group) else None
        return self._nodes[memo]

    def _sort(self, texts: Sequence[str]) -> Job:
        job = Job(texts=tuple(texts))
        frame: list[str] = []
        for text in texts:
            override = self.parse(text)
            key, plain = (
                override.key_or_group,
                override.package is None and not (override.is_add() or override.is_force_add() or override.is_delete()),
            )
            if plain and key in AXES and isinstance(override.value(), str):
                job.typed[key] = override.value()
            elif plain and self.groups.is_sub_axis(key) and isinstance(override.value(), str):
                job.parts[key] = override.value()
            elif is_axis_value(override) or (
                plain and not key.startswith("hydra.") and not self.groups.is_group(key.replace(".", "/"))
            ):
                job.values.append((key, override.value()))
                job.value_texts.append(text)
            else:
                frame.append(text)
        job.frame = tuple(frame)
        return job

    def _whole(self, job: Job) -> tuple[dict[str, Any], Choices, set[str], set[str]]:
        """Lets Hydra compose the options, then the whole job, less the sub-axes and values that its options have no
        place for.
        """
        words = [*job.frame, *(f"{axis}={name}" for axis, name in job.typed.items())]
        brought = self._hydra.compose(words)[1]
        config, _, taken = self._hydra.with_parts(words, job.parts)
        idle = set(job.parts) - set(taken)
        idle |= {key for key, _ in job.values if key.split(".")[0] in AXES and not has(config, key)}
        rest = [
            text.removeprefix("++")
            for (key, _), text in zip(job.values, job.value_texts, strict=True)
            if key not in idle
        ]
        config, choices = self._hydra.compose([*words, *(f"{group}={name}" for group, name in taken.items()), *rest])
        return config, choices, idle, {group for group, name in taken.items() if brought.get(group) != name}
