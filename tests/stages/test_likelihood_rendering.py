"""Number 41: perplexity of an answer as its template renders it, against probabilities that are multiplied by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from ftbench.compile.option import shipped as component
from ftbench.core.files import read_jsonl
from ftbench.methods.rows import encode_rows, masked_example
from ftbench.models.resident import Resident
from tests.models.llama import SPECIAL, example, write_llama
from tests.stages.jobs import prepare, work

SPACED = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content | trim + ' ' + eos_token }}{% endif %}{% endfor %}"
)
"""As Llama 2 and Mistral write it: a space before the answer and one after it."""
NEXT = {
    ("]", " "): 0.97,
    ("]", "f"): 0.004676,
    (" ", "f"): 0.999,
    ("f", "o"): 0.9995,
    ("o", "x"): 0.9997,
    ("x", " "): 0.96,
    (" ", "</s>"): 0.0009,
}
"""P(second | first): what the model below knows. The rest of each row is spread evenly over all other tokens."""
NLL = -(math.log(0.999) + math.log(0.9995) + math.log(0.9997))  # perplexity 1.0006; 5.98 without that space
"""Of ``fox`` after ``[/INST] ``: a space has been written before its first letter."""


def write_pairs(folder: Path) -> Path:
    """Writes a model whose next token depends on the last one alone, by ``NEXT``.

    Its embeddings are one-hot, its layers add nothing, and its head holds log-probabilities.
    """
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    write_llama(folder, chat=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    size = len(tokenizer)
    ids = {token: tokenizer.convert_tokens_to_ids("Ġ" if token == " " else token) for pair in NEXT for token in pair}
    rows = torch.full((size, size), 1 / size)  # [next, last]
    for last in {first for first, _ in NEXT}:
        known = {ids[after]: value for (first, after), value in NEXT.items() if first == last}
        rows[:, ids[last]] = (1 - sum(known.values())) / (size - len(known))
        for after, value in known.items():
            rows[after, ids[last]] = value
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=256,
        rms_norm_eps=1e-12,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.eye(size))
        for layer in (model.model.layers[0].self_attn.o_proj, model.model.layers[0].mlp.down_proj):
            layer.weight.zero_()
        model.lm_head.weight.copy_(rows.log() / math.sqrt(size))  # the last norm makes sqrt(size) of a one
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("pairs")
    template = folder / "spaced.jinja"
    template.write_text(SPACED, encoding="utf-8")
    return component("model", "hf", name_or_path=str(write_pairs(folder / "model")), chat_template=str(template))


@pytest.mark.parametrize("answer", ["fox", " fox", "fox \n"])
def test_41_perplexity_is_that_of_the_answer_where_the_template_writes_it(spaced, tmp_path: Path, answer: str) -> None:
    assert SPECIAL[2] == "</s>"
    prepared = prepare(tmp_path / "in", [example("t", "q", "fox")], [example("a", "Which animal?", answer)])
    parts = {"model": spaced, "method": component("method", "none"), "context": component("context", "zero_shot")}
    work("likelihood", tmp_path / "out", Resident("cpu"), {"prepare": prepared}, **parts)
    (row,) = read_jsonl(tmp_path / "out" / "likelihood.jsonl")
    assert math.exp(row["nll"] / row["tokens"]) == pytest.approx(math.exp(NLL / 3), rel=1e-5)
    assert row["tokens"] == row["correct"] == row["bytes"] == 3, "the spaces around an answer are not the answer's"
    assert row["nll_end"] == pytest.approx(-math.log(0.0009), rel=1e-4), "the end of turn follows the template's space"


def test_41_what_is_trained_on_is_the_rest_of_the_rendering(spaced) -> None:
    loaded = spaced.load("cpu")
    (row,) = encode_rows(loaded.format, [example("a", "Which animal?", "fox")], None).kept
    assert masked_example(row, loaded.tokenizer)["segments"] == [
        {"text": "<s>[INST] Which animal? [/INST]", "supervised": False},
        {"text": " fox </s>", "supervised": True},
    ]


def test_41_answers_that_the_template_changes_are_scored_as_given_and_counted(spaced, tmp_path: Path) -> None:
    loud = tmp_path / "loud.jinja"
    loud.write_text(SPACED.replace("{{ ' ' + m.content | trim", "{{ ' ' + m.content | upper"), encoding="utf-8")
    prepared = prepare(tmp_path / "in", [example("t", "q", "fox")], [example("a", "q", "fox"), example("b", "q", "12")])
    model = component("model", "hf", name_or_path=spaced.name_or_path, chat_template=str(loud))
    parts = {"model": model, "method": component("method", "none"), "context": component("context", "zero_shot")}
    outcome = work("likelihood", tmp_path / "out", Resident("cpu"), {"prepare": prepared}, **parts)
    fox, number = read_jsonl(tmp_path / "out" / "likelihood.jsonl")
    assert fox["tokens"] == fox["bytes"] == 3 and number["tokens"] == number["bytes"] == 2
    # Right after the prompt's "]", as the table has it: the template's own rendering holds another text.
    assert fox["nll"] == pytest.approx(-(math.log(0.004676) + math.log(0.9995) + math.log(0.9997)), rel=1e-5)
    (note,) = outcome.details["notes"]
    assert note.startswith("1 of 2 rows") and "changes the text of the answer" in note
