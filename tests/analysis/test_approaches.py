"""Cells rolled up to approaches: chosen on validation, told on test, seeds apart from trials."""

from __future__ import annotations

import csv
import json
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.analysis.columns import approach_columns
from ftbench.analysis.configurations import choose
from ftbench.report.leaderboard import markdown
from ftbench.report.terminal import render
from ftbench.report.write import write_results


def rank(matrix, value, right, validation, seed=0, **options):
    """Adds one seed of one trial of the approach lora."""
    return matrix.cell(
        f"lora rank={value}",
        right,
        validation=validation,
        seed=seed,
        trains=True,
        approach="lora",
        values={"method.rank": value},
        **options,
    )


@pytest.fixture
def swept(matrix):
    matrix.cell("none", 8, validation=9, approach="none")
    for value, right, validation in ((4, 39, 12), (8, 30, 21), (16, 38, 20)):
        for seed in (0, 1, 2):
            rank(matrix, value, right - seed, validation + seed, seed)
    return matrix


def rolled(matrix, folder):
    results = write_results(matrix.plan(), matrix.outcomes, folder)
    return results, {approach.label: approach for approach in results.approaches}


def test_29_the_configuration_is_chosen_on_validation_and_not_on_test(swept, tmp_path):
    _, found = rolled(swept, tmp_path)
    lora = found["lora"]
    assert lora.chosen.values == {"method.rank": 8}, "ranks 4 and 16 are better on test"
    assert lora.chosen.validation == pytest.approx(fmean([21, 22, 23]) / 40)
    assert len(lora.configurations) == 3 and len(lora.cells) == 3
    assert lora.scores["exact_match"].value == pytest.approx(29 / 40)


def test_27_seeds_and_examples_are_two_errors(swept, tmp_path):
    _, found = rolled(swept, tmp_path)
    mean = found["lora"].scores["exact_match"]
    assert mean.sd == pytest.approx(stdev([30 / 40, 29 / 40, 28 / 40])) and (mean.lowest, mean.highest, mean.seeds) == (
        28 / 40,
        30 / 40,
        3,
    )
    assert mean.low < 28 / 40 and mean.high > 30 / 40, "forty examples leave more open than the seeds"
    assert found["none"].scores["exact_match"].sd is None


def test_one_row_each_in_the_file_and_first_on_the_terminal(swept, tmp_path):
    results, _ = rolled(swept, tmp_path)
    with open(tmp_path / "approaches.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == approach_columns(swept.metrics)
    assert [(row["label"], row["trials"], row["seeds"], row["configuration"]) for row in rows] == [
        ("lora", "3", "3", '{"method.rank": 8}'),
        ("none", "1", "1", ""),
    ]
    chosen = rows[0]["cells"].split()
    assert [cell.label for cell in swept.cells if cell.id in chosen] == ["lora rank=8"] * 3
    assert float(rows[0]["train_seconds"]) == 9 * 32.0, "what all trials cost, not the lucky one"
    text = render(results, 120)
    assert text.splitlines()[0].split()[:2] == ["rank", "approach"] and text.index("approach") < text.index(
        "its cells"
    ) < text.index("lora rank=16")
    assert max(map(len, text.splitlines())) <= 120
    assert markdown(results).count("| approach |") == 1
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [entry["label"] for entry in data["approaches"]] == ["lora", "none"] and len(
        data["approaches"][0]["configurations"]
    ) == 3


def test_the_same_table_is_not_shown_twice(matrix, tmp_path):
    matrix.cell("none", 8)
    matrix.cell("lora", 30, trains=True)
    results, _ = rolled(matrix, tmp_path)
    assert not results.rolled and "approach" not in render(results, 120)
    assert len((tmp_path / "approaches.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_27_sentences_about_methods_are_of_the_chosen_seeds(swept, tmp_path):
    results, found = rolled(swept, tmp_path)
    (family,) = results.families
    ((first, second, gap),) = family.methods
    assert set(first) == set(found["lora"].cells) and gap.seeds == (3, 1)
    (sentence,) = family.method_sentences
    assert sentence.startswith("As methods, lora (3 seeds) against none (one run, nothing trained): better")


def test_27_what_seeds_do_not_tell_apart_is_named_with_gap_and_spread(matrix, tmp_path):
    for name, first in (("lora", 30), ("qlora", 29), ("full", 31)):
        for seed in (0, 1, 2):
            matrix.cell(name, first - 3 * seed, trains=True, seed=seed, approach=name, validation=10)
    results, found = rolled(matrix, tmp_path)
    (sentence,) = results.families[0].method_sentences
    assert sentence.startswith(
        "As methods, full (3 seeds), lora (3 seeds) and qlora (3 seeds) are not told apart, which is no proof of being"
        " equal"
    )
    assert (
        "the widest gap is exact_match +0.05 (full against qlora)" in sentence
        and "over 3 comparisons" in sentence
        and "0.075, 0.075, 0.075" in sentence
    )
    assert {approach.rank_text for approach in found.values()} == {"1-3"}


def test_one_trained_seed_is_not_told_apart_from_a_method(matrix, tmp_path):
    matrix.cell("single", 39, trains=True, approach="single", validation=1)
    for seed in (0, 1):
        matrix.cell("lora", 5, trains=True, seed=seed, approach="lora", validation=1)
    _, found = rolled(matrix, tmp_path)
    assert {approach.rank_text for approach in found.values()} == {"1-2"}, "another seed of it is not known"


def test_without_validation_nothing_is_chosen_among_several(matrix, tmp_path):
    rank(matrix, 4, 39, None)
    rank(matrix, 8, 30, None)
    matrix.cell("none", 8, approach="none")
    results, found = rolled(matrix, tmp_path)
    assert found["lora"].cells == () and "no validation score to choose one by" in found["lora"].reason
    assert found["none"].cells and "nothing chosen" in render(results, 120)


def test_failed_cells_leave_the_others_to_speak(matrix, tmp_path):
    rank(matrix, 4, 39, 12, status="failed", reason="out of memory")
    rank(matrix, 8, 30, 10)
    matrix.cell("full", 3, trains=True, approach="full", status="failed", reason="loss is not a number")
    _, found = rolled(matrix, tmp_path)
    assert (
        found["lora"].chosen.values == {"method.rank": 8} and found["lora"].configurations[0].reason == "out of memory"
    )
    assert found["full"].reason == "failed: loss is not a number" and found["full"].rank_text == ""


VALUES = st.lists(st.none() | st.sampled_from([0.1, 0.2, 0.3]), min_size=2, max_size=6)


@given(VALUES, st.randoms(use_true_random=False), st.booleans())
def test_the_best_on_validation_then_the_cheapest_then_the_first(values, random, higher):
    costs = [random.choice([None, 10.0, 11.0, 40.0]) for _ in values]
    place = choose(values, costs, higher)
    known = [value for value in values if value is not None]
    if not known:
        assert place is None
        return
    assert values[place] == (max(known) if higher else min(known))
    ties = [index for index, value in enumerate(values) if value == values[place]]
    priced = [index for index in ties if costs[index] is not None]
    if priced:
        assert costs[place] <= 11.0 or min(costs[index] for index in priced) == 40.0
        assert place == min(index for index in priced if (costs[index] <= 11.0) == (costs[place] <= 11.0))
    else:
        assert place == ties[0]
