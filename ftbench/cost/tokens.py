"""What a token costs where somebody else serves the model: a dated list price, linear in tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftbench.core.errors import Problem

MILLION = 1_000_000


@dataclass(frozen=True)
class TokenPrice:
    """Dollars per million tokens; None is unknown, and what needs an unknown price is unknown (mistake 31).

    Attributes:
        input: of prompt tokens that were not cached; ``cached_input`` of those that were; ``output`` of all that was
            written.
        date: ISO date at which the price stood; ``source`` where.
    """

    input: float | None
    cached_input: float | None
    output: float | None
    date: str | None
    source: str | None

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> TokenPrice | None:
        """Returns the price in a model's config; None for a model that runs on the cell's own hardware and is paid by
        the hour.
        """
        if "usd_per_million_input" not in model:
            return None
        paid, cached, written = (model[f"usd_per_million_{kind}"] for kind in ("input", "cached_input", "output"))
        return cls(paid, cached, written, model["price_date"], model["price_source"])

    def problems(self, where: str) -> list[Problem]:
        """Returns what is wrong with these prices; ``where`` is the config key of the model."""
        found = []
        for name in ("input", "cached_input", "output"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                fix = "Give dollars per million tokens, or null"
                found.append(Problem(f"{where}.usd_per_million_{name}", f"{value} is no price", fix))
        return found

    def usd(self, tokens: Mapping[str, int]) -> float | None:
        """Returns the price of these tokens.

        Args:
            tokens: ``prompt`` (the cached ones among them), ``cached_prompt`` (0 where absent) and ``completion``.
        """
        if "prompt" not in tokens or "completion" not in tokens:
            return None
        cached = min(tokens.get("cached_prompt", 0), tokens["prompt"])
        parts = (
            (tokens["prompt"] - cached, self.input),
            (cached, self.cached_input),
            (tokens["completion"], self.output),
        )
        if any(count and price is None for count, price in parts):
            return None
        return sum(count * price for count, price in parts if price is not None) / MILLION

    def text(self) -> str:
        """Returns the price as it stands in ``price_basis``."""
        if self.input is None or self.output is None:
            return "price per token unknown: set model.usd_per_million_input and model.usd_per_million_output"
        cached = "unknown" if self.cached_input is None else f"${self.cached_input:g}"
        stood = f"{self.source or 'no source given'}, {self.date or 'no date given'}"
        return f"${self.input:g} input, {cached} cached input, ${self.output:g} output per million tokens ({stood})"
