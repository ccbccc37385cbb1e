"""Nothing in a sheet but the texts gives a system away: over 200 generated sheets a classifier guesses no better than a
coin.

The classifier sees the order of the items, their ids, sides, file names, sizes and the inner files of the workbook,
with every text taken out, and is trained on the keys of half of the sheets. The systems differ in everything that could
leak: one always writes long answers, one short ones, the examples stand in order.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ftbench.review.make import Batch, Request, make
from ftbench.review.rubric import read_rubric
from ftbench.review.sheet import shown
from ftbench.review.systems import Reviewed, System
from ftbench.review.write_csv import csv_bytes
from ftbench.review.write_html import html_bytes
from ftbench.review.write_xlsx import xlsx_bytes
from ftbench.stats.intervals import wilson
from tests.review.conftest import Sweep, _example

SHEETS = 200
ITEMS = 12


def batch(seed: int) -> Batch:
    examples = tuple(_example(f"t{index:03}", index) for index in range(40))
    systems = (
        System("aaaaaaaaaa", "zqfirst", f"stage-a-{seed}", {one.id: f"Short {one.id}." for one in examples}),
        System(
            "bbbbbbbbbb",
            "zqsecond",
            f"stage-b-{seed}",
            {one.id: f"A long answer, {'indeed ' * 9}to {one.id}." for one in examples},
        ),
    )
    request = Request(ITEMS, ("rater-1",), seed, 0.1, 0.3, None, False, 0.1)
    return make(Reviewed(systems, examples, "test"), read_rubric("pairwise", None).chosen(None), request, {})


def without_texts(content: str, texts: set[str]) -> str:
    for text in sorted(texts, key=len, reverse=True):
        content = content.replace(text, "#")
    return content


def seen(made: Batch) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Returns what a classifier may use of each item [items, features], whether the first system stands left [items],
    and what is left of the files.
    """
    (sheet,) = made.sheets
    texts = {text for entry in sheet.entries for text in (entry.question, *entry.answers)}
    book = zipfile.ZipFile(io.BytesIO(xlsx_bytes(sheet)))
    inner = {name: without_texts(book.read(name).decode("utf-8"), texts) for name in book.namelist()}
    rest = [
        *inner.values(),
        without_texts(csv_bytes(sheet).decode("utf-8-sig"), texts),
        without_texts(html_bytes(sheet).decode("utf-8"), texts),
    ]
    rows = re.findall(r"<row [^>]*>.*?</row>", inner["xl/worksheets/sheet2.xml"], re.DOTALL)[1:]
    features, left = [], []
    order = sorted(entry.item for entry in sheet.entries)
    for place, (entry, row) in enumerate(zip(sheet.entries, rows, strict=True)):
        codes = [ord(letter) - 97 for letter in entry.item]
        strings = [int(number) for number in re.findall(r'<c [^>]*t="s"><v>(\d+)</v>', row)]
        styles = [int(number) for number in re.findall(r's="(\d+)"', row)]
        height = float(re.search(r'ht="([\d.]+)"', row)[1])
        features.append(
            [
                place,
                place % 2,
                order.index(entry.item),
                *codes,
                sum(codes) % 2,
                *np.diff(strings)[:4],
                *styles,
                height,
                len(row),
                len(features) % 3,
            ]
        )
        left.append(made.key.items[entry.item].sides[0].cells[0] == "aaaaaaaaaa")
    width = max(map(len, features))
    return np.array([row + [0] * (width - len(row)) for row in features], dtype=np.float64), np.array(left), rest


def test_a_classifier_is_a_coin() -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = [seen(batch(seed))[:2] for seed in range(SHEETS)]
    half = SHEETS // 2
    train_x, test_x = (np.concatenate([one[0] for one in part]) for part in (rows[:half], rows[half:]))
    train_y, test_y = (np.concatenate([one[1] for one in part]) for part in (rows[:half], rows[half:]))
    for model in (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        RandomForestClassifier(100, min_samples_leaf=5, random_state=0),
    ):
        right = int((model.fit(train_x, train_y).predict(test_x) == test_y).sum())
        low, high = wilson(right, len(test_y), 0.95)
        assert low <= 0.5 <= high, f"{type(model).__name__} guesses {right} of {len(test_y)}"


def test_files_without_their_texts_name_no_system_and_differ_by_ids_alone() -> None:
    kept = []
    for seed in (0, 1):
        made = batch(seed)
        rest = seen(made)[2]
        for content in rest:
            for word in (
                "aaaaaaaaaa",
                "bbbbbbbbbb",
                "zqfirst",
                "zqsecond",
                "stage-",
                "t0",
                *(side.digest[:12] for item in made.key.items.values() for side in item.sides),
            ):
                assert word not in content, word
        ids = [entry.item for entry in made.sheets[0].entries]
        plain = [re.sub("|".join([*ids, made.sheets[0].batch]), "ID", content) for content in rest]
        kept.append([re.sub(r'ht="[\d.]+"|count="\d+"|uniqueCount="\d+"|<v>\d+</v>', "", content) for content in plain])
    for one, other in zip(*kept, strict=True):
        assert re.sub(r"(<si>.*</si>)", "", one) == re.sub(r"(<si>.*</si>)", "", other)


def test_ids_are_not_of_content_or_order() -> None:
    one, other = batch(0), batch(1)
    assert not {entry.item for entry in one.sheets[0].entries} & {entry.item for entry in other.sheets[0].entries}
    assert [entry.item for entry in one.sheets[0].entries] != sorted(entry.item for entry in one.sheets[0].entries)
    assert all(re.fullmatch(r"[bcdfghjkmnpqrstvwxz]{8}", item) for item in one.key.items)


def test_the_seed_alone_tells_no_side() -> None:
    """Whoever knows the program and the seed, but not the stages that wrote the texts, draws other sides."""
    from dataclasses import replace

    examples = tuple(_example(f"t{index:03}", index) for index in range(40))

    def sides(stage: str) -> list[bool]:
        systems = tuple(
            System(cell, cell, stage + cell, {one.id: cell + one.id for one in examples}) for cell in ("a", "b")
        )
        made = make(
            Reviewed(systems, examples, "test"),
            read_rubric("pairwise", None).chosen(None),
            replace(Request(40, ("r",), 0, 0, 1, None, False, 0.1)),
            {},
        )
        return [made.key.items[entry.item].sides[0].cells[0] == "a" for entry in made.sheets[0].entries]

    assert sides("one") != sides("two") and sides("one") == sides("one")
    assert abs(sum(sides("one")) - 20) <= 1, "sides are balanced"


def test_texts_are_normalised_the_same_for_every_system() -> None:
    """White space around an answer, line ends and invisible marks are habits of a system that say nothing of its
    answer.
    """
    for habit in (" {}", "{} \n", "\n\n{}", "{}\r\n", "\t{}"):
        assert shown(habit.format("Yes.\nNo.")) == shown("Yes.\nNo.")
    assert shown("a\r\nb") == shown("a\nb")
    assert shown("Yes") != shown("yes") != shown("yes."), "what the answer says is not touched"


@pytest.mark.parametrize("mode", ["pairwise", "rating"])
def test_the_key_is_in_no_file_that_goes_out(sweep: Sweep, tmp_path: Path, mode: str) -> None:
    out = sweep.make(tmp_path / "out", "--mode", mode, "--n", "10")
    key = json.dumps(sweep.key.as_dict())
    secrets = {
        *sweep.key.systems,
        *(side.digest for item in sweep.key.items.values() for side in item.sides),
        *(item.example for item in sweep.key.items.values()),
        "repeat_of",
        "0000000001",
    }
    assert all(secret in key for secret in secrets)
    for path in out.iterdir():
        content = path.read_bytes()
        parts = [content]
        if path.suffix == ".xlsx":
            book = zipfile.ZipFile(io.BytesIO(content))
            parts = [book.read(name) for name in book.namelist()]
            assert {info.date_time for info in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert not re.search(
                rb"<dc:creator>[^<]|<cp:lastModifiedBy>[^<]|[hH]idden",
                b"".join(book.read(name) for name in ("docProps/core.xml", "docProps/app.xml", "xl/workbook.xml")),
            )
        for part in parts:
            assert not [secret for secret in secrets if secret.encode() in part]
