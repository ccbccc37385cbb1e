"""The tiny model's tokenizer: a small byte-level BPE with single digits, and a chat template with generation marks.

Digits are single tokens and names are made of syllables, so that names and numbers never seen can be spelled, and
copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

BOS, PAD, END = "<s>", "<pad>", "<|end|>"
ROLES = ("system", "user", "assistant")
VOCABULARY = 1024
CONTEXT = 512

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '<|assistant|>' }}{%"
    " generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}{% elif message['role'] in ['system',"
    " 'user'] %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] }}{{ eos_token }}{% else %}{{"
    " raise_exception('the tiny model knows the roles system, user and assistant, not ' + message['role']) }}{% endif"
    " %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""The prompt of a turn is a prefix of the whole conversation: ``<s><|user|>...<|end|><|assistant|>``, then the answer
and ``<|end|>``.
"""


def train_tokenizer(texts: Iterable[str]) -> Any:
    """Trains the BPE on texts.

    Returns:
        A ``PreTrainedTokenizerFast`` with BOS, PAD and EOS (= end of turn) all different, and the chat template set.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    special = [PAD, BOS, END, *(f"<|{role}|>" for role in ROLES)]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=sorted(alphabet), show_progress=False
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[f"<|{role}|>" for role in ROLES],
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
