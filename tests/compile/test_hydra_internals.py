"""What ftbench takes from inside Hydra stands in one file, and the versions of Hydra that it fits are known."""

from __future__ import annotations

import subprocess
import sys

import hydra

from ftbench.compile.hydra_internals import flags, loader_over
from ftbench.core.shipped import CONF
from tests.conftest import ROOT

KNOWN = ("1.3",)
"""The series of hydra-core whose ``hydra._internal`` ``ftbench/compile/hydra_internals.py`` was written for."""


def test_this_version_of_hydra_is_known() -> None:
    assert hydra.__version__.rpartition(".")[0] in KNOWN, (
        f"hydra-core {hydra.__version__} is none of {', '.join(f'{series}.x' for series in KNOWN)}: compare its"
        " hydra._internal with what ftbench/compile/hydra_internals.py takes from it, then add it to KNOWN"
    )


def test_no_other_file_imports_what_is_inside_hydra() -> None:
    files = [path for room in ("ftbench", "hydra_plugins") for path in (ROOT / room).rglob("*.py")]
    using = [path.name for path in files if "hydra._internal" in path.read_text(encoding="utf-8")]
    assert using == ["hydra_internals.py"]


def test_flags_are_those_of_hydra() -> None:
    found = flags()
    assert not any(found[flag] for flag in ("--multirun", "-m", "--help", "-h"))
    assert all(found[flag] for flag in ("--cfg", "-c", "--info", "--config-dir", "-cd", "--package", "-p"))


def test_a_loader_sees_what_config_dirs_hold(tmp_path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("a: 1\n", encoding="utf-8")
    assert "mine" in loader_over(CONF, [tmp_path]).get_group_options("model")
    assert "mine" not in loader_over(CONF).get_group_options("model")


def test_a_sweeper_is_made_however_often_hydra_looked_for_plug_ins() -> None:
    code = (
        "import hydra._internal.core_plugins.basic_sweeper, ftbench.compile.hydra_internals;"
        "from hydra.core.plugins import Plugins; Plugins.instance();"
        "from hydra_plugins.ftbench.sweeper import MatrixSweeper; MatrixSweeper(None, None)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
