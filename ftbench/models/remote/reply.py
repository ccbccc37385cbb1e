"""What an endpoint's reply means. Nothing in it is believed unseen: a reply that is not one is told apart from an
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.text.secrets import scrub

FINISHES = {"stop": "stop", "eos": "stop", "end_turn": "stop", "length": "length", "max_tokens": "length"}
"""An endpoint's ``finish_reason`` -> ours. Servers that call it otherwise, or not at all, are taken at their text."""


class Malformed(Exception):
    """A reply that is no answer, in one line; asking again may mend it."""


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        text: up to the first stop text; ``""`` where ``finish`` is ``error``.
        finish: ``stop``, ``length``, or ``error`` for an answer that was withheld.
        error: None, or one line.
        prompt_tokens, cached_tokens, completion_tokens: as the endpoint counted them, None where it did not. Cached
            ones are among the prompt's.
        model: who answered, by the endpoint's word.
        fingerprint: the ``system_fingerprint``, None without one.
        response_id: the endpoint's own id of this reply.
        choices: how many answers came.
        seconds: from sending to the last byte, of the attempt that succeeded.
        first_token_seconds: to the first text, where it was streamed.
        attempts: how often the request was sent.
        shortened: how many parts were left out since the prompt did not fit.
        logprobs: of an echoed text, as the endpoint sent them; None where none were asked for.
    """

    text: str
    finish: str
    error: str | None
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    model: str | None
    fingerprint: str | None
    response_id: str | None
    choices: int
    seconds: float = 0.0
    first_token_seconds: float | None = None
    attempts: int = 1
    shortened: int = 0
    logprobs: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_reply(body: Any, stops: Sequence[str]) -> Reply:
    """Reads the JSON of a chat completion or a completion.

    Args:
        body: the decoded reply.
        stops: texts that end an answer; some servers go on beyond them.

    Raises:
        Malformed: when it holds no answer.
    """
    if not isinstance(body, dict):
        raise Malformed(f"replied with JSON that is no object: {scrub(str(body))[:80]!r}")
    if body.get("error"):
        raise Malformed(f"replied with an error and status 200: {body['error']}")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Malformed("replied without choices")
    choice = next((one for one in choices if isinstance(one, dict) and one.get("index") == 0), choices[0])
    text, refused = _text(choice)
    reason = choice.get("finish_reason")
    finish, error = FINISHES.get(str(reason), "stop"), None
    if reason == "content_filter":
        text, finish, error = "", "error", "the endpoint's content filter withheld the answer"
    elif text is None and finish == "length":
        text = ""  # a model that spent its whole cap on thinking
    elif text is None and refused is not None:
        text = refused
    elif text is None:
        raise Malformed(f"replied with an answer that is null (finish_reason {reason!r})")
    cut = min((text.find(stop) for stop in stops if stop in text), default=None)
    if cut is not None:
        text, finish = text[:cut], "stop"
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    details = usage.get("prompt_tokens_details")
    return Reply(
        text=text,
        finish=finish,
        error=error,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else None,
        completion_tokens=_count(usage.get("completion_tokens")),
        model=_name(body.get("model")),
        fingerprint=_name(body.get("system_fingerprint")),
        response_id=_name(body.get("id")),
        choices=len(choices),
        logprobs=(
            choice["logprobs"] if isinstance(choice.get("logprobs"), dict) and "tokens" in choice["logprobs"] else None
        ),
    )


def _text(choice: dict[str, Any]) -> tuple[str | None, str | None]:
    """Returns the answer and the refusal of a choice, each None where there is none."""
    message = choice.get("message")
    if isinstance(message, dict):
        content, refusal = message.get("content"), message.get("refusal")
    else:
        content, refusal = choice.get("text"), None
    if isinstance(content, list):  # parts, as some servers write them
        content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    if content is not None and not isinstance(content, str):
        raise Malformed(f"replied with an answer that is no text: {str(content)[:80]!r}")
    return content, refusal if isinstance(refusal, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _name(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
