"""A sink outside of ftbench: one Python file and one YAML file; what it raises does not disturb the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.execution.own import page_file, run, write


@pytest.mark.slow
def test_a_sink_hears_of_a_run_and_one_that_raises_is_switched_off(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", page_file("slow.py"))
    write(tmp_path, "conf/tracker/slow.yaml", page_file("conf/tracker/slow.yaml").replace("60.0", "0.0"))
    write(
        tmp_path,
        "broken.py",
        "from slow import Slow\n\nclass Broken(Slow):\n    def take(self, event):\n        1 / 0\n",
    )
    write(tmp_path, "conf/tracker/broken.yaml", "# Raises.\n_target_: broken.Broken\nseconds: 0.0\n")
    done = run(tmp_path, "sweep", "method=none", "trackers=[slow,broken]")
    assert done.returncode == 0, done.stdout + done.stderr
    line = "ftbench: tracker broken is switched off, the run goes on: ZeroDivisionError: division by zero"
    assert done.stderr.count(line) == 1
    told = {row.split()[0] for row in (tmp_path / "sweep" / "slow.txt").read_text(encoding="utf-8").splitlines()}
    log = [json.loads(row) for row in (tmp_path / "sweep" / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert told == {row["kind"] for row in log if row["state"] == "done"} >= {"prepare", "generate", "score"}
    plan = json.loads((tmp_path / "sweep" / "plan.json").read_text(encoding="utf-8"))
    assert set(plan["settings"]["trackers"]) == {"slow", "broken"}
    assert all("trackers" not in cell["config"] for cell in plan["cells"]), "a tracker belongs to the run"


def test_bad_trackers_are_refused_before_anything_runs(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", page_file("slow.py"))
    write(tmp_path, "conf/tracker/slow.yaml", page_file("conf/tracker/slow.yaml").replace("60.0", "soon"))
    for words, line in (
        (["trackers=slow,slow"], "trackers: slow,slow would be a matrix for each. Write trackers=[slow,slow]"),
        (["trackers=slow"], "trackers: 'slow' is no list of names. Write trackers=[slow]"),
        (["trackers=[slwo]"], "trackers: slwo: no such tracker. Did you mean slow? Available: slow"),
        (["trackers=[slow]"], "tracker.slow.seconds: "),
    ):
        done = run(tmp_path, "refused", "method=none", *words)
        assert done.returncode == 1 and line in done.stdout + done.stderr, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
