"""Splitting: every row in one split, no unit in two, the same for the same seed, and hardly moved by new rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.data.split import Unit, first_in_order, split_off, units

SIZES = st.lists(st.integers(1, 30), min_size=3, max_size=60)
FRACTIONS = st.sampled_from([(0.1, 0.1), (0.2, 0.1), (0.05, 0.3), (0.5, 0.4)])


def grouped(sizes: list[int]) -> list[str]:
    """One group name per row, rows of a group apart from each other as in real files."""
    rows = [(turn, f"g{group}") for group, size in enumerate(sizes) for turn in range(size)]
    return [name for _, name in sorted(rows)]


@given(SIZES, FRACTIONS, st.integers(0, 5))
def test_36_splits_partition_the_rows_and_never_part_a_group(
    sizes: list[int], fractions: tuple[float, float], seed: int
) -> None:
    names = grouped(sizes)
    test, validation = split_off(units(names, None), fractions, seed)
    train = set(range(len(names))) - test - validation
    assert test and validation and train and not test & validation
    of = {
        name: {part for part, rows in enumerate((test, validation, train)) if any(names[row] == name for row in rows)}
        for name in names
    }
    assert all(len(parts) == 1 for parts in of.values())


@given(SIZES, st.integers(0, 5))
def test_no_single_group_would_bring_the_fraction_nearer(sizes: list[int], seed: int) -> None:
    names = grouped(sizes)
    found = units(names, None)
    (test,) = split_off(found, [0.2], seed)
    wanted = max(1.0, 0.2 * len(names))
    taken = [unit for unit in found if set(unit.rows) <= test]
    left = [unit for unit in found if not set(unit.rows) & test]
    nearest = min(abs(len(test) + len(unit.rows) - wanted) for unit in left)
    assert abs(len(test) - wanted) <= nearest or len(left) == 1 or len(taken) == 1


@given(st.integers(20, 400), FRACTIONS)
def test_rows_that_stand_alone_are_split_to_the_row(count: int, fractions: tuple[float, float]) -> None:
    parts = split_off(units([str(row) for row in range(count)], None), fractions, 0)
    assert all(abs(len(part) - fraction * count) <= 0.5 for part, fraction in zip(parts, fractions, strict=True))


@given(st.integers(50, 300), st.integers(1, 10), st.integers(0, 3))
def test_added_rows_move_few_others(count: int, added: int, seed: int) -> None:
    before, _ = split_off(units([str(row) for row in range(count)], None), (0.1, 0.1), seed)
    after, _ = split_off(units([str(row) for row in range(count + added)], None), (0.1, 0.1), seed)
    assert len(before - after) <= added


def test_seeds_differ_and_the_order_of_rows_does_not_matter() -> None:
    names = [f"g{row % 40}" for row in range(200)]
    held = [{names[row] for row in split_off(units(names, None), (0.1, 0.1), seed)[0]} for seed in (0, 1)]
    backwards = names[::-1]
    assert held[0] != held[1]
    assert {backwards[row] for row in split_off(units(backwards, None), (0.1, 0.1), 0)[0]} == held[0]


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 12)), min_size=5, max_size=120), FRACTIONS)
def test_36_by_time_test_is_latest_and_neither_group_nor_moment_is_parted(
    rows: list[tuple[int, int]], fractions: tuple[float, float]
) -> None:
    names, times = [f"g{group}" for group, _ in rows], [time for _, time in rows]
    found = units(names, times)
    if len(found) < 3:
        with pytest.raises(ValueError):
            split_off(found, fractions, 0)
        return
    test, validation = split_off(found, fractions, 0)
    train = set(range(len(rows))) - test - validation
    latest = {name: max(time for other, time in zip(names, times, strict=True) if other == name) for name in names}
    ends = [[latest[names[row]] for row in part] for part in (train, validation, test)]
    assert max(ends[0]) < min(ends[1]) and max(ends[1]) < min(ends[2])
    assert not {names[row] for row in test} & {names[row] for row in train | validation}


def test_too_few_units_are_no_split() -> None:
    with pytest.raises(ValueError, match="2 units"):
        split_off([Unit("a", (0,), None), Unit("b", (1,), None)], (0.1, 0.1), 0)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 200), st.integers(0, 3))
def test_a_smaller_limit_keeps_a_part_of_a_larger_one(count: int, one: int, other: int, seed: int) -> None:
    names = [f"row-{index}" for index in range(count)]
    small, large = (first_in_order(names, limit, seed) for limit in sorted((one, other)))
    assert set(small) <= set(large) and len(large) == min(count, max(one, other)) and large == sorted(large)


def test_a_limit_samples_a_sorted_file_evenly() -> None:
    kept = first_in_order([f"row-{index}" for index in range(1000)], 100, 0)
    assert 30 <= sum(index < 500 for index in kept) <= 70
