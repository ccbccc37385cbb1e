"""Direct preference optimisation (Rafailov et al. 2023): from chosen and rejected answers, held back by a frozen reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from ftbench.core.canonical import digest
from ftbench.core.component import Component, build, node
from ftbench.core.errors import Problem, Refused, did_you_mean
from ftbench.core.example import Splits
from ftbench.core.protocols import AddStage, Lowered, TrainRun
from ftbench.core.training import Training
from ftbench.methods.adapters import resume_adapter
from ftbench.methods.lora import Lora
from ftbench.methods.none import Untouched
from ftbench.methods.pairs import has_preference
from ftbench.methods.preference import LOSSES, Loss, PreferenceRun, prefer, read_reference
from ftbench.methods.recipe import Tuned


@dataclass(frozen=True)
class Preferring(Tuned, ABC):
    """What all preference methods do alike; a class that also says which weights are trained completes it.

    Attributes:
        beta: how strongly leaving the reference is held back.
        loss_type: ``sigmoid`` is the paper's; see ``ftbench.methods.preference.LOSSES``.
        label_smoothing: share of pairs assumed to be the wrong way round, for ``robust`` and ``exo_pair``.
        over: null starts from the base; the node of a method that trains weights of the same kind starts from what that
            learned first, and keeps it as the reference.
        the others: see ``ftbench.methods.recipe.Recipe``; a row is a pair.
    """

    control: ClassVar[str] = "sft_chosen"
    """The method that a gain must be told from: the same rows, the chosen answers alone."""

    beta: float
    loss_type: str
    label_smoothing: float
    over: Any

    def start(self) -> Component:
        """Returns the method whose weights training starts from, and the reference keeps.

        Raises:
            Refused: when ``over`` is no usable node.
        """
        return Untouched() if self.over is None else build(self.over, "method.over")

    def base(self, model: Any) -> Any:
        """Returns the model that the weights stand over: the one that the starting weights do, in 4 bits where they were."""
        base = getattr(self.start(), "base", None)
        return base(model) if base else model

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "over": None if self.over is None else self.start().identity()}

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.train_context is not None:
            problems.append(Problem("method.train_context", "preferences are learned on their own prompts", "Set it to null, or method.over.train_context"))
        if self.packing:
            problems.append(Problem("method.packing", "pairs are not packed", "Set it to false, or method.over.packing"))
        if not 0 < self.beta < float("inf"):
            problems.append(Problem("method.beta", f"{self.beta} is not positive", "Give a number above 0, such as 0.1"))
        if self.loss_type not in LOSSES:
            problems.append(Problem("method.loss_type", f"{self.loss_type!r} is no preference loss", did_you_mean(self.loss_type, LOSSES)))
        if not 0 <= self.label_smoothing < 0.5:
            problems.append(Problem("method.label_smoothing", f"{self.label_smoothing} is no share below one half", "Give a number from 0 to below 0.5"))
        if self.loss_type == "exo_pair" and self.label_smoothing == 0:
            problems.append(Problem("method.label_smoothing", "is 0, of which exo_pair takes the logarithm", "Set method.label_smoothing=1e-3"))
        if self.over is None:
            return problems
        try:
            found = [*self.start().check(), *self.cannot_follow(self.start())]
        except Refused as refused:
            return problems + refused.problems
        return problems + [Problem(p.where if p.where.startswith("method.over") else p.where.replace("method.", "method.over.", 1), p.why, p.fix) for p in found]

    @abstractmethod
    def cannot_follow(self, start: Component) -> list[Problem]:
        """Returns why training cannot go on from the weights of ``start``."""

    def check_data(self, splits: Splits) -> list[Problem]:
        problems = []
        if not any(has_preference(example) for example in splits.train):
            fix = "Set dataset.chosen=COLUMN dataset.rejected=COLUMN, and dataset.preferences=FILE where they stand in a file of their own"
            problems.append(Problem("dataset.chosen", "no training row holds a preference (a chosen and a rejected answer)", fix))
        return problems if self.over is None else problems + self.start().check_data(splits)

    def lower(self, add: AddStage, cell: Lowered) -> str | None:
        """Adds the starting weights (shared with the cell that is the same work), the reference, and the training."""
        model, start = cell.model.identity(), self.start()
        base = digest(model)
        weights = start.lower(add, cell)
        inputs = {"prepare": cell.prepare, **({} if weights is None else {"weights": weights})}
        rule = {"max_tokens": self.max_tokens, "overlong": self.overlong, "precision": self.precision}
        reference = add("reference", {"model": model, **rule}, inputs, {"model": node(cell.model), "method": node(start), **rule}, base)
        return add(
            "train",
            spec={"model": model, "method": self.identity(), "seed": cell.seed},
            inputs={**inputs, "reference": reference},
            config={"model": node(cell.model), "method": node(self), "seed": cell.seed},
            model=base,
        )

    def training(self, available: int) -> Training:
        """Returns what the class that says which weights are trained says of rows, here of pairs."""
        return replace(super().training(available), reads="preferences")  # type: ignore[misc]

    def train(self, runs: Sequence[TrainRun], loaded: Any) -> list[dict[str, Any]]:
        return prefer([self.preference_run(run, loaded) for run in runs], loaded)

    @abstractmethod
    def preference_run(self, run: TrainRun, loaded: Any) -> PreferenceRun:
        """Returns the run with the weights' own way to be switched on and saved."""

    def made(self, run: TrainRun, adapt: Callable[[Any], Any], save: Callable[[Any], None]) -> PreferenceRun:
        return PreferenceRun(
            examples=run.examples,
            recipe=self,
            loss=Loss(self.loss_type, self.beta, self.label_smoothing),
            reference=read_reference(run.inputs["reference"]),
            seed=run.seed,
            adapt=adapt,
            save=save,
            folder=run.folder,
            progress=getattr(run, "progress", None),
            validation=run.validation,
            scratch=getattr(run, "scratch", None),
        )


@dataclass(frozen=True)
class Dpo(Preferring, Lora):
    """DPO of an adapter: a fresh one, or the one of an earlier training, which goes on.

    Attributes:
        rank, alpha, dropout, target_modules: of the adapter, as in ``ftbench.methods.lora.Lora``.
        the others: see ``Preferring``.
    """

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.dropout != 0:
            why = f"{self.dropout} would let policy and reference differ by chance; preferences are learned without dropout"
            problems.append(Problem("method.dropout", why, "Set method.dropout=0"))
        return problems

    def cannot_follow(self, start: Component) -> list[Problem]:
        if not isinstance(start, Lora):
            return [Problem("method.over", f"{type(start).__name__} leaves no adapter to go on from", "Use method=dpo_over_sft, or set method.over=null")]
        problems = []
        shape = {f.name for f in fields(Lora)} - {f.name for f in fields(Tuned)} - {"dropout"}
        for name in sorted(shape):
            if getattr(start, name) != getattr(self, name):
                why = f"{getattr(start, name)} is not the method.{name}={getattr(self, name)} of the adapter that is trained on"
                problems.append(Problem(f"method.over.{name}", why, f"Set method.{name} alone: method=dpo_over_sft hands it on"))
        return problems

    def preference_run(self, run: TrainRun, loaded: Any) -> PreferenceRun:
        supervised = self._run(run, loaded)
        if self.over is None:
            return self.made(run, supervised.adapt, supervised.save)
        return self.made(run, lambda model: resume_adapter(model, run.inputs["weights"], loaded.device), supervised.save)
