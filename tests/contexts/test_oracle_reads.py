"""What perfect retrieval is worth, by answers: over the toy world the tiny model reads best what the oracle shows it,
then what was found, then nothing.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.store.store import Store

WORDS = (
    "method=none",
    "context=zero_shot,rag,oracle",
    "dataset=toy",
    "dataset.test=120",
    "metrics=[exact_match,recall_at_1]",
    "validation=false",
    "decoding.latency_requests=1",
    "statistics.resamples=200",
    "hydra.sweep.dir=sweep",
    "store.dir=store",
)


@pytest.mark.slow
def test_the_oracle_is_above_retrieval_and_retrieval_above_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-m", *WORDS]) == 0
    plan = Plan.read(Path("sweep/plan.json"))
    value = re.compile(plan.cells[0].config["dataset"]["answer_pattern"])

    def said(text: str) -> str:
        found = value.search(text)
        return (found[1] if found else text).strip().casefold()

    right = {}
    for cell in plan.cells:
        rows = list(read_jsonl(Store(plan.store).find(cell.stages["generate.test"]) / "outputs.jsonl"))
        right[cell.choices["context"]] = sum(
            said(row["output"]) in {said(reference) for reference in row["references"]} for row in rows
        )
        shown = [set(row["documents"]) & set(row["gold_documents"]) for row in rows]
        assert cell.choices["context"] != "oracle" or all(shown)
        assert cell.deployable == (cell.choices["context"] != "oracle")
    assert right["oracle"] >= right["rag"] > right["zero_shot"] and right["oracle"] == 120, right
    found = json.loads(Path("sweep/results.json").read_text(encoding="utf-8"))
    ranks = {cell["label"]: cell["rank"] for cell in found["cells"]}
    assert ranks == {"tiny none oracle": "", "tiny none rag": "1", "tiny none zero_shot": "2"}, "44: a ceiling has none"
    labels = {cell["cell_id"]: cell["label"] for cell in found["cells"]}
    assert labels[found["families"][0]["decision"]["recommendation"]["choice"]] == "tiny none rag"
    cells = {cell["label"]: cell["scores"] for cell in found["cells"]}
    assert {label.split()[-1]: round(scores["exact_match"]["value"] * 120) for label, scores in cells.items()} == right
    assert cells["tiny none oracle"]["recall_at_1"]["value"] == 1.0
