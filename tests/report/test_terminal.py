"""The table on the terminal."""

from __future__ import annotations

import pytest

from ftbench.report.leaderboard import markdown
from ftbench.report.terminal import render
from ftbench.report.write import write_results
from ftbench.text.markdown import literal


@pytest.fixture
def results(matrix, tmp_path):
    matrix.metrics = ("exact_match", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "bits_per_byte", "perplexity")
    matrix.cell("tiny none zero_shot", 10, validation=12)
    matrix.cell("tiny none few_shot with a label that goes on and on and on", 12, work=8.0)
    matrix.cell("tiny lora zero_shot", 38, trains=True)
    matrix.cell("tiny lora \x1b[31mred", 0, status="failed", reason="out of memory: " + "x" * 150 + "\nsecond line")
    matrix.refuse("tiny full", "too large")
    return write_results(matrix.plan(), matrix.outcomes, tmp_path)


@pytest.mark.parametrize("width", [72, 80, 120, 200])
def test_fits_the_width(results, width):
    lines = render(results, width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split()[:3] == ["rank", "cell", "exact_match"]


def test_shows_ranks_intervals_frontier_notes_and_failures(results):
    text = render(results, 120)
    lines = text.splitlines()
    assert lines[1].split()[0] == "1" and "tiny lora zero_shot" in lines[1] and lines[1].endswith("*")
    assert "0.950 [" in lines[1] and "32.0 s" in lines[1]
    assert lines[2].split()[0] == lines[3].split()[0] == "2-3"
    assert not lines[2].endswith("*")
    assert "Tuning helps: tiny lora zero_shot against" in text
    assert "- toy: says nothing about a 7B" in text
    assert "not done: 2" in text and "failed: tiny lora" in text and "refused: tiny full: method: too large" in text


def test_the_page_for_people_shows_every_metric(results):
    page = markdown(results)
    assert all(literal(metric) in page for metric in results.metrics)
    assert page.count("| --- |") >= 2


def test_what_does_not_fit_is_said(results):
    assert "more metrics in results.csv)" in render(results, 80)
    wide = render(results, 250)
    assert "more metrics" not in wide and "perplexity" in wide.splitlines()[0]


def test_a_name_cannot_move_the_cursor(results):
    text = render(results, 120)
    assert all(character.isprintable() or character == "\n" for character in text)
