"""Imports go one way; what is reachable while planning is light."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CORE = ("core",)
LOW = ("core", "text", "store", "stats", "cost")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "core": (),
    "text": CORE,
    "store": ("core", "text"),
    "stats": ("core", "text"),
    "cost": ("core", "text"),
    "data": LOW,
    "models": (*LOW, "data"),  # the tiny model is trained on the toy world
    "contexts": (*LOW, "data", "models"),
    "methods": (*LOW, "data", "models"),
    "metrics": (*LOW, "data", "models"),
    "compile": ("core", "text", "store", "cost"),
    "analysis": LOW,
    "report": (*LOW, "analysis"),
    "review": (*LOW, "analysis"),
    "stages": (*LOW, "data", "models", "contexts", "methods", "metrics"),
}
"""Room -> the rooms that it may import; ARCHITECTURE.md draws the same."""
MAY_IMPORT["execution"] = (*MAY_IMPORT["stages"], "stages")
MAY_IMPORT["sweep"] = (*MAY_IMPORT["execution"], "execution", "compile", "analysis", "report")
MAY_IMPORT["cli"] = (*MAY_IMPORT["sweep"], "sweep", "review")
FOLDER = "ftbench.sweep.folder"
"""Opens sweeps for all that read them, below sweep too: it imports the lowest rooms alone, and is no part of a run."""
HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "evaluate", "lm_eval", "streamlit")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "ftbench").rglob("*.py")
}
"""Module -> file."""


def _imports(module: str) -> set[str]:
    """Returns the modules of ftbench that a module imports, anywhere in it, inside functions and for types too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return (found & FILES.keys()) - {module}


@pytest.mark.parametrize("room", sorted({name.split(".")[1] for name in FILES if name.count(".") > 1}))
def test_imports_go_one_way(room: str) -> None:
    allowed = {room, *MAY_IMPORT[room]}
    wrong = [
        f"{module} imports {other}"
        for module in FILES
        if module.startswith(f"ftbench.{room}.")
        for other in sorted(_imports(module))
        if other not in ("ftbench", FOLDER) and other.split(".")[1] not in allowed
    ]
    assert not wrong


def test_what_opens_sweeps_imports_the_lowest_rooms_alone() -> None:
    assert {other.split(".")[1] for other in _imports(FOLDER)} <= {"core", "text", "store"}
    readers = {module.split(".")[1] for module in FILES if FOLDER in _imports(module)}
    assert readers <= {"analysis", "report", "review", "sweep", "cli"}


def test_no_two_files_import_each_other_not_even_by_a_detour() -> None:
    order = graphlib.TopologicalSorter({module: _imports(module) for module in FILES})
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy!r}:
            raise ImportError("heavy import while planning: " + name)
sys.meta_path.insert(0, Block())
sys.argv = ["ftbench"]
from ftbench.cli.main import main
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
