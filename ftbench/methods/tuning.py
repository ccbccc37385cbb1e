"""A method is two things: which weights are trained, and towards which objective; with one recipe, and maybe a training
to start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.canonical import digest
from ftbench.core.component import build_for, node
from ftbench.core.components.method import Method
from ftbench.core.components.names import name_of
from ftbench.core.components.objective import Objective
from ftbench.core.components.weights import Weights
from ftbench.core.errors import FtbenchError, Problem, Refused
from ftbench.core.example import Splits
from ftbench.core.lowering import AddStage, Lowered
from ftbench.core.training import Training, TrainRun
from ftbench.methods.adapters import answerable
from ftbench.methods.none import Untouched
from ftbench.methods.recipe import Recipe


@dataclass(frozen=True)
class Tuning(Recipe, Method):
    """Weights, trained towards an objective by a recipe.

    Attributes:
        weights: node of ``conf/method/weights``: which weights are trained.
        objective: node of ``conf/method/objective``: what they are trained towards.
        start: node of a method whose weights training starts from, or null for the base; an objective with a reference
            keeps them as that.
        the others: see ``ftbench.methods.recipe.Recipe``.
    """

    key_name: ClassVar[str] = "tuning"

    weights: Any
    objective: Any
    start: Any

    def weights_component(self) -> Weights:
        """Builds the weights.

        Raises:
            Refused: when the node is none, or no weights'.
        """
        return build_for("method/weights", self.weights, "method.weights")

    def objective_component(self) -> Objective:
        """Builds the objective; see ``weights_component``."""
        return build_for("method/objective", self.objective, "method.objective")

    def start_method(self) -> Method:
        """Builds the method that training starts from, the untouched base where there is none; see
        ``weights_component``.
        """
        if self.start is None:
            return Untouched()
        made = build_for("method", self.start, "method.start")
        if isinstance(made, Tuning):
            return made
        why = f"{type(made).__name__} trains no weights to start from"
        raise Refused([Problem("method.start", why, "Choose a method of weights and an objective, or null")])

    @property
    def saves_model(self) -> bool:  # type: ignore[override]
        return self.weights_component().kind == "whole"

    @property
    def mergeable(self) -> bool:  # type: ignore[override]
        return self.weights_component().mergeable

    @property
    def control(self) -> str | None:  # type: ignore[override]
        return self.objective_component().control

    @property
    def kinds(self) -> tuple[str, ...]:
        return name_of(type(self.weights_component())), name_of(type(self.objective_component()))

    def base(self, model: Any) -> Any:
        return self.weights_component().base(model)

    def identity(self) -> dict[str, Any]:
        return {
            **super().identity(),
            "weights": self.weights_component().identity(),
            "objective": self.objective_component().identity(),
            "start": None if self.start is None else self.start_method().identity(),
        }

    def check(self) -> list[Problem]:
        try:
            weights, objective, start = self.weights_component(), self.objective_component(), self.start_method()
        except Refused as refused:
            return refused.problems
        problems = [*super().check(), *weights.check(), *objective.check(), *objective.check_method(self)]
        if self.learning_rate is None:
            fix = f"Set method.learning_rate, or the objective's learning_rates.{weights.kind}"
            why = f"is null, and the objective has no default for {weights.kind} weights"
            problems.append(Problem("method.learning_rate", why, fix))
        if isinstance(start, Tuning):
            found = [*start.check(), *weights.cannot_follow(start.weights_component())]
            problems += [
                (
                    p
                    if p.where.startswith("method.start")
                    else Problem(p.where.replace("method.", "method.start.", 1), p.why, p.fix)
                )
                for p in found
            ]
        return problems

    def check_data(self, splits: Splits) -> list[Problem]:
        return self.objective_component().check_data(splits) + self.start_method().check_data(splits)

    def lower(self, add: AddStage, cell: Lowered) -> str | None:
        """Adds the starting weights (shared with the cell that is the same work), the reference, and the training.

        Rows are trained on their own prompts, so that every context shares one set of weights. With ``train_context``
        they carry what the cell's context retrieves, which is then part of the key, and its index an input.
        """
        model, start, within = cell.model.identity(), self.start_method(), self.train_context is not None
        base = digest(model)
        weights = start.lower(add, cell)
        inputs = {"prepare": cell.prepare, **({} if weights is None else {"weights": weights})}
        if self.objective_component().needs_reference:
            rule = {"max_tokens": self.max_tokens, "overlong": self.overlong, "precision": self.precision}
            config = {"model": node(cell.model), "method": node(start), **rule}
            inputs["reference"] = add("reference", {"model": model, **rule}, dict(inputs), config, base)
        return add(
            "train",
            spec={
                "model": model,
                "method": self.identity(),
                "seed": cell.seed,
                **({"context": cell.context.identity()} if within else {}),
            },
            inputs={**inputs, **(cell.context.lower(add, cell) if within else {})},
            config={
                "model": node(cell.model),
                "method": node(self),
                "seed": cell.seed,
                **({"context": node(cell.context)} if within else {}),
            },
            model=base,
        )

    def training(self, available: int) -> Training:
        weights, rows = self.weights_component(), self.rows(available)
        return Training(
            adapter=weights.adapter(),
            master_weights=weights.held_in(),
            optimizer=self.optimizer,
            precision=self.precision,
            checkpointing=self.gradient_checkpointing,
            reads=self.objective_component().reads,
            rows=rows,
            batch_size=self.batch_size,
            gradient_accumulation=self.gradient_accumulation,
            max_tokens=self.max_tokens,
            validations=len(self.evaluated(rows, max(1, available))),
            packing=self.packing,
        )

    def train(self, runs: Sequence[TrainRun], loaded: Any) -> list[dict[str, Any]]:
        """Trains each run over the loaded base.

        Raises:
            FtbenchError: for more runs than one loaded base serves, or a base that is not the one that the weights
                need.
        """
        weights = self.weights_component()
        if weights.runs_per_base is not None and len(runs) > weights.runs_per_base:
            raise FtbenchError(
                f"{type(weights).__name__} trains one run per base, not {len(runs)}. Compile the plan again"
            )
        details = weights.details(loaded)
        opened = []
        for run in runs:
            trainable = weights.trainable(run.folder, loaded, run.inputs.get("weights"))
            opened.append(
                (run, replace(trainable, adapt=lambda model, adapt=trainable.adapt: answerable(adapt(model))))
            )
        results = self.objective_component().train(opened, self, loaded)
        return [{**result, "details": {**result["details"], **details}} for result in results]

    def attach(self, loaded: Any, folder: Path | None) -> AbstractContextManager[Any]:
        if folder is None:
            raise FtbenchError("the plan names no weights of this method. Compile it again")
        return self.weights_component().attach(loaded, folder)

    def merge(self, loaded: Any, folder: Path) -> Any:
        return self.weights_component().merge(loaded, folder)
