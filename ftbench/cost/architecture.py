"""The shape of a decoder-only transformer, from its ``config.json`` alone: parameters by kind, and the linear layers by
name.

Known families are those whose modules transformers builds from these fields (llama, mistral, qwen2, qwen3, gemma,
gemma2, phi3). Of any other nothing is guessed: ``architecture`` returns None. ``architectures.yaml`` holds the
published shapes of the presets' models, so that a plan needs no hub; ``tests/cost/test_architecture.py`` compares the
counts with the presets' published ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

CATALOGUE = Path(__file__).with_name("architectures.yaml")


@dataclass(frozen=True)
class Linear:
    """One linear layer of a block: its name in transformers, its sizes, and whether it has a bias."""

    name: str
    inputs: int
    outputs: int
    bias: bool

    @property
    def parameters(self) -> int:
        return self.inputs * self.outputs + (self.outputs if self.bias else 0)


@dataclass(frozen=True)
class Architecture:
    """A decoder-only transformer.

    Attributes:
        hidden: width of the residual stream.
        layers: blocks.
        heads, kv_heads, head_dim: of attention; fewer key and value heads than heads is grouped-query attention.
        intermediate: width of the feed-forward.
        vocabulary: rows of the embedding.
        tied: whether the head is the embedding.
        linears: of one block.
        norms: RMS norms of width ``hidden`` in one block.
        head_norms: norms of width ``head_dim`` in one block, as Qwen 3 has them on queries and keys.
        window: the longest context, or None where the config does not say.
        gated: whether the feed-forward multiplies two projections.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    tied: bool
    linears: tuple[Linear, ...]
    norms: int
    head_norms: int
    window: int | None
    gated: bool

    @property
    def query_width(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Width of the keys, which is that of the values."""
        return self.kv_heads * self.head_dim

    def parameters(self) -> dict[str, int]:
        """Returns kind -> parameters: ``embeddings``, ``attention``, ``mlp``, ``norms``, ``head`` (0 where it
        is tied).
        """
        attention = sum(linear.parameters for linear in self.linears if not _of_mlp(linear.name))
        mlp = sum(linear.parameters for linear in self.linears if _of_mlp(linear.name))
        return {
            "embeddings": self.vocabulary * self.hidden,
            "attention": self.layers * attention,
            "mlp": self.layers * mlp,
            "norms": self.layers * (self.norms * self.hidden + self.head_norms * self.head_dim) + self.hidden,
            "head": 0 if self.tied else self.vocabulary * self.hidden,
        }

    @property
    def total(self) -> int:
        return sum(self.parameters().values())

    @property
    def in_linears(self) -> int:
        """Parameters of the blocks' linear layers: what 4 bits and adapters apply to."""
        return self.layers * sum(linear.parameters for linear in self.linears)

    @property
    def computing(self) -> int:
        """Parameters that every token is multiplied with: the blocks' linear layers and the head; the embedding is
        looked up.
        """
        return self.in_linears + self.vocabulary * self.hidden

    def chosen(self, targets: tuple[str, ...] | None) -> tuple[Linear, ...]:
        """Returns the linear layers of a block that an adapter stands on; None is all of them."""
        return self.linears if targets is None else tuple(linear for linear in self.linears if linear.name in targets)

    def adapter_parameters(self, rank: int, targets: tuple[str, ...] | None, dora: bool = False) -> int:
        """Returns the parameters of low-rank matrices: the sum of r (in + out) (Hu et al. 2021, section 4.2), and one
        magnitude per output for DoRA.
        """
        each = sum(
            rank * (linear.inputs + linear.outputs) + (linear.outputs if dora else 0) for linear in self.chosen(targets)
        )
        return self.layers * each


def _of_mlp(name: str) -> bool:
    return name in ("gate_proj", "up_proj", "down_proj", "gate_up_proj")


def architecture(config: Mapping[str, Any]) -> Architecture | None:
    """Returns the shape that a ``config.json`` describes; None for a family that is not known here, or a config that
    lacks what is needed.
    """
    config = {**config, **(config.get("text_config") or {})}
    family = _FAMILIES.get(str(config.get("model_type")))
    if family is None:
        return None
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        layers, vocabulary = int(config["num_hidden_layers"]), int(config["vocab_size"])
        intermediate = int(config["intermediate_size"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        head_dim = int(config.get("head_dim") or hidden // heads)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if min(hidden, heads, intermediate, layers, vocabulary, kv_heads, head_dim) < 1:
        return None
    query, kv = heads * head_dim, kv_heads * head_dim
    bias = bool(config.get("attention_bias", False))
    qkv_bias, out_bias = bias or family.qkv_bias, bias and not family.qkv_bias
    mlp_bias = bool(config.get("mlp_bias", False))
    linears: tuple[Linear, ...]
    if family.fused:
        linears = (
            Linear("qkv_proj", hidden, query + 2 * kv, qkv_bias),
            Linear("o_proj", query, hidden, out_bias),
            Linear("gate_up_proj", hidden, 2 * intermediate, mlp_bias),
            Linear("down_proj", intermediate, hidden, mlp_bias),
        )
    else:
        linears = (
            Linear("q_proj", hidden, query, qkv_bias),
            Linear("k_proj", hidden, kv, qkv_bias),
            Linear("v_proj", hidden, kv, qkv_bias),
            Linear("o_proj", query, hidden, out_bias),
            Linear("gate_proj", hidden, intermediate, mlp_bias),
            Linear("up_proj", hidden, intermediate, mlp_bias),
            Linear("down_proj", intermediate, hidden, mlp_bias),
        )
    window = config.get("max_position_embeddings")
    return Architecture(
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=intermediate,
        vocabulary=vocabulary,
        tied=bool(config.get("tie_word_embeddings", family.tied)),
        linears=linears,
        norms=family.norms,
        head_norms=family.head_norms,
        window=int(window) if window else None,
        gated=True,
    )


@dataclass(frozen=True)
class _Family:
    """What a model type does that its config does not say; the defaults are those of transformers' configuration
    classes.
    """

    tied: bool = False
    qkv_bias: bool = False
    fused: bool = False
    norms: int = 2
    head_norms: int = 0


_FAMILIES = {
    "llama": _Family(),
    "mistral": _Family(),
    "qwen2": _Family(qkv_bias=True),
    "qwen3": _Family(head_norms=2),
    "gemma": _Family(tied=True),
    "gemma2": _Family(tied=True, norms=4),
    "phi3": _Family(fused=True),
}


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[str, Any]]:
    """Returns hub name -> the fields of its published config.json that its shape follows from."""
    published: dict[str, dict[str, Any]] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return published
