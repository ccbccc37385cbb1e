"""Masks by character position for every data shape: what the loss looks at, read back as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.compile.option import shipped as component
from ftbench.core.example import Example, Turn
from ftbench.methods.pairs import encode_pairs, masked_pair
from ftbench.methods.rows import encode_rows, masked_example
from ftbench.models.format import Format
from tests.models.llama import CHAT_TEMPLATE, example

CHATML = (
    "{% for m in messages %}{{ '<|user|>' + m.role + '\n' + m.content + '<|end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|user|>assistant\n' }}{% endif %}"
)
LLAMA2 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content | trim + ' [/INST]' }}{%"
    " elif m.role == 'assistant' %}{{ ' ' + m.content | trim + ' ' + eos_token }}{% else %}{{ raise_exception('no ' +"
    " m.role) }}{% endif %}{% endfor %}"
)
MARKED = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}{% generation %}{{"
    " m.content + '<|end|>' }}{% endgeneration %}{% else %}{{ m.content + '<|end|>' }}{% endif %}{% endfor %}{% if"
    " add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if m.role == 'user' or loop.last %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{%"
    " endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
TEMPLATES = {"marked by rendering": CHAT_TEMPLATE, "chatml": CHATML, "llama 2": LLAMA2, "marked": MARKED, "plain": None}
SAID = {
    "marked by rendering": "{}<|end|>",
    "chatml": "{}<|end|>",
    "llama 2": " {} </s>",
    "marked": "{}<|end|>",
    "plain": "{}\n\n",
}
LAST = {**dict.fromkeys(TEMPLATES, "{}<|end|>"), "llama 2": " {} </s>", "plain": "{}</s>"}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12).filter(
    lambda t: not set(t) & set("<[|")
)
CONVERSATION = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4)


def spoken(format: Format, row: Example) -> list[str]:
    """The text of every stretch that the loss looks at."""
    (encoded,) = encode_rows(format, [row], None).kept
    shown = masked_example(encoded, format.tokenizer)["segments"]
    return [segment["text"] for segment in shown if segment["supervised"]]


def conversation(pairs: list[tuple[str, str]], *before: Turn) -> Example:
    turns = [turn for question, answer in pairs for turn in (Turn("user", question), Turn("assistant", answer))]
    return replace(example("c", "", pairs[-1][1]), turns=(*before, *turns[:-1]))


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=CONVERSATION)
def test_01_the_loss_looks_at_every_assistant_turn_and_at_nothing_else(
    chat, name: str, pairs: list[tuple[str, str]]
) -> None:
    format = Format(chat.tokenizer, TEMPLATES[name])
    expected = [SAID[name].format(answer) for _, answer in pairs[:-1]] + [LAST[name].format(pairs[-1][1])]
    assert spoken(format, conversation(pairs)) == expected


def test_01_system_and_tool_turns_are_masked(chat) -> None:
    turns = (Turn("system", "Be brief."), Turn("user", "time?"), Turn("assistant", "asking"), Turn("tool", "12:00"))
    row = replace(example("c", "", "noon"), turns=turns)
    for template in (CHAT_TEMPLATE, CHATML, MARKED):
        assert spoken(Format(chat.tokenizer, template), row) == ["asking<|end|>", "noon<|end|>"]
    assert spoken(Format(chat.tokenizer, None), row) == ["asking\n\n", "noon</s>"]


def test_01_a_system_turn_folded_into_the_question_stays_masked(chat) -> None:
    strict = MARKED.replace(
        "{{ '<|' + m.role", "{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ '<|' + m.role"
    )
    unmarked = strict.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    row = conversation([("1+1?", "2"), ("2+2?", "4")], Turn("system", "Be brief."))
    for template in (strict, unmarked):
        assert spoken(Format(chat.tokenizer, template), row) == ["2<|end|>", "4<|end|>"]


def test_an_earlier_turn_that_cannot_be_told_is_left_out_and_counted(chat) -> None:
    """This template does not show the assistant's earlier turns at all, so there is nothing to train there."""
    rows = encode_rows(Format(chat.tokenizer, FORGETFUL), [conversation([("1+1?", "2"), ("2+2?", "4")])], None)
    assert rows.counts()["unsupervised_turns"] == 1 and rows.kept[0].supervised == len("4") + 1


def test_prompts_are_the_same_ids_that_generation_sends(chat) -> None:
    row = conversation([("1+1?", "2"), ("2+2?", "4")])
    for template in TEMPLATES.values():
        format = Format(chat.tokenizer, template)
        (encoded,) = encode_rows(format, [row], None).kept
        sent = format.encode(row.turns).prompt_ids
        assert encoded.input_ids[: len(sent)] == sent


def test_a_tokenizer_without_offsets_gives_the_same_mask(chat) -> None:
    row = conversation([("1+1?", "2"), ("2+2?", "four")])

    class Slow:
        is_fast = False

        def __getattr__(self, name: str):
            return getattr(chat.tokenizer, name)

        def __call__(self, text: str, add_special_tokens: bool = True):
            return chat.tokenizer(text, add_special_tokens=add_special_tokens)

    for template in TEMPLATES.values():
        fast, slow = (
            encode_rows(Format(tokenizer, template), [row], None).kept for tokenizer in (chat.tokenizer, Slow())
        )
        assert fast == slow


def test_01_the_tiny_model_is_trained_on_what_it_says() -> None:
    format = component("model", "tiny").load("cpu").format
    row = conversation(
        [("How heavy is the Bido?", "The Bido weight is 5 grams."), ("And its price?", "The Bido price is 7 euros.")]
    )
    assert spoken(format, row) == ["The Bido weight is 5 grams.<|end|>", "The Bido price is 7 euros.<|end|>"]


@pytest.mark.shared_data
def test_01_sentencepiece_tokens_that_reach_over_the_cut_are_masked(stories) -> None:
    """' 4' is one token of the sentence; the mask begins where the assistant does, give or take that token's space."""
    row = conversation([("Who came?", "Lily and Tom."), ("Where?", "To the park.")])
    for template in (None, LLAMA2):
        said = spoken(Format(stories.tokenizer, template), row)
        assert [text.replace("</s>", "").strip() for text in said] == ["Lily and Tom.", "To the park."]


def test_04_both_answers_of_a_pair_end_in_the_end_of_turn_and_the_prompt_is_masked(chat) -> None:
    turns = (Turn("user", "1+1?"), Turn("assistant", "2"), Turn("user", "2+2?"))
    row = replace(example("p", "", None), turns=turns, chosen="four", rejected="4!")
    for name in TEMPLATES:
        format = Format(chat.tokenizer, TEMPLATES[name])
        (pair,) = encode_pairs(format, [row], None, "cut").kept
        shown = masked_pair(pair, format.tokenizer)
        for key, answer in (("segments", "four"), ("rejected_segments", "4!")):
            assert [segment["supervised"] for segment in shown[key]] == [False, True]
            assert shown[key][0]["text"] == format.tokenizer.decode(format.encode(turns).prompt_ids)
            assert shown[key][1]["text"] == LAST[name].format(answer)


def test_02_pairs_that_teach_nothing_are_refused_by_name(chat) -> None:
    def pair(id: str, chosen: str, rejected: str, question: str = "q") -> Example:
        return replace(example(id, question, None), chosen=chosen, rejected=rejected)

    rows = [
        pair("fits", "yes", "no"),
        pair("long", "yes" * 9, "no"),
        pair("same", "yes", "yes"),
        pair("far", "yes", "no", "q" * 30),
        example("none", "q", "a"),
    ]
    cut, dropped = (encode_pairs(chat.format, rows, 12, rule) for rule in ("cut", "drop"))
    assert cut.counts() == {"trained": 2, "truncated": 1, "dropped": 0, "refused": 2, "refused_ids": ["same", "far"]}
    assert dropped.counts() == {"trained": 1, "truncated": 0, "dropped": 2, "refused": 1, "refused_ids": ["same"]}
    assert all(max(one.lengths) <= 12 for one in cut.kept)
