"""Named instructions: what is said to the model beside the question, the same for every row of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ftbench.core.component import Component
from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import Example, Request, Turn

PLACES = ("system", "question")
BREAK = "\n\n"


@dataclass(frozen=True)
class Prompt(Component):
    """One instruction.

    A tuned model is trained with the instruction that it is asked with: another one would be a straw man.

    Attributes:
        instruction: the text; null for none.
        place: ``system`` adds it to the system's turn, which a chat template without one shows before the first
            question; ``question`` puts it right before the last question, after worked examples.
    """

    axis: ClassVar[str] = "prompt"
    key_name: ClassVar[str] = "instruction"

    instruction: str | None
    place: str

    @property
    def empty(self) -> bool:
        """True without an instruction: then nothing of it is in any key."""
        return self.instruction is None

    @property
    def uses_seed(self) -> bool:
        return False

    def check(self) -> list[Problem]:
        problems = []
        if self.place not in PLACES:
            problems.append(Problem("prompt.place", f"{self.place!r} is no place", did_you_mean(self.place, PLACES)))
        if self.instruction is not None and not self.instruction.strip():
            problems.append(Problem("prompt.instruction", "is empty", "Write an instruction, or null for none"))
        return problems

    def turns(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """Returns a conversation with the instruction in its place."""
        if self.instruction is None:
            return tuple(turns)
        if self.place == "question":
            *before, asked = turns
            return (*before, Turn(asked.role, self.instruction + BREAK + asked.content))
        if turns and turns[0].role == "system":
            return (Turn("system", turns[0].content + BREAK + self.instruction), *turns[1:])
        return (Turn("system", self.instruction), *turns)

    def request(self, request: Request) -> Request:
        """Returns a request with the instruction; it stays when the request is made shorter."""
        rest = request.shorter
        return replace(
            request, turns=self.turns(request.turns), shorter=None if rest is None else lambda: self.request(rest())
        )

    def examples(self, examples: Sequence[Example]) -> list[Example]:
        """Returns training rows with the instruction."""
        return [replace(example, turns=self.turns(example.turns)) for example in examples]
