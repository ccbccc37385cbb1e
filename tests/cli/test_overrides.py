"""How overrides and flags are spelled before Hydra gets them."""

from __future__ import annotations

import pytest

from ftbench.cli.errors import UsageError
from ftbench.cli.overrides import check_flags, for_hydra
from ftbench.core.errors import FtbenchError


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["method=lora", "-m"], ["-m", "method=lora"]),
        (["method.rank=4"], ["++method.weights.rank=4"]),
        (["++method.rank=4", "+seed=1"], ["++method.weights.rank=4", "+seed=1"]),
        (["context=rag", "context/retriever=bm25"], ["context=rag", "context/retriever=choice(bm25)"]),
        (["context/retriever=bm25", "hydra.mode=RUN"], ["context/retriever=bm25", "hydra.mode=RUN"]),
        (["-m", "--cfg", "job", "method=lora"], ["--cfg", "job", "method=lora"]),
        (["method=lora", "-c", "job"], ["-c", "job", "method=lora"]),
        (["decision.labor_usd.lora=7"], ["++decision.labor_usd.lora=7"]),
    ],
)
def test_hydra_gets_flags_first_and_keys_in_full(typed: list[str], given: list[str]) -> None:
    assert for_hydra(typed) == given


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["--multirun", "mehtod=lora"], "mehtod: no such axis or setting. Did you mean method?"),
        (["method=lroa,lora"], "method=lroa: no such method. Did you mean lora?"),
        (
            ["context/retreiver=bm25"],
            "context/retreiver: context has no such sub-axis. Did you mean context/retriever?",
        ),
        (["method=lora", "again"], "again: is no override. A command is the first word"),
    ],
)
def test_what_is_misspelt_is_refused_with_the_nearest(typed: list[str], line: str) -> None:
    with pytest.raises(FtbenchError) as told:
        for_hydra(typed)
    assert str(told.value).startswith(line)


def test_hydra_may_shorten_its_own_flags() -> None:
    check_flags(["--multi", "--config-dir=x"])
    with pytest.raises(UsageError, match="--mulitrun: no such flag. Did you mean --multirun?"):
        check_flags(["--mulitrun"])
