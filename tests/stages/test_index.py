"""The index stage, and what its readers do with it: cut prompts, where the gold documents ended up, who pays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.analysis.finished_stages import Finished
from ftbench.analysis.rows import _row
from ftbench.compile.matrix import compile_matrix
from ftbench.compile.option import shipped as component
from ftbench.core.errors import Refused
from ftbench.core.example import Document, Example
from ftbench.core.files import read_jsonl, write_jsonl
from ftbench.models.resident import Resident
from ftbench.stages.requests import encode_all
from tests.compile.conftest import composer  # noqa: F401 - fixture
from tests.contexts.test_rag import rag
from tests.cost.test_bill import receipt
from tests.models.llama import example
from tests.stages.jobs import prepare, published, work

DOCUMENTS = [
    Document("cats", "Cats sleep."),
    Document("dogs", "Dogs bark. " + "Dogs run far. " * 6),
    Document("fish", "Fish swim."),
]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    asked = [
        replace(example("a", "cats?", "y"), gold_documents=("cats",)),
        replace(example("b", "fish and dogs bark?", "y"), gold_documents=("fish", "dogs")),
        replace(example("c", "zebra?", "y"), gold_documents=("fish",)),
        replace(example("d", "cats?", "y"), gold_documents=("dogs",)),
        example("e", "cats?", "y"),
    ]
    folder = prepare(tmp_path / "in", [example(f"s{i}", f"q{i}", f"a{i}") for i in range(4)], asked)
    return folder


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    write_jsonl(tmp_path / "documents" / "documents.jsonl", [vars(document) for document in DOCUMENTS])
    return tmp_path / "documents"


def answer(prepared: Path, documents: Path, model: Path, folder: Path, **changed) -> tuple[dict, list[dict]]:
    """Builds the index and answers with it."""
    context, resident = rag(**changed), Resident("cpu")
    work("index", folder / "index", resident, {"documents": documents}, context=context)
    outcome = work(
        "generate",
        folder / "out",
        resident,
        {"prepare": prepared, "index": folder / "index"},
        model=component("model", "hf", name_or_path=str(model)),
        method=component("method", "none"),
        context=context,
        decoding=component("decoding", "greedy", max_new_tokens=4),
    )
    return outcome, list(read_jsonl(folder / "out" / "outputs.jsonl"))


def test_the_index_holds_all_chunks_and_the_same_bytes_twice(documents: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        outcome = work("index", tmp_path / name, None, {"documents": documents}, context=rag())
    assert outcome.details == {"documents": 3, "chunks": 3, "notes": []} and outcome.tokens["indexed_words"] == 24
    assert [row["document"] for row in read_jsonl(tmp_path / "one" / "chunks.jsonl")] == ["cats", "dogs", "fish"]
    assert published(tmp_path / "one") == published(tmp_path / "two")


def test_a_bad_corpus_is_refused_by_the_stage_too(documents: Path, tmp_path: Path) -> None:
    write_jsonl(documents / "documents.jsonl", [{"id": "d", "text": " "}])
    with pytest.raises(Refused, match="'d': is empty"):
        work("index", tmp_path / "index", None, {"documents": documents}, context=rag())


def test_not_found_is_told_apart_from_found_and_not_read(
    prepared: Path, documents: Path, chat_folder: Path, tmp_path: Path
) -> None:
    outcome, rows = answer(prepared, documents, chat_folder, tmp_path / "wide")
    assert [row["slices"].get("gold_document") for row in rows] == ["shown", "shown", "not_found", "not_found", None]
    assert [row["documents"] for row in rows] == [["cats"], ["fish", "dogs"], [], ["cats"], ["cats"]] or rows[1][
        "documents"
    ] == ["dogs", "fish"]
    assert (
        rows[0]["gold_documents"] == ["cats"]
        and rows[0]["notes"]["added_tokens"] > 0
        and rows[2]["notes"]["added_tokens"] == 0
    )
    assert outcome.details["cut"] == {"rows": 0, "passages": 0, "shots": 0}
    assert outcome.tokens["prompt_added"] == sum(row["notes"]["added_tokens"] for row in rows)


class Letters:
    """A format of one token a character, to count by hand."""

    def encode(self, turns, target=None):
        from ftbench.models.format import Encoded

        text = "|".join(turn.content for turn in turns)
        return Encoded(text, tuple(map(ord, text)), tuple(map(ord, target or "")), (), ())


@pytest.mark.parametrize("window", range(10, 150, 7))
def test_what_does_not_fit_is_cut_by_rule_and_counted(
    prepared: Path, documents: Path, tmp_path: Path, window: int
) -> None:
    context = rag(examples={"_target_": "ftbench.contexts.few_shot.FewShot", "k": 2, "choose": "random"})
    work("index", tmp_path / "index", None, {"documents": documents}, context=context)
    asked = [Example.from_dict(row) for row in read_jsonl(prepared / "test.jsonl")]
    pool = [Example.from_dict(row) for row in read_jsonl(prepared / "train.jsonl")]
    requests = context.requests(asked, pool, DOCUMENTS, {"index": tmp_path / "index"}, 0)
    for one, whole, sent in zip(
        asked, requests, encode_all(Letters(), requests, [None] * len(asked), window, 3), strict=True
    ):
        question, notes, left = one.turns[-1].content, sent.request.notes, sent.request
        assert question in sent.encoded.prompt and sent.error is None
        size = len(sent.encoded.prompt_ids)
        assert size <= window - 3 or size == len(question)  # nothing but the question is left, and it alone is too long
        assert notes["added_tokens"] == size - len(question)
        assert notes["cut"] == {
            "passages": whole.notes["shown"] - left.notes["shown"],
            "shots": len(whole.shots) - len(left.shots),
        }
        if notes["cut"]["shots"]:
            assert not left.documents
        if any(notes["cut"].values()):  # one part more would not have fitted
            bigger = whole
            while bigger.shorter().turns != left.turns:
                bigger = bigger.shorter()
            assert len(Letters().encode(bigger.turns).prompt_ids) > window - 3


def test_a_question_longer_than_the_window_fails_alone(
    prepared: Path, documents: Path, tmp_path: Path, chat_folder: Path
) -> None:
    rows = [Example.from_dict(row) for row in read_jsonl(prepared / "test.jsonl")]
    rows[1] = replace(example("b", "cats " * 100, "y"), gold_documents=("cats",))
    write_jsonl(prepared / "test.jsonl", [row.as_dict() for row in rows])
    _, found = answer(prepared, documents, chat_folder, tmp_path / "out")
    assert [row["finish"] == "error" for row in found] == [False, True, False, False, False]
    assert (
        "does not fit" in found[1]["error"]
        and found[1]["documents"] == []
        and found[1]["slices"] == {"gold_document": "cut"}
    )


def test_32_every_cell_that_searches_an_index_pays_for_it(composer) -> None:
    plan = compile_matrix(
        composer, [["context=zero_shot"], ["context=rag", "++context.k=1"], ["context=rag", "++context.k=2"]], "plan"
    ).plan
    indices = [key for key, stage in plan.stages.items() if stage.kind == "index"]
    receipts = {indices[0]: receipt("index", device="cpu", work=36.0)}
    paid = [_row(plan, cell, None, Finished({}, receipts, {})).facts["index_seconds"] for cell in plan.cells]
    assert len(indices) == 1 and paid == [0.0, 36.0, 36.0]
    assert [_row(plan, cell, None, Finished({}, {}, {})).facts["index_seconds"] for cell in plan.cells] == [
        0.0,
        None,
        None,
    ]


def test_30_what_a_retriever_loads_is_a_warm_up_and_no_request_s_time(
    prepared: Path, documents: Path, chat_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json
    import time

    from ftbench.contexts.retrieve.bm25 import Bm25

    monkeypatch.setattr(Bm25, "ready", lambda self: time.sleep(5.0))
    real = Bm25.search
    monkeypatch.setattr(Bm25, "search", lambda self, *args: time.sleep(0.5) or real(self, *args))
    answer(prepared, documents, chat_folder, tmp_path)
    timings = json.loads((tmp_path / "out" / "timings.json").read_text())
    assert timings["latency_seconds"] and all(0.1 <= seconds < 1.0 for seconds in timings["latency_seconds"]), (
        "half a second for five searches, and none of the five that loading took"
    )


def test_passages_longer_than_the_retriever_s_model_reads_are_told(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, composer
) -> None:
    from ftbench.contexts.retrieve.bm25 import Bm25

    monkeypatch.setattr(Bm25, "index", lambda self, texts, folder: {"embedded": 60, "not_embedded": 40})
    (note,) = work("index", tmp_path / "index", None, {"documents": documents}, context=rag()).details["notes"]
    assert note.startswith("40 of 100 tokens of the passages") and "context.chunking.size" in note
    plan = compile_matrix(composer, [["context=rag", "++context.k=1"]], "plan").plan
    (key,) = [key for key, stage in plan.stages.items() if stage.kind == "index"]
    built = replace(receipt("index", device="cpu", work=1.0), details={"notes": [note]})
    assert note in _row(plan, plan.cells[0], None, Finished({}, {key: built}, {})).notes
