"""A model behind an OpenAI-compatible endpoint: a hosted API, vLLM, ``transformers serve``, llama.cpp, Ollama."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from ftbench.core.components.model import Model
from ftbench.core.errors import Problem, did_you_mean
from ftbench.cost.tokens import TokenPrice
from ftbench.text.secrets import names_secret

APIS = ("chat", "completions")
LENGTH_FIELDS = ("max_tokens", "max_completion_tokens")
OMITTABLE = ("temperature", "top_p", "seed", "stop", "stream_options")
OWN_FIELDS = ("model", "messages", "prompt", "stream", "n", "echo", "logprobs", *OMITTABLE, *LENGTH_FIELDS)


@dataclass(frozen=True)
class Endpoint(Model):
    """What is asked, where, how fast, and at which price. Its weights are out of reach: they cannot be trained, nor
    their revision known.

    Attributes:
        name: the model as the endpoint calls it.
        base_url: with ``/v1`` where the endpoint has it.
        revision: anything that you know of the served weights (a date, a commit). It is part of the key: another one
            asks again.
        api_key_env: name of the environment variable that holds the key; null sends none.
        api: ``chat`` sends turns, which the endpoint renders; ``completions`` sends one text, as a local model without
            a chat template gets it.
        max_tokens_field: what the endpoint calls the cap on an answer: ``max_tokens``, or ``max_completion_tokens``.
        omit: parameters that the endpoint refuses, out of ``OMITTABLE``.
        extra_body: sent with every request, such as ``{chat_template_kwargs: {enable_thinking: false}}``.
        echo_log_probabilities: ask for the log-probabilities of given answers, so that likelihood metrics have a value:
            for ``completions`` that take ``echo`` and ``logprobs`` together, as vLLM's and llama-cpp-python's do.
        stream: take answers as they are written, which tells the time to the first token.
        concurrency: requests under way at once.
        requests_per_minute, tokens_per_minute: limits that are kept, by even spacing; null for none.
        timeout_seconds: longest wait for one answer.
        attempts: how often one request is sent before its row counts as failed.
        usd_per_million_input, usd_per_million_cached_input, usd_per_million_output: the price; null is unknown.
        price_date, price_source: when and where that price stood.
    """

    key_name: ClassVar[str] = "endpoint"

    NOT_HASHED = (
        "api_key_env",
        "echo_log_probabilities",
        "stream",
        "concurrency",
        "requests_per_minute",
        "tokens_per_minute",
        "timeout_seconds",
        "attempts",
        "usd_per_million_input",
        "usd_per_million_cached_input",
        "usd_per_million_output",
        "price_date",
        "price_source",
    )
    has_weights: ClassVar[bool] = False
    remote: ClassVar[bool] = True

    name: str
    base_url: str
    revision: str | None
    api_key_env: str | None
    api: str
    max_tokens_field: str
    omit: list[str]
    extra_body: dict[str, Any]
    echo_log_probabilities: bool
    stream: bool
    concurrency: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    timeout_seconds: float
    attempts: int
    usd_per_million_input: float | None
    usd_per_million_cached_input: float | None
    usd_per_million_output: float | None
    price_date: str | None
    price_source: str | None

    @property
    def log_probabilities(self) -> bool:  # type: ignore[override]
        """True where likelihood stages are planned; hosted APIs give no log-probabilities of given answers."""
        return self.echo_log_probabilities

    def resolve(self) -> Endpoint:
        return replace(self, base_url=self.base_url.rstrip("/"))

    def check(self) -> list[Problem]:
        problems = [*self._address_problems(), *self._key_problems()]
        for name, options in (("api", APIS), ("max_tokens_field", LENGTH_FIELDS)):
            if vars(self)[name] not in options:
                fix = did_you_mean(vars(self)[name], options)
                problems.append(Problem(f"model.{name}", f"{vars(self)[name]!r} is none of its values", fix))
        if self.echo_log_probabilities and self.api != "completions":
            why = f"model.api={self.api} tells nothing of given answers"
            fix = "Set model.api=completions, or model.echo_log_probabilities=false"
            problems.append(Problem("model.echo_log_probabilities", why, fix))
        for name in self.omit:
            if name not in OMITTABLE:
                fix = did_you_mean(name, OMITTABLE)
                problems.append(Problem("model.omit", f"{name!r} is never sent, or cannot be left out", fix))
        for name in sorted(set(self.extra_body) & set(OWN_FIELDS)):
            fix = "Take it out; decoding.* and model.omit decide it"
            problems.append(Problem("model.extra_body", f"{name} is set by ftbench itself", fix))
        for name, least in (("concurrency", 1), ("attempts", 1)):
            if vars(self)[name] < least:
                problems.append(Problem(f"model.{name}", f"{vars(self)[name]} is too small", f"Give at least {least}"))
        for name in ("requests_per_minute", "tokens_per_minute", "timeout_seconds"):
            value = vars(self)[name]
            if value is not None and not value > 0:
                fix = "Give a number above 0" + (", or null" if name != "timeout_seconds" else "")
                problems.append(Problem(f"model.{name}", f"{value} lets nothing through", fix))
        price = TokenPrice.of(vars(self))
        return problems + (price.problems("model") if price else [])

    def missing(self) -> list[Problem]:
        """Returns why this endpoint, though it can be planned with, cannot be asked from here."""
        problems = []
        if importlib.util.find_spec("openai") is None:
            problems.append(Problem("model", "the package openai is not installed", 'pip install "ftbench[remote]"'))
        if self.api_key_env is not None and not os.environ.get(self.api_key_env):
            fix = f"export {self.api_key_env}=..., or set model.api_key_env=null for an endpoint that wants no key"
            why = f"the environment variable {self.api_key_env} is not set"
            problems.append(Problem("model.api_key_env", why, fix))
        return problems

    def notes(self) -> list[str]:
        known = f"revision {self.revision} by your word" if self.revision else "revision unknown"
        said = [
            f"{self.name} at {self.base_url} is a served model ({known}): what its host changes, nobody here can see,"
            " and answers may not come out again"
        ]
        left = [name for name in self.omit if name in ("temperature", "top_p", "seed")]
        return said + (
            [f"{', '.join(left)} not sent to {self.name}: it decodes by its own defaults, not by decoding.*"]
            if left
            else []
        )

    def _address_problems(self) -> list[Problem]:
        try:
            parts = urlsplit(self.base_url)
            whole = (
                parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            )
        except ValueError:
            why = f"{self.base_url!r} is no address"
            return [Problem("model.base_url", why, "Give one such as http://localhost:8000/v1")]
        if not whole:
            why = f"{self.base_url!r} is no address of a server"
            return [Problem("model.base_url", why, "Give one such as http://localhost:8000/v1")]
        if parts.username or parts.password:
            why = "holds a user name or password, which would be stored"
            return [Problem("model.base_url", why, "Put the key into an environment variable: model.api_key_env=NAME")]
        return []

    def _key_problems(self) -> list[Problem]:
        name = self.api_key_env
        if name is None or (name.isidentifier() and names_secret(name)):
            return []
        # Never show the value: whoever mistook this field for the key itself has typed the key.
        why = "is no name of a variable that holds a secret"
        return [Problem("model.api_key_env", why, "Name one that ends in _API_KEY or _TOKEN, not the key itself")]
