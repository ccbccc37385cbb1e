"""Who sees what, in which order, on which side: everything that chance must decide for a review to be blind.

Item ids are random letters: they stand for nothing, and a spreadsheet takes them for neither numbers, dates nor words.
Sides are balanced within each rater's sheet and pair of systems, in random order. A repeat shows a pair again, sides
swapped, well after its first showing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ftbench.core.errors import FtbenchError
from ftbench.review.sample import Comparison

LETTERS = "bcdfghjkmnpqrstvwxz"
LENGTH = 8


@dataclass(frozen=True)
class Showing:
    """One item of one rater's sheet.

    Attributes:
        item: random id.
        rater: whose sheet.
        example: id of the example.
        places: systems from left to right (two, or one in rating review).
        repeat_of: item that it shows again, or None.
    """

    item: str
    rater: str
    example: str
    places: tuple[int, ...]
    repeat_of: str | None = None


def assign(
    comparisons: Sequence[Comparison], raters: Sequence[str], overlap: float, repeats: float, rng: np.random.Generator
) -> dict[str, list[Showing]]:
    """Deals the comparisons out.

    Args:
        comparisons: two systems each, or one.
        raters: their names.
        overlap: share that every rater sees; the rest is dealt out evenly, one rater each.
        repeats: share of a rater's items that comes twice.
        rng: source of chance.

    Returns:
        Rater -> showings in the order of the sheet.
    """
    order = [comparisons[place] for place in rng.permutation(len(comparisons))]
    common = len(order) if len(raters) == 1 else math.ceil(overlap * len(order) - 1e-9)
    used: set[str] = set()
    dealt = {}
    for number, rater in enumerate(raters):
        own = [*order[:common], *order[common:][number :: len(raters)]]
        shown = [Showing(_new_item(used, rng), rater, one.example, one.systems) for one in own]
        dealt[rater] = _with_repeats(_sides(shown, rng), repeats, used, rng)
    return dealt


def random_name(rng: np.random.Generator) -> str:
    """Returns random letters."""
    return "".join(LETTERS[place] for place in rng.integers(len(LETTERS), size=LENGTH))


def _new_item(used: set[str], rng: np.random.Generator) -> str:
    while (item := random_name(rng)) in used:
        continue
    used.add(item)
    return item


def _sides(shown: Sequence[Showing], rng: np.random.Generator) -> list[Showing]:
    """Returns the showings in random order, half of each pair's swapped."""
    found: list[Showing | None] = [None] * len(shown)
    for pair in sorted({one.places for one in shown}):
        members = [index for index, one in enumerate(shown) if one.places == pair]
        # with an odd number chance also decides which side has one more
        swapped = set(rng.permutation(members)[: (len(members) + int(rng.integers(2))) // 2].tolist())
        for index in members:
            found[index] = replace(shown[index], places=pair[::-1]) if index in swapped else shown[index]
    return [found[place] for place in rng.permutation(len(found))]


def _with_repeats(shown: list[Showing], share: float, used: set[str], rng: np.random.Generator) -> list[Showing]:
    """Inserts repeats of items of the first half into the last third."""
    early = len(shown) // 2
    count = min(math.ceil(share * len(shown) - 1e-9), early)
    found = list(shown)
    for place in rng.permutation(early)[:count]:
        again = replace(
            shown[place], item=_new_item(used, rng), places=shown[place].places[::-1], repeat_of=shown[place].item
        )
        found.insert(int(rng.integers(2 * len(found) // 3, len(found) + 1)), again)
    return found


def rater_names(text: str) -> tuple[str, ...]:
    """Returns the raters of ``--raters``, a number or names with commas between; sheets are called so.

    Raises:
        FtbenchError: where a name makes no file name of its own.
    """
    if text.isdigit():
        if not 1 <= int(text) <= 100:
            raise FtbenchError(f"--raters {int(text)}: is not between 1 and 100")
        return tuple(f"rater-{number + 1}" for number in range(int(text)))
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not re.fullmatch(r"[^\W_][\w.-]{0,40}", name) or names.count(name) > 1:
            raise FtbenchError(
                f"--raters {text}: {name!r} makes no file name of its own. Give a number, or different names of"
                " letters, digits, - and ."
            )
    return names
