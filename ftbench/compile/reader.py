"""From the words of a job to a point of the matrix: composed, coupled, with what its model suggests, or refused with
all that is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ftbench.compile import rules, select
from ftbench.compile.builder import Builder
from ftbench.compile.compose import Composer
from ftbench.compile.composed import Composed
from ftbench.compile.learning_rate import with_learning_rates
from ftbench.compile.point import Point
from ftbench.compile.settings import settings_node
from ftbench.compile.space import take_out
from ftbench.core.canonical import canonical, digest
from ftbench.core.cell import AS_TRAINED, AXES, Refusal, axis_of
from ftbench.core.component import build
from ftbench.core.components.names import stable_node
from ftbench.core.errors import Problem, Refused, did_you_mean
from ftbench.text.secrets import scrub

ID_LENGTH = 10


class Reader:
    """Reads the jobs of one matrix.

    Args:
        composer: under the primary config and the user's search path.
        builder: of the matrix.

    Attributes:
        refusals: id -> what was refused so far; whoever finds something later adds to it by ``refuse``.
        notes: sentences about the matrix as a whole.
    """

    def __init__(self, composer: Composer, builder: Builder) -> None:
        self.composer, self.builder = composer, builder
        self.refusals: dict[str, Refusal] = {}
        self.notes: list[str] = []
        self._roots: dict[tuple[str, str], str] = {}

    def compose(self, job: Sequence[str]) -> Composed | str:
        problems = []
        for text in job:
            override = self.composer.parse(text)
            key, value = override.key_or_group, override.value()
            problems += self._unknown(key, value)
            root, _, rest = key.partition(".")
            problems += rules.unstable_values({root: {rest: value} if rest else value})
        if not problems:
            try:
                cell = self.composer.compose(job)
                problems += rules.not_finite(cell.config)
                if not problems:
                    groups = self.composer.groups
                    config, space = take_out(
                        cell.config, [group for group in groups.sub_axes if group in cell.choices], groups.keys_in_full
                    )
                    trackers = config.get("trackers", [])
                    config = {name: node for name, node in config.items() if name != "trackers"}
                    config = stable_node(with_learning_rates(groups.config_in_full(config)))
                    return self._with_artifact(replace(cell, config=config, search=space, trackers=trackers))
            except Refused as refused:
                problems += refused.problems
            except (HydraException, OmegaConfBaseException) as error:
                cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ else ""
                problems.append(
                    Problem(
                        " ".join(job),
                        str(error).splitlines()[0] + cause,
                        "Mend this override; --cfg job shows what there is",
                    )
                )
        return self.refuse(tuple(job), {}, {}, " ".join(job), problems)

    def _unknown(self, key: str, value: Any) -> list[Problem]:
        """Returns a problem for an axis or sub-axis that has no such option, and for a sub-axis that there is not, or
        that is typed as a value.
        """
        groups, axis = self.composer.groups, axis_of(key)
        if key in AXES or groups.is_sub_axis(key):
            known = self.composer.options(key)
            return (
                [Problem(f"{key}={value}", f"no such {key}", did_you_mean(value, known))]
                if isinstance(value, str) and value not in known
                else []
            )
        if axis in AXES and "/" in key:
            return [Problem(f"{key}={value}", f"{axis} has no such sub-axis", did_you_mean(key, groups.below(axis)))]
        if groups.is_sub_axis(key.replace(".", "/")) and isinstance(value, str):
            return [
                Problem(
                    f"{key}={value}",
                    "chooses an option, and is written as a value",
                    f"Write {key.replace('.', '/')}={value}",
                )
            ]
        return []

    def names(self, cell: Composed) -> dict[str, str]:
        """Returns axis -> the option that it resolves to, and so for the sub-axes that the cell has."""
        chosen = (*AXES, *(group for group in self.composer.groups.sub_axes if group in cell.choices))
        return {group: self._root(group, cell.choices[group]) for group in chosen}

    def _with_artifact(self, cell: Composed) -> Composed:
        """Returns the cell, shipping what its method wrote where that cannot be merged: it is the same cell under every
        artifact.
        """
        method = self.builder.component("method", cell.config["method"])[0]
        if cell.choices["artifact"] == AS_TRAINED or method is None or method.mergeable:
            return cell
        config = {**cell.config, "artifact": self.composer.option_node("artifact", AS_TRAINED)}
        return replace(cell, config=config, choices={**cell.choices, "artifact": AS_TRAINED})

    def refuse(
        self,
        overrides: tuple[str, ...],
        config: dict[str, Any],
        names: dict[str, str],
        label: str,
        problems: list[Problem],
    ) -> str:
        problems = [self._in_full(problem) for problem in problems]
        identity = digest({"overrides": list(overrides), "problems": [problem.as_dict() for problem in problems]})[
            :ID_LENGTH
        ]
        texts = tuple(scrub(problem.as_dict()) for problem in problems)
        self.refusals[identity] = Refusal(identity, label, names, overrides, config, texts)
        return identity

    def _in_full(self, problem: Problem) -> Problem:
        """Returns the problem with the fix for an option's file that has a key of a sub-axis at its top, where only the
        command line may write it.
        """
        axis, _, field = problem.where.partition(".")
        groups = self.composer.groups
        homes = (
            [path for path in groups.below(axis) if field in groups.fields(path)]
            if problem.why == "no such key"
            else []
        )
        full = " or ".join(f"{path.replace('/', '.')}.{field}" for path in homes)
        return replace(problem, fix=f"In a file it stands in full: {full}") if homes else problem

    def point(
        self, cell: Composed, cells: list[Composed], names: dict[str, list[str]], everywhere: frozenset[str]
    ) -> Point | str | None:
        """Returns the point, None when it is excluded, or the id of its refusal."""
        roots = self.names(cell)
        label = " ".join(roots[axis] for axis in ("model", "method", "context"))
        problems = rules.idle_keys(cell, cells, everywhere, self.composer.groups.bringing) + rules.unstable_values(
            cell.raw
        )
        problems += self.builder.trackers(cell.trackers, cell.config)[1]
        if cell.trackers != cells[0].trackers:
            problems.append(Problem("trackers", "differs between cells of one matrix", "Give it one value"))
        try:
            settings = build(settings_node(cell.config), "")
        except Refused as refused:
            return self.refuse(cell.overrides, cell.config, roots, label, problems + refused.problems)
        wrong = settings.check() + rules.decision_names(settings.decision, self.composer.options)
        if wrong:
            return Point(cell, cell.config, roots, (*problems, *wrong))
        for condition in settings.matrix.exclude:
            problems += select.unknown_terms(cells, names, condition, "matrix.exclude")
        for rule in settings.matrix.couple:
            problems += select.unknown_terms(cells, names, rule["when"], "matrix.couple")
        if any(select.matches(cell, roots, condition) for condition in settings.matrix.exclude):
            return None
        try:
            config = select.couple(cell, cell.config, roots, settings.matrix.couple)
        except KeyError as error:
            problems.append(
                Problem(
                    "matrix.couple",
                    f"sets {error.args[0]}, which {label} does not have",
                    "Narrow its condition, or mend the key",
                )
            )
            config = cell.config
        return Point(cell, config, roots, tuple(problems))

    def _root(self, axis: str, name: str) -> str:
        if (axis, name) not in self._roots:
            self._roots[axis, name] = self.composer.root_option(axis, name)
        return self._roots[axis, name]

    def say_idle(self, cells: list[Composed], everywhere: frozenset[str]) -> None:
        for key in sorted(frozenset().union(*[cell.idle for cell in cells]) - everywhere):
            without: dict[str, set[str]] = {}
            for cell in (cell for cell in cells if key in cell.idle):
                home = _home(key, cell.choices)
                without.setdefault(home, set()).add(cell.choices[home])
            options = " and ".join(f"{home}={','.join(sorted(names))}" for home, names in sorted(without.items()))
            has_no = ("have" if len(without) > 1 else "has") + (" none" if "/" in key else " no such key")
            self.notes.append(f"{key} does not apply to {options}, which {has_no}")

    def baselines(self, points: list[Point]) -> list[Point]:
        """Returns the untouched model, zero-shot and few-shot, for every model, dataset, decoding, hardware and seed.

        A method that names a ``control``, what its gain must be told from, gets that too, in its own context.
        """
        added = []
        seen: set[str] = set()
        for point in points:
            if point.config["matrix"]["baselines"] != "auto":
                continue
            untrained = [
                text for text in point.composed.overrides if axis_of(self.composer.parse(text).key_or_group) != "method"
            ]
            kept = [text for text in untrained if axis_of(self.composer.parse(text).key_or_group) != "context"]
            method: Any = self.builder.component("method", point.config["method"])[0]
            control = None if method is None else method.control
            jobs = [[*kept, "method=none", f"context={context}"] for context in ("zero_shot", "few_shot")]
            jobs += (
                [[*untrained, f"method={control}", f"context={point.composed.choices['context']}"]] if control else []
            )
            for job in jobs:
                if canonical(job) in seen:
                    continue
                seen.add(canonical(job))
                cell = self.compose(job)
                if isinstance(cell, Composed):
                    roots = self.names(cell)
                    config = {
                        **cell.config,
                        **{axis: point.config[axis] for axis in ("model", "prompt", "dataset", "decoding", "hardware")},
                    }
                    added.append(Point(cell, config, roots, baseline=True))
        return added


def _home(key: str, choices: dict[str, str]) -> str:
    """Returns the axis, or the innermost sub-axis that a cell has, whose options a dotted key or an inner sub-axis
    belongs to.
    """
    place = key.replace("/", ".")
    return max((group for group in choices if place.startswith(f"{group.replace('/', '.')}.")), key=len)
