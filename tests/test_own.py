"""The worked example of ``docs/own.md``, taken out of the page and run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SMALL = (
    "dataset.limit={train: 16, validation: 4, test: 6}",
    "++method.max_steps=2",
    "decoding.max_new_tokens=8",
    "decoding.latency_requests=0",
    "validation=false",
    "context=zero_shot,reminded",
)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page describes."""
    folder = tmp_path_factory.mktemp("ours")
    for name, text in re.findall(
        r"`([\w/.]+)`:\n\n```(?:python|yaml)\n(.*?)```",
        (ROOT / "docs" / "own.md").read_text(encoding="utf-8"),
        re.DOTALL,
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    words = ("router", "modem", "tablet", "phone", "cable")
    rows = [
        {"question": f"What of {words[i % 5]} {i}?", "answer": f"Thank you, {words[i % 5]} {i} is blue.", "customer": i}
        for i in range(60)
    ]
    (folder / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ftbench", *words]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )


def _sweep(folder: Path, done: subprocess.CompletedProcess[str]) -> Path:
    return folder / re.search(r"multirun/\S+?(?=/leaderboard)", done.stdout).group()


@pytest.mark.slow
def test_the_worked_example_runs_and_an_edited_metric_trains_nothing(ours: Path) -> None:
    planned = _run(ours, "plan", "--config-dir", "conf", "-m", "+recipes=norms_or_lora")
    assert planned.returncode == 0 and planned.stdout.startswith("6 cells"), planned.stdout + planned.stderr
    words = (
        "--config-dir",
        "conf",
        "-m",
        "+recipes=norms_or_lora",
        "method=none,norms",
        "method.learning_rate=0.1",
        *SMALL,
    )
    done = _run(ours, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {
        cell["label"]: cell
        for cell in json.loads((_sweep(ours, done) / "results.json").read_text(encoding="utf-8"))["cells"]
    }
    assert len(cells) == 4 and all(
        cell["status"] == "done" and cell["usd_per_1k_requests"] > 0 for cell in cells.values()
    )
    assert all(cell["answer_tokens"] > 0 for cell in cells.values()) and "tokens/answer" in done.stdout
    outputs = {
        path.parent.name: path.read_text(encoding="utf-8")
        for path in (ours / ".ftbench" / "store").glob("stages/*/*/outputs.jsonl")
    }
    answers = {"".join(json.loads(line)["output"] for line in text.splitlines()) for text in outputs.values()}
    assert len(answers) == 4, "the norms and the reminder both change what is answered"
    assert any("Thank the customer first." in text for text in outputs.values())
    (ours / "polite.py").write_text((ours / "polite.py").read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    again = _run(ours, *words)
    assert again.returncode == 0 and set(re.findall(r"  (\w+) [0-9a-f]{12} \(", again.stderr)) == {"score"}, (
        again.stderr
    )


@pytest.mark.slow
def test_vectors_outside_the_layers_are_refused_before_they_are_trained(ours: Path) -> None:
    """peft's prompt learning works in peft's wrapper alone: answers would be the base's own, and nobody would
    notice.
    """
    source = (ours / "norms.py").read_text(encoding="utf-8")
    source = source.replace("LNTuningConfig, ", "PromptTuningConfig, ").replace(
        'LNTuningConfig(task_type="CAUSAL_LM", target_modules=list(self.suffixes))',
        'PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)',
    )
    (ours / "prompts.py").write_text(source, encoding="utf-8")
    option = (ours / "conf" / "method" / "weights" / "norms.yaml").read_text(encoding="utf-8")
    (ours / "conf" / "method" / "weights" / "prompts.yaml").write_text(
        option.replace("norms.Norms", "prompts.Norms"), encoding="utf-8"
    )
    done = _run(
        ours, "--config-dir", "conf", "-m", "+recipes=norms_or_lora", "method=norms", "method/weights=prompts", *SMALL
    )
    assert done.returncode == 1 and "PROMPT_TUNING keeps what it learns outside the layers" in done.stdout, (
        done.stdout + done.stderr
    )


@pytest.mark.slow
def test_own_weights_are_trained_towards_an_own_objective(ours: Path) -> None:
    words = (
        "--config-dir",
        "conf",
        "-m",
        "+recipes=norms_or_lora",
        "method=lora",
        "method/weights=norms",
        "method/objective=first",
        *SMALL[:-1],
        "context=zero_shot",
    )
    done = _run(ours, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = json.loads((_sweep(ours, done) / "results.json").read_text(encoding="utf-8"))["cells"]
    assert cell["status"] == "done" and cell["method/weights"] == "norms" and cell["method/objective"] == "first"
    masked = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (ours / ".ftbench" / "store").glob("stages/*/*/masked_example.json")
    ]
    taught = {"".join(part["text"] for part in one["segments"] if part["supervised"]) for one in masked}
    assert any("is blue." in text for text in taught)


@pytest.mark.slow
def test_own_retriever_finds_the_passages_of_a_run(ours: Path) -> None:
    small = [word for word in SMALL[:-1] if "max_steps" not in word]
    words = ("--config-dir", "conf", "-m", "context=rag", "context/retriever=overlap", "context.least=2", *small)
    done = _run(ours, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = json.loads((_sweep(ours, done) / "results.json").read_text(encoding="utf-8"))["cells"]
    assert cell["context/retriever"] == "overlap"
    (words_file,) = (ours / ".ftbench" / "store").glob("stages/*/*/words.txt")
    answers = [
        json.loads(line)
        for path in (ours / ".ftbench" / "store").glob("stages/*/*/outputs.jsonl")
        if "documents" in path.read_text(encoding="utf-8")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    shown = [row for row in answers if row["documents"]]
    assert len(words_file.read_text(encoding="utf-8").splitlines()) > 1 and shown
    assert any(set(row["documents"]) & set(row["gold_documents"]) for row in shown)
