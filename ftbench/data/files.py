"""``dataset=files``: a person's own data, in files or on the hub. ``conf/dataset/files.yaml`` says what each field
means.

Everything wrong is refused at once, before anything is trained. Row order is file order. A limit keeps the first rows
of the order seeded by ``split.seed`` (``split.first_in_order``) after splitting, so it moves no row between splits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ftbench.core.canonical import digest
from ftbench.core.component import Remote
from ftbench.core.errors import Problem, Refused
from ftbench.core.example import SPLITS, Document, Example, Splits
from ftbench.data.checks import TEMPLATES, check_constant, check_fields, check_numbers, check_templates, check_time
from ftbench.data.corpus import Corpus
from ftbench.data.file_fields import FileFields
from ftbench.data.findings import Findings
from ftbench.data.inspection.inspect import SIMILARITY, small
from ftbench.data.inspection.twins import alike_units
from ftbench.data.rows import Fields, Reader, same_ids
from ftbench.data.sources import HubData, LocalFiles, source
from ftbench.data.split import first_in_order, split_off, units
from ftbench.data.template import broken_lines, parse

SOURCES = (*SPLITS, "preferences")
_loaded: dict[str, Splits] = {}


@dataclass(frozen=True)
class Files(FileFields):
    """Rows from files or the hub."""

    key_name: ClassVar[str] = "files"
    NEUTRAL: ClassVar[tuple[str, ...]] = ("answer_pattern",)  # read by metrics, which hash it themselves

    def rows(self) -> Files:
        """Returns the same rows without any documents: what a cell that retrieves nothing depends on."""
        return replace(self, documents=None, document_id=None, document_text=None, document_time=None)

    def corpus(self) -> Corpus | None:
        """Returns the documents without any rows; None where none are named."""
        return (
            None
            if self.documents is None
            else Corpus(self.documents, self.document_id, self.document_text, self.document_time)
        )

    def sources(self) -> dict[str, LocalFiles | HubData]:
        """Returns what the rows are read from, by field.

        Raises:
            Refused: with a problem for each name that leads nowhere.
        """
        found = Findings()
        named: dict[str, LocalFiles | HubData] = {}
        for field in SOURCES:
            value = getattr(self, field)
            if value is None:
                continue
            try:
                named[field] = source(value, f"dataset.{field}", field if field in SPLITS else "train")
            except Refused as error:
                for problem in error.problems:
                    found.take(problem)
        found.raise_any()
        return named

    def inspectable(self) -> bool:
        """True when ``load`` reads local files only, and so may be called while planning."""
        corpus = self.corpus()
        return all(isinstance(named, LocalFiles) for named in self.sources().values()) and (
            corpus is None or corpus.inspectable()
        )

    def remotes(self) -> list[Remote]:
        corpus = self.corpus()
        own = [
            Remote("dataset", named.name, named.revision)
            for named in self.sources().values()
            if isinstance(named, HubData)
        ]
        return own + ([] if corpus is None else corpus.remotes())

    def identity(self) -> dict[str, Any]:
        """Returns what decides the examples: the data by its bytes or commit, and every field that shapes them.

        Raises:
            Refused: when a name leads nowhere, or a hub name cannot be pinned to a commit.
        """
        corpus = self.corpus()
        documents = {} if corpus is None else {"documents": corpus.source().fingerprint()}
        return {
            **super().identity(),
            **{field: named.fingerprint() for field, named in self.sources().items()},
            **documents,
        }

    def locate(self) -> Files:
        """Returns a copy with absolute paths and hub names pinned to their commits."""
        corpus = self.corpus()
        documents = {} if corpus is None else {"documents": corpus.locate().documents}
        return replace(self, **{field: named.located() for field, named in self.sources().items()}, **documents)

    def check(self) -> list[Problem]:
        """Returns what is wrong with the fields, and with what they name; reads rows only to word a hint."""
        found = Findings()
        try:
            named = self.sources()
        except Refused as error:
            named = {}
            for problem in error.problems:
                found.take(problem)
        check_fields(self, found)
        check_templates(self, found, named)
        check_numbers(self, found)
        corpus = self.corpus()
        for problem in () if corpus is None else corpus.check():
            found.take(problem)
        return found.problems

    def load(self) -> Splits:
        """Reads, checks and splits; once per process for the same identity.

        Raises:
            Refused: with what is wrong with the fields, or else with every bad file, column and row.
        """
        problems = self.check()
        if problems:
            raise Refused(problems)
        memo = digest(self.identity())
        if memo not in _loaded:
            _loaded[memo] = self._load()
        return _loaded[memo]

    def _load(self) -> Splits:
        found = Findings()
        named = self.sources()
        reader = Reader(self._fields(), self.preferences is not None, found)
        files = {field: place.rows(found) for field, place in named.items()}
        read = {split: reader.examples(files[split], split, "test" in files) for split in SPLITS if split in files}
        pairs = reader.pairs(files["preferences"]) if "preferences" in files else []
        documents = self._documents(found)
        same_ids([*read.items(), ("preferences", pairs)], found)
        check_time(self, read, found)
        check_constant(self, files, found)
        found.raise_any()
        counts = {f"{split}_read": len(rows) for split, rows in read.items()}
        notes: list[str] = []
        splits = {split: [row.example for row in read.get(split, ())] for split in SPLITS}
        self._split_off(splits, notes)
        pairs_kept = self._apart([row.example for row in pairs], splits, notes, counts)
        overlap = self._overlap(splits)
        for split in SPLITS:
            splits[split] = self._limited(splits[split], split, notes)
        counts |= {
            **{split: len(rows) for split, rows in splits.items()},
            **({"documents": len(documents)} if documents else {}),
            "preferences": len(pairs_kept),
        }
        counts |= {name: number for name, number in reader.counts.items() if number} | overlap
        self._say(reader.counts, notes)
        return Splits(
            train=(*splits["train"], *pairs_kept),
            validation=tuple(splits["validation"]),
            test=tuple(splits["test"]),
            documents=documents,
            notes=tuple(notes),
            counts=counts,
            places={row.example.id: row.place for rows in (*read.values(), pairs) for row in rows},
        )

    def _documents(self, found: Findings) -> tuple[Document, ...]:
        corpus = self.corpus()
        try:
            return () if corpus is None else corpus.load().documents
        except Refused as refused:
            for problem in refused.problems:
                found.take(problem)
            return ()

    def _fields(self) -> Fields:
        templates = {
            name: None if getattr(self, name) is None else parse(getattr(self, name))
            for name in ("prompt", "target", "system")
        }
        names = ("references", "messages", "id", "group", "time", "gold_documents", "chosen", "rejected")
        return Fields(**templates, **{name: getattr(self, name) for name in names}, slices=tuple(self.slices))

    def _split_off(self, splits: dict[str, list[Example]], notes: list[str]) -> None:
        """Fills test and validation, where no data is named for them, from the training rows."""
        wanted = [split for split in ("test", "validation") if getattr(self, split) is None and self.train is not None]
        if not wanted:
            return
        rows = splits["train"]
        names, kind = self._unit_names(rows)
        found = units(names, None if self.time is None else [row.time for row in rows])
        if len(found) <= len(wanted):
            what = (
                f"{len(found)} moment{'s' * (len(found) != 1)} in {self.time!r}"
                if self.time
                else f"{len(found)} {kind}{'s' * (len(found) != 1)}"
            )
            why = f"{' and '.join(wanted)} cannot be split off: the {len(rows)} training rows have only {what}"
            fix = f"Name data for {' and '.join(f'dataset.{split}' for split in wanted)}"
            raise Refused([Problem("dataset.train", why, fix)])
        chosen = split_off(found, [getattr(self.split, split) for split in wanted], self.split.seed)
        for split, held in zip(wanted, chosen, strict=True):
            splits[split] = [rows[index] for index in sorted(held)]
            how = f"the latest by {self.time!r}" if self.time else f"seed {self.split.seed}"
            together = (
                f" by group {self.group!r}"
                if self.group
                else ""
                if self.time
                else ", rows with the same prompt together"
            )
            notes.append(f"split off {len(held)} {split} rows of {len(rows)}{together} ({how})")
        gone = set().union(*chosen)
        splits["train"] = [row for index, row in enumerate(rows) if index not in gone]

    def _unit_names(self, rows: list[Example]) -> tuple[list[str], str]:
        """Returns for each row the name of the unit it belongs to.

        A unit without a group is named by the id of its first row and not by its text, so that another wording of the
        prompt template holds out the same rows. Rows that say the same in other words stay together, or the split
        itself would leak; in data too large to look at while planning only rows with exactly the same turns do.
        """
        if self.group is not None:
            return [f"group {row.group}" if row.group is not None else f"row {row.id}" for row in rows], "group"
        if self.time is not None:
            return [row.id for row in rows], "row"
        if self.split.alike and small(rows):
            return [rows[place].id for place in alike_units(rows, SIMILARITY)], "distinct prompt"
        first: dict[Any, str] = {}
        return [first.setdefault(row.turns, row.id) for row in rows], "distinct prompt"

    def _apart(
        self, pairs: list[Example], splits: dict[str, list[Example]], notes: list[str], counts: dict[str, int]
    ) -> list[Example]:
        """Leaves out preference rows that share a group or a prompt with a row that is scored."""
        scored = [*splits["validation"], *splits["test"]]
        groups = {row.group for row in scored} - {None}
        prompts = {row.turns for row in scored}
        kept = [pair for pair in pairs if pair.group not in groups and pair.turns not in prompts]
        if len(kept) < len(pairs):
            counts["preferences_left_out"] = len(pairs) - len(kept)
            notes.append(
                f"left out {len(pairs) - len(kept)} of {len(pairs)} preference rows that share a group or prompt with"
                " evaluation rows"
            )
        return kept

    def _overlap(self, splits: dict[str, list[Example]]) -> dict[str, int]:
        if self.group is None:
            return {}
        trained = {row.group for row in splits["train"]} - {None}
        return {
            "group_overlap": len(trained & {row.group for split in ("validation", "test") for row in splits[split]})
        }

    def _limited(self, rows: list[Example], split: str, notes: list[str]) -> list[Example]:
        most = getattr(self.limit, split)
        kept = [rows[index] for index in first_in_order([row.id for row in rows], most, self.split.seed)]
        if len(kept) < len(rows):
            notes.append(f"kept {len(kept)} of {len(rows)} {split} rows (limit, seed {self.split.seed})")
        return kept

    def _say(self, counts: dict[str, int], notes: list[str]) -> None:
        if counts["rows_without_group"]:
            notes.append(f"{counts['rows_without_group']} rows have no {self.group!r}: each stands for itself")
        if counts["turns_after_the_answer"]:
            notes.append(f"{counts['turns_after_the_answer']} turns after a last assistant turn were left out")
        data = {split: named.fingerprint() for split, named in self.sources().items() if split in SPLITS}
        for split in ("validation", "test"):
            if split in data and data[split] == data.get("train"):
                notes.append(
                    f"dataset.{split} and dataset.train are the same data: a score on it says nothing about new data"
                )
        if self.train is None:
            notes.append("no training rows: dataset.train is null")
        notes.extend(
            f"dataset.{name}: \\n is read as a line break"
            for name in TEMPLATES
            if broken_lines(str(getattr(self, name) or ""))
        )
