"""The command line as a person uses it: exit status, files, Hydra's own grammar, other launchers."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

SMALL = (
    "dataset.train=24",
    "dataset.validation=8",
    "dataset.test=12",
    "decoding.latency_requests=1",
    "++method.max_steps=2",
)
COLUMNS = (
    "cell_id,label,model,method,context,artifact,prompt,dataset,decoding,seed,hardware,method/objective,method/weights,"
    "status,reason,n"
)
TAIL = (
    "train_seconds,generate_seconds,latency_p50_ms,latency_p95_ms,prompt_tokens,completion_tokens,tokens_per_second,"
    "peak_memory_bytes,train_usd,usd_per_1k_requests,price_basis,failed_rows,rank,deployable"
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Returns a function that runs ``python -m ftbench`` with the words it is given, in an empty folder."""

    def go(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(
            [sys.executable, "-m", "ftbench", *words],
            cwd=tmp_path,
            env=known,
            capture_output=True,
            text=True,
            check=False,
        )

    return go


def _sweep(folder: Path) -> Path:
    return sorted(folder.glob("multirun/*/*/plan.json"), key=lambda path: path.stat().st_mtime)[-1].parent


def _rows(sweep: Path) -> list[dict[str, str]]:
    with open(sweep / "results.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_matrix_runs_ranks_and_is_found_again(run: Run, tmp_path: Path) -> None:
    words = ("-m", "method=none,lora", *SMALL, "metrics=[bleu,perplexity]")
    done = run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = _sweep(tmp_path)
    header = (sweep / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == f"{COLUMNS},bleu,bleu_low,bleu_high,perplexity,perplexity_low,perplexity_high,{TAIL}"
    rows = _rows(sweep)
    assert [row["method"] for row in rows] in (["none", "lora"], ["lora", "none"]) and {
        row["status"] for row in rows
    } == {"done"}
    plan = json.loads((sweep / "plan.json").read_text(encoding="utf-8"))
    assert {"cells", "stages", "refusals"} <= set(plan) and plan["refusals"] == []
    assert {path.name for path in sweep.iterdir()} >= {
        "results.csv",
        "results.json",
        "leaderboard.md",
        "plan.json",
        "multirun.yaml",
        "0",
        "1",
    }
    assert "toy: says nothing about a 7B" in done.stdout
    again = run(*words)
    assert again.returncode == 0 and f"{len(plan['stages'])} cached" in again.stderr
    assert _sweep(tmp_path) != sweep or len(list(tmp_path.glob("multirun/*/*"))) == 2
    assert [{**row, "generate_seconds": ""} for row in _rows(_sweep(tmp_path))] == [
        {**row, "generate_seconds": ""} for row in rows
    ]
    key = plan["cells"][1]["stages"]["train"][:10]
    explained = run("explain", key)
    assert explained.returncode == 0 and "used by: tiny lora zero_shot" in explained.stdout
    changed = run("plan", "-m", "method=lora", *SMALL, "++method.rank=3")
    assert changed.returncode == 0
    other = json.loads((_sweep(tmp_path) / "plan.json").read_text(encoding="utf-8"))["cells"][0]["stages"]["train"]
    assert "spec.method.weights.rank: 16 there, 3 here" in run("explain", other[:12]).stdout


@pytest.mark.slow
def test_42_a_damaged_result_is_set_aside_and_made_again(run: Run, tmp_path: Path) -> None:
    assert run("method=none", *SMALL[:4], "validation=false").returncode == 0
    (outputs,) = tmp_path.glob(".ftbench/store/stages/*/*/outputs.jsonl")
    whole = outputs.read_bytes()
    outputs.chmod(0o644)
    outputs.write_bytes(whole[:200])
    done = run("method=none", *SMALL[:4], "validation=false", "metrics=[exact_match]")
    assert done.returncode == 0 and "damaged" in done.stderr and "Traceback" not in done.stderr
    assert outputs.read_bytes() == whole
    (aside,) = tmp_path.glob(".ftbench/store/damaged/*/*/outputs.jsonl")
    assert aside.read_bytes() == whole[:200]


@pytest.mark.slow
def test_refusal_stops_everything_unless_told_to_skip(run: Run, tmp_path: Path) -> None:
    words = ("-m", "context=zero_shot,few_shot", "++context.k=0", *SMALL[:4])
    stopped = run(*words)
    assert stopped.returncode == 1 and "context.k: 0 shots" in stopped.stderr and "Traceback" not in stopped.stderr
    assert not (tmp_path / ".ftbench").exists()
    assert {row["status"] for row in _rows(_sweep(tmp_path))} == {"refused", "blocked"}
    skipped = run(*words, "on_refusal=skip")
    assert skipped.returncode == 0, skipped.stderr
    assert sorted(row["status"] for row in _rows(_sweep(tmp_path))) == ["done", "refused"]
    nothing = run("-m", "context=few_shot", "++context.k=0", *SMALL[:4], "on_refusal=skip")
    assert nothing.returncode == 1 and "0 cells done, 0 failed, 1 refused" in nothing.stderr


@pytest.mark.slow
def test_failed_cell_fails_alone(run: Run, tmp_path: Path) -> None:
    """A learning rate that ends in NaN fails its own cell with a reason; its neighbour is done; the exit status says
    so.
    """
    done = run(
        "-m", "method=lora", "++method.learning_rate=1e-2,1e30", *SMALL[:4], "++method.max_steps=6", "++method.warmup=0"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    rows = {row["label"]: row for row in _rows(_sweep(tmp_path))}
    assert sorted(row["status"] for row in rows.values()) == ["done", "failed"]
    (failed,) = [row for row in rows.values() if row["status"] == "failed"]
    assert "train:" in failed["reason"] and "step" in failed["reason"]


@pytest.mark.slow
def test_validation_score_goes_back_to_hydra_also_under_another_launcher(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "conf" / "hydra" / "launcher"
    own.mkdir(parents=True)
    (own / "plain.yaml").write_text(
        "# Hydra's own.\n_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher\n"
    )
    listener = tmp_path / "listener.py"
    listener.write_text(
        "from hydra.experimental.callback import Callback\n\nclass Note(Callback):\n"
        "    def on_job_end(self, config, job_return, **kwargs):\n"
        "        open('returned.txt', 'a').write(f'{job_return.status.name} {job_return._return_value}\\n')\n"
    )
    words = ("method=none", *SMALL[:4], "metrics=[bleu]", "+hydra.callbacks.note={_target_: listener.Note}")
    for launcher in ((), ("--config-dir", str(tmp_path / "conf"), "hydra/launcher=plain")):
        done = run(*words, *launcher, PYTHONPATH=f"{ROOT}:{tmp_path}")
        assert done.returncode == 0, done.stderr
    first, second = (tmp_path / "returned.txt").read_text().splitlines()
    assert first == second and first.startswith("COMPLETED ")
    results = json.loads(next(tmp_path.glob("multirun/*/*/results.json")).read_text(encoding="utf-8"))
    assert first.removeprefix("COMPLETED ") in json.dumps(results)


def test_bad_words_are_one_line_each(run: Run) -> None:
    for words, status, line in (
        (("explain", "zzz"), 1, "no sweep below ./multirun"),
        (("plna",), 2, "plna: no such command. Did you mean plan?"),
        (("method=lroa", "model=tinny"), 1, "method=lroa: no such method. Did you mean lora?"),
        (("plan", "mehtod=lora"), 1, "mehtod: no such axis or setting. Did you mean method?"),
        (
            ("plan", "decision.margn=0.1", "budget.dollars=3"),
            1,
            "decision.margn: no such setting. Did you mean margin?",
        ),
        (("plan", "decision.constraints.p95=3"), 1, "decision.constraints.p95: no such setting. Did you mean p95_ms?"),
        (("method=none", "plan"), 1, "plan: is no override. A command is the first word"),
        (("calibrate", "store.dir=/sys/nowhere"), 1, "store.dir=/sys/nowhere: cannot be written"),
        (("store.dir=/sys/nowhere", "method=none"), 1, "store.dir=/sys/nowhere: cannot be written"),
        (("hydra.sweep.dir=/sys/nowhere", "method=none"), 1, "hydra.sweep.dir=/sys/nowhere: cannot be made"),
        (("plan", "model.hf_token=x"), 2, "a secret on the command line"),
        (
            ("plan", "dataset=files", "dataset.prompt={q} ?"),
            1,
            "Quote it twice, for the shell and for Hydra: 'dataset.prompt=\"{q} ?\"'",
        ),
        (("plan", "--config-dir", "nowhere"), 1, "--config-dir nowhere: no such folder"),
        (("plan", "hydra.sweeper.max_batch_size=2"), 1, "a split matrix cannot be compiled as one"),
        (("plan", "decision.constraints.p95=3"), 1, "decision.constraints.p95: no such setting. Did you mean p95_ms?"),
        (("plan", "~method"), 1, "~method: takes method away, which every cell has. Choose method=..."),
        (("plan", "recipes=demo"), 1, "recipes=demo: a recipe is added to what there is. Write +recipes=demo"),
        (("plan", "+recipes=dmo"), 1, "recipes=dmo: no such recipes. Did you mean demo?"),
        (
            ("hydra/launcher=nope",),
            1,
            (
                "hydra/launcher=nope: no such hydra/launcher. Available: basic, local. Others come with their plug-in:"
                " pip install"
            ),
        ),
        (
            ("plan", "hydra/launcher=basic"),
            1,
            (
                "hydra/launcher: plan sees a whole matrix only under local, the default. Leave hydra/launcher out of a"
                " plan"
            ),
        ),
        (
            ("method=[lora",),
            1,
            "method=[lora: Hydra cannot read it (no viable alternative at input '[lora'). Write key=value; quote",
        ),
        (("--help", "foo"), 1, "foo: is no override. A command is the first word"),
        (
            ("hydra.launcher.workers=x",),
            1,
            "hydra.launcher.workers=x: is no number of workers. Set it to a whole number from 1",
        ),
        (("plan", "hydra.launcher.threads=0"), 1, "Set it to a whole number from 1, or null"),
    ):
        done = run(*words)
        assert done.returncode == status and line in done.stderr, (words, done.stderr)
        said = done.stderr[done.stderr.index("ftbench: ") :].splitlines()
        assert all(part.startswith("ftbench: ") for part in said) and "NOT_HASHED" not in done.stderr, (
            words,
            done.stderr,
        )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a: [", "method/mine.yaml:1: is no YAML that Hydra reads"),
        (b"a: 1\na: 2\n", "method/mine.yaml:2: is no YAML that Hydra reads (found duplicate key a). Mend the file"),
        (b"- a\n", "method/mine.yaml: holds no mapping. Write key: value"),
        (b"a: \xff", "method/mine.yaml: is no UTF-8 (byte 3). Save it as UTF-8"),
    ],
)
def test_a_broken_option_is_named(content: bytes, line: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "conf" / "method").mkdir(parents=True)
    (tmp_path / "conf" / "method" / "mine.yaml").write_bytes(content)
    done = run("plan", "--config-dir", str(tmp_path / "conf"), "method=mine")
    assert done.returncode == 1 and line in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_an_empty_store_is_refused_and_not_made_where_one_stands(run: Run, tmp_path: Path) -> None:
    done = run("plan", "store.dir=")
    assert (
        done.returncode == 1
        and "store.dir: names no folder. Use store.dir=.ftbench/store" in done.stdout
        and not (tmp_path / "stages").exists()
    )


def test_secret_on_the_command_line_reaches_no_file(run: Run, tmp_path: Path) -> None:
    assert run("plan", "model.api_key=correcthorse").returncode == 2
    assert not any(tmp_path.iterdir())


def test_hydra_grammar_still_works(run: Run) -> None:
    shown = run("--cfg", "job", "method=lora", "method.rank=3")
    assert shown.returncode == 0 and "rank: 3" in shown.stdout
    assert run("-m", "--cfg", "job", "method=lora", "method.rank=3").stdout == shown.stdout, (
        "-m is the default, and no reason to refuse"
    )
    assert (
        "lora: 2000" in run("--cfg", "job", "decision.labor_usd={lora: 2000}").stdout
        and "lora: 7" in run("--cfg", "job", "decision.labor_usd.lora=7").stdout
    )
    assert run("plan", "--help").stdout.startswith("usage: python -m ftbench plan")
    assert run("--version").stdout.startswith("ftbench ")
    assert "launcher" in run("--info", "defaults").stdout
    assert run("--cfg", "job", "-p", "decision").stdout.splitlines()[1] == "family: best"
    planned = run("plan", "hydra.mode=RUN", "method=none")
    assert planned.returncode == 0 and planned.stdout.startswith("1 cell, ") and "results:" not in planned.stdout, (
        "a plan runs nothing, in whatever mode"
    )
    refused = run("plan", "hydra.mode=RUN", "seed=-1")
    assert refused.returncode == 1 and "is no seed" in refused.stdout and "Traceback" not in refused.stderr


@pytest.mark.slow
def test_29_equal_effort_tries_on_validation_and_tells_on_test(run: Run, tmp_path: Path) -> None:
    words = (
        "-m",
        "method=none,lora",
        *SMALL,
        "metrics=[bleu]",
        "effort.seeds=[0,1]",
        "effort.space.lora.rank=[4,8]",
        "effort.space.lora.learning_rate=null",
    )
    done = run(*words, "effort.trials=1")
    assert done.returncode == 0, done.stdout + done.stderr
    again = run(*words, "effort.trials=2")
    assert (
        again.returncode == 0
        and "3 trials" in again.stderr
        and "chosen for tiny lora zero_shot: method.weights.rank" in again.stderr
    )
    sweep = _sweep(tmp_path)
    plan = json.loads((sweep / "plan.json").read_text(encoding="utf-8"))
    assert len(plan["trials"]) == 3 and not any(
        role.endswith(".test") for trial in plan["trials"] for role in trial["stages"]
    )
    with open(sweep / "approaches.csv", encoding="utf-8", newline="") as file:
        rows = {row["label"]: row for row in csv.DictReader(file)}
    assert (
        rows["tiny lora zero_shot"]["trials"],
        rows["tiny lora zero_shot"]["seeds"],
        rows["tiny none zero_shot"]["seeds"],
    ) == ("2", "2", "1")
    assert again.stdout.split()[:2] == ["rank", "approach"]
