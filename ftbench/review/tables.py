"""Whatever comes back from raters, as plain tables: CSV in any dress, XLSX, and what the HTML form saves.

Told apart by content, not by name. Workbooks are read as values only, never evaluated: archives that would unpack to
something huge and XML with declarations of its own are refused before any of it is parsed.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.review.write_html import SAVED

MOST_BYTES = 200_000_000
"""Of a file, and of an archive when unpacked."""
MOST_RATIO = 200
MOST_ROWS, MOST_COLUMNS = 200_000, 500
ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """Cells as they stand.

    Attributes:
        file: as the person named it.
        sheet: of a workbook, else None.
        rows: row number as a spreadsheet counts, and its cells (text, numbers, dates, None).
        notes: what was unusual about reading it.
    """

    file: str
    sheet: str | None
    rows: tuple[tuple[int, tuple[Any, ...]], ...]
    notes: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return self.file if self.sheet is None else f"{self.file}, sheet {self.sheet}"


def read_tables(path: Path) -> list[Table]:
    """Reads a file.

    Raises:
        FtbenchError: one line for what cannot be read, with what to do.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise FtbenchError(f"{path}: cannot be read ({error.strerror})") from None
    if size > MOST_BYTES:
        raise FtbenchError(
            f"{path}: holds {size:,} bytes; sheets are far below {MOST_BYTES:,}. Check that it is the right file"
        )
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if content.startswith(b"PK"):
        return list(_workbook(path, content))
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FtbenchError(f"{path}: is an old .xls or a workbook with a password. Save it as .xlsx without one")
    if start.startswith(b"{"):
        return [_saved(path, content)]
    if start.startswith((b"<!doctype", b"<html")):
        raise FtbenchError(
            f"{path}: is the form itself and holds no verdicts. Open it, press Save to file, and import the .json that"
            " it saves"
        )
    return [_csv(path, content)]


def csv_rows(path: Path, content: bytes) -> tuple[list[tuple[str, ...]], list[str]]:
    """Returns the records of a CSV file of any common encoding and delimiter, and notes on what was unusual.

    Raises:
        FtbenchError: for what is no text.
    """
    text, notes = _decoded(path, content)
    lines = text.splitlines()
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:
        return _records(text.split("\n", 1)[1] if "\n" in text else "", lines[0][4]), notes
    parsed = {delimiter: _records(text, delimiter) for delimiter in DELIMITERS}
    # the delimiter under which most records agree on the widest table
    best = max(DELIMITERS, key=lambda delimiter: _regularity(parsed[delimiter]))
    return parsed[best], notes


def _records(text: str, delimiter: str) -> list[tuple[str, ...]]:
    csv.field_size_limit(MOST_BYTES)
    return [tuple(record) for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]


def _regularity(records: list[tuple[str, ...]]) -> tuple[int, int]:
    widths = [len(record) for record in records if any(record)]
    if not widths or widths[0] < 2:
        return (0, 0)
    return (sum(width == widths[0] for width in widths) * widths[0], widths[0])


def _decoded(path: Path, content: bytes) -> tuple[str, list[str]]:
    encoding = next((name for mark, name in ENCODINGS if content.startswith(mark)), None)
    if encoding is None and content[:400].count(0) > len(content[:400]) // 4:
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        return content.decode(encoding or "utf-8"), []
    except UnicodeDecodeError:
        if encoding is not None or b"\0" in content:
            raise FtbenchError(
                f"{path}: is neither a table nor text. Take the .xlsx, the .csv or the .json that the form saved"
            ) from None
        return content.decode("cp1252", "replace"), ["is not UTF-8 and was read as Windows-1252"]


def _csv(path: Path, content: bytes) -> Table:
    try:
        records, notes = csv_rows(path, content)
    except csv.Error as error:
        raise FtbenchError(f"{path}: is no CSV ({error}). Save it as CSV UTF-8 or as .xlsx") from None
    return Table(
        str(path), None, tuple((number, record) for number, record in enumerate(records, start=1)), tuple(notes)
    )


def _workbook(path: Path, content: bytes) -> Iterator[Table]:
    import openpyxl

    _check_archive(path, content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for page in book.worksheets:
            # what a file says of its own size is not to be trusted
            page.reset_dimensions()
            rows = islice(page.iter_rows(max_col=MOST_COLUMNS, values_only=True), MOST_ROWS)
            found = [
                (number, _trimmed(row))
                for number, row in enumerate(rows, start=1)
                if any(cell is not None for cell in row)
            ]
            yield Table(str(path), page.title, tuple(found))
        book.close()
    except FtbenchError:
        raise
    except Exception as error:  # a damaged workbook breaks its reader in any way it likes
        raise FtbenchError(
            f"{path}: is no workbook that can be read ({type(error).__name__}: {' '.join(str(error).split())[:120]})."
            " Save it again as .xlsx, or as CSV"
        ) from None


def _trimmed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    end = max(place for place, cell in enumerate(row) if cell is not None) + 1
    return tuple(row[:end])


def _check_archive(path: Path, content: bytes) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        sizes = [(entry.file_size, entry.compress_size) for entry in archive.infolist()]
        total = sum(size for size, _ in sizes)
        if total > MOST_BYTES or any(
            size > 10_000_000 and size > MOST_RATIO * max(packed, 1) for size, packed in sizes
        ):
            raise FtbenchError(f"{path}: would unpack to {total:,} bytes, which no sheet needs. It was not opened")
        if "[Content_Types].xml" not in archive.namelist() or not any(
            name.startswith("xl/") for name in archive.namelist()
        ):
            raise FtbenchError(f"{path}: is an archive but no .xlsx. Unpack it first, or save the sheet as .xlsx")
        for name in archive.namelist():
            if name.endswith((".xml", ".rels")) and _declares(archive, name):
                raise FtbenchError(
                    f"{path}: {name} declares XML entities, which no spreadsheet program writes. It was not opened"
                )
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FtbenchError(f"{path}: is a damaged .xlsx ({error}). Ask for the file again") from None


def _declares(archive: zipfile.ZipFile, name: str) -> bool:
    """Returns whether a document type is declared; in UTF-16 it would read with zeros between."""
    tail = b""
    with archive.open(name) as file:
        while block := file.read(1 << 20):
            plain = (tail + block).replace(b"\0", b"")
            if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
                return True
            tail = block[-20:]
    return False


def _saved(path: Path, content: bytes) -> Table:
    """Returns what the form saved as rows of item, rater and dimensions."""
    try:
        data = json.loads(content.decode("utf-8-sig"))
        answers = data["answers"]
        if data["format"] != SAVED or not all(isinstance(values, dict) for values in answers.values()):
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FtbenchError(
            f"{path}: is no file that the form saved ({type(error).__name__}). Open the form, press Save to file, and"
            " take that one"
        ) from None
    names = list(dict.fromkeys(str(name) for values in answers.values() for name in values))
    head = ("item", "rater", *names)
    name = data.get("name")
    rows = [
        (number, (item, name if isinstance(name, str) else None, *(_plain(values.get(one)) for one in names)))
        for number, (item, values) in enumerate(answers.items(), start=2)
    ]
    return Table(str(path), None, ((1, head), *rows))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float)) else json.dumps(value)
