"""One verdict: terminal, page, ``advise`` and ``results.json`` recommend the same and leave the same open, whatever was
measured.
"""

from __future__ import annotations

import json
import random

import pytest

from ftbench.analysis.advice import advice
from ftbench.analysis.verdict import ALONE, CLEAR, NOTHING, candidates, decide_between
from ftbench.cli import advise
from ftbench.cost.frontier import UNDECIDED
from ftbench.report.send.texts import markdown_text
from ftbench.report.terminal import render, undecided_lines
from ftbench.report.view.decision import decisions
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.report.write import write_results

AXES = ("model", "method", "context", "dataset", "decoding")
LOAD = {"months": 12, "requests_per_month": 1e5, "peak_rps": 0.5, "retrains_per_month": 0.0}


def quoted(matrix, folder):
    """Returns the one verdict of a matrix, having seen that every place quotes it."""
    plan = matrix.plan()
    plan.write(folder)
    results = write_results(plan, matrix.outcomes, folder)
    (decision,), verdict = results.decisions, results.decisions[0].verdict
    stored = json.loads((folder / "results.json").read_text(encoding="utf-8"))["families"][0]["decision"]
    assert stored["recommendation"] == verdict.as_dict()

    sweep = open_sweep(folder)
    (one,) = decisions(table([sweep]))
    assert one.verdict == verdict
    assert {line.row.id: line.state for line in one.lines if line.place} == {
        place.name: place.state for place in decision.places
    }
    said = one.headline.sentence
    names = {cell: results.candidate_label(cell) for cell in results.families[0].cells}
    badge = verdict.headline.capitalize()
    assert markdown_text([sweep]).split("\n")[2].startswith("**") == (badge in ("Clear", "Undecided"))
    if verdict.headline == CLEAR:
        (chosen,) = [group for group in one.groups if group.lead.row.id == verdict.choice]
        assert said.startswith(f"Choose {chosen.label}") and "Undecided" not in said
    if verdict.headline == UNDECIDED:
        assert "may be the best" in said or "Undecided:" in said
        assert verdict.by_margin or one.headline.marked in verdict.contenders

    first, *others = advice(*advise.read(folder))
    assert first.numbers["headline"] == verdict.headline and first.numbers.get("cell") == verdict.choice
    open_ = [sentence for sentence in (first, *others) if sentence.text.startswith("Undecided")]
    assert bool(open_) == (verdict.headline == UNDECIDED)
    assert sum(sentence.about == "undecided" for sentence in others) == min(len(verdict.undecided), 5)

    lines = undecided_lines(results)
    assert all(line in " ".join(render(results, 10_000).split("\n")) for line in lines)
    if verdict.choice is None:
        assert lines[0].startswith("No cell is known to keep every constraint")
    elif verdict.undecided or results.families[0].cells[0] not in verdict.cells:
        assert lines[0].startswith(f"Recommended: {names[verdict.choice]}")
        assert all(names[cell] in lines[0].partition("cheaper and undecided")[2] for cell in verdict.undecided)
    return verdict, {results.row(cell).label: cell for cell in names}


@pytest.mark.parametrize("draw", range(24))
def test_whatever_was_measured_every_place_quotes_one_verdict(matrix, tmp_path, draw) -> None:
    drawn = random.Random(draw)
    matrix.decision["margin"] = drawn.choice([None, None, 0.05, 0.3, 0.6])
    if drawn.random() < 0.3:
        matrix.decision["constraints"] = {"usd_per_1k": drawn.choice([0.02, 0.1]), "p95_ms": None}
    if drawn.random() < 0.4:
        matrix.decision |= LOAD | drawn.choice([{}, {"labeling_usd_per_example": 0.1}])
    for number in range(drawn.randint(1, 4)):
        trials, seeds = drawn.choice([(1, 1), (1, 1), (1, 3), (2, 1), (2, 2)])
        price = drawn.choice([1.0, 1.0, 1.0, None])
        right, trains = drawn.randint(2, 38), drawn.random() < 0.6
        for trial in range(trials):
            for seed in range(seeds):
                validation = drawn.randint(2, 38) if trials > 1 and drawn.random() < 0.9 else None
                matrix.cell(
                    f"way{number} k={trial} seed={seed}",
                    min(40, right + drawn.randint(0, 5)),
                    trains=trains,
                    work=drawn.choice([4.0, 8.0, 40.0]),
                    price=price,
                    seed=seed,
                    validation=validation,
                    approach=f"way{number}",
                    values={"method.k": trial},
                )
                alike = {"label": f"{number} {trial}"}
                matrix.cells[-1].config.update(dict.fromkeys(AXES, alike))
    quoted(matrix, tmp_path / "sweep")


def test_29_a_trial_that_validation_passed_over_is_not_recommended_and_on_no_frontier(matrix, tmp_path) -> None:
    for rank, right, validation in ((4, 30, 39), (8, 40, 20)):
        matrix.cell(f"lora {rank}", right, trains=True, validation=validation, approach="lora", values={"rank": rank})
        matrix.cells[-1].config["method"] = {"label": rank}
    matrix.cell("none", 3, approach="none", validation=3)
    verdict, ids = quoted(matrix, tmp_path / "s")
    assert (verdict.headline, verdict.choice) == (CLEAR, ids["lora 4"])


def test_46_seeds_are_no_rivals_and_the_luckiest_is_not_the_choice(matrix, tmp_path) -> None:
    for seed, right in enumerate((35, 39, 36)):
        matrix.cell(f"lora seed={seed}", right, trains=True, seed=seed, work=40.0 - right, approach="lora")
        matrix.cells[-1].config.update(dict.fromkeys(AXES, {"label": "lora"}))
    matrix.cell("none", 3, approach="none")
    verdict, ids = quoted(matrix, tmp_path / "s")
    assert (verdict.headline, verdict.choice, verdict.undecided) == (CLEAR, ids["lora seed=0"], ())
    assert verdict.cells == tuple(ids[f"lora seed={seed}"] for seed in range(3))


def test_31_one_cell_without_a_price_does_not_hide_which_of_two_others_is_cheaper(matrix, tmp_path) -> None:
    matrix.decision["margin"] = 0.3
    matrix.cell("dear", 39, work=40.0, price=1.0)
    matrix.cell("cheap", 39, work=4.0, price=1.0)
    matrix.cell("worse", 2, price=1.0, device=None)
    verdict, ids = quoted(matrix, tmp_path / "s")
    assert verdict.choice == ids["cheap"]


def test_where_a_total_is_unknown_every_place_weighs_a_thousand_requests(matrix, tmp_path) -> None:
    matrix.decision |= {**LOAD, "margin": 0.3, "labeling_usd_per_example": 0.1}
    matrix.cell("tuned", 38, trains=True, work=2.0, price=1.0)
    matrix.cell("base", 39, work=8.0, price=1.0)
    verdict, ids = quoted(matrix, tmp_path / "s")
    assert verdict.choice == ids["tuned"], "what its labelling cost is not known, and no reason to call it dear"


def test_26_a_lead_that_is_not_shown_is_undecided_even_where_nothing_costs_less(matrix, tmp_path) -> None:
    matrix.cell("best", 33, work=4.0, price=1.0)
    matrix.cell("dear", 31, work=40.0, price=1.0)
    verdict, ids = quoted(matrix, tmp_path / "s")
    assert (verdict.headline, verdict.choice, verdict.undecided) == (UNDECIDED, ids["best"], ())
    assert not verdict.lead_shown and verdict.contenders == (ids["best"], ids["dear"])
    assert advice(*advise.read(tmp_path / "s"))[0].text.endswith("None of them is known to cost less, so take it.")


def pair(first, second, verdict, value=1.0):
    return {"first": first, "second": second, "verdict": verdict, "value": value, "within_margin": False}


def judged(pairs, costs, kept="abc", margin=None):
    family = {"cells": list("abc"), "pairs": pairs}
    return decide_between(family, [("a",), ("b",), ("c",)], {"a": 3, "b": 2, "c": 1}, costs, kept.count, margin, True)


def test_28_what_is_worse_than_something_worse_is_worse_than_the_best() -> None:
    pairs = [pair("a", "b", "better"), pair("b", "c", "better"), pair("a", "c", "undecided")]
    found = judged(pairs, {"a": 3.0, "b": 2.0, "c": 1.0})
    assert (found.headline, found.choice, found.undecided, found.contenders) == (CLEAR, "a", (), ("a",))


def test_what_breaks_a_constraint_is_no_rival() -> None:
    pairs = [pair("a", "b", "better"), pair("b", "c", "undecided"), pair("a", "c", "better")]
    costs = {"a": 3.0, "b": 2.0, "c": 1.0}
    found = judged(pairs, costs, kept="bc")
    assert (found.headline, found.best, found.cheapest, found.excluded) == (UNDECIDED, "b", "c", ("a",))
    assert judged(pairs, costs, kept="c").headline == ALONE and judged(pairs, costs, kept="").headline == NOTHING


def test_candidates_are_approaches_with_a_choice_and_else_single_configurations() -> None:
    configurations = [{"cells": ["a", "b"], "chosen": False}, {"cells": ["c", "d"], "chosen": True}]
    chosen = {"cells": ["c", "d"], "configurations": configurations}
    open_ = {"cells": [], "configurations": [{"cells": ["e"], "chosen": False}, {"cells": ["f", "g"], "chosen": False}]}
    methods = {"a": "1", "b": "1", "c": "2", "d": "2", "e": "3", "f": "4", "g": "4"}
    assert candidates("dcgbafe", [chosen, open_], methods) == [("c", "d"), ("g", "f"), ("e",)]
    assert candidates("bae", [chosen, open_], methods) == [("b", "a"), ("e",)], "a filter hides what was chosen"
