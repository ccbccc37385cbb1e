"""A file appears whole or not at all, and nothing is written through a link."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

import ftbench
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, read_jsonl, replacing, write_bytes, write_json, write_jsonl, write_text


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [{"b": "naïve\u2028", "a": 1}, {}]
    assert write_jsonl(tmp_path / "rows.jsonl", iter(rows)) == 2
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == rows
    write_json(tmp_path / "value.json", rows[0])
    assert (tmp_path / "value.json").read_bytes() == '{\n "b": "naïve\u2028",\n "a": 1\n}\n'.encode()
    write_text(tmp_path / "text", "a\nb\r\n")
    assert (tmp_path / "text").read_bytes() == b"a\nb\r\n", "line ends are as given"
    assert _names(tmp_path) == ["rows.jsonl", "text", "value.json"]


def test_a_writer_that_fails_leaves_the_old_file_and_no_scratch(tmp_path: Path) -> None:
    write_text(tmp_path / "kept", "old")

    def rows():
        yield {"a": 1}
        raise KeyboardInterrupt

    for name in ("kept", "new"):
        with pytest.raises(KeyboardInterrupt):
            write_jsonl(tmp_path / name, rows())
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / name, {"a": float("nan")})
    assert _names(tmp_path) == ["kept"] and (tmp_path / "kept").read_text() == "old"


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    for name in ("out", "out.part"):
        (tmp_path / name).symlink_to(tmp_path / "precious")
    write_text(tmp_path / "out", "new")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "out").read_text() == "new" and not (tmp_path / "out").is_symlink()


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "key", "k", private=True)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_text(Path("/dev/null"), "nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode) and not Path("/dev/null.part").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "none" / "x", tmp_path / "file" / "x"):
        with pytest.raises(FtbenchError, match=r"^--json .*: cannot be written \(.+\). Name another place$"):
            write_text(place, "text", asked=f"--json {place}")
        with pytest.raises(OSError, match=r"\[Errno"):
            write_bytes(place, b"bytes")
    with pytest.raises(OSError, match="full"), replacing(tmp_path / "new") as scratch:
        scratch.write_text("half")
        raise OSError("disk full")
    assert _names(tmp_path) == ["file"]


def test_json_is_strict_unless_asked() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("inf"))
    assert json.loads(json_text(float("inf"), allow_nan=True)) == float("inf")


@pytest.mark.parametrize(
    ("sign", "others"),
    [
        (r'\.part"', {"sweep/export.py"}),  # a folder, not a file
        (r"\.replace\(path\)", set()),
        (
            r"\.write_text\(",
            {"sweep/export.py", "models/tiny/card.py", "store/scheme.py"},
        ),  # not atomic, and need not be
        (r"json\.dumps\([^\n]*indent=", set()),
    ],
)
def test_files_and_json_are_written_in_one_place(sign: str, others: set[str]) -> None:
    root = Path(ftbench.__file__).parent
    found = {path for path in root.rglob("*.py") if re.search(sign, path.read_text(encoding="utf-8"))}
    assert {path.relative_to(root).as_posix() for path in found} - {"core/files.py"} == others
