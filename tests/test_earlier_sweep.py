"""A sweep of before components had names opens in every command that reads sweeps, with the figures that it was run
with.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from ftbench.cli.main import main
from tests.conftest import ROOT

ARCHIVE = ROOT / "tests" / "fixtures" / "earlier_sweep.zip"
"""``-m method=none,lora context=zero_shot,few_shot`` on the tiny model, with a review of ten comparisons; without
weights.
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    for path in (tmp_path / "sweep").glob("*.*"):
        path.write_text(path.read_text(encoding="utf-8").replace("@FOLDER@", str(tmp_path)), encoding="utf-8")
    return tmp_path / "sweep"


def test_it_is_reported_compared_advised_reviewed_and_explained(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        assert main(list(words)) == 0, words
        return capsys.readouterr().out

    assert "63.03" in said("report", str(sweep), "--markdown", "-")
    assert "8.94" in said("compare", str(sweep))
    assert "tiny lora zero_shot" in said("advise", str(sweep))
    assert "0.62 [0.29, 0.87]" in said("review", "stats", str(sweep))
    plan = json.loads((sweep / "plan.json").read_text(encoding="utf-8"))
    train = next(stage["key"] for stage in plan["stages"] if stage["kind"] == "train")
    assert "train" in said("explain", train[:12], "--sweep", str(sweep))
