"""context=rag and context=oracle: the form, what is shown, what is told, what is refused while compiling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftbench.compile.option import shipped as component
from ftbench.contexts.chunk import Chunking
from ftbench.contexts.few_shot import FewShot
from ftbench.contexts.grounded import Form
from ftbench.contexts.oracle import Oracle
from ftbench.contexts.rag import Rag
from ftbench.contexts.retrieve.bm25 import Bm25
from ftbench.core.component import node
from ftbench.core.errors import FtbenchError, Refused
from ftbench.core.example import Document, Example, Splits, Turn
from ftbench.data.corpus import LONGEST_CHARACTERS
from ftbench.data.toy import world
from tests.models.llama import example

FORM = Form("Context:\n{passages}\n\nQuestion: {question}", "{text}", "\n")
DOCUMENTS = [
    Document("cats", "Cats sleep all day."),
    Document("dogs", "Dogs bark at night."),
    Document("odd", "Braces {question} and {passages} stay."),
]


def rag(**changed: Any) -> Rag:
    fields = {
        "retriever": node(Bm25(1.5, 0.75, "english")),
        "chunking": Chunking("sentences", 50, 0, None),
        "k": 2,
        "depth": 3,
        "form": FORM,
        "examples": None,
    }
    return Rag(**{**fields, **changed})


def splits(documents: list[Document], *test: Example) -> Splits:
    return Splits((example("t", "q", "a"),), (), test or (asked("x", "?", "cats"),), tuple(documents), (), {})


def asked(name: str, question: str, *gold: str) -> Example:
    return Example(
        name, (Turn("system", "Be brief."), Turn("user", question)), None, ("yes",), None, None, {}, gold, None, None
    )


def requests(context: Rag, folder: Path, *examples: Example, pool: list[Example] = ()) -> list:
    folder.mkdir()
    context.index(DOCUMENTS, folder)
    return context.requests(examples, pool, DOCUMENTS, {"index": folder}, 0)


def test_the_default_form_is_the_one_that_the_tiny_model_reads() -> None:
    toy = component("dataset", "toy").load()
    for name in ("oracle",):
        made = component("context", name).requests(toy.test[:5], toy.train, toy.documents, {}, 0)
        texts = {document.id: document.text for document in toy.documents}
        for one, request in zip(toy.test, made, strict=False):
            assert request.turns == (
                Turn("user", world.retrieval_prompt([texts[one.gold_documents[0]]], one.turns[0].content)),
            )
            assert request.documents == one.gold_documents


def test_the_best_passages_stand_before_the_question_and_are_told(tmp_path: Path) -> None:
    found, braces, lost = requests(
        rag(), tmp_path / "i", asked("a", "Do cats sleep by night?"), asked("b", "braces?"), asked("c", "zebra")
    )
    assert found.turns == (
        Turn("system", "Be brief."),
        Turn("user", "Context:\nCats sleep all day.\nDogs bark at night.\n\nQuestion: Do cats sleep by night?"),
    )
    assert (
        found.documents == ("cats", "dogs")
        and found.notes["shown"] == found.notes["k"] == 2
        and found.notes["depth"] == 3
    )
    first, second = found.notes["retrieved"]
    assert first["score"] > second["score"] > 0 and (first["document"], first["chunk"], first["words"]) == (
        "cats",
        0,
        5,
    )
    assert braces.turns[-1].content == "Context:\nBraces {question} and {passages} stay.\n\nQuestion: braces?"
    assert lost.turns == asked("c", "zebra").turns and lost.documents == () and lost.notes["retrieved"] == []


def test_shorter_drops_documents_then_examples_and_never_the_question(tmp_path: Path) -> None:
    """What does not fit goes in this order: the last passage first, then the worked examples."""
    pool = [example(f"s{i}", f"shot {i}?", f"answer {i}") for i in range(3)]
    (request,) = requests(
        rag(examples=node(FewShot(2, "random"))), tmp_path / "i", asked("a", "Do cats sleep by night?"), pool=pool
    )
    seen = []
    while request is not None:
        seen.append((len(request.documents), len(request.shots)))
        assert request.turns[0] == Turn("system", "Be brief.") and request.turns[-1].content.endswith(
            "Do cats sleep by night?"
        )
        assert request.notes["k"] == 2 and request.notes["shown"] == len(request.documents)
        request = request.shorter and request.shorter()
    assert seen == [(2, 2), (1, 2), (0, 2), (0, 1), (0, 0)]


def test_what_only_a_search_reads_leaves_the_index_alone() -> None:
    class Cell:
        documents = "d"

    def spec(context: Rag) -> dict:
        kept = []
        assert context.lower(lambda kind, spec, inputs, config: kept.append((kind, spec, inputs)) or "key", Cell) == {
            "index": "key"
        }
        return kept[0]

    assert spec(rag()) == spec(
        rag(k=1, depth=9, form=replace(FORM, separator="\n\n"), examples=node(FewShot(2, "random")))
    )
    assert spec(rag()) != spec(rag(chunking=Chunking("words", 50, 0, None))) and spec(rag()) != spec(
        rag(retriever=node(Bm25(1.2, 0.75, "english")))
    )
    assert (
        rag().identity() != rag(k=1).identity()
        and not rag().uses_seed
        and rag(examples=node(FewShot(2, "random"))).uses_seed
    )


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        ([], "holds no document"),
        ([Document("e", " \n")], "is empty"),
        ([Document("b", "%PDF\x01\x02\x03\ufffd\ufffd")], "is no text"),
        ([Document("l", "x" * (LONGEST_CHARACTERS + 1))], "is one document of 10,000,001 characters"),
        ([Document("d", "One. Two.")], "2 passages are asked for and the corpus has 1"),
    ],
)
def test_a_corpus_that_cannot_be_searched_is_refused_while_compiling(
    documents: list[Document], why: str, tmp_path: Path
) -> None:
    (problem,) = rag().check_data(splits(documents, asked("x", "?")))
    assert why in str(problem) and "\n" not in str(problem)
    if why.startswith("2 passages"):
        return
    with pytest.raises(Refused, match="dataset.documents"):
        rag().index(documents, tmp_path)


def test_many_bad_documents_are_told_in_a_few_lines() -> None:
    assert len(rag().check_data(splits([Document(str(i), "") for i in range(500)]))) <= 6


def test_bad_values_are_told_with_their_places() -> None:
    bad = rag(
        k=0,
        depth=-1,
        chunking=Chunking("by", 1, 0, None),
        form=Form("x", "y", ""),
        retriever={**node(Bm25(1.5, 0.75, None)), "b": 7},
        examples=node(FewShot(0, "best")),
    )
    assert {problem.where for problem in bad.check()} == {
        *(
            "context.k",
            "context.depth",
            "context.chunking.by",
            "context.form.turn",
            "context.form.passage",
            "context.retriever.b",
            "context.choose",
        )
    }


def test_the_oracle_shows_every_gold_document_and_asks_alone_without() -> None:
    oracle = Oracle(Chunking("sentences", 50, 0, None), FORM)
    both, none = oracle.requests([asked("a", "?", "dogs", "cats"), asked("b", "?")], [], DOCUMENTS, {}, 0)
    assert both.documents == ("dogs", "cats") and "Dogs bark at night.\nCats sleep all day." in both.turns[-1].content
    assert none.turns == asked("b", "?").turns and none.shorter is None
    assert [problem.where for problem in oracle.check_data(splits(DOCUMENTS, asked("a", "?")))] == [
        "dataset.gold_documents"
    ]
    assert [problem.where for problem in oracle.check_data(splits(DOCUMENTS, asked("a", "?", "gone")))] == [
        "dataset.gold_documents"
    ]
    assert [problem.where for problem in oracle.check_data(splits([]))] == ["dataset.documents"]
    assert oracle.check_data(splits(DOCUMENTS)) == []
    with pytest.raises(FtbenchError, match="'gone' of row 'a'"):
        oracle.requests([asked("a", "?", "gone")], [], DOCUMENTS, {}, 0)
