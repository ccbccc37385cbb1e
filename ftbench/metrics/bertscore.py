"""BERTScore (Zhang et al. 2020): tokens of answer and reference matched by the likeness of their contextual embeddings,
0 to 1 or so.

Each token is matched with the most similar one of the other text; precision is the mean over the answer's tokens,
recall over the reference's, and F1 is reported. The number means nothing without the model and layer it was made with,
so both are in the signature, and none is assumed: ``bertscore.model`` names it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ftbench.core.canonical import digest
from ftbench.core.components.metric import Metric
from ftbench.core.errors import FtbenchError, Problem, Refused
from ftbench.models import weight_files
from ftbench.models.revision import folder_digests, folder_of, hub_commit

BATCH_TEXTS = 16
LONGEST_TOKENS = 4096


@dataclass(frozen=True)
class BertScore(Metric):
    """Mean BERTScore F1, best over the references.

    Attributes:
        model: folder or hub name of the model that embeds the tokens (an encoder such as roberta-large, or any other).
        revision: commit of a hub name; null for its newest.
        layer: hidden layer to take, 0 being the input embeddings; null takes the last.
        idf: weigh tokens by how rare they are among the references of the test set.
    """

    key_name: ClassVar[str] = "bertscore"

    model: str | None
    revision: str | None
    layer: int | None
    idf: bool

    is_mean: ClassVar[bool] = True
    highest: ClassVar[float] = 1.0

    def identity(self) -> dict[str, Any]:
        """Returns the settings, with the model by its files or its commit and not by its place."""
        parts = {name: value for name, value in super().identity().items() if name not in ("model", "revision")}
        folder = None if self.model is None else folder_of(self.model)
        if folder is not None:
            return {**parts, "files": folder_digests(folder, False) if folder.is_dir() else {}}
        return {
            **parts,
            "hub": self.model,
            "commit": None if self.model is None else hub_commit(self.model, self.revision or "main"),
        }

    def check(self) -> list[Problem]:
        if self.model is None:
            fix = "Set bertscore.model to a folder or a hub name (such as roberta-large), or take it out of metrics"
            return [Problem("bertscore.model", f"{self.name} embeds texts with a model, and none is named", fix)]
        try:
            folder = folder_of(self.model)
            if folder is None:
                commit = hub_commit(self.model, self.revision or "main")
                return (
                    []
                    if commit
                    else [
                        Problem(
                            "bertscore.model",
                            f"{self.model} is neither a folder nor in the cache, and the hub is out of reach",
                            "Name a folder, or fetch it first",
                        )
                    ]
                )
        except Refused as refused:
            return [Problem("bertscore.model", problem.why, problem.fix) for problem in refused.problems]
        if not (folder / "config.json").is_file():
            why = f"{folder} holds no model (no config.json)"
            return [Problem("bertscore.model", why, "Name a folder as save_pretrained writes it")]
        if self.layer is not None and self.layer < 0:
            return [Problem("bertscore.layer", f"{self.layer} is no layer", "Give 0 or more, or null for the last")]
        return weight_files.problems(folder, "bertscore.model", pickled=False, causal=False)

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 1], the F1 of each row; a failed or empty answer has 0."""
        reader = _reader(self.model, self.revision, self.layer)
        pairs = [("" if row["finish"] == "error" else row["output"], list(row["references"])) for row in rows]
        texts = dict.fromkeys(text for answer, references in pairs for text in (answer, *references) if text.strip())
        read = dict(zip(texts, reader.read(list(texts)), strict=True))
        weights = (
            _idf([read[text].ids for _, references in pairs for text in references if text in read])
            if self.idf
            else None
        )
        scores = [
            [max((_f1(read.get(answer), read.get(text), weights) for text in references), default=0.0)]
            for answer, references in pairs
        ]
        return np.array(scores, dtype=np.float64).reshape(len(rows), 1)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        n = np.asarray(n, dtype=np.float64)
        return np.asarray(totals, dtype=np.float64)[..., 0] / np.where(n > 0, n, np.nan)

    def signature(self) -> str:
        layer = "last" if self.layer is None else self.layer
        return (
            f"bertscore|f1|refs:best|model:{digest(self.identity())[:12]}|layer:{layer}|idf:"
            f"{'references' if self.idf else 'no'}|special"
            " tokens left out|no baseline rescaling"
        )


@dataclass(frozen=True)
class _Read:
    """Ids [tokens] and unit embeddings [tokens, width] of a text, special tokens left out."""

    ids: tuple[int, ...]
    vectors: np.ndarray


class _Reader:
    """A model that embeds tokens, loaded once per process."""

    def __init__(self, model: str, revision: str | None, layer: int | None) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        from ftbench.models.loaded import UNLOADABLE
        from ftbench.models.loading_info import ASK, unused_tensors

        folder = folder_of(model)
        source = {
            "pretrained_model_name_or_path": model if folder is None else str(folder),
            **({} if folder is not None or revision is None else {"revision": revision}),
        }
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(**source)
            loaded, info = AutoModel.from_pretrained(**source, **ASK, use_safetensors=True, dtype=torch.float32)
        except UNLOADABLE as error:  # an error of loading is none of an answer's: no row may be scored zero for it
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            fix = "Check the folder, the revision or the network"
            raise FtbenchError(f"bertscore.model={model}: cannot be loaded ({reason}). {fix}") from error
        unused_tensors(loaded, info, f"bertscore.model={model}")
        self.model = loaded.to(self.device).eval()
        self.layer = -1 if layer is None else layer
        window = getattr(self.model.config, "max_position_embeddings", None) or LONGEST_TOKENS
        self.longest = min(
            window - 2, self.tokenizer.model_max_length, LONGEST_TOKENS
        )  # some encoders keep two places for themselves

    def read(self, texts: Sequence[str]) -> list[_Read]:
        """Returns every text read, in order; a text longer than the window is read up to there."""
        import torch

        encoded = [
            self.tokenizer(text, truncation=True, max_length=self.longest, return_special_tokens_mask=True)
            for text in texts
        ]
        order = sorted(range(len(texts)), key=lambda place: len(encoded[place]["input_ids"]))
        found: dict[int, _Read] = {}
        for start in range(0, len(order), BATCH_TEXTS):
            batch = order[start : start + BATCH_TEXTS]
            width = max(len(encoded[place]["input_ids"]) for place in batch)
            ids = torch.tensor(
                [[*encoded[place]["input_ids"], *[0] * (width - len(encoded[place]["input_ids"]))] for place in batch],
                device=self.device,
            )
            mask = torch.tensor(
                [
                    [1] * len(encoded[place]["input_ids"]) + [0] * (width - len(encoded[place]["input_ids"]))
                    for place in batch
                ],
                device=self.device,
            )
            with torch.inference_mode():
                states = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            if not -len(states) <= self.layer < len(states):
                raise ValueError(f"bertscore.layer={self.layer}: the model has layers 0 to {len(states) - 1}")
            vectors = torch.nn.functional.normalize(states[self.layer].float(), dim=-1).cpu().numpy()
            for place, row in zip(batch, vectors, strict=True):
                kept = [at for at, special in enumerate(encoded[place]["special_tokens_mask"]) if not special]
                found[place] = _Read(
                    tuple(encoded[place]["input_ids"][at] for at in kept), row[kept].astype(np.float64)
                )
        return [found[place] for place in range(len(texts))]


@lru_cache(maxsize=1)
def _reader(model: str, revision: str | None, layer: int | None) -> _Reader:
    return _Reader(model, revision, layer)


def _idf(documents: Sequence[Sequence[int]]) -> dict[int, float]:
    """Returns token -> -log of the share of references that hold it, one added to both counts; tokens of no reference
    are in under -1.
    """
    counts = Counter(token for ids in documents for token in set(ids))
    size = len(documents)
    return {token: math.log((size + 1) / (count + 1)) for token, count in counts.items()} | {-1: math.log(size + 1)}


def _f1(answer: _Read | None, reference: _Read | None, weights: dict[int, float] | None) -> float:
    if answer is None or reference is None or not answer.ids or not reference.ids:
        return 0.0
    likeness = answer.vectors @ reference.vectors.T
    precision, recall = (
        _mean(likeness.max(axis=1), answer.ids, weights),
        _mean(likeness.max(axis=0), reference.ids, weights),
    )
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _mean(best: np.ndarray, ids: Sequence[int], weights: dict[int, float] | None) -> float:
    own = np.ones(len(ids)) if weights is None else np.array([weights.get(token, weights[-1]) for token in ids])
    return float(own @ best / own.sum()) if own.sum() > 0 else float(best.mean())
