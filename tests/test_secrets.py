"""Secrets planted wherever a run can meet one reach no file and no stream (configs: ``compile/test_no_secrets``)."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftbench.cli.main import main
from tests.conftest import ROOT
from tests.models.remote.scripted import Exchange, Scripted, completion

PLANTED = {
    "METRIC_API_KEY": "plum-metric-8a41c0d2",
    "DATASET_PASSWORD": "pear/dataset@77f0+b3",
    "RETRIEVER_TOKEN": "fig retriever 5512 ee",
    "SERVED_API_KEY": "lime-served-90ab34cd",
    "NOTE_SECRET": "kiwi-noted-4f4f1e1e",
    "DB_URL": "postgres://ann:date-url-2c2c9d@db/x",
}
"""Variables of the environment, which the code below echoes. Eight characters of a value are as bad as the whole."""
SHORT = "1234"
TEMPLATE, HUB, BLOCK = "sk-plant3dInTheTemplate01", "hf_plantedByALibrary007", "c2VjcmV0IGtleSBtYXRlcmlhbA"
SHOWN = [value[:8] for value in PLANTED.values() if "://" not in value]
SHOWN += ["date-url", TEMPLATE[3:12], HUB[3:12], BLOCK[:12], f"login {SHORT}"]

CODE = """
import os
from dataclasses import dataclass, replace
from ftbench.contexts.retrieve.bm25 import Bm25
from ftbench.data.toy.dataset import Toy

BLOCK = ["-----BEGIN RSA PRIVATE KEY-----", "c2VjcmV0IGtleSBtYXRlcmlhbA==", "-----END RSA PRIVATE KEY-----"]

def picky(prediction, references):
    if sum(map(ord, references[0])) % 3 == 0:
        raise ValueError("x" * 285 + " key " + os.environ["METRIC_API_KEY"])
    return float(prediction == references[0])

@dataclass(frozen=True)
class Loud(Toy):
    def load(self):
        raise RuntimeError("cannot log in with " + os.environ["DATASET_PASSWORD"])

@dataclass(frozen=True)
class Noted(Toy):
    def load(self):
        found = super().load()
        return replace(found, notes=(*found.notes, f"read with {os.environ['NOTE_SECRET']}, 12 rows"))

@dataclass(frozen=True)
class LoudRetriever(Bm25):
    def index(self, texts, folder):
        print("using hf_plantedByALibrary007, login 1234, 1234.5 s, step 12345", *BLOCK, sep="\\n")
        raise OSError(f"401 with {os.environ['RETRIEVER_TOKEN']!r} from {os.environ['DB_URL']}")
"""
OPTIONS = {
    "model/strict.yaml": "defaults: [/model/tiny@_here_]\nchat_template: TEMPLATE\n",
    "model/served.yaml": (
        "defaults: [/model/openai@_here_]\nname: m\nbase_url: ADDRESS\napi_key_env: SERVED_API_KEY\nattempts: 1\n"
    ),
    "dataset/noted.yaml": "defaults: [/dataset/toy@_here_]\n_target_: planted.Noted\n",
    "dataset/loud.yaml": "defaults: [/dataset/toy@_here_]\n_target_: planted.Loud\n",
    "context/loud.yaml": "defaults: [/context/rag@_here_, _self_]\nretriever: {_target_: planted.LoudRetriever}\n",
}
MATRIX = (
    "matrix.exclude=[{model: [strict, served], method: lora}, {model: [strict, served], context: loud}, "
    "{method: lora, context: loud}, {dataset: loud, model: [strict, served]}, {dataset: loud, method: lora}, "
    "{dataset: loud, context: loud}]"
)
SMALL = (
    *("dataset.train=24", "dataset.validation=2", "dataset.test=12", "validation=false", "statistics.resamples=100"),
    *("method.max_steps=2", "method.learning_rate=0.05", "decoding.max_new_tokens=8", "decoding.latency_requests=1"),
)
STRICT = (
    "{% if messages[-1]['content'] | length % 3 == 0 %}{{ raise_exception('no turn for KEY') }}{% endif %}"
    "{{ messages[-1]['content'] }}"
)


ANSWER = "The lamp is hf_anAnswerWhichIsData01."


def _served(exchange: Exchange) -> None:
    """Echoes its key: in a reply that is no JSON, where such a reply is cut, and in the body of an error."""
    key = exchange.headers["Authorization"].partition(" ")[2]
    if exchange.number % 6 not in (1, 2):
        exchange.send(completion(ANSWER))
    elif exchange.number % 6 == 1:
        exchange.send(f"{'proxy ' * 12}{key} is not known".encode(), kind="text/plain")
    else:
        exchange.send({"error": {"message": f"{'denied ' * 25}{key}", "code": None}})


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes().decode("utf-8", "replace")
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}:{name}", archive.read(name).decode("utf-8", "replace")


def test_planted_secrets_reach_no_file_and_no_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai", reason='pip install "ftbench[remote]"')
    own, place = tmp_path / "own", tmp_path / "place"
    place.mkdir()
    server = Scripted(_served)
    files = {"planted.py": CODE, "strict.jinja": STRICT.replace("KEY", TEMPLATE)}
    for name, text in {**files, **{f"conf/{name}": text for name, text in OPTIONS.items()}}.items():
        text = text.replace("TEMPLATE", str(own / "strict.jinja")).replace("ADDRESS", server.url)
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text, encoding="utf-8")
    for name, value in {**PLANTED, "LOGIN_PASSWORD": SHORT, "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{own}")
    monkeypatch.syspath_prepend(str(own))
    monkeypatch.chdir(place)
    axes = ("model=tiny,strict,served", "method=none,lora", "context=zero_shot,loud", "dataset=noted,loud", MATRIX)
    more = ("metrics=[exact_match,planted.picky]", "on_refusal=skip", "hydra.sweep.dir=sweep", "store.dir=store")
    try:
        said = {"run": (main(["-m", *axes, *SMALL, *more, "--config-dir", str(own / "conf")]), *capfd.readouterr())}
    finally:
        server.close()
    found = json.loads(Path("sweep/results.json").read_text(encoding="utf-8"))
    results = {cell["label"]: cell for cell in found["cells"]}
    done = [label for label, cell in results.items() if cell["status"] == "done"]
    tuned, base = (next(label for label in done if method in label and "tiny" in label) for method in ("lora", "none"))
    for verb in (
        ("report", "sweep", "--html", "r.html", "--markdown", "r.md", "--csv", "r.csv", "--bundle", "r.zip"),
        ("report", "sweep", "--markdown", "-"),
        ("review", "make", "sweep", "--cells", f"{base},{tuned}", "--raters", "1", "--n", "4"),
        ("review", "import", "review-sheets/rater-1.csv", "--sweep", "sweep"),
        ("export", tuned, "--out", "exported", "--sweep", "sweep"),
        ("advise", "sweep"),
    ):
        said[" ".join(verb[:2])] = (main(list(verb)), *capfd.readouterr())
    assert [status for status, *_ in said.values()] == [0 if "run" not in verb else 1 for verb in said], said

    whole = dict(_texts(place))
    for verb, (_, out, err) in said.items():
        whole |= {f"stdout of {verb}": out, f"stderr of {verb}": err}
    assert {(name, secret) for secret in SHOWN for name, text in whole.items() if secret in text} == set()

    # what was planted has really been met, and nothing but text was masked
    reasons = " ".join(str(cell["reason"]) for cell in results.values())
    outputs = "".join(text for name, text in whole.items() if name.endswith("outputs.jsonl"))
    assert "cannot log in with ***" in reasons and "401 with" in reasons
    assert f'"output": "{ANSWER}"' in outputs, "an answer is a result and stays as it is"
    assert "no turn for ***" in outputs and "denied ***" in outputs and "proxy ***" in outputs
    for name in ("sweep/results.json", "sweep/plan.json", "stdout of run"):
        assert "read with ***, 12 rows" in whole[name], name
    entry = results[base]["scores"]["planted.picky"]
    assert entry["raised"]["message"].endswith(" key ***") and entry["n"] == 12
    log = whole["sweep/worker.log"]
    assert "using ***, login ***, 1234.5 s, step 12345" in log and "PRIVATE KEY" not in log
    for name, text in whole.items():
        if name.endswith(".json"):
            json.loads(text)
    assert list(csv.DictReader(io.StringIO(whole["r.csv"])))


def test_a_traceback_and_a_warning_of_the_process_hold_no_secret() -> None:
    code = (
        "import os, warnings; from ftbench.cli import errors; errors.mask_streams(); "
        "warnings.warn(os.environ['A_TOKEN']); raise ValueError(os.environ['A_TOKEN'])"
    )
    known = {**os.environ, "A_TOKEN": "quiet-as-a-mouse", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "mouse" not in done.stderr
    assert "UserWarning: ***" in done.stderr and "ValueError: ***" in done.stderr and "Traceback" in done.stderr
