"""Asking an endpoint that misbehaves: what is tried again, what is given up, what is kept, and what is never sent or
stored.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Request, Turn
from ftbench.models.remote import ask
from ftbench.models.remote.ask import HOPELESS_AFTER, ask_all, keys_of, wait_seconds
from ftbench.models.remote.client import retry_after
from ftbench.models.remote.journal import FILE, Journal
from ftbench.models.remote.reply import Malformed, read_reply
from tests.models.remote.scripted import Exchange, Scripted, completion
from tests.models.remote.test_endpoint import ENDPOINT

pytest.importorskip("openai", reason='pip install "ftbench[remote]"')


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(ask, "FIRST_WAIT_SECONDS", 0.01)


@contextmanager
def serving(script):
    server = Scripted(script)
    try:
        yield server
    finally:
        server.close()


def body(request):
    return {
        "model": "m",
        "max_tokens": 4,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.turns],
    }


def requests(count):
    return [Request(f"e{i}", (Turn("user", f"q{i}"),)) for i in range(count)]


def run(server, asked, scratch=None, stops=(), **more):
    endpoint = replace(ENDPOINT, base_url=server.url, **more)
    return ask_all(endpoint, asked, body, lambda request: stops, scratch, lambda done, total: None)


def echo(exchange):
    exchange.send(completion(exchange.question.upper()))


def test_answers_come_in_order_and_no_more_at_once_than_allowed():
    def slow(exchange):
        time.sleep(0.03)
        echo(exchange)

    with serving(slow) as server:
        found = run(server, requests(20), concurrency=3)
    assert [one.reply.text for one in found] == [f"Q{i}" for i in range(20)] and server.most_at_once == 3
    assert (found[0].reply.prompt_tokens, found[0].reply.cached_tokens, found[0].reply.completion_tokens) == (10, 4, 2)


PASSES = {
    "429": lambda e: e.fail(429),
    "500": lambda e: e.fail(500),
    "503": lambda e: e.fail(503),
    "cut": Exchange.cut,
    "no choices": lambda e: e.send(completion("x", choices=[])),
    "null": lambda e: e.send(completion(None)),
    "garbage": lambda e: e.send(b'{"choices": [', kind="application/json"),
    "page": lambda e: e.send(b"<html>Bad gateway</html>", kind="text/html"),
    "a list": lambda e: e.send([1]),
    "error in 200": lambda e: e.send({"error": {"message": "overloaded"}}),
    "no JSON at all": lambda e: e.send(b"", kind="text/plain"),
    "number": lambda e: e.send(
        completion("x", choices=[{"index": 0, "message": {"content": 7}, "finish_reason": "stop"}])
    ),
}


@pytest.mark.parametrize("name", PASSES)
def test_what_may_pass_is_asked_again(name):
    def script(exchange):
        (PASSES[name] if exchange.question == "q1" and exchange.times == 0 else echo)(exchange)

    with serving(script) as server:
        found = run(server, requests(3))
    assert [one.reply.text for one in found] == ["Q0", "Q1", "Q2"]
    assert [one.reply.attempts for one in found] == [1, 2, 1] and len(server.asked) == 4


@pytest.mark.parametrize("name", PASSES)
def test_15_what_never_passes_is_a_failed_row_after_the_stated_number_of_attempts(name):
    with serving(lambda exchange: (PASSES[name] if exchange.question == "q1" else echo)(exchange)) as server:
        found = run(server, requests(3))
    assert [one.reply is None for one in found] == [False, True, False]
    assert "sent 3 times" in found[1].error and "\n" not in found[1].error and len(server.asked) == 5


def test_a_slow_answer_and_one_that_dribbles_are_timed_out():
    def dribble(exchange):
        exchange.handler.send_response(200)
        exchange.handler.send_header("Content-Length", "1000")
        exchange.handler.end_headers()
        for _ in range(20):
            exchange.handler.wfile.write(b" ")
            exchange.handler.wfile.flush()
            time.sleep(0.05)

    def script(exchange):
        if exchange.question == "q1":
            dribble(exchange)
        elif exchange.question == "q2" and exchange.times == 0:
            time.sleep(0.6)
        else:
            echo(exchange)

    with serving(script) as server:
        start = time.monotonic()
        found = run(server, requests(3), timeout_seconds=0.3, attempts=2)
    assert time.monotonic() - start < 3
    assert found[1].reply is None and "no answer within 0.3 s" in found[1].error and found[2].reply.attempts == 2


def test_retry_after_is_honoured_by_all_requests():
    times = []

    def script(exchange):
        times.append(time.monotonic())
        if len(times) == 1:
            exchange.fail(429, Retry_After="0.5")
        else:
            echo(exchange)

    with serving(script) as server:
        found = run(server, requests(3), concurrency=1)
    assert [one.reply.text for one in found] == ["Q0", "Q1", "Q2"] and times[1] - times[0] >= 0.5


def test_an_endpoint_that_wants_to_be_left_alone_for_long_is_not_waited_for():
    with (
        serving(lambda exchange: exchange.fail(429, Retry_After="86400")) as server,
        pytest.raises(FtbenchError, match="left alone for 86400 s"),
    ):
        run(server, requests(1))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Mon, 23 Nov 2026 18:00:30 GMT"}, 30),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(headers, seconds):
    assert retry_after(headers, datetime(2026, 11, 23, 18, 0, tzinfo=UTC)) == seconds


@given(st.integers(1, 40))
def test_waits_grow_and_stay_bounded(attempt):
    full = min(ask.LONGEST_WAIT_SECONDS, ask.FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
    assert full / 2 <= wait_seconds(attempt) <= full


def test_limits_per_minute_are_kept():
    with serving(echo) as server:
        start = time.monotonic()
        run(server, requests(4), requests_per_minute=600.0)
        by_requests = time.monotonic() - start
        start = time.monotonic()
        run(server, requests(4), tokens_per_minute=2700.0)  # 4.5 tokens a request: a tenth of a second
        by_tokens = time.monotonic() - start
    assert by_requests >= 0.3 and by_tokens >= 0.3


def test_a_dead_endpoint_is_not_scored_as_a_bad_model():
    with serving(echo) as server:
        dead = server
    with pytest.raises(
        FtbenchError,
        match=r"model.name=m at http://127.0.0.1:\d+/v1: every one of 3 requests failed; the first: cannot be reached",
    ):
        run(dead, requests(3))


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (402, None), (429, "insufficient_quota")])
def test_without_leave_nothing_more_is_asked(status, code):
    with (
        serving(lambda exchange: exchange.fail(status, "who are you", code)) as server,
        pytest.raises(FtbenchError, match="who are you"),
    ):
        run(server, requests(200), concurrency=8)
    assert len(server.asked) == 1


def test_an_endpoint_that_dies_on_the_way_loses_nothing_and_is_asked_only_for_the_rest(tmp_path):
    alive = {"q": 30}

    def script(exchange):
        if exchange.number < alive["q"]:
            echo(exchange)
        else:
            exchange.fail(503)

    with serving(script) as server:
        with pytest.raises(
            FtbenchError,
            match=(
                r"the last 16 requests all failed: HTTP 503.*; 30 answers are kept, and the same command asks the rest"
            ),
        ):
            run(server, requests(60), tmp_path, attempts=1, concurrency=2)
        before = len(server.asked)
        alive["q"] = 10**9
        found = run(server, requests(60), tmp_path)
        assert len(server.asked) - before == 30
    assert [one.reply.text for one in found] == [f"Q{i}" for i in range(60)] and sum(one.now for one in found) == 30


def test_rows_that_are_refused_for_their_own_sake_fail_alone():
    with serving(
        lambda exchange: exchange.fail(400, "bad word") if exchange.question in ("q1", "q4") else echo(exchange)
    ) as server:
        found = run(server, requests(6))
    assert [number for number, one in enumerate(found) if one.reply is None] == [1, 4] and "bad word" in found[1].error
    assert len(server.asked) == 6


def test_what_no_request_may_hold_is_found_out_soon():
    with (
        serving(lambda exchange: exchange.fail(400, "your account is odd")) as server,
        pytest.raises(FtbenchError, match="your account is odd"),
    ):
        run(server, requests(500), concurrency=4)
    assert len(server.asked) <= HOPELESS_AFTER + 4


@pytest.mark.parametrize(
    ("status", "answer", "fix"),
    [
        (
            401,
            {"error": {"message": "Incorrect API key provided."}},
            r"HTTP 401: Incorrect API key provided. Name the variable that holds the key in model.api_key_env$",
        ),
        (
            404,
            {"error": {"message": "The model `m` does not exist"}},
            r"HTTP 404: .*does not exist. Check model.name and model.base_url$",
        ),
        (
            400,
            {"error": {"message": "Unsupported value: 'temperature' does not support 0.0 with this model."}},
            r"model. Set model.omit=\[temperature\]$",
        ),
        (
            400,
            {
                "error": {
                    "message": (
                        "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
                    )
                }
            },
            "Set model.max_tokens_field=max_completion_tokens$",
        ),
        (
            422,
            {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
            r"Extra inputs.*Set model.omit=\[seed\]$",
        ),
        (404, b"<html>nginx</html>", "HTTP 404: <html>nginx</html>. Check model.name"),
    ],
)
def test_what_is_wrong_for_all_requests_is_told_after_one_with_its_fix(status, answer, fix):
    with serving(lambda exchange: exchange.send(answer, status)) as server, pytest.raises(FtbenchError, match=fix):
        run(server, requests(200), concurrency=8)
    assert len(server.asked) == 1


def test_what_looks_like_it_once_answers_have_come_fails_its_row_alone():
    script = lambda exchange: exchange.fail(404, "gone for a moment") if exchange.question == "q7" else echo(exchange)  # noqa: E731
    with serving(script) as server:
        found = run(server, requests(12), concurrency=3)
    assert [number for number, one in enumerate(found) if one.reply is None] == [7]


def test_nothing_is_waited_for_where_all_is_answered(tmp_path):
    with serving(echo) as server:
        run(server, requests(3), tmp_path)
        assert all(not one.now for one in run(server, requests(3), tmp_path))
        assert len(server.asked) == 3


def test_what_does_not_fit_is_shortened_by_rule_and_the_question_never():
    def script(exchange):
        if len(exchange.question) > 6:
            exchange.fail(400, "This model's maximum context length is 6 tokens", "context_length_exceeded")
        else:
            echo(exchange)

    def grown(size):
        return Request("e", (Turn("user", "d" * size + "q"),), shorter=(lambda: grown(size - 1)) if size else None)

    with serving(script) as server:
        found = run(
            server, [grown(8), Request("long", (Turn("user", "much too long"),)), Request("f", (Turn("user", "q"),))]
        )
    assert (
        found[0].reply.text == "DDDDDQ"
        and found[0].reply.shortened == 3
        and found[0].request.turns[0].content == "dddddq"
    )
    assert found[1].reply is None and "maximum context length" in found[1].error


def test_no_answer_is_paid_twice_when_its_journal_is_torn(tmp_path):
    with serving(echo) as server:
        run(server, requests(5), tmp_path)
        path = tmp_path / FILE
        whole = path.read_bytes()
        path.write_bytes(whole[:-10])
        found = run(server, requests(5), tmp_path)
        assert len(server.asked) == 6 and [one.reply.text for one in found] == [f"Q{i}" for i in range(5)]
        run(server, requests(5), tmp_path)
        assert len(server.asked) == 6
    with Journal(tmp_path) as journal:
        assert len(journal.known) == 5


def test_the_same_request_twice_is_asked_twice():
    twins = [Request("a", (Turn("user", "q"),)), Request("b", (Turn("user", "q"),))]
    assert len(set(keys_of([body(one) for one in twins]))) == 2
    with serving(lambda exchange: exchange.send(completion(str(exchange.number)))) as server:
        assert sorted(one.reply.text for one in run(server, twins)) == ["0", "1"]


def test_the_key_is_sent_and_is_in_no_error_and_no_journal(tmp_path, monkeypatch):
    key = "a-very-secret-value-17"
    monkeypatch.setenv("THEIR_API_KEY", key)
    with serving(
        lambda exchange: exchange.fail(400, f"you sent {key}") if exchange.question == "q1" else echo(exchange)
    ) as server:
        found = run(server, requests(2), tmp_path, api_key_env="THEIR_API_KEY")
        assert server.headers[0]["authorization"] == f"Bearer {key}"
    assert "***" in found[1].error and key not in found[1].error and key.encode() not in (tmp_path / FILE).read_bytes()
    with (
        serving(lambda exchange: exchange.fail(401, f"wrong key {key}")) as server,
        pytest.raises(FtbenchError) as told,
    ):
        run(server, requests(2), api_key_env="THEIR_API_KEY")
    assert key not in str(told.value)


@pytest.mark.parametrize("before", range(50, 82, 4))
def test_a_key_across_the_place_where_a_reply_is_cut_is_masked(before, monkeypatch):
    key = "a-very-secret-value-17"
    monkeypatch.setenv("THEIR_API_KEY", key)
    text, longer = f"{'x' * before} {key}", f"{'x' * (before + 110)} {key}"
    for body in (text.encode(), {"error": {"message": longer}}, [text]):

        def script(exchange, body=body):
            exchange.send(body) if exchange.question == "q1" else echo(exchange)

        with serving(script) as server:
            found = run(server, requests(2), api_key_env="THEIR_API_KEY", attempts=1)
        assert "a-v" not in found[1].error, found[1].error


def test_a_key_of_another_host_is_not_sent_to_this_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-elses-key")
    with serving(echo) as server:
        run(server, requests(1))
    assert "somebody" not in json.dumps(server.headers)


def test_streams_are_put_together_and_a_stream_that_breaks_off_is_asked_again():
    def script(exchange):
        exchange.stream(["A", "B", "C"], finish=None if exchange.question == "q1" and exchange.times == 0 else "length")

    with serving(script) as server:
        found = run(server, requests(2), stream=True)
    assert [one.reply.text for one in found] == ["ABC", "ABC"] and found[1].reply.attempts == 2
    assert (
        found[0].reply.finish == "length"
        and found[0].reply.completion_tokens == 3
        and 0 < found[0].reply.first_token_seconds <= found[0].reply.seconds
    )
    assert server.asked[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("more", "text", "finish"),
    [
        ({}, "x", "stop"),
        ({"finish_reason": "length"}, "x", "length"),
        ({"finish_reason": "content_filter"}, "", "error"),
        ({"finish_reason": "eos"}, "x", "stop"),
        ({"finish_reason": None}, "x", "stop"),
    ],
)
def test_finish_reasons_are_mapped(more, text, finish):
    reply = read_reply(completion("x", **more), ())
    assert (reply.text, reply.finish, reply.error is not None) == (text, finish, finish == "error")


def test_replies_are_read_as_what_they_are():
    assert read_reply(completion("one STOP two", finish_reason="length"), ("STOP",)).text == "one "
    assert read_reply(completion(None, finish_reason="length"), ()).text == ""
    assert (
        read_reply(
            completion(
                None,
                choices=[{"index": 0, "message": {"content": None, "refusal": "I will not"}, "finish_reason": "stop"}],
            ),
            (),
        ).text
        == "I will not"
    )
    assert read_reply({"choices": [{"text": "plain", "finish_reason": "stop"}]}, ()).prompt_tokens is None
    assert (
        read_reply(completion("x", usage={"prompt_tokens": -1, "completion_tokens": "2"}), ()).completion_tokens is None
    )
    two = completion(
        "x", choices=[{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]
    )
    assert (read_reply(two, ()).text, read_reply(two, ()).choices) == ("a", 2)
    for bad in (None, [], "text", {}, {"choices": None}, {"choices": [None]}, completion(None), {"error": "no"}):
        with pytest.raises(Malformed):
            read_reply(bad, ())
