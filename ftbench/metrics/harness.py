"""lm-eval tasks, asked of every cell's weights: what is asked, and how. The asking itself is
``ftbench.stages.harness``.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.canonical import file_digest
from ftbench.core.component import Component
from ftbench.core.errors import Problem, did_you_mean
from ftbench.metrics.harness_tasks import Folder, read_folder, shipped_names

MOST_BROKEN = 3


@dataclass(frozen=True)
class Harness(Component):
    """Tasks of lm-eval and the way in which they are put to a model.

    Attributes:
        tasks: names of tasks, groups or tags; those of ``include_path`` go before lm-eval's own.
        include_path: folder with task YAMLs of one's own, or null.
        limit: only the first so many questions of each task; null asks all of them.
        num_fewshot: worked examples before each question; null takes what each task says. A task whose own YAML says 0
            stays at 0.
        apply_chat_template: put questions through the model's chat template. Never decided silently: other people's
            figures are one or the other.
        batch_size: requests at once.
    """

    axis: ClassVar[str] = "harness"
    key_name: ClassVar[str] = "lm_eval"

    NOT_HASHED = ("include_path",)

    tasks: list[str]
    include_path: str | None
    limit: int | None
    num_fewshot: int | None
    apply_chat_template: bool
    batch_size: int

    @property
    def uses_seed(self) -> bool:
        return False

    def identity(self) -> dict[str, Any]:
        """Returns what decides the figures: the settings, the bytes of one's own tasks, the version of lm-eval for its
        own.
        """
        folder = self.folder()
        files = {_named(path, self.include_path): file_digest(path) for path in folder.files(self.tasks)[0]}
        shipped = None if folder.has_all(self.tasks) else version("lm_eval")
        return {**super().identity(), "files": files, "shipped_with": shipped}

    def questions_identity(self) -> dict[str, Any]:
        """Returns what decides which questions are asked, however they are put: for keys of data that must not hold
        them.
        """
        known = self.identity()
        return {name: known[name] for name in ("tasks", "files", "shipped_with")}

    def questions(self) -> list[tuple[str, str, str]] | None:
        """Returns (task, id, text) of every question where local files hold them, None where only lm-eval could
        tell.
        """
        from ftbench.metrics.harness_questions import local_questions

        return local_questions(self)

    def check(self) -> list[Problem]:
        problems = [
            Problem(
                f"harness.{name}",
                f"{value} is too small",
                f"Give at least {least}, or null" if name != "batch_size" else "Give at least 1",
            )
            for name, value, least in (
                ("limit", self.limit, 1),
                ("num_fewshot", self.num_fewshot, 0),
                ("batch_size", self.batch_size, 1),
            )
            if value is not None and value < least
        ]
        if len(set(self.tasks)) != len(self.tasks):
            problems.append(Problem("harness.tasks", f"{self.tasks} names one twice", "Name each once"))
        if self.include_path is not None and not Path(self.include_path).expanduser().is_dir():
            return [
                *problems,
                Problem(
                    "harness.include_path",
                    f"no folder {self.include_path}",
                    "Name the folder that holds your task YAMLs, or null",
                ),
            ]
        if importlib.util.find_spec("lm_eval") is None:
            return [
                *problems,
                Problem("harness.tasks", "lm-eval is not installed", "pip install 'lm_eval', or set harness.tasks=[]"),
            ]
        return problems + self._task_problems(self.folder())

    def resolve(self) -> Harness:
        return (
            self
            if self.include_path is None
            else replace(self, include_path=str(Path(self.include_path).expanduser().resolve()))
        )

    def only(self, task: str) -> Harness:
        """Returns the same with one task: each is a stage of its own, so that adding one runs one."""
        return replace(self, tasks=[task])

    def folder(self) -> Folder:
        """Returns what is found below ``include_path``."""
        return Folder({}, {}) if self.include_path is None else read_folder(Path(self.include_path).expanduser())

    def _task_problems(self, folder: Folder) -> list[Problem]:
        unknown = [task for task in self.tasks if task not in folder.entries]
        shipped = shipped_names() or frozenset() if unknown else frozenset()
        problems = []
        for task in unknown:
            if task in shipped:
                continue
            problems.append(
                Problem("harness.tasks", f"{task}: no such task", _nearest(task, list(folder.entries), shipped))
            )
            problems += [
                Problem(path, f"cannot be read as a task ({why})", "Mend it")
                for path, why in list(folder.broken.items())[:MOST_BROKEN]
            ]
        for place in folder.files(self.tasks)[1]:
            fix = "Write its path in full: lm-eval looks from the folder that the command runs in"
            problems.append(Problem("harness.tasks", f"data of {place} is not there (looked in {Path.cwd()})", fix))
        return problems


def _nearest(task: str, own: Sequence[str], shipped: frozenset[str]) -> str:
    """Returns what the name may have been meant for; lm-eval has far too many tasks to list."""
    if own and difflib.get_close_matches(task, own, n=1, cutoff=0.5):
        return did_you_mean(task, own)
    close = difflib.get_close_matches(task, [name for name in shipped if name[:1] == task[:1]], n=3, cutoff=0.6)
    hint = f"Did you mean {', '.join(close)}? " if close else ""
    beside = (
        f"harness.include_path has {', '.join(sorted(own))}; " if own else "harness.include_path=DIR adds your own; "
    )
    return f"{hint}{beside}lm-eval ls tasks lists the {len(shipped)} that ship with it"


def _named(path: Path, root: str | None) -> str:
    """Returns a file's name within ``include_path``; data elsewhere goes by its file name, so that a moved folder is
    the same task.
    """
    base = Path(root or "").expanduser().resolve()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
