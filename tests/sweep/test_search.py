"""The rounds of a search: what is chosen between them, and what dollars still pay for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.analysis.configurations import trial_usd, winners
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan, Search
from ftbench.report.write import write_results
from ftbench.store.store import Store
from ftbench.sweep.search import _affordable
from tests.analysis.conftest import Matrix

H100 = {"hardware": "h100", "device": "NVIDIA H100 80GB HBM3"}


def trial(matrix: Matrix, rank: int, validation: int, **options: object) -> None:
    matrix.cell(
        f"lora rank={rank}",
        0,
        validation=validation,
        trains=True,
        approach="lora",
        values={"method.rank": rank},
        **options,
    )


def first_round(matrix: Matrix, usd: float | None = None, size: int = 20) -> Plan:
    """Returns a plan whose cells are trials: nothing of them is scored on test."""
    plan = matrix.plan()
    cells = tuple(
        replace(cell, stages={role: key for role, key in cell.stages.items() if not role.endswith(".test")})
        for cell in plan.cells
    )
    search = Search("lora", "lora", {"method.rank": [4, 8]}, size, 0, tuple(cell.id for cell in cells))
    return replace(
        plan,
        cells=cells,
        searches=(search,),
        settings={**plan.settings, "effort": {"trials": None, "usd": usd, "seeds": [0]}},
    )


def test_29_the_winner_is_the_best_trial_on_validation(tmp_path: Path) -> None:
    matrix = Matrix(Store(tmp_path / "store"))
    for rank, validation in ((4, 12), (8, 30), (16, 20)):
        trial(matrix, rank, validation)
    plan = first_round(matrix)
    chosen, told = winners(plan, matrix.store)
    assert chosen["lora"].values == {"method.rank": 8}
    assert told == ["chosen for lora: method.rank 8 (exact_match 0.75 on validation)"]


def test_a_failed_trial_is_told_and_never_chosen(tmp_path: Path) -> None:
    matrix = Matrix(Store(tmp_path / "store"))
    trial(matrix, 4, 12)
    trial(matrix, 8, 30)
    lost = matrix.store.folder(matrix.cells[1].stages["score.validation"])
    lost.chmod(0o755)
    lost.rename(tmp_path / "gone")
    chosen, (line,) = winners(first_round(matrix), matrix.store)
    assert chosen["lora"].values == {"method.rank": 4} and "1 of 2 trials failed, the first: not run" in line


def test_dollars_pay_for_as_many_trials_as_the_dearest_so_far_leaves_room_for(tmp_path: Path) -> None:
    matrix = Matrix(Store(tmp_path / "store"))
    trial(matrix, 4, 12, **H100)
    plan = first_round(matrix)
    (cost,) = trial_usd(plan, matrix.store).values()
    assert cost == pytest.approx((32.0 + 6.0) / 3600 * 3.99), "training and answering validation, loading included"
    assert _affordable(first_round(matrix, usd=3.5 * cost)) == {"lora": 3}
    assert _affordable(first_round(matrix, usd=1.5 * cost)) == {}, "what is left buys no second trial"
    assert _affordable(first_round(matrix, usd=0.5 * cost)) == {}, "the option's own values are always tried"
    assert (
        _affordable(first_round(matrix, usd=99 * cost, size=2)) == {"lora": 2}
        and _affordable(first_round(matrix, usd=99 * cost, size=1)) == {}
    )
    assert _affordable(plan) == {}, "trials are counted, not paid"


def test_31_a_trial_measured_elsewhere_has_no_dollars_to_spend(tmp_path: Path) -> None:
    matrix = Matrix(Store(tmp_path / "store"))
    trial(matrix, 4, 12, hardware="h100", device="cpu")
    with pytest.raises(FtbenchError, match="not measured on the hardware that is priced. Grant effort.trials=8"):
        _affordable(first_round(matrix, usd=1.0))


def test_29_what_was_tried_stands_in_the_results_with_its_space(tmp_path: Path) -> None:
    matrix = Matrix(Store(tmp_path / "store"))
    for rank, validation in ((4, 12), (8, 30)):
        trial(matrix, rank, validation)
    tried = first_round(matrix)
    won = replace(matrix.plan(), cells=(matrix.cells[1],), trials=tried.cells, searches=tried.searches)
    (approach,) = write_results(won, matrix.outcomes, tmp_path / "out").approaches
    assert [one.validation for one in approach.configurations] == [12 / 40, 30 / 40] and approach.chosen.values == {
        "method.rank": 8
    }
    assert approach.search["size"] == 20 and approach.search["space"] == {"method.rank": [4, 8]}
    assert approach.train_seconds == 64.0 and approach.cells == (matrix.cells[1].id,)
