"""Sub-axes: config groups inside an axis, shipped (``context/retriever``) and of a user (``context/form``), and keys
that leave them out.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import Compiled, compile_matrix
from ftbench.core.cell import option_words, sub_axes
from ftbench.core.errors import Refused

MINE = "defaults:\n  - /context/rag@_here_\n  - form: plain\n  - _self_\n"
PLAIN = 'turn: "{passages}\\n{question}"\npassage: "{text}"\nseparator: "\\n"\n'
FRAMED = (
    '_search_:\n  separator: ["---", "==="]\nturn: "<{passages}>\\n{question}"\npassage: "{text}"\nseparator: "---"\n'
)
OWN = {"context/mine.yaml": MINE, "context/form/plain.yaml": PLAIN, "context/form/framed.yaml": FRAMED}
"""An option of a user with a sub-axis of its own beside the shipped one."""

Over = Callable[[dict[str, str]], Composer]


def compiled(composer: Composer, *axes: str, words: tuple[str, ...] = ()) -> Compiled:
    """Compiles the product of ``a=x,y`` texts, as Hydra's sweeper would hand it over."""
    lists = [[f"{axis.partition('=')[0]}={name}" for name in axis.partition("=")[2].split(",")] for axis in axes]
    return compile_matrix(composer, [[*words, *job] for job in product(*lists)], "plan")


def problems(found: Compiled) -> set[str]:
    return {
        f"{problem['where']}: {problem['why']}. {problem['fix']}"
        for refusal in found.plan.refusals
        for problem in refusal.problems
    }


def labels(found: Compiled) -> list[str]:
    assert problems(found) == set()
    return [cell.label for cell in found.plan.cells]


def test_sub_axis_is_idle_where_an_option_has_none(composer: Composer) -> None:
    found = compiled(composer, "context=zero_shot,rag", "context/retriever=bm25,reranked")
    assert labels(found) == ["tiny none zero_shot", "tiny none rag bm25", "tiny none rag reranked"]
    assert found.jobs[0] == found.jobs[1], "points that became equal are one cell"
    assert [cell.choices.get("context/retriever") for cell in found.plan.cells] == [None, "bm25", "reranked"]
    assert [cell.approach_label for cell in found.plan.cells] == labels(found) and len(
        {cell.approach for cell in found.plan.cells}
    ) == 3
    assert "context/retriever does not apply to context=zero_shot, which has none" in found.notes


def test_sub_axis_that_is_idle_everywhere_is_refused_with_who_has_it(composer_over: Over) -> None:
    composer = composer_over(OWN)
    found = compiled(composer, "context=zero_shot,few_shot", "context/retriever=bm25,dense")
    assert problems(found) == {
        "context/retriever: no context of this matrix has one. Add context=mine (or rag, rag_dense, rag_few_shot,"
        " rag_hybrid), or leave it out"
    }
    assert len(found.plan.refusals) == 4 and not found.plan.cells
    assert problems(compiled(composer, "context=rag", "context/form=framed")) == {
        "context/form: no context of this matrix has one. Add context=mine, or leave it out"
    }


def test_cells_stay_the_same_cells(composer: Composer) -> None:
    (plain,) = compiled(composer, "context=rag").plan.cells
    (typed,) = compiled(composer, "context=rag", "context/retriever=bm25").plan.cells
    (preset,) = compiled(composer, "context=rag_dense").plan.cells
    (dense,) = compiled(composer, "context=rag", "context/retriever=dense").plan.cells
    assert typed.id == plain.id and typed.label == plain.label == "tiny none rag" and typed.approach == plain.approach
    assert dense.id == preset.id != plain.id and dense.approach == preset.approach != plain.approach
    assert dense.label == "tiny none rag dense" and preset.label == "tiny none rag_dense"


def test_presets_take_another_option(composer: Composer) -> None:
    assert labels(compiled(composer, "context=rag_hybrid", "context/retriever=dense")) == ["tiny none rag_hybrid dense"]
    found = compiled(composer, "method=none,rag", "context/retriever=bm25,dense")
    assert labels(found) == ["tiny none zero_shot", "tiny none rag bm25", "tiny none rag dense"]


def test_two_sub_axes_of_one_option(composer_over: Over) -> None:
    found = compiled(
        composer_over(OWN), "context=zero_shot,rag,mine", "context/retriever=bm25,dense", "context/form=plain,framed"
    )
    assert labels(found) == [
        "tiny none zero_shot",
        "tiny none rag bm25",
        "tiny none rag dense",
        *(f"tiny none mine {form} {retriever}" for retriever in ("bm25", "dense") for form in ("plain", "framed")),
    ]
    last = found.plan.cells[-1]
    assert (
        last.choices["context/form"] == "framed"
        and last.config["context"]["form"]["turn"].startswith("<")
        and last.config["context"]["retriever"]["_target_"] == "context/retriever/dense"
    )
    assert sub_axes(cell.choices for cell in found.plan.cells) == ("context/form", "context/retriever")
    assert option_words(last.choices, "context") == "mine framed dense"


def test_control_of_a_method_keeps_the_context_s_own(composer_over: Over) -> None:
    composer = composer_over({})
    found = compiled(
        composer,
        "method=dpo_over_sft",
        words=("context=rag", "context/retriever=dense", "++context.k=2", "matrix.baselines=auto"),
    )
    (control,) = [
        cell for cell in found.plan.cells if cell.baseline and cell.choices["method"] not in ("none", "dpo_over_sft")
    ]
    assert control.choices["context/retriever"] == "dense" and control.config["context"]["k"] == 2
    assert {cell.label for cell in found.plan.cells if cell.choices["method"] == "none"} == {
        "tiny none zero_shot",
        "tiny none few_shot",
    }


def test_misspelt_words_are_refused_with_the_nearest(composer: Composer) -> None:
    assert problems(compiled(composer, "context=rag", "context/retriever=bm26")) == {
        "context/retriever=bm26: no such context/retriever. Did you mean bm25? Available: bm25, dense, hybrid, reranked"
    }
    assert problems(compiled(composer, "context=rag", "context/retreiver=bm25")) == {
        "context/retreiver=bm25: context has no such sub-axis. Did you mean context/retriever? Available:"
        " context/retriever"
    }
    assert problems(compiled(composer, "context=rag", "context.retriever=bm25")) == {
        "context.retriever=bm25: chooses an option, and is written as a value. Write context/retriever=bm25"
    }


def test_exclude_and_couple_name_sub_axes_and_short_keys(composer: Composer) -> None:
    words = (
        "matrix.exclude=[{context/retriever: dense}]",
        "matrix.couple=[{when: {context/retriever: bm25, context.b: 0.75}, set: {context.k1: 2.0}}]",
    )
    found = compiled(composer, "context=rag", "context/retriever=bm25,dense,reranked", words=words)
    assert labels(found) == ["tiny none rag bm25 k1=2.0", "tiny none rag reranked"] or labels(found) == [
        "tiny none rag bm25",
        "tiny none rag reranked",
    ]
    assert (
        found.plan.cells[0].config["context"]["retriever"]["k1"] == 2.0
        and "k1" not in found.plan.cells[0].config["context"]
    )
    assert found.plan.cells[0].values["context.retriever.k1"] == 2.0 and found.plan.excluded == 1
    bad = compiled(
        composer, "context=rag", words=("matrix.exclude=[{context/retriever: bm52}, {context/retriver: bm25}]",)
    )
    assert {text.split(". ")[0] for text in problems(bad)} == {
        "matrix.exclude: context/retriever: bm52 is no option",
        "matrix.exclude: context/retriver is no sub-axis",
    }


@pytest.mark.parametrize("typed", ["context.k1=1.2", "++context.k1=1.2", "++context.retriever.k1=1.2"])
def test_short_key_is_the_key_in_full(typed: str, composer: Composer) -> None:
    cell = composer.compose(["context=rag", typed])
    assert cell.config["context"]["retriever"]["k1"] == 1.2 and "k1" not in cell.config["context"], (
        "no dead key beside the real one"
    )
    assert cell.values == {"context.retriever.k1"} and cell.overrides == ("context=rag", "context.retriever.k1=1.2")


def test_value_of_a_sub_axis_is_idle_where_its_option_has_no_such_key(composer: Composer) -> None:
    found = compiled(composer, "context=zero_shot,rag", "context/retriever=bm25,reranked", "context.k1=1.2,2")
    assert labels(found) == [
        "tiny none zero_shot",
        "tiny none rag bm25 k1=1.2",
        "tiny none rag bm25 k1=2",
        "tiny none rag reranked",
    ]
    assert (
        "context.retriever.k1 does not apply to context=zero_shot and context/retriever=reranked, which have no"
        " such key" in found.notes
    )
    assert len({cell.approach for cell in found.plan.cells}) == 3, "values within an option are trials of one approach"
    missing = compiled(composer, "context=rag", "context.retriever.kk=3")
    assert any(
        text.startswith(
            "context.retriever.kk: no context of this matrix has such a key. Did you mean context.retriever.k1?"
        )
        for text in problems(missing)
    )


@pytest.mark.parametrize(
    ("key", "full"),
    [
        ("context.k1", "context.retriever.k1"),
        ("context.k", "context.k"),
        ("context.depth", "context.depth"),
        ("context.retriever.depth", "context.retriever.depth"),
        ("context.retrievers.words.b", "context.retriever.retrievers.words.b"),
        ("context.first.k1", "context.retriever.first.k1"),
        ("context.separator", "context.form.separator"),
        ("context.form.separator", "context.form.separator"),
        ("context.nothing", "context.nothing"),
        ("method.rank", "method.weights.rank"),
        ("seed", "seed"),
    ],
)
def test_key_in_full(key: str, full: str, composer_over: Over) -> None:
    groups = composer_over(OWN).groups
    assert groups.full(key) == full
    assert [groups.spelled(f"{sign}{key}=1") for sign in ("", "+", "++", "~")] == [
        f"{sign}{full}=1" for sign in ("", "+", "++", "~")
    ]


def test_key_that_is_short_for_two_is_refused_wherever_it_stands(composer_over: Over) -> None:
    composer = composer_over({**OWN, "context/form/plain.yaml": PLAIN + "k1: 3\n"})
    with pytest.raises(Refused) as refused:
        composer.groups.spelled("context.k1=2")
    said = "context.k1: is short for context.form.k1 and for context.retriever.k1. Write the one that is meant in full"
    assert str(refused.value) == said
    for word in (
        "++context.k1=2",
        "matrix.exclude=[{context.k1: 2}]",
        "matrix.couple=[{when: {context: rag}, set: {context.k1: 2}}]",
    ):
        assert problems(compiled(composer, "context=rag", words=(word,))) == {said}, word
    assert problems(compiled(composer, "context=rag", words=("++effort.trials=2", "++effort.space.rag.k1=[1,2]"))) == {
        said
    }


def test_space_of_a_sub_axis_is_searched(composer_over: Over) -> None:
    composer = composer_over(OWN)
    words = (
        "effort.trials=3",
        "++effort.space.bm25.k1=[1.0,2.0]",
        "++effort.space.mine.k=null",
        "++effort.space.mine.chunking.size=null",
    )
    found = compiled(composer, "context=mine", "context/form=plain,framed", words=words)
    assert problems(found) == set()
    spaces = {search.label: search.space for search in found.plan.searches}
    assert spaces["tiny none mine plain"] == {"context.retriever.k1": [1.0, 2.0]}
    assert spaces["tiny none mine framed"] == {
        "context.form.separator": ["---", "==="],
        "context.retriever.k1": [1.0, 2.0],
    }
    short = compiled(composer, "context=rag", words=("effort.trials=2", "++effort.space.rag.b=[0.5]"))
    assert next(iter(short.plan.searches)).space["context.retriever.b"] == [0.5]
    full = compiled(composer, "context=rag", words=("effort.trials=2", "++effort.space.rag.retriever.b=[0.5]"))
    assert full.plan.searches == short.plan.searches
    unknown = compiled(composer, "context=rag", words=("effort.trials=2", "++effort.space.bm52.k1=[1]"))
    assert any(
        "effort.space.bm52: no cell of this matrix has such an option. Did you mean bm25?" in text
        for text in problems(unknown)
    )


def test_option_s_own_space_may_be_short_and_stands_before_its_part_s(composer_over: Over) -> None:
    composer = composer_over(
        {
            **OWN,
            "context/mine.yaml": (
                MINE + "_search_:\n  separator: ['+', '*']\n  k1: [2.0]\n  k: null\n  chunking.size: null\n"
            ),
        }
    )
    found = compiled(composer, "context=mine", "context/form=framed", words=("effort.trials=2",))
    assert problems(found) == set()
    assert next(iter(found.plan.searches)).space == {
        "context.form.separator": ["---", "+", "*"],
        "context.retriever.k1": [1.5, 2.0],
    }


def test_judged_against_a_cell_by_sub_axis_and_short_key(composer: Composer) -> None:
    words = (
        "metrics=[rougeL,judge_pairwise]",
        "judge.model=tiny",
        "judge.against={context/retriever: bm25, context.k1: 1.5}",
    )
    found = compiled(composer, "context=rag", "context/retriever=bm25,dense", words=words)
    assert problems(found) == set()
    judged = {
        cell.choices["context/retriever"]
        for cell in found.plan.cells
        if any(role.startswith("judge.") for role in cell.stages)
    }
    assert judged == {"dense"}, "the other is what it is judged against"
