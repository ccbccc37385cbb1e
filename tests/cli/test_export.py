"""``ftbench export``: folders that plain transformers and peft load and that answer as the cell was scored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftbench.cli.export import main
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan
from ftbench.store.store import Store
from ftbench.sweep.export import find_cell
from ftbench.text.markdown import literal
from tests.conftest import ROOT

WORDS = (
    "dataset.train=48",
    "dataset.validation=8",
    "dataset.test=6",
    "decoding.latency_requests=0",
    "decoding.max_new_tokens=16",
    "validation=false",
    "++method.epochs=1",
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of the tiny model: untouched, LoRA, LoRA merged."""
    folder = tmp_path_factory.mktemp("sweep")
    words = ["-m", "method=none,lora", "artifact=adapter,merged", *WORDS]
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("multirun/*/*/plan.json")).parent


def _cell(sweep: Path, artifact: str):
    plan = Plan.read(sweep / "plan.json")
    return plan, next(cell for cell in plan.cells if "train" in cell.stages and cell.choices["artifact"] == artifact)


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ["adapter", "merged"])
def test_22_what_is_exported_answers_as_it_was_scored(
    artifact: str, sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, cell = _cell(sweep, artifact)
    assert main([cell.id, "--out", str(tmp_path / "out"), "--sweep", str(sweep)]) == 0
    assert str(tmp_path / "out") in capsys.readouterr().out
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    if artifact == "adapter":
        config = json.loads((tmp_path / "out" / "adapter_config.json").read_text(encoding="utf-8"))
        assert 'from_pretrained("FOLDER_OF_THE_BASE")' in (tmp_path / "out" / "README.md").read_text(
            encoding="utf-8"
        ), "an option's name is no place to load from"
        model = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(config["base_model_name_or_path"], dtype=torch.float32),
            tmp_path / "out",
        ).eval()
    else:
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    outputs = Store(plan.store).folder(cell.stages["generate.test"]) / "outputs.jsonl"
    for row in map(json.loads, outputs.read_text(encoding="utf-8").splitlines()):
        ids = tokenizer(
            row["prompt"],
            add_special_tokens=tokenizer.chat_template is None,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        with torch.inference_mode():
            written = model.generate(**ids, do_sample=False, max_new_tokens=16)[0, ids["input_ids"].shape[1] :]
        assert tokenizer.decode(written, skip_special_tokens=True) == row["output"]
    assert os.access(tmp_path / "out" / "README.md", os.W_OK) and all(
        os.access(path, os.W_OK) for path in (tmp_path / "out").iterdir()
    )


@pytest.mark.slow
def test_the_readme_names_base_revision_data_and_scores(sweep: Path, tmp_path: Path) -> None:
    plan, cell = _cell(sweep, "merged")
    main([cell.label, "--out", str(tmp_path / "out"), "--sweep", str(sweep)])
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "transformers"
    store = Store(plan.store)
    scores = json.loads((store.folder(cell.stages["score.test"]) / "scores.json").read_text(encoding="utf-8"))
    for name, entry in scores.items():
        assert f"| {literal(name)} | {entry['value']:.4g} |" in body
    assert store.receipt(cell.stages["prepare"]).provenance["data"] in body and cell.id in body
    assert "base: tiny" in body and "its files by sha256" in body and "greedy answers are equal" in body
    assert str(sweep) not in text and plan.store not in text


@pytest.mark.slow
def test_what_cannot_be_exported_is_one_line_with_the_fix(sweep: Path, tmp_path: Path) -> None:
    plan, cell = _cell(sweep, "adapter")
    untouched = next(one for one in plan.cells if "train" not in one.stages)
    with pytest.raises(FtbenchError, match="nothing was trained"):
        main([untouched.id, "--out", str(tmp_path / "out"), "--sweep", str(sweep)])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(FtbenchError, match="is not empty. Name a new folder"):
        main([cell.id, "--out", str(tmp_path / "full"), "--sweep", str(sweep)])
    assert (tmp_path / "full" / "mine.txt").read_text(encoding="utf-8") == "precious" and sorted(
        path.name for path in tmp_path.iterdir()
    ) == ["full"]
    with pytest.raises(
        FtbenchError, match=r"tiny lroa zero_shot.*: no cell of this sweep. Did you mean tiny lora zero_shot"
    ):
        find_cell(plan, cell.label.replace("lora", "lroa"))
    with pytest.raises(FtbenchError, match="no cell of this sweep"):
        find_cell(plan, "")
    Store(plan.store).folder(cell.stages["score.test"]).rename(tmp_path / "gone")
    try:
        with pytest.raises(FtbenchError, match="its stage score.test is not finished. Run the cell first"):
            main([cell.id, "--out", str(tmp_path / "out"), "--sweep", str(sweep)])
    finally:
        (tmp_path / "gone").rename(Store(plan.store).folder(cell.stages["score.test"]))


@pytest.mark.slow
@pytest.mark.parametrize("artifact", ["adapter", "merged"])
def test_39_weights_that_were_cut_off_are_not_shipped(artifact: str, sweep: Path, tmp_path: Path) -> None:
    plan, cell = _cell(sweep, artifact)
    folder = Store(plan.store).folder(cell.stages["merge" if artifact == "merged" else "train"])
    (path,) = folder.glob("*/*.safetensors")
    content, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    try:
        path.write_bytes(content[:-5])
        with pytest.raises(
            FtbenchError, match=f"is damaged: .*{path.name} has {len(content) - 5:,} bytes and was written with"
        ):
            main([cell.id, "--out", str(tmp_path / "out"), "--sweep", str(sweep)])
    finally:
        path.write_bytes(content)
        path.chmod(mode)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_44_the_export_of_a_ceiling_says_what_its_scores_are(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights can ship whatever they were asked with; those of a context that cannot be deployed are no forecast."""
    _, cell = _cell(sweep, "adapter")
    plan = json.loads((sweep / "plan.json").read_text(encoding="utf-8"))
    for one in plan["cells"]:
        one["deployable"] = one["id"] != cell.id
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    for folder, said in ((sweep, False), (tmp_path / "sweep", True)):
        out = tmp_path / f"out {said}"
        assert main([cell.id, "--out", str(out), "--sweep", str(folder)]) == 0
        texts = (capsys.readouterr().out, (out / "README.md").read_text(encoding="utf-8"))
        assert ["scores are a ceiling and cannot be deployed" in text for text in texts] == [said, said]
