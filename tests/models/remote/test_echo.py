"""Log-probabilities of given answers from endpoints that echo: read from the end of the answer, believed only where
they are told.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.models.remote.echo import NoValue, read_echo
from ftbench.store.store import Store
from tests.models.remote.scripted import Scripted

pytest.importorskip("openai", reason='pip install "ftbench[remote]"')
SMALL = (
    "dataset.test=6",
    "dataset.train=24",
    "validation=false",
    "statistics.resamples=100",
    "metrics=[bits_per_byte,perplexity,token_accuracy]",
    "hydra.sweep.dir=sweep",
    "store.dir=store",
)


WORDS = r"\s*\w+|\s*[^\w\s]+|\s+$"


def told(*tokens, top=None):
    """Returns logprobs as a server sends them: pairs of token and log-probability, the first of a text without one."""
    names, values = zip(*tokens, strict=True)
    return {
        "tokens": list(names),
        "token_logprobs": list(values),
        "top_logprobs": (
            top if top is not None else [None if value is None else {name: value} for name, value in tokens]
        ),
    }


@pytest.mark.parametrize("spelt", [(" red", " box"), ("red", "box"), ("▁red", "▁box"), ("Ġred", "Ġbox")])
def test_the_answer_is_found_however_a_server_spells_its_tokens(spelt):
    first, second = spelt
    found = read_echo(
        told(("<s>", None), ("Which", -9.0), ("?\n", -9.0), (first, -1.0), (second, -0.5), ("!", -7.0)), 1, "red box"
    )
    assert (found.nll, found.tokens, found.correct) == (1.5, 2, 2)
    assert (
        read_echo(told(("Which?", None), (first, -1.0), (second, -0.5)), 0, "red box").nll == 1.5
    )  # a server that wrote nothing
    assert (
        read_echo(told(("Which?", None), (first, -1.0), (second, -0.5), ("!", -7.0)), None, "red box").nll == 1.5
    )  # or does not count


def test_only_what_a_model_would_have_chosen_counts_as_correct():
    top = [None, {"a": -1.0}, {"b": -0.1, "c": -3.0}]
    assert read_echo(told(("q", None), ("a", -1.0), ("c", -3.0), top=top), 0, "ac").correct == 1
    assert read_echo(told(("q", None), ("a", -1.0), ("c", -3.0), top=[]), 0, "ac").correct is None


@pytest.mark.parametrize(
    ("logprobs", "why"),
    [
        (None, "returned no log-probabilities"),
        ({"tokens": ["a"], "token_logprobs": None}, "returned no log-probabilities"),
        (told(("q:r", -1.0), ("ed", -1.0)), "cannot be told from the prompt's"),
        (told(("q", None), ("blue", -1.0)), "another text"),
        (told(("red", None)), "returned None"),
        (told(("q", None), ("red", 0.5)), "returned 0.5"),
        (told(("q", None), ("red", math.nan)), "returned nan"),
        (told(("q", None), ("red", "-1")), "returned '-1'"),
        ({**told(("q", None), ("red", -1.0)), "tokens": ["red"]}, "2 log-probabilities for 1 tokens"),
    ],
)
def test_21_a_reply_that_does_not_tell_gives_no_value(logprobs, why):
    with pytest.raises(NoValue, match=why):
        read_echo(logprobs, 0, "red")


def echoing(exchange, tells=True):
    """Answers as vLLM does: begin-of-text, prompt and answer echoed, one token written. A token of n characters has n
    tenths of a nat.
    """
    names = re.findall(WORDS, exchange.body["prompt"])
    tokens = [("<s>", None), *((name, -len(name.strip()) / 10) for name in names), (" end", -1.0)]
    logprobs = told(*tokens) if tells else None
    choice = {"index": 0, "text": exchange.body["prompt"] + " end", "finish_reason": "length", "logprobs": logprobs}
    exchange.send(
        {
            "id": f"cmpl-{exchange.number}",
            "object": "text_completion",
            "model": "m",
            "choices": [choice],
            "usage": {"prompt_tokens": len(names) + 1, "completion_tokens": 1, "total_tokens": len(names) + 2},
        }
    )


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Returns ``sweep(script, *words)``: runs one cell behind a scripted server; gives exit status, its cell, its
    likelihood rows, the server.
    """
    monkeypatch.chdir(tmp_path)

    def run(script, *words):
        server = Scripted(script)
        try:
            status = main(
                [
                    "-m",
                    "model=openai",
                    "model.name=m",
                    f"model.base_url={server.url}",
                    "model.api=completions",
                    *SMALL,
                    *words,
                ]
            )
        finally:
            server.close()
        (cell,) = json.loads((tmp_path / "sweep" / "results.json").read_text(encoding="utf-8"))["cells"]
        plan = Plan.read(tmp_path / "sweep" / "plan.json")
        key = plan.cells[0].stages.get("likelihood.test")
        folder = Store(plan.store).find(key) if key else None
        return status, cell, [] if folder is None else list(read_jsonl(folder / "likelihood.jsonl")), server

    return run


def test_likelihood_metrics_come_from_an_endpoint_that_echoes(sweep):
    status, cell, rows, server = sweep(
        echoing, "model.echo_log_probabilities=true", "metrics=[bits_per_byte,perplexity,token_accuracy]"
    )
    assert (
        status == 0
        and len(rows) == 6
        and all(body["echo"] and body["logprobs"] == 1 and body["max_tokens"] == 1 for body in server.asked)
    )
    plan = Plan.read(Path("sweep/plan.json"))
    targets = [
        row["target"] for row in read_jsonl(Store(plan.store).find(plan.cells[0].stages["prepare"]) / "test.jsonl")
    ]
    nats = [len("".join(target.split())) / 10 for target in targets]
    assert [row["nll"] for row in rows] == pytest.approx(nats) and [row["tokens"] for row in rows] == [
        len(re.findall(WORDS, target)) for target in targets
    ]
    scores = cell["scores"]
    assert scores["bits_per_byte"]["value"] == pytest.approx(
        sum(nats) / math.log(2) / sum(len(target.encode()) for target in targets)
    )
    assert scores["perplexity"]["value"] == pytest.approx(
        math.exp(sum(nats) / sum(len(re.findall(WORDS, target)) for target in targets))
    )
    assert scores["token_accuracy"]["value"] == 1.0


def test_21_rows_that_are_not_told_make_likelihood_metrics_na_and_say_so(sweep):
    status, cell, rows, _ = sweep(
        lambda exchange: echoing(exchange, exchange.number % 3 != 0), "model.echo_log_probabilities=true"
    )
    assert status == 0 and any(row["nll"] is None and "no log-probabilities" in row["error"] for row in rows)
    lost = sum(row["nll"] is None for row in rows)
    assert 0 < lost < 6
    assert cell["scores"]["bits_per_byte"]["value"] is None and cell["scores"]["bits_per_byte"]["reason"].startswith(
        f"{lost} of 6 rows have no log-likelihood; the first: the endpoint"
    )


def test_21_without_the_switch_nothing_of_the_kind_is_asked(sweep):
    status, cell, rows, server = sweep(echoing)
    assert status == 0 and not rows and all("echo" not in body for body in server.asked)
    assert cell["scores"]["bits_per_byte"]["reason"] == "this model gives no log-probabilities"
