"""Small fast tokenizers of the kinds that real models have, each trained on a few sentences in a moment."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = (
    *("<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|im_start|>", "<|im_end|>"),
    *("<start_of_turn>", "<end_of_turn>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eot_id|>", "<|endoftext|>"),
)
SENTENCES = (
    "Which animal lives here? The fox lives in the den, and the owl in the old tree.",
    "How much is it? It is 12 euros, 40 with the box; not 3.50.",
    "user assistant system model [INST] [/INST] Question: Answer: <<SYS>>",
    "Ein grünes Haus, größer als die anderen. これは短い文です。",
    "the answer is yes. the answer is no. an answer of several words\nand of two lines",
)


def _wrapped(made: Tokenizer, **values: Any) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(SPECIAL[3:]),
        **values,
    )


def byte_level(trim: bool) -> Any:
    """As GPT-2 (``trim``: offsets leave out spaces), Llama 3 and Qwen have it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=trim)
    made.train_from_iterator(
        SENTENCES * 3,
        trainers.BpeTrainer(
            vocab_size=450,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return _wrapped(made)


def greedy_spaces() -> Any:
    """Byte-level, whose special tokens swallow the white space after them, as Phi 3 has it."""
    made = byte_level(False)
    made.add_special_tokens(
        {
            "additional_special_tokens": [
                AddedToken(token, rstrip=True, special=True) for token in ("<|user|>", "<|end|>", "<|assistant|>")
            ]
        }
    )
    return made


def _byte_fallback(unigram: bool) -> Tokenizer:
    """A vocabulary of ``▁`` words and the 256 bytes."""
    source = Tokenizer(models.BPE(unk_token="<unk>"))
    source.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Metaspace()])
    source.train_from_iterator(
        SENTENCES * 3, trainers.BpeTrainer(vocab_size=300, special_tokens=list(SPECIAL), show_progress=False)
    )
    pieces = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [
        piece for piece, _ in sorted(source.get_vocab().items(), key=lambda item: item[1]) if piece not in SPECIAL
    ]
    if unigram:
        return Tokenizer(
            models.Unigram(
                [(piece, -10.0 / len(piece) if i >= len(SPECIAL) + 256 else -50.0) for i, piece in enumerate(pieces)],
                0,
                True,
            )
        )
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    merges = [
        (piece[:at], piece[at:])
        for piece in pieces[len(SPECIAL) + 256 :]
        for at in range(1, len(piece))
        if piece[:at] in vocabulary and piece[at:] in vocabulary
    ]
    return Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))


def _metaspace_decoder() -> Any:
    return decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )


def llama_2() -> Any:
    """As SentencePiece converts: a ``▁`` before each stretch between special tokens, bytes for what is unknown."""
    made = _byte_fallback(False)
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = _metaspace_decoder()
    return _wrapped(made)


def metaspace(unigram: bool) -> Any:
    """As newer conversions have it: a ``▁`` before the text alone."""
    made = _byte_fallback(unigram)
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    made.decoder = _metaspace_decoder()
    return _wrapped(made)


class Slow:
    """A tokenizer without offsets: everything else is that of ``fast``."""

    is_fast = False

    def __init__(self, fast: Any) -> None:
        self._fast = fast

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __call__(self, text: str, add_special_tokens: bool = True) -> Any:
        return self._fast(text, add_special_tokens=add_special_tokens)


KINDS: dict[str, Callable[[], Any]] = {
    "byte-level": lambda: byte_level(False),
    "byte-level, trimmed offsets": lambda: byte_level(True),
    "special tokens that swallow spaces": greedy_spaces,
    "llama 2": llama_2,
    "metaspace": lambda: metaspace(False),
    "unigram": lambda: metaspace(True),
}


@cache
def tokenizer_of(kind: str) -> Any:
    """Makes each kind once."""
    return KINDS[kind]()
