"""Number 41: the conversation is rendered once, over many templates and tokenizers."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.compile.option import shipped as component
from ftbench.core.example import Turn
from ftbench.methods.rows import encode_rows
from ftbench.models import rendering
from ftbench.models.format import Encoded, Format
from tests.models.llama import example
from tests.models.templates import TEMPLATES, TURNS, Template, written
from tests.models.tokenizers import KINDS, SPECIAL, Slow, tokenizer_of

WORD = st.sampled_from(
    [
        "the fox",
        "yes",
        "no",
        "12",
        "grün",
        "好",
        "an answer",
        "think",
        " (said)",
        "the",
        "\n",
        " ",
        "  ",
        ".",
        "assistant",
        "é\u0301",
        "🦊",
        "\u00a0",
    ]
)
TEXT = st.one_of(
    st.lists(WORD, max_size=5).map("".join),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8),
).filter(lambda text: not set(text) & set("<>[|"))
SAID = st.tuples(st.sampled_from(["", "Be brief."]), st.lists(st.tuples(TEXT, TEXT), max_size=2), TEXT)
MANY = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


def conversation(said: tuple[str, list[tuple[str, str]], str]) -> list[Turn]:
    system, pairs, question = said
    turns = [Turn("system", system)] if system else []
    for asked, answered in pairs:
        turns += [Turn("user", asked), Turn("assistant", answered)]
    return [*turns, Turn("user", question)]


def rendered(format: Format, turns: list[Turn], answer: str) -> str:
    """The whole conversation as transformers writes it."""
    if format.template is None:
        return format.text(turns) + answer
    messages = [{"role": turn.role, "content": turn.content} for turn in format.accepted(turns)]
    return format.tokenizer.apply_chat_template(
        [*messages, {"role": "assistant", "content": answer}], chat_template=format.template, tokenize=False
    )


def ids_of(format: Format, text: str) -> list[int]:
    begin = [format.tokenizer.bos_token_id] if format.template is None and format._begin else []
    return [*begin, *format.tokenizer(text, add_special_tokens=False)["input_ids"]]


def check(format: Format, template: Template, turns: list[Turn], answer: str) -> Encoded:
    """Holds one encoded conversation against what is known by hand and against transformers' own rendering and ids."""
    encoded, sent = format.encode(turns, answer), format.encode(turns)
    kept = answer.strip() if template.strips else answer
    rest = template.around.format(kept)
    whole = rendered(format, turns, answer)
    end = "" if format.template is None else template.end
    assert whole == encoded.prompt + rest + end + ("" if format.template is None else template.after), (
        "this template is not what the table says"
    )
    assert encoded.prompt_ids == sent.prompt_ids and encoded.prompt == sent.prompt == format.text(turns), (
        "prompt ids are those that generation sends"
    )
    assert encoded.separate is None and encoded.answer == kept
    assert [format.tokenizer.convert_ids_to_tokens(id) for id in encoded.end_ids] == [template.end]
    joined = [*encoded.prompt_ids, *encoded.target_ids, *(encoded.end_ids if end else ())]
    together = ids_of(format, whole)
    if together[: len(sent.prompt_ids)] == list(sent.prompt_ids):
        assert joined == together[: len(joined)], "prompt ids + rest are the ids of the rendering"
        assert all(format.tokenizer.decode([id]).strip() in ("", "<|endoftext|>") for id in together[len(joined) :]), (
            "and nothing but white space is left"
        )
    else:
        apart = format.tokenizer(rest + end, add_special_tokens=False)["input_ids"]
        assert joined[len(sent.prompt_ids) :] == apart, (
            "a token straddles the end of the prompt: the rest is encoded apart"
        )
    return encoded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TEMPLATES)
@MANY
@hypothesis.example(said=("", [], "what"), answer="the")  # straddles the end of a prompt that ends in a space
@given(said=SAID, answer=TEXT)
def test_41_prompt_and_rest_are_the_ids_of_the_whole_rendering(kind: str, name: str, said: tuple, answer: str) -> None:
    template = TEMPLATES[name]
    format = Format(tokenizer_of(kind), template.jinja)
    encoded = check(format, template, conversation(said), answer)
    first, last = encoded.answer_span
    before, _, after = template.around.partition("{}")
    if kind == "byte-level" and encoded.answer:  # each of its tokens says itself how many bytes it has
        spans, at = [], 0
        for token in format.tokenizer.convert_ids_to_tokens(encoded.target_ids):
            spans.append((at, at := at + len(token)))
        start = len(before.encode())
        stop = start + len(encoded.answer.encode())
        assert [i for i, (begin, end) in enumerate(spans) if begin < stop and end > start] == list(range(first, last))
    else:
        decode = format.tokenizer.decode
        held = "".join(decode(encoded.target_ids[first:last], clean_up_tokenization_spaces=False).split())
        assert "".join(encoded.answer.split()) in held
        assert len(held) - len("".join(encoded.answer.split())) <= 7, "no more than the tokens that reach over its ends"


@pytest.mark.parametrize("name", TEMPLATES)
@MANY
@given(said=SAID, answer=TEXT)
def test_41_a_tokenizer_without_offsets_finds_the_same_tokens(name: str, said: tuple, answer: str) -> None:
    fast = tokenizer_of("byte-level")
    template = TEMPLATES[name]
    with_offsets, without = (
        Format(tokenizer, template.jinja).encode(conversation(said), answer) for tokenizer in (fast, Slow(fast))
    )
    assert (without.prompt_ids, without.target_ids, without.end_ids) == (
        with_offsets.prompt_ids,
        with_offsets.target_ids,
        with_offsets.end_ids,
    )
    if (
        answer == answer.strip() != ""
    ):  # by text alone, white space at the answer's ends cannot be told from the template's
        assert without.answer_span == with_offsets.answer_span and without.separate is None


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["plain", "llama 2", "mistral"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(said=SAID, answer=TEXT)
def test_41_for_a_published_sentencepiece_tokenizer(stories, name: str, said: tuple, answer: str) -> None:
    check(Format(stories.tokenizer, TEMPLATES[name].jinja), TEMPLATES[name], conversation(said), answer)


@settings(max_examples=25, deadline=None)
@given(said=SAID, answer=TEXT)
def test_41_the_tiny_model_counts_every_token_of_its_answers(said: tuple, answer: str) -> None:
    """Its template writes nothing around them, so that nothing changed for it: see its model card's figures."""
    format = component("model", "tiny").load("cpu").format
    own = Template(format.template, end="</s>")
    end = format.tokenizer.convert_ids_to_tokens(format.stop_ids[0])
    encoded = check(format, Template(own.jinja, end=end), conversation(said), answer)
    assert encoded.answer_tokens is None


def _folder() -> Path:
    import trl

    return Path(trl.__file__).parent / "chat_templates"


PARTS_ALONE = ("idefics3", "llava_next", "smolvlm")
"""Templates that read a list of parts, images among them, and no text."""
PUBLISHED = sorted(
    path for path in _folder().glob("*.jinja") if not path.stem.endswith("_training") and path.stem not in PARTS_ALONE
)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_41_templates_of_published_models(path: Path) -> None:
    """Prompt and answer are found in each, or the reason is told; nothing is lost in between."""
    format = Format(tokenizer_of("byte-level"), path.read_text(encoding="utf-8"))
    turns = [Turn("user", "Which animal is it?"), Turn("assistant", "An owl."), Turn("user", "And this?")]
    sent, encoded = format.encode(turns), format.encode(turns, "the fox")
    assert encoded.prompt_ids == sent.prompt_ids
    first, last = encoded.answer_span
    assert format.decode(encoded.target_ids[first:last]).strip() == "the fox" and len(encoded.end_ids) == 1
    whole = rendered(format, turns, "the fox")
    if encoded.separate is None:
        joined = [*encoded.prompt_ids, *encoded.target_ids]
        assert joined == ids_of(format, whole)[: len(joined)]
    else:
        assert encoded.separate == rendering.NOT_A_PREFIX and not whole.startswith(sent.prompt)


CHATML = TEMPLATES["chatml"].jinja or ""
LOUD = CHATML.replace("m.content", "(m.content | upper if m.role == 'assistant' else m.content)")
SHORTENED = CHATML.replace("m.content", "m.content.split('</think>')[-1]")
THINKING = CHATML.replace("<|im_start|>assistant\n", "<|im_start|>assistant\n<think>\n")
MUTE = CHATML.replace(TURNS, TURNS + "{% if m.role == 'assistant' %}{{ raise_exception('no answers') }}{% endif %}")


@pytest.mark.parametrize(
    ("template", "answer", "reason"),
    [
        (LOUD, "the fox", rendering.CHANGED),
        (SHORTENED, "thoughts</think>the fox", rendering.CHANGED),
        (THINKING, "the fox", rendering.NOT_A_PREFIX),
        (MUTE, "the fox", rendering.REFUSED),
    ],
)
def test_41_an_answer_that_the_template_does_not_write_as_given_stands_behind_the_prompt_and_is_told(
    template: str, answer: str, reason: str
) -> None:
    format = Format(tokenizer_of("byte-level"), template)
    rows = [example("a", "Which animal?", answer), example("b", "Which?", answer)]
    encoded = format.encode(rows[0].turns, answer)
    assert encoded.separate == reason and encoded.prompt_ids == format.encode(rows[0].turns).prompt_ids
    assert format.decode(encoded.target_ids) == encoded.answer == answer and encoded.answer_span == (
        0,
        len(encoded.target_ids),
    )
    assert encoded.end_ids == format.stop_ids[:1]
    trained = encode_rows(format, rows, None)
    assert trained.kept[0].input_ids == (*encoded.prompt_ids, *encoded.target_ids, *encoded.end_ids)
    assert trained.notes == (
        f"2 of 2 rows have the answer right after the prompt, not in the template's rendering: {reason}",
    )


def test_41_a_template_without_an_end_token_gets_one_right_after_the_answer() -> None:
    format = Format(
        tokenizer_of("byte-level"), written("{{ '[' + m.role + '] ' + m.content + ' [/]' }}", "[assistant]")
    )
    encoded = format.encode([Turn("user", "q")], "the fox")
    assert format.tokenizer.decode([*encoded.target_ids, *encoded.end_ids]) == " the fox</s>"


def test_41_an_answer_that_reads_like_the_template_is_not_mistaken_for_it() -> None:
    format = Format(tokenizer_of("byte-level"), TEMPLATES["empty thoughts"].jinja)
    for answer in ("think", "<think>", "</think>\n\n", "<think>\n\n</think>"):
        encoded = format.encode([Turn("user", "q")], answer)
        first, last = encoded.answer_span
        assert format.decode(encoded.target_ids[first:last]).strip() == answer.strip()
        assert format.decode(encoded.target_ids[:first]).strip() == "<think>\n\n</think>"


def test_the_table_names_special_tokens_that_the_tokenizers_have() -> None:
    assert {template.end for template in TEMPLATES.values()} <= set(SPECIAL)
