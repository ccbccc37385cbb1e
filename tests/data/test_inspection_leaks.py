"""Planted leaks are found, each with its rows; the clean twin, full of canned replies and one template, is clean."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.core.example import Document, Splits, Turn
from ftbench.data.inspection.inspect import DataChecks
from ftbench.data.inspection.leaks import CERTAIN, Leak, find_leaks
from ftbench.data.inspection.rows import prepare_rows, prompt_text, ready
from ftbench.data.inspection.twins import alike_units, find_twins
from tests.data.planted import CANNED, HEAD, PRODUCTS, clean, edited, example, own, prose, rewritten, with_training_row

SIMILARITY = 0.8
FOUND_EDITS = 0.09
"""Share of a row's own letters that may be replaced, whole words at a time, without its being missed: (1 - 0.09) / (1 +
0.09) > 0.8.
"""


def leaks(splits: Splits, benchmarks: tuple = ()) -> list[Leak]:
    return find_leaks(splits, prepare_rows(splits), SIMILARITY, benchmarks)


def certain(splits: Splits, benchmarks: tuple = ()) -> list[tuple[str, str, tuple[str, str]]]:
    return [(leak.kind, leak.row, leak.against[0]) for leak in leaks(splits, benchmarks) if leak.certain]


@pytest.mark.parametrize("seed", range(5))
def test_37_canned_replies_a_shared_template_and_a_knowledge_base_are_no_leak(seed: int) -> None:
    assert list(leaks(clean(seed))) == []


@pytest.mark.parametrize("size", [12, 40, 400])
def test_37_nor_are_they_in_small_and_larger_data(size: int) -> None:
    assert certain(clean(7, size)) == []


DISGUISES = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "white space": lambda text: "  " + text.replace(" ", "   ").replace("\n", "\r\n\t") + "\n",
    "zero-width": lambda text: text.replace("my ", "m\u200by "),
    "byte order mark": lambda text: "\ufeff" + text,
    "full-width digits": lambda text: "".join(
        chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in text
    ),
    "no-break spaces and curly quotes": lambda text: text.replace(" ", "\u00a0").replace("'", "\u2019"),
    "punctuation": lambda text: text.replace(".", " ...").replace("?", "!?").replace(":", " -"),
    "ligature": lambda text: text.replace("fi", "\ufb01"),
}


@pytest.mark.parametrize("split", ["test", "validation"])
@pytest.mark.parametrize("disguise", DISGUISES)
def test_37_the_same_row_is_found_in_any_dress(disguise: str, split: str) -> None:
    splits = clean()
    victim = splits.split(split)[3]
    planted = example("planted", DISGUISES[disguise](prompt_text(victim)), "another answer")
    assert certain(with_training_row(splits, planted)) == [("same_row", "planted", (split, victim.id))]


REWORDINGS = {
    "words in another order": lambda text: (
        HEAD + "What should I do now? " + own(text).removesuffix(" What should I do now?")
    ),
    "a word more": lambda text: text.replace("my ", "my new "),
    "one word for another": lambda text: text.replace("should I do", "can I do"),
    "a typing error": lambda text: text.replace("should", "shuold"),
    "a greeting": lambda text: text.replace(HEAD, HEAD + "Hi there, "),
}


@pytest.mark.parametrize("rewording", REWORDINGS)
def test_37_a_reworded_row_is_found(rewording: str) -> None:
    splits = clean()
    victim = splits.test[5]
    planted = example("planted", REWORDINGS[rewording](prompt_text(victim)), victim.target)
    assert certain(with_training_row(splits, planted)) == [("reworded_row", "planted", ("test", victim.id))]


ASKED = "How much food does a ctenophora eat in a day?"
ASKED_ANEW = "How much do ctenophore eat in a day?"


@pytest.mark.parametrize(
    ("answer", "holders", "found"),
    [
        ("ten times its own weight", 0, True),  # nobody else says so
        ("ten times its own weight", 4, False),  # a label, or a canned reply
        ("", 0, False),  # no answer is no evidence
    ],
)
def test_37_a_question_put_quite_differently_is_found_by_an_answer_of_its_own(
    answer: str, holders: int, found: bool
) -> None:
    splits = clean()
    others = ("Where do whales sleep", "Which river runs past Bingen", "Who wrote the anthem", "Why is glass brittle")
    rows = [example(text, text, answer) for text in others[:holders]]
    splits = replace(splits, train=(*splits.train, *rows), test=(*splits.test, example("victim", ASKED, answer)))
    assert (
        certain(with_training_row(splits, example("planted", ASKED_ANEW, answer)))
        == [("reworded_row", "planted", ("test", "victim"))] * found
    )
    assert certain(with_training_row(splits, example("planted", ASKED_ANEW, "something else"))) == []


def test_37_the_same_words_with_another_number_are_another_question() -> None:
    splits = clean()
    planted = example("planted", prompt_text(splits.test[5]).replace("Order 1", "Order 9"), CANNED[0])
    assert certain(with_training_row(splits, planted)) == []


def test_36_a_group_on_both_sides_is_found() -> None:
    splits = clean()
    planted = example(
        "planted",
        "What are your opening hours on public holidays in Bavaria?",
        "From ten to four.",
        group=splits.test[2].group,
    )
    assert certain(with_training_row(splits, planted)) == [("shared_group", "planted", ("test", splits.test[2].id))]


def test_37_a_document_without_a_group_is_found_by_its_text() -> None:
    """Two questions over one passage, one trained on and one asked."""
    draw = random.Random(0)
    passages = [
        " ".join(
            draw.choice("amber birch cedar delta ember fjord grove haven islet jetty knoll larch meadow north".split())
            + str(draw.randrange(90))
            for _ in range(80)
        )
        for _ in range(8)
    ]
    rows = [
        example(f"r{n}", f"Answer from the passage.\n{passage}\nWhat does it say of {n}?", f"value {n}")
        for n, passage in enumerate(passages)
    ]
    splits = Splits(tuple(rows[:4]), (), tuple(rows[4:]), (), (), {})
    assert certain(splits) == []
    planted = example("planted", f"Answer from the passage.\n{passages[6]}\nWho wrote it, and when?", "nobody")
    assert [(row, against) for _, row, against in certain(with_training_row(splits, planted))] == [
        ("planted", ("test", "r6"))
    ]


def test_37_an_evaluated_example_in_the_prompt_is_found() -> None:
    splits = clean()
    shot = own(prompt_text(splits.test[4]))

    def shown(rows: tuple) -> tuple:
        return tuple(
            replace(row, turns=(Turn("user", f"Message: {shot}\nReply: {CANNED[0]}\n\n{row.turns[0].content}"),))
            for row in rows
        )

    found = certain(
        replace(splits, train=shown(splits.train), validation=shown(splits.validation), test=shown(splits.test))
    )
    assert found == [("shown_row", "template", ("test", splits.test[4].id))]

    def told(rows: tuple) -> tuple:
        return tuple(replace(row, turns=(Turn("system", f"For example: {shot}"), *row.turns)) for row in rows)

    assert (
        certain(replace(splits, train=told(splits.train), validation=told(splits.validation), test=told(splits.test)))
        == found
    )


def test_37_a_question_of_a_benchmark_is_found_whole_or_by_13_words() -> None:
    splits = clean()
    long = (
        "A train leaves the old harbour at nine in the morning and needs two hours and forty minutes to the mountains;"
        " when does it arrive there?"
    )
    short = "Which gas do plants take up from the air?"
    asked = (("arc", "7", long), ("arc", "8", short), ("arc", "9", "Who was it?"))
    assert certain(splits, asked) == []
    for planted, name in (
        (f"Quiz night! {long.upper()} (two points)", "7"),
        (f"Tell me: {short}", "8"),
        (" ".join(long.split()[4:19]), "7"),
    ):
        assert certain(with_training_row(splits, example("planted", planted, "x")), asked) == [
            ("benchmark_row", "planted", ("arc", name))
        ]
    assert certain(with_training_row(splits, example("planted", "Well, who was it?", "x")), asked) == []


def test_37_a_document_is_there_to_be_retrieved_and_not_to_be_trained_on() -> None:
    splits = clean()
    article = splits.documents[0]
    asked = replace(
        splits,
        test=tuple(
            replace(row, gold_documents=(f"article {product}",))
            for row in splits.test
            for product in PRODUCTS
            if f"my {product}" in prompt_text(row)
        ),
    )
    assert certain(asked) == []
    victim = next(row for row in asked.test if article.id in row.gold_documents)
    special = replace(
        article, text=article.text + " " + " ".join(f"step{number} of the {PRODUCTS[0]} manual" for number in range(30))
    )
    held = replace(asked, documents=(special, *splits.documents[1:]))
    assert certain(held) == []
    assert certain(with_training_row(held, example("planted", "Continue this text.", special.text))) == [
        ("trained_document", "planted", ("test", victim.id))
    ]


def test_37_a_document_dated_after_the_question_is_no_fair_source() -> None:
    splits = clean()
    past, future = (
        Document("ticket 1", "solved by a restart", "2024-02-28"),
        Document("ticket 2", "solved by a new fuse", "2024-03-15"),
    )
    found = certain(replace(splits, documents=(*splits.documents, past, future)))
    assert [(kind, row) for kind, row, _ in found] == [("later_document", "ticket 2")]


def test_an_undated_document_that_holds_the_question_is_worth_a_look() -> None:
    splits = clean()
    ticket = Document("ticket 9", f"From our archive. {own(prompt_text(splits.test[0]))} Solved by a restart.")
    found = leaks(replace(splits, documents=(*splits.documents, ticket)))
    assert [(leak.kind, leak.row, leak.certain) for leak in found] == [("quoting_document", "ticket 9", False)]


def test_a_test_row_that_is_a_validation_row_too_is_said_and_not_refused() -> None:
    splits = clean()
    twin = replace(splits.test[1], id="twin", group=None)
    (found,) = leaks(replace(splits, validation=(*splits.validation, twin)))
    assert (found.kind, found.row, found.against) == (
        "between_evaluations",
        "twin",
        (("test", splits.test[1].id),),
    ) and not found.certain


def test_37_a_long_answer_of_one_row_on_each_side_is_worth_a_look_and_a_canned_one_is_not() -> None:
    splits = clean()
    answer = (
        "The left hinge of the lower door was mounted the wrong way round at the factory in Graz; turn it over and"
        " tighten both screws."
    )
    planted = with_training_row(splits, example("planted", "Why does the lower door of my fridge hang?", answer))
    planted = replace(
        planted,
        test=(
            *splits.test,
            example("asked", "The fridge will not close at the bottom, what is wrong with it?", answer),
        ),
    )
    assert [(leak.kind, leak.row) for leak in leaks(planted)] == [("same_answer", "planted")]
    again = with_training_row(planted, example("more", "There is a gap below the freezer drawer since Tuesday", answer))
    assert leaks(again) == []


def test_a_prompt_with_many_answers_names_no_row() -> None:
    train = tuple(
        example(
            f"a{n}",
            "Write a review.",
            f"Review {n} of a place with its very own charm, good coffee and chairs number {n} to {n + 3}.",
        )
        for n in range(8)
    )
    test = tuple(
        example(
            f"t{n}",
            "Write a review.",
            f"Another {n} review, of a bar with loud music, cold drinks and stools {n} to {n + 9} at the window.",
        )
        for n in range(4)
    )
    splits = Splits(train, (), test, (), (), {})
    assert certain(splits) == []
    assert certain(with_training_row(splits, replace(test[2], id="planted"))) == [
        ("same_row", "planted", ("test", "t2"))
    ]


def test_rating_low_is_not_rating_high_reworded() -> None:
    """A difference that each answer repeats is a difference in what is asked."""
    rows = [
        example(
            f"{rating}",
            f"name[Travellers Rest Beefeater], customer rating[{rating}], area[riverside], near[Raja Indian Cuisine]",
            f"Travellers Rest Beefeater by the riverside near Raja Indian Cuisine has a {rating} customer rating.",
        )
        for rating in ("low", "high")
    ]
    assert [(leak.kind, leak.certain) for leak in leaks(Splits((rows[0],), (), (rows[1],), (), (), {}))] == [
        ("varied_row", False)
    ]


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.integers(0, 9), st.floats(0, FOUND_EDITS), st.integers(0, 1000))
def test_37_planted_rows_below_the_stated_edit_rate_are_always_found(place: int, share: float, seed: int) -> None:
    splits = prose(seed % 7, 40)
    victim = splits.test[place]
    planted = example("planted", rewritten(prompt_text(victim), share, random.Random(seed)), victim.target)
    assert [(row, against) for _, row, against in certain(with_training_row(splits, planted))] == [
        ("planted", ("test", victim.id))
    ]


@QUICK
@given(st.integers(0, 500))
def test_37_rows_of_random_words_are_never_taken_for_leaks(seed: int) -> None:
    assert leaks(prose(seed, 60)) == []


@QUICK
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                "amber birch cedar delta ember fjord grove haven islet jetty knoll larch meadow north opal pine quartz"
                " river stone tide".split()
            ),
            min_size=8,
            max_size=30,
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 100),
)
def test_random_rows_are_never_taken_for_leaks(rows: list[list[str]], seed: int) -> None:
    splits = clean(2)
    fresh = tuple(example(f"random {n}", HEAD + " ".join(found), CANNED[n % 3]) for n, found in enumerate(rows))
    assert certain(replace(splits, train=(*splits.train, *fresh))) == []


def leaky() -> Splits:
    splits = clean(3)
    planted = [
        replace(splits.test[0], id="same", group=None),
        example("reworded", edited(prompt_text(splits.test[1]), 0.08, random.Random(5)), splits.test[1].target),
        example(
            "grouped", "How long is the warranty on garden furniture?", "Two years.", group=splits.validation[0].group
        ),
    ]
    return replace(splits, train=(*splits.train, *planted))


def told(splits: Splits) -> set[tuple[str, str, frozenset]]:
    return {(leak.kind, leak.row, frozenset(leak.against)) for leak in leaks(splits)}


@QUICK
@given(st.randoms())
def test_the_order_of_rows_changes_no_finding(shuffler: random.Random) -> None:
    splits = leaky()

    def turned(rows: tuple) -> tuple:
        return tuple(shuffler.sample(rows, len(rows)))

    assert told(
        replace(splits, train=turned(splits.train), validation=turned(splits.validation), test=turned(splits.test))
    ) == told(splits)
    assert {row for _, row, _ in told(splits)} == {"same", "reworded", "grouped"}


@QUICK
@given(st.integers(1, 400), st.integers(0, 100))
def test_rows_that_have_nothing_to_do_with_it_take_no_finding_away(count: int, seed: int) -> None:
    draw = random.Random(seed)
    splits = leaky()
    others = tuple(
        example(
            f"other {n}",
            " ".join(
                "".join(draw.choices("qwxzjkvbpf", k=draw.randrange(3, 10))) for _ in range(draw.randrange(3, 20))
            ),
            f"said {n}",
        )
        for n in range(count)
    )
    assert told(splits) <= told(replace(splits, train=(*splits.train, *others)))


def test_every_leak_is_worded_with_its_rows_and_a_fix() -> None:
    splits = leaky()
    splits = replace(splits, places={"same": "train.jsonl:61", splits.test[0].id: "test.jsonl:1"})
    found = DataChecks("refuse", SIMILARITY).inspect(splits).leaks()
    assert {finding.kind for finding in found} == {"same_row", "reworded_row", "shared_group"}
    same = next(str(finding) for finding in found if finding.kind == "same_row")
    assert (
        "'same' (train.jsonl:61)" in same
        and f"'{splits.test[0].id}' (test.jsonl:1)" in same
        and "data.on_leak=drop" in same
    )
    assert all("\n" not in str(finding) and finding.fix and finding.rows for finding in found)
    group = next(str(finding) for finding in found if finding.kind == "shared_group")
    assert repr(splits.validation[0].group) in group and "'grouped'" in group and repr(splits.validation[0].id) in group


def test_drop_leaves_out_training_rows_alone_until_nothing_is_certain_and_lists_them() -> None:
    splits = leaky()
    future = Document("later", "solved", "2031-01-01")
    splits = replace(splits, documents=(*splits.documents, future))
    cleaned, dropped = DataChecks("drop", SIMILARITY).clean(splits)
    assert sorted(row["id"] for row in dropped) == ["grouped", "later", "reworded", "same"]
    assert cleaned.test == splits.test and cleaned.validation == splits.validation
    assert [leak for leak in leaks(cleaned) if leak.kind in CERTAIN] == []
    assert len(cleaned.train) == len(splits.train) - 3 and cleaned.counts["dropped_leaks"] == 4
    assert all(row["why"] and row["against"] for row in dropped)
    for kept in ("refuse", "warn"):
        assert DataChecks(kept, SIMILARITY).clean(splits) == (splits, [])


def test_38_dropping_is_in_a_key_and_saying_is_in_none() -> None:
    assert (
        DataChecks("refuse", 0.8).identity() == DataChecks("warn", 0.8).identity() == DataChecks("drop", 0.8).identity()
    )
    assert DataChecks("refuse", 0.8).identity() != DataChecks("refuse", 0.9).identity()
    assert not DataChecks("warn", 0.8).drops and DataChecks("drop", 0.8).drops


def test_repeated_rows_within_a_split_are_gathered_in_clusters() -> None:
    rows = list(clean(4).train[:6])
    twice = [
        replace(rows[0], id="again", target="another"),
        example("nearly", edited(prompt_text(rows[1]), 0.08, random.Random(1)), rows[1].target),
    ]
    twins = find_twins(ready([("train", row) for row in (*rows, *twice)]), SIMILARITY)
    assert twins.exact == ((rows[0].id, "again"),) and twins.contradicting == twins.exact
    assert twins.near == ((rows[1].id, "nearly"),)


def test_36_rows_that_say_the_same_are_one_unit() -> None:
    rows = clean(5).train[:8]
    more = [
        replace(rows[2], id="same"),
        example("nearly", edited(prompt_text(rows[2]), 0.08, random.Random(2)), rows[2].target),
    ]
    assert alike_units([*rows, *more], SIMILARITY) == [*range(8), 2, 2]
