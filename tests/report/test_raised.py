"""A metric that raises is told of once, whatever cells and answers it raised on."""

from __future__ import annotations

from ftbench.analysis.results import _raised
from ftbench.analysis.rows import Row


def row(label, **raised):
    return Row(
        {"label": label, "cell_id": label, "status": "done"},
        {"mine": {"value": 0.5, **({"raised": raised} if raised else {})}},
        {},
        None,
        False,
        False,
        (),
        {},
    )


def test_one_line_for_all_cells_with_the_answers_added_up():
    first = {"error": "ValueError", "message": "bad: 'a'", "place": "/x/my.py:7", "rows": 2, "first": "t1"}
    (line,) = _raised([row("a", **first), row("b"), row("c", **{**first, "message": "bad: 'b'", "rows": 3})])
    assert (
        line
        == "metric mine raised ValueError: bad: 'a' (/x/my.py:7) on 5 answers; such answers score zero and are counted"
        " as failed"
    )
    assert len(_raised([row("a", **first), row("c", **{**first, "place": "/x/my.py:9"})])) == 2
