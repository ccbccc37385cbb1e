"""One form filled many times is no leak, however alike its uses are; one use of it, reworded, still is."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ftbench.core.example import Splits
from ftbench.data.inspection.leaks import Leak, find_leaks
from ftbench.data.inspection.rows import prepare_rows
from tests.data.planted import example

WORDS = (
    "time year people way day man thing woman life child world school state family student group country problem hand"
    " part place case week company system program question work government number night point home water room mother"
    " area money story fact month lot right study book eye job word business issue side kind head house service friend"
    " father power hour game line end member law car city community name president team minute idea body information"
    " back walk run sleep bring carry follow begin write provide sit stand lose pay meet include continue set learn"
    " change lead understand watch stop create speak"
).split()
CITIES = (
    "Paris London Berlin Madrid Rome Vienna Lisbon Prague Warsaw Athens Dublin Oslo Helsinki Stockholm Copenhagen"
    " Brussels Budapest Bucharest Sofia Zagreb".split()
)
NAMES = (
    "Anna Ben Clara David Emma Felix Greta Hans Ida Jonas Klara Leon Mia Noah Olga Paul Rosa Simon Tina Uwe Vera Willi"
    " Xenia Yann Zoe Amir Bilal Chen Esra".split()
)
COLUMNS = "name email age city phone salary dept hired".split()
Pair = tuple[str, str]


def some(draw: random.Random, low: int, high: int) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randrange(low, high)))


def templates(draw: random.Random) -> Callable[[], Pair]:
    """Many templates of few rows each: none of them in two rows of a hundred."""
    made = [(some(draw, 6, 14), some(draw, 6, 14)) for _ in range(30)]

    def pair() -> Pair:
        before, after = draw.choice(made)
        return f"{before} {draw.choice([*NAMES, *CITIES])} {after}", draw.choice(["yes", "no"])

    return pair


def query(draw: random.Random) -> Callable[[], Pair]:
    def pair() -> Pair:
        column, table, tested, number = (
            draw.choice(COLUMNS),
            draw.choice("users staff orders clients items".split()),
            draw.choice(["age", "salary"]),
            draw.randrange(1, 25),
        )
        schema = f"-- schema: {table}({', '.join(COLUMNS)})"
        return (
            f"{schema}\nQuestion: list the {column} of all {table} whose {tested} is greater than {number}",
            f"SELECT {column} FROM {table} WHERE {tested} > {number};",
        )

    return pair


def route(draw: random.Random) -> Callable[[], Pair]:
    return lambda: (
        f"show me the {draw.choice(['flights', 'trains'])} from {draw.choice(CITIES)} to {draw.choice(CITIES)} please",
        draw.choice(["flight", "train"]),
    )


def route_without_spaces(draw: random.Random) -> Callable[[], Pair]:
    cities = "北京 上海 广州 深圳 杭州 南京 武汉 成都 重庆 西安 天津 苏州".split()

    def pair() -> Pair:
        one, other = draw.sample(cities, 2)
        return f"请告诉我从{one}到{other}运输苹果需要多少天？", f"苹果从{one}到{other}需要三天"

    return pair


def sum_of_money(draw: random.Random) -> Callable[[], Pair]:
    def pair() -> Pair:
        name, count, price, thing = (
            draw.choice(NAMES),
            draw.randrange(2, 20),
            draw.randrange(2, 20),
            draw.choice("apples pens books cups toys".split()),
        )
        text = (
            f"{name} buys {count} {thing} for {price} dollars each and pays with a note of five hundred dollars. How"
            f" much change does {name} get back at the till?"
        )
        return text, f"{count} times {price} is {count * price}. #### {500 - count * price}"

    return pair


def long_notice(draw: random.Random) -> Callable[[], Pair]:
    """Own words that the notice has too, as those of any long notice are."""
    notice = some(draw, 250, 251)
    return lambda: (f"{notice}\n\nTicket: {some(draw, 5, 15)}", "Thank you, we will look into it.")


def clauses(draw: random.Random) -> Callable[[], Pair]:
    adjectives = "great awful okay fantastic terrible decent poor lovely".split()
    things = "food service price location staff room breakfast pool".split()

    def pair() -> Pair:
        return (
            (
                f"The {draw.choice(things)} was {draw.choice(adjectives)} but the {draw.choice(things)} was"
                f" {draw.choice(adjectives)}."
            ),
            "mixed",
        )

    return pair


FORMS = [templates, query, route, route_without_spaces, sum_of_money, long_notice, clauses]


def filled(form: Callable[[random.Random], Callable[[], Pair]], seed: int, size: int = 600) -> Splits:
    pair = form(random.Random(seed))
    texts: dict[str, str] = {}
    for _ in range(size):
        prompt, answer = pair()
        texts.setdefault(prompt, answer)
    rows = [example(f"row {place}", *one) for place, one in enumerate(texts.items())]
    return Splits(tuple(rows[: 4 * len(rows) // 5]), (), tuple(rows[4 * len(rows) // 5 :]), (), (), {})


def certain(splits: Splits) -> list[Leak]:
    return [leak for leak in find_leaks(splits, prepare_rows(splits), 0.8) if leak.certain]


@pytest.mark.parametrize("form", FORMS)
def test_37_a_form_filled_many_times_is_no_leak(form: Callable) -> None:
    found = [leak for seed in range(2) for leak in certain(filled(form, seed))]
    # with few numbers and columns two queries of six hundred may be taken for one
    assert len(found) <= (4 if form is query else 0), found[:3]


@pytest.mark.parametrize("form", [sum_of_money, long_notice])
def test_37_one_use_of_a_form_with_a_word_more_is_found(form: Callable) -> None:
    splits = filled(form, 0)
    victim = splits.test[7]
    planted = example("planted", f"Please tell me: {victim.turns[0].content}", victim.target)
    found = certain(Splits((*splits.train, planted), (), splits.test, (), (), {}))
    assert [(leak.row, leak.against[0][1]) for leak in found] == [("planted", victim.id)]


def test_37_a_sentence_moved_is_the_same_question_and_two_names_that_changed_places_are_not() -> None:
    question = "The blue kettle of Anna leaks water on the kitchen table since Tuesday."
    rows = [example("t", f"{question} Which of your shops can mend it?", "Oslo")]

    def planted(text: str) -> list[str]:
        splits = Splits((example("p", text, "Oslo"),), (), tuple(rows), (), (), {})
        return [leak.kind for leak in certain(splits)]

    assert planted(f"Which of your shops can mend it? {question}") == ["reworded_row"]
    assert (
        planted(
            f"{question.replace('Anna', 'Tuesday').replace('since Tuesday', 'since Anna')} Which of your shops can"
            " mend it?"
        )
        == []
    )


@pytest.mark.parametrize(("change", "found"), [("as it is", True), ("another number", False)])
def test_37_a_long_prompt_inside_another_is_quoted_with_its_numbers_alone(change: str, found: bool) -> None:
    draw = random.Random(0)
    tests = [example(f"t{n}", f"{some(draw, 20, 25)} until {100 + n}", "yes") for n in range(8)]
    text = tests[3].turns[0].content if change == "as it is" else tests[3].turns[0].content.replace("103", "977")
    splits = Splits(
        (example("p", f"{some(draw, 30, 40)}\n---\n{text}\n---\n{some(draw, 30, 40)}", "no"),),
        (),
        tuple(tests),
        (),
        (),
        {},
    )
    assert [leak.kind for leak in certain(splits)] == (["quoted_row"] if found else [])
