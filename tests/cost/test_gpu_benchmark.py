"""The GPU benchmark: every case on a tiny architecture, on whatever device there is, and the command that keeps its
time.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from ftbench.cost.forecast import rates_of


@pytest.mark.slow
@pytest.mark.parametrize("what", ["lora", "qlora", "full", "dpo", "generate"])
def test_every_case_is_measured_both_ways_and_learns_alike(what: str) -> None:
    from benchmarks import gpu_case

    case = next(case for case in gpu.cases(True) if case.what == what)
    *_, found = gpu_case.measure(case, None)
    for part in ("ftbench", "plain"):
        assert (
            "error" not in found[part]
            and found[part]["seconds"] > 0
            and len(found[part]["step_seconds"]) == gpu.STEPS - 1
        )
    assert found["forecast"]["peak_bytes"] > 0 and found["of_plain"]["seconds"] > 0
    if what == "generate":
        assert found["ftbench"]["completion_tokens"] == found["plain"]["completion_tokens"]
    else:
        # the same weights, ids and seed; plain TRL holds QLoRA's adapters in bfloat16, and takes the reference from a
        # forward pass of the whole batch
        assert found["losses_apart"]["largest"] <= {"qlora": 1e-4, "dpo": 1e-5}.get(what, 1e-6)
    if what == "dpo":
        assert found["ftbench"]["reference"]["seconds"] > 0 and found["ftbench"]["losses"][0] == pytest.approx(
            0.6931472, abs=1e-5
        )


@pytest.mark.slow
def test_one_way_that_fails_says_so_and_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import gpu_case

    def full(*_: object) -> None:
        raise MemoryError("CUDA out of memory\nTried to allocate")

    monkeypatch.setitem(gpu_case.WAYS, "generate", (full, gpu_case.answered_plainly))
    *_, found = gpu_case.measure(gpu.cases(True)[-1], None)
    assert found["ftbench"]["error"] == "MemoryError: CUDA out of memory" and found["ftbench"]["seconds"] is None
    assert found["plain"]["seconds"] > 0 and found["of_plain"]["seconds"] is None


@pytest.mark.slow
def test_the_command_writes_one_file_with_the_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"
    assert gpu.main(["--tiny", "--only", "tiny-generate", "--out", str(out)]) == 0
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["device"] and [case["name"] for case in data["cases"]] == ["tiny-generate"]
    assert "1 of 1 cases measured both ways" in capsys.readouterr().out


def test_what_the_time_does_not_allow_is_written_as_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"
    assert gpu.main(["--tiny", "--minutes", "0.1", "--out", str(out)]) == 1
    told = json.loads(out.read_text(encoding="utf-8"))["cases"]
    assert len(told) == 5 and all("are left of 0.1 minutes" in case["not_run"] for case in told)
    assert "0 of 5 cases measured" in capsys.readouterr().out


def test_a_case_that_outlasts_the_command_is_stopped() -> None:
    assert "stopped after 1 s" in gpu.run_case(gpu.cases(True)[0], None, 1.0)["error"]


def test_without_a_gpu_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_has_gpu", lambda: False)
    assert gpu.main(["--out", str(tmp_path / "gpu.json")]) == 1 and "no GPU here" in capsys.readouterr().err
    assert gpu.main(["--only", "70B-lora"]) == 2 and "--only 70B-lora: is none of 7B-lora" in capsys.readouterr().err
    assert gpu.main(["--minutes", "nan"]) == 2 and "--minutes nan" in capsys.readouterr().err
    assert not (tmp_path / "gpu.json").exists()


def test_all_cases_fit_80_gb_and_the_time_by_the_forecast() -> None:
    named = {case.name for case in gpu.cases(False)}
    assert named == {
        "7B-lora",
        "7B-qlora",
        "7B-full",
        "7B-dpo",
        "7B-generate",
        "13B-lora",
        "13B-qlora",
        "13B-dpo",
        "13B-generate",
    }
    for machine in gpu.machines():
        if (machine.memory_bytes or 0) < 80e9:
            continue
        found = [(case, gpu.forecast_of(case, True, rates_of(machine, None))) for case in gpu.cases(False)]
        assert max(one["peak_bytes"] for _, one in found) < 0.9 * 80e9
        assert sum(gpu.estimate(case, one) for case, one in found) < 8.5 * 60, machine.name
