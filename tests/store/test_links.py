"""No deletion follows a link or leaves the store, and what is no part of a store stays: links are real ones, to real
folders outside.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.cli.gc import main
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json, write_jsonl, write_text
from ftbench.core.plan import Plan
from ftbench.core.receipt import FILE
from ftbench.cost import calibration as calibrations
from ftbench.cost.calibration import Calibration
from ftbench.cost.speed import Rates
from ftbench.report.send.bundle import write_bundle
from ftbench.store.folders import Linked, remove
from ftbench.store.gc import collect, referenced
from ftbench.store.store import Store
from tests.store.conftest import key, publish, receipt
from tests.store.test_gc import age, old, sweep


def contents(folder: Path) -> dict[str, bytes]:
    """Returns name -> bytes of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def swap(path: Path, outside: Path) -> Path:
    """Moves a folder or file out of the store and leaves a link in its place; returns where it now is."""
    target = outside / path.name
    outside.mkdir(exist_ok=True)
    path.rename(target)
    path.symlink_to(target)
    return target


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return tmp_path / "outside"


def everything_old(store: Store) -> None:
    """Leaves one old thing of every kind that gc collects."""
    old(store, "stage")
    (store.work / f"{key('leftover')}.host.1.x").mkdir(parents=True)
    (store.work / f"{key('leftover')}.host.1.x" / "half.bin").write_bytes(b"half")
    (store.progress_folder(key("progress")) / "step-3").mkdir(parents=True)
    (store.progress_folder(key("progress")) / "step-3" / "weights.pt").write_bytes(b"weights")
    age(store.progress_folder(key("progress")), 40)
    age(store.record_failure(receipt("failure", state="failed", error="old")), 40)


PLACES = {
    "stages": ("stages", {"stage"}),
    "prefix": (f"stages/{key('stage')[:2]}", {"stage"}),
    "stage": (f"stages/{key('stage')[:2]}/{key('stage')}", {"stage"}),
    "work": ("work", {"leftover", "stage"}),
    "leftover": (f"work/{key('leftover')}.host.1.x", {"leftover"}),
    "progress": ("progress", {"progress"}),
    "checkpoints": (f"progress/{key('progress')}", {"progress"}),
    "failed": ("failed", {"failure"}),
    "failures": (f"failed/{key('failure')}", {"failure"}),
}


@pytest.mark.parametrize(("place", "behind"), PLACES.values(), ids=PLACES)
def test_gc_leaves_what_lies_behind_a_link_and_says_so(
    store: Store, outside: Path, place: str, behind: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    everything_old(store)
    target = swap(store.path / place, outside)
    before = contents(target)
    assert before
    report = collect(store, set(), 0, dry_run=False)
    assert contents(target) == before, "nothing behind the link may go"
    assert (store.path / place).is_symlink(), "and the link stays"
    assert {item.what for item in report.removed} == {"stage", "leftover", "progress", "failure"} - behind
    assert report.linked == (store.path / place,)
    assert (
        main(["--store", str(store.path), "--keep", str(sweep(outside.parent / "sweep", "none")), "--older-than", "0"])
        == 0
    )
    out = capsys.readouterr().out
    assert f"link     {store.path / place}  stays" in out and "nothing behind a link is removed" in out


def test_gc_of_a_store_that_is_itself_a_link_works_as_before(tmp_path: Path) -> None:
    real = Store(tmp_path / "disk" / "store")
    everything_old(real)
    (tmp_path / "link").symlink_to(real.path)
    report = collect(Store(tmp_path / "link"), set(), 0, dry_run=False)
    assert {item.what for item in report.removed} == {"stage", "leftover", "progress", "failure"}
    assert report.linked == () and not contents(real.stages) and real.leftovers() == []


def test_a_link_inside_a_stage_is_removed_and_its_target_stays(store: Store, outside: Path) -> None:
    (outside / "folder").mkdir(parents=True)
    (outside / "folder" / "file.txt").write_text("precious")
    with store.begin(key("a"), "prepare") as attempt:
        (attempt.folder / "folder").symlink_to(outside / "folder")
        (attempt.folder / "file.txt").symlink_to(outside / "folder" / "file.txt")
        attempt.publish(receipt("a"))
    assert (outside / "folder" / "file.txt").stat().st_mode & 0o200, "nor is what it points to made read-only"
    assert [item.what for item in collect(store, set(), 0, dry_run=False).removed] == ["stage"]
    assert (outside / "folder" / "file.txt").read_text() == "precious"


def test_a_lock_behind_a_link_stays(store: Store, outside: Path) -> None:
    old(store, "a")
    target = swap(store.locks, outside)
    assert [item.what for item in collect(store, set(), 0, dry_run=False).removed] == ["stage"]
    assert len(list(target.rglob("*.lock"))) == 1


def test_names_that_a_store_does_not_have_are_left_alone(store: Store) -> None:
    everything_old(store)
    foreign = [
        store.stages / "zz" / key("stage") / FILE,  # no two hexadecimal digits
        store.stages / ("00" if key("stage")[:2] != "00" else "01") / key("stage") / FILE,  # another stage's prefix
        store.stages / key("stage")[:2] / "notes" / FILE,
        store.work / "notes.host.1.x" / "file.txt",
        store.progress / "notes" / "file.txt",
        store.failed / "notes" / "20200101T000000.000000Z.json",
        store.failed / key("failure") / "notes.json",
        store.path / "calibration.json",
        store.path / "mine" / "file.txt",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
        age(path, 400)
        age(path.parent, 400)
    assert {item.what for item in collect(store, set(), 0, dry_run=False).removed} == {
        "stage",
        "leftover",
        "progress",
        "failure",
    }
    assert [path for path in foreign if not path.exists()] == []
    assert list(store.keys()) == []


@pytest.mark.parametrize("place", ["work", "progress", f"progress/{key('a')}"])
def test_a_stage_is_not_begun_where_its_own_folders_are_links(store: Store, outside: Path, place: str) -> None:
    (store.progress_folder(key("a")) / "step-1").mkdir(parents=True)
    (store.work / f"{key('a')}.host.1.x").mkdir(parents=True)
    (store.work / f"{key('a')}.host.1.x" / "file.txt").write_text("precious")
    (store.progress_folder(key("a")) / "step-1" / "file.txt").write_text("precious")
    target = swap(store.path / place, outside)
    before = contents(target)
    with pytest.raises(FtbenchError, match="is a link"), store.begin(key("a"), "prepare"):
        pytest.fail("begun")
    assert contents(target) == before


def test_a_leftover_that_is_a_link_goes_alone(store: Store, outside: Path) -> None:
    (outside / "x").mkdir(parents=True)
    (outside / "x" / "file.txt").write_text("precious")
    store.work.mkdir(parents=True)
    (store.work / f"{key('a')}.host.1.x").symlink_to(outside / "x")
    publish(store, "a")
    assert contents(outside) == {"x/file.txt": b"precious"} and store.leftovers() == []


def test_publishing_removes_nothing_behind_a_link(store: Store, outside: Path) -> None:
    """A folder without a receipt stands where the stage is to appear, and its parent is a link to elsewhere."""
    store.folder(key("a")).mkdir(parents=True)
    (store.folder(key("a")) / "file.txt").write_text("precious")
    target = swap(store.stages / key("a")[:2], outside)
    before = contents(target)
    with pytest.raises(FtbenchError, match="is a link"):
        publish(store, "a")
    assert contents(target) == before


def test_remove_stays_below_its_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file.txt").write_text("precious")
    for path in (tmp_path / "root", tmp_path / "outside", tmp_path / "root" / ".." / "outside"):
        with pytest.raises(ValueError, match="is not below"):
            remove(path, tmp_path / "root")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(Linked, match="link: is a link"):
        remove(tmp_path / "root" / "link" / "file.txt", tmp_path / "root")
    remove(tmp_path / "root" / "link", tmp_path / "root")
    remove(tmp_path / "root" / "missing" / "file.txt", tmp_path / "root")
    assert contents(tmp_path) == {"outside/file.txt": b"precious"} and not (tmp_path / "root" / "link").is_symlink()


def test_sweeps_behind_links_are_kept(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person reaches by a link below multirun is still referred to; a link to a folder above ends the walk."""
    monkeypatch.chdir(tmp_path)
    old(store, "kept")
    sweep(tmp_path / "elsewhere" / "day" / "time", "kept")
    (tmp_path / "multirun").mkdir()
    (tmp_path / "multirun" / "day").symlink_to(tmp_path / "elsewhere" / "day")
    (tmp_path / "multirun" / "again").symlink_to(tmp_path / "multirun")
    assert referenced(tmp_path / "multirun") == {key("kept")}
    assert main(["--store", str(store.path), "--yes"]) == 0
    assert store.find(key("kept"))


def test_the_size_of_a_stage_does_not_count_what_lies_behind_links(store: Store, outside: Path) -> None:
    outside.mkdir()
    (outside / "large.bin").write_bytes(b"x" * 10_000)
    folder = publish(store, "a")
    (folder / "link").symlink_to(outside)
    assert store.size(key("a")) < 10_000


def test_files_are_written_beside_links_and_not_through_them(tmp_path: Path, outside: Path) -> None:
    """Each writer fills a ``.part`` file first; where that name is a link, what it points to keeps its content."""
    rates = Rates(1e9, 1e9, 1e9, 1e9, 0.0, True)
    calibration = Calibration("cpu", "here", 1, "2026-12-01", "tiny", rates, [])
    writers = {
        "plan.json": lambda: Plan((), {}, (), "", {}).write(tmp_path),
        "results.csv": lambda: write_text(tmp_path / "results.csv", "new"),
        "results.json": lambda: write_json(tmp_path / "results.json", {}),
        "rows.jsonl": lambda: write_jsonl(tmp_path / "rows.jsonl", [{}]),
        "bundle.zip": lambda: write_bundle([], tmp_path / "bundle.zip"),
        "calibration.json": lambda: calibrations.write(tmp_path, calibration),
    }
    outside.mkdir()
    for name, write in writers.items():
        (outside / name).write_text("precious")
        (tmp_path / f"{name}.part").symlink_to(outside / name)
        write()
        assert (outside / name).read_text() == "precious", name
        assert (tmp_path / name).is_file() and not (tmp_path / name).is_symlink(), name
