"""An executor outside of ftbench: one Python file, one YAML file, and the same results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.execution.own import page_file, run, write

LOSING = """

class Losing(Shell):
    def start(self, work, report):
        handle = super().start(work, report)
        if not os.path.exists("lost"):
            open("lost", "w").close()
            handle.poll = lambda: Exit("no answer from the node", lost=True)
        return handle
"""


def bytes_of(store: Path) -> dict[str, bytes]:
    """Returns name -> bytes of all that the finished stages hold, less what is timed."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in (store / "stages").rglob("*")
        if path.is_file() and path.name not in ("receipt.json", "timings.json")
    }


@pytest.mark.slow
def test_workers_started_by_a_shell_give_what_local_ones_give_though_one_is_lost(tmp_path: Path) -> None:
    write(tmp_path, "shell.py", page_file("shell.py") + LOSING)
    option = page_file("conf/hydra/launcher/shell.yaml").replace("shell.Shell", "shell.Losing")
    write(tmp_path, "conf/hydra/launcher/shell.yaml", option)
    words = ("method=none,lora", "method.max_steps=2")
    done = run(tmp_path, "shell", *words, "hydra/launcher=shell")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "lost").exists() and "no answer from the node; started again" in done.stderr
    assert " done" in (tmp_path / "shell" / "shell.log").read_text(encoding="utf-8"), "the shell's workers ran them"
    assert run(tmp_path, "local", *words).returncode == 0
    assert bytes_of(tmp_path / "shell-store") == bytes_of(tmp_path / "local-store")
    scores = [
        [cell["scores"] for cell in json.loads((tmp_path / name / "results.json").read_text())["cells"]]
        for name in ("shell", "local")
    ]
    assert scores[0] == scores[1]


def test_what_is_no_executor_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, "shell.py", page_file("shell.py"))
    option = page_file("conf/hydra/launcher/shell.yaml")
    for text, line in (
        (option + "  shel: bash\n", "hydra.launcher.executor.shel: no such key. Did you mean shell?"),
        (option.replace("shell.Shell", "shell.Shel"), "hydra.launcher.executor._target_: 'shell.Shel' cannot be"),
    ):
        write(tmp_path, "conf/hydra/launcher/shell.yaml", text)
        done = run(tmp_path, "refused", "method=none", "hydra/launcher=shell")
        assert done.returncode == 1 and line in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
