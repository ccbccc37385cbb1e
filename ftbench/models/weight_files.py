"""What the weights of a model folder hold, from file headers, index and ``config.json`` alone.

So a plan refuses a damaged folder in milliseconds: neither torch nor transformers is imported and no weights are read.
Whatever an architecture may lay out in its own way is left to loading (``ftbench.models.loading_info``), which knows
every name; what is refused here is wrong for every architecture.
"""

from __future__ import annotations

import functools
import json
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftbench.core.errors import Problem

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
ADAPTER = "adapter_model.safetensors"
LARGEST_HEADER_BYTES = 100_000_000
"""The limit of the safetensors format."""

LAYER = re.compile(r"^((?:.*?\.)?(?:layers|layer|h|blocks|block))\.(\d+)\.")
OTHER_PARTS = re.compile(r"vision|visual|image|img|video|audio|speech|mtp|nextn|medusa|eagle")
"""In names of tensors that the language model does not compute with."""
LAYER_COUNTS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "decoder_layers",
    "num_decoder_layers",
    "num_transformer_layers",
)
PREDICTION_COUNTS = ("num_nextn_predict_layers", "num_mtp_layers", "num_mtp_modules", "mtp_num_hidden_layers")
TEXT_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder")
EMBEDDING_NAME = re.compile(r"emb|wte|word|shared|tok")
HEAD_NAME = re.compile(r"head|output|embed_out|pred|decoder\.(weight|bias)$|cls")

COPY = "Copy or download the folder again, whole"

Shapes = Mapping[str, Sequence[int]]


class Damaged(Exception):
    """A file that is not what it should be; the text says how."""


class Absent(Damaged):
    """A file that is not here."""


def problems(folder: Path, where: str, pickled: bool, causal: bool = True, partial: bool = False) -> list[Problem]:
    """Returns what is wrong with the weights of a folder; empty where nothing is.

    Args:
        folder: as ``save_pretrained`` writes it, with ``config.json``.
        where: the setting that names the folder.
        pickled: whether pickled weights may be loaded.
        causal: whether it is to be a decoder-only language model; an encoder otherwise.
        partial: whether files may be absent, as in a hub's cache that is filled when the model is loaded.
    """
    if (folder / "adapter_config.json").is_file():
        fix = "Name the folder of a whole model: merge the adapter with peft's merge_and_unload and save_pretrained"
        return [Problem(where, f"{folder} holds an adapter (adapter_config.json)", fix)]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if causal and config.get("is_encoder_decoder") is True:
        return [Problem(where, *_encoder_decoder(folder, config))]
    try:
        shapes = read(folder, pickled, config.get("transformers_weights"))
    except Absent as damage:
        return [] if partial else [Problem(where, str(damage), COPY)]
    except Damaged as damage:
        return [Problem(where, str(damage), COPY)]
    if config.get("auto_map"):  # code of its own may name and count its tensors as it likes
        return []
    return [Problem(where, why, fix) for why, fix in _disagreements(folder, config, shapes, causal)]


def read(folder: Path, pickled: bool, named: str | None = None) -> Shapes:
    """Returns name -> shape of the tensors that ``from_pretrained`` finds in a folder; pickles are not opened.

    Args:
        named: the file that the config names (``transformers_weights``), or None.

    Raises:
        Damaged: when a file is missing, cut off or contradicts the index.
    """
    if named is not None:
        return _sharded(folder, named) if named.endswith(".index.json") else header(folder / named)
    if (folder / WEIGHTS).is_file():
        return header(folder / WEIGHTS)
    if (folder / INDEX).is_file():
        return _sharded(folder, INDEX)
    if pickled and (folder / PICKLED).is_file():
        return {}
    if pickled and (folder / PICKLED_INDEX).is_file():
        return _sharded(folder, PICKLED_INDEX)
    others = sorted(path.name for path in folder.glob("*.safetensors"))
    if others:
        raise Absent(f"{folder} has neither {WEIGHTS} nor {INDEX}, only {_some(others)}")
    raise Absent(f"{folder} has no weights")


def header(path: Path) -> Shapes:
    """Returns name -> shape of the tensors in a safetensors file.

    Raises:
        Damaged: when there is no such file, or it is cut off.
    """
    if not path.is_file():
        raise Absent(f"{path} is missing")
    status = path.stat()
    return _header(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=512)
def _header(path: Path, size: int, _modified: int) -> Shapes:
    with open(path, "rb") as file:
        start = file.read(8)
        if start.startswith(b"version "):
            raise Damaged(f"{path} is a Git LFS pointer and not the weights (git lfs pull)")
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(LARGEST_HEADER_BYTES, size - 8):
            raise Damaged(f"{path} is cut off or no safetensors file ({size:,} bytes)")
        text = file.read(length)
    try:
        tensors = {name: value for name, value in json.loads(text).items() if name != "__metadata__"}
        needed = 8 + length + max((value["data_offsets"][1] for value in tensors.values()), default=0)
        shapes = {name: tuple(value["shape"]) for name, value in tensors.items()}
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise Damaged(f"{path} has a damaged header") from error
    if size != needed:
        raise Damaged(f"{path} has {size:,} bytes where its header says {needed:,}")
    return shapes


def _sharded(folder: Path, index: str) -> Shapes:
    try:
        weight_map = json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"]
        places = {name: str(shard) for name, shard in weight_map.items()}
        shards = sorted(set(places.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{folder / index} holds no weight_map") from error
    if missing := [name for name in shards if not (folder / name).is_file()]:
        raise Absent(f"{folder} lacks {len(missing)} of the {len(shards)} files that {index} names ({_some(missing)})")
    if not index.endswith(INDEX[len("model") :]):
        return dict.fromkeys(places, ())
    shapes: dict[str, Sequence[int]] = {}
    for name in shards:
        shapes |= header(folder / name)
    if absent := sorted(name for name, shard in places.items() if name not in header(folder / shard)):
        raise Damaged(f"{index} of {folder} names {len(absent)} tensors that are not in their files ({_some(absent)})")
    return shapes


def _disagreements(folder: Path, config: Mapping[str, Any], shapes: Shapes, causal: bool) -> list[tuple[str, str]]:
    """Returns why and fix wherever the tensors' names contradict the config."""
    if causal and _has_two_stacks(shapes):
        return [_encoder_decoder(folder, config)]
    if not shapes:
        return []
    found = [_layers(folder, config, shapes)]
    if "quantization_config" not in config and any(shapes.values()):
        found += [_embedding(folder, config, shapes), _head(folder, config, shapes) if causal else None]
    return [one for one in found if one is not None]


def _encoder_decoder(folder: Path, config: Mapping[str, Any]) -> tuple[str, str]:
    why = f"{folder} is an encoder-decoder ({config.get('model_type')}), and a decoder-only language model is needed"
    return why, "Name a model that AutoModelForCausalLM loads whole, such as a Llama, Qwen or Mistral"


def _has_two_stacks(shapes: Shapes) -> bool:
    """Says whether layers of an encoder stand beside layers of a decoder."""
    stacks = {match[1] for name in shapes if (match := LAYER.match(name)) and not OTHER_PARTS.search(name)}
    return {"encoder", "decoder"} <= {part for stack in stacks for part in stack.split(".")[-2:-1]}


def _layers(folder: Path, config: Mapping[str, Any], shapes: Shapes) -> tuple[str, str] | None:
    """Compares the layers' numbers with the config's count; where several stacks could be meant nothing is said."""
    stacks: dict[str, set[int]] = {}
    predicting: set[int] = set()
    for name in shapes:
        if (match := LAYER.match(name)) and not OTHER_PARTS.search(match[1]):
            stacks.setdefault(match[1], set()).add(int(match[2]))
            if re.search(r"\.(eh_proj|enorm|hnorm|shared_head)\.", name):
                predicting.add(int(match[2]))
    texts = [config[name] for name in TEXT_CONFIGS if isinstance(config.get(name), dict)] or [config]
    counts = sorted({text[name] for text in texts for name in LAYER_COUNTS if isinstance(text.get(name), int)})
    if len(stacks) != 1 or not counts:
        return None
    ((stack, numbers),) = stacks.items()
    extra = max(
        (one[name] for one in [config, *texts] for name in PREDICTION_COUNTS if isinstance(one.get(name), int)),
        default=0,
    )
    for count in counts:
        beyond = {number for number in numbers if number >= count + extra} - predicting
        if numbers.issuperset(range(count)) and not beyond:
            return None
    count = counts[-1]
    lacking, beyond = sorted(set(range(count)) - numbers), sorted(numbers - set(range(count + extra)) - predicting)
    if lacking:
        return f"{folder} has no tensor of {_numbers(lacking, stack)}, and config.json says {count} layers", COPY
    fix = "Set the config's number of layers to that of the weights, or copy the folder again"
    return f"{folder} has {_numbers(beyond, stack)} where config.json says {count} layers", fix


def _embedding(folder: Path, config: Mapping[str, Any], shapes: Shapes) -> tuple[str, str] | None:
    size = _value(config, "vocab_size")
    found = any(
        isinstance(size, int) and size in shape or EMBEDDING_NAME.search(name) for name, shape in shapes.items()
    )
    if found or not isinstance(size, int):
        return None
    return f"{folder} has no embedding: no tensor has {size} rows, the vocab_size of config.json", COPY


def _head(folder: Path, config: Mapping[str, Any], shapes: Shapes) -> tuple[str, str] | None:
    """Refuses weights with one vocabulary-sized tensor where the config says that embedding and head are two."""
    size = _value(config, "vocab_size")
    ties = (_value(config, "tie_word_embeddings"), config.get("tie_word_embeddings", False))
    if ties != (False, False) or not isinstance(size, int):
        return None
    outside = [name for name, shape in shapes.items() if not LAYER.match(name) and not OTHER_PARTS.search(name)]
    if sum(size in shapes[name] for name in outside) > 1 or any(HEAD_NAME.search(name) for name in outside):
        return None
    fix = f"{COPY}, or set tie_word_embeddings to true in config.json if its head is the embedding"
    return f"{folder} has no output head, and config.json says tie_word_embeddings: false", fix


def _value(config: Mapping[str, Any], name: str) -> Any:
    """Returns a value of the text model's config where the model has parts, else of the config itself."""
    texts = [config[part] for part in TEXT_CONFIGS if isinstance(config.get(part), dict)]
    return next((text[name] for text in texts if name in text), config.get(name))


def _numbers(numbers: Sequence[int], stack: str) -> str:
    first, last = f"{stack}.{numbers[0]}", f"{stack}.{numbers[-1]}"
    return first if len(numbers) == 1 else f"{len(numbers)} layers ({first} to {last})"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
