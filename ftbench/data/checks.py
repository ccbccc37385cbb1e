"""What can be wrong with the fields of ``dataset=files`` by themselves, and between rows that are each fine."""

from __future__ import annotations

import re
from typing import Any

from ftbench.core.example import SPLITS
from ftbench.data.file_fields import FileFields
from ftbench.data.findings import Findings
from ftbench.data.rows import Placed
from ftbench.data.sources import HubData, LocalFiles
from ftbench.data.template import Template, parse

TEMPLATES = ("prompt", "target", "system")


def check_fields(files: FileFields, found: Findings) -> None:
    if files.train is None and files.test is None:
        fix = "Set dataset.train=FILE (validation and test are then split off), or dataset.test=FILE"
        found.add("dataset.train", "no data is named", fix)
    spoken = (
        files.chosen is not None and files.target is None and files.references is None and files.preferences is None
    )
    if (files.prompt is None) == (files.messages is None) and not (files.prompt is None and spoken):
        why = "neither a prompt nor messages" if files.prompt is None else "both a prompt and messages"
        found.add(
            "dataset.prompt", f"{why} is set", "Set dataset.prompt='\"{column}\"', or dataset.messages=COLUMN, not both"
        )
    if files.messages is not None and files.target is not None:
        found.add("dataset.target", "is set beside messages", "Set it to null: the last assistant turn is the target")
    if (
        files.target is None
        and files.references is None
        and files.messages is None
        and (files.chosen is None or files.preferences is not None)
    ):
        found.add(
            "dataset.target", "no target is set", "Set dataset.target='\"{column}\"', or dataset.references=COLUMN"
        )
    if (files.chosen is None) != (files.rejected is None):
        lacks = "chosen" if files.chosen is None else "rejected"
        found.add(
            f"dataset.{lacks}", "a preference needs a chosen and a rejected answer", f"Set dataset.{lacks}=COLUMN"
        )
    if files.preferences is not None and files.chosen is None:
        fix = "Set dataset.chosen=COLUMN dataset.rejected=COLUMN"
        found.add("dataset.chosen", "dataset.preferences is set and no columns of it", fix)


def check_templates(files: FileFields, found: Findings, named: dict[str, LocalFiles | HubData]) -> None:
    for name in TEMPLATES:
        where = f"dataset.{name}"
        text = vars(files)[name]
        template = None if text is None else check_template(text, where, found)
        if template is not None and name in ("prompt", "target") and not template.paths:
            found.add(where, f"{text!r} names no column, so every row would read the same", _bare(text, where, named))


def check_template(text: Any, where: str, found: Findings) -> Template | None:
    """Returns a field as a template; None where it is none."""
    if not isinstance(text, str):
        read = f"{{{', '.join(map(str, text))}}}" if isinstance(text, dict) else text
        why = f"{text!r} is no text: YAML and Hydra read bare braces as a mapping"
        found.add(where, why, f"Quote it: '{where}=\"{read}\"'")
        return None
    try:
        return parse(text)
    except ValueError as error:
        found.add(where, f"{text!r} {error}", "Braces hold a column's name: {question}")
        return None


def _bare(text: str, where: str, named: dict[str, LocalFiles | HubData]) -> str:
    """Returns the fix for a column's name without braces, after a look at what columns there are."""
    data = named.get("train", named.get("test"))
    rows = [row for table in data.rows(Findings()) for row in table] if isinstance(data, LocalFiles) else []
    columns = list(dict.fromkeys(name for row in rows for name in row.values))
    if text in columns or (not columns and re.fullmatch(r"[\w.]+", text)):
        return f"Write '{where}=\"{{{text}}}\"' to mean the column"
    return f"Put a column's name in braces; columns: {', '.join(columns) or 'unknown'}"


def check_numbers(files: FileFields, found: Findings) -> None:
    for split in SPLITS:
        most = vars(files.limit)[split]
        if most is not None and most < 1:
            found.add(f"dataset.limit.{split}", f"{most} rows are none", "Set at least 1, or null for all")
    fractions = {split: vars(files.split)[split] for split in ("validation", "test")}
    for split, fraction in fractions.items():
        if not 0 < fraction < 1:
            why = f"{fraction} is no fraction of the rows"
            found.add(f"dataset.split.{split}", why, "Set it between 0 and 1, such as 0.1")
    if sum(fractions.values()) >= 1:
        found.add("dataset.split", f"{fractions} leave nothing to train on", "Let them sum to less than 1")
    if files.answer_pattern is not None:
        try:
            groups = re.compile(files.answer_pattern).groups
        except re.error as error:
            found.add(
                "dataset.answer_pattern", f"{files.answer_pattern!r} is no regular expression ({error})", "Mend it"
            )
        else:
            if groups != 1:
                why = f"{files.answer_pattern!r} has {groups} groups"
                found.add("dataset.answer_pattern", why, "Write one group (...) around the answer")


def check_time(files: FileFields, read: dict[str, list[Placed]], found: Findings) -> None:
    kinds: dict[bool, str] = {}
    for rows in read.values():
        for example, place in rows:
            if example.time is not None:
                kinds.setdefault(isinstance(example.time, str), place)
    if len(kinds) > 1:
        why = f"column {files.time!r} holds dates ({kinds[True]}) and numbers ({kinds[False]})"
        found.add("dataset.time", why, "Write all of them in one way")


def check_constant(files: FileFields, tables: dict[str, Any], found: Findings) -> None:
    """A system prompt may be the same for every row, but hardly the bare name of a column."""
    first = next((row for split in SPLITS for rows in tables.get(split, ()) for row in rows), None)
    if files.system is not None and first is not None and files.system in first.values:
        why = f"{files.system!r} is the name of a column"
        found.add("dataset.system", why, f"Write 'dataset.system=\"{{{files.system}}}\"' to mean the column")
