"""Contexts: what goes into the prompt, and what must never."""

from __future__ import annotations

import pytest
from ftbench.contexts.few_shot import FewShot
from ftbench.contexts.zero_shot import ZeroShot
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, Turn
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.llama import component, example

POOL = st.lists(st.tuples(st.integers(0, 30), st.sampled_from([None, "g", "h"]), st.booleans()), min_size=1, max_size=25, unique_by=lambda row: row[0])


def pool_of(rows: list[tuple[int, str | None, bool]]) -> list[Example]:
    return [example(f"r{i}", f"q{i}", f"a{i}" if answered else None, group) for i, group, answered in rows]


@settings(max_examples=80, deadline=None)
@given(rows=POOL, seed=st.integers(0, 99), k=st.integers(1, 6), group=st.sampled_from([None, "g"]))
def test_37_an_example_never_sees_itself_nor_its_group(rows, seed: int, k: int, group: str | None) -> None:
    pool = [*pool_of(rows), example("other", "q", "a")]
    asked = [example("r1", "mine?", "secret", group), example("test", "yours?", "secret", group)]
    found = FewShot(k, "random").requests(asked, pool, [], {}, seed)
    for one, request in zip(asked, found, strict=True):
        allowed = {shot.id for shot in pool if shot.target is not None and shot.id != one.id and (group is None or shot.group != group)}
        assert set(request.shots) <= allowed
        assert len(request.shots) == len(set(request.shots)) == min(k, len(allowed))
        assert [turn.content for turn in request.turns[1:-1:2]] == [f"a{shot[1:]}" if shot != "other" else "a" for shot in request.shots]
        assert request.turns[-1] == one.turns[-1] and "secret" not in {turn.content for turn in request.turns}


@settings(max_examples=30, deadline=None)
@given(rows=POOL, seed=st.integers(0, 99))
def test_shots_depend_on_the_seed_and_the_example_alone(rows, seed: int) -> None:
    pool = [*pool_of(rows), example("other", "q", "a")]
    one, two = example("x", "?", "y"), example("z", "?", "y")
    alone = FewShot(3, "random").requests([one], pool, [], {}, seed)
    assert FewShot(3, "random").requests([two, one], pool, [], {}, seed)[1:] == alone


def test_seeds_and_examples_draw_differently() -> None:
    pool = [example(f"r{i}", "q", "a") for i in range(60)]
    asked = [example(f"t{i}", "?", "y") for i in range(20)]
    first, second = (FewShot(4, "random").requests(asked, pool, [], {}, seed) for seed in (0, 1))
    assert len({request.shots for request in first}) > 15
    assert [request.shots for request in first] != [request.shots for request in second]
    assert len({shot for request in first for shot in request.shots}) > 40


def test_turns_stand_in_the_order_of_a_conversation() -> None:
    shot = Example("s", (Turn("system", "other"), Turn("user", "1+1?")), "2", ("2",), None, None, {}, (), None, None)
    asked = Example("t", (Turn("system", "Be brief."), Turn("user", "2+2?")), None, ("4",), None, None, {}, (), None, None)
    (request,) = FewShot(1, "random").requests([asked], [shot], [], {}, 0)
    assert request.turns == (Turn("system", "Be brief."), Turn("user", "1+1?"), Turn("assistant", "2"), Turn("user", "2+2?"))
    assert ZeroShot().requests([asked], [shot], [], {}, 0)[0].turns == asked.turns


def test_a_pool_without_answers_is_refused() -> None:
    class Splits:
        train = (example("a", "q", None),)

    assert [problem.where for problem in FewShot(2, "random").check_data(Splits)] == ["dataset.train"]
    with pytest.raises(FtbenchError, match="no row of the train split has a target"):
        FewShot(2, "random").requests([example("t", "?", "y")], list(Splits.train), [], {}, 0)
    assert [problem.where for problem in FewShot(0, "random").check()] == ["context.k"]


def test_options_and_what_depends_on_the_seed() -> None:
    assert component("context", "few_shot") == FewShot(4, "random") and component("context", "zero_shot") == ZeroShot()
    assert (FewShot(4, "random").seeded, ZeroShot().seeded) == (True, False)
    assert FewShot(4, "random").lower(None, None) == ZeroShot().lower(None, None) == {}
