"""Compiles a matrix: jobs as typed -> cells, stages, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ftbench.compile import effort, rules, select
from ftbench.compile.approach import approach_id, is_open
from ftbench.compile.builder import Builder
from ftbench.compile.compose import Composed, Composer
from ftbench.compile.effort import Round
from ftbench.compile.forecast import Forecaster, needed, summary
from ftbench.compile.judging import judge_problems
from ftbench.compile.label import distinct, labels
from ftbench.compile.lower import Graph, Parts, has_weights, lower
from ftbench.compile.point import Examined, Point
from ftbench.compile.rivals import rivals_of
from ftbench.compile.settings import Settings, settings_node
from ftbench.compile.space import take_out
from ftbench.core.canonical import canonical, digest
from ftbench.core.cell import AS_TRAINED, AXES, TRIAL_AXES, Cell, Refusal
from ftbench.core.component import Component, build, plain
from ftbench.core.errors import Problem, Refused, did_you_mean
from ftbench.core.example import Splits, group_sizes
from ftbench.core.plan import Plan
from ftbench.cost.calibration import read as read_calibrations

ID_LENGTH = 10
SEEDED = ("method", "context", "decoding")
"""Axes that the seed may reach. A cell in which it reaches none is the same cell under every seed."""


@dataclass(frozen=True)
class Compiled:
    """A plan, and what became of each typed job.

    Attributes:
        plan: cells, stages and refusals.
        jobs: per job, the id of its cell or refusal, or None where ``matrix.exclude`` took it out.
        notes: sentences about the matrix as a whole.
    """

    plan: Plan
    jobs: tuple[str | None, ...]
    notes: tuple[str, ...]


def compile_matrix(composer: Composer, jobs: Sequence[Sequence[str]], verb: str = "run", search: Round | None = None) -> Compiled:
    """Compiles all jobs of one sweep together.

    Args:
        composer: under the primary config and the user's search path.
        jobs: the overrides of each job, as Hydra's sweeper hands them over.
        verb: ``run`` or ``plan``; a plan may hold what this machine cannot run.
        search: which round of ``effort`` this is, the first by default; nothing without ``effort``.

    Returns:
        The plan. Nothing is raised for a bad cell: it becomes a refusal, so that all of them are seen at once.
    """
    return _Compiler(composer, verb, search or Round()).compile(jobs)


class _Compiler:
    def __init__(self, composer: Composer, verb: str, search: Round) -> None:
        self.composer = composer
        self.verb = verb
        self.round = search
        self.searched: dict[str, effort.Searched] = {}
        self.loose: set[str] = set()
        self.points: list[Point] = []
        self.forecaster: Forecaster | None = None
        self.refusals: dict[str, Refusal] = {}
        self.notes: list[str] = []
        self.builder = Builder(composer)
        self._roots: dict[tuple[str, str], str] = {}

    def compile(self, jobs: Sequence[Sequence[str]]) -> Compiled:
        composed = [self._compose(job) for job in jobs]
        cells = [cell for cell in composed if isinstance(cell, Composed)]
        everywhere = frozenset.intersection(*[cell.idle for cell in cells]) if cells else frozenset()
        self._say_idle(cells, everywhere)
        names = {axis: self.composer.options(axis) for axis in AXES}
        outcome: list[str | None] = []
        points: list[Point] = []
        excluded = 0
        for cell in composed:
            if not isinstance(cell, Composed):
                outcome.append(cell)
                continue
            point = self._point(cell, cells, names, everywhere)
            if point is None:
                excluded += 1
            if isinstance(point, Point):
                points.append(point)
            outcome.append(point if not isinstance(point, Point) else str(len(points) - 1))
        points += self._baselines(points)
        self.loose = {key for point in points for key in self._shown(point) if is_open(key)}
        owners: Sequence[int] = range(len(points))
        if points and not any(point.problems for point in points) and self._settings(points[0].config).effort.wanted:
            expanded = effort.expand(points, self.round, self.loose, lambda config: self._examined(config, self._settings(config)))
            points, owners, self.loose, self.searched = expanded
        ids, plan = self._plan(points, excluded)
        index = {str(owner): identity for owner, identity in reversed(list(zip(owners, ids, strict=True)))}
        return Compiled(plan, tuple(index.get(entry, entry) if entry is not None else None for entry in outcome), (*self.notes, *self.builder.unread_notes()))

    # -- from words to points --------------------------------------------------------------------------------------

    def _compose(self, job: Sequence[str]) -> Composed | str:
        problems = []
        for text in job:
            override = self.composer.parse(text)
            axis, name = override.key_or_group, override.value()
            if axis in AXES and isinstance(name, str) and name not in self.composer.options(axis):
                problems.append(Problem(f"{axis}={name}", f"no such {axis}", did_you_mean(name, self.composer.options(axis))))
            root, _, rest = axis.partition(".")
            problems += rules.unstable_values({root: {rest: name} if rest else name})
        if not problems:
            try:
                cell = self.composer.compose(job)
                config, space = take_out(cell.config)
                return self._with_artifact(replace(cell, config=config, search=space))
            except (HydraException, OmegaConfBaseException) as error:
                cause = f" ({str(error.__cause__).splitlines()[0]})" if error.__cause__ else ""
                problems.append(Problem(" ".join(job), str(error).splitlines()[0] + cause, "Mend this override; --cfg job shows what there is"))
        return self._refuse(tuple(job), {}, {}, " ".join(job), problems)

    def _with_artifact(self, cell: Composed) -> Composed:
        """Returns the cell, shipping what its method wrote where that cannot be merged: it is the same cell under every artifact."""
        method = self.builder.component("method", cell.config["method"])[0]
        if cell.choices["artifact"] == AS_TRAINED or method is None or hasattr(method, "merge"):
            return cell
        config = {**cell.config, "artifact": self.composer.option_node("artifact", AS_TRAINED)}
        return replace(cell, config=config, choices={**cell.choices, "artifact": AS_TRAINED})

    def _refuse(self, overrides: tuple[str, ...], config: dict[str, Any], names: dict[str, str], label: str, problems: list[Problem]) -> str:
        identity = digest({"overrides": list(overrides), "problems": [problem.as_dict() for problem in problems]})[:ID_LENGTH]
        texts = tuple(problem.as_dict() for problem in problems)
        self.refusals[identity] = Refusal(identity, label, names, overrides, config, texts)
        return identity

    def _point(self, cell: Composed, cells: list[Composed], names: dict[str, list[str]], everywhere: frozenset[str]) -> Point | str | None:
        """Returns the point, None when it is excluded, or the id of its refusal."""
        roots = {axis: self._root(axis, cell.choices[axis]) for axis in AXES}
        label = " ".join(roots[axis] for axis in ("model", "method", "context"))
        problems = rules.idle_keys(cell, cells, everywhere) + rules.unstable_values(cell.raw)
        try:
            settings = build(settings_node(cell.config), "")
        except Refused as refused:
            return self._refuse(cell.overrides, cell.config, roots, label, problems + refused.problems)
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
            config = select.couple(cell, self._suited(cell, roots), roots, settings.matrix.couple)
        except KeyError as error:
            problems.append(Problem("matrix.couple", f"sets {error.args[0]}, which {label} does not have", "Narrow its condition, or mend the key"))
            config = cell.config
        return Point(cell, config, roots, tuple(problems))

    def _suited(self, cell: Composed, roots: dict[str, str]) -> dict[str, Any]:
        """Returns the cell's config with what its model prefers for its method, where the method's own default still stands."""
        method, own = cell.config["method"], self.composer.option_node("method", roots["method"]) or {}
        wanted = (cell.config["model"].get("method_defaults") or {}).get(roots["method"], {})
        return {**cell.config, "method": select.preferred(method, own, wanted, "method", cell.values)}

    def _root(self, axis: str, name: str) -> str:
        if (axis, name) not in self._roots:
            self._roots[axis, name] = self.composer.root_option(axis, name)
        return self._roots[axis, name]

    def _say_idle(self, cells: list[Composed], everywhere: frozenset[str]) -> None:
        for key in sorted(frozenset().union(*[cell.idle for cell in cells]) - everywhere):
            axis = key.split(".")[0]
            without = sorted({cell.choices[axis] for cell in cells if key in cell.idle})
            self.notes.append(f"{key} does not apply to {axis}={','.join(without)}, which has no such key")

    # -- baselines -------------------------------------------------------------------------------------------------

    def _baselines(self, points: list[Point]) -> list[Point]:
        """Returns the untouched model, zero-shot and few-shot, for every model, dataset, decoding, hardware and seed.

        A method that names a ``control``, what its gain must be told from, gets that too, in its own context.
        """
        added = []
        seen: set[str] = set()
        for point in points:
            if point.config["matrix"]["baselines"] != "auto":
                continue
            kept = [text for text in point.composed.overrides if self.composer.parse(text).key_or_group.split(".")[0] not in ("method", "context")]
            control = getattr(self.builder.component("method", point.config["method"])[0], "control", None)
            jobs = [[*kept, "method=none", f"context={context}"] for context in ("zero_shot", "few_shot")]
            jobs += [[*kept, f"method={control}", f"context={point.composed.choices['context']}"]] if control else []
            for job in jobs:
                if canonical(job) in seen:
                    continue
                seen.add(canonical(job))
                cell = self._compose(job)
                if isinstance(cell, Composed):
                    roots = {axis: self._root(axis, cell.choices[axis]) for axis in AXES}
                    config = {**self._suited(cell, roots), **{axis: point.config[axis] for axis in ("model", "prompt", "dataset", "decoding", "hardware")}}
                    added.append(Point(cell, config, roots, baseline=True))
        return added

    # -- from points to cells and stages ---------------------------------------------------------------------------

    def _plan(self, points: list[Point], excluded: int) -> tuple[list[str], Plan]:
        graph, cells, ids, self.points = Graph(), {}, [], points
        told = [self._shown(point) for point in points]
        names = labels([(point.names, shown) for point, shown in zip(points, told, strict=True)])
        ways = labels([(_asked(point.names), {key: value for key, value in shown.items() if key != "seed" and not is_open(key)}) for point, shown in zip(points, told, strict=True)])
        first: Settings | None = None
        compared: list[Parts] = []
        metrics: dict[str, Component] = {}
        samples: dict[str, dict[str, int]] = {}
        reports: dict[str, dict[str, Any]] = {}
        tried = [axis for axis in TRIAL_AXES if len({point.names[axis] for point in points}) > 1]
        needs: dict[str, tuple[str, list[str]]] = {}
        for point, label, way in zip(points, names, ways, strict=True):
            settings = self._settings(point.config)
            first = first or settings
            built = self._examined(point.config, settings)
            parts, metrics, splits = built.parts, built.metrics, built.splits
            problems = [*point.problems, *rules.matrix_wide(settings, first), *built.problems]
            if built.report is not None:
                reports[built.report["check"]] = {"dataset": point.names["dataset"], **built.report}
            if parts is None or problems:
                ids.append(self._refuse(point.composed.overrides, point.config, point.names, label, problems))
                continue
            compared.append(parts)
            identity = self._cell_id(parts)
            ids.append(identity)
            if identity not in cells:
                said = [text for metric in metrics.values() for text in metric.remarks(splits)] if splits else []
                if built.harness is not None and not has_weights(parts):
                    said.append("harness: n/a, this model has no weights here to ask")
                notes = tuple(dict.fromkeys([*parts.model.notes(), *(splits.notes if splits else ()), *said]))
                stages, needs[identity] = built.roles, (parts.hardware.name, list(built.needed))
                for key, stage in built.graph.stages.items():
                    graph.stages.setdefault(key, stage)
                if splits is not None:
                    samples[stages["prepare"]] = group_sizes(splits.test)
                values = {key: select.value_at(point.config, key) for key in sorted(self.loose) if "." in key and select.has(point.config, key)}
                values |= {axis: point.names[axis] for axis in tried}
                approach = approach_id(point.config, parts, self.loose)
                cells[identity] = Cell(identity, label, point.names, point.composed.overrides, point.config, stages, point.baseline, notes, approach, way, values)
        ranked = (compared, metrics, first.primary_metric) if first else None
        problems = rules.tokenizer_rules(*ranked) or rules.method_rules(*ranked) if ranked else []
        for identity, cell in list(cells.items()) if problems else []:
            ids = [self._refuse(cell.overrides, cell.config, cell.choices, cell.label, problems) if old == identity else old for old in ids]
            del cells[identity]
        stages = {key: stage for key, stage in graph.stages.items() if cells}
        cells = distinct(cells)
        settings_data = {**plain(first), "samples": samples, "data_checks": list(reports.values())} if first else {}
        store = str(Path(first.store.dir).expanduser().resolve()) if first else ""
        made = summary({identity: needs[identity] for identity in cells}, stages, self.forecaster.found) if self.forecaster is not None and cells else None
        searches = effort.searches(self.searched, tuple(cells.values()))
        return ids, Plan(tuple(cells.values()), stages, tuple(self.refusals.values()), store, settings_data, made, excluded, searches=searches)

    def _settings(self, config: dict[str, Any]) -> Settings:
        return build(settings_node(config), "")

    def _examined(self, config: dict[str, Any], settings: Settings) -> Examined:
        """Builds what a config describes, asks every rule about it, and lowers it where none objects: a trial to validation and the primary metric."""
        parts, metrics, problems = self.builder.parts(config, settings)
        harness, wrong = self.builder.harness(settings)
        checks, unsound = self.builder.checks(settings)
        found = Examined(parts, metrics, harness, None, [*problems, *wrong, *unsound], Graph(), {})
        if parts is None or found.problems:
            return found
        looked = self.builder.looked_at(parts, settings, checks, harness)
        splits, problems = looked.splits, list(looked.problems)
        if splits is not None:
            problems += rules.data_rules(parts, settings, splits) + self.builder.shown(parts, checks, splits)
        elif parts.retrieves and parts.corpus is None:
            problems.append(Problem("dataset.documents", "none are named, and this context shows some", "Set dataset.documents=FILE and dataset.document_text=COLUMN"))
        problems += rules.weightless_rules(parts) + rules.train_context_rules(parts) + rules.backend_rules(parts) + rules.quantised_rules(parts) + rules.harness_rules(parts, harness) + rules.run_rules(parts, self.verb)
        found = found._replace(splits=splits, report=looked.report, problems=problems)
        rivals = rivals_of(self.points, self.builder, parts, settings, metrics, found.graph, harness, checks)
        problems += judge_problems(metrics.values(), rivals, self.verb) + rules.advisory_rules(settings, metrics, config)
        if problems:
            return found
        if self.searched:
            roles = lower(found.graph, parts, settings, {settings.primary_metric: metrics[settings.primary_metric]}, None, checks, ("validation",))
        else:
            roles = lower(found.graph, parts, settings, metrics, harness, checks, rivals=rivals)
        self.forecaster = self.forecaster or Forecaster(read_calibrations(Path(settings.store.dir).expanduser()))
        wanted = {key: found.graph.stages[key] for key in needed(found.graph.stages, roles)}
        return found._replace(roles=roles, needed=tuple(wanted), problems=self.forecaster.problems(parts.hardware, wanted, splits))

    def _shown(self, point: Point) -> dict[str, Any]:
        """Returns the values worth a place in the label: those typed, and those that a couple set."""
        shown = {key: select.value_at(point.config, key) for key in sorted(point.composed.values) if key.split(".")[0] not in ("matrix", "effort", "store", "hydra")}
        if self.round.chosen is not None:
            shown["seed"] = point.config["seed"]
        if not any(component is None or component.seeded for component in (self.builder.component(axis, point.config[axis])[0] for axis in SEEDED)):
            shown.pop("seed", None)
        suited = self._suited(point.composed, point.names)
        for axis in AXES:
            before, after = suited[axis], point.config[axis]
            searched = {key.split(".")[1] for key in point.searched if key.startswith(f"{axis}.")}
            shown.update({f"{axis}.{key}": value for key, value in after.items() if before.get(key) != value and key not in searched})
        shown |= {key: value for key, value in point.searched.items() if key not in AXES}
        return shown | {"seed": shown.pop("seed")} if "seed" in shown else shown  # last, where it is easiest to tell

    def _cell_id(self, parts: Parts) -> str:
        axes = {axis: getattr(parts, axis).identity() for axis in AXES if not getattr(getattr(parts, axis), "empty", False)} | {"dataset": parts.data_identity()}
        seeded = any(getattr(parts, axis).seeded for axis in SEEDED)
        return digest({**axes, "seed": parts.seed if seeded else None})[:ID_LENGTH]


def _asked(names: dict[str, str]) -> dict[str, str]:
    """Returns the options that make an approach: without those that are trials of it."""
    return {axis: "" if axis in TRIAL_AXES else name for axis, name in names.items()}
