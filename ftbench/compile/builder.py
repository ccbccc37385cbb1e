"""Builds the components of cells and reads their data, each distinct one once for the whole matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftbench.compile.compose import Composer
from ftbench.compile.data import Looked, look
from ftbench.compile.lower import Parts
from ftbench.compile.metrics import metric_components
from ftbench.compile.settings import Settings
from ftbench.compile.trackers import tracker_nodes
from ftbench.core.canonical import canonical
from ftbench.core.cell import AXES
from ftbench.core.component import Component, build, node
from ftbench.core.errors import Problem, Refused
from ftbench.core.example import Splits
from ftbench.text.secrets import scrub

HARNESS = "ftbench.metrics.harness.Harness"


class Builder:
    """Turns composed configs into checked and located components; problems are returned, never raised.

    Args:
        composer: gives access to the options of metrics.
    """

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self._components: dict[str, tuple[Component | None, list[Problem]]] = {}
        self._data: dict[str, tuple[Splits | None, list[Problem]]] = {}
        self._unread: dict[str, Problem] = {}
        self._looked: dict[str, Looked] = {}
        self._shown: dict[str, list[Problem]] = {}
        self._trackers: dict[str, tuple[dict[str, dict[str, Any]], list[Problem]]] = {}

    def parts(
        self, config: dict[str, Any], settings: Settings
    ) -> tuple[Parts | None, dict[str, Component], list[Problem]]:
        """Returns the located components of a cell, its metrics, and everything that is wrong with any of them."""
        problems: list[Problem] = []
        built: dict[str, Component] = {}
        corpus, unread = None, []
        for axis in AXES:
            if axis == "dataset":
                component, corpus, found, unread = self.dataset(config[axis])
            else:
                component, found = self.component(axis, config[axis])
            problems += found
            if component is not None:
                built[axis] = component
        metrics, found = metric_components(self.composer, settings.metrics, config)
        problems += found
        problems += unread if getattr(built.get("context"), "reads_documents", False) else []
        if problems:
            return None, metrics, problems
        whole, _ = self.component("model", node(built["model"].whole()))
        built["model"], problems = self.component(
            "model",
            node(built["method"].base(built["model"]) if getattr(built["model"], "weights", True) else built["model"]),
        )
        built["context"], found = self._context_for(built["context"], whole)
        problems = [*problems, *found]
        return (
            (
                None
                if problems
                else Parts(**{axis: built[axis] for axis in AXES}, whole=whole, seed=settings.seed, corpus=corpus)
            ),
            metrics,
            problems,
        )

    def _context_for(self, context: Any, model: Any) -> tuple[Component | None, list[Problem]]:
        """Returns a context for one model: one that counts tokens counts that model's."""
        try:
            own = context.for_model(model) if hasattr(context, "for_model") else context
        except Refused as refused:
            return None, refused.problems
        return (context, []) if own is context else self.component("context", node(own))

    def dataset(self, config: Any) -> tuple[Component | None, Component | None, list[Problem], list[Problem]]:
        """Returns a dataset's rows, its documents, what is wrong with the rows, and what with the documents, which
        stops only cells that read them.
        """
        try:
            whole: Any = build(config, "dataset")
        except Refused as refused:
            return None, None, refused.problems, []
        rows, problems = self.component("dataset", node(whole.rows()) if hasattr(whole, "rows") else config)
        own: Any = whole.corpus() if hasattr(whole, "corpus") else whole
        if own is None or own is whole:
            return rows, None if own is None else rows, problems, []
        corpus, unread = self.component("dataset", node(own))
        unread = unread or self._read(corpus)[1]
        if unread:
            self._unread.setdefault(canonical(node(own)), unread[0])
        return rows, None if unread else corpus, problems, unread

    def unread_notes(self) -> list[str]:
        """Returns a sentence for each corpus that could not be used, which its refusals do not say to the cells that go
        on.
        """
        return [
            f"{problem.where}: {problem.why}; cells that read no documents go on without them"
            for problem in self._unread.values()
        ]

    def harness(self, settings: Settings) -> tuple[Component | None, list[Problem]]:
        """Returns the lm-eval tasks of the matrix, located; None where it has none."""
        if not settings.harness.get("tasks"):
            return None, []
        component, problems = self.component("harness", {"_target_": HARNESS, **settings.harness})
        return (None if problems else component), problems

    def checks(self, settings: Settings) -> tuple[Any, list[Problem]]:
        """Returns what looks at the data."""
        return self.component("data", settings.data)

    def trackers(self, names: Any, config: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
        """Returns name -> node of the trackers; they are in no key."""
        memo = canonical(names)
        if memo not in self._trackers:
            self._trackers[memo] = tracker_nodes(self.composer, names, config)
        return self._trackers[memo]

    def looked_at(self, parts: Parts, settings: Settings, checks: Any, harness: Any) -> Looked:
        """Reads the dataset and looks at its rows, once per dataset; see ``ftbench.compile.data``."""
        corpus = None if parts.corpus is None else parts.corpus.identity()
        memo = canonical(
            [parts.dataset.identity(), corpus, node(checks), None if harness is None else harness.questions_identity()]
        )
        if memo not in self._looked:
            splits, problems = self.load(parts)
            self._looked[memo] = (
                Looked(None, None, tuple(problems)) if problems else look(parts, splits, settings, checks, harness)
            )
        found = self._looked[memo]
        if found.splits is None and not found.problems and not parts.retrieves:
            return replace(
                found, splits=self._read(parts.dataset)[0]
            )  # rows that are here, beside documents that are not
        return found

    def shown(self, parts: Parts, checks: Any, splits: Splits) -> list[Problem]:
        """Returns why the cell's instruction may not be shown with these rows, once for each pair."""
        if parts.prompt.empty:
            return []
        memo = canonical([parts.dataset.identity(), node(checks), node(parts.prompt)])
        if memo not in self._shown:
            self._shown[memo] = checks.shown(parts.prompt.instruction, splits)
        return self._shown[memo]

    def component(self, axis: str, config: Any) -> tuple[Component | None, list[Problem]]:
        """Builds, checks and locates a component, once per distinct node."""
        memo = axis + canonical(config)
        if memo not in self._components:
            component: Component | None = None
            try:
                component = build(config, axis)
                problems = component.check()
                component = component if problems else _identified(component.locate())
            except Refused as refused:
                problems = refused.problems
            except Exception as error:
                component, problems = None, [_raised(axis, config, error)]
            self._components[memo] = component, problems
        return self._components[memo]

    def load(self, parts: Parts) -> tuple[Splits | None, list[Problem]]:
        """Returns rows and documents, None where some of them cannot be read while planning."""
        rows, problems = self._read(parts.dataset)
        if rows is None or parts.corpus in (None, parts.dataset):
            return rows, problems
        documents = self._read(parts.corpus)[0]
        if documents is None:
            return None, problems
        whole = replace(
            rows,
            documents=documents.documents,
            notes=(*rows.notes, *documents.notes),
            counts={**rows.counts, **documents.counts},
        )
        return whole, problems

    def _read(self, data: Any) -> tuple[Splits | None, list[Problem]]:
        """Reads a dataset or a corpus once per identity, so that bad data is refused before anything is trained."""
        memo = canonical(data.identity())
        if memo not in self._data:
            try:
                self._data[memo] = (data.load() if data.inspectable() else None), []
            except Refused as refused:
                self._data[memo] = None, refused.problems
            except Exception as error:
                self._data[memo] = None, [_raised("dataset", node(data), error)]
        return self._data[memo]


def _raised(axis: str, config: Any, error: Exception) -> Problem:
    """Returns what a user's own class raised while planning, as a problem.

    Raises:
        Exception: the error itself where the class is ftbench's own, since that is a fault of ours.
    """
    target = str(config.get("_target_", "")) if isinstance(config, dict) else ""
    if not target or target.startswith("ftbench."):
        raise error
    why = f"{target} raised {type(error).__name__}: {scrub(' '.join(str(error).split()))[:300]}"
    return Problem(f"{axis}._target_", why, "Correct its code, or choose another option")


def _identified(component: Component) -> Component:
    """Returns a copy that answers ``identity()`` from memory: hashing files once per cell would cost minutes."""
    known = component.identity()
    copy = replace(component)
    object.__setattr__(
        copy, "identity", lambda: known
    )  # an instance attribute, which the frozen class does not forbid here
    return copy
