"""The toy world: the same everywhere, split by product, and three worlds that differ in the way they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ftbench.core.component import build
from ftbench.core.errors import Refused
from ftbench.core.example import SPLITS
from ftbench.data.toy import words, world
from ftbench.data.toy.dataset import NOTE, WORLDS, Toy, _make, largest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "conf" / "dataset" / "toy.yaml"
NODE = OmegaConf.to_container(OmegaConf.load(CONFIG))
PATTERN = re.compile(NODE["answer_pattern"])


def toy(**changes: object) -> Toy:
    return build({**NODE, **changes}, "dataset")


def value(text: str) -> str:
    found = PATTERN.findall(text)
    assert len(found) == 1, text
    return found[0]


def contains_words(text: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text, re.IGNORECASE) is not None


any_toy = st.builds(
    lambda kind, seed, train, validation, test: toy(
        world=kind, seed=seed, train=train, validation=validation, test=test
    ),
    st.sampled_from(WORLDS),
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 90),
)


def test_the_pattern_in_the_config_is_the_documented_one():
    assert NODE["answer_pattern"] == world.ANSWER_PATTERN


PROGRAM = """
import json, sys
from ftbench.data.toy.dataset import Limit, Toy
KINDS = ("house_style", "no_gain", "no_difference")
HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "evaluate", "lm_eval", "streamlit")
loaded = [Toy(kind, 3, 40, 12, 24, Limit(None, None, None), "").identity()["data"] for kind in KINDS]
heavy = [name for name in HEAVY if name in sys.modules]
print(json.dumps([loaded, heavy]))
"""


def test_38_the_same_bytes_in_every_process_and_nothing_heavy_is_imported():
    outputs = []
    for hash_seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0][1] == []
    assert len(set(outputs[0][0])) == 3


def test_38_identity_follows_the_rows_and_not_the_pattern(monkeypatch):
    base = toy().identity()
    assert toy(answer_pattern="other").identity() == base
    assert toy(seed=1).identity()["data"] != base["data"]
    assert toy(limit={"train": 5, "validation": None, "test": None}).identity()["data"] != base["data"]
    monkeypatch.setattr(
        world, "house_answer", lambda name, attribute, value: f"Hello, our {name} {attribute} is {value}."
    )
    _make.cache_clear()
    changed = toy().identity()
    _make.cache_clear()
    assert changed["data"] != base["data"]


@given(any_toy)
@settings(max_examples=12, deadline=None)
def test_36_no_product_stands_in_two_splits(dataset):
    loaded = dataset.load()
    groups = [{example.group for example in loaded.split(split)} for split in SPLITS]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    for split in SPLITS:
        for example in loaded.split(split):
            assert f"the {example.group}" in example.turns[-1].content


@given(any_toy)
@settings(max_examples=12, deadline=None)
def test_37_no_test_question_and_no_test_document_is_training_text(dataset):
    loaded = dataset.load()
    questions = {example.turns[-1].content for example in loaded.train}
    assert not questions & {example.turns[-1].content for example in loaded.test}
    trained = {gold for example in loaded.train for gold in example.gold_documents}
    assert not trained & {gold for example in (*loaded.test, *loaded.validation) for gold in example.gold_documents}


@given(any_toy)
@settings(max_examples=12, deadline=None)
def test_rows_are_whole(dataset):
    loaded = dataset.load()
    texts = {document.id: document.text for document in loaded.documents}
    assert len(texts) == len(loaded.documents)
    rows = [example for split in SPLITS for example in loaded.split(split)]
    assert len({row.id for row in rows}) == len(rows)
    assert [len(loaded.split(split)) for split in SPLITS] == [dataset.train, dataset.validation, dataset.test]
    assert NOTE in loaded.notes and NOTE == "toy: says nothing about a 7B"
    for row in rows:
        assert row.references == (row.target,) and row.chosen == row.target != row.rejected
        right = value(row.references[0])
        value(row.rejected)
        in_documents = contains_words(
            texts[row.gold_documents[0]], f"The {row.group} {row.slices['attribute']} is {right}"
        )
        assert in_documents == (row.slices["knowledge"] != "by_lot")


@given(any_toy)
@settings(max_examples=12, deadline=None)
def test_containment_is_sane(dataset):
    """A value stands in an answer with another value of its attribute only when the two are the same."""
    loaded = dataset.load()
    by_attribute: dict[str, set[str]] = {}
    for row in loaded.test:
        by_attribute.setdefault(row.slices["attribute"], set()).add(value(row.references[0]))
    for row in loaded.test:
        right = value(row.references[0])
        for other in by_attribute[row.slices["attribute"]]:
            for say in (world.base_answer, world.house_answer):
                assert contains_words(say(row.group, row.slices["attribute"], right), other) == (other == right)


def test_slices_say_what_the_base_can_know():
    known = {product.name: product.facts for product in world.catalogue()}
    loaded = toy().load()
    assert len(known) == world.CATALOGUE
    counts = {}
    for row in loaded.test:
        knowledge, right = row.slices["knowledge"], value(row.references[0])
        counts[knowledge] = counts.get(knowledge, 0) + 1
        assert (row.group in known) == (knowledge != "new")
        if knowledge != "new":
            assert (known[row.group][row.slices["attribute"]] == right) == (knowledge == "known")
    assert counts == {"known": 80, "changed": 80, "new": 80}


def test_worlds_differ_as_documented():
    house, same, lot = (toy(world=kind).load() for kind in WORLDS)
    assert all(row.target.startswith("Good day!") for row in house.test)
    assert not any("Good day!" in row.target for row in (*same.train, *same.test, *lot.train, *lot.test))
    assert [value(row.target) for row in same.test] == [value(row.target) for row in house.test]
    assert [row.turns for row in same.test] == [row.turns for row in house.test]
    for row in (*same.test, *lot.test):
        assert row.target == world.base_answer(row.group, row.slices["attribute"], value(row.target))


def test_no_gain_trains_on_nothing_that_the_base_does_not_say_already():
    known = {product.name: product.facts for product in world.catalogue()}
    loaded = toy(world="no_gain").load()
    assert len(loaded.train) == NODE["train"]
    for row in loaded.train:
        attribute = row.slices["attribute"]
        assert row.target == world.base_answer(row.group, attribute, known[row.group][attribute])


@given(st.integers(0, 10_000), st.integers(1, 90))
@settings(max_examples=12, deadline=None)
def test_no_difference_gives_every_constant_answer_the_same_score(seed, size):
    rows = toy(world="no_difference", seed=seed, train=1, validation=1, test=size).load().test
    drawn = [value(row.target) for row in rows]
    counts = [drawn.count(gift) for gift in words.GIFTS]
    assert sum(counts) == size and max(counts) - min(counts) <= 1
    assert len({row.group for row in rows}) == size


def test_no_difference_hides_the_gift_from_all_that_a_method_could_use():
    loaded = toy(world="no_difference").load()
    assert not any("gift" in document.text.lower() for document in loaded.documents)
    first, second = (toy(world="no_difference", seed=seed).load() for seed in (1, 2))
    assert [value(row.target) for row in first.test] != [value(row.target) for row in second.test]


def test_the_size_of_one_split_leaves_the_others_alone():
    small, large = toy(train=10).load(), toy(train=100).load()
    assert small.test == large.test and small.validation == large.validation


def test_limit_takes_the_first_rows():
    whole, cut = toy().load(), toy(limit={"train": 7, "validation": None, "test": 5}).load()
    assert cut.train == whole.train[:7] and cut.test == whole.test[:5] and cut.validation == whole.validation
    assert cut.counts == {"train_rows": 7, "validation_rows": 96, "test_rows": 5, "documents": 72}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"world": "house_stile"}, "dataset.world"),
        ({"train": 0}, "dataset.train"),
        ({"test": largest("house_style", "test") + 1}, "dataset.test"),
        ({"world": "no_gain", "train": largest("no_gain", "train") + 1}, "dataset.train"),
        ({"limit": {"train": 0, "validation": None, "test": None}}, "dataset.limit.train"),
    ],
)
def test_bad_values_are_refused_with_the_place_and_the_fix(changes, where):
    dataset = toy(**changes)
    assert [problem.where for problem in dataset.check()] == [where]
    with pytest.raises(Refused, match=re.escape(where)):
        dataset.load()


@pytest.mark.parametrize("kind", ["house_style", "no_gain"])
def test_the_largest_splits_hold_no_row_twice(kind):
    sizes = {split: largest(kind, split) for split in SPLITS}
    loaded = toy(world=kind, **sizes).load()
    for split in SPLITS:
        questions = [row.turns[-1].content for row in loaded.split(split)]
        assert len(set(questions)) == len(questions) == sizes[split]
