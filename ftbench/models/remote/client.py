"""One request to an OpenAI-compatible endpoint, through the official client, and what became of it.

The client's own retries are switched off: here every attempt is counted, and what is final is told from what may pass.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ftbench.models.remote.endpoint import LENGTH_FIELDS, OMITTABLE
from ftbench.models.remote.reply import Malformed, Reply, read_reply
from ftbench.text.secrets import scrub

NO_KEY = "none"
"""Sent where no key is wanted; without one the client would take OPENAI_API_KEY from the environment and send it to
anybody.
"""
PASSING = (408, 409, 425, 429)
"""Statuses below 500 that another attempt may find gone."""
SHOWN_CHARACTERS = 300
_TOO_LONG = re.compile(
    r"context.{0,10}(length|window|size)|maximum (context|model|input)|max_model_len|too many (input )?tokens|prompt is"
    r" too long|exceeds? the (available )?context",
    re.I,
)
_UNWANTED = re.compile(
    r"unsupported|not (be )?(support|permit|allow|accept)|unrecogni[sz]ed|unknown|unexpected|extra (inputs|fields)|only"
    r" the default",
    re.I,
)
_NO_FUNDS = re.compile(r"insufficient_quota|billing|credit balance|exceeded your current quota", re.I)


class Passing(Exception):
    """A failure that may pass; ``wait`` is how many seconds the endpoint asked for, or None."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class RowFailed(Exception):
    """This request will not be answered; others may be.

    ``own``: for what it holds, not for what the endpoint is. ``general``: where none was answered before, none will be.
    """

    def __init__(self, reason: str, own: bool = True, general: bool = False) -> None:
        super().__init__(reason)
        self.own, self.general = own, general


class TooLong(RowFailed):
    """The prompt does not fit the endpoint's window."""


class Fatal(Exception):
    """No request will be answered: the key, the address, the model or the account is wrong."""


class Client:
    """Asks one endpoint.

    Args:
        endpoint: ``ftbench.models.remote.endpoint.Endpoint``.
    """

    def __init__(self, endpoint: Any) -> None:
        from openai import AsyncOpenAI

        self._endpoint = endpoint
        key = os.environ.get(endpoint.api_key_env, "") if endpoint.api_key_env else NO_KEY
        self._client = AsyncOpenAI(
            api_key=key, base_url=endpoint.base_url, max_retries=0, timeout=endpoint.timeout_seconds
        )

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, body: Mapping[str, Any], stops: Sequence[str]) -> Reply:
        """Sends one request once.

        Args:
            body: what is sent, ``model`` included.
            stops: texts that end an answer.

        Raises:
            Passing, RowFailed, TooLong, Fatal: see there.
        """
        import httpx2
        import openai

        start = time.perf_counter()
        try:
            # The client's own time-out is for each piece of a reply; a server that dribbles would never meet it.
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                found, first = await (self._streamed(body, start) if self._endpoint.stream else self._whole(body))
            reply = read_reply(found, stops)
        except Malformed as error:
            raise Passing(told(error)) from error
        except (TimeoutError, openai.APITimeoutError) as error:
            raise Passing(f"no answer within {self._endpoint.timeout_seconds:g} s") from error
        except openai.APIStatusError as error:
            raise _of_status(error, self._endpoint) from error
        except openai.APIConnectionError as error:
            raise Passing(f"cannot be reached ({told(error.__cause__ or error)})") from error
        except (openai.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            raise Passing(f"reply broken off or not readable ({told(error)})") from error
        return replace(reply, seconds=time.perf_counter() - start, first_token_seconds=first)

    def _create(self, raw: bool) -> Any:
        found = self._client.chat.completions if self._endpoint.api == "chat" else self._client.completions
        return found.with_raw_response.create if raw else found.create

    async def _whole(self, body: Mapping[str, Any]) -> tuple[Any, None]:
        known, extra = self._parted(body)
        response = await self._create(raw=True)(**known, extra_body=extra)
        text = response.text
        try:
            return json.loads(text), None
        except ValueError as error:
            kind = response.headers.get("content-type", "no content type")
            shown = scrub(" ".join(text.split()))[:80]
            why = f"replied with {kind} that is no JSON: {shown!r}; does model.base_url end in /v1?"
            raise Malformed(why) from error

    async def _streamed(self, body: Mapping[str, Any], start: float) -> tuple[dict[str, Any], float | None]:
        """Reads a stream to its end and returns it as the body that the same answer has when it is not streamed."""
        known, extra = self._parted(body)
        told_usage = {} if "stream_options" in self._endpoint.omit else {"stream_options": {"include_usage": True}}
        stream = await self._create(raw=False)(**known, **told_usage, stream=True, extra_body=extra)
        texts: list[str] = []
        whole: dict[str, Any] = {}
        reason, first = None, None
        async for chunk in stream:
            data = chunk.to_dict() if hasattr(chunk, "to_dict") else {}
            whole.update(
                {name: data[name] for name in ("id", "model", "system_fingerprint", "usage") if data.get(name)}
            )
            for choice in data.get("choices") or []:
                if choice.get("index", 0) != 0:
                    continue
                text = choice.get("text") if "text" in choice else (choice.get("delta") or {}).get("content")
                if text:
                    first = first if first is not None else time.perf_counter() - start
                    texts.append(text)
                reason = choice.get("finish_reason") or reason
        if reason is None:
            raise Malformed("its stream ended without a finish_reason")
        return {**whole, "choices": [{"index": 0, "text": "".join(texts), "finish_reason": reason}]}, first

    def _parted(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns what the client has names for, and what it passes on as it is."""
        extra = {name: body[name] for name in body if name in self._endpoint.extra_body or name == "top_k"}
        return {name: value for name, value in body.items() if name not in extra}, extra


def _of_status(error: Any, endpoint: Any) -> Exception:
    """Returns what an HTTP status means for the request and for those after it."""
    status, code = error.status_code, str(error.code or "")
    said = _said(error)
    reason = f"HTTP {status}: {said}"
    if status == 401:
        key = (
            f"Check the key in {endpoint.api_key_env}"
            if endpoint.api_key_env
            else "Name the variable that holds the key in model.api_key_env"
        )
        return Fatal(f"{reason.rstrip('.')}. {key}")
    if status == 402 or (status == 429 and _NO_FUNDS.search(f"{code} {said}")):
        return Fatal(reason)
    if status in PASSING or status >= 500:
        return Passing(reason, retry_after(error.response.headers))
    if code == "context_length_exceeded" or status == 413 or (status in (400, 422) and _TOO_LONG.search(said)):
        return TooLong(reason)
    fix = (
        "Check model.name and model.base_url"
        if status == 404
        else _parameter_fix(said, endpoint)
        if status in (400, 422)
        else None
    )
    return RowFailed(
        f"{reason.rstrip('.')}. {fix}" if fix else reason, own=status in (400, 422), general=fix is not None
    )


def _said(error: Any) -> str:
    """Returns what a server says of an error, whatever form its body has."""
    text = re.sub(rf"^Error code: {error.status_code}(?: - )?", "", str(error))
    return told(Exception(text if text.strip() else error.response.text or "no reason given"))


def _parameter_fix(said: str, endpoint: Any) -> str | None:
    """Returns how to send requests without a parameter that an endpoint refuses; None where it speaks of none."""
    if not _UNWANTED.search(said):
        return None
    if re.search(rf"\b{endpoint.max_tokens_field}\b", said):
        other = next(name for name in LENGTH_FIELDS if name != endpoint.max_tokens_field)
        return f"Set model.max_tokens_field={other}"
    refused = [name for name in OMITTABLE if re.search(rf"\b{name}\b", said)]
    return f"Set model.omit=[{','.join(refused)}]" if refused else None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Returns the seconds that an endpoint asks to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as an
    HTTP date; None without.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def told(error: BaseException) -> str:
    """Returns an error in one line without secrets."""
    text = " ".join(str(error).split()) or type(error).__name__
    return scrub(text)[:SHOWN_CHARACTERS]
