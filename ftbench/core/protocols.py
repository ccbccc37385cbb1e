"""What a component of each axis must offer. Adding one is one Python file and one YAML file; nothing else is edited.

All of these are light: they are imported while planning, so torch, transformers, peft, trl, datasets, evaluate,
lm_eval and streamlit may be imported only inside the methods marked *heavy*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from ftbench.core.errors import Problem
from ftbench.core.example import Document, Example, Request, Splits

AddStage = Callable[..., str]
"""``add(kind, spec, inputs, config, model=None) -> key``: how a component adds a stage to the plan while lowering."""


class Piece(Protocol):
    """Common to all: see ``ftbench.core.component.Component``."""

    NEUTRAL: ClassVar[tuple[str, ...]]
    deployable: ClassVar[bool]
    seeded: bool

    def identity(self) -> dict[str, Any]: ...
    def check(self) -> list[Problem]: ...
    def check_data(self, splits: Splits) -> list[Problem]: ...
    def locate(self) -> Any: ...


@runtime_checkable
class Model(Piece, Protocol):
    """A base model. ``identity`` holds the revision: a folder by its files' hashes, a hub name by its commit.

    A model may say that its ``weights`` are not here (False: it is never loaded or trained) and that it gives no
    ``log_probabilities``; one that is ``remote`` is asked over HTTP. It may have ``missing() -> problems``, as a
    context may. Fields ``usd_per_million_*`` say what its host takes for tokens. ``tokenizer`` names the folder or hub
    id whose ``tokenizer.json`` is its own. With ``format() -> (ftbench.models.format.Format, window)``, *heavy* though
    it loads no weights, the data checks count its tokens.
    """

    def notes(self) -> list[str]:
        """Sentences for the person, such as "no chat template: plain text"."""

    def resolved(self) -> bool:
        """False when the revision could not be looked up; such a model can be planned with, not run."""

    def whole(self) -> Model:
        """Returns the same model as it is before quantisation; itself where nothing is quantised."""

    def moved(self, folder: Path) -> Model:
        """Returns this model with other weights: those in a transformers folder, which brings tokenizer and template
        along.
        """

    def load(self, device: str) -> Any:
        """*Heavy.* Returns a ``ftbench.models.loaded.Loaded``: the model in eval mode, its tokenizer, its format."""


@runtime_checkable
class Artifact(Piece, Protocol):
    """What ships."""

    def lower(self, add: AddStage, cell: Lowered, weights: str) -> str | None:
        """Adds the stage that writes a transformers folder out of the stage ``weights``; returns its key, None for the
        weights themselves.
        """


class Lowered(Protocol):
    """What ``lower`` may look at: located components of the cell, the prepare stage's key, the seed.

    ``model`` is the one that the method's weights stand over, ``whole`` the one without any quantisation. ``dataset``
    is without its documents where it can be parted from them; ``documents`` is the key of the stage that reads them,
    for a context that says so, else empty.
    """

    model: Any
    whole: Any
    method: Any
    context: Any
    dataset: Any
    decoding: Any
    seed: int
    prepare: str
    documents: str


@runtime_checkable
class Context(Piece, Protocol):
    """What goes into the prompt.

    ``reads_documents`` is True for one that shows documents: only its cells depend on them, and only they are refused
    where the documents are bad. A context may also have ``for_model(model) -> context``: the same for one model, such
    as with its tokenizer; ``missing() -> problems``: why a cell that can be planned cannot be run here (a package, an
    unknown commit); ``ready()``, *heavy*: imports and loads what ``requests`` needs whatever is asked, so that its time
    is not taken for that of requests; and ``sketch(examples, splits, seed) -> requests`` as long as the real ones, from
    the splits alone, without which a plan has no forecast for answering.
    """

    reads_documents: ClassVar[bool]

    def lower(self, add: AddStage, cell: Lowered) -> dict[str, str]:
        """Adds the stages that this context needs (an index) and returns role -> key; empty when it needs none."""

    def requests(
        self,
        examples: Sequence[Example],
        pool: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        seed: int,
    ) -> list[Request]:
        """Returns one request per example, in order. ``pool`` is the train split; an example is never its own shot."""


@runtime_checkable
class Dataset(Piece, Protocol):
    """Where examples come from. ``identity`` holds the data's bytes by hash, so that a changed file is another dataset.

    One whose documents are of another source than its rows parts them: ``rows() -> dataset`` without documents,
    ``corpus() -> component | None`` that loads them alone.
    """

    def inspectable(self) -> bool:
        """True when ``load`` is light enough for planning; False for a hub name, which needs ``datasets``."""

    def load(self) -> Splits:
        """Reads, checks and splits; light for local files.

        Raises:
            Refused: with one problem for each bad file, column or row (file, row and fix).
        """


@runtime_checkable
class Metric(Piece, Protocol):
    """One score. Corpus metrics are aggregated as corpora: from per-example sufficient statistics, never from means."""

    name: str
    reads: ClassVar[str]  # "outputs" or "likelihood"
    higher_is_better: ClassVar[bool]
    comparable_across_tokenizers: ClassVar[bool]

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, k], the sufficient statistics of each row of ``outputs.jsonl`` or
        ``likelihood.jsonl``.
        """

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the metric [...] of summed statistics [..., k] over n [...] examples; works on whole resamples at
        once.
        """

    def signature(self) -> str:
        """Says how the number was made, in the field's own notation where there is one."""
