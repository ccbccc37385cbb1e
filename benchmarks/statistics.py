"""Whether the statistics keep their promises, by simulation, and how long adjusted tests take.

    OMP_NUM_THREADS=1 python -m benchmarks.statistics [--worlds 2000] [--resamples 600] [WORD ...]

WORDs pick parts: ``coverage``, ``family``, ``methods``, ``power``, ``margin``, ``time``. Prints one line a promise: the
figure, its Monte Carlo standard error, and whether it holds.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ftbench.metrics.bleu import Bleu
from ftbench.stats.intervals import interval
from ftbench.stats.paired import BETTER, EQUIVALENT, NOT_WORSE, WORSE, compare
from ftbench.stats.power import Sample, detectable
from ftbench.stats.seeds import method_gap
from ftbench.stats.sufficient_statistics import Sufficient

Draw = Callable[[np.random.Generator], tuple[np.ndarray, list[str | None]]]
BLEU = Bleu(
    "bleu",
    tokenize="13a",
    lowercase=False,
    smooth_method="exp",
    smooth_value=None,
    max_ngram_order=4,
    effective_order=False,
    reference_length="closest",
)
CONFIDENCE = 0.95


def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
    return totals[..., 0] / n


def scores(n: int) -> Draw:
    """Skewed scores from 0 to 1, as ROUGE gives them."""
    return lambda rng: (rng.beta(1.0, 2.0, size=(n, 1)), [None] * n)


def shares(n: int, share: float) -> Draw:
    return lambda rng: ((rng.random((n, 1)) < share).astype(float), [None] * n)


def grouped(groups: int, each: int, icc: float, share: float | None) -> Draw:
    """Rows of one group correlate by ``icc``: normal scores around 0, or rights and wrongs with a mean of ``share``."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, list[str | None]]:
        names: list[str | None] = [f"group {g}" for g in range(groups) for _ in range(each)]
        if share is not None:  # beta-binomial: the intra-class correlation of the rights is exactly icc
            worth = (1 - icc) / icc
            chances = rng.beta(share * worth, (1 - share) * worth, size=groups)
            return (rng.random((groups * each, 1)) < np.repeat(chances, each)[:, None]).astype(float), names
        own = np.repeat(rng.normal(scale=math.sqrt(icc), size=groups), each) + rng.normal(
            scale=math.sqrt(1 - icc), size=groups * each
        )
        return own[:, None], names

    return draw


def bleu_counts(n: int, pool: np.ndarray) -> Draw:
    """BLEU statistics of n examples out of a large pool, whose own BLEU is the truth."""
    return lambda rng: (pool[rng.integers(len(pool), size=n)], [None] * n)


def bleu_pool(size: int = 20_000, seed: int = 9) -> np.ndarray:
    """Returns sufficient statistics of sentences of which some words are wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(size):
        reference = [f"w{i}" for i in rng.integers(50, size=rng.integers(5, 25))]
        wrong = rng.random() * 0.6
        rows.append(
            {
                "output": " ".join("x" if rng.random() < wrong else word for word in reference),
                "references": [" ".join(reference)],
                "finish": "stop",
            }
        )
    return BLEU.statistics(rows)


def coverage(
    draw: Draw, truth: float, worlds: int, resamples: int, value: Callable = mean, is_mean: bool = True
) -> float:
    """Returns the share of worlds in which the interval holds the truth."""
    rng = np.random.default_rng(1)
    held = 0
    for world in range(worlds):
        table, groups = draw(rng)
        ids = [str(i) for i in range(len(table))]
        found = interval(
            table, value, ids, groups, confidence=CONFIDENCE, resamples=resamples, seed=world, is_mean=is_mean
        )
        held += found.low <= truth <= found.high
    return held / worlds


def false_winners(cells: int, n: int, family: str, worlds: int, resamples: int, binary: bool, each: int = 1) -> float:
    """Returns the share of families of equal cells in which some cell is called better than another."""
    rng = np.random.default_rng(2)
    groups = [None] * n if each == 1 else [f"group {i // each}" for i in range(n)]
    wrong = 0
    for world in range(worlds):
        hard = np.repeat(rng.normal(size=(n // each, 1)), each, axis=0)
        own = np.repeat(rng.normal(scale=0.5 if each > 1 else 0.0, size=(cells, n // each, 1)), each, axis=1)
        raw = hard + own + rng.normal(scale=0.7, size=(cells, n, 1))
        tables = {f"c{i}": (raw[i] > 0).astype(float) if binary else raw[i] for i in range(cells)}
        found = compare(
            tables,
            mean,
            [str(i) for i in range(n)],
            groups,
            confidence=CONFIDENCE,
            resamples=resamples,
            seed=world,
            family=family,
            baselines=["c0"],
        )
        wrong += any(one.verdict in (BETTER, WORSE) for one in found.known)
    return wrong / worlds


def power(n: int, cells: int, worlds: int, resamples: int, each: int = 1, sd: float = 0.5, icc: float = 0.3) -> float:
    """Returns how often the difference is shown that a plan says can be shown, with the spread as it was assumed."""
    rng = np.random.default_rng(3)
    groups = [None] * n if each == 1 else [f"group {i // each}" for i in range(n)]
    pairs = cells * (cells - 1) // 2
    gap = detectable(Sample.of(groups), sd, icc, confidence=CONFIDENCE, power=0.8, pairs=pairs)
    shown = 0
    for world in range(worlds):
        base = rng.normal(size=(n, 1))
        shared = icc if each > 1 else 0.0
        # the spread of a difference of two cells is sd; each cell carries half of the variance
        part = sd / math.sqrt(2)
        own = np.repeat(rng.normal(scale=part * math.sqrt(shared), size=(cells, n // each, 1)), each, axis=1)
        raw = base + own + rng.normal(scale=part * math.sqrt(1 - shared), size=(cells, n, 1))
        raw[0] += gap
        found = compare(
            {f"c{i}": raw[i] for i in range(cells)},
            mean,
            [str(i) for i in range(n)],
            groups,
            confidence=CONFIDENCE,
            resamples=resamples,
            seed=world,
            family="best",
        )
        pair = next(one for one in found.known if (one.first, one.second) == ("c0", "c1"))
        shown += pair.verdict == BETTER
    return shown / worlds


def wrongly_as_good(
    n: int, margin: float, worlds: int, resamples: int, binary: bool, each: int = 1
) -> tuple[float, float]:
    """Returns how often a cell worse by exactly the margin is called not worse, and how often equivalent."""
    rng = np.random.default_rng(4)
    groups = [None] * n if each == 1 else [f"group {i // each}" for i in range(n)]
    as_good = alike = 0
    for world in range(worlds):
        if binary:
            good = rng.random((n, 1)) < 0.8
            # wrong for right in a share of 0.1 + margin of all, right for wrong in 0.1 of all
            worse = np.where(good, rng.random((n, 1)) > (0.1 + margin) / 0.8, rng.random((n, 1)) < 0.1 / 0.2)
            first, second = worse.astype(float), good.astype(float)
        else:
            second = rng.normal(size=(n, 1))
            shared = np.repeat(rng.normal(scale=0.3 if each > 1 else 0.0, size=(n // each, 1)), each, axis=0)
            first = second - margin + shared + rng.normal(scale=0.5, size=(n, 1))
        found = compare(
            {"a": first, "b": second},
            mean,
            [str(i) for i in range(n)],
            groups,
            confidence=CONFIDENCE,
            resamples=resamples,
            seed=world,
            family="all",
            margin=margin,
        )
        (pair,) = found.declared
        as_good += pair.verdict in (NOT_WORSE, EQUIVALENT) or (pair.verdict == BETTER)
        alike += pair.within_margin
    return as_good / worlds, alike / worlds


def false_methods(seeds: tuple[int, int], ratio: float, n: int, worlds: int, resamples: int) -> float:
    """Returns how often one of two equal methods is called better, with so many seeds and so much spread between them.

    Args:
        seeds: of either side; one stands for a method without randomness.
        ratio: standard error of the difference from the seeds, in units of that from the examples.
    """
    rng = np.random.default_rng(6)
    ids, groups = [str(i) for i in range(n)], [None] * n
    part = 1 / math.sqrt(n) * math.sqrt(2) * ratio / math.sqrt(sum(1 / count for count in seeds if count > 1))
    wrong = 0
    for world in range(worlds):
        sides = []
        for count in seeds:
            own = rng.normal(size=(n, 1))  # what the method does with each example, whatever its seed
            sides.append([own + (rng.normal(scale=part) if count > 1 else 0.0) for _ in range(count)])
        gap = method_gap(*sides, mean, ids, groups, confidence=CONFIDENCE, resamples=resamples, seed=world)
        wrong += not gap.tie
    return wrong / worlds


def seconds(cells: int, n: int, k: int, folder: Path, runs: int = 3) -> tuple[float, float]:
    """Returns CPU seconds to read cached statistics and to compare with the best, minimum of several runs."""
    rng = np.random.default_rng(5)
    metric = BLEU if k > 1 else None
    ids = tuple(f"row{i}" for i in range(n))
    for cell in range(cells):
        place = folder / str(cell)
        place.mkdir(exist_ok=True)
        table = rng.integers(1, 30, size=(n, k)).astype(float) if k > 1 else rng.random((n, 1))
        Sufficient(ids, (None,) * n, ({"kind": "new"},) * n, {"own": table}).write(place)
    reading, testing = [], []
    for _ in range(runs):
        start = time.process_time()
        samples = {str(cell): Sufficient.read(folder / str(cell)) for cell in range(cells)}
        middle = time.process_time()
        tables = {name: sample.metrics["own"] for name, sample in samples.items()}
        first = samples["0"]
        value = metric.value if metric else mean
        found = compare(
            tables, value, first.ids, first.groups, confidence=CONFIDENCE, resamples=2000, seed=0, family="best"
        )
        assert len(found.declared) == cells - 1
        reading.append(middle - start)
        testing.append(time.process_time() - middle)
    return min(reading), min(testing)


def _say(name: str, figure: float, worlds: int, low: float, high: float) -> None:
    error = math.sqrt(max(figure * (1 - figure), 1e-9) / worlds)
    close = low - 2 * error <= figure <= high + 2 * error  # a test at exactly 5% comes out above it half of the time
    verdict = "holds" if low <= figure <= high else "holds within the error of the simulation" if close else "FAILS"
    print(f"{name:<72} {figure:7.2%}  (+-{error:.2%})  {verdict}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=600)
    words = parser.parse_args()
    worlds, resamples = words.worlds, words.resamples
    parts = words.parts or ["coverage", "family", "methods", "power", "margin", "time"]
    if "coverage" in parts:
        pool = bleu_pool()
        truth = float(BLEU.value(pool.sum(axis=0), len(pool)))
        for n in (100, 1000):
            _say(
                f"coverage, mean of skewed scores, n={n}",
                coverage(scores(n), 1 / 3, worlds, resamples),
                worlds,
                0.93,
                0.96,
            )
            _say(f"coverage, share of 0.7, n={n}", coverage(shares(n, 0.7), 0.7, worlds, resamples), worlds, 0.93, 0.96)
            _say(
                f"coverage, corpus BLEU, n={n}",
                coverage(bleu_counts(n, pool), truth, worlds, resamples, BLEU.value, False),
                worlds,
                0.93,
                0.96,
            )
        for groups in (10, 20, 50):
            low = 0.93 if groups >= 20 else 0.0
            note = "" if groups >= 20 else " (warned)"
            _say(
                f"coverage, mean, {groups} groups of 10, ICC 0.3{note}",
                coverage(grouped(groups, 10, 0.3, None), 0.0, worlds, resamples),
                worlds,
                low,
                0.96,
            )
            _say(
                f"coverage, share of 0.7, {groups} groups of 10, ICC 0.3{note}",
                coverage(grouped(groups, 10, 0.3, 0.7), 0.7, worlds, resamples),
                worlds,
                low,
                0.96,
            )
    if "family" in parts:
        for family in ("best", "baseline", "all"):
            _say(
                f"a false 'better' among 10 equal cells, n=100, family={family}",
                false_winners(10, 100, family, worlds, resamples, False),
                worlds,
                0,
                0.05,
            )
        _say(
            "the same, right or wrong answers, family=best",
            false_winners(10, 100, "best", worlds, resamples, True),
            worlds,
            0,
            0.05,
        )
        _say(
            "the same, 20 groups of 5, family=best",
            false_winners(10, 100, "best", worlds, resamples, False, each=5),
            worlds,
            0,
            0.05,
        )
    if "methods" in parts:
        for seeds, ratio in (((2, 1), 1.0), ((2, 1), 4.0), ((2, 2), 1.0), ((3, 1), 2.0), ((3, 3), 1.0), ((5, 5), 1.0)):
            figure = false_methods(seeds, ratio, 100, worlds, resamples)
            _say(
                f"a false 'better' of methods, {seeds[0]} and {seeds[1]} seeds, spread {ratio:g} x sampling",
                figure,
                worlds,
                0,
                0.05,
            )
    if "power" in parts:
        _say("power at the stated difference, 2 cells, n=100", power(100, 2, worlds, resamples), worlds, 0.78, 1)
        _say("power at the stated difference, 2 cells, n=1000", power(1000, 2, worlds, resamples), worlds, 0.78, 1)
        _say(
            "power at the stated difference, 6 cells against the best, n=200",
            power(200, 6, worlds, resamples),
            worlds,
            0.78,
            1,
        )
        _say(
            "power at the stated difference, 2 cells, 50 groups of 10, ICC 0.3",
            power(500, 2, worlds, resamples, each=10),
            worlds,
            0.78,
            1,
        )
    if "margin" in parts:
        for name, options in (
            ("scores, n=100", (100, 0.1, False, 1)),
            ("right or wrong, n=400", (400, 0.05, True, 1)),
            ("20 groups of 10", (200, 0.1, False, 10)),
        ):
            n, margin, binary, each = options
            as_good, alike = wrongly_as_good(n, margin, worlds, resamples, binary, each)
            _say(f"called not worse at the margin, {name}", as_good, worlds, 0, 0.05)
            _say(f"called equivalent at the margin, {name}", alike, worlds, 0, 0.05)
    if "time" in parts:
        with tempfile.TemporaryDirectory() as folder:
            for name, k in (("a mean", 1), ("BLEU", 10)):
                reading, testing = seconds(64, 5000, k, Path(folder))
                verdict = "holds" if testing < 2 else "FAILS"
                print(
                    f"64 cells x 5,000 examples against the best, {name}: {testing:.2f} s of CPU time, reading them"
                    f" {reading:.2f} s  {verdict}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
