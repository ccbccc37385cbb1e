"""Real data sets through real commands, from file to table; what the table says is what ten lines of plain Python find
in the same outputs.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.store.store import Store

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]
QUICK = (
    "validation=false",
    "data.on_leak=warn",
    "statistics.resamples=100",
    "decoding.latency_requests=1",
    "hydra.sweep.dir=sweep",
    "store.dir=store",
)
GROUNDED = (
    "dataset.id=id",
    "dataset.document_id=doc_id",
    "dataset.gold_documents=gold_doc_ids",
    "dataset.group=gold_doc_ids.0",
)


def run(*words: str) -> dict[str, dict]:
    """Runs a matrix; returns label -> cell of ``results.json``, with its rows under ``rows``."""
    assert main(["-m", *words, *QUICK]) == 0
    plan, cells = (
        Plan.read(Path("sweep/plan.json")),
        json.loads(Path("sweep/results.json").read_text(encoding="utf-8"))["cells"],
    )
    keys = {cell.label: cell.stages["generate.test"] for cell in plan.cells}
    return {
        cell["label"]: {**cell, "rows": list(read_jsonl(Store(plan.store).find(keys[cell["label"]]) / "outputs.jsonl"))}
        for cell in cells
    }


def test_banking77_few_shot_and_recorded_answers_score_what_plain_python_scores(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = shared_data / "banking77"
    data = (
        f"dataset.train={folder}/train.csv",
        f"dataset.test={folder}/test.csv",
        "dataset=files",
        'dataset.prompt="{text}"',
        'dataset.target="{category}"',
    )
    with open(folder / "train.csv", encoding="utf-8", newline="") as file:
        known = [(set(re.findall(r"\w+", row["text"].lower())), row["category"]) for row in csv.DictReader(file)]
    with open(folder / "test.csv", encoding="utf-8", newline="") as file:
        questions = [row["text"] for row in csv.DictReader(file)][::8]
    rows = []
    for number, question in enumerate(questions):  # the label of the training row that shares most words
        words = set(re.findall(r"\w+", question.lower()))
        rows.append(
            {
                "id": f"test-{8 * number}",
                "output": max(known, key=lambda row: len(words & row[0]) / len(words | row[0]))[1],
            }
        )
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = run(
        "model=recorded", "model.outputs=answers.jsonl", "metrics=[accuracy,macro_f1]", "limits.failed_rows=1", *data
    )["recorded none zero_shot"]
    pairs = [(row["output"], row["references"][0]) for row in found["rows"]]
    assert (
        len(pairs) == 3080
        and len({label for _, label in pairs}) == 77
        and sum(bool(output) for output, _ in pairs) == len(rows)
    )
    right = sum(output == label for output, label in pairs)
    predicted, wanted, both = (
        Counter(output for output, _ in pairs),
        Counter(label for _, label in pairs),
        Counter(label for output, label in pairs if output == label),
    )
    f1 = [2 * both[label] / (predicted[label] + wanted[label]) for label in wanted]
    assert found["scores"]["accuracy"]["value"] == pytest.approx(right / 3080) and right > 250
    assert found["scores"]["macro_f1"]["value"] == pytest.approx(sum(f1) / 77)

    model = (
        "model=hf",
        f"model.name_or_path={shared_data}/stories260K/hf",
        "context=few_shot",
        "context.choose=balanced,similar",
        "context.k=3",
    )
    cells = run(
        *model,
        *data,
        "dataset.limit.test=6",
        "dataset.limit.train=500",
        "metrics=[accuracy]",
        "decoding.max_new_tokens=4",
    )
    assert set(cells) == {f"hf none few_shot choose={choose}" for choose in ("balanced", "similar")}
    for cell in cells.values():
        assert cell["status"] == "done" and len(cell["rows"]) == 6
        assert (
            cell["scores"]["accuracy"]["value"]
            == sum(row["output"].strip() == row["references"][0] for row in cell["rows"]) / 6
        )
        assert all(
            len(row["shots"]) + row["notes"]["cut"]["shots"] == 3 if row["notes"] else len(row["shots"]) == 3
            for row in cell["rows"]
        )


def test_gsm8k_scores_what_plain_python_scores(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = (
        "dataset=files",
        f"dataset.train={shared_data}/gsm8k/train_1500.jsonl",
        'dataset.prompt="{question}"',
        'dataset.target="{answer}"',
        "dataset.limit.test=90",
    )
    # A third answers as the reference does, a third in other words, a third with another number.
    forms = ("{whole}", "So it is ${number}.", "#### {wrong}")
    answers = []
    for number, row in enumerate(read_jsonl(shared_data / "gsm8k" / "train_1500.jsonl")):
        value = row["answer"].rpartition("#### ")[2]
        answers.append(
            {
                "id": f"train-{number}",
                "output": forms[number % 3].format(whole=row["answer"], number=value, wrong=f"{value}7"),
            }
        )
    Path("answers.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")
    cells = run("model=recorded", "model.outputs=answers.jsonl", "metrics=[numeric]", *data)["recorded none zero_shot"]

    def last_number(text: str) -> float | None:
        numbers = re.findall(r"-?\d[\d,]*\.?\d*", text.rpartition("####")[2])
        return float(numbers[-1].replace(",", "").rstrip(".")) if numbers else None

    right = [last_number(row["output"]) == last_number(row["references"][0]) for row in cells["rows"]]
    assert cells["scores"]["numeric"]["value"] == pytest.approx(sum(right) / 90) and 45 <= sum(right) <= 75


@pytest.mark.parametrize(
    ("name", "text", "answer", "metric", "floor"),
    [
        ("xquad_en", "dataset.document_text=text", "dataset.references=answers", "token_f1", 0.90),
        ("pubmedqa_pqal", 'dataset.document_text="{sections.*.text}"', 'dataset.target="{answer}"', "accuracy", 0.93),
    ],
)
def test_retrieval_on_real_questions_stands_between_nothing_and_the_oracle(
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    answer: str,
    metric: str,
    floor: float,
) -> None:
    """What the tiny model answers says nothing here: it reads no English; what was found does."""
    monkeypatch.chdir(tmp_path)
    folder = shared_data / name
    data = (
        "dataset=files",
        f"dataset.train={folder}/questions.jsonl",
        f"dataset.documents={folder}/documents.jsonl",
        'dataset.prompt="{question}"',
    )
    more = (
        f"metrics=[{metric},recall_at_1,mrr_at_10]",
        "decoding.max_new_tokens=2",
        "decoding.batch_size=32",
        "dataset.split.test=0.5",
        "dataset.limit.test=160",
    )
    cells = run("context=rag,oracle", *data, *GROUNDED, text, answer, *more)
    rag, oracle = cells["tiny none rag"], cells["tiny none oracle"]
    first = [
        bool(row["notes"]["retrieved"]) and row["notes"]["retrieved"][0]["document"] in row["gold_documents"]
        for row in rag["rows"]
    ]
    assert (
        rag["scores"]["recall_at_1"]["value"] == pytest.approx(sum(first) / len(first))
        and sum(first) / len(first) >= floor
    )
    assert oracle["scores"]["recall_at_1"]["value"] == oracle["scores"]["mrr_at_10"]["value"] == 1.0
    assert all(row["finish"] != "error" for row in (*rag["rows"], *oracle["rows"]))
