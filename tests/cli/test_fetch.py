"""The command ``fetch``: what a plan needs from the hub, taken from the cache where it is there, said in one line
where not.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from ftbench.cli.fetch import main
from ftbench.core.component import Remote
from ftbench.core.errors import FtbenchError
from ftbench.sweep.fetch import download

COMMIT = "c" * 40


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with plans of two presets, one of them twice, and of the model that ships."""
    from ftbench.cli.main import main as command

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ftbench"])
    command(["plan", "-m", "model=llama2_7b,qwen3_8b,tiny", "context=zero_shot,few_shot", "hydra.sweep.dir=sweep"])
    return tmp_path / "sweep"


def test_each_hub_model_of_a_plan_is_named_once_and_local_ones_are_not(
    planned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["--sweep", str(planned), "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "model meta-llama/Llama-2-7b-hf at main",
        "model Qwen/Qwen3-8B at main",
    ]


def test_out_of_reach_is_one_line_each_and_status_one(
    planned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(planned / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    capsys.readouterr()
    assert main(["--sweep", str(planned)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("out of reach" in line and "Go online and repeat" in line for line in said)


def test_what_the_cache_holds_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "models--owner--held" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    import huggingface_hub

    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *names, **words: real(*names, cache_dir=str(tmp_path), **words)
    )
    assert download(Remote("model", "owner/held", COMMIT)) == snapshot
    with pytest.raises(FtbenchError, match="model owner/other is not in the cache"):
        download(Remote("model", "owner/other", COMMIT))
