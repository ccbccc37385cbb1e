"""The wheel works from an empty folder: configuration, recipes and the tiny model travel inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, as ``pip install`` would lay it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _run(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import ftbench, sys; assert ftbench.__file__.startswith({str(site)!r}), ftbench.__file__; sys.argv ="
        f" ['ftbench']; from ftbench.cli.main import main; sys.exit(main({list(words)!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_wheel_plans_a_recipe_and_the_tiny_model(site: Path, tmp_path: Path) -> None:
    done = _run(site, tmp_path, "plan", "-m", "+recipes=demo", "model=tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " cells" in done.stdout


def test_own_config_dir_adds_to_the_shipped_options(site: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    (own / "method").mkdir(parents=True)
    wide = own / "method" / "wide.yaml"
    wide.write_text("# LoRA with more room.\ndefaults:\n  - lora\nrank: 64\n")
    (own / "recipes").mkdir()
    (own / "recipes" / "ours.yaml").write_text(
        "# @package _global_\nhydra:\n  sweeper:\n    params:\n      method: none,wide\n"
    )
    words = ("plan", "--config-dir", str(own), "-m", "+recipes=ours")
    refused = _run(site, tmp_path, *words)
    assert (
        refused.returncode == 1
        and "method.rank: no such key. In a file it stands in full: method.weights.rank"
        in " ".join(refused.stdout.split())
    )
    wide.write_text("# LoRA with more room.\ndefaults:\n  - lora\nweights:\n  rank: 64\n")
    done = _run(site, tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2 cells")
    helped = _run(site, tmp_path, "--config-dir", str(own), "--help")
    assert "wide" in helped.stdout and "recipes: demo, ours" in helped.stdout
