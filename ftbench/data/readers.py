"""Reads one file of rows: ``.jsonl``, ``.json``, ``.csv``, ``.tsv``, ``.parquet``, each also with ``.gz``; ``.txt`` and
``.md`` as one row.

Text is UTF-8, with or without a byte order mark. Whatever is wrong goes into ``Findings`` with the file, the row and
the command that mends it; rows that can be read are returned, so that everything wrong is found in one go.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shlex
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.data.findings import Findings
from ftbench.data.values import Literal

FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
TEXTS = (".txt", ".md")
"""Whole documents, one a file: a row with the columns ``name`` (the file's, ``folder/file`` inside a folder of folders)
and ``text``.
"""
_BOMS = {b"\xff\xfe\x00\x00": "UTF-32", b"\x00\x00\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class Row:
    """One row: its values by column, and where it stands (``train.csv:17``, the line it begins on)."""

    place: str
    values: dict[str, Any]
    textual: bool  # cells are text, as in CSV: a list in one is spelled in JSON


def file_format(path: Path) -> str | None:
    """Returns the format that the name says (``.csv`` for ``a.CSV.gz``), or None when it is none that can be read."""
    name = path.name.lower().removesuffix(".gz")
    return next((suffix for suffix in (*FORMATS, *TEXTS) if name.endswith(suffix)), None)


def read_rows(path: Path, shown: str, found: Findings, name: str | None = None, kind: str | None = None) -> list[Row]:
    """Reads all rows of a file.

    Args:
        path: the file.
        shown: its name in messages.
        found: takes what is wrong.
        name: of a text, in its row; its file's, unless it stands in a folder of the one that was named.
        kind: its format; None for the one that its name says.

    Returns:
        The rows that could be read, in file order.
    """
    kind = kind or file_format(path)
    if kind is None:
        why = f"the name {path.name!r} has no known ending"
        found.add(shown, why, f"Use one of {', '.join(FORMATS)}, or one of these with .gz")
        return []
    before = len(found.problems) + found.unshown
    data = _bytes(path, shown, found)
    if data is None:
        return []
    if not data:
        found.add(shown, "the file is empty", "Write rows into it, or name another file")
        return []
    if kind == ".parquet":
        rows = _parquet(data, shown, found)
    else:
        text = _decoded(data, path, shown, found)
        if text is None:
            rows = []
        elif kind in TEXTS:
            rows = [Row(shown, {"name": name or path.name, "text": text}, textual=True)]
        else:
            rows = _TEXT_READERS[kind](text, shown, found)
    if not rows and before == len(found.problems) + found.unshown:
        found.add(shown, "the file has no rows", "Write rows into it, or name another file")
    return rows


def read_text(path: Path, shown: str, found: Findings) -> str | None:
    """Returns the whole text of a file, unpacked where its name ends in ``.gz``; None where it is none.

    Args:
        path, shown, found: as for ``read_rows``.
    """
    data = _bytes(path, shown, found)
    return None if data is None else _decoded(data, path, shown, found)


def _bytes(path: Path, shown: str, found: Findings) -> bytes | None:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.name.lower().endswith(".gz") else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        found.add(
            shown, f"is no whole gzip file ({error})", "Copy it again, or take .gz off its name if it is not compressed"
        )
    except OSError as error:
        found.add(shown, f"cannot be read ({error.strerror or error})", "Check the path and its permissions")
    return None


def _decoded(data: bytes, path: Path, shown: str, found: Findings) -> str | None:
    source = shown.removesuffix(".gz")
    clean = str(Path(source).with_name(f"utf8-{Path(source).name}"))
    source, clean = shlex.quote(source), shlex.quote(clean)
    encoding = next((name for mark, name in _BOMS.items() if data.startswith(mark)), None)
    if encoding:
        found.add(shown, f"is {encoding}, not UTF-8", f"iconv -f {encoding} -t UTF-8 {source} > {clean}")
        return None
    if b"\x00" in data:
        at = data.index(b"\x00")
        fix = f"Remove it: tr -d '\\000' < {source} > {clean}; if every second byte is NUL: iconv -f UTF-16 -t UTF-8"
        found.add(f"{shown}:{_line(data, at)}", f"holds a NUL byte (byte {at + 1} of the file)", fix)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
        guess = f"; as Windows-1252 it reads {data[max(0, at - 12) : at + 12].decode('cp1252', 'replace')!r}"
        why = f"byte {at + 1} of the file (0x{data[at]:02x}) is no UTF-8{guess}"
        found.add(f"{shown}:{_line(data, at)}", why, f"iconv -f WINDOWS-1252 -t UTF-8 {source} > {clean}")
        return None


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=Literal, parse_constant=_constant)


def _jsonl(text: str, shown: str, found: Findings) -> list[Row]:
    rows = []
    # not splitlines(): a line separator inside a text is no end of a row
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{shown}:{number}"
        try:
            values = _loads(line)
        except (ValueError, RecursionError) as error:
            document = "; for one JSON document name the file .json" if line.strip() in "[{" else ""
            fix = f"Write one whole JSON object a line{document}"
            found.add(place, f"is no JSON ({_reason(error)}): {line.strip()[:60]!r}", fix)
            continue
        if not isinstance(values, dict):
            found.add(place, f"is {_kind(values)} and not an object", 'Write {"column": value, ...} on each line')
            continue
        rows.append(Row(place, values, textual=False))
    return rows


def _json(text: str, shown: str, found: Findings) -> list[Row]:
    try:
        document = _loads(text)
    except (ValueError, RecursionError) as error:
        extra = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
        fix = "Mend it there: a comma, a bracket or a quote is missing or too much"
        fix = "If it holds one object a line, name it .jsonl" if extra else fix
        found.add(f"{shown}:{getattr(error, 'lineno', 1)}", f"is no JSON ({_reason(error)})", fix)
        return []
    if isinstance(document, dict):
        lists = {name: value for name, value in document.items() if isinstance(value, list)}
        if len(lists) != 1:
            names = ", ".join(lists) or "none"
            why = f"is an object with {len(lists)} lists ({names}); which holds the rows is not clear"
            found.add(shown, why, "Write a list of objects, or an object with one list")
            return []
        document = next(iter(lists.values()))
    if not isinstance(document, list):
        found.add(shown, f"is {_kind(document)} and not a list", "Write a list of objects, or an object with one list")
        return []
    rows = []
    for number, values in enumerate(document, start=1):
        if isinstance(values, dict):
            rows.append(Row(f"{shown}:{number}", values, textual=False))
        else:
            found.add(
                f"{shown}:{number}",
                f"is {_kind(values)} and not an object",
                'Write {"column": value, ...} for each row',
            )
    return rows


def _delimited(delimiter: str) -> Callable[[str, str, Findings], list[Row]]:
    def read(text: str, shown: str, found: Findings) -> list[Row]:
        with _long_fields():
            return list(_records(text, delimiter, shown, found))

    return read


def _records(text: str, delimiter: str, shown: str, found: Findings) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = f"cannot be read as a row ({error})"
            found.add(f"{shown}:{line}", why, 'Quote the field and write each quote inside it twice: "say ""hi"""')
            if "end of data" in str(error):
                return
            continue
        if not cells:
            continue
        if header is None:
            header = cells
            if not _good_header(header, delimiter, f"{shown}:{line}", found):
                return
            continue
        place = f"{shown}:{line}"
        if len(cells) != len(header):
            fix = "Quote fields that hold the separator, and write empty ones as empty"
            found.add(place, f"has {len(cells)} fields where the header has {len(header)}", fix)
            continue
        yield Row(place, dict(zip(header, cells, strict=True)), textual=True)


def _good_header(header: list[str], delimiter: str, place: str, found: Findings) -> bool:
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        why = f"the header has the column {doubled[0]!r} {header.count(doubled[0])} times"
        found.add(place, why, "Give each column its own name")
        return False
    other = next((mark for mark in ";\t|," if len(header) == 1 and mark != delimiter and mark in header[0]), None)
    if other:
        name = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}[other]
        fix = {"\t": "Name it .tsv", ",": "Name it .csv"}.get(other, "Save it with commas (or tabs, as .tsv)")
        found.add(place, f"has one column {header[0][:60]!r}: its fields are separated by {name}", fix)
        return False
    return True


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lifts the csv module's limit of 131,072 characters a field, which whole documents exceed."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parquet(data: bytes, shown: str, found: Findings) -> list[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        found.add(shown, "parquet needs the package pyarrow", "pip install pyarrow, or convert the file to .jsonl")
        return []
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as error:
        why = f"is no whole parquet file ({str(error).splitlines()[0]})"
        found.add(shown, why, "Copy it again, or name it by its real format")
        return []
    return [Row(f"{shown}:{number}", values, textual=False) for number, values in enumerate(table.to_pylist(), start=1)]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]


_TEXT_READERS: dict[str, Callable[[str, str, Findings], list[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
}
