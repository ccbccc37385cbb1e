"""Templates over columns, and what their values become."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.data.template import broken_lines, parse
from ftbench.data.values import Absent, Literal, Unusable, as_list, as_text, as_time, look_up

TEXT = st.text(st.characters(codec="utf-8"))
PLAIN = TEXT.filter(lambda text: "\\n" not in text)


@given(st.lists(st.tuples(PLAIN, TEXT), max_size=4), PLAIN)
def test_a_template_is_its_texts_with_the_values_between(parts: list[tuple[str, str]], end: str) -> None:
    """Whatever the values hold, braces and templates included, they are put in once and read no further."""
    spelt, expected, values = "", "", {}
    for index, (text, value) in enumerate(parts):
        spelt += text.replace("{", "{{").replace("}", "}}") + "{c" + str(index) + "}"
        expected += text + value
        values[f"c{index}"] = value
    spelt += end.replace("{", "{{").replace("}", "}}")
    assert parse(spelt).render(values) == expected + end


@pytest.mark.parametrize("text", ["{", "}", "a { b", "{a}}", "{{a}", "{}", "{ }", "{!json}"])
def test_lone_and_empty_braces_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lone|empty braces"):
        parse(text)


def test_paths_reach_into_nested_values() -> None:
    row = {"question": {"stem": "Why?", "choices": [{"text": "a"}, {"text": "b"}]}, "a.b": "itself", "Odd name!": 3}
    assert parse("{question.stem} {question.choices.1.text}").render(row) == "Why? b"
    assert parse("{question.choices.*.text}").render(row) == "a\nb"
    assert json.loads(parse("{question.choices!json}").render(row)) == row["question"]["choices"]
    assert parse("{a.b}|{Odd name!}").render(row) == "itself|3"


@pytest.mark.parametrize(
    "path", ["nothing", "question.nothing", "question.choices.2.text", "question.stem.x", "question.*.text"]
)
def test_a_path_that_leads_nowhere_is_absent(path: str) -> None:
    with pytest.raises(Absent):
        look_up({"question": {"stem": "Why?", "choices": [{"text": "a"}]}}, path)


def test_a_typed_line_break_is_one_and_other_backslashes_stay() -> None:
    assert parse("Q: {q}\\nA:").render({"q": "x"}) == "Q: x\nA:"
    assert parse("\\\\n \\boxed \\text \\t").render({}) == "\\n \\boxed \\text \\t"
    assert parse("{q}").render({"q": "a\\nb"}) == "a\\nb"
    assert broken_lines("a\\nb") and not broken_lines("a\nb") and not broken_lines("\\\\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3.0", "3.0"),
        (3, "3"),
        (True, "true"),
        (Literal("3.10"), "3.10"),
        (Literal("1e5"), "1e5"),
        (0.1, "0.1"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_numbers_become_text_as_they_were_written(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [None, float("nan"), [1], {"a": 1}, b"x", "\ud800"])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(Unusable):
        as_text(value)


@given(st.lists(TEXT))
def test_a_list_comes_out_of_a_csv_cell_as_it_went_in(items: list[str]) -> None:
    assert as_list(json.dumps(items), textual=True) == items
    assert as_list(items, textual=False) == items


def test_lists_single_values_and_python_lists_in_cells() -> None:
    assert as_list("[laughs] yes", textual=True) == ["[laughs] yes"]
    assert as_list('["a"]', textual=False) == ['["a"]']
    assert as_list(3, textual=False) == ["3"] and as_list("", textual=True) == [] and as_list(None, textual=False) == []
    with pytest.raises(Unusable, match="double quotes"):
        as_list("['a', 'b']", textual=True)


@given(st.lists(st.datetimes(min_value=datetime(1900, 1, 1)), min_size=2, max_size=2))
def test_text_order_of_times_is_time_order(pair: list[datetime]) -> None:
    one, other = (as_time(moment.isoformat()) for moment in pair)
    assert (one < other) == (pair[0] < pair[1]) and (one == other) == (pair[0] == pair[1])


def test_times() -> None:
    assert as_time("2024-01-02") == as_time("2024-01-02T00:00:00Z") == as_time("2024-01-02T01:00:00+01:00")
    assert as_time("2024") == 2024 and as_time(Literal("1.5")) == 1.5
    for bad in ("3/1/2024", "", None, True, "inf", "tomorrow"):
        with pytest.raises(Unusable):
            as_time(bad)
