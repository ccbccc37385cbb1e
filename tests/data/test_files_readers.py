"""Formats: what can be read is read as it stands, and what cannot is named by file, row and fix."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.data.findings import SHOWN, Findings
from ftbench.data.readers import read_rows

ROWS = [{"q": f"question {index}", "a": f"answer {index}"} for index in range(4)]


def read(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    found = Findings()
    rows = read_rows(path, path.name, found)
    return [row.values for row in rows], [str(problem) for problem in found.problems]


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def as_csv(rows: list[dict[str, str]], delimiter: str = ",", end: str = "\r\n") -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue()


CONTENTS: dict[str, bytes] = {
    ".jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    ".json": json.dumps({"version": 1, "data": ROWS}, indent=2).encode(),
    ".csv": as_csv(ROWS).encode(),
    ".tsv": as_csv(ROWS, "\t", "\n").encode(),
}


@pytest.mark.parametrize("suffix", [*CONTENTS, ".parquet"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str, packed: bool, mark: bytes) -> None:
    data = parquet(ROWS) if suffix == ".parquet" else mark + CONTENTS[suffix]
    path = written(tmp_path, "rows" + suffix + ".gz" * packed, gzip.compress(data) if packed else data)
    assert read(path) == (ROWS, [])


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([",", "\t"]),
)
def test_odd_text_survives_a_csv_file(tmp_path: Path, pairs: list[tuple[str, str]], end: str, delimiter: str) -> None:
    """Quotes, quoted line breaks of all kinds, separators, white space: the file gives what was written."""
    rows = [{"q": one, "a": other} for one, other in pairs]
    path = written(tmp_path, "odd.csv" if delimiter == "," else "odd.tsv", as_csv(rows, delimiter, end))
    assert read(path) == (rows, [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.sampled_from(["q", "a"]), FIELD, min_size=1), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_odd_text_survives_json_lines(tmp_path: Path, rows: list[dict[str, str]], ascii: bool, end: str) -> None:
    """A line separator inside a text (U+2028, U+0085) ends no row."""
    path = written(tmp_path, "odd.jsonl", "".join(json.dumps(row, ensure_ascii=ascii) + end for row in rows))
    assert read(path) == (rows, [])


def test_a_row_is_named_by_the_line_it_begins_on(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'q,a\n"one\ntwo",x\nthree\nfour,y\n')
    rows, problems = read(path)
    assert [row["q"] for row in rows] == ["one\ntwo", "four"]
    assert problems == [
        "a.csv:4: has 1 fields where the header has 2. Quote fields that hold the separator, and write empty ones as"
        " empty"
    ]


def test_a_field_may_be_longer_than_the_csv_module_allows(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = written(tmp_path, "long.csv", "q,a\n" + "x" * 300_000 + ",y\n")
    rows, problems = read(path)
    assert problems == [] and len(rows[0]["q"]) == 300_000 and csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "data", "place", "words"),
    [
        ("a.jsonl", b"", "a.jsonl: ", "the file is empty"),
        ("a.jsonl", b"\n\n", "a.jsonl: ", "no rows"),
        ("a.csv", b"q,a\n", "a.csv: ", "no rows"),
        ("a.json", b"[]", "a.json: ", "no rows"),
        ("a.jsonl", b'{"q": 1}\n{"q": \n', "a.jsonl:2: ", "is no JSON"),
        ("a.jsonl", b'{"q": 1}\n[1]\n', "a.jsonl:2: ", "is a list and not an object"),
        ("a.jsonl", b"[" * 100_000 + b"\n", "a.jsonl:1: ", "is no JSON"),
        ("a.json", b'{"q": 1}\n{"q": 2}\n', "a.json:2: ", "name it .jsonl"),
        ("a.json", b'{"a": [], "b": []}', "a.json: ", "2 lists"),
        ("a.json", b"[\n1,\n]", "a.json:", "is no JSON"),
        ("a.json", b'[{"q": 1}, 2]', "a.json:2: ", "is a number and not an object"),
        (
            "a.csv",
            "q,a\nx,caf\u00e9\n".encode("latin-1"),
            "a.csv:2: ",
            "iconv -f WINDOWS-1252 -t UTF-8 a.csv > utf8-a.csv",
        ),
        ("a.csv", "q,a\nx,y\n".encode("utf-16"), "a.csv: ", "iconv -f UTF-16"),
        ("a.csv", b"q,a\nx,y\x00\n", "a.csv:2: ", "NUL byte (byte 8 of the file)"),
        ("a.jsonl", b'{"q": 1}\n{"q": "\x00"}\n', "a.jsonl:2: ", "NUL byte"),
        ("a.csv", b"q,q\nx,y\n", "a.csv:1: ", "'q' 2 times"),
        ("a.csv", b"q;a\nx;y\n", "a.csv:1: ", "separated by semicolons"),
        ("a.csv", b"q\ta\nx\ty\n", "a.csv:1: ", "Name it .tsv"),
        ("a.csv", b'q,a\n"x,y\nz,w\n', "a.csv:2: ", "cannot be read as a row"),
        ("a.csv", b'q,a\n"x"y,z\n', "a.csv:2: ", "cannot be read as a row"),
        ("a.jsonl.gz", b"plain", "a.jsonl.gz: ", "no whole gzip file"),
        ("a.jsonl.gz", gzip.compress(b'{"q": 1}\n' * 99, mtime=0)[:-9], "a.jsonl.gz: ", "no whole gzip file"),
        ("a.parquet", b"PAR1 and nothing", "a.parquet: ", "no whole parquet file"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_place_and_fix(
    tmp_path: Path, name: str, data: bytes, place: str, words: str
) -> None:
    _, problems = read(written(tmp_path, name, data))
    assert len(problems) == 1 and problems[0].startswith(place) and words in problems[0] and "\n" not in problems[0]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_command_that_mends_an_encoding_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    written(folder, "it's a.csv", "q,a\nx,caf\u00e9\n".encode(encoding))
    monkeypatch.chdir(tmp_path)
    found = Findings()
    read_rows(Path("my data/it's a.csv"), "my data/it's a.csv", found)
    subprocess.run(found.problems[0].fix, shell=True, check=True)
    rows, problems = read(folder / "utf8-it's a.csv")
    assert not problems and [row["a"] for row in rows] == ["caf\u00e9"]


def test_all_that_is_wrong_is_told_at_once_up_to_a_cap(tmp_path: Path, refusals: Callable[..., list[Any]]) -> None:
    path = written(tmp_path, "a.jsonl", '{"q": 1}\n' + "bad\n" * 50)
    problems = refusals(train=str(path), prompt="{q}", target="{q}")
    assert len(problems) == SHOWN + 1 and "30 more" in problems[-1].why
    assert problems[0].where.endswith("a.jsonl:2")


def test_a_folder_of_texts_is_a_corpus_and_no_table(make_files, refusals, tmp_path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"q": "q{n}", "a": "a{n}"}}\n' for n in range(30)))
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "one.txt").write_text("First.\nSecond line.")
    (folder / "two.md").write_text("# Head\nText.")
    fields = {"train": str(rows), "prompt": "{q}", "target": "{a}", "document_id": "name", "document_text": "text"}
    dataset = make_files(documents=str(folder), **fields)
    assert [(document.id, document.text) for document in dataset.load().documents] == [
        ("one.txt", "First.\nSecond line."),
        ("two.md", "# Head\nText."),
    ]
    before = dataset.identity()
    (folder / "two.md").rename(folder / "too.md")  # a file's name is its document's id
    assert make_files(documents=str(folder), **fields).identity() != before
    (folder / "rows.jsonl").write_text('{"name": "d", "text": "From a table."}\n')  # then the texts are bystanders
    assert [document.id for document in make_files(documents=str(folder), **fields).load().documents] == ["d"]
    assert "no known ending" in str(refusals(train=str(folder / "one.txt"), prompt="{text}", target="{text}")[0])


def test_texts_in_folders_of_a_folder_are_named_by_their_path_here_and_in_a_worker(make_files, tmp_path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"q": "q{n}", "a": "a{n}"}}\n' for n in range(30)))
    folder = tmp_path / "docs"
    for name in ("a.txt", "en/a.txt", "en/deep/b.md", ".git/c.txt", "en/scan.pdf"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"This is {name}.")
    (folder / "link.txt").symlink_to("a.txt")
    (folder / "en" / "round").symlink_to(folder)
    corpus = make_files(
        train=str(rows), prompt="{q}", target="{a}", documents=str(folder), document_id="name", document_text="text"
    ).corpus()
    assert [document.id for document in corpus.load().documents] == ["a.txt", "en/a.txt", "en/deep/b.md", "link.txt"]
    assert any(".pdf are not read" in note for note in corpus.load().notes)
    assert corpus.resolve().identity() == corpus.identity() and corpus.resolve().load() == corpus.load()


def test_training_rows_need_no_gold_documents_where_test_rows_are_named(make_files, refusals, tmp_path) -> None:
    rows = {"train": '{{"q": "q{n}", "a": "a{n}"}}\n', "test": '{{"q": "t{n}", "a": "b{n}", "gold": "d{n}"}}\n'}
    for name, row in rows.items():
        written(tmp_path, f"{name}.jsonl", "".join(row.format(n=n) for n in range(20)))
    fields = {"prompt": "{q}", "target": "{a}", "gold_documents": "gold"}
    splits = make_files(train=str(tmp_path / "train.jsonl"), test=str(tmp_path / "test.jsonl"), **fields).load()
    assert splits.test[3].gold_documents == ("d3",) and splits.train[0].gold_documents == ()
    assert "no column 'gold'" in str(refusals(train=str(tmp_path / "train.jsonl"), **fields)[0])
    assert "no column 'gold'" in str(
        refusals(train=str(tmp_path / "test.jsonl"), test=str(tmp_path / "train.jsonl"), **fields)[0]
    )
    written(tmp_path, "some.jsonl", '{"q": "q", "a": "a", "gold": "d"}\n{"q": "r", "a": "a"}\n')
    assert "gold" in str(refusals(train=str(tmp_path / "some.jsonl"), test=str(tmp_path / "test.jsonl"), **fields)[0])
