"""Lowers one cell to stages. Stages with the same key are one stage, so cells share what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftbench.compile.judging import JUDGE, Rivals, judge_stage
from ftbench.compile.settings import Settings
from ftbench.core.canonical import digest
from ftbench.core.cell import AXES, HARNESS, HARNESS_BASE
from ftbench.core.component import Component, node, plain, text_identity
from ftbench.core.components.artifact import Artifact
from ftbench.core.components.context import Context
from ftbench.core.components.dataset import Dataset
from ftbench.core.components.method import Method
from ftbench.core.components.model import Model
from ftbench.core.lowering import AddStage
from ftbench.core.stage import Stage
from ftbench.cost.hardware import Hardware

LEARNING = ("train", "reference")
"""Kinds of stages that read training rows as prompts."""


@dataclass(frozen=True)
class Parts:
    """The resolved components of one cell, as ``Method.lower`` and ``Context.lower`` see them; see
    ``core.lowering.Lowered``.

    ``corpus`` loads the documents beside the rows of ``dataset``; None where there are none, or none that can be read.
    """

    model: Model
    unquantized: Model
    method: Method
    context: Context
    artifact: Artifact
    prompt: Any
    dataset: Dataset
    decoding: Any
    hardware: Hardware
    seed: int
    corpus: Any = None
    prepare: str = ""
    documents: str = ""

    @property
    def by_axis(self) -> dict[str, Component]:
        """Returns axis -> component."""
        return {axis: vars(self)[axis] for axis in AXES}

    @property
    def retrieves(self) -> bool:
        """True where the context reads documents, and so the cell depends on them."""
        return self.context.reads_documents

    def data_identity(self) -> dict[str, Any]:
        """Returns what decides which data the cell is about: its rows, and the documents where it reads any."""
        rows = self.dataset.identity()
        return (
            {**rows, "corpus": self.corpus.identity()}
            if self.retrieves and self.corpus not in (None, self.dataset)
            else rows
        )


@dataclass
class Graph:
    """The stages of the whole matrix, inputs before readers, each once."""

    stages: dict[str, Stage] = field(default_factory=dict)

    def add(
        self, kind: str, spec: dict[str, Any], inputs: dict[str, str], config: dict[str, Any], model: str | None = None
    ) -> str:
        """Adds a stage, or finds the one that is the same, and returns its key."""
        stage = Stage(kind, spec, inputs, config, model)
        self.stages.setdefault(stage.key, stage)
        return stage.key


def lower(
    graph: Graph,
    parts: Parts,
    settings: Settings,
    metrics: dict[str, Component],
    harness: Any = None,
    checks: Any = None,
    splits: Sequence[str] = ("test", "validation"),
    rivals: Rivals | None = None,
) -> dict[str, str]:
    """Adds one cell's stages to the graph.

    Args:
        splits: to be evaluated on; a trial of a search is on validation alone.
        harness: lm-eval tasks to ask the cell's weights, resolved, or None.
        checks: the ``data`` component, or None for a cell whose data is not looked at.
        rivals: gives the generate stages of the cell that a pairwise judge compares with.

    Returns:
        role -> stage key; see ``ftbench.core.cell.Cell.stages``.
    """
    roles = data_stages(graph, parts, harness, checks)
    parts = replace(parts, prepare=roles["prepare"], documents=roles.get("documents", ""))
    weights = parts.method.lower(_instructed(graph.add, parts), parts)
    inputs = {"prepare": roles["prepare"]}
    merged, declared = None, parts
    if weights:
        roles["train"] = weights
        merged = parts.artifact.lower(graph.add, parts, weights)
    if merged:
        roles["merge"] = inputs["merged"] = merged
        parts = replace(parts, model=parts.unquantized)
    elif weights:
        inputs["weights"] = weights
    if harness is not None and parts.model.has_weights:
        roles.update(
            _harness(graph, parts, harness, declared, {role: key for role, key in inputs.items() if role != "prepare"})
        )
    context = parts.context.lower(graph.add, parts)
    roles.update(context)
    inputs.update(context)
    for split in splits:
        if split == "validation" and (not settings.validation or parts.model.records):
            continue
        _evaluate(graph, parts, settings, metrics, split, inputs, roles, rivals)
    return roles


def _instructed(add: AddStage, parts: Parts) -> AddStage:
    """Returns ``add`` for a method's stages: the rows that weights are made from carry the instruction that they are
    asked with.
    """
    if parts.prompt.empty:
        return add

    def told(
        kind: str, spec: dict[str, Any], inputs: dict[str, str], config: dict[str, Any], model: str | None = None
    ) -> str:
        if kind not in LEARNING:  # an index holds no questions
            return add(kind, spec, inputs, config, model)
        return add(
            kind, {**spec, "prompt": parts.prompt.identity()}, inputs, {**config, "prompt": node(parts.prompt)}, model
        )

    return told


def data_stages(graph: Graph, parts: Parts, harness: Any, checks: Any) -> dict[str, str]:
    """Adds the stages that read the dataset, look at its rows, and count the tokens of a model that has any.

    What is dropped is in the key of ``prepare`` and so in all that follow; what is only said is in the keys of
    ``check`` alone. Documents are a stage of their own: nothing but a leak that they cause makes a cell depend on them
    that does not read them.
    """
    spec: dict[str, Any] = {"dataset": parts.dataset.identity()}
    config: dict[str, Any] = {"dataset": node(parts.dataset)}
    asked = {} if harness is None else {"benchmarks": harness.questions_identity()}
    documents = {} if parts.corpus is None else {"documents": parts.corpus.identity()}
    corpus = {} if parts.corpus is None else {"corpus": node(parts.corpus)}
    looking = (
        {}
        if checks is None
        else {"data": node(checks), **({} if harness is None else {"harness": node(harness)}), **corpus}
    )
    drops = checks is not None and checks.drops
    if drops:
        spec |= {"dropping": checks.dropping(), **asked, **documents}
        config |= looking
    roles = {"prepare": graph.add("prepare", spec, {}, config)}
    if checks is not None:
        roles["check"] = graph.add(
            "check", {"checks": checks.identity(), **asked, **documents}, {"prepare": roles["prepare"]}, looking
        )
    if documents and parts.retrieves:
        roles["documents"] = graph.add("documents", documents, {"prepare": roles["prepare"]} if drops else {}, corpus)
    if checks is not None and parts.unquantized.tokenizer is not None:
        add = _instructed(graph.add, parts)
        roles["tokens"] = add(
            "tokens",
            {"model": text_identity(parts.unquantized.identity())},
            {"prepare": roles["prepare"]},
            {"model": node(parts.unquantized)},
        )
    return roles


def _evaluate(
    graph: Graph,
    parts: Parts,
    settings: Settings,
    metrics: dict[str, Component],
    split: str,
    inputs: dict[str, str],
    roles: dict[str, str],
    rivals: Rivals | None,
) -> None:
    reads = {metric.reads for metric in metrics.values()}
    model, context = parts.model.identity(), parts.context.identity()
    told = {} if parts.prompt.empty else {"prompt": parts.prompt.identity()}
    nodes = {
        "prompt": node(parts.prompt),
        "model": node(parts.model),
        "method": node(parts.method),
        "context": node(parts.context),
        "split": split,
        "seed": parts.seed,
    }
    base = inputs.get("merged") or digest(model) if parts.model.has_weights else None
    scored = {}
    if reads & {"outputs", "judgements"} or not parts.model.log_probabilities:
        seed = parts.seed if parts.context.uses_seed or parts.decoding.uses_seed else None
        spec = {
            **told,
            "model": model,
            "context": context,
            "decoding": parts.decoding.identity(),
            "split": split,
            "seed": seed,
        }
        scored["generate"] = graph.add("generate", spec, inputs, {**nodes, "decoding": node(parts.decoding)}, base)
    if "likelihood" in reads and parts.model.log_probabilities:
        spec = {
            **told,
            "model": model,
            "context": context,
            "split": split,
            "seed": parts.seed if parts.context.uses_seed else None,
        }
        scored["likelihood"] = graph.add("likelihood", spec, inputs, nodes, base)
    for name, metric in metrics.items():
        if metric.reads == "judgements" and (split == "test" or name == settings.primary_metric):
            judged = judge_stage(graph.add, metric, scored["generate"], roles["prepare"], split, rivals)
            scored |= {f"{JUDGE}{name}": judged} if judged else {}
    roles.update({f"{role}.{split}": key for role, key in scored.items()})
    statistics = plain(settings.statistics)
    spec = {"metrics": {name: metric.identity() for name, metric in metrics.items()}, "statistics": statistics}
    config = {"metrics": {name: node(metric) for name, metric in metrics.items()}, "statistics": statistics}
    roles[f"score.{split}"] = graph.add("score", spec, scored, config)


def _harness(graph: Graph, parts: Parts, harness: Any, declared: Parts, inputs: dict[str, str]) -> dict[str, str]:
    """Adds a stage per task for the cell's weights and, where they were trained, for what they were trained from
    (forgetting).
    """
    roles = {}
    for task in harness.tasks:
        own = harness.only(task)
        roles[HARNESS + task] = _harness_stage(graph, parts.model, parts.method, own, inputs)
        if inputs:
            untouched = (
                declared.unquantized
                if declared.method.base(declared.unquantized) != declared.unquantized or "merged" in inputs
                else declared.model
            )
            roles[HARNESS_BASE + task] = _harness_stage(graph, untouched, None, own, {})
    return roles


def _harness_stage(graph: Graph, model: Any, method: Any, harness: Any, inputs: dict[str, str]) -> str:
    identity = model.identity()
    config = {
        "model": node(model),
        "harness": node(harness),
        **({} if method is None or "weights" not in inputs else {"method": node(method)}),
    }
    base = inputs.get("merged") or digest(identity)
    return graph.add("harness", {"model": identity, "harness": harness.identity()}, inputs, config, base)
