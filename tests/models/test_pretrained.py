"""A model's identity is its content; what cannot be loaded is refused with the fix, and planning stays light and
offline.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Splits
from ftbench.models import revision
from tests.models.llama import ROOT, example

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hf(name_or_path: object, **values: object):
    return component("model", "hf", name_or_path=str(name_or_path), **values)


def test_38_a_folder_is_its_files_and_not_its_place(plain_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(plain_folder, copy)
    (copy / "README.md").write_text("a readme changes nothing", encoding="utf-8")
    first, second = hf(plain_folder), hf(copy)
    assert first.identity() == second.identity() == second.resolve().identity()
    assert set(first.identity()["files"]) >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "generation_config.json", "config.json", "chat_template.jinja"]
)
def test_38_a_changed_file_is_another_model(plain_folder: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "changed"
    shutil.copytree(plain_folder, copy)
    before = hf(copy).identity()
    with open(copy / name, "ab") as file:
        file.write(b" ")
    assert hf(copy).identity() != before


def test_38_the_chat_template_counts_by_its_text(plain_folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.jinja", tmp_path / "two.jinja"
    one.write_text("{{ messages }}", encoding="utf-8")
    two.write_text("{{ messages }}", encoding="utf-8")
    assert hf(plain_folder, chat_template=str(one)).identity() == hf(plain_folder, chat_template=str(two)).identity()
    two.write_text("{{ messages[0] }}", encoding="utf-8")
    assert hf(plain_folder, chat_template=str(one)).identity() != hf(plain_folder, chat_template=str(two)).identity()


def test_an_answer_right_behind_a_plain_prompt_is_said(plain_folder: Path) -> None:
    glued, apart = (
        Splits((), (), (example("a", asked, "Thank you"),), (), (), {}) for asked in ("Please help", "Please help\n")
    )
    assert any("behind 'Please help'" in text for text in hf(plain_folder, chat_template="none").remarks(glued))
    assert hf(plain_folder, chat_template="none").remarks(apart) == [] == component("model", "tiny").remarks(glued)


def test_a_hub_name_is_its_commit() -> None:
    model = hf("owner/name", revision=COMMIT)
    assert model.identity()["hub"] == "owner/name" and model.identity()["revision"] == COMMIT
    assert model.is_pinned() and model.check() == [] and model.notes() == []


def test_a_hub_name_out_of_reach_can_be_planned_and_says_what_a_run_needs() -> None:
    model = component("model", "llama2_7b")
    assert model.check() == []
    assert model.identity()["revision"] == "unresolved:meta-llama/Llama-2-7b-hf@main"
    assert not model.is_pinned()
    assert model.notes() == [
        "revision unresolved: the hub is out of reach; run needs it (set model.revision=<40-hex commit>)",
        (
            "meta-llama/Llama-2-7b-hf is a base model: it continues text and was not taught to follow instructions,"
            " which prompting suffers from"
        ),
        "no chat template: plain text",
    ]
    with pytest.raises(FtbenchError, match="model.revision=<40-hex commit>"):
        model.load("cpu")


def test_a_cached_hub_name_is_resolved_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    revision.hub_commit.cache_clear()
    folder = tmp_path / "models--owner--cached"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    model = hf("owner/cached")
    assert model.identity()["revision"] == COMMIT == model.resolve().revision
    assert model.resolve().identity() == model.identity()
    assert model.notes() == ["no chat template: plain text"]
    (snapshot / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}), encoding="utf-8")
    assert model.notes() == []
    revision.hub_commit.cache_clear()


def test_what_cannot_be_loaded_is_refused_with_the_fix(plain_folder: Path, tmp_path: Path) -> None:
    def said(model) -> list[str]:
        return [f"{problem.where}: {problem.why}" for problem in model.check()]

    assert said(hf(tmp_path / "nowhere")) == [f"model.name_or_path: no folder {tmp_path / 'nowhere'}"]
    assert said(hf("package://no_such_package/weights")) == [
        "model.name_or_path: package://no_such_package/weights: no package no_such_package"
    ]
    (tmp_path / "empty").mkdir()
    assert said(hf(tmp_path / "empty")) == [f"model.name_or_path: {tmp_path / 'empty'} has no config.json"]
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    for content in ('{"model_type": ', '{"model_type": "llama"', "[1, 2]"):
        (pickled / "config.json").write_text(content, encoding="utf-8")
        assert said(hf(pickled)) == [f"model.name_or_path: {pickled / 'config.json'} holds no JSON object"]
    shutil.copy(plain_folder / "config.json", pickled)
    assert said(hf(pickled)) == [f"model.name_or_path: {pickled} has no weights (*.safetensors)"]
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    assert said(hf(pickled)) == [f"model.name_or_path: {pickled} has only pickled weights (*.bin)"]
    assert said(hf(pickled, safetensors_only=False)) == []
    wrong = hf(
        plain_folder, dtype="float8", attention="flash", context_tokens=1, chat_template="/no/file", quantization="nf5"
    )
    assert [problem.where for problem in wrong.check()] == [
        "model.dtype",
        "model.attention",
        "model.quantization",
        "model.context_tokens",
        "model.chat_template",
    ]


def test_a_broken_folder_is_one_line(plain_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(plain_folder, copy)
    (copy / "config.json").write_text('{"model_type": "no_such_architecture"}', encoding="utf-8")
    with pytest.raises(FtbenchError) as caught:
        hf(copy).load("cpu")
    assert "\n" not in str(caught.value) and "model.name_or_path" in str(caught.value)
    shutil.copy(plain_folder / "config.json", copy)
    weights = next(copy.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(FtbenchError, match="cannot be loaded .* Check the folder"):  # a copy that was cut off
        hf(copy).load("cpu")


def test_the_window_is_the_configs_unless_set(plain, plain_folder: Path) -> None:
    assert plain.context_tokens == 256
    assert hf(plain_folder, context_tokens=99).load("cpu").context_tokens == 99


def test_components_and_bodies_import_nothing_heavy_before_they_work(plain_folder: Path) -> None:
    code = (
        "import sys, yaml\nfrom ftbench.core.component import build\nimport ftbench.methods.tuning,"
        " ftbench.methods.weights.lora, ftbench.methods.none, ftbench.models.decoding\nimport"
        " ftbench.contexts.few_shot, ftbench.contexts.zero_shot\nimport ftbench.stages.train, ftbench.stages.generate,"
        " ftbench.stages.likelihood\nconfig = yaml.safe_load(open('conf/model/hf.yaml')) | {'name_or_path':"
        f" {str(plain_folder)!r}}}\nmodel = build(config, 'model')\nmodel.check(), model.identity(), model.notes(),"
        " model.resolve(), model.is_pinned()\nprint([name for name in ('torch', 'transformers', 'peft', 'trl',"
        " 'datasets', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
