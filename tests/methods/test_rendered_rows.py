"""Training rows over many templates and tokenizers: every answer is learned as the chat template writes it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.core.example import Turn
from ftbench.methods.pairs import encode_pairs
from ftbench.methods.rows import IGNORED, encode_rows, masked_example
from ftbench.models.format import Format
from tests.models.llama import example
from tests.models.templates import TEMPLATES, WRITTEN_OTHERWISE
from tests.models.test_rendering import ids_of, rendered
from tests.models.tokenizers import KINDS, tokenizer_of

WORDS = st.lists(
    st.sampled_from(["the fox", "yes", "12", "grün", "好", "an answer", ".", "🦊"]), min_size=1, max_size=3
).map(" ".join)
FEW = settings(max_examples=5, deadline=None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in TEMPLATES if name not in WRITTEN_OTHERWISE])
@FEW
@given(pairs=st.lists(st.tuples(WORDS, WORDS), min_size=2, max_size=3))
def test_01_04_earlier_answers_are_trained_on_as_the_last_one_is(
    kind: str, name: str, pairs: list[tuple[str, str]]
) -> None:
    """Read without white space, which the special tokens of some tokenizers swallow."""
    template = TEMPLATES[name]
    format = Format(tokenizer_of(kind), template.jinja)
    turns = [turn for asked, answered in pairs for turn in (Turn("user", asked), Turn("assistant", answered))]
    (row,) = encode_rows(format, [replace(example("c", "", pairs[-1][1]), turns=tuple(turns[:-1]))], None).kept
    segments = [
        segment["text"] for segment in masked_example(row, format.tokenizer)["segments"] if segment["supervised"]
    ]
    end = template.end if template.jinja else ""
    said = ["".join((template.around.format(answer) + end).split()) for _, answer in pairs]
    assert ["".join(segment.removesuffix("" if end else "</s>").split()) for segment in segments] == said


def test_02_a_row_of_which_only_the_templates_own_words_are_left_is_refused() -> None:
    format = Format(tokenizer_of("byte-level"), TEMPLATES["empty thoughts"].jinja)
    row = example("a", "q", "the fox")
    encoded = format.encode(row.turns, row.target)
    at = len(encoded.prompt_ids) + encoded.answer_span[0]
    kept, other = (encode_rows(format, [example("short", "q", ""), row], limit) for limit in (at + 1, at))
    assert kept.refused_ids == () and kept.kept[1].supervised > 0
    assert other.refused_ids == ("a",)


def test_41_both_answers_of_a_pair_are_written_as_the_template_writes_them() -> None:
    format = Format(tokenizer_of("llama 2"), TEMPLATES["llama 2"].jinja)
    turns = (
        Turn("system", "Be brief."),
        Turn("user", "Which?"),
        Turn("assistant", "An owl."),
        Turn("user", "And this?"),
    )
    row = replace(example("p", "", None), turns=turns, chosen="the fox", rejected="the owl")
    (pair,) = encode_pairs(format, [row], None, "cut").kept
    for answer, ids in ((row.chosen, pair.chosen_ids), (row.rejected, pair.rejected_ids)):
        assert [*pair.prompt_ids, *ids] == ids_of(format, rendered(format, list(turns), answer))
    (trained,) = encode_rows(format, [replace(row, target="the fox", chosen=None, rejected=None)], None).kept
    assert trained.input_ids == (*pair.prompt_ids, *pair.chosen_ids)
    shown = [format.tokenizer.convert_ids_to_tokens(label) for label in trained.labels if label != IGNORED]
    assert shown == [*_pieces(format, " An owl. </s>"), *_pieces(format, " the fox </s>")]


def _pieces(format: Format, text: str) -> list[str]:
    """The pieces of a stretch behind ``[/INST]``."""
    tokens = format.tokenizer.tokenize("[/INST]" + text, add_special_tokens=False)
    return tokens[len(format.tokenizer.tokenize("[/INST]", add_special_tokens=False)) :]
