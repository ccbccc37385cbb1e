"""The documents of ``dataset=files``, apart from its rows: what cannot be retrieved from stops only the cells that
retrieve.

Also what makes any document unfit to be retrieved from: ``unfit_documents``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ftbench.core.canonical import digest
from ftbench.core.component import Remote
from ftbench.core.components.dataset import Dataset
from ftbench.core.errors import Problem, Problems, Refused
from ftbench.core.example import Document, Splits
from ftbench.data.checks import check_template
from ftbench.data.findings import Findings
from ftbench.data.rows import Fields, Reader
from ftbench.data.sources import DOCUMENTS, HubData, LocalFiles, source
from ftbench.data.template import broken_lines, parse

LONGEST_CHARACTERS = 10_000_000
"""Longest document: a longer one is a whole corpus in one row."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_CONTROL_SHARE = 0.02
_TOLD = 5
_loaded: dict[str, Splits] = {}


@dataclass(frozen=True)
class Corpus(Dataset):
    """Documents from files or the hub.

    Attributes:
        documents: what ``dataset.documents`` names.
        id, text, time: the columns (the text also a template) that ``dataset.document_id`` and its kin name.
    """

    key_name: ClassVar[str] = "corpus"

    documents: Any
    id: str | None
    text: Any
    time: str | None

    uses_seed: ClassVar[bool] = False

    def source(self) -> LocalFiles | HubData:
        """Raises:
        Refused: when it names nothing.
        """
        return source(self.documents, DOCUMENTS, "train")

    def inspectable(self) -> bool:
        """True when ``load`` reads local files only, and so may be called while planning."""
        return isinstance(self.source(), LocalFiles)

    def remotes(self) -> list[Remote]:
        named = self.source()
        return [Remote("dataset", named.name, named.revision)] if isinstance(named, HubData) else []

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "documents": self.source().fingerprint()}

    def resolve(self) -> Corpus:
        return replace(self, documents=self.source().resolved())

    def check(self) -> list[Problem]:
        found = Findings()
        try:
            self.source()
        except Refused as refused:
            for problem in refused.problems:
                found.take(problem)
        if self.text is None:
            fix = "Set dataset.document_text=COLUMN (text, for a folder of .txt and .md files)"
            found.add("dataset.document_text", "dataset.documents is set and no text of them", fix)
        else:
            check_template(self.text, "dataset.document_text", found)
        return found.problems

    def load(self) -> Splits:
        """Reads the documents, and no rows; once per process for the same identity.

        Raises:
            Refused: with every bad file and row, and every document that cannot be retrieved from.
        """
        problems = self.check()
        if problems:
            raise Refused(problems)
        memo = digest(self.identity())
        if memo not in _loaded:
            found = Findings()
            text = self.text if "{" in self.text else "{" + self.text + "}"
            reader = Reader(Fields(**dict.fromkeys(Fields.__dataclass_fields__, None) | {"slices": ()}), False, found)
            documents = reader.documents(self.source().rows(found), self.id, parse(text), self.time)
            for problem in unfit_documents(documents):
                found.take(problem)
            found.raise_any()
            notes = ["dataset.document_text: \\n is read as a line break"] if broken_lines(self.text) else []
            unread = self.source().unread
            if unread:
                notes.append(
                    f"{DOCUMENTS}: its files ending in {', '.join(unread)} are not read; turn them into .txt or .md"
                )
            _loaded[memo] = Splits((), (), (), tuple(documents), tuple(notes), {"documents": len(documents)})
        return _loaded[memo]


def unfit_documents(documents: Iterable[Document]) -> list[Problem]:
    """Returns a problem for each of the first documents that is no text, or too long to be one, and one for all
    others.
    """
    problems = Problems()
    for document in documents:
        place = f"{DOCUMENTS}: {document.id!r}"
        if len(document.text) > LONGEST_CHARACTERS:
            why = f"is one document of {len(document.text):,} characters, more than {LONGEST_CHARACTERS:,}"
            problems.add(place, why, "Write one document a row; chunks are cut from documents, not from a whole corpus")
        elif not document.text.strip():
            problems.add(place, "is empty", "Take it out, or give it a text")
        elif (strange := len(_CONTROL.findall(document.text))) > _CONTROL_SHARE * len(document.text):
            why = f"is no text: {strange} of {len(document.text)} characters are control characters or unreadable"
            problems.add(place, why, "Turn it into text first (a PDF or Word file is none), or take it out")
    if len(problems) > _TOLD:
        rest = Problem(DOCUMENTS, f"{len(problems) - _TOLD} more are like these", "Mend them in the same way")
        return [*problems[:_TOLD], rest]
    return problems
