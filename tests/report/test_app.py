"""The app's logic without a browser: what the widgets offer and what they change."""

from __future__ import annotations

import json
import sys

import pytest

from tests.conftest import ROOT
from tests.report.test_view import _saved, sweep  # noqa: F401

testing = pytest.importorskip("streamlit.testing.v1", reason="needs the extra report (streamlit)")


@pytest.fixture
def app(monkeypatch, tmp_path):
    """Starts the app over sweeps' folders."""

    def start(*folders, page: str | None = None, trusted: bool = True, **words: str):
        asked = {
            "trusted": trusted,
            "sweeps": [{"folder": str(folder), "name": folder.name, "store": None} for folder in folders],
        }
        monkeypatch.setattr(sys, "argv", ["app.py", json.dumps(asked)])
        found = testing.AppTest.from_file(str(ROOT / "reports" / "app.py"), default_timeout=60)
        for name, value in ({"page": page} if page else {}).items() | words.items():
            found.query_params[name] = value
        return found.run()

    return start


def _html(at) -> str:
    return "".join(str(element.proto.body) for element in at.get("html"))


def test_the_first_page_says_what_to_choose_and_another_metric_changes_it(app, sweep) -> None:
    at = app(sweep.folder)
    assert not at.exception
    assert "2 of 3 cells may be the best by exact_match" in _html(at)
    assert "train: out of memory" in _html(at) and "no preferences" in _html(at)
    metric = next(one for one in at.selectbox if one.label == "Metric")
    assert metric.options == ["exact_match", "rouge1"]
    at = metric.set_value("rouge1").run()
    assert not at.exception and "may be the best by rouge1" in _html(at)


def test_a_constraint_and_a_filter_change_the_table(app, sweep) -> None:
    at = app(sweep.folder)
    slider = next(one for one in at.slider if one.label.startswith("cost"))
    at = slider.set_value(slider.min).run()
    assert not at.exception and "breaks: cost per 1,000 requests" in _html(at)
    at = next(one for one in at.multiselect if one.label == "method").set_value(["none"]).run()
    assert "2 hidden by the filters" in _html(at)


def test_two_sweeps_open_together_and_one_by_one(app, matrix, tmp_path) -> None:
    matrix.cell("tiny none", 5)
    first = _saved(matrix, tmp_path / "first")
    matrix.cell("tiny lora", 30, trains=True)
    second = _saved(matrix, tmp_path / "second")
    at = app(first.folder, second.folder)
    assert not at.exception and "2 sweeps" in _html(at)
    at = next(one for one in at.selectbox if one.label == "Sweep").set_value("first").run()
    assert not at.exception and "the only one" in _html(at)


def test_what_cannot_be_read_is_one_line(app, sweep) -> None:
    (sweep.folder / "results.json").write_text("{broken", encoding="utf-8")
    at = app(sweep.folder)
    assert not at.exception and "cannot be read" in _html(at)


def test_a_sweep_that_has_not_ended_says_so(app, matrix, tmp_path) -> None:
    matrix.cell("tiny none", 5)
    matrix.plan().write(tmp_path / "s")
    at = app(tmp_path / "s")
    assert not at.exception and "No results yet." in _html(at)
