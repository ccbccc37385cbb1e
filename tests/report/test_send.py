"""What is sent: complete, small, inert, and without anything of this machine; a bundle opens elsewhere and can do
nothing there.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.errors import FtbenchError
from ftbench.report.send.bundle import MOST_RATIO, open_bundle, write_bundle
from ftbench.report.send.page import MOST_BYTES, html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.view import outputs
from ftbench.report.view.decision import decisions
from ftbench.report.view.table import table
from tests.report.hostile import HOSTILE
from tests.report.test_view import _saved, sweep  # noqa: F401

STORED = tuple(text.encode("utf-8", "replace").decode("utf-8") for text in HOSTILE)
"""The store takes no lone surrogate."""


@pytest.fixture
def hostile(matrix, tmp_path, monkeypatch):
    return hostile_matrix(matrix, tmp_path / "sweep", monkeypatch)


def hostile_matrix(matrix, folder: Path, monkeypatch):
    """Returns a sweep in which every text that somebody else chose is hostile: labels, reasons, refusals, notes,
    outputs, references, prompts, slices, ids.
    """
    monkeypatch.setattr("tests.analysis.conftest._output", _hostile_output)
    matrix.limits = {"failed_rows": 1.0}  # every row carries an error's text
    n = len(HOSTILE)
    for number, label in enumerate(HOSTILE[:6]):
        matrix.cell(f"{label} {number}", n - number, n=n, trains=number == 0, notes=STORED)
    matrix.cell("failed", 0, n=n, status="failed", reason=" ".join(STORED[:27]))
    matrix.refuse(HOSTILE[0], HOSTILE[3])
    return _saved(matrix, folder)


def _hostile_output(index, right, finish):
    text = STORED[index % len(STORED)]
    return {
        "id": f"{index} {text[:60]}",
        "prompt": text,
        "output": text if right else text[::-1],
        "finish": finish,
        "error": text[:200],
        "references": [text, "plain"],
        "group": None,
        "slices": {"<img src=x onerror=window.pwned=1>": text[:80], "**kind**": ("<b>odd</b>", "even")[index % 2]},
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "shots": [],
        "documents": [],
        "notes": None,
    }


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append((tag, dict(attrs)))


OURS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "header",
    "h1",
    "h2",
    "h3",
    "h4",
    "small",
    "nav",
    "a",
    "main",
    "section",
    "label",
    "br",
    "select",
    "option",
    "input",
    "span",
    "p",
    "ul",
    "li",
    "i",
    "svg",
    "line",
    "text",
    "path",
    "g",
    "circle",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "article",
    "script",
    "pre",
    "b",
}


def _inert(text: str) -> None:
    page = _Page(text)
    assert {tag for tag, _ in page.tags} <= OURS | {"title"}
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    for tag, attributes in page.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc", "action")
        ], tag
        assert "href" not in attributes or attributes["href"].startswith("#"), attributes
    text.encode("utf-8")


def test_the_file_is_whole_and_asks_nothing_of_anybody(sweep) -> None:
    text = html([sweep], 10)
    _inert(text)
    assert "Content-Security-Policy" in text and "default-src 'none'" in text
    for words in (
        "may be the best by exact_match",
        "tiny lora",
        "train: out of memory",
        "no preferences",
        "Comparisons",
        "It is blue.",
    ):
        assert words in text, words
    assert text.count("<article") == 10
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_hostile_text_is_text_in_the_file(hostile) -> None:
    text = html([hostile], len(HOSTILE))
    _inert(text)
    assert "window.pwned" in text and "\x1b" not in text and "\u202e" not in text and "\x00" not in text
    assert len(text.encode()) < MOST_BYTES


def test_hostile_text_is_text_in_markdown_and_csv(hostile) -> None:
    text = markdown_text([hostile])
    assert not re.search(r"(?<!\\)<(?!/?details|/?summary)", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    text.encode("utf-8")
    rows = list(csv.reader(io.StringIO(csv_text([hostile]))))
    assert len({len(row) for row in rows}) == 1 and len(rows) == 9
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t"))]


def test_secrets_and_places_do_not_leave(matrix, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "open-sesame-998877")
    monkeypatch.setattr(
        "tests.analysis.conftest._output",
        lambda i, right, finish: {
            **_hostile_output(1, right, finish),
            "id": f"row{i}",
            "output": "key open-sesame-998877 of /home/alice/data",
            "prompt": "hf_abcdefghijklmnop",
        },
    )
    matrix.cell("tiny lora", 9, n=10, notes=("read /srv/secret/place/train.jsonl", "open-sesame-998877"))
    matrix.cell("tiny none", 0, n=10, status="failed", reason="/home/bob/model: no such file; token=abcdef123456")
    cell = matrix.cells[0]
    cell.config["dataset"] = {"train": "/srv/secret/place/train.jsonl", "note": "C:\\Users\\Carol\\x"}
    found = _saved(matrix, tmp_path / "sweep")
    write_bundle([found], tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        packed = "".join(archive.read(name).decode("utf-8", "ignore") for name in archive.namelist())
    for text in (html([found]), markdown_text([found]), csv_text([found]), packed):
        for gone in ("open-sesame", "alice", "bob", "Carol", "/srv/secret", "hf_abcdef", "abcdef123456", str(tmp_path)):
            assert gone not in text, gone


def test_a_bundle_opens_elsewhere_with_the_same_numbers(sweep, tmp_path) -> None:
    write_bundle([sweep], tmp_path / "b.zip")
    (opened,) = open_bundle(tmp_path / "b.zip", tmp_path / "out")
    assert not opened.trusted
    for metric in ("exact_match", "rouge1"):
        here, there = decisions(table([sweep], metric)), decisions(table([opened], metric))
        assert [line.text for one in here for line in one.lines] == [line.text for one in there for line in one.lines]
        assert here[0].verdict == there[0].verdict
    ranked = table([opened])
    first = next(iter(ranked.rows))
    assert outputs.examples(ranked, [first], ["row0"])[0].answers[0].output == "It is red."
    assert html([opened], 3).count("<article") == 3


def _zip(path: Path, names: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "sweeps/0/../../evil",
        "C:\\evil",
        "sweeps/0/store/stages/ab/evil.py",
        "sweeps/0/plan.json/../x",
    ],
)
def test_a_bundle_writes_only_its_own_places(tmp_path, name: str) -> None:
    path = _zip(tmp_path / "b.zip", {"bundle.json": b'{"format": 1, "sweeps": []}', name: b"x"})
    with pytest.raises(FtbenchError, match="which no bundle does"):
        open_bundle(path, tmp_path / "out")
    assert not list(tmp_path.rglob("*evil*"))


def test_links_and_bombs_are_refused(tmp_path) -> None:
    link = _zip(tmp_path / "l.zip", {"sweeps/0/plan.json": b"/etc/passwd"}, 0o120777)
    with pytest.raises(FtbenchError, match="which no bundle does"):
        open_bundle(link, tmp_path / "a")
    bomb = _zip(tmp_path / "z.zip", {"bundle.json": b"{}", "sweeps/0/plan.json": b"0" * 30_000_000})
    with pytest.raises(FtbenchError, match="unpacks to more"):
        open_bundle(bomb, tmp_path / "b")
    assert not (tmp_path / "b" / "sweeps" / "0" / "plan.json").exists() or (
        tmp_path / "b" / "sweeps" / "0" / "plan.json"
    ).stat().st_size <= max(1_000_000, 30_000 * MOST_RATIO)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"no zip at all"])
def test_what_is_no_bundle_is_one_line(tmp_path, capsys, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    assert main(["report", str(tmp_path / "x.zip"), "--markdown", "-"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_verb_writes_what_it_is_asked_for(sweep, tmp_path, capsys) -> None:
    files = {kind: tmp_path / f"out.{kind}" for kind in ("html", "markdown", "csv", "bundle.zip")}
    assert (
        main(
            [
                "report",
                str(sweep.folder),
                "--html",
                str(files["html"]),
                "--markdown",
                str(files["markdown"]),
                "--csv",
                str(files["csv"]),
                "--bundle",
                str(files["bundle.zip"]),
                "--examples",
                "2",
            ]
        )
        == 0
    )
    assert all(file.stat().st_size > 100 for file in files.values())
    assert files["html"].read_text(encoding="utf-8").count("<article") == 2
    assert main(["report", str(files["bundle.zip"]), "--csv", "-"]) == 0
    assert "tiny full" in capsys.readouterr().out
    assert main(["report", str(sweep.folder), "--html", str(tmp_path / "no" / "such" / "x.html")]) == 1
    assert main(["report", str(tmp_path / "nothing"), "--html", "x"]) == 1
    assert "holds no plan.json" in capsys.readouterr().err


def test_a_sweep_without_results_cannot_be_sent(matrix, tmp_path, capsys) -> None:
    matrix.cell("tiny none", 1)
    matrix.plan().write(tmp_path / "s")
    assert main(["report", str(tmp_path / "s"), "--html", str(tmp_path / "x.html")]) == 1
    assert "has no results yet" in capsys.readouterr().err


def test_nothing_but_refusals_is_still_a_page(matrix, tmp_path) -> None:
    matrix.refuse("tiny dpo", "no preferences")
    text = html([_saved(matrix, tmp_path / "s")])
    assert "no preferences" in text and "No cell of this sweep has a score to rank." in text


def test_a_sweep_whose_cells_all_failed_is_a_page_with_the_reasons(matrix, tmp_path, capsys) -> None:
    matrix.cell("tiny none", 1, status="failed", reason="generate.test: out of memory")
    matrix.cell("tiny lora", 1, status="failed", reason="train: out of disk")
    _saved(matrix, tmp_path / "s")
    sheet, table = tmp_path / "x.html", tmp_path / "x.csv"
    assert main(["report", str(tmp_path / "s"), "--html", str(sheet), "--markdown", "-", "--csv", str(table)]) == 0
    text, told = sheet.read_text(encoding="utf-8"), capsys.readouterr().out
    for where in (text, told, table.read_text(encoding="utf-8")):
        assert "generate.test: out of memory" in where and "train: out of disk" in where
    assert "0 of 2 cells done" in text and "No cell of this sweep has a score to rank." in text
    assert 'id="ft-metric"' not in text and "Ranked by" not in text and "there are no comparisons" in text


def test_json_of_the_bundle_is_ascii(sweep, tmp_path) -> None:
    write_bundle([sweep], tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        json.loads(archive.read("sweeps/0/plan.json").decode("ascii"))
