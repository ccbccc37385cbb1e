"""A plan sees from headers, index and config that a folder is damaged; sound ones pass (mistake 39)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftbench.compile.option import shipped as component
from ftbench.models import revision, weight_files
from tests.models.damaged import WEIGHTS, altered, families, without, write_bart, write_family
from tests.models.llama import ROOT


def hf(folder: object, **values: object):
    return component("model", "hf", name_or_path=str(folder), **values)


def said(folder: Path, **values: object) -> str:
    (problem,) = hf(folder, **values).check()
    assert problem.where == "model.name_or_path" and problem.fix and "\n" not in problem.why + problem.fix
    return problem.why


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    write_family(folder, "llama_untied", shards=True)
    return folder


@pytest.mark.parametrize("name", families())
def test_39_sound_folders_of_many_families_are_never_refused(tmp_path: Path, name: str) -> None:
    write_family(tmp_path, name)
    assert hf(tmp_path).check() == []
    assert weight_files.problems(tmp_path, "model", pickled=False, causal=False) == []


@pytest.mark.parametrize("name", families())
def test_39_a_lost_layer_or_head_is_seen_in_every_family(tmp_path: Path, name: str) -> None:
    write_family(tmp_path / "sound", name)
    last = altered(tmp_path / "sound", tmp_path / "last", without("layers.1.", "layer.1.", ".h.1."))
    assert " has no tensor of " in said(last)
    if name.endswith("_untied"):
        head = altered(tmp_path / "sound", tmp_path / "head", without("lm_head", "embed_out"))
        assert said(head).endswith("has no output head, and config.json says tie_word_embeddings: false")


def test_39_the_shipped_model_is_sound() -> None:
    assert component("model", "tiny").check() == []


@pytest.mark.shared_data
def test_39_a_published_model_is_sound(shared_data: Path) -> None:
    assert hf(shared_data / "stories260K" / "hf").check() == []


def test_39_shards_and_index_are_compared(sharded: Path, tmp_path: Path) -> None:
    assert hf(sharded).check() == []
    files = sorted(path.name for path in sharded.glob("*.safetensors"))
    assert len(files) > 3

    def copy(name: str) -> Path:
        return Path(shutil.copytree(sharded, tmp_path / name))

    lost = copy("lost")
    (lost / files[1]).unlink()
    count = len(files)
    assert said(lost) == f"{lost} lacks 1 of the {count} files that model.safetensors.index.json names ({files[1]})"
    cut = copy("cut")
    content = (cut / files[1]).read_bytes()
    (cut / files[1]).write_bytes(content[:-1])
    assert said(cut) == f"{cut / files[1]} has {len(content) - 1:,} bytes where its header says {len(content):,}"
    (cut / files[1]).write_bytes(content[:20])
    assert said(cut) == f"{cut / files[1]} is cut off or no safetensors file (20 bytes)"
    (cut / files[1]).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", encoding="utf-8")
    assert "Git LFS pointer" in said(cut)
    named = copy("named")
    index = json.loads((named / weight_files.INDEX).read_text(encoding="utf-8"))
    index["weight_map"]["model.layers.0.extra.weight"] = files[0]
    (named / weight_files.INDEX).write_text(json.dumps(index), encoding="utf-8")
    assert "names 1 tensors that are not in their files (model.layers.0.extra.weight)" in said(named)
    (named / weight_files.INDEX).write_text("{", encoding="utf-8")
    assert said(named).endswith("holds no weight_map")
    (named / weight_files.INDEX).unlink()
    assert f"has neither model.safetensors nor model.safetensors.index.json, only {files[0]}" in said(named)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"num_hidden_layers": 1}, "has model.layers.1 where config.json says 1 layers"),
        (
            {"num_hidden_layers": 4},
            "has no tensor of 2 layers (model.layers.2 to model.layers.3), and config.json says 4 layers",
        ),
        ({"is_encoder_decoder": True}, "is an encoder-decoder (llama), and a decoder-only language model is needed"),
    ],
)
def test_39_the_config_is_held_against_the_names(plain_folder: Path, tmp_path: Path, config: dict, reason: str) -> None:
    assert said(altered(plain_folder, tmp_path / "other", **config)).endswith(reason)


def test_39_prediction_layers_and_code_of_ones_own_are_not_refused(plain_folder: Path, tmp_path: Path) -> None:
    more = {"num_hidden_layers": 1}
    assert hf(altered(plain_folder, tmp_path / "counted", **more, num_nextn_predict_layers=1)).check() == []
    own = {"auto_map": {"AutoModelForCausalLM": "modeling.Own"}}
    assert hf(altered(plain_folder, tmp_path / "own", **more, **own)).check() == []


def test_39_no_embedding_and_no_decoder(plain_folder: Path, tmp_path: Path) -> None:
    none = altered(plain_folder, tmp_path / "none", without("embed_tokens"))
    assert "has no embedding: no tensor has 264 rows" in said(none)
    assert "is an encoder-decoder (bart)" in said(write_bart(tmp_path / "bart"))
    (tmp_path / "t5").mkdir()
    config = {"model_type": "t5", "is_encoder_decoder": True, "num_layers": 2}
    (tmp_path / "t5" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "t5" / WEIGHTS).write_bytes(b"")
    assert "is an encoder-decoder (t5)" in said(tmp_path / "t5")


def test_39_an_adapter_is_no_model(plain_folder: Path, tmp_path: Path) -> None:
    folder = altered(plain_folder, tmp_path / "adapter")
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert "holds an adapter" in said(folder)


def test_39_a_cached_hub_model_may_lack_files_but_no_parts_of_them(
    plain_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    revision.hub_commit.cache_clear()
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--owner--cached" / "snapshots" / commit
    shutil.copytree(plain_folder, snapshot)
    assert hf("owner/cached", revision=commit).check() == []
    content = (snapshot / WEIGHTS).read_bytes()
    (snapshot / WEIGHTS).write_bytes(content[:-4])
    assert "bytes where its header says" in hf("owner/cached", revision=commit).check()[0].why
    (snapshot / WEIGHTS).unlink()
    assert hf("owner/cached", revision=commit).check() == [], "loading downloads it"


def test_39_a_plan_reads_headers_without_torch_and_fast(sharded: Path) -> None:
    begun = time.process_time()
    assert weight_files.problems(sharded, "model", pickled=False) == []
    assert time.process_time() - begun < 1
    code = (
        "import sys\nfrom pathlib import Path\nfrom ftbench.models import weight_files\n"
        f"assert weight_files.problems(Path({str(sharded)!r}), 'model', pickled=False) == []\n"
        "print([name for name in ('torch', 'transformers', 'safetensors', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
