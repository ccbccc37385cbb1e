"""The base class of the model axis: a base model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from ftbench.core.component import Component
from ftbench.core.errors import FtbenchError


class LoadedAs(NamedTuple):
    """How a model's weights are loaded, for the forecast; see ``ftbench.models.pretrained.Pretrained``."""

    dtype: str = "auto"
    quantization: str | None = None
    attention: str = "sdpa"
    context_tokens: int | None = None


@dataclass(frozen=True)
class Model(Component):
    """A base model. ``identity`` holds the revision: a folder by its files' hashes, a hub name by its commit.

    Fields ``usd_per_million_*`` say what its host takes for tokens.

    Attributes:
        has_weights: whether they are here; without them it is never loaded or trained.
        records: whether its answers lie in a file, and nothing is asked.
        remote: whether it is asked over HTTP.
        log_probabilities: whether it tells those of given answers.
        checkpoint: hub id or folder of the weights; None where that is not known.
        tokenizer: folder or hub id (``NAME@REVISION``) whose ``tokenizer.json`` is its own. One that has it also has
            ``format``, and the data checks count its tokens.
    """

    axis: ClassVar[str] = "model"
    has_weights: ClassVar[bool] = True
    records: ClassVar[bool] = False
    remote: ClassVar[bool] = False
    log_probabilities: ClassVar[bool] = True

    @property
    def checkpoint(self) -> str | None:
        return None

    @property
    def tokenizer(self) -> str | None:
        return None

    def notes(self) -> list[str]:
        """Returns sentences for the person, such as "no chat template: plain text"."""
        return []

    def is_pinned(self) -> bool:
        """Says whether ``identity`` names the exact weights; a run needs that, a plan does not."""
        return True

    def loaded_as(self) -> LoadedAs:
        """Returns how the weights are loaded."""
        return LoadedAs()

    def file(self, name: str) -> Path | None:
        """Returns a file beside the weights, such as ``config.json``; None where it is not here."""
        return None

    def has_chat_template(self) -> bool | None:
        """Says whether turns will be rendered by a chat template; None while that is not known."""
        return None

    def unquantized(self) -> Self:
        """Returns the same model as it is before quantization; itself where nothing is quantized."""
        return self

    def with_weights(self, folder: Path) -> Self:
        """Returns this model with the weights of a transformers folder, which brings tokenizer and template along."""
        raise FtbenchError(f"{type(self).__name__}: the weights of this model cannot be replaced. Take method=none")

    def load(self, device: str) -> Any:
        """*Heavy.* Returns a ``ftbench.models.loaded.Loaded``: the model in eval mode, its tokenizer, its format."""
        raise FtbenchError(f"{type(self).__name__}: this model cannot be loaded. Compile the plan again")

    def format(self) -> tuple[Any, int | None]:
        """*Heavy.* Returns the ``ftbench.models.format.Format`` that prompts are written with, and the window; no
        weights are loaded.
        """
        raise FtbenchError(f"{type(self).__name__}: the tokens of this model cannot be counted")

    def engine(self, seed: int) -> Any:
        """*Heavy.* Starts a serving engine over this model, for ``decoding.backend``."""
        raise FtbenchError(f"{type(self).__name__}: no engine serves this model. Set decoding.backend=transformers")
