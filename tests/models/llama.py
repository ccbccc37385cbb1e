"""A Llama of a few thousand random parameters with a byte-level tokenizer, written as a folder: what tests load in
place of a real model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ftbench.core.example import Example, Turn

ROOT = Path(__file__).resolve().parents[2]
SPECIAL = ("<unk>", "<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{%"
    " endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def write_llama(
    folder: Path, *, chat: bool, pad: bool = True, generation: dict | None = None, window: int = 256, hidden: int = 32
) -> Path:
    """Writes a model folder; its weights are the same every time. 4-bit weights want a ``hidden`` that is a multiple of
    64.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", vocabulary["<s>"])])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(SPECIAL[4:]),
        **({"pad_token": "<pad>"} if pad else {}),
    )
    if chat:
        tokenizer.chat_template = CHAT_TEMPLATE
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=window,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    state = torch.get_rng_state()
    torch.manual_seed(5)
    model = LlamaForCausalLM(config)
    torch.set_rng_state(state)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    return folder


def example(id: str, question: str, target: str | None, group: str | None = None) -> Example:
    return Example(id, (Turn("user", question),), target, (target or "",), group, None, {}, (), None, None)


def examples(count: int) -> list[Example]:
    """Short rows of different lengths."""
    words = ("red", "blue", "greenish", "a longer colour")
    return [example(f"r{i}", f"colour of item {i}?" + " please" * (i % 3), words[i % len(words)]) for i in range(count)]


def user(text: str) -> Sequence[Turn]:
    return (Turn("user", text),)
