"""What README.md tells people to type is understood: every matrix it shows can be planned, every command it names
takes the flags it is given.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

REFUSES = "llama2_13b"
"""The one plan that is shown for what it refuses: full tuning that does not fit."""
TASK = (
    "task: my_task\ndataset_path: json\ndataset_kwargs: {data_files: {test: asked.jsonl}}\ntest_split:"
    " test\noutput_type: generate_until\ndoc_to_text: q\ndoc_to_target: a\n"
)


def _commands() -> list[list[str]]:
    text = re.sub(r"\\\n +", "", (ROOT / "README.md").read_text(encoding="utf-8"))
    return [
        shlex.split(line.partition("python -m ftbench ")[2], comments=True)
        for line in text.splitlines()
        if line.startswith("    python -m ftbench ")
    ]


PLANS = [
    words for words in _commands() if words[0] in ("-m", "plan") and not any("../shared/" in word for word in words)
]
VERBS = sorted({words[0] for words in _commands()} - {"-m", "plan", "--help"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's folder, with the files that README.md takes for granted."""
    made = tmp_path_factory.mktemp("yours")
    rows = [{"question": f"What of {i} and {i * 7}?", "answer": f"It is {i}.", "customer": i} for i in range(60)]
    (made / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (made / "my_scores.py").write_text("def polite(prediction, references):\n    return 1.0\n", encoding="utf-8")
    (made / "tasks").mkdir()
    (made / "asked.jsonl").write_text('{"q": "Who asks?", "a": "I do."}\n', encoding="utf-8")
    (made / "tasks" / "my_task.yaml").write_text(TASK, encoding="utf-8")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("words", PLANS, ids=" ".join)
def test_every_matrix_can_be_planned(words: list[str], folder: Path) -> None:
    own = str(ROOT / "ftbench" / "models" / "tiny" / "weights")
    given = [word.replace("/models/ours", own) for word in words if word != "plan"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", "plan", *given],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    refuses = any(REFUSES in word for word in words)
    assert done.returncode == (1 if refuses else 0), done.stdout + done.stderr
    assert not refuses or "does not fit" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_the_words_it_is_shown_with(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", verb, "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    told = done.stdout
    if verb == "review":
        told += "".join(
            subprocess.run(
                [sys.executable, "-m", "ftbench", verb, one, "--help"],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            for one in ("make", "import", "stats", "pairs")
        )
    flags = {
        word.partition("=")[0] for words in _commands() if words[0] == verb for word in words if word.startswith("--")
    }
    assert all(flag in told for flag in flags), flags
