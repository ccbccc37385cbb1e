"""Training on rows that carry retrieved passages: what they show, what they never see, and what is in their key."""

from __future__ import annotations

import json

import pytest

from ftbench.compile.matrix import compile_matrix
from ftbench.compile.option import shipped as component
from ftbench.contexts.chunk import Chunking
from ftbench.contexts.grounded import Form
from ftbench.contexts.rag import Rag
from ftbench.core.example import Document, Example, Turn
from tests.compile.conftest import composer, composer_over  # noqa: F401 - fixtures
from tests.stages.jobs import work

FORM = Form("Context:\n{passages}\n\nQuestion: {question}", "{text}", "\n")
RAG = Rag(
    retriever={"_target_": "ftbench.contexts.retrieve.bm25.Bm25", "k1": 1.5, "b": 0.75, "language": "english"},
    chunking=Chunking("nothing", 256, 0, None),
    k=3,
    depth=8,
    form=FORM,
    examples=None,
)
COLOURS = ("red", "blue", "green", "black", "white", "brown")
DOCUMENTS = [Document(f"d{i}", f"The colour of box {i} is {colour}.") for i, colour in enumerate(COLOURS)]


def row(number: int, split: str = "train") -> Example:
    return Example(
        f"{split}-{number}",
        (Turn("user", f"What is the colour of box {number}?"),),
        COLOURS[number],
        (COLOURS[number],),
        None,
        None,
        {},
        (f"d{number}",),
        None,
        None,
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    RAG.index(DOCUMENTS, folder)
    return {"index": folder}


def shown(request):
    return {
        name for name in (document.id for document in DOCUMENTS) if f"box {name[1:]} is" in request.turns[-1].content
    }


@pytest.mark.parametrize(("share", "counts"), [(1.0, {4}), (0.0, {0}), (0.5, {1, 2, 3})])
def test_the_gold_passage_is_there_in_its_share_of_the_rows_and_distractors_in_all(index, share, counts):
    rows = [row(number) for number in range(4)]
    made = RAG.training_requests(rows, DOCUMENTS, index, share, seed=1)
    assert sum(one.notes["gold_shown"] for one in made) in counts
    for example, request in zip(rows, made, strict=True):
        assert (example.gold_documents[0] in shown(request)) == request.notes["gold_shown"] and len(shown(request)) == 3
    assert made == RAG.training_requests(rows, DOCUMENTS, index, share, seed=1)
    if share == 1.0:  # the gold passage has no place of its own
        many = [RAG.training_requests([row(0)], DOCUMENTS, index, 1.0, seed)[0].turns[-1].content for seed in range(12)]
        assert len({text.index("box 0 is") for text in many}) > 1


def test_37_rows_are_asked_with_their_own_questions_and_validation_rows_as_they_will_be_asked(chat, tmp_path, index):
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    for split, numbers in (("train", (0, 1, 2, 3)), ("validation", (4,)), ("test", (5,))):
        (prepared / f"{split}.jsonl").write_text(
            "".join(json.dumps(row(number, split).as_dict()) + "\n" for number in numbers), encoding="utf-8"
        )
    method = component("method", "lora", train_context=1.0, max_steps=1, batch_size=4, rank=2, max_tokens=None)
    model = component("model", "tiny")

    class At:
        device = "cpu"

        def get(self, model, key=None):
            return chat

    outcome = work(
        "train", tmp_path / "out", At(), {"prepare": prepared, **index}, model=model, method=method, context=RAG
    )
    assert outcome.details["gold_shown"] == 4 and outcome.details["trained"] == 4
    segments = json.loads((tmp_path / "out" / "masked_example.json").read_text(encoding="utf-8"))["segments"]
    asked = "".join(part["text"] for part in segments if not part["supervised"])
    learned = "".join(part["text"] for part in segments if part["supervised"])
    assert "Context:" in asked and "Context:" not in learned and " is " not in learned


def test_38_only_training_on_passages_has_context_and_index_in_its_key(composer):
    def train(*words):
        (cell,) = compile_matrix(composer, [["method=lora", *words]], "plan").plan.cells
        stage = compile_matrix(composer, [["method=lora", *words]], "plan").plan.stages[cell.stages["train"]]
        return stage

    plain = train("context=rag")
    assert (
        plain.key == train("context=zero_shot").key
        and "context" not in plain.spec
        and "train_context" not in plain.spec["method"]
        and set(plain.inputs) == {"prepare"}
    )
    within = train("context=rag", "++method.train_context=0.8")
    assert set(within.inputs) == {"prepare", "index"} and within.key != plain.key
    assert (
        len(
            {
                within.key,
                train("context=rag", "++method.train_context=0.5").key,
                train("context=rag", "++method.train_context=0.8", "++context.k=2").key,
            }
        )
        == 3
    )
    refused = compile_matrix(
        composer, [["method=lora", "context=zero_shot", "++method.train_context=0.8"]], "plan"
    ).plan.refusals
    assert "take context=rag" in refused[0].problems[0]["fix"]
