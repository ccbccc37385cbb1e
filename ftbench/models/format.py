"""Turns -> text -> token ids, in one place, so that training, generation and likelihood can never disagree about a
prompt.

With a chat template the template writes the prompt, generation marker included, and the text is tokenized as it stands:
no special tokens on top, nothing stripped. A conversation with its answer is rendered as one text, and what follows the
prompt in it, up to the end-of-turn token, is what training learns and generation should write (mistake 41).
Without a template the prompt is plain text: a single question is sent exactly as it
was declared; earlier turns stand before it as ``question\\nanswer\\n\\n``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Turn
from ftbench.models.plain_text import TURN_BREAK, fold_system, plain_parts
from ftbench.models.rendering import UNTRACEABLE, Rest, answer_alone, rest_of, tokens_holding
from ftbench.models.spans import answer_spans

Offsets = list[tuple[int, int]] | None
"""Characters of a text (first, one past the last) that each of its tokens was made of; None if the tokenizer
has none.
"""
NAMED_ENDS = ("<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|end_of_turn|>", "<|endoftext|>")


@dataclass(frozen=True)
class Encoded:
    """A prompt and, where there is one, its target.

    Attributes:
        prompt: the text as sent.
        prompt_ids: its token ids, begin-of-text included; never empty.
        target_ids: token ids of what follows it up to the end of the turn: the target, and whatever the chat template
            writes around it, such as a space; empty without a target.
        end_ids: the end-of-turn token that every target ends in; empty without a target.
        stop_texts: texts that end the answer beside the stop tokens.
        answer: the target's text as the template writes it, some of them without the white space around it.
        answer_tokens: positions in ``target_ids`` (first, one past the last) of the tokens that hold a character of
            ``answer``; None where all of them do.
        separate: why the target was put right after the prompt as it was given; None where the template's own rendering
            was used.
    """

    prompt: str
    prompt_ids: tuple[int, ...]
    target_ids: tuple[int, ...]
    end_ids: tuple[int, ...]
    stop_texts: tuple[str, ...]
    answer: str = ""
    answer_tokens: tuple[int, int] | None = None
    separate: str | None = None

    @property
    def answer_span(self) -> tuple[int, int]:
        """Positions in ``target_ids`` (first, one past the last) of the tokens that hold a character of the answer."""
        return (0, len(self.target_ids)) if self.answer_tokens is None else self.answer_tokens


class Format:
    """The way in which one model is spoken to.

    Args:
        tokenizer: a transformers tokenizer.
        template: the chat template, or None for plain text.
        other_ends: further ids that end an answer (``generation_config.eos_token_id``).
        arguments: what the template takes beside the turns, such as ``enable_thinking``.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: str | None,
        other_ends: Sequence[int] = (),
        arguments: Mapping[str, Any] | None = None,
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
        return self._opened(turns)[1]

    def encode(self, turns: Sequence[Turn], target: str | None = None) -> Encoded:
        """Returns the ids of a prompt and of what follows it.

        The whole conversation is tokenized as one text and cut where the prompt ends. Where a token would straddle that
        cut, what follows is tokenized by itself: the prompt's ids are the same with and without a target.

        Raises:
            FtbenchError: when the chat template refuses the turns.
        """
        accepted, prompt = self._opened(turns)
        prompt_ids = self._ids(prompt) or list(self.stop_ids[:1])
        answered = any(turn.role == "assistant" for turn in turns)
        stop_texts = (TURN_BREAK,) if self.template is None and answered else ()
        if target is None:
            return Encoded(prompt, tuple(prompt_ids), (), (), stop_texts)
        rest = rest_of(self, accepted, prompt, target)
        ids, offsets = self._following(prompt, prompt_ids, rest.text)
        found = tokens_holding(self.tokenizer, ids, offsets, rest)
        if found is None:
            rest = answer_alone(target, UNTRACEABLE)
            ids, _ = self._following(prompt, prompt_ids, rest.text)
            found = 0, len(ids)
        target_ids, end_ids = self._ended(ids, found[1], rest)
        answer_tokens = None if found == (0, len(target_ids)) else found
        around = (rest.answer, answer_tokens, rest.separate)
        return Encoded(prompt, tuple(prompt_ids), target_ids, end_ids, stop_texts, *around)

    def _following(self, prompt: str, prompt_ids: Sequence[int], rest: str) -> tuple[list[int], Offsets]:
        """Returns the token ids of what follows a prompt, with the characters of ``rest`` that each was made of."""
        shift = 0 if self.template is not None else len(self._begin)
        ids, offsets = self._tokenized(prompt + rest)
        ids, count = [*self._begin[:shift], *ids], len(prompt_ids)
        if ids[:count] != list(prompt_ids):
            return self._tokenized(rest)
        if offsets is None:
            return ids[count:], None
        return ids[count:], [(first - len(prompt), last - len(prompt)) for first, last in offsets[count - shift :]]

    def _tokenized(self, text: str) -> tuple[list[int], Offsets]:
        """Returns token ids and the characters that each was made of."""
        fast = self.tokenizer.is_fast
        found = self.tokenizer(text, add_special_tokens=False, **({"return_offsets_mapping": True} if fast else {}))
        if not fast:
            return list(found["input_ids"]), None
        offsets = found["offset_mapping"]
        # Some tokenizers leave a token's spaces out of its offsets: it begins where the one before it ended.
        ended = [0, *(last for _, last in offsets)]
        spans = [(min(first, before), last) for (first, last), before in zip(offsets, ended, strict=False)]
        return list(found["input_ids"]), spans

    def _ended(self, ids: Sequence[int], last: int, rest: Rest) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Cuts what follows a prompt at its end-of-turn token; without one, after the answer, and adds one."""
        rendered = self.template is not None and rest.separate is None
        end = next((i for i in range(last, len(ids)) if ids[i] in self.stop_ids), None) if rendered else None
        return (tuple(ids[:last]), self.stop_ids[:1]) if end is None else (tuple(ids[:end]), (ids[end],))

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
        """Tokenizes a whole prompt. A template has written its own begin-of-text, plain text gets the tokenizer's."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return list(ids) if self.template is not None else [*self._begin, *ids]

    def _tokens(self, text: str, start: int, end: int, ids: Sequence[int]) -> list[int] | None:
        """Returns the positions of the tokens that lie within characters ``start`` to ``end``; None where that cannot
        be told.

        A token that begins before ``start`` belongs to the question; without offsets both cuts must fall between
        tokens.
        """
        shift = 0 if self.template is not None else len(self._begin)
        _, offsets = self._tokenized(text)
        if offsets is not None:
            places = [(shift + i, first, last) for i, (first, last) in enumerate(offsets) if start <= first < end]
            # An end of turn may swallow the white space after it. Another token that reaches further holds other text.
            inside = [i for i, _, last in places if i < len(ids) and (last <= end or ids[i] in self.stop_ids)]
            return inside if inside and places[-1][0] < len(ids) else None
        before, until = self._ids(text[:start]), self._ids(text[:end])
        if list(ids[: len(before)]) != before or list(ids[: len(until)]) != until or len(until) == len(before):
            return None
        return list(range(len(before), len(until)))

    def _begin_ids(self) -> list[int]:
        bos = self.tokenizer.bos_token_id
        return [bos] if bos is not None and self.tokenizer("a")["input_ids"][:1] == [bos] else []

    def accepted(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        """Returns the turns in the form that the chat template renders: as they are, or with the system's text in the
        first question.

        Raises:
            FtbenchError: when it refuses both.
        """
        return self._opened(turns)[0]

    def _opened(self, turns: Sequence[Turn]) -> tuple[Sequence[Turn], str]:
        """Returns the turns as ``accepted`` does, and the prompt that they make."""
        if self.template is None:
            return turns, "".join(plain_parts(turns))
        from jinja2.exceptions import TemplateError

        try:
            return turns, self.render(turns, True)
        except TemplateError as first:
            try:
                folded = fold_system(turns)
                return folded, self.render(folded, True)
            except TemplateError:
                roles = ", ".join(turn.role for turn in turns)
                raise FtbenchError(
                    f"the chat template refuses these turns ({roles}): {first}. Set model.chat_template=none, or change"
                    " the turns"
                ) from first

    def render(self, turns: Sequence[Turn], ask: bool) -> str:
        """Returns the template's text of these turns, ``ask`` for the marker after which the model speaks."""
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        return self.tokenizer.apply_chat_template(
            messages, chat_template=self.template, tokenize=False, add_generation_prompt=ask, **self.arguments
        )

    def _rendered_end(self) -> int | None:
        """Returns the special token that the template writes after an assistant's turn, or None."""
        from jinja2.exceptions import TemplateError

        if self.template is None:
            return None
        probe = "an answer"
        try:
            _, found, after = self.render([Turn("user", "a question"), Turn("assistant", probe)], False).rpartition(
                probe
            )
        except TemplateError:
            return None
        if not found:
            return None
        special = set(self.tokenizer.all_special_ids) | {
            i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special
        }
        return next((i for i in self.tokenizer(after, add_special_tokens=False)["input_ids"] if i in special), None)

    def _named_ends(self) -> list[int]:
        """Returns the ids of end-of-turn tokens that the template mentions under their customary names."""
        vocabulary = self.tokenizer.get_vocab() if self.template is not None else {}
        return [vocabulary[name] for name in NAMED_ENDS if name in vocabulary and name in self.template]
