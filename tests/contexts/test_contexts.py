"""Contexts: what goes into the prompt, and what must never."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.compile.option import shipped as component
from ftbench.contexts.few_shot import CHOICES, FewShot
from ftbench.contexts.zero_shot import ZeroShot
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, Splits, Turn
from tests.models.llama import example

POOL = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([None, "g", "h"]), st.booleans()),
    min_size=1,
    max_size=25,
    unique_by=lambda row: row[0],
)


def pool_of(rows: list[tuple[int, str | None, bool]]) -> list[Example]:
    return [example(f"r{i}", f"q{i}", f"a{i}" if answered else None, group) for i, group, answered in rows]


@settings(max_examples=80, deadline=None)
@given(
    rows=POOL,
    seed=st.integers(0, 99),
    k=st.integers(1, 6),
    group=st.sampled_from([None, "g"]),
    choose=st.sampled_from(CHOICES),
)
def test_37_an_example_never_sees_itself_nor_its_group(rows, seed: int, k: int, group: str | None, choose: str) -> None:
    pool = [*pool_of(rows), example("other", "q", "a")]
    asked = [example("r1", "mine?", "secret", group), example("test", "yours?", "secret", group)]
    found = FewShot(k, choose).requests(asked, pool, [], {}, seed)
    for one, request in zip(asked, found, strict=True):
        allowed = {
            shot.id
            for shot in pool
            if shot.target is not None and shot.id != one.id and (group is None or shot.group != group)
        }
        assert set(request.shots) <= allowed
        assert len(request.shots) == len(set(request.shots)) == min(k, len(allowed))
        assert [turn.content for turn in request.turns[1:-1:2]] == [
            f"a{shot[1:]}" if shot != "other" else "a" for shot in request.shots
        ]
        assert request.turns[-1] == one.turns[-1] and "secret" not in {turn.content for turn in request.turns}


@settings(max_examples=30, deadline=None)
@given(rows=POOL, seed=st.integers(0, 99), choose=st.sampled_from(CHOICES))
def test_shots_depend_on_the_seed_and_the_example_alone(rows, seed: int, choose: str) -> None:
    pool = [*pool_of(rows), example("other", "q", "a")]
    one, two = example("x", "q3?", "y"), example("z", "?", "y")
    alone = FewShot(3, choose).requests([one], pool, [], {}, seed)
    assert FewShot(3, choose).requests([two, one], pool, [], {}, seed)[1:] == alone


def test_fixed_shots_are_the_same_for_all_and_differ_by_seed() -> None:
    pool = [example(f"r{i}", f"q{i}", "a") for i in range(60)]
    asked = [example(f"t{i}", "?", "y") for i in range(9)]
    shown = [{request.shots for request in FewShot(3, "fixed").requests(asked, pool, [], {}, seed)} for seed in (0, 1)]
    assert len(shown[0]) == len(shown[1]) == 1 and shown[0] != shown[1]


def test_similar_shots_are_the_nearest_and_the_nearest_stands_last() -> None:
    pool = [example(f"r{i}", f"what is number {i}?", "a") for i in range(40)]
    pool += [
        example("near", "how do I return a parcel?", "a"),
        example("nearest", "returning parcels to the blue shop", "a"),
    ]
    (request,) = FewShot(3, "similar").requests(
        [example("t", "can I return parcels at the blue shop", "y")], pool, [], {}, 0
    )
    assert request.shots[1:] == ("near", "nearest") and request.shots[0].startswith("r")


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.sampled_from("abcde"), min_size=1, max_size=40), seed=st.integers(0, 9), k=st.integers(1, 12))
def test_balanced_shots_take_a_label_again_only_after_every_other(labels: list[str], seed: int, k: int) -> None:
    pool = [example(f"r{i}", f"q{i}", label) for i, label in enumerate(labels)]
    (request,) = FewShot(k, "balanced").requests([example("t", "?", "y")], pool, [], {}, seed)
    shown = [labels[int(shot[1:])] for shot in request.shots]
    assert len(shown) == min(k, len(labels))
    for label in set(labels):
        most = max(shown.count(other) for other in set(labels))
        assert shown.count(label) >= min(most - 1, labels.count(label))


def test_a_shorter_request_loses_the_shot_farthest_from_the_question() -> None:
    pool = [example(f"r{i}", f"q{i}", f"a{i}") for i in range(9)]
    (request,) = FewShot(3, "random").requests([example("t", "?", "y")], pool, [], {}, 0)
    assert (
        request.shorter().shots == request.shots[1:]
        and request.shorter().shorter().shorter().turns == example("t", "?", "y").turns
    )
    assert request.shorter().shorter().shorter().shorter is None


def test_seeds_and_examples_draw_differently() -> None:
    pool = [example(f"r{i}", f"q{i}", "a") for i in range(60)]
    asked = [example(f"t{i}", "?", "y") for i in range(20)]
    first, second = (FewShot(4, "random").requests(asked, pool, [], {}, seed) for seed in (0, 1))
    assert len({request.shots for request in first}) > 15
    assert [request.shots for request in first] != [request.shots for request in second]
    assert len({shot for request in first for shot in request.shots}) > 40


def test_turns_stand_in_the_order_of_a_conversation() -> None:
    shot = Example("s", (Turn("system", "other"), Turn("user", "1+1?")), "2", ("2",), None, None, {}, (), None, None)
    asked = Example(
        "t", (Turn("system", "Be brief."), Turn("user", "2+2?")), None, ("4",), None, None, {}, (), None, None
    )
    (request,) = FewShot(1, "random").requests([asked], [shot], [], {}, 0)
    assert request.turns == (
        Turn("system", "Be brief."),
        Turn("user", "1+1?"),
        Turn("assistant", "2"),
        Turn("user", "2+2?"),
    )
    assert ZeroShot().requests([asked], [shot], [], {}, 0)[0].turns == asked.turns


def test_a_pool_without_answers_is_refused() -> None:
    splits = Splits((example("a", "q", None),), (), (), (), (), {})
    assert [problem.where for problem in FewShot(2, "random").check_data(splits)] == ["dataset.train"]
    with pytest.raises(FtbenchError, match="no row of the train split has a target"):
        FewShot(2, "random").requests([example("t", "?", "y")], list(splits.train), [], {}, 0)
    assert [problem.where for problem in FewShot(0, "best").check()] == ["context.k", "context.choose"]


def test_options_and_what_depends_on_the_seed() -> None:
    assert component("context", "few_shot") == FewShot(4, "random") and component("context", "zero_shot") == ZeroShot()
    assert (FewShot(4, "random").uses_seed, ZeroShot().uses_seed) == (True, False)
    assert FewShot(4, "random").lower(None, None) == ZeroShot().lower(None, None) == {}


@pytest.mark.parametrize("choose", CHOICES)
def test_rows_that_say_the_same_are_shown_once_and_too_few_are_told(choose: str) -> None:
    pool = [example(f"t{i}", "what sound do cats make", "meow") for i in range(30)] + [
        example("u", "what sound do dogs make", "woof"),
        example("v", "what sound do cats make", "purr"),
    ]
    context = FewShot(4, choose)
    (request,) = context.requests([example("x", "which sound do cats make?", "meow")], pool, (), {}, 0)
    assert sorted(turn.content for turn in request.turns if turn.role == "assistant") == ["meow", "purr", "woof"]
    splits = Splits(tuple(pool), (), (), (), (), {})
    assert (
        context.remarks(splits) == ["context.k=4: only 3 different rows of the train split have a target to show"]
        and FewShot(3, choose).remarks(splits) == []
    )
