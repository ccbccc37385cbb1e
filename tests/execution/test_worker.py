"""The worker process: killed, stopped, asked twice, talked over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ftbench.execution.worker import LOG, main
from tests.execution.conftest import Bench


def start(bench: Bench, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ftbench.execution.worker", str(bench.plan_path), *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(bench: Bench, *words: str, stdin: str = "") -> tuple[int, str, str]:
    process = start(bench, *words)
    out, err = process.communicate(stdin, timeout=60)
    return process.returncode, out, err


def events(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_0_a_kill_in_the_middle_leaves_nothing_finished_and_the_resume_gives_the_same_bytes(
    bench: Bench, other_bench: Bench, wait_until: Callable[..., None]
) -> None:
    stage = bench.stage("facts", gate="open", marker="half.part")
    bench.plan(stage)
    process = start(bench, stage.key)
    wait_until(lambda: list(bench.store.work.glob(f"{stage.key}.*/half.part")))
    assert not list(bench.store.path.rglob("receipt.json"))
    assert bench.store.find(stage.key) is None
    process.kill()
    process.communicate()
    assert bench.store.leftovers(stage.key), "a killed process cannot clean up"

    bench.open_gate("open")
    assert run(bench, stage.key)[0] == 0
    other_bench.plan(other_bench.stage("facts"))
    assert run(other_bench, stage.key)[0] == 0
    assert bench.artefacts(stage) == other_bench.artefacts(stage)
    assert "train.jsonl" in bench.artefacts(stage)
    assert not bench.store.leftovers()


def test_a_receipt_says_what_ran(bench: Bench) -> None:
    stage = bench.stage("facts")
    bench.plan(stage)
    code, out, _ = run(bench, stage.key[:10])
    assert code == 0
    assert f"prepare {stage.key[:12]} done" in out
    receipt = bench.store.receipt(stage.key)
    assert (receipt.kind, receipt.state, receipt.device, receipt.devices, receipt.error) == (
        "prepare",
        "done",
        "cpu",
        1,
        None,
    )
    assert receipt.seconds["total"] > 0
    assert receipt.environment["threads"] == 1
    assert receipt.environment["packages"]["hydra-core"]
    assert json.loads(bench.artefacts(stage)["stage.json"]) == stage.record()


def test_served_events_are_json_however_much_the_body_prints(bench: Bench) -> None:
    stages = [bench.stage("loud", wrong="print", text="noise of a library"), bench.stage("quiet")]
    bench.plan(*stages)
    code, out, err = run(bench, "-", stdin="".join(f"{stage.key}\n" for stage in stages))
    assert code == 0
    assert [event["event"] for event in events(out) if event["event"] != "progress"] == [
        "started",
        "done",
        "started",
        "done",
    ]
    assert err.count("noise of a library") == 3


def test_a_failure_is_one_line_kept_apart_and_tried_again(bench: Bench) -> None:
    stage = bench.stage("facts", wrong="raise", text="from afar")
    bench.plan(stage)
    code, out, _ = run(bench, stage.key)
    assert code == 1
    assert "RuntimeError: cannot read facts from afar" in out
    assert "Traceback" not in out
    assert "Traceback" in (bench.sweep / LOG).read_text(encoding="utf-8")
    assert [receipt.error for receipt in bench.store.attempts(stage.key)] == [
        "RuntimeError: cannot read facts from afar"
    ]
    assert bench.store.find(stage.key) is None
    bench.plan(bench.stage("facts"))
    assert run(bench, stage.key)[0] == 0
    assert bench.store.receipt(stage.key).state == "done"


def test_running_out_of_memory_is_said_in_plain_words_and_ends_the_process(bench: Bench) -> None:
    stage, after = bench.stage("big", wrong="exhaust"), bench.stage("small")
    bench.plan(stage, after)
    code, out, _ = run(bench, "-", stdin=f"{stage.key}\n{after.key}\n")
    assert code == 0
    last = events(out)[-1]
    assert (last["event"], last["key"], last["exhausted"]) == ("failed", stage.key, True)
    assert last["error"].startswith("out of memory. Use a smaller batch")


def test_an_unfinished_input_blocks_and_is_no_failed_attempt(bench: Bench) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first])
    bench.plan(first, second)
    code, out, _ = run(bench, second.key)
    assert code == 1
    assert "its input input0 is not finished" in out
    assert not bench.store.attempts(second.key)
    assert bench.loads() == []


def test_stop_signals_remove_the_temporary_folder_and_record_no_failure(
    bench: Bench, wait_until: Callable[..., None]
) -> None:
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        stage = bench.stage(f"facts{status}", gate="never", marker="half.part")
        bench.plan(stage)
        process = start(bench, stage.key)
        wait_until(lambda stage=stage: list(bench.store.work.glob(f"{stage.key}.*/half.part")))
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == status
        assert not bench.store.leftovers()
        assert not bench.store.attempts(stage.key)


def test_a_serving_worker_does_not_outlive_its_parent(bench: Bench, wait_until: Callable[..., None]) -> None:
    stage = bench.stage("facts", gate="never", marker="half.part")
    bench.plan(stage)
    script = (
        "import subprocess, sys, time\nworker = subprocess.Popen([sys.executable, '-m', 'ftbench.execution.worker',"
        " sys.argv[1], '-'], stdin=subprocess.PIPE, text=True)\nworker.stdin.write(sys.argv[2] + '\\n');"
        " worker.stdin.flush()\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(bench.plan_path), stage.key],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: list(bench.store.work.glob(f"{stage.key}.*/half.part")))
    (worker,) = bench.pids()
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(worker))
    assert not bench.store.leftovers()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_two_workers_on_one_stage_run_it_once(bench: Bench, wait_until: Callable[..., None]) -> None:
    stage = bench.stage("facts", gate="open", marker="half.part")
    bench.plan(stage)
    first = start(bench, "-")
    first.stdin.write(f"{stage.key}\n")
    first.stdin.flush()
    wait_until(lambda: bench.store.leftovers(stage.key))
    impatient, out, _ = run(bench, "-", stdin=f"try {stage.key}\n")
    assert impatient == 0
    assert [event["event"] for event in events(out)] == ["started", "busy"]

    second = start(bench, "-")
    second.stdin.write(f"{stage.key}\n")
    second.stdin.flush()
    assert json.loads(second.stdout.readline())["event"] == "started"
    waiting = json.loads(second.stdout.readline())
    assert waiting["event"] == "waiting"
    assert f"waiting for process {bench.pids()[0]} on " in waiting["message"]
    bench.open_gate("open")
    assert events(first.communicate(timeout=30)[0])[-1]["event"] == "done"
    assert events(second.communicate(timeout=30)[0])[-1]["event"] == "cached"
    assert bench.loads() == ["facts"]


def test_force_compares_and_publishes_nothing(bench: Bench) -> None:
    stage = bench.stage("facts")
    bench.plan(stage)
    assert run(bench, stage.key, "--force")[0] == 2
    assert run(bench, stage.key)[0] == 0
    before = bench.artefacts(stage)
    code, out, _ = run(bench, stage.key, "--force")
    assert (code, out.splitlines()[-1]) == (0, f"prepare {stage.key[:12]} equal")
    changed = bench.store.folder(stage.key) / "train.jsonl"
    changed.chmod(0o644)
    changed.write_text("other\n", encoding="utf-8")
    code, out, _ = run(bench, stage.key, "--force")
    assert (code, out.splitlines()[-1]) == (1, f"prepare {stage.key[:12]} different: train.jsonl")
    assert bench.artefacts(stage) == {**before, "train.jsonl": b"other\n"}


def test_bad_command_lines_get_one_line(bench: Bench) -> None:
    stage = bench.stage("facts")
    bench.plan(stage)
    code, _, err = run(bench, "ffff" if not stage.key.startswith("ffff") else "0000")
    assert code == 2
    assert "no such stage in the plan" in err
    bench.plan(replace(stage, version=stage.version + 1))
    code, _, err = run(bench, stage.key[:1])
    assert (
        code == 2
        and err.count("\n") == 1
        and "is no plan of this version (other code of prepare). Compile it again" in err
    )
    (bench.sweep / "plan.json").write_text("{}", encoding="utf-8")
    code, _, err = run(bench, stage.key)
    assert code == 2
    assert err.count("\n") == 1
    assert "is no plan of this version" in err


def test_secrets_reach_no_receipt_and_no_log(bench: Bench, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "quiet-as-a-mouse-77")
    stage = bench.stage("facts", wrong="raise", text="with quiet-as-a-mouse-77 and hf_AbCdEfGhIjKlMnOpQr")
    bench.plan(stage)
    code, out, _ = run(bench, stage.key)
    assert code == 1
    for text in (out, bench.text_of_everything()):
        assert "mouse" not in text
        assert "hf_AbCd" not in text
        assert "***" in text


def test_the_thread_count_comes_from_the_environment(bench: Bench, monkeypatch) -> None:
    stage = bench.stage("facts")
    bench.plan(stage)
    monkeypatch.setenv("FTBENCH_THREADS", "3")
    assert run(bench, stage.key)[0] == 0
    assert bench.store.receipt(stage.key).environment["threads"] == 3
    monkeypatch.setenv("FTBENCH_THREADS", "many")
    code, _, err = run(bench, stage.key)
    assert code == 2
    assert err.startswith("FTBENCH_THREADS=many: is no thread count")


def test_the_worker_is_importable_without_torch() -> None:
    code = (
        "import sys, ftbench.execution.scheduler, ftbench.execution.sinks.progress, ftbench.store.gc;"
        " sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        ).returncode
        == 0
    )
    assert callable(main)
