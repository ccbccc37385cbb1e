"""lm-eval tasks while planning: found by their YAML, refused with near names, keyed by the bytes they are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.core.component import build
from ftbench.metrics.harness import Harness
from ftbench.metrics.harness_tasks import shipped_names
from tests.metrics.tasks import write_tasks


def harness(folder: Path | None, *tasks: str, **values: object) -> Harness:
    node = {
        "tasks": list(tasks),
        "include_path": None if folder is None else str(folder),
        "limit": None,
        "num_fewshot": None,
        "apply_chat_template": False,
        "batch_size": 4,
    }
    return build({"_target_": "ftbench.metrics.harness.Harness", **node, **values}, "harness")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    return write_tasks(tmp_path / "tasks")


def test_tasks_groups_and_tags_of_ones_own_are_known_and_need_nothing_of_lm_evals(tasks: Path) -> None:
    one = harness(tasks, "colours", "all_colours", "colourful", "stories")
    assert one.check() == []
    assert one.folder().has_all(one.tasks) and not one.folder().has_all(["arc_easy"])


def test_a_misspelt_task_is_refused_with_the_nearest(tasks: Path) -> None:
    own, shipped = harness(tasks, "colors", "arc_chalenge", "stories").check()
    assert "colors: no such task" in str(own) and "Did you mean colours?" in str(own)
    assert "arc_challenge" in str(shipped) and len(str(shipped)) < 400
    assert harness(None, "arc_easy", "mmlu", "gsm8k").check() == []


def test_the_names_found_by_text_are_those_that_lm_eval_ships() -> None:
    from lm_eval.tasks._index import TaskIndex
    from lm_eval.tasks.manager import __file__ as manager

    folder = Path(manager).parent / "super_glue"
    assert set(TaskIndex.build([folder])) <= shipped_names()


def test_a_yaml_that_lm_eval_would_skip_without_a_word_is_named(tasks: Path) -> None:
    (tasks / "broken.yaml").write_text("task: [unclosed", encoding="utf-8")
    assert harness(tasks, "colours").check() == []
    text = "\n".join(map(str, harness(tasks, "unclosed").check()))
    assert "broken.yaml: cannot be read as a task" in text


def test_values_out_of_range_and_data_that_is_not_there_are_refused(tasks: Path, tmp_path: Path) -> None:
    wrong = harness(tasks, "colours", "colours", limit=0, batch_size=0, num_fewshot=-1).check()
    assert {problem.where for problem in wrong} == {
        "harness.limit",
        "harness.batch_size",
        "harness.num_fewshot",
        "harness.tasks",
    }
    assert "no folder" in str(harness(tmp_path / "none", "colours").check()[0])
    (tasks / "first.jsonl").unlink()
    (missing,) = harness(tasks, "all_colours").check()
    assert "colours: " in missing.why and "first.jsonl" in missing.why


@pytest.mark.parametrize("name", ["colours.yaml", "shared_choice", "ask.py", "first.jsonl"])
def test_38_a_task_is_keyed_by_every_byte_it_is_made_of(tasks: Path, name: str) -> None:
    before, other = harness(tasks, "all_colours").identity(), harness(tasks, "stories").identity()
    path = tasks / name
    path.write_text(path.read_text(encoding="utf-8") + "\n# a remark\n", encoding="utf-8")
    assert harness(tasks, "all_colours").identity() != before
    assert harness(tasks, "stories").identity() == other


def test_a_moved_folder_holds_the_same_tasks(tasks: Path, tmp_path: Path) -> None:
    before = harness(tasks, "colours").identity()["files"]
    text = (tasks / "colours.yaml").read_text(encoding="utf-8")
    moved = tasks.rename(tmp_path / "elsewhere")
    (moved / "colours.yaml").write_text(
        text, encoding="utf-8"
    )  # its data path is the old one: only what is found counts
    after = harness(moved, "colours").identity()["files"]
    assert set(after) == {"colours.yaml", "shared_choice", "ask.py"} and after.items() <= before.items()


def test_lm_evals_own_tasks_are_keyed_by_its_version(tasks: Path) -> None:
    from importlib.metadata import version

    assert harness(None, "arc_easy").identity()["shipped_with"] == version("lm_eval")
    assert harness(tasks, "colours").identity()["shipped_with"] is None
