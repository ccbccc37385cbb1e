"""statistics.npz: what goes in comes out, and the same values give the same bytes."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.stats.sufficient_statistics import FILE, Sufficient

names = st.text(st.characters(exclude_characters="\u0000", exclude_categories=["Cs"]), min_size=1, max_size=8)
samples = st.lists(
    st.tuples(names, st.none() | names, st.dictionaries(names, names, max_size=2), st.floats(allow_nan=False)),
    min_size=1,
    max_size=6,
)


@given(samples)
@settings(max_examples=40, deadline=None)
def test_round_trip(tmp_path_factory, rows):
    ids, groups, slices, scores = zip(*rows, strict=True)
    sample = Sufficient(
        ids, groups, slices, {"bleu": np.array(scores).reshape(-1, 1), "own.metric": np.zeros((len(rows), 3))}
    )
    folder = tmp_path_factory.mktemp("sample")
    sample.write(folder)
    found = Sufficient.read(folder)
    assert (found.ids, found.groups, found.slices) == (ids, groups, slices)
    assert set(found.metrics) == {"bleu", "own.metric"}
    np.testing.assert_array_equal(found.metrics["bleu"], sample.metrics["bleu"])


def test_bytes_do_not_depend_on_the_clock(tmp_path, monkeypatch):
    sample = Sufficient(("a", "b"), (None, "g"), ({}, {"kind": "new"}), {"bleu": np.ones((2, 10))})
    written = []
    for day in ("first", "second"):
        (tmp_path / day).mkdir()
        sample.write(tmp_path / day)
        written.append((tmp_path / day / FILE).read_bytes())
        monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert written[0] == written[1]
