"""Compiles a matrix: jobs as typed -> points (``jobs``) -> cells, stages, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.compile import effort, rules, select
from ftbench.compile.approach import approach_id, is_open
from ftbench.compile.builder import Builder
from ftbench.compile.compose import Composer
from ftbench.compile.composed import Composed
from ftbench.compile.effort import Round
from ftbench.compile.forecast import Forecaster
from ftbench.compile.forecast_summary import summary
from ftbench.compile.jobs import ID_LENGTH, JobReader
from ftbench.compile.judging import judge_problems
from ftbench.compile.label import distinct, labels
from ftbench.compile.lower import Graph, Parts, lower
from ftbench.compile.no_secrets import refuse_secrets
from ftbench.compile.point import Examined, Point
from ftbench.compile.rivals import rivals_of
from ftbench.compile.settings import Settings, settings_node
from ftbench.core.canonical import digest
from ftbench.core.cell import AXES, TRIAL_AXES, Cell, axis_of, configuration_key, option_words
from ftbench.core.component import Component, build, plain
from ftbench.core.errors import Problem
from ftbench.core.example import group_sizes
from ftbench.core.plan import Plan
from ftbench.core.stage import with_inputs
from ftbench.cost.calibration import read as read_calibrations
from ftbench.text.secrets import scrub

SEEDED = ("method", "context", "decoding")
"""Axes that the seed may reach. A cell in which it reaches none is the same cell under every seed."""

NOT_DEPLOYABLE = "cannot be deployed: a ceiling, which stands below the table and is neither ranked nor recommended"
"""What a plan says of the options that make a cell an upper bound."""


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


def compile_matrix(
    composer: Composer, jobs: Sequence[Sequence[str]], verb: str = "run", search: Round | None = None
) -> Compiled:
    """Compiles all jobs of one sweep together.

    Args:
        composer: under the primary config and the user's search path.
        jobs: the overrides of each job, as Hydra's sweeper hands them over.
        verb: ``run`` or ``plan``; a plan may hold what this machine cannot run.
        search: which round of ``effort`` this is, the first by default; nothing without ``effort``.

    Returns:
        The plan. Nothing is raised for a bad cell: it becomes a refusal, so that all of them are seen at once.

    Raises:
        Refused: where a config holds a secret, which no plan may.
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
        self.builder = Builder(composer)
        self.reader = JobReader(composer, self.builder)

    def compile(self, jobs: Sequence[Sequence[str]]) -> Compiled:
        composed = [self.reader.compose(job) for job in jobs]
        cells = [cell for cell in composed if isinstance(cell, Composed)]
        refuse_secrets(node for cell in cells for node in (cell.raw, cell.config))
        everywhere = frozenset.intersection(*[cell.idle for cell in cells]) if cells else frozenset()
        self.reader.say_idle(cells, everywhere)
        names = {group: self.composer.options(group) for group in (*AXES, *self.composer.groups.sub_axes)}
        outcome: list[str | None] = []
        points: list[Point] = []
        excluded = 0
        for cell in composed:
            if not isinstance(cell, Composed):
                outcome.append(cell)
                continue
            point = self.reader.point(cell, cells, names, everywhere)
            if point is None:
                excluded += 1
            if isinstance(point, Point):
                points.append(point)
            outcome.append(point if not isinstance(point, Point) else str(len(points) - 1))
        points += self.reader.baselines(points)
        self.loose = {key for point in points for key in self._shown(point) if is_open(key)}
        owners: Sequence[int] = range(len(points))
        if points and not any(point.problems for point in points) and self._settings(points[0].config).effort.wanted:
            expanded = effort.expand(
                points,
                self.round,
                self.loose,
                lambda config: self._examined(config, self._settings(config)),
                self.composer.groups,
            )
            points, owners, self.loose, self.searched = expanded
        ids, plan = self._plan(points, excluded)
        named = (plan.settings.get("decision") or {}).get("baseline")
        if plan.cells and named is not None and all(cell.choices["method"] != named for cell in plan.cells):
            why = "no cell has this method, so returns are told against none. Add it, or name one of the matrix"
            self.reader.notes.append(f"decision.baseline={named}: {why}")
        self.reader.notes += _unchosen(plan)
        index = {str(owner): identity for owner, identity in reversed(list(zip(owners, ids, strict=True)))}
        notes = scrub((*self.reader.notes, *self.builder.unread_notes()))
        return Compiled(plan, tuple(index.get(entry, entry) if entry is not None else None for entry in outcome), notes)

    def _plan(self, points: list[Point], excluded: int) -> tuple[list[str], Plan]:
        graph, cells, ids, self.points = Graph(), {}, [], points
        told = [self._shown(point) for point in points]
        replaced = {group for point in points for group in point.composed.replaced}
        names = labels([(point.names, shown) for point, shown in zip(points, told, strict=True)], replaced)
        asked = [{key: value for key, value in shown.items() if key != "seed" and not is_open(key)} for shown in told]
        ways = labels([(_asked(point.names), shown) for point, shown in zip(points, asked, strict=True)], replaced)
        first: Settings | None = None
        compared: list[Parts] = []
        metrics: dict[str, Component] = {}
        samples: dict[str, dict[str, int]] = {}
        frozen: dict[str, str] = {}
        reports: dict[str, dict[str, Any]] = {}
        tried = [axis for axis in TRIAL_AXES if len({option_words(point.names, axis) for point in points}) > 1]
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
                ids.append(self.reader.refuse(point.composed.overrides, point.config, point.names, label, problems))
                continue
            compared.append(parts)
            identity = self._cell_id(parts)
            ids.append(identity)
            if identity not in cells:
                remarking = (parts.model, parts.context, *metrics.values()) if splits else ()
                said = [text for part in remarking for text in part.remarks(splits)]
                if built.harness is not None and not parts.model.has_weights:
                    said.append("harness: n/a, this model has no weights here to ask")
                bounds = [f"{axis}={point.names[axis]}" for axis, one in parts.by_axis.items() if not one.deployable]
                if bounds:
                    said.append(f"{', '.join(bounds)} {NOT_DEPLOYABLE}")
                notes = tuple(dict.fromkeys(scrub([*parts.model.notes(), *(splits.notes if splits else ()), *said])))
                stages, needs[identity] = built.roles, (parts.hardware.name, list(built.needed))
                for key, stage in built.graph.stages.items():
                    graph.stages.setdefault(key, stage)
                if splits is not None and stages["prepare"] not in samples:
                    samples[stages["prepare"]] = group_sizes(splits.test)
                    frozen[stages["prepare"]] = digest([row.as_dict() for row in splits.test])
                values = {
                    key: select.value_at(point.config, key)
                    for key in sorted(self.loose)
                    if "." in key and select.has(point.config, key)
                }
                values |= {axis: option_words(point.names, axis) for axis in tried}
                approach = approach_id(point.config, parts, self.loose)
                more = (stages, point.baseline, notes, approach, way, values, not bounds)
                cells[identity] = Cell(identity, label, point.names, point.composed.overrides, point.config, *more)
        ranked = (compared, metrics, first.primary_metric) if first else None
        problems = rules.tokenizer_rules(*ranked) or rules.method_rules(*ranked) if ranked else []
        for identity, cell in list(cells.items()) if problems else []:
            refused = self.reader.refuse(cell.overrides, cell.config, cell.choices, cell.label, problems)
            ids = [refused if old == identity else old for old in ids]
            del cells[identity]
        stages = {key: stage for key, stage in graph.stages.items() if cells}
        cells = distinct(cells)
        looked = {"samples": samples, "frozen": frozen, "data_checks": list(reports.values())}
        settings_data = {**plain(first), **looked} if first else {}
        if first and points[0].composed.trackers:
            settings_data["trackers"] = self.builder.trackers(points[0].composed.trackers, points[0].config)[0]
        store = str(Path(first.store.dir).expanduser().resolve()) if first else ""
        made = None
        if self.forecaster is not None and cells:
            made = summary({identity: needs[identity] for identity in cells}, stages, self.forecaster.found)
        kept, refusals = tuple(cells.values()), tuple(self.reader.refusals.values())
        searches = effort.searches(self.searched, kept)
        return ids, Plan(kept, stages, refusals, store, settings_data, made, excluded, searches=searches)

    def _settings(self, config: dict[str, Any]) -> Settings:
        return build(settings_node(config), "")

    def _examined(self, config: dict[str, Any], settings: Settings) -> Examined:
        """Builds what a config describes, asks every rule about it, and lowers it where none objects: a trial to
        validation and the primary metric.
        """
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
            fix = "Set dataset.documents=FILE and dataset.document_text=COLUMN"
            problems.append(Problem("dataset.documents", "none are named, and this context shows some", fix))
        problems += (
            rules.weightless_rules(parts)
            + rules.train_context_rules(parts)
            + rules.backend_rules(parts)
            + rules.quantized_rules(parts)
            + rules.harness_rules(parts, harness)
            + rules.run_rules(parts, self.verb)
        )
        found = found._replace(splits=splits, report=looked.report, problems=problems)
        rivals = rivals_of(self.points, self.builder, parts, settings, metrics, found.graph, harness, checks)
        problems += judge_problems(metrics.values(), rivals, self.verb)
        problems += rules.advisory_rules(settings, metrics, config)
        if problems:
            return found
        if self.searched:
            primary = {settings.primary_metric: metrics[settings.primary_metric]}
            roles = lower(found.graph, parts, settings, primary, None, checks, ("validation",))
        else:
            roles = lower(found.graph, parts, settings, metrics, harness, checks, rivals=rivals)
        self.forecaster = self.forecaster or Forecaster(read_calibrations(Path(settings.store.dir).expanduser()))
        wanted = {key: found.graph.stages[key] for key in with_inputs(found.graph.stages, roles.values())}
        unfit = self.forecaster.problems(parts.hardware, wanted, splits)
        return found._replace(roles=roles, needed=tuple(wanted), problems=unfit)

    def _shown(self, point: Point) -> dict[str, Any]:
        """Returns the values worth a place in the label: those typed, and those that a couple set."""
        shown = {
            key: select.value_at(point.config, key)
            for key in sorted(point.composed.values)
            if key.split(".")[0] not in ("matrix", "effort", "store", "hydra")
        }
        if self.round.chosen is not None:
            shown["seed"] = point.config["seed"]
        drawing = (self.builder.component(axis, point.config[axis])[0] for axis in SEEDED)
        if not any(component is None or component.uses_seed for component in drawing):
            shown.pop("seed", None)
        for axis in AXES:
            changed = select.changed(point.composed.config[axis], point.config[axis], axis)
            shown |= {key: value for key, value in changed.items() if key not in point.searched}
        shown |= {key: value for key, value in point.searched.items() if key not in AXES}
        return shown | {"seed": shown.pop("seed")} if "seed" in shown else shown  # last, where it is easiest to tell

    def _cell_id(self, parts: Parts) -> str:
        axes = {axis: one.identity() for axis, one in parts.by_axis.items() if not one.empty}
        axes["dataset"] = parts.data_identity()
        uses_seed = any(parts.by_axis[axis].uses_seed for axis in SEEDED)
        return digest({**axes, "seed": parts.seed if uses_seed else None})[:ID_LENGTH]


def _unchosen(plan: Plan) -> list[str]:
    """Returns a warning for each approach of several configurations without validation scores: test does not choose."""
    own: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        if cell.deployable:
            own.setdefault(cell.approach, []).append(cell)
    said = []
    for cells in own.values():
        count = len({configuration_key(cell.config) for cell in cells})
        if count > 1 and any("score.validation" not in cell.stages for cell in cells):
            why = f"none of its {count} configurations will be chosen, since that takes validation scores"
            said.append(f"{cells[0].approach_label}: {why}. Set validation=true, or keep one")
    return said


def _asked(names: dict[str, str]) -> dict[str, str]:
    """Returns the options that make an approach: without those that are trials of it."""
    return {group: "" if axis_of(group) in TRIAL_AXES else name for group, name in names.items()}
