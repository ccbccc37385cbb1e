"""Presets are options over two axes; what is typed wins over what they set."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir

from tests.models.llama import ROOT

NONE, LORA = "ftbench.methods.none.Untouched", "ftbench.methods.tuning.Tuning"
ZERO, FEW = "ftbench.contexts.zero_shot.ZeroShot", "ftbench.contexts.few_shot.FewShot"


@pytest.mark.parametrize(
    ("overrides", "method", "context"),
    [
        ([], NONE, ZERO),
        (["method=prompting"], NONE, FEW),
        (["method=prompting", "context=zero_shot"], NONE, ZERO),
        (["context=zero_shot", "method=prompting"], NONE, ZERO),
        (["method=lora"], LORA, ZERO),
        (["method=lora", "context=few_shot"], LORA, FEW),
    ],
)
def test_prompting_is_none_with_few_shot_and_a_typed_context_wins(
    overrides: list[str], method: str, context: str
) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("config", overrides=overrides)
    assert (config.method._target_, config.context._target_) == (method, context)
