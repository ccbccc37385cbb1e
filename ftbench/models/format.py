"""Turns -> text -> token ids, in one place, so that training, generation and likelihood can never disagree about a prompt.

With a chat template the template writes the prompt, generation marker included, and the text is tokenised as it stands:
no special tokens on top, nothing stripped. Without one the prompt is plain text: a single question is sent exactly as it
was declared; earlier turns stand before it as ``question\\nanswer\\n\\n``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Turn
from ftbench.models.spans import answer_spans

TURN_BREAK = "\n\n"
NAMED_ENDS = ("<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|end_of_turn|>", "<|endoftext|>")


@dataclass(frozen=True)
class Encoded:
    """A prompt and, where there is one, its target.

    Attributes:
        prompt: the text as sent.
        prompt_ids: its token ids, begin-of-text included; never empty.
        target_ids: token ids of the target's text alone; empty without a target.
        end_ids: the end-of-turn token that every target ends in; empty without a target.
        stop_texts: texts that end the answer beside the stop tokens.
    """

    prompt: str
    prompt_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    end_ids: tuple[int, ...]
    stop_texts: tuple[str, ...]


class Format:
    """The way in which one model is spoken to.

    Args:
        tokenizer: a transformers tokenizer.
        template: the chat template, or None for plain text.
        other_ends: further ids that end an answer (``generation_config.eos_token_id``).
        arguments: what the template takes beside the turns, such as ``enable_thinking``.
    """

    def __init__(
        self, tokenizer: Any, template: str | None, other_ends: Sequence[int] = (), arguments: Mapping[str, Any] | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.arguments = dict(arguments or {})
        rendered = self._rendered_end()
        eos = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        ends = [*([] if rendered is None else [rendered]), *eos, *other_ends, *self._named_ends()]
        self.stop_ids: tuple[int, ...] = tuple(dict.fromkeys(int(end) for end in ends))
        """Every id that ends an answer; the first is the one that targets end in. Empty for a model without any."""
        self._begin = self._begin_ids()

    def notes(self) -> list[str]:
        return [] if self.template is not None else ["no chat template: plain text"]

    def text(self, turns: Sequence[Turn]) -> str:
        """Returns the prompt as sent: everything up to where the answer begins."""
        return self.render(self.accepted(turns), True) if self.template is not None else "".join(plain_parts(turns))

    def encode(self, turns: Sequence[Turn], target: str | None = None) -> Encoded:
        """Returns the ids of a prompt and of its target.

        Prompt and target are tokenised together, as one text is, and cut where the prompt ends. Where a token would
        straddle that cut, the two are tokenised apart: the prompt's ids are the same with and without a target.

        Raises:
            FtbenchError: when the chat template refuses the turns.
        """
        prompt = self.text(turns)
        prompt_ids = self._ids(prompt) or list(self.stop_ids[:1])
        answered = any(turn.role == "assistant" for turn in turns)
        stop_texts = (TURN_BREAK,) if self.template is None and answered else ()
        if target is None:
            return Encoded(prompt, tuple(prompt_ids), (), (), stop_texts)
        together = self._ids(prompt + target)
        if together[: len(prompt_ids)] == prompt_ids:
            target_ids = together[len(prompt_ids) :]
        else:
            target_ids = self.tokenizer(target, add_special_tokens=False)["input_ids"]
        return Encoded(prompt, tuple(prompt_ids), tuple(target_ids), self.stop_ids[:1], stop_texts)

    def answered(self, turns: Sequence[Turn], prompt_ids: Sequence[int]) -> tuple[tuple[bool, ...], int]:
        """Finds the assistant turns that stand inside a prompt, each from where it begins to its end-of-turn token.

        Args:
            turns: what ``prompt_ids`` were encoded from.

        Returns:
            One flag per prompt token, and how many assistant turns could not be told from the text around them.
        """
        found, missed = answer_spans(self, turns)
        flags = [False] * len(prompt_ids)
        text = self.text(turns) if found else ""
        for start, end in found:
            tokens = self._tokens(text, start, end, prompt_ids)
            if tokens is None:
                missed += 1
            for position in tokens or ():
                flags[position] = True
        return tuple(flags), missed

    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of generated ids, special tokens left out."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _ids(self, text: str) -> list[int]:
        """Tokenises a whole prompt. A template has written its own begin-of-text, plain text gets the tokenizer's."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return list(ids) if self.template is not None else [*self._begin, *ids]

    def _tokens(self, text: str, start: int, end: int, ids: Sequence[int]) -> list[int] | None:
        """Returns the positions of the tokens that lie within characters ``start`` to ``end``; None where that cannot be told.

        A token that begins before ``start`` belongs to the question; without offsets both cuts must fall between tokens.
        """
        shift = 0 if self.template is not None else len(self._begin)
        if self.tokenizer.is_fast:
            offsets = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            inside = [shift + i for i, (first, last) in enumerate(offsets) if start <= first < last <= end]
            return inside if inside and inside[-1] < len(ids) else None
        before, until = self._ids(text[:start]), self._ids(text[:end])
        if list(ids[: len(before)]) != before or list(ids[: len(until)]) != until or len(until) == len(before):
            return None
        return list(range(len(before), len(until)))

    def _begin_ids(self) -> list[int]:
        bos = self.tokenizer.bos_token_id
        return [bos] if bos is not None and self.tokenizer("a")["input_ids"][:1] == [bos] else []

    def accepted(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        """Returns the turns in the form that the chat template renders: as they are, or with the system's text in the first question.

        Raises:
            FtbenchError: when it refuses both.
        """
        from jinja2.exceptions import TemplateError

        try:
            self.render(turns, True)
            return turns
        except TemplateError as first:
            try:
                folded = _fold_system(turns)
                self.render(folded, True)
                return folded
            except TemplateError:
                roles = ", ".join(turn.role for turn in turns)
                raise FtbenchError(f"the chat template refuses these turns ({roles}): {first}. Set model.chat_template=none, or change the turns") from first

    def render(self, turns: Sequence[Turn], ask: bool) -> str:
        """Returns the template's text of these turns, ``ask`` for the marker after which the model speaks."""
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        return self.tokenizer.apply_chat_template(messages, chat_template=self.template, tokenize=False, add_generation_prompt=ask, **self.arguments)

    def _rendered_end(self) -> int | None:
        """Returns the special token that the template writes after an assistant's turn, or None."""
        from jinja2.exceptions import TemplateError

        if self.template is None:
            return None
        probe = "an answer"
        try:
            _, found, after = self.render([Turn("user", "a question"), Turn("assistant", probe)], False).rpartition(probe)
        except TemplateError:
            return None
        if not found:
            return None
        special = set(self.tokenizer.all_special_ids) | {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        return next((i for i in self.tokenizer(after, add_special_tokens=False)["input_ids"] if i in special), None)

    def _named_ends(self) -> list[int]:
        """Returns the ids of end-of-turn tokens that the template mentions under their customary names."""
        vocabulary = self.tokenizer.get_vocab() if self.template is not None else {}
        return [vocabulary[name] for name in NAMED_ENDS if name in vocabulary and name in self.template]


def plain_parts(turns: Sequence[Turn]) -> list[str]:
    """Returns turns as plain text, one part for the system and one for each other turn.

    A question that follows answered ones ends as those did, so that the pattern holds.
    """
    spoken = [turn for turn in turns if turn.role != "system"]
    parts = ["".join(turn.content + TURN_BREAK for turn in turns if turn.role == "system")]
    answered = any(turn.role == "assistant" for turn in spoken)
    for turn in spoken:
        if turn.role == "assistant":
            parts.append(turn.content + TURN_BREAK)
        else:
            parts.append(turn.content + ("\n" if answered and not turn.content[-1:].isspace() else ""))
    return parts


def _fold_system(turns: Sequence[Turn]) -> list[Turn]:
    """Returns the turns with the system's text put before the first question, for templates that know no system role."""
    system = TURN_BREAK.join(turn.content for turn in turns if turn.role == "system")
    rest = [turn for turn in turns if turn.role != "system"]
    if not system or not rest:
        return list(turns)
    return [Turn(rest[0].role, system + TURN_BREAK + rest[0].content), *rest[1:]]
