"""A secret in a config is refused before Hydra writes anything; the refusal says where, and never repeats it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.compile.no_secrets import filed_secrets, typed_secrets
from tests.conftest import ROOT

Captured = pytest.CaptureFixture[str]
SECRET = "canary-4711-xyz"
KNOWN = "value-of-a-variable"
OPTION = "defaults: [/model/openai@_here_]\nname: m\nbase_url: http://localhost:1/v1\n"
TYPED = [
    (f"judge.settings={{name: m, api_key: {SECRET}}}", "judge.settings.api_key"),
    (f"'judge.settings={{api_key: \"{SECRET}\"}}'", "judge.settings"),
    (f"judge.settings={{extra_body: {{a: [1, {{password: {SECRET}}}]}}}}", "judge.settings.extra_body.a[1].password"),
    (f"model.base_url=https://ann:{SECRET}@host/v1", "model.base_url"),
    (f"model.base_url=http://a/v1,https://ann:{SECRET}@host/v1", "model.base_url[1]"),
    (f"++model.extra_body.api_key={SECRET}", "model.extra_body.api_key"),
    (f"+anything.access_token={SECRET}", "anything.access_token"),
    ("+anything.password=471100", "anything.password"),
    (f"hydra.job.env_set.HF_TOKEN={SECRET}", "hydra.job.env_set.HF_TOKEN"),
    ("dataset.train=${oc.env:CANARY_API_KEY}", "dataset.train"),
    ("judge.settings={name: 'x${oc.env:CANARY_API_KEY}'}", "judge.settings.name"),
    (f"prompt.instruction='log in as {KNOWN}'", "prompt.instruction"),
    (f"model.name=sk-{SECRET}", "model.name"),
    (f"model.extra_body={{headers: {{Authorization: Bearer {SECRET}}}}}", "model.extra_body.headers.Authorization"),
    (f"model.base_url=http://host/v1?api_key={SECRET}", "model.base_url"),
    (f"judge.settings={{api_key: {SECRET}", "judge.settings"),
    (f"model.extra_body={{sk-{SECRET}: 1}}", "model.extra_body"),
]
ENDPOINT = f"{OPTION}revision: %s\n"
BY_NAME = "the value of the secret environment variable CANARY_API_KEY"
BY_VALUE = "the value of the environment variable CANARY_API_KEY"
RECIPE = "# @package _global_\n"
SWEPT = f"{RECIPE}hydra: {{sweeper: {{params: {{a.api_key: {SECRET}}}}}}}\n"
FILED = [
    ("model/mine", f"{OPTION}extra_body:\n  api_key: {SECRET}\n", "model=mine", ":5: extra_body.api_key"),
    ("model/mine", f"{OPTION}extra_body: {{x: [a, 'ws://u:{SECRET}@h']}}\n", "model=tiny,mine", ":4: extra_body.x[1]"),
    ("recipes/mine", f"{RECIPE}judge: {{settings: {{api_key: {SECRET}}}}}\n", "+recipes=mine", ":2: judge.settings."),
    ("recipes/mine", SWEPT, "+recipes=mine", "a.api_key"),
    ("model/mine", ENDPOINT % KNOWN, "judge.model=mine", f":4: revision: {BY_VALUE}"),
    ("model/mine", ENDPOINT % "${oc.env:CANARY_API_KEY}", "model=mine hydra.mode=RUN", f":4: revision: {BY_NAME}"),
    ("model/mine", f"{OPTION}password: 471100\n", "model=mine hydra/launcher=basic", "mine.yaml:4: password"),
    ("dataset/mine", "defaults: [/dataset/toy@_here_, part@_here_]\n", "dataset=mine", "part.yaml:1: hub_token"),
]
"""File, its text, words, and what the refusal says."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CANARY_API_KEY", KNOWN)
    return folder


def _refused(words: list[str], where: str, place: Path, capfd: Captured, status: int) -> None:
    assert main(words) == status
    said = "".join(capfd.readouterr())
    assert where in said and "Export it, and write the variable's name" in said and "Traceback" not in said, said
    assert SECRET not in said and KNOWN not in said and "471100" not in said, said
    assert not any(place.iterdir())


@pytest.mark.parametrize(("word", "where"), TYPED)
def test_a_typed_secret_is_refused(word: str, where: str, place: Path, capfd: Captured) -> None:
    _refused(["plan", "-m", "method=none", word], where, place, capfd, 2)


@pytest.mark.parametrize(("name", "text", "words", "where"), FILED)
@pytest.mark.parametrize("search", ["--config-dir", "hydra.searchpath"])
def test_a_secret_in_a_file_is_refused(
    name: str, text: str, words: str, where: str, search: str, place: Path, capfd: Captured
) -> None:
    folder = place.parent / "conf"
    for file, content in ((name, text), ("dataset/part", f"hub_token: {SECRET}\n")):
        path = folder / f"{file}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    found = ["--config-dir", str(folder)] if search == "--config-dir" else [f"hydra.searchpath=[file://{folder}]"]
    _refused(["plan", *words.split(), *found], where, place, capfd, 1)


def test_a_secret_that_only_composing_shows_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured
) -> None:
    monkeypatch.setenv("CANARY_HALF", KNOWN[:10])
    assert main(["plan", "judge.settings={name: '${oc.env:CANARY_HALF}" + KNOWN[10:] + "'}"]) == 1
    said = "".join(capfd.readouterr())
    assert "judge.settings.name: the value of the environment variable CANARY_API_KEY" in said and KNOWN not in said
    written = {path.name: path.read_text(encoding="utf-8") for path in place.rglob("*") if path.is_file()}
    assert "plan.json" not in written and not [name for name, text in written.items() if KNOWN in text]


NOISY = """
import logging, os
from dataclasses import dataclass
from ftbench.data.toy.dataset import Toy

@dataclass(frozen=True)
class Noisy(Toy):
    def load(self):
        logging.getLogger("library").warning("logged in with %s", os.environ["CANARY_API_KEY"])
        return super().load()
"""


def test_the_job_log_of_hydra_holds_no_secret(place: Path, monkeypatch: pytest.MonkeyPatch, capfd: Captured) -> None:
    conf = place.parent / "conf" / "dataset"
    conf.mkdir(parents=True)
    (place.parent / "noisy.py").write_text(NOISY, encoding="utf-8")
    (conf / "noisy.yaml").write_text("defaults: [/dataset/toy@_here_]\n_target_: noisy.Noisy\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(place.parent))
    words = ["plan", "hydra.mode=RUN", "hydra.run.dir=run", "dataset=noisy", "--config-dir", str(conf.parent)]
    assert main(words) == 0
    assert "logged in with ***" in (place / "run" / "ftbench.log").read_text(encoding="utf-8")
    written = [path.read_text(encoding="utf-8") for path in place.rglob("*") if path.is_file()]
    assert KNOWN not in "".join([*written, *capfd.readouterr()])


def test_what_only_sounds_like_a_secret_is_no_reason_to_refuse(tmp_path: Path) -> None:
    sound = (
        "judge.settings={name: m, api_key_env: OPENAI_API_KEY, base_url: http://localhost:8000/v1}",
        "model.template_arguments={eos_token: </s>, pad_token: <pad>, bos_token: <s>, max_tokens: 5, token_ids: [1]}",
        "decoding.max_new_tokens=64",
        "dataset.prompt='Write to ann@host: {question}, the bearer of news'",
        "dataset.train=my-data/hf_checkpoint-tokens/task-force-12345678.jsonl",
        "+matrix.note=token",
        "++model.use_auth_token=true",
        "++model.token=null",
        "seed=1234,4321",
    )
    assert typed_secrets(sound) == []
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "other.yaml").write_text(f"api_key: {SECRET}\n", encoding="utf-8")
    assert filed_secrets(["dataset=toy", "--config-dir", str(tmp_path)]) == [], "what is not taken is not stored"


def test_nothing_that_ships_holds_a_secret() -> None:
    names = [path.stem for folder in ("conf", "recipes") for path in (ROOT / folder).rglob("*.yaml")]
    assert filed_secrets(names) == []
