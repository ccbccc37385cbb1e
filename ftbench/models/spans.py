"""Where in a rendered conversation the assistant speaks, so that training looks at that and at nothing else.

A template that marks it itself (``{% generation %}``) is asked. For others the text is rendered up to each assistant
turn, generation marker included: that is what the model is sent before it speaks, and must be how the whole begins. The
rest is looked for as it would stand were this turn the last answer, then by the turn's own text. The turn ends with the
end-of-turn token after it; whatever a template writes between that and the next turn is not the model's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Turn
from ftbench.models.plain_text import plain_parts
from ftbench.models.rendering import Renderer, Rest, rest_of

_MARKED = re.compile(r"\{%-?\s*generation\s*-?%\}")


def answer_spans(format: Renderer, turns: Sequence[Turn]) -> tuple[list[tuple[int, int]], int]:
    """Finds the assistant turns in ``format.text(turns)``.

    Returns:
        Characters (first, one past the last) of each assistant turn that was found, its end included, and how many were
        not.
    """
    spoken = sum(turn.role == "assistant" for turn in turns)
    if spoken == 0:
        return [], 0
    if format.template is None:
        return _plain(turns), 0
    turns = format.accepted(turns)
    found = _marked(format, turns) if _MARKED.search(format.template) else _rendered(format, turns)
    return found, spoken - len(found)


def _plain(turns: Sequence[Turn]) -> list[tuple[int, int]]:
    system, *parts = plain_parts(turns)
    spans, start = [], len(system)
    for turn, part in zip([turn for turn in turns if turn.role != "system"], parts, strict=True):
        if turn.role == "assistant":
            spans.append((start, start + len(part)))
        start += len(part)
    return spans


def _marked(format: Renderer, turns: Sequence[Turn]) -> list[tuple[int, int]]:
    """Returns the spans that the template marks; an unfinished one, after the generation prompt, holds nothing and is
    left out.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    arguments = {**format.tokenizer.special_tokens_map, **format.arguments}
    rendered, spans = render_jinja_template(
        [messages],
        chat_template=format.template,
        return_assistant_tokens_mask=True,
        add_generation_prompt=True,
        **arguments,
    )
    if rendered[0] != format.render(turns, True):
        return []
    return [(start, end) for start, end in spans[0] if end > start]


def _rendered(format: Renderer, turns: Sequence[Turn]) -> list[tuple[int, int]]:
    from jinja2.exceptions import TemplateError

    whole = format.render(turns, True)
    ends = [format.tokenizer.convert_ids_to_tokens(end) for end in format.stop_ids]
    spans = []
    for index, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        try:
            before = format.render(turns[:index], True)
        except (TemplateError, FtbenchError):
            continue
        rest = rest_of(format, turns[:index], before, turn.content)
        end = _as_last(whole, before, rest, ends) or _by_content(whole, before, turn.content.strip(), ends)
        if end is not None:
            spans.append((len(before), end))
    return spans


def _as_last(whole: str, before: str, rest: Rest, ends: Sequence[str]) -> int | None:
    """Returns where a turn ends that is written as it would be if it were the last answer; None where it is not."""
    closing = [position + len(end) for end in ends if (position := rest.text.find(end, rest.stop)) >= 0]
    own = before + rest.text[: min(closing, default=rest.stop)]
    return len(own) if rest.separate is None and whole.startswith(own) else None


def _by_content(whole: str, before: str, content: str, ends: Sequence[str]) -> int | None:
    """Returns where a turn ends that follows the generation marker, though a last answer would be written otherwise."""
    start = len(before)
    at = whole.find(content, start)
    if not whole.startswith(before) or at < 0 or whole[start:at].strip():
        return None
    last = at + len(content)
    closing = [(position, position + len(end)) for end in ends if (position := whole.find(end, last)) >= 0]
    # Nothing but white space may stand between the answer and its end, or that end is another turn's.
    closing = [(first, end) for first, end in closing if not whole[last:first].strip()]
    return min(closing)[1] if closing else last
