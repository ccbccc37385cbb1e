"""Slice tables: where a cell wins, from the stored scores alone."""

from __future__ import annotations

from types import SimpleNamespace

from ftbench.report.slices import slice_tables


def _row(identity: str, values: dict[str, float | None]) -> SimpleNamespace:
    slices = {"knowledge": {name: {"value": value, "n": 8} for name, value in values.items()}}
    scores = {
        "bleu": {"value": 50.0, "slices": slices},
        "exact_match": {"value": 0.5, "slices": slices},
        "rougeL": {"value": 0.5, "slices": slices},
    }
    return SimpleNamespace(
        id=identity, label=f"cell {identity}", scores=scores, value=lambda metric: scores[metric]["value"]
    )


def _tables(rows: list[SimpleNamespace], most: int) -> list:
    by_id = {row.id: row for row in rows}
    results = SimpleNamespace(primary="bleu", metrics=("bleu", "exact_match", "rougeL"), row=by_id.__getitem__)
    return slice_tables(results, SimpleNamespace(cells=tuple(by_id)), most)


def test_primary_metric_and_the_value_metric_are_shown_in_the_order_of_the_ranking() -> None:
    tables = _tables([_row("b", {"known": 0.25, "new": None}), _row("a", {"known": 1.0, "new": 0.5})], 4)
    assert [table.title for table in tables] == ["bleu by knowledge", "exact_match by knowledge"]
    assert tables[1].values == ("known (8)", "new (8)")
    assert tables[1].rows == (("cell b", ("0.250", "n/a")), ("cell a", ("1.000", "0.500")))


def test_columns_of_many_values_and_those_that_not_every_cell_has_are_left_out() -> None:
    assert _tables([_row("a", {"x": 0.1, "y": 0.2, "z": 0.3})], 2) == []
    assert _tables([_row("a", {"x": 0.1, "y": 0.2}), _row("b", {"x": 0.1, "w": 0.2})], 4) == []
    assert _tables([_row("a", {"x": 0.1})], 4) == []
