"""Imports go one way; what is reachable while planning is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAY_IMPORT = {
    "core": set(),
    "store": {"core"},
    "stats": {"core"},
    "cost": {"core"},
    "data": {"core", "store", "stats", "cost"},
    "models": {
        "core",
        "store",
        "stats",
        "cost",
        "data",
    },  # the tiny model is trained on the toy world; data never imports models
    "contexts": {"core", "store", "stats", "cost", "data", "models"},
    "methods": {"core", "store", "stats", "cost", "data", "models"},
    "metrics": {"core", "store", "stats", "cost", "data", "models"},
    "compile": {"core", "store", "cost"},
    "report": {"core", "store", "stats", "cost"},
    "review": {"core", "store", "stats", "cost"},
    "stages": {"core", "store", "stats", "cost", "data", "models", "contexts", "methods", "metrics"},
}
MAY_IMPORT["run"] = {*MAY_IMPORT["stages"], "stages"}
MAY_IMPORT["launchers"] = {*MAY_IMPORT["run"], "run", "compile", "report"}
HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "evaluate", "lm_eval", "streamlit")


def _imports(path: Path) -> set[str]:
    """Returns the packages of ftbench that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        found |= {name.split(".")[1] for name in names if name.startswith("ftbench.")}
    return found


@pytest.mark.parametrize(
    "package", sorted(path.name for path in (ROOT / "ftbench").iterdir() if path.is_dir() and any(path.glob("*.py")))
)
def test_imports_go_one_way(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package, "places"}
    wrong = {
        str(path.relative_to(ROOT)): sorted(bad)
        for path in (ROOT / "ftbench" / package).rglob("*.py")
        if (bad := _imports(path) - allowed)
    }
    assert not wrong


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy!r}:
            raise ImportError("heavy import while planning: " + name)
sys.meta_path.insert(0, Block())
sys.argv = ["ftbench"]
from ftbench.__main__ import main
sys.exit(main({argv!r}))
"""


def _light(argv: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    code = BLOCK.format(heavy=HEAVY, argv=argv)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    done = _light(["--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "python -m ftbench plan" in done.stdout


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml")))
def test_every_recipe_compiles_without_anything_heavy(recipe: str, tmp_path: Path) -> None:
    done = _light(["plan", "-m", f"+recipes={recipe}"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cells" in done.stdout


def test_llama_presets_plan_offline_without_anything_heavy(tmp_path: Path) -> None:
    done = _light(["plan", "-m", "model=llama2_7b,llama2_13b", "method=none,lora", "hardware=h100"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("4 cells")
