"""The GPU benchmark on a tiny architecture, on whatever device there is."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
def test_every_case_runs_on_a_tiny_architecture(tmp_path, capsys) -> None:
    from benchmarks import gpu

    assert gpu.main(["--tiny", "--out", str(tmp_path / "gpu.json")]) == 0
    data = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert [case["case"]["what"] for case in data["cases"]] == ["lora", "qlora", "full", "dpo", "generate"]
    for case in data["cases"]:
        assert "error" not in case["measured"] and case["measured"]["seconds"] > 0 and case["forecast"]["peak_bytes"] > 0
        assert case["trl"] is None or "error" not in case["trl"] and case["trl"]["seconds"] > 0


def test_without_a_gpu_it_says_so(capsys) -> None:
    import torch

    from benchmarks import gpu

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert gpu.main([]) == 1 and "no GPU here" in capsys.readouterr().err
    assert [case.size for case in gpu.cases(False)].count("13B") == 4
