"""Keeps an endpoint's limits by spacing requests evenly: no burst that a limit per minute allows and a limit per second
does not.
"""

from __future__ import annotations

import asyncio
import time

MINUTE_SECONDS = 60.0


class Pace:
    """Hands out starting times.

    Args:
        requests_per_minute, tokens_per_minute: limits, None for none.
    """

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._request_seconds = MINUTE_SECONDS / requests_per_minute if requests_per_minute else 0.0
        self._token_seconds = MINUTE_SECONDS / tokens_per_minute if tokens_per_minute else 0.0
        self._next = 0.0

    async def turn(self, tokens: float) -> None:
        """Waits until a request may be sent.

        Args:
            tokens: what it will take, by estimate; used for spacing alone, never for a count or a bill.
        """
        start = max(time.monotonic(), self._next)
        self._next = start + max(self._request_seconds, tokens * self._token_seconds)
        await asyncio.sleep(max(0.0, start - time.monotonic()))

    def hold(self, seconds: float) -> None:
        """Lets nothing through for a while: what one request was told to wait holds for all."""
        self._next = max(self._next, time.monotonic() + seconds)
