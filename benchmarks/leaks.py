"""How surely planted leaks are found in real text, how often sound rows are taken for leaks, and what looking costs.

    OMP_NUM_THREADS=1 python -m benchmarks.leaks [--data ../shared/data] [--rows 10000,100000] [--planted 100]

Rows of public data are changed at stated rates and planted among the others: words replaced by other words of the same
data, dropped, put in another order, misspelt, their answers kept; numbers too, which makes another question of a row:
that is said and not refused. Recall is the share of planted rows refused as leaks of their original, and after the
stroke the share told of at all; a false alarm is any other certain leak between halves of the data that share no row
(near duplicates that the data really holds are taken out first by the rule itself, so what is left is caused by
planting). CPU time is that of one look at everything, with the exact join up to 5,000 rows and MinHash above; rows
beyond the data's own are made by recombining its words.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ftbench.core.example import Example, Splits, Turn
from ftbench.data.inspection import candidates
from ftbench.data.inspection.leaks import find_leaks
from ftbench.data.inspection.rows import prepare_rows
from ftbench.data.inspection.twins import alike_units

SIMILARITY = 0.8
RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
Edit = Callable[[list[str], float, list[str], random.Random], list[str]]


def replaced(words: list[str], rate: float, pool: list[str], draw: random.Random) -> list[str]:
    found = list(words)
    for place in draw.sample(range(len(found)), round(rate * len(found))):
        found[place] = draw.choice(pool)
    return found


def dropped(words: list[str], rate: float, pool: list[str], draw: random.Random) -> list[str]:
    gone = set(draw.sample(range(len(words)), min(len(words) - 1, round(rate * len(words)))))
    return [word for place, word in enumerate(words) if place not in gone]


def misspelt(words: list[str], rate: float, pool: list[str], draw: random.Random) -> list[str]:
    found = list(words)
    for place in draw.sample(range(len(found)), round(rate * len(found))):
        word = found[place]
        at = draw.randrange(len(word))
        found[place] = word[:at] + draw.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]
    return found


def shuffled(words: list[str], rate: float, pool: list[str], draw: random.Random) -> list[str]:
    return draw.sample(words, len(words))


EDITS: dict[str, Edit] = {
    "words replaced": replaced,
    "words dropped": dropped,
    "words misspelt": misspelt,
    "replaced and reordered": lambda *given: shuffled(replaced(*given), *given[1:]),
}


def texts(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Returns (prompt, answer) pairs by data set."""

    def lines(name: str, field: Callable[[dict], tuple[str, str]]) -> list[tuple[str, str]]:
        return [field(json.loads(line)) for line in (folder / name).read_text(encoding="utf-8").splitlines()]

    with open(folder / "banking77/train.csv", encoding="utf-8", newline="") as file:
        bank = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return {
        "banking77": bank[:2000],
        "gsm8k": lines("gsm8k/train_1500.jsonl", lambda row: (row["question"], row["answer"])),
        "xquad": lines("xquad_en/questions.jsonl", lambda row: (row["question"], row["answers"][0])),
        "mts_dialog": lines("mts_dialog/train.jsonl", lambda row: (row["dialogue"], row["section_text"]))[:300],
    }


def example(identity: str, text: str, answer: str) -> Example:
    return Example(identity, (Turn("user", text),), answer, (answer,), None, None, {}, (), None, None)


def halves(pairs: list[tuple[str, str]], draw: random.Random) -> Splits:
    """Returns two halves without a row that the rule itself takes for another."""
    rows, kept = [], [example(str(place), *pair) for place, pair in enumerate(pairs)]
    while len(rows) != len(kept):  # fewer rows make fewer forms, which may bring out another pair
        rows, units = kept, alike_units(kept, SIMILARITY)
        kept = [row for place, row in enumerate(rows) if units[place] == place]
    draw.shuffle(kept)
    return Splits(tuple(kept[: len(kept) // 2]), (), tuple(kept[len(kept) // 2 :]), (), (), {})


def recall(splits: Splits, edit: Edit, rate: float, count: int, draw: random.Random) -> tuple[float, float, int, int]:
    """Returns the shares of planted rows refused and told of, false alarms, and rows that could have raised one."""
    pool = [word for row in splits.train for word in row.turns[0].content.split()]
    victims = draw.sample(splits.test, min(count, len(splits.test)))
    planted = [
        replace(
            row,
            id=f"planted {row.id}",
            turns=(Turn("user", " ".join(edit(row.turns[0].content.split(), rate, pool, draw))),),
        )
        for row in victims
    ]
    mixed = replace(splits, train=(*splits.train, *planted))
    leaks = find_leaks(mixed, prepare_rows(mixed), SIMILARITY)
    told = {leak.row: leak.certain for leak in leaks if ("test", leak.row.removeprefix("planted ")) in leak.against}
    return (
        sum(told.values()) / len(planted),
        len(told) / len(planted),
        sum(leak.certain and not leak.row.startswith("planted ") for leak in leaks),
        len(splits.train),
    )


def cost(prompts: list[str], size: int, joined: int, draw: random.Random) -> float:
    """Returns the CPU seconds of one look at ``size`` rows, a fifth of them evaluation rows."""
    pool = [word for text in prompts for word in text.split()]
    made = [
        prompts[place] if place < len(prompts) else " ".join(draw.choices(pool, k=draw.randrange(5, 20)))
        for place in range(size)
    ]
    rows = [example(str(place), text, "answer") for place, text in enumerate(made)]
    splits = Splits(tuple(rows[: 4 * size // 5]), (), tuple(rows[4 * size // 5 :]), (), (), {})
    kept, candidates.JOINED = candidates.JOINED, joined
    try:
        start = time.process_time()
        find_leaks(splits, prepare_rows(splits), SIMILARITY)
        return time.process_time() - start
    finally:
        candidates.JOINED = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--planted", type=int, default=100)
    given = parser.parse_args()
    sets = texts(given.data)
    alarms = offered = 0
    for name, own in sets.items():
        draw = random.Random(0)
        splits = halves(own, draw)
        print(
            f"{name}: {len(own)} rows, {len(splits.train) + len(splits.test)} without repetition; recall at the share"
            " of words edited"
        )
        print(f"  {'':24}" + "".join(f"{rate:>12.0%}" for rate in RATES))
        for kind, edit in EDITS.items():
            results = [recall(splits, edit, rate, given.planted, draw) for rate in RATES]
            alarms += sum(one[2] for one in results)
            offered += sum(one[3] for one in results)
            print(f"  {kind:24}" + "".join(f"{f'{one[0]:.2f}/{one[1]:.2f}':>12}" for one in results), flush=True)
    print(f"false alarms: {alarms} among {offered} sound rows")
    for size in map(int, given.rows.split(",")):
        for way, joined in (("exact join", size), ("MinHash", 0)):
            print(
                f"{size} short rows, {way}:"
                f" {cost([text for text, _ in sets['banking77']], size, joined, random.Random(1)):.1f} s of CPU time",
                flush=True,
            )


if __name__ == "__main__":
    main()
