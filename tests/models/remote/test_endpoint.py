"""What of an endpoint is refused while planning, and what of it is in a key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftbench.models.remote.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="m",
    base_url="http://localhost:8000/v1",
    revision=None,
    api_key_env=None,
    api="chat",
    max_tokens_field="max_tokens",
    omit=[],
    extra_body={},
    echo_log_probabilities=False,
    stream=False,
    concurrency=4,
    requests_per_minute=None,
    tokens_per_minute=None,
    timeout_seconds=5.0,
    attempts=3,
    usd_per_million_input=None,
    usd_per_million_cached_input=None,
    usd_per_million_output=None,
    price_date=None,
    price_source=None,
)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("base_url", "localhost:8000", "is no address of a server"),
        ("base_url", "http://[", "is no address"),
        ("base_url", "http://me@host/v1", "holds a user name or password"),
        ("api_key_env", "sk-abc-def-123", "is no name of a variable that holds a secret"),
        ("api_key_env", "HOME", "is no name of a variable that holds a secret"),
        ("omit", ["temprature"], "Did you mean temperature?"),
        ("extra_body", {"temperature": 1}, "is set by ftbench itself"),
        ("concurrency", 0, "too small"),
        ("api", "chats", "Did you mean chat?"),
        ("timeout_seconds", 0.0, "lets nothing through"),
        ("requests_per_minute", -1.0, "lets nothing through"),
        ("echo_log_probabilities", True, "Set model.api=completions"),
        ("usd_per_million_input", -1.0, "is no price"),
        ("attempts", 0, "too small"),
    ],
)
def test_what_cannot_be_asked_is_refused_while_planning(field, value, told):
    (problem,) = replace(ENDPOINT, **{field: value}).check()
    assert told in str(problem) and "abc-def" not in str(problem)


def test_38_what_can_change_an_answer_is_in_the_key_and_what_cannot_is_not():
    neutral = {
        "concurrency": 2,
        "usd_per_million_input": 3.0,
        "api_key_env": "X_API_KEY",
        "attempts": 9,
        "stream": True,
        "echo_log_probabilities": True,
        "base_url": "http://localhost:8000/v1/",
    }
    telling = {
        "name": "n",
        "base_url": "http://localhost:1/v1",
        "revision": "may",
        "extra_body": {"a": 1},
        "api": "completions",
        "omit": ["seed"],
        "max_tokens_field": "max_completion_tokens",
    }
    own = ENDPOINT.resolve().identity()
    assert ENDPOINT.check() == [] and all(
        replace(ENDPOINT, **{name: value}).resolve().identity() == own for name, value in neutral.items()
    )
    others = [str(replace(ENDPOINT, **{name: value}).resolve().identity()) for name, value in telling.items()]
    assert len({str(own), *others}) == 1 + len(telling)
