"""Cells behind an endpoint, through the command line: told, billed, killed and resumed; against a scripted server and
``transformers serve``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.example import Request, Turn
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.models.remote.ask import Asked
from ftbench.models.remote.journal import FILE
from ftbench.models.remote.reply import read_reply
from ftbench.models.tiny import make
from ftbench.stages.remote import _findings, tokens
from ftbench.store.store import Store
from tests.execution.conftest import ROOT, wait_until
from tests.models.remote.scripted import Scripted, completion
from tests.models.remote.test_endpoint import ENDPOINT

pytest.importorskip("openai", reason='pip install "ftbench[remote]"')
KEY = "their-very-own-secret-31"
SMALL = (
    "dataset.test=6",
    "dataset.validation=3",
    "dataset.train=24",
    "statistics.resamples=100",
    "metrics=[exact_match,bits_per_byte]",
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


@pytest.fixture
def serving():
    servers = []

    def start(script):
        servers.append(Scripted(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def words(url: str, *more: str) -> list[str]:
    return [
        "-m",
        "model=openai",
        f"model.base_url={url}",
        *SMALL,
        *(() if any(word.startswith("model.name=") for word in more) else ("model.name=m",)),
        *more,
        "hydra.sweep.dir=sweep",
        "store.dir=store",
    ]


def results(place: Path) -> dict[str, dict]:
    return {cell["label"]: cell for cell in json.loads((place / "sweep" / "results.json").read_text())["cells"]}


def test_an_endpoint_is_scored_and_billed_by_its_tokens_beside_a_local_model(place, serving, monkeypatch, capsys):
    monkeypatch.setenv("THEIR_API_KEY", KEY)
    server = serving(lambda exchange: exchange.send(completion("It is red.", model="another-model")))
    prices = (
        "model.usd_per_million_input=2",
        "model.usd_per_million_cached_input=1",
        "model.usd_per_million_output=10",
        "model.price_date=2026-11-01",
    )
    assert (
        main(
            words(
                server.url,
                "method=none,lora",
                "context=zero_shot,rag",
                "on_refusal=skip",
                "model.api_key_env=THEIR_API_KEY",
                *prices,
            )
        )
        == 0
    )
    out = capsys.readouterr()
    cells = results(place)
    zero = cells["openai none zero_shot"]
    # 10 tokens in, 4 of them cached, 2 out, at $2, $1 and $10 a million
    assert zero["usd_per_1k_requests"] == pytest.approx(1000 * (6 * 2 + 4 * 1 + 2 * 10) / 1e6)
    assert "2026-11-01" in zero["price_basis"] and (zero["prompt_tokens"], zero["completion_tokens"]) == (60, 12)
    assert zero["scores"]["bits_per_byte"]["reason"] == "this model gives no log-probabilities"
    assert any("6 of 6 answers say that they are by another-model" in note for note in zero["notes"])
    assert any("revision unknown" in note for note in zero["notes"])
    assert (
        cells["openai lora zero_shot"]["status"] == "refused"
        and "no weights here to train" in cells["openai lora zero_shot"]["reason"]
    )
    assert all(body["temperature"] == 0 and body["max_tokens"] == 64 and "top_k" not in body for body in server.asked)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    stored = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert KEY.encode() not in stored and KEY not in out.out + out.err


def test_31_tokens_that_an_endpoint_did_not_count_are_left_out_and_not_estimated():
    sound, silent = read_reply(completion("x"), ()), read_reply(completion("x", usage=None), ())
    assert tokens([sound, sound]) == {"prompt": 20, "completion": 4, "cached_prompt": 8}
    assert tokens([sound, silent]) == {"cached_prompt": 4}
    assert tokens([]) == {"prompt": 0, "completion": 0}


@pytest.mark.parametrize(
    ("text", "told"), [("", "1 of 1 answers of m are empty"), ("<think>hm</think>x", "begin with their reasoning")]
)
def test_answers_that_hold_no_answer_are_told(text, told):
    request = Request("a", (Turn("user", "q"),))
    assert any(
        told in said
        for said in _findings(
            replace(ENDPOINT, name="m"), [Asked(request, read_reply(completion(text), ()), None, True)], 8
        )
    )
    assert not any(
        told in said
        for said in _findings(
            replace(ENDPOINT, name="m"), [Asked(request, read_reply(completion("x"), ()), None, True)], 8
        )
    )


def test_a_dead_endpoint_fails_its_cell_in_one_line_and_no_other(place, serving, capsys):
    server = serving(
        lambda exchange: (
            exchange.fail(404, "no such model") if exchange.body["model"] == "dead" else exchange.send(completion("x"))
        )
    )
    assert (
        main(
            words(
                server.url, "model.name=dead,alive", "validation=false", "metrics=[exact_match]", "model.concurrency=2"
            )
        )
        == 1
    )
    cells = results(place)
    assert (
        cells["openai none zero_shot name=alive"]["status"] == "done"
        and cells["openai none zero_shot name=dead"]["status"] == "failed"
    )
    assert "HTTP 404: no such model. Check model.name" in cells["openai none zero_shot name=dead"]["reason"]
    assert "Traceback" not in capsys.readouterr().err


def test_a_key_that_is_not_set_is_refused_before_anything_runs(place, monkeypatch, capsys):
    monkeypatch.delenv("THEIR_API_KEY", raising=False)
    assert main(words("http://127.0.0.1:9/v1", "model.api_key_env=THEIR_API_KEY")) == 1
    assert "the environment variable THEIR_API_KEY is not set" in capsys.readouterr().out


@pytest.mark.slow
def test_killed_in_the_middle_only_unanswered_requests_are_asked_again(place, serving):
    gate = {"open": False}

    def script(exchange):
        while exchange.number >= 7 and not gate["open"]:
            time.sleep(0.02)
        exchange.send(completion(exchange.question[-20:]))

    server = serving(script)
    plan = words(server.url, "dataset.test=20", "validation=false", "model.concurrency=2", "metrics=[exact_match]")
    assert main(["plan", *plan]) == 0
    path = place / "sweep" / "plan.json"
    stages = Plan.read(path)
    key = stages.cells[0].stages["generate.test"]
    keys = [stages.cells[0].stages["prepare"], key]
    worker = subprocess.Popen(
        [sys.executable, "-m", "ftbench.execution.worker", str(path), *keys],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(
            lambda: sum(found.read_bytes().count(b"\n") for found in (place / "store").rglob(FILE)) == 7, seconds=60
        )
        os.kill(worker.pid, signal.SIGKILL)
    finally:
        worker.kill()
        worker.communicate()
    asked = len(server.asked)
    gate["open"] = True
    assert (
        subprocess.run(
            [sys.executable, "-m", "ftbench.execution.worker", str(path), *keys],
            cwd=place,
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    assert (
        asked in (8, 9) and len(server.asked) - asked == 13
    )  # one or two were under way when it was killed; seven answers were on disk
    store = Store(stages.store)
    rows = list(read_jsonl(store.find(key) / "outputs.jsonl"))
    assert len(rows) == 20 and all(row["output"] == row["prompt"][-20:] for row in rows)
    assert not list((place / "store").rglob(FILE)), "the journal goes when the stage is published"


@pytest.mark.slow
def test_40_a_signal_among_the_requests_is_no_failed_row_and_answers_are_kept(place, serving):
    """The event loop gathers what its tasks raise; nothing of it may become an answer, or a failure of the stage."""

    def script(exchange):
        while exchange.number >= 7:
            time.sleep(0.02)
        exchange.send(completion("x"))

    server = serving(script)
    plan = words(server.url, "dataset.test=20", "validation=false", "model.concurrency=2", "metrics=[exact_match]")
    assert main(["plan", *plan]) == 0
    path = place / "sweep" / "plan.json"
    stages = Plan.read(path)
    key = stages.cells[0].stages["generate.test"]
    command = [sys.executable, "-m", "ftbench.execution.worker", str(path), stages.cells[0].stages["prepare"], key]
    worker = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    kept = lambda: sum(found.read_bytes().count(b"\n") for found in (place / "store").rglob(FILE))  # noqa: E731
    try:
        wait_until(lambda: kept() == 7, seconds=60)
        time.sleep(0.5)  # the next requests wait for their answers
        os.kill(worker.pid, signal.SIGTERM)
        _, said = worker.communicate(timeout=30)
    finally:
        worker.kill()
    store = Store(stages.store)
    assert worker.returncode == 143 and "Traceback" not in said
    assert store.find(key) is None and not store.attempts(key) and not store.leftovers()
    assert kept() == 7


@pytest.fixture(scope="module")
def transformers_serve(tmp_path_factory):
    """The real server over the tiny model; skipped where its own dependencies (fastapi, uvicorn) are not installed."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    weights = Path(make.__file__).parent / "weights"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = open(tmp_path_factory.mktemp("serve") / "log", "w", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "transformers.cli.transformers",
        "serve",
        str(weights),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    server = subprocess.Popen(
        command, stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    )

    def healthy() -> bool:
        assert server.poll() is None, Path(log.name).read_text(encoding="utf-8")[-2000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as reply:
                return reply.status == 200
        except OSError:
            return False

    try:
        wait_until(healthy, seconds=120)
        yield str(weights), f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.communicate()
        log.close()


@pytest.mark.slow
def test_transformers_serve_answers_as_the_same_model_does_here(place, transformers_serve):
    name, url = transformers_serve
    more = (
        "model=tiny,openai",
        f"model.name={name}",
        "context=zero_shot,rag",
        "model.omit=[stream_options]",
        "model.stream=true",
        "model.concurrency=1",
        "decoding.max_new_tokens=24",
        "validation=false",
        "metrics=[exact_match]",
    )
    assert main(words(url, *more)) == 0
    store, plan = Store(place / "store"), Plan.read(place / "sweep" / "plan.json")
    outputs = {
        cell.label: list(read_jsonl(store.find(cell.stages["generate.test"]) / "outputs.jsonl")) for cell in plan.cells
    }
    for context in ("zero_shot", "rag"):
        here, there = outputs[f"tiny none {context}"], outputs[f"openai none {context}"]
        assert [row["output"].strip() for row in there] == [row["output"].strip() for row in here]
        assert [row["prompt_tokens"] for row in there] == [row["prompt_tokens"] for row in here]
    assert results(place)["openai none rag"]["prompt_tokens"] > 0
