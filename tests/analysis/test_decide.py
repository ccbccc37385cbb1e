"""The decision of a finished matrix and its advice: from rows to choice, frontier, constraints and sentences."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from ftbench.analysis.results import gather
from ftbench.cli import advise
from ftbench.cli.main import main
from ftbench.core.errors import FtbenchError
from ftbench.cost.frontier import best_first
from ftbench.execution.execute import failed_receipt
from ftbench.report.terminal import render
from ftbench.report.write import as_dict, write_results

LOADED = {"months": 12, "requests_per_month": 1e6, "peak_rps": 4.0, "retrains_per_month": 1.0, "margin": 0.2}


def decided(matrix, **decision):
    matrix.decision |= decision
    results = gather(matrix.plan(), matrix.outcomes)
    (one,) = results.decisions
    return one, {row.label: row.id for row in results.rows}


def test_a_cheaper_cell_that_is_no_worse_by_the_margin_is_taken(matrix) -> None:
    matrix.cell("dear", 39, n=40, work=40.0, price=1.0)
    matrix.cell("cheap", 39, n=40, work=4.0, price=1.0)
    found, ids = decided(matrix, margin=0.3)
    assert found.basis == "usd_per_1k_requests"
    assert found.recommendation.choice == ids["cheap"]
    assert [place.name for place in found.places if place.on_frontier] == [ids["cheap"]]


def test_26_without_a_margin_nothing_replaces_the_best(matrix) -> None:
    matrix.cell("dear", 33, n=40, work=40.0, price=1.0)
    matrix.cell("cheap", 31, n=40, work=4.0, price=1.0)
    found, ids = decided(matrix)
    assert found.recommendation.choice == ids["dear"] and found.recommendation.undecided == (ids["cheap"],)
    assert all(place.on_frontier for place in found.places)
    assert {place.name: place.undecided for place in found.places}[ids["dear"]] == (ids["cheap"],)


def test_of_cells_with_the_same_score_the_cheapest_is_recommended(matrix) -> None:
    matrix.cell("a dear", 33, n=40, work=40.0, price=1.0, trains=True)
    matrix.cell("b cheap", 33, n=40, work=4.0, price=1.0)
    matrix.cell("c worse", 31, n=40, work=1.0, price=1.0)
    found, ids = decided(matrix)
    assert found.recommendation.choice == found.recommendation.best == ids["b cheap"]
    assert found.recommendation.undecided == (ids["c worse"],)
    results = gather(matrix.plan(), matrix.outcomes)
    assert results.families[0].cells[0] == ids[
        "a dear"
    ] and "Recommended: b cheap; cheaper and undecided: c worse" in render(results, 200)


def test_of_cells_with_the_same_score_none_is_called_cheaper_at_an_unknown_price(matrix) -> None:
    matrix.cell("a", 33, n=40, price=None, status="done")
    matrix.cell("b", 33, n=40, price=1.0)
    results = gather(matrix.plan(), matrix.outcomes)
    one, other = results.rows
    costs = {one.id: None, other.id: 1.0}
    level = [(pair.first, pair.second) for pair in results.families[0].known if pair.value == 0.0]
    assert level and best_first([one.id, other.id], level, costs) == [one.id, other.id]
    assert best_first([one.id, other.id], level, {**costs, one.id: 2.0}) == [other.id, one.id]


def test_33_a_load_gives_totals_with_whole_machines(matrix) -> None:
    matrix.cell("base", 20, work=4.0, price=1.0)
    matrix.cell("tuned", 40, work=40.0, trains=True, price=1.0)
    found, ids = decided(matrix, **LOADED)
    owned = {one.name: one for one in found.owned}
    assert found.basis == "total_usd" and found.load.peak_rps == 4.0
    assert (
        owned[ids["base"]].machines == 1 and owned[ids["tuned"]].machines == 4
    )  # 40 answers in 40 s, 4 a second wanted
    assert owned[ids["tuned"]].retrain_usd == pytest.approx(12 * owned[ids["tuned"]].fixed_usd)
    assert found.baseline == ids["base"] and [one["name"] for one in found.returns] == [ids["tuned"]]
    assert len(found.break_even) == 1 and found.break_even[0]["reason"] is None
    choice = next(choice for choice in found.choices if choice.name == ids["tuned"])
    assert (
        choice.requests_per_second == pytest.approx(1.0)
        and choice.requests_per_second_low < 1 < choice.requests_per_second_high
    )


def test_31_an_unknown_price_has_no_total_and_no_place(matrix) -> None:
    matrix.cell("base", 20)
    matrix.cell("tuned", 40, trains=True)
    found, _ = decided(matrix, **LOADED)
    assert found.basis == "seconds_per_1k_requests"
    assert all(one.total_usd is None for one in found.owned)
    assert all(one["reason"] for one in found.break_even)
    assert all(one["payback_months"] is None for one in found.returns)


def test_a_cell_that_breaks_a_constraint_is_shown_and_not_recommended(matrix) -> None:
    matrix.cell("slow", 40, work=40.0, price=1.0)
    matrix.cell("fast", 20, work=4.0, price=1.0)
    limit = {"usd_per_1k": 0.05, "p95_ms": None, "forgetting": None, "peak_gb": None}
    found, ids = decided(matrix, constraints=limit)
    assert found.recommendation.choice == ids["fast"] and found.recommendation.excluded == (ids["slow"],)
    assert [one.kept for one in found.kept[ids["slow"]]] == [False]


def test_labelling_and_labour_are_counted_when_given(matrix) -> None:
    matrix.cell("base", 20, price=1.0)
    matrix.cell("tuned", 40, trains=True, price=1.0)
    found, ids = decided(matrix, labour_usd={"lora": 500.0}, **LOADED)
    labour = {choice.name: choice.labour_usd for choice in found.choices}
    assert labour == {ids["base"]: 0.0, ids["tuned"]: 500.0}
    assert any("labelling" in text for text in found.left_out) and not any("people" in text for text in found.left_out)
    priced, ids = decided(matrix, labelling_usd_per_example=0.1)
    assert {choice.name: choice.labelling_usd for choice in priced.choices}[
        ids["tuned"]
    ] is None  # the rows it was trained on are not known


def test_a_failed_attempt_is_part_of_what_a_choice_cost(matrix) -> None:
    cell = matrix.cell("tuned", 40, trains=True, price=3.6)
    key = cell.stages["train"]
    matrix.store.record_failure(failed_receipt(matrix.stages[key], "killed", 1000.0))
    found, ids = decided(matrix)
    assert found.choices[0].search_usd == pytest.approx(1.0)


def sentences(matrix, tmp_path, **decision):
    matrix.decision |= decision
    plan = matrix.plan()
    plan.write(tmp_path)
    write_results(plan, matrix.outcomes, tmp_path)
    return advise.advice(*advise.read(tmp_path))


def test_costs_that_read_alike_are_not_set_against_each_other(matrix, tmp_path) -> None:
    matrix.cell("base", 39, work=4.0, price=1.0)
    matrix.cell("rival", 38, work=4.1, price=1.0)
    said = [
        one.text
        for one in sentences(matrix, tmp_path, **{**LOADED, "margin": 0.3})
        if one.about in ("choice", "equivalent")
    ]
    assert any("at about the same cost" in text for text in said) and not any("against $" in text for text in said)


def test_every_sentence_carries_numbers(matrix, tmp_path) -> None:
    matrix.cell("base", 20, work=4.0, price=1.0)
    matrix.cell("tuned", 39, work=40.0, trains=True, price=1.0)
    matrix.cell("rival", 38, work=20.0, price=1.0)
    said = sentences(
        matrix,
        tmp_path,
        constraints={"p95_ms": 100.0, "usd_per_1k": 5.0, "forgetting": None, "peak_gb": None},
        **LOADED,
    )
    assert said and all(re.search(r"\d", one.text) and one.numbers for one in said)
    assert any("breaks p95_ms" in one.text for one in said)
    said = sentences(matrix, tmp_path, constraints={})
    assert said[0].about == "choice" and said[0].text.startswith("Take ")
    assert any(one.about == "load" and "requests a month" in one.text for one in said)
    assert all(re.search(r"\d", one.text) and one.numbers for one in said)


def test_another_metric_by_which_another_cell_leads_is_named(matrix, tmp_path) -> None:
    matrix.cell("rival", 20, price=1.0)
    matrix.cell("taken", 40, price=1.0)
    sentences(matrix, tmp_path)
    results, plan = advise.read(tmp_path)
    for cell in results["cells"]:
        low = {"rival": 0.9, "taken": 0.5}[cell["label"]]
        cell["scores"] |= {
            "facts": {"value": low + 0.05, "low": low, "high": low + 0.1, "higher_is_better": True},
            "bytes": {"value": low + 0.05, "low": low, "high": low + 0.1, "higher_is_better": False},
            "wide": {"value": low + 0.05, "low": low - 0.4, "high": low + 0.1, "higher_is_better": True},
            "unknown": {"value": None, "low": None, "high": None, "higher_is_better": True},
        }
    (other,) = [one for one in advise.advice(results, plan) if one.about == "elsewhere"]
    assert (other.numbers["metric"], other.numbers["value"], other.numbers["chosen"]) == (
        "facts",
        0.9 + 0.05,
        0.5 + 0.05,
    )
    assert "rival leads: facts 0.95 [0.9, 1] against facts 0.55 [0.5, 0.6]" in other.text


def test_what_is_undecided_says_how_many_examples_would_decide_it(matrix, tmp_path) -> None:
    matrix.cell("dear", 33, n=40, work=40.0, price=1.0)
    matrix.cell("cheap", 31, n=40, work=4.0, price=1.0)
    plan = matrix.plan()
    first, open_ = (
        next(one for one in sentences(matrix, tmp_path) if one.about == about) for about in ("choice", "undecided")
    )
    assert first.text.startswith("Undecided: dear has the best value") and "1 cheaper cell may be as good" in first.text
    assert "decision.margin" in open_.text and "interval" in open_.text
    settings = {
        **plan.settings,
        "samples": {plan.cells[0].stages["prepare"]: {"1": 40}},
        "decision": {**matrix.decision, "margin": 0.01},
    }
    plan = replace(plan, settings=settings)
    plan.write(tmp_path)
    write_results(plan, matrix.outcomes, tmp_path)
    open_ = next(one for one in advise.advice(*advise.read(tmp_path)) if one.about == "undecided")
    assert open_.numbers["examples_needed"] > 40 and "examples like these" in open_.text


def test_the_verb_prints_and_writes(matrix, tmp_path, capsys) -> None:
    matrix.cell("base", 20, price=1.0)
    matrix.cell("tuned", 40, trains=True, price=1.0)
    sentences(matrix, tmp_path)
    assert main(["advise", str(tmp_path)]) == 0
    assert "- Take tuned" in capsys.readouterr().out
    assert main(["advise", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["about"] == "choice"
    assert main(["advise", str(tmp_path / "nowhere")]) == 1
    assert main(["advise", str(tmp_path), "--json", str(tmp_path / "nowhere" / "x.json")]) == 1
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err
    with pytest.raises(FtbenchError, match="holds no results.json"):
        advise.read(tmp_path / "nowhere")


def test_results_json_holds_what_a_page_needs(matrix) -> None:
    matrix.cell("base", 20, price=1.0)
    matrix.cell("tuned", 40, trains=True, price=1.0)
    data = as_dict(gather(matrix.plan(), matrix.outcomes))
    decision = data["families"][0]["decision"]
    assert {"choices", "places", "costs", "recommendation"} <= set(decision) and data["families"][0]["pairs"]
    assert json.dumps(data, allow_nan=False)
    tuned = next(cell for cell in data["cells"] if cell["label"] == "tuned")
    assert tuned["account"]["tokens"]["train"] == {"supervised": 100}
    assert tuned["account"]["split_usd"]["total"] <= tuned["account"]["alone_usd"]["total"]


def test_27_of_several_seeds_the_advice_speaks_of_methods(matrix, tmp_path) -> None:
    for seed, right in enumerate((30, 28, 33)):
        matrix.cell(f"tuned seed={seed}", right, trains=True, seed=seed, work=40.0, approach="tuned")
        matrix.cell(f"other seed={seed}", right - 1, trains=True, seed=seed, approach="other")
    for cell in matrix.cells:
        for axis in ("model", "method", "context", "dataset", "decoding"):
            cell.config[axis] = {"label": cell.approach}
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    matrix.plan().write(tmp_path)
    said = advise.advice(*advise.read(tmp_path))
    choice, methods = said[0], said[1]
    assert (
        choice.about == "choice"
        and "tuned seed=2" in choice.text
        and "It is one of 3 seeds of its method" in choice.text
    )
    assert methods.about == "methods" and methods.text in results.families[0].method_sentences
    assert (
        "tuned (3 seeds) and other (3 seeds) are not told apart" in methods.text
        and methods.numbers["methods"][0]["seeds"]
    )
