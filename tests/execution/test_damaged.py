"""A run looks at what it finds in the store: damaged stages are set aside and made again, and so is what was made
from other bytes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ftbench.core.stage import Stage
from ftbench.execution.events import Event, StageOutcome
from ftbench.execution.executors.local import LocalExecutor
from ftbench.execution.scheduler import run_plan
from tests.execution.conftest import Bench
from tests.execution.test_worker import events, run


def walk(bench: Bench, *stages: Stage, progress: Callable[[Event], None] | None = None) -> list[str]:
    """Runs a plan of these stages; returns how each ended."""
    outcomes: dict[str, StageOutcome] = run_plan(bench.plan(*stages), bench.plan_path, LocalExecutor(1), emit=progress)
    return [outcome.state for outcome in outcomes.values()]


def edit(path: Path, old: str, new: str) -> None:
    """Edits a published file to one of equal length, and puts its modification time back."""
    status = path.stat()
    path.chmod(0o644)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


DAMAGE = {
    "edited": lambda folder: edit(folder / "train.jsonl", "answer 0", "ANSWER 0"),
    "deleted": lambda folder: (folder / "summary.json").unlink(),
    "cut": lambda folder: edit(folder / "summary.json", (folder / "summary.json").read_text(encoding="utf-8"), "{"),
    "no receipt": lambda folder: (folder / "receipt.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_42_a_damaged_stage_is_made_again_and_what_it_equals_is_kept(
    bench: Bench, damage: Callable[[Path], object]
) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first])
    assert walk(bench, first, second) == ["done", "done"]
    before = bench.artefacts(first)
    damage(bench.store.folder(first.key))
    seen: list[Event] = []
    assert walk(bench, first, second, progress=seen.append) == [
        "done",
        "cached",
    ], "the second was made from the same bytes"
    assert bench.artefacts(first) == before
    (notice,) = [event.message for event in seen if event.state == "notice"]
    (place,) = bench.store.aside()
    assert notice.startswith(f"prepare {first.key[:12]}: ") and notice.endswith(
        f"; set aside in {place}, and made again"
    )
    assert bench.loads() == ["first", "second", "first"]
    assert walk(bench, first, second) == ["cached", "cached"]


def test_42_descendants_of_a_stage_that_was_made_again_with_other_bytes_are_made_again(
    bench: Bench, wait_until: Callable[..., None]
) -> None:
    """The first attempt leaves one file more than any later one does, so that the remade stage holds other bytes."""
    first = bench.stage("first", gate="open", marker="half.part")
    second = bench.stage("second", [first])
    third = bench.stage("third", [second])
    other = bench.stage("other")
    states: list[str] = []
    thread = threading.Thread(target=lambda: states.extend(walk(bench, first, second, third, other)))
    thread.start()
    wait_until(lambda: list(bench.store.work.glob(f"{first.key}.*/half.part")))
    bench.open_gate("open")
    thread.join(timeout=60)
    assert states == ["done"] * 4
    (bench.store.folder(first.key) / "train.jsonl").unlink()
    seen: list[Event] = []
    assert walk(bench, first, second, third, other, progress=seen.append) == ["done", "done", "cached", "cached"]
    assert bench.loads() == [
        "first",
        "second",
        "third",
        "other",
        "first",
        "second",
    ], "the third read the same bytes as before"
    said = [event.message for event in seen if event.state == "notice"]
    assert [
        "train.jsonl is missing" in said[0],
        "was made from other bytes of its input input0" in said[1],
        len(said),
    ] == [True, True, 2]


def test_a_finished_stage_whose_input_cannot_be_made_again_stays(bench: Bench) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first])
    assert walk(bench, first, second) == ["done", "done"]
    edit(bench.store.folder(first.key) / "train.jsonl", "answer 0", "ANSWER 0")
    broken = bench.stage("first", wrong="raise")
    assert broken.key == first.key
    assert walk(bench, broken, second) == ["failed", "cached"]
    assert bench.store.find(second.key)


def test_a_worker_reads_no_damaged_input(bench: Bench) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first])
    bench.plan(first, second)
    assert run(bench, first.key)[0] == 0
    edit(bench.store.folder(first.key) / "train.jsonl", "answer 0", "ANSWER 0")
    code, out, err = run(bench, second.key)
    assert code == 1 and "Traceback" not in out + err
    assert (
        "its input input0 is damaged: train.jsonl is not what was written (its sha256 differs). Run that first" in out
    )
    assert bench.store.find(second.key) is None and not bench.store.attempts(second.key)
    code, out, _ = run(bench, first.key, second.key)
    assert (
        code == 0
        and f"prepare {first.key[:12]} notice: prepare {first.key[:12]}: train.jsonl is not what was written" in out
    )


def test_an_input_that_changes_while_it_is_read_makes_no_result(bench: Bench, wait_until: Callable[..., None]) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first], gate="open", marker="half.part")
    bench.plan(first, second)
    assert run(bench, first.key)[0] == 0
    found: list[tuple[int, str, str]] = []
    thread = threading.Thread(target=lambda: found.append(run(bench, "-", stdin=f"{second.key}\n")))
    thread.start()
    wait_until(lambda: list(bench.store.work.glob(f"{second.key}.*/half.part")))
    edit(bench.store.folder(first.key) / "train.jsonl", "answer 0", "ANSWER 0")
    bench.open_gate("open")
    thread.join(timeout=60)
    last = events(found[0][1])[-1]
    assert (last["event"], last["error"]) == ("failed", "its input input0 was changed while it ran. Run again")
    assert bench.store.published(second.key) is None


def test_receipts_name_what_a_stage_was_made_from(bench: Bench) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first])
    assert walk(bench, first, second) == ["done", "done"]
    assert bench.store.receipt(second.key).inputs == {"input0": bench.store.content(first.key)}
    assert bench.store.receipt(first.key).inputs == {}
