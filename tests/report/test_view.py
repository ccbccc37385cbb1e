"""The reading layer: what each page of the report shows, from the files of a sweep alone."""

from __future__ import annotations

import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ftbench.analysis.verdict import ALONE, CLEAR, NOTHING, UNDECIDED
from ftbench.core.errors import FtbenchError
from ftbench.cost.ownership import SECONDS_PER_MONTH, Load
from ftbench.report.draw import ownership as owning
from ftbench.report.draw.decision import ranking
from ftbench.report.draw.pages import plan_forecast, plan_head
from ftbench.report.draw.review import review
from ftbench.report.draw.scatter import chart
from ftbench.report.draw.svg import scale
from ftbench.report.send.page import html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.view import outputs, ownership, statistics
from ftbench.report.view.cell import cell_page
from ftbench.report.view.compared_costs import choices_of
from ftbench.report.view.decision import COST, axes_of, decisions, placed, places_by_cost
from ftbench.report.view.labels import distinct, short
from ftbench.report.view.plan_page import plan_page
from ftbench.report.view.review import review_page
from ftbench.report.view.sweep import open_sweep, open_sweeps
from ftbench.report.view.table import metrics_of, slices_of, table
from ftbench.report.write import write_results


def _saved(matrix, folder: Path):
    plan = matrix.plan()
    plan.write(folder)
    write_results(plan, matrix.outcomes, folder)
    return open_sweep(folder)


@pytest.fixture
def sweep(matrix, tmp_path):
    """Three cells: two close ones that train, and a cheap base far behind; one refused, one failed."""
    matrix.cell("tiny lora", 38, trains=True, work=8.0)
    matrix.cell("tiny full", 37, trains=True, work=6.0)
    matrix.cell("tiny none", 8, work=2.0)
    matrix.cell("tiny broken", 0, status="failed", reason="train: out of memory")
    matrix.refuse("tiny dpo", "no preferences")
    return _saved(matrix, tmp_path / "sweep")


def test_26_a_tie_is_undecided_and_names_the_cheapest_of_those_that_may_be_the_best(sweep) -> None:
    (one,) = decisions(table([sweep]))
    assert one.verdict.headline == UNDECIDED
    assert {sweep.rows[cell].label for cell in one.contenders} == {"tiny lora", "tiny full"}
    assert sweep.rows[one.headline.marked].label == "tiny full"
    assert "no proof of being equal" in one.headline.confidence
    assert [line.rank for line in one.lines] == ["1–2", "1–2", "3"]


def test_26_a_declared_margin_makes_the_cheaper_of_two_the_choice_and_says_so(matrix, tmp_path) -> None:
    matrix.decision["margin"] = 0.3
    matrix.cell("tiny lora", 38, trains=True, work=8.0)
    matrix.cell("tiny full", 37, trains=True, work=6.0)
    matrix.cell("tiny none", 8, work=2.0)
    found = _saved(matrix, tmp_path / "s")
    ids = {row.label: cell for cell, row in found.rows.items()}
    advised = found.results["families"][0]["decision"]["recommendation"]
    assert (advised["choice"], advised["best"]) == (ids["tiny full"], ids["tiny lora"])
    (one,) = decisions(table([found]))
    assert (one.verdict.headline, one.headline.marked, one.verdict.by_margin) == (CLEAR, ids["tiny full"], True)
    assert (
        "no worse than the best (tiny lora, 0.950" in one.headline.sentence
        and "by the margin of 0.3" in one.headline.sentence
    )
    (filtered,) = decisions(table([found]), keep={"method": ["lora"]})
    assert filtered.verdict.by_margin and filtered.verdict.choice == one.verdict.choice, "a filter changes no verdict"


def test_26_worse_for_certain_but_by_less_than_the_margin_is_no_worse_by_the_margin(matrix, tmp_path) -> None:
    matrix.decision["margin"] = 0.7
    matrix.cell("tiny lora", 38, trains=True, work=8.0)
    matrix.cell("tiny none", 24, work=2.0)
    found = _saved(matrix, tmp_path / "s")
    family = found.results["families"][0]
    assert [pair["verdict"] for pair in family["pairs"]] == ["better"]
    (one,) = decisions(table([found]))
    assert found.rows[one.headline.marked].label == "tiny none" and "by the margin of 0.7" in one.headline.sentence
    assert {place["name"]: place["on_frontier"] for place in family["decision"]["places"]} == {
        one.headline.marked: True,
        family["cells"][0]: False,
    }


def test_26_a_tie_is_marked_undecided_on_page_markdown_and_csv(matrix, tmp_path) -> None:
    matrix.cell("tiny lora", 31, n=40, trains=True, work=40.0)
    matrix.cell("tiny none", 33, n=40, work=4.0)
    matrix.cell("tiny full", 2, n=40, trains=True, work=8.0)
    found = _saved(matrix, tmp_path / "s")
    (one,) = decisions(table([found]))
    assert {line.row.label: line.state for line in one.lines} == {
        "tiny none": "undecided",
        "tiny lora": "undecided",
        "tiny full": "off",
    }
    drawn = chart(one)
    assert (
        ranking(one).count(">frontier: undecided<") == 2
        and drawn.count("frontier: undecided</title>") == 4
        and drawn.count("frontier: off</title>") == 2
    )
    assert markdown_text([found]).count("frontier: undecided") == 2
    rows = {row["label"]: row["frontier"] for row in csv.DictReader(io.StringIO(csv_text([found])))}
    assert rows == {"tiny none": "undecided", "tiny lora": "undecided", "tiny full": "off"}
    # another cost: the tie is a tie at any price, and what is shown to be worse stays where nothing is cheaper
    costs = {line.row.id: {"tiny none": 3.0, "tiny lora": 2.0, "tiny full": 1.0}[line.row.label] for line in one.lines}
    assert {found.rows[cell].label: place.state for cell, place in placed(one.family, costs).items()} == {
        "tiny none": "undecided",
        "tiny lora": "undecided",
        "tiny full": "on",
    }


def test_26_a_margin_too_small_for_the_data_chooses_the_best_and_names_what_is_undecided(matrix, tmp_path) -> None:
    matrix.decision["margin"] = 0.01
    matrix.cell("tiny lora", 38, trains=True, work=8.0)
    matrix.cell("tiny full", 37, trains=True, work=6.0)
    found = _saved(matrix, tmp_path / "s")
    (one,) = decisions(table([found]))
    assert one.verdict.headline == UNDECIDED and found.rows[one.headline.marked].label == "tiny lora"
    assert "Undecided: tiny full costs less and may be as good within 0.01" in one.headline.sentence


def test_a_constraint_of_the_config_marks_what_breaks_it(matrix, tmp_path) -> None:
    matrix.decision["constraints"] = {"peak_gb": 6.5e-6}
    matrix.cell("tiny lora", 39, trains=True)
    found = _saved(matrix, tmp_path / "s")
    (one,) = decisions(table([found]))
    assert one.verdict.headline == NOTHING and one.headline.marked is None
    assert one.lines[0].broken == ("peak_gb 7e-06, at most 6.5e-06",)


def test_a_clear_winner_is_chosen(matrix, tmp_path) -> None:
    matrix.cell("tiny lora", 39, trains=True)
    matrix.cell("tiny none", 5)
    (one,) = decisions(table([_saved(matrix, tmp_path / "s")]))
    assert one.verdict.headline == CLEAR
    assert one.headline.sentence.startswith("Choose tiny lora: exact_match 0.975")


def test_one_cell_is_alone_and_none_is_nothing(matrix, tmp_path) -> None:
    matrix.cell("tiny none", 5)
    sweep = _saved(matrix, tmp_path / "s")
    (one,) = decisions(table([sweep]))
    assert one.verdict.headline == ALONE
    (none,) = decisions(table([sweep]), limits={"cost": 0.0})
    assert none.verdict.headline == NOTHING and none.headline.marked is None


def test_failed_and_refused_cells_are_told_with_their_reasons(sweep) -> None:
    assert {(row.label, row.facts["reason"]) for row in table([sweep]).undone()} == {
        ("tiny broken", "train: out of memory"),
        ("tiny dpo", "method: no preferences. Take lora"),
    }


def test_a_filter_hides_cells_and_leaves_the_ranks_of_all(sweep) -> None:
    ranked = table([sweep])
    assert axes_of(ranked)["method"] == ["lora", "none", "full"]
    (one,) = decisions(ranked, {"method": ["none"]})
    assert [line.rank for line in one.lines] == ["3"] and one.hidden == 2


def test_a_constraint_marks_what_breaks_it_and_moves_the_choice(sweep) -> None:
    ranked = table([sweep])
    (before,) = decisions(ranked)
    cheapest = min(line.cost for line in before.lines)
    (one,) = decisions(ranked, limits={"cost": cheapest})
    assert sweep.rows[one.headline.marked].label == "tiny none"
    assert sum(bool(line.broken) for line in one.lines) == 2


def test_another_metric_and_a_slice_are_compared_anew(sweep) -> None:
    assert metrics_of([sweep]) == ["exact_match", "rouge1"]
    assert slices_of([sweep], "exact_match") == {"kind": ["new", "old"]}
    by_rouge = table([sweep], "rouge1")
    assert by_rouge.families[0]["cells"][0] == sweep.results["families"][0]["cells"][0]
    part = table([sweep], None, ("kind", "new"))
    (one,) = decisions(part)
    assert one.n == 20
    answers = sweep.sample(one.lines[0].row.id)
    kept = [index for index, values in enumerate(answers.slices) if values == {"kind": "new"}]
    assert one.lines[0].value == pytest.approx(answers.metrics["exact_match"][kept].mean())


def test_recomputing_gives_the_numbers_of_the_run(sweep, matrix, tmp_path) -> None:
    """Two copies of a sweep open together are one family, ranked as the run ranked it."""
    again = _saved(matrix, tmp_path / "again")
    both = table([sweep, again])
    assert both.families[0]["ranks"] == {
        cell: list(ranks) for cell, ranks in sweep.results["families"][0]["ranks"].items()
    }
    assert both.families[0]["comparisons"] == sweep.results["families"][0]["comparisons"]


def test_seeds_are_one_group_and_speak_as_a_method(matrix, tmp_path) -> None:
    for seed in range(3):
        cell = matrix.cell(f"tiny lora seed={seed}", 37 + seed % 2, trains=True, seed=seed)
        cell.config.update({axis: {"label": "lora"} for axis in ("model", "method", "context", "dataset", "decoding")})
    matrix.cell("tiny none", 5)
    ranked = table([_saved(matrix, tmp_path / "s")])
    (one,) = decisions(ranked)
    assert [len(group.lines) for group in one.groups] == [3, 1]
    told = [
        line
        for line in markdown_text([_saved(matrix, tmp_path / "m")]).splitlines()
        if line.startswith("| ") and "tiny" in line
    ]
    assert len(told) == 6 and "tiny lora |" in told[0] and told[0].split(" | ")[4] == "3", "approaches first"
    names = sorted(line.split(" | ")[1] for line in told[2:])
    assert names == ["tiny lora seed=0", "tiny lora seed=1", "tiny lora seed=2", "tiny none"], "then every cell"
    assert one.verdict.headline == CLEAR and "3 seeds" in one.headline.sentence
    (gap,) = statistics.seed_gaps(ranked, ranked.families[0])
    assert gap.clear and gap.first == "tiny lora (3 seeds)"


def test_a_forecast_of_no_training_is_a_dash_and_an_unknown_one_is_not_zero(sweep) -> None:
    found = {
        "cells": {
            cell: {"train_seconds": seconds} for cell, seconds in (("one", 0.0), ("two", None), ("three", 7200.0))
        }
    }
    drawn = plan_forecast(replace(plan_page(sweep), forecast=found))
    training = [row.split("</td>")[3].rpartition(">")[2] for row in drawn.split("<tr>")[2:]]
    assert training == ["-", "n/a", "2.0 h"]


def test_unknown_metric_slice_and_folder_are_one_line(sweep, tmp_path) -> None:
    with pytest.raises(FtbenchError, match="no metric of this sweep. Available: exact_match, rouge1"):
        table([sweep], "blue")
    with pytest.raises(FtbenchError, match="no slice"):
        table([sweep], None, ("kind", "odd"))
    with pytest.raises(FtbenchError, match="holds no plan.json"):
        open_sweeps([tmp_path])
    (tmp_path / "plan.json").write_text("[1]")
    with pytest.raises(FtbenchError, match="no JSON object"):
        open_sweeps([tmp_path])


def test_a_sweep_without_results_is_running_and_its_plan_can_be_looked_at(matrix, tmp_path) -> None:
    matrix.cell("tiny none", 5)
    plan = matrix.plan()
    plan.write(tmp_path / "s")
    page = plan_page(open_sweep(tmp_path / "s"))
    assert (page.done, page.stages) == (3, 3) and not page.running
    for key in plan.stages:
        for file in sorted(matrix.store.folder(key).rglob("*"), reverse=True):
            file.chmod(0o700)
            file.unlink()
    assert plan_page(open_sweep(tmp_path / "s")).running


def test_the_stages_of_a_search_are_its_trials(matrix, tmp_path) -> None:
    matrix.cell("tiny none", 5)
    tried = matrix.cell("tiny lora rank=8", 5, trains=True)
    plan = matrix.plan()
    replace(plan, cells=plan.cells[:1], trials=(tried,)).write(tmp_path / "s")
    page = plan_page(open_sweep(tmp_path / "s"))
    assert [node.cells for node in page.nodes if node.kind == "train"] == [("trial tiny lora rank=8",)] and all(
        node.cells for node in page.nodes
    )
    assert page.trials == 1 and len(page.cells) == 1 and "trials" in plan_head(page)
    assert page.axes == plan_page(open_sweep(plan.write(tmp_path / "all").parent)).axes, (
        "what was tried is in the matrix"
    )


def test_the_cell_page_says_how_to_make_it_again_and_what_it_shared(sweep) -> None:
    cell = next(cell for cell in sweep.plan["cells"] if cell["label"] == "tiny lora")
    cell["overrides"] = ["method=lora", "dataset.prompt={question} $HOME"]
    page = cell_page(sweep, cell["id"])
    assert page.command == "python -m ftbench -m method=lora 'dataset.prompt={question} $HOME'"
    assert [part.role for part in page.parts] == ["prepare", "train", "generate.test", "score.test"]
    assert page.parts[0].shared and not page.parts[1].shared
    assert cell_page(sweep, "nothing") is None
    refused = cell_page(sweep, sweep.plan["refusals"][0]["cell"])
    assert refused.row.facts["status"] == "refused" and not refused.parts


def test_outputs_are_ordered_by_gain_and_disagreement_and_searched(sweep) -> None:
    ranked = table([sweep])
    base, best = (
        next(row.id for row in ranked.rows.values() if row.label == label) for label in ("tiny none", "tiny lora")
    )
    scores = outputs.index(ranked, [base, best])
    assert scores.outcomes().count("win") == 30 and scores.outcomes().count("tie") == 10
    gains = scores.gains()[scores.ordered("gain")]
    assert np.all(np.diff(gains) <= 0)
    assert set(scores.ordered("disagreement")[:30]) == {
        place for place, kind in enumerate(scores.outcomes()) if kind == "win"
    }
    (one,) = outputs.examples(ranked, [base, best], ["row20"])
    assert [answer.output for answer in one.answers] == ["It is blue.", "It is red."]
    assert one.answers[1].scores["exact_match"] == 1.0
    assert outputs.matching(ranked, [base], "ROW39") == {"row39"}
    assert outputs.matching(ranked, [base], "blue") == {f"row{index}" for index in range(8, 40)}


def test_word_level_differences_give_back_both_texts() -> None:
    old, new = "It is red, and old.\n", "It is blue, and new."
    pieces = outputs.differing(old, new)
    assert "".join(words for kind, words in pieces if kind != "new") == old
    assert "".join(words for kind, words in pieces if kind != "gone") == new
    assert ("gone", "red") in pieces and ("new", "blue") in pieces


@pytest.mark.parametrize(
    ("old", "new"),
    [("a " * 20_000, "b " * 20_000), ("a " * 20_000, "a b " * 10_000), ("a b c " * 9_000, "c b a " * 9_000)],
)
def test_answers_that_repeat_themselves_are_compared_at_once(old: str, new: str) -> None:
    start = time.process_time()
    pieces = outputs.differing(old, new)
    assert "".join(words for kind, words in pieces if kind != "gone") == new
    assert time.process_time() - start < 5


def test_statistics_say_what_results_say(sweep) -> None:
    ranked = table([sweep])
    first = statistics.pairs(ranked, ranked.families[0])[0]
    assert (first.first, first.second, first.tie) == ("tiny lora", "tiny full", True)
    names, matrix, cells = statistics.correlations(ranked, ["exact_match", "rouge1"])
    assert names == ("exact_match", "rouge1") and cells == 3
    assert matrix[0][1] == pytest.approx(1.0)
    heat, *_ = statistics.heats(ranked, ["exact_match"])
    assert heat.values == ("new", "old") and heat.counts == (20, 20)


def test_review_says_how_to_start_and_reads_conclusions(sweep) -> None:
    assert review_page(sweep).start[0].startswith("python -m ftbench review make")
    (sweep.folder / "review").mkdir()
    (sweep.folder / "review" / "conclusions.json").write_text(json.dumps({"verdicts": 3}))
    assert review_page(sweep).conclusions == {"verdicts": 3}
    (sweep.folder / "review" / "conclusions.json").write_text("{")
    assert "review import" in review_page(sweep).problem, "review stats only prints"
    (sweep.folder / "review" / "conclusions.json").unlink()
    (sweep.folder / "review" / "verdicts.jsonl").write_text("{}\n")
    assert "1 verdicts are in the ledger. Importing a sheet again concludes" in review(review_page(sweep))


def test_the_review_shows_what_raters_parted_over_with_its_texts(sweep) -> None:
    first, second = [cell for cell, row in sweep.rows.items() if row.done][:2]
    parted = {
        "example": "row0",
        "first": first,
        "second": second,
        "spread": 1.0,
        "choices": [{"rater": "anna", "choice": "a"}, {"rater": "bob", "choice": "both_bad"}],
        "comments": [{"rater": "bob", "text": "<b>no</b>"}],
    }
    (sweep.folder / "review").mkdir()
    (sweep.folder / "review" / "conclusions.json").write_text(
        json.dumps({"split": "test", "systems": {first: "one", second: "two"}, "disagreements": [parted]})
    )
    page = review_page(sweep)
    (reading,) = page.readings
    assert reading.answers == (("one", "It is red."), ("two", "It is red."))
    assert reading.choices == (("anna", "prefers one"), ("bob", "both bad"))
    drawn = review(page)
    assert (
        "Disagreements worth reading" in drawn
        and "prefers one" in drawn
        and "&lt;b&gt;no&lt;/b&gt;" in drawn
        and "{'" not in drawn
    )
    pair = {
        "first": first,
        "second": second,
        "n": 9,
        "verdict": "undecided",
        "sign_test": {"p_adjusted": 0.5},
        "clusters": 9,
    }
    assert (
        "undecided" in (tested := review(replace(page, conclusions={**page.conclusions, "pairs": [pair]})))
        and "outside the declared family" not in tested
    )
    assert "outside the declared family" in review(
        replace(page, conclusions={**page.conclusions, "pairs": [pair, {**pair, "sign_test": None}]})
    )
    sent = html([sweep])
    assert 'id="review"' in sent and "It is red." in sent and "prefers one" in sent
    (sweep.folder / "review" / "conclusions.json").unlink()
    assert "Human review" not in html([sweep])


def test_a_logarithmic_axis_of_many_decades_has_ticks_far_apart() -> None:
    assert scale([1e3, 1e7], 0, 300, log=True, room=0.0).ticks(4) == [1e3, 1e5, 1e7]


def test_labels_are_short_and_stay_distinct() -> None:
    assert short({"a": "tiny lora rag", "b": "tiny none rag"}) == {"a": "lora", "b": "none"}
    assert short({"a": "tiny", "b": "tiny rag"}) == {"a": "tiny", "b": "rag"}
    assert distinct([("1234x", "lora", "one"), ("5678y", "lora", "two")]) == {
        "1234x": "lora · one",
        "5678y": "lora · two",
    }


def test_nothing_that_an_untrusted_sweep_names_is_imported(sweep, tmp_path) -> None:
    cell = next(iter(sweep.rows))
    opened = open_sweep(sweep.folder, trusted=False)
    node = opened.stages[opened.cells[cell]["stages"]["score.test"]]["config"]["metrics"]["exact_match"]
    (tmp_path / "evil.py").write_text("raise RuntimeError('imported')")
    for target in ("evil.Metric", "ftbench.metrics.function.FunctionMetric", "os.system"):
        node["_target_"] = target
        assert opened.metric(cell, "exact_match").value(np.array([[1.0]]), np.array([1.0])) == 1.0


def test_a_metric_of_another_version_is_one_line_with_the_remedy(sweep) -> None:
    cell = next(iter(sweep.rows))
    sweep.stages[sweep.cells[cell]["stages"]["score.test"]]["config"]["metrics"]["rouge1"].pop("variant")
    with pytest.raises(FtbenchError, match="rouge1 is of another version .* Repeat the sweep's command"):
        table([sweep], "rouge1")


def test_owning_reranks_by_total_cost_and_moves_the_break_even(matrix, tmp_path) -> None:
    """A tuned cell that answers four times as fast pays for its training above some volume; the numbers are those of
    ``ftbench.cost.ownership``.
    """
    matrix.cell("tiny lora", 38, trains=True)
    matrix.cell("tiny none", 37)
    found = _saved(matrix, tmp_path / "s")
    ids = {row.label: cell for cell, row in found.rows.items()}
    fixed = {"search_usd": 0.0, "index_usd": 0.0, "labeling_usd": 0.0, "labor_usd": 0.0, "machine_usd_per_hour": 2.0}
    stored = [
        {"name": ids["tiny lora"], "train_usd": 2500.0, "requests_per_second": 4.0, **fixed},
        {"name": ids["tiny none"], "train_usd": 0.0, "requests_per_second": 1.0, **fixed},
    ]
    found.results["families"][0]["decision"] = {"choices": stored, "load": None}
    choices = choices_of(table([found]))
    few, many = (
        decisions(table([found], metric), load=Load(12.0, volume, 10 * volume / SECONDS_PER_MONTH, 0.0), order=COST)[0]
        for volume, metric in (
            (1_000.0, None),
            (50_000_000.0, "rouge1"),
        )  # prices are of cells, whatever metric ranks them
    )
    assert [line.row.label for line in few.lines] == ["tiny lora", "tiny none"]
    assert [group.label for group in few.groups] == ["tiny none", "tiny lora"] and [
        group.label for group in many.groups
    ] == ["tiny lora", "tiny none"]
    assert few.headline.marked == ids["tiny none"] and many.headline.marked == ids["tiny lora"]
    assert "to own is tiny none ($17,520 over 12 months at 1,000 requests a month)" in few.headline.sentence
    assert few.weighed.costs[ids["tiny lora"]] - few.weighed.costs[ids["tiny none"]] == pytest.approx(2500.0)
    assert [line.state for line in few.lines] == ["undecided", "undecided"]
    shown = ranking(few)
    assert (
        "by cost" in shown
        and "$20,020" in shown
        and shown.index('ft-name">tiny none') < shown.index('ft-name">tiny lora')
    )
    few_owned, many_owned = (ownership.owned(one, choices, one.weighed.load) for one in (few, many))
    assert few_owned.cheapest == ids["tiny none"] and many_owned.cheapest == ids["tiny lora"]
    (crossing,) = many_owned.crossings
    assert crossing.volumes and crossing.cheaper[0] == ids["tiny none"]
    drawn = owning.chart(many_owned, {cell: label for label, cell in ids.items()}).partition("</svg>")[0]
    assert drawn.index("tiny none</text>") < drawn.index(
        "tiny lora</text>"
    )  # the dearer line's label stands above, as the line does
    stored[0]["machine_usd_per_hour"] = None
    assert set(choices_of(table([found]))) == {ids["tiny none"]}


def test_totals_within_a_per_cent_share_a_place_and_do_not_decide(matrix, tmp_path) -> None:
    matrix.cell("tiny lora", 38, trains=True, price=1.0)
    matrix.cell("tiny none", 37, price=1.0)
    found = _saved(matrix, tmp_path / "s")
    (one,) = decisions(table([found]), load=Load(12.0, 1000.0, None, 0.0), order=COST)
    assert set(places_by_cost(one).values()) == {"1–2"}
    assert "Cost does not decide: each of them is about $8,760 over 12 months" in one.headline.sentence


def test_a_recommendation_by_the_margin_follows_the_load(matrix, tmp_path) -> None:
    """At few requests the cell without training is the cheaper one, at many the one that answers faster; the run's own
    load gives the run's own advice.
    """
    matrix.decision |= {
        "margin": 0.3,
        "months": 12,
        "requests_per_month": 1000.0,
        "peak_rps": None,
        "retrains_per_month": 0.0,
    }
    matrix.cell("tiny lora", 38, trains=True, work=8.0, price=1.0)
    matrix.cell("tiny full", 37, trains=True, work=80.0, price=1.0)
    found = _saved(matrix, tmp_path / "s")
    ids = {row.label: cell for cell, row in found.rows.items()}
    ranked = table([found])
    stored = found.results["families"][0]["decision"]["recommendation"]["choice"]
    assert decisions(ranked)[0].headline.marked == stored
    assert decisions(ranked)[0].weighed.costs == found.results["families"][0]["decision"]["costs"]
    many = decisions(ranked, load=Load(12.0, 50_000_000.0, None, 0.0))[0]
    assert many.headline.marked == ids["tiny lora"]


def test_29_trials_that_validation_passed_over_are_not_ranked(matrix, tmp_path) -> None:
    """Of three configurations the one that validation chose stands for its approach, though another looks better on
    test.
    """
    cells = [
        matrix.cell(f"tiny lora rank={rank}", right, trains=True, validation=valid)
        for rank, right, valid in ((4, 30, 39), (8, 39, 20), (16, 35, 20))
    ]
    matrix.cell("tiny none", 5, validation=5)
    found = _saved(matrix, tmp_path / "s")
    configurations = [
        {"values": {"method.rank": rank}, "cells": [cell.id], "chosen": rank == 4}
        for rank, cell in zip((4, 8, 16), cells, strict=True)
    ]
    scores = {"exact_match": {"value": 0.75, "low": 0.6, "high": 0.9}}
    found.results["approaches"] = [
        {
            "id": "a",
            "label": "tiny lora",
            "rank": "1",
            "configuration": {"method.rank": 4},
            "scores": scores,
            "cells": [cells[0].id],
            "configurations": configurations,
            "train_seconds": 90.0,
            "train_usd": None,
            "seconds_per_1k_requests": 100.0,
            "usd_per_1k_requests": None,
        }
    ]
    (one,) = decisions(table([found]))
    assert one.headline.marked == cells[0].id
    assert "rank=4 chosen on validation" in one.headline.sentence
    assert [line.row.id for line in one.lines if line.frontier and line.row.trains] == [cells[0].id]
    assert {line.row.id for line in one.groups[0].trials} == {cells[1].id, cells[2].id}


def test_29_a_search_by_effort_says_what_validation_chose_among(matrix, tmp_path) -> None:
    """The trials that were not chosen have no test score and no row of their own, and still the choice was among
    several.
    """
    kept = matrix.cell("tiny lora", 30, trains=True, work=8.0)
    other = matrix.cell("tiny none", 30)
    found = _saved(matrix, tmp_path / "s")
    configurations = [
        {"values": {"method.rank": rank}, "cells": [cell], "chosen": rank == 4}
        for rank, cell in ((4, kept.id), (8, "f" * 10))
    ]
    scores = {"exact_match": {"value": 0.75, "low": 0.6, "high": 0.9}}
    found.results["approaches"] = [
        {
            "id": "a",
            "label": "tiny lora",
            "rank": "1-2",
            "configuration": {"method.rank": 4},
            "scores": scores,
            "cells": [kept.id],
            "configurations": configurations,
            "train_seconds": 90.0,
            "train_usd": None,
            "seconds_per_1k_requests": 200.0,
            "usd_per_1k_requests": None,
        }
    ]
    (one,) = decisions(table([found]))
    assert [(group.tried, group.chosen) for group in one.groups] == [(2, "rank=4"), (1, "")] and other.id in {
        line.row.id for line in one.lines
    }
    assert one.headline.sentence.startswith("Either of these 2 approaches may be the best")
    assert "at the same exact_match" in one.headline.also[0] and "0.000" not in one.headline.also[0]
    drawn = ranking(one)
    for said in (
        "best of 2 trials",
        "tiny lora: validation chose rank=4 among 2 configurations",
        "not asked the test split",
    ):
        assert said in drawn
    assert "best of 2 trials" in markdown_text([found])
