"""Makes examples of rows: fills the templates, reads the columns, and finds every row that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from ftbench.core.errors import did_you_mean
from ftbench.core.example import Document, Example, Turn
from ftbench.data.chat import read_reply, read_turns, without_system
from ftbench.data.findings import Findings
from ftbench.data.readers import Row
from ftbench.data.template import Template
from ftbench.data.values import Absent, Unusable, as_list, as_text, as_time, column_of, is_empty, look_up, parsed_cell

T = TypeVar("T")


@dataclass(frozen=True)
class Fields:
    """Where in a row each part of an example stands: parsed templates and names of columns; see
    ``conf/dataset/files.yaml``.
    """

    prompt: Template | None
    target: Template | None
    system: Template | None
    references: str | None
    messages: str | None
    id: str | None
    group: str | None
    time: str | None
    slices: tuple[str, ...]
    gold_documents: str | None
    chosen: str | None
    rejected: str | None

    def asking(self) -> dict[str, str]:
        """Returns path -> config key of what the prompt is made of."""
        templates = {"prompt": self.prompt, "system": self.system}
        named = {path: f"dataset.{key}" for key, template in templates.items() if template for path in template.paths}
        return {**named, **({self.messages: "dataset.messages"} if self.messages else {})}

    def wanted(self, paired: bool) -> dict[str, str]:
        """Returns path -> config key of all that a row must have; with ``paired`` a preferred and a rejected answer
        too.
        """
        target = dict.fromkeys(self.target.paths if self.target else (), "dataset.target")
        names = ("references", "id", "group", "time", "gold_documents", *(("chosen", "rejected") if paired else ()))
        single = {vars(self)[name]: f"dataset.{name}" for name in names if vars(self)[name] is not None}
        return {**dict.fromkeys(self.slices, "dataset.slices"), **single, **target, **self.asking()}


class Placed(NamedTuple):
    """An example and the place of its row, for messages."""

    example: Example
    place: str


class Reader:
    """Reads the rows of one dataset; counts what a person should hear of.

    Attributes:
        counts: name -> number: turns left out after the last assistant turn, rows without a group.
    """

    def __init__(self, fields: Fields, preferences_apart: bool, found: Findings) -> None:
        self.fields = fields
        self.preferences_apart = preferences_apart
        self.found = found
        self.counts = {"rows_without_group": 0, "turns_after_the_answer": 0}

    def examples(self, files: Sequence[Sequence[Row]], split: str, scored_apart: bool = False) -> list[Placed]:
        """Returns the examples of all usable rows; ids without an id column are ``<split>-<row>``, counted over all
        files.

        Args:
            scored_apart: test rows are of other files, so that these need not name gold documents.
        """
        fields = self.fields
        scored = split != "train" and (
            fields.target or fields.references or fields.messages
        )  # then a pair is no use, and need not be there
        paired = fields.chosen is not None and not self.preferences_apart and not scored
        wanted = fields.wanted(paired)
        without_gold = (
            split == "train"
            and scored_apart
            and not any(fields.gold_documents in row.values for rows in files for row in rows)
        )
        if without_gold:
            wanted.pop(fields.gold_documents or "", None)
        return self._each(
            files, wanted, lambda row, number: self._example(row, f"{split}-{number}", paired, not without_gold)
        )

    def pairs(self, files: Sequence[Sequence[Row]]) -> list[Placed]:
        """Returns the examples of a file of preference rows: prompt, chosen and rejected, no target."""
        fields = self.fields
        wanted = {**fields.asking(), fields.chosen: "dataset.chosen", fields.rejected: "dataset.rejected"}
        return self._each(files, wanted, lambda row, number: self._pair(row, f"preferences-{number}"))

    def documents(
        self, files: Sequence[Sequence[Row]], id: str | None, text: Template, time: str | None
    ) -> list[Document]:
        """Returns the documents of a corpus, whose ids must differ."""
        single = {column: f"dataset.document_{name}" for name, column in (("id", id), ("time", time)) if column}
        wanted = {**dict.fromkeys(text.paths, "dataset.document_text"), **single}
        seen: dict[str, str] = {}

        def document(row: Row, number: int) -> Document | None:
            name = self._text(row, id) if id else f"documents-{number}"
            body = self._rendered(row, text, "document text")
            if name is not None and name in seen:
                self.found.add(
                    row.place, f"the document id {name!r} stands at {seen[name]} too", "Give each document its own id"
                )
                return None
            if name is None or body is None:
                return None
            seen[name] = row.place
            return Document(name, body, self._value(row, time, as_time) if time else None)

        return self._each(files, wanted, document)

    def _each(
        self, files: Sequence[Sequence[Row]], wanted: dict[str, str], read: Callable[[Row, int], T | None]
    ) -> list[T]:
        made: list[T] = []
        number = 0
        for rows in files:
            usable = self._has_columns(rows, wanted)
            for row in rows:
                one = read(row, number) if usable else None
                number += 1
                if one is not None:
                    made.append(one)
        return made

    def _has_columns(self, rows: Sequence[Row], wanted: dict[str, str]) -> bool:
        """Finds columns that no row of a file has: said once, not for each row."""
        columns = dict.fromkeys(name for row in rows for name in row.values)
        missing = {
            column_of(path, columns): key
            for path, key in wanted.items()
            if rows and column_of(path, columns) not in columns
        }
        for column, key in missing.items():
            bare = column.strip("{}")
            fix = (
                f"Write {bare} without braces" if bare != column and bare in columns else did_you_mean(column, columns)
            )
            self.found.add(rows[0].place, f"no column {column!r} ({key})", fix)
        return not missing

    def _example(self, row: Row, numbered: str, paired: bool, golden: bool) -> Placed | None:
        fields = self.fields
        before = len(self.found.problems) + self.found.unshown
        turns, answer = self._asked(row)
        id = self._id(row, numbered, required=True)
        target = self._rendered(row, fields.target, "target") if fields.target else answer
        references = self._list(row, fields.references) if fields.references else None
        turns, chosen, rejected = self._preference(row, turns) if paired else (turns, None, None)
        gold = self._list(row, fields.gold_documents, may_be_empty=True) if fields.gold_documents and golden else ()
        group = self._group(row)
        time = self._value(row, fields.time, as_time) if fields.time else None
        slices = {path: self._slice(row, path) for path in fields.slices}
        if len(self.found.problems) + self.found.unshown > before:
            return None
        target = target or (references[0] if references else chosen)
        return Placed(
            Example(id, turns, target, references or (target,), group, time, slices, gold, chosen, rejected), row.place
        )

    def _pair(self, row: Row, numbered: str) -> Placed | None:
        before = len(self.found.problems) + self.found.unshown
        turns, _ = self._asked(row)
        id = self._id(row, numbered, required=False)
        turns, chosen, rejected = self._preference(row, turns)
        group = (
            self._group(row) if self.fields.group and column_of(self.fields.group, row.values) in row.values else None
        )
        if len(self.found.problems) + self.found.unshown > before:
            return None
        return Placed(Example(id, turns, None, (), group, None, {}, (), chosen, rejected), row.place)

    def _asked(self, row: Row) -> tuple[tuple[Turn, ...], str | None]:
        """Returns the turns before the answer, and the answer where ``messages`` holds it."""
        fields = self.fields
        answer = None
        turns: tuple[Turn, ...] = ()
        if fields.messages:
            read = self._value(row, fields.messages, lambda value: read_turns(parsed_cell(value, row.textual)))
            if read is not None:
                turns, answer, dropped = read
                self.counts["turns_after_the_answer"] += dropped
                self._not_blank(row, answer, "the last assistant turn")
        else:
            prompt = self._rendered(row, fields.prompt, "prompt") if fields.prompt else None
            turns = () if prompt is None else (Turn("user", prompt),)
        if fields.system:
            system = self._rendered(row, fields.system, "system prompt")
            if any(turn.role == "system" for turn in turns):
                self.found.add(
                    row.place,
                    "has a system turn of its own beside dataset.system",
                    "Set dataset.system=null, or remove the turn",
                )
            turns = turns if system is None else (Turn("system", system), *turns)
        return turns, answer

    def _id(self, row: Row, numbered: str, required: bool) -> str | None:
        path = self.fields.id
        if path is None or (not required and column_of(path, row.values) not in row.values):
            return numbered
        return self._text(row, path)

    def _group(self, row: Row) -> str | None:
        if self.fields.group is None:
            return None
        value = self._value(row, self.fields.group, lambda found: "" if is_empty(found) else as_text(found))
        if value == "":
            self.counts["rows_without_group"] += 1
        return value or None

    def _slice(self, row: Row, path: str) -> str | None:
        return self._value(row, path, lambda value: "(none)" if is_empty(value) else as_text(value))

    def _preference(self, row: Row, turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], str | None, str | None]:
        """Returns the prompt, the preferred and the rejected answer: each text, or the last of a list of turns.

        Where a column holds the conversation before its answer too, that must be the prompt; without a prompt or
        messages of their own it is the prompt. Two conversations that part earlier are no two answers to one question.
        """
        fields = self.fields
        answers: list[str | None] = []
        for path in (fields.chosen, fields.rejected):
            textual = row.textual and fields.prompt is None and fields.messages is None
            before, text = self._value(
                row, path, lambda value, textual=textual: read_reply(parsed_cell(value, textual))
            ) or ((), None)
            answers.append(self._not_blank(row, text, f"column {path!r}"))
            if fields.prompt is None and fields.messages is None and not answers[1:]:
                turns = (*turns, *before)
                if text is not None and not any(turn.role == "user" for turn in before):
                    self.found.add(
                        row.place,
                        f"column {path!r} holds no user turn before its answer",
                        "Hold the whole conversation in it, or set dataset.prompt",
                    )
            elif before and without_system(before) != without_system(turns):
                other = "the prompt" if fields.prompt or fields.messages else f"those of {fields.chosen!r}"
                self.found.add(
                    row.place,
                    f"the turns before the answer in column {path!r} are not {other}",
                    "Let both answers follow the same turns",
                )
        return turns, answers[0], answers[1]

    def _list(self, row: Row, path: str, may_be_empty: bool = False) -> tuple[str, ...]:
        items = self._value(row, path, lambda value: as_list(value, row.textual))
        if items is not None and not may_be_empty and not items:
            self.found.add(row.place, f"column {path!r} holds no reference", "Fill it, or remove the row")
        for item in () if items is None else items:
            self._not_blank(row, item, f"an item of column {path!r}")
        return tuple(items or ())

    def _text(self, row: Row, path: str) -> str | None:
        return self._not_blank(row, self._value(row, path, as_text), f"column {path!r}")

    def _rendered(self, row: Row, template: Template, what: str) -> str | None:
        try:
            text = template.render(row.values)
        except Absent as error:
            self._absent(row, str(error.args[0]))
        except Unusable as error:
            self.found.add(row.place, str(error), _fix(str(error)))
        else:
            return self._not_blank(row, text, f"the {what}")
        return None

    def _value(self, row: Row, path: str, convert: Callable[[Any], T]) -> T | None:
        try:
            return convert(look_up(row.values, path))
        except Absent:
            self._absent(row, path)
        except Unusable as error:
            self.found.add(row.place, f"column {path!r} {error}", _fix(str(error)))
        return None

    def _absent(self, row: Row, path: str) -> None:
        column = column_of(path, row.values)
        inside = row.values[column] if column in row.values else None
        options = [f"{column}.{key}" for key in inside] if isinstance(inside, dict) else list(row.values)
        self.found.add(row.place, f"no column {path!r} in this row", did_you_mean(path, options))

    def _not_blank(self, row: Row, text: str | None, what: str) -> str | None:
        if text is not None and not text.strip():
            self.found.add(row.place, f"{what} is empty", "Fill it, or remove the row")
            return None
        return text


def same_ids(splits: Iterable[tuple[str, Sequence[Placed]]], found: Findings) -> None:
    """Finds ids that occur twice: within a file each pair, between two files once, with their number."""
    seen: dict[str, tuple[str, str]] = {}
    between: dict[tuple[str, str], list[str]] = {}
    for split, rows in splits:
        for example, place in rows:
            first = seen.setdefault(example.id, (split, place))
            if first[1] == place:
                continue
            if first[0] == split:
                fix = "Give each row its own id, or set dataset.id=null"
                found.add(place, f"the id {example.id!r} stands at {first[1]} too", fix)
            else:
                between.setdefault((first[0], split), []).append(f"{example.id!r} ({first[1]} and {place})")
    for (one, other), ids in between.items():
        why = f"{len(ids)} ids stand in both {one} and {other}, such as {ids[0]}"
        found.add(
            "dataset.id", why, "Give each row its own id, or set dataset.id=null (rows are then numbered by split)"
        )


def _fix(why: str) -> str:
    if "an object with" in why or "a list of" in why:
        return "Name a value inside it (column.key, column.0, column.*.key), or write it as JSON with {column!json}"
    return "Fill it, or remove the row" if "is null" in why else "Mend the value, or remove the row"
