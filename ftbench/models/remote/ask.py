"""Asks an endpoint for every row of a split: so many at once, within its limits, each failure tried again, no answer
paid twice.

A row that fails for good scores zero and stays in n (mistake 15). An endpoint that is dead is no model that
answers badly: then nothing is scored, what was answered is kept, and the same command asks the rest.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Request
from ftbench.models.remote.client import Client, Fatal, Passing, RowFailed, TooLong
from ftbench.models.remote.journal import Journal
from ftbench.models.remote.pace import Pace
from ftbench.models.remote.reply import Reply

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
LONGEST_HOLD_SECONDS = 300.0
"""An endpoint that wants to be left alone for longer is asked another day."""
DEAD_AFTER = 16
"""So many rows in a row that failed for no fault of their own: the endpoint is gone."""
HOPELESS_AFTER = 64
"""So many rows refused before the first answer: it is not the rows."""
CHARACTERS_PER_TOKEN = 4
"""To space requests by; never to count or to bill."""


@dataclass(frozen=True)
class Asked:
    """What became of one row.

    Attributes:
        request: what is left of the context's request.
        reply: the answer, or None where the row failed.
        error: the reason of a row that failed.
        now: whether this attempt asked for it; else the journal knew the answer.
    """

    request: Request
    reply: Reply | None
    error: str | None
    now: bool


def ask_all(
    endpoint: Any,
    requests: Sequence[Request],
    body_of: Callable[[Request], Mapping[str, Any]],
    stops_of: Callable[[Request], Sequence[str]],
    scratch: Path | None,
    progress: Callable[[int, int], None],
) -> list[Asked]:
    """Asks for every request, in any order, and returns what became of each, in order.

    Args:
        endpoint: ``ftbench.models.remote.endpoint.Endpoint``.
        body_of: request -> what is sent.
        stops_of: request -> texts that end its answer.
        scratch: folder for the journal, which outlives a kill; None for none.
        progress: told (rows answered or failed, rows).

    Raises:
        FtbenchError: when the endpoint cannot be asked at all, or every row failed; one line.
    """
    with Journal(scratch) as journal:
        asking = _Asking(endpoint, requests, body_of, stops_of, journal, progress)
        try:
            asyncio.run(asking.run())
        except* (Fatal, _Dead) as group:
            kept = (
                f"; {len(asking.journal.known)} answers are kept, and the same command asks the rest"
                if asking.journal.known and scratch
                else ""
            )
            raise FtbenchError(f"{_place(endpoint)}: {_first(group)}{kept}") from None
        if requests and not any(one.reply is not None and one.reply.finish != "error" for one in asking.found.values()):
            raise FtbenchError(
                f"{_place(endpoint)}: every one of {len(requests)} requests failed; the first:"
                f" {asking.found[0].error or asking.found[0].reply.error}"
            )
        return [asking.found[place] for place in range(len(requests))]


def keys_of(bodies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a key per request: what is sent, and which of its likes it is, since a sampled answer is not that of its
    twin.
    """
    seen: Counter[str] = Counter()
    keys = []
    for body in bodies:
        name = digest(body)
        keys.append(f"{name}/{seen[name]}")
        seen[name] += 1
    return keys


class _Dead(Exception):
    """The endpoint fails every row."""


class _Asking:
    """One walk over the rows of a split."""

    def __init__(
        self, endpoint: Any, requests: Sequence[Request], body_of: Any, stops_of: Any, journal: Journal, progress: Any
    ) -> None:
        self.endpoint, self.requests, self.body_of, self.stops_of = endpoint, requests, body_of, stops_of
        self.journal, self.progress = journal, progress
        self.keys = keys_of([body_of(request) for request in requests])
        self.pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute)
        self.found: dict[int, Asked] = {}
        self.failed_in_a_row = self.refused = 0
        self.heard = asyncio.Event()
        """Set once the first request came back, however: what no request can mend is found out with one."""

    async def run(self) -> None:
        for place, key in enumerate(self.keys):
            if key in self.journal.known:
                reply = Reply(**self.journal.known[key])
                self.found[place] = Asked(
                    _shortened(self.requests[place], reply.shortened), reply, reply.error, now=False
                )
        waiting = iter([place for place in range(len(self.requests)) if place not in self.found])
        client = Client(self.endpoint)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(self.endpoint.concurrency, len(self.requests))):
                    group.create_task(self._work(client, waiting, first=number == 0))
        finally:
            await client.close()

    async def _work(self, client: Client, waiting: Any, first: bool) -> None:
        if not first:
            await self.heard.wait()
        for place in waiting:
            asked = await self._row(client, self.requests[place])
            self.heard.set()
            if asked.reply is not None:
                self.journal.keep(self.keys[place], asked.reply.as_dict())
                self.failed_in_a_row = 0
            self.found[place] = asked
            self.progress(len(self.found), len(self.requests))
        self.heard.set()  # nothing was left to ask

    async def _row(self, client: Client, request: Request) -> Asked:
        """Asks for one row until it is answered or given up."""
        attempt = shortened = 0
        while True:
            attempt += 1
            body = self.body_of(request)
            await self.pace.turn(_guess(body, self.endpoint))
            try:
                reply = await client.ask(body, self.stops_of(request))
                return Asked(request, replace(reply, attempts=attempt, shortened=shortened), reply.error, now=True)
            except TooLong as error:
                if request.shorter is None:
                    return self._given_up(request, error, own=True)
                request, attempt, shortened = request.shorter(), attempt - 1, shortened + 1
            except RowFailed as error:
                if error.general and not self.journal.known:
                    raise Fatal(str(error)) from error
                return self._given_up(request, error, own=error.own)
            except Passing as error:
                self.heard.set()
                if error.wait is not None and error.wait > LONGEST_HOLD_SECONDS:
                    raise Fatal(f"asks to be left alone for {error.wait:.0f} s ({error})") from error
                if attempt >= self.endpoint.attempts:
                    return self._given_up(request, Exception(f"{error} (sent {attempt} times)"), own=False)
                if error.wait is not None:
                    self.pace.hold(error.wait)
                else:
                    await asyncio.sleep(wait_seconds(attempt))

    def _given_up(self, request: Request, error: Exception, own: bool) -> Asked:
        """Returns the row that failed, unless it shows that no row can succeed."""
        if own:
            self.refused += 1
        else:
            self.failed_in_a_row += 1
        if self.failed_in_a_row >= DEAD_AFTER:
            raise _Dead(f"the last {self.failed_in_a_row} requests all failed: {error}")
        if self.refused >= HOPELESS_AFTER and not self.journal.known:
            raise _Dead(f"refused each of the first {self.refused} requests: {error}")
        return Asked(request, None, str(error), now=True)


def wait_seconds(attempt: int) -> float:
    """Returns how long to wait after the so-and-so-manieth attempt: twice as long each time, less up to half of it by
    chance.
    """
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)


def _shortened(request: Request, times: int) -> Request:
    for _ in range(times):
        if request.shorter is not None:
            request = request.shorter()
    return request


def _guess(body: Mapping[str, Any], endpoint: Any) -> float:
    texts = [body["prompt"]] if "prompt" in body else [turn["content"] for turn in body["messages"]]
    return sum(map(len, texts)) / CHARACTERS_PER_TOKEN + body.get(endpoint.max_tokens_field, 0)


def _place(endpoint: Any) -> str:
    return f"model.name={endpoint.name} at {endpoint.base_url}"


def _first(group: BaseExceptionGroup) -> str:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else str(first)
