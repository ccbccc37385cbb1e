"""What loading left out: transformers fills missing tensors with random numbers, so such a model is refused.

Every load asks ``from_pretrained`` for its loading info (``ASK``) and hands it to ``unused_tensors``; libraries that
load models themselves do so inside ``checked_loading``. Tied weights are no misses: transformers drops them from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ftbench.core.errors import FtbenchError

ASK = {"output_loading_info": True, "ignore_mismatched_sizes": True}
"""Mismatched sizes are refused here, by name, and not by an exception that names none."""

HARMLESS = {
    "attention masks": r"attn\.(masked_)?bias$|attention\.(masked_)?bias$|(causal|attn|attention)_mask$",
    "rotary and position buffers": r"inv_freq$|(cos|sin)_cached$|(^|\.)position_ids$|freqs_cis$|attn\.embed_positions$",
    "scales of the key-value cache": (
        r"\.(k|v|kv)_(scale|zero_point)s?$|\.[kv]_proj\.output_scale$" r"|attn\.(q|prob)_scale$"
    ),
    "multi-token prediction": r"(^|\.)(mtp|nextn|medusa|eagle)\w*\.",
    "vision, audio and video parts": (
        r"(^|\.)(vision|visual|image|video|audio|speech|mm_|multi_?modal)\w*\."
        r"|(^|\.)(embed_vision|embed_audio|talker|token2wav|code2wav)\."
    ),
    "value and classification heads": (
        r"^(\w+\.)?(v_head|value_head|reward_head|score|classifier|qa_outputs|pooler)\." r"|^cls\.seq_relationship\."
    ),
}
"""Kind -> names of tensors that a checkpoint may hold beside a language model's: answers do not depend on them."""

LAYER = re.compile(r"^((?:.*?\.)?(?:layers|layer|h|blocks|block)\.\d+)\.")
PREDICTS = re.compile(r"\.(eh_proj|enorm|hnorm|shared_head)\.")
"""In a layer behind the last one: it predicts a further token, and is written as one more layer (DeepSeek, GLM)."""

SHOWN = 3


def unused_tensors(model: Any, info: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Returns what the checkpoint holds beside the model, one phrase per kind; empty where it holds nothing else.

    Args:
        model: the transformers model, just loaded.
        info: its loading info, asked for with ``ASK``.
        where: setting and name of the model, such as ``model.name_or_path=NAME``.

    Raises:
        FtbenchError: when tensors are missing or of other shapes, or the model lacks a place for some that matter.
    """
    kind, base = type(model).__name__, _is_base(model)
    missing = sorted(name for name in info["missing_keys"] if not (base and ".pooler." in f".{name}"))
    shapes = {name: (tuple(stored), tuple(expected)) for name, stored, expected in info["mismatched_keys"]}
    noted, foreign = sort_unexpected(model, sorted(info["unexpected_keys"]))
    faults = []
    if missing:
        faults.append(f"lacks {some(missing)}, which would be filled with random numbers")
    if shapes:
        name, (stored, expected) = min(shapes.items())
        difference = f"{name}: {list(stored)}, not {list(expected)}"
        faults.append(f"{some(sorted(shapes))} of another shape than config.json says ({difference})")
    if foreign:
        faults.append(f"holds {some(foreign)} that {kind} does not compute with{_encoder(foreign)}")
    if faults:
        fix = "Copy or download the folder again, whole, with its own config.json, or name a model of this class"
        raise FtbenchError(f"{where}: not loaded as {kind}: {'; '.join(faults)}. {fix}")
    return tuple(f"{part}: {some(names)}" for part, names in noted.items())


def sort_unexpected(model: Any, names: Collection[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Returns the tensors that a model has no place for: the harmless ones by kind, and those of the computation.

    For a base model (an encoder without a head) whatever stands outside its own modules is harmless: heads. For a
    language model the kinds of ``HARMLESS`` are, and nothing else.
    """
    predicting = {match[1] for name in names if PREDICTS.search(name) and (match := LAYER.match(name))}
    own = {name for name, _ in model.named_children()} if _is_base(model) else None
    prefix = f"{model.base_model_prefix}."
    noted: dict[str, list[str]] = {}
    foreign = []
    for name in names:
        kinds = [kind for kind, pattern in HARMLESS.items() if re.search(pattern, name)]
        match = LAYER.match(name)
        if match is not None and match[1] in predicting:
            kinds = ["multi-token prediction"]
        if own is not None and name.removeprefix(prefix).split(".")[0] not in own:
            kinds = [*kinds, "heads"]
        if kinds and not _is_bias_of_a_layer(model, name):
            noted.setdefault(kinds[0], []).append(name)
        else:
            foreign.append(name)
    return noted, foreign


def some(names: Collection[str]) -> str:
    """Returns a count and the first names: ``12 tensors (a, b, c, ...)``."""
    first = ", ".join(list(names)[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names)} tensor{'' if len(names) == 1 else 's'} ({first})"


@contextmanager
def checked_loading(where: str) -> Iterator[None]:
    """Context manager: inside it every transformers model is checked as it is loaded, whichever library loads it.

    Args:
        where: setting and name of the model, for messages.

    Raises:
        FtbenchError: as ``unused_tensors`` does.
    """
    from transformers import PreTrainedModel

    original = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: Any, *arguments: Any, **options: Any) -> Any:
        with_info = options.get("output_loading_info", False)
        model, info = original.__func__(cls, *arguments, **{**options, **ASK})
        unused_tensors(model, info, where)
        return (model, info) if with_info else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = original


def _is_base(model: Any) -> bool:
    """Says whether a model is one without a head, whose hidden states are what is used."""
    return model.base_model is model


def _is_bias_of_a_layer(model: Any, name: str) -> bool:
    """Says whether a name that reads like a mask is the bias of a layer with weights: the class computes without it."""
    parent, _, last = name.rpartition(".")
    if last != "bias":
        return False
    try:
        return "weight" in dict(model.get_submodule(parent).named_parameters(recurse=False))
    except AttributeError:
        return False


def _encoder(names: Collection[str]) -> str:
    encoder = any(part == "encoder" for name in names for part in name.split(".")[:2])
    return " (it is an encoder-decoder, and its decoder alone would answer)" if encoder else ""
