"""What a base takes in memory, whole and in 4 bits, and how far its loss moves: the model's own bytes, nothing that is
computed.

    OMP_NUM_THREADS=1 python -m benchmarks.quantized [--model FOLDER]
    # a Llama of random weights
    OMP_NUM_THREADS=1 python -m benchmarks.quantized --hidden 1024 --layers 4 --vocabulary 32000

Bytes are those of every parameter once loaded, with the scales of 4-bit blocks. Embeddings and head stay whole and are
most of a small model; the linear layers are therefore counted apart. The process's own memory says little on a CPU:
whole weights are mapped from the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from ftbench.core.component import build
from ftbench.core.shipped import CONF

KINDS = (None, "nf4_single", "nf4")


def component(folder: str, kind: str | None) -> Any:
    node = yaml.safe_load((CONF / "model" / "hf.yaml").read_text(encoding="utf-8"))
    return build({**node, "name_or_path": folder, "quantization": kind, "chat_template": "none"}, "model")


def measure(folder: str, kind: str | None) -> dict[str, float]:
    """Loads the model in this process and returns its figures, in bytes."""
    import torch

    from ftbench.models.quantize import four_bit_modules

    loaded = component(folder, kind).load("cpu")
    packed = {id(module.weight) for _, module in four_bit_modules(loaded.model)}
    plain = sum(p.numel() * p.element_size() for p in loaded.model.parameters() if id(p) not in packed)
    linear = [
        module
        for name, module in loaded.model.named_modules()
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name
    ]
    quantized = 0 if loaded.quantized is None else loaded.quantized.bytes
    in_linear = quantized or sum(module.weight.numel() * module.weight.element_size() for module in linear)
    torch.manual_seed(0)
    ids = torch.randint(3, min(loaded.model.config.vocab_size, 400), (4, 64))
    with torch.inference_mode():
        loss = loaded.model(input_ids=ids, labels=ids).loss.item()
    return {"all": plain + quantized, "linear": in_linear, "loss": loss}


def random_llama(folder: str, hidden: int, layers: int, vocabulary: int) -> None:
    """Writes a Llama of random weights with the tiny model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4 // 64 * 64,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(_tiny()).save_pretrained(folder)


def _tiny() -> str:
    return str(Path(build(yaml.safe_load((CONF / "model" / "tiny.yaml").read_text(encoding="utf-8")), "model").place()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder (default: the tiny model)")
    parser.add_argument("--hidden", type=int, help="make a Llama of random weights this wide instead")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.only is not None:
        print(json.dumps(measure(words.model, words.only if words.only != "null" else None)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if words.hidden:
            random_llama(scratch, words.hidden, words.layers, words.vocabulary)
        folder = scratch if words.hidden else words.model or _tiny()
        found = {}
        for kind in KINDS:
            command = [sys.executable, "-m", "benchmarks.quantized", "--model", folder, "--only", kind or "null"]
            found[kind] = json.loads(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
            )
    whole = found[None]
    print(f"{'base':<12}{'all bytes':>14}{'of whole':>10}{'linear bytes':>14}{'of whole':>10}{'loss':>10}")
    for kind, one in found.items():
        shares = one["all"] / whole["all"], one["linear"] / whole["linear"]
        print(
            f"{kind or 'float32':<12}{one['all']:>14,}{shares[0]:>10.3f}{one['linear']:>14,}{shares[1]:>10.3f}"
            f"{one['loss']:>10.4f}"
        )


if __name__ == "__main__":
    main()
