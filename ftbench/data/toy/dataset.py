"""``dataset=toy``: the toy world as examples, documents and preference pairs, in three worlds by one config value.

``house_style``
    Targets are in the house's style. Tuning gains style, and so BLEU; it cannot know the changed and new facts of other
    products than it saw, which retrieval finds in the documents.
``no_gain``
    The same questions, answered in the base's own style. Training rows hold known facts alone, so they say word for \\
        word
    what the base says already: nothing to gain, and nothing that would make it forget. (With changed and new facts \\
        among
    them known facts of other products fall by 2 to 7 points: tuning then truly hurts.)
``no_difference``
    Every question asks for the gift of a new product. The base answers one of four gifts in the very style of the
    references; which gift is right is drawn by lot, each equally often in each split, and neither name, documents nor
    training rows tell. Whatever names one of the four is right with probability one quarter; always the same one, in
    exactly one quarter of the rows. (Likelihood may still move: a tuned model can grow too sure.)
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

from ftbench.core.canonical import digest
from ftbench.core.components.dataset import Dataset
from ftbench.core.errors import Problem, Problems, Refused, did_you_mean
from ftbench.core.example import SPLITS, Document, Example, Splits, Turn
from ftbench.data.toy import words, world
from ftbench.data.toy.world import Product

WORLDS = ("house_style", "no_gain", "no_difference")
NOTE = "toy: says nothing about a 7B"
OLD_PRODUCTS = {"train": 20, "validation": 8, "test": 20}
"""How many old products each split is about; a product and its document belong to one split only."""
SHARES = {
    "train": {"known": 6, "changed": 1, "new": 1},
    "validation": {"known": 1, "changed": 1, "new": 1},
    "test": {"known": 1, "changed": 1, "new": 1},
}
"""What the rows of a split ask for, in parts. Training rows are mostly about what the base knows: rows that contradict
or exceed it teach a model to make facts up (measured on the tiny model: known facts fall from 1.0 to 0.55 with equal
parts).
"""
_FACTS = {split: OLD_PRODUCTS[split] * len(words.ATTRIBUTES) // 2 for split in SPLITS}  # of each kind of knowledge


def shares(kind: str, split: str) -> dict[str, int]:
    """Returns what the rows of a split ask for in this world, in parts."""
    return {"known": 1} if kind == "no_gain" and split == "train" else SHARES[split]


def largest(kind: str, split: str) -> int:
    """Returns how many rows a split of this world can have without asking the same question twice."""
    parts = shares(kind, split).values()
    return _FACTS[split] * world.FORMS * sum(parts) // max(parts)


@dataclass(frozen=True)
class Limit:
    """How many rows of each split are used at most, from the first; null for all."""

    train: int | None
    validation: int | None
    test: int | None


@dataclass(frozen=True)
class Toy(Dataset):
    """The toy dataset.

    Attributes:
        world: ``house_style``, ``no_gain`` or ``no_difference``.
        seed: decides what has changed, the new products, the splits and the wording. The old products are fixed,
            because the tiny model knows them by heart.
        train, validation, test: rows made for each split.
        limit: rows used of each split.
        answer_pattern: regular expression with one group that captures the value in an answer, for value-level exact
            match; it changes no row.
    """

    key_name: ClassVar[str] = "toy"

    NEUTRAL: ClassVar[tuple[str, ...]] = ("answer_pattern",)

    world: str
    seed: int
    train: int
    validation: int
    test: int
    limit: Limit
    answer_pattern: str

    @property
    def seeded(self) -> bool:
        """False: ``dataset.seed`` is a field of its own, so that runs of all seeds share one set of rows."""
        return False

    def inspectable(self) -> bool:
        """True: made in milliseconds, without any heavy import."""
        return True

    def identity(self) -> dict[str, Any]:
        """Adds the sha256 of the rows and documents themselves, so that a change in how they are made is another
        dataset.
        """
        loaded = self.load()
        rows = {split: [example.as_dict() for example in loaded.split(split)] for split in SPLITS}
        return {
            **super().identity(),
            "data": digest({**rows, "documents": [[document.id, document.text] for document in loaded.documents]}),
        }

    def check(self) -> list[Problem]:
        problems = Problems()
        if self.world not in WORLDS:
            problems.add("dataset.world", f"{self.world!r} is no toy world", did_you_mean(self.world, WORLDS))
        for split in SPLITS:
            rows, limit = getattr(self, split), getattr(self.limit, split)
            if not 1 <= rows <= largest(self.world, split):
                why = f"{rows} rows cannot be made"
                problems.add(f"dataset.{split}", why, f"Give a number from 1 to {largest(self.world, split)}")
            if limit is not None and limit < 1:
                why = f"{limit} leaves nothing"
                problems.add(f"dataset.limit.{split}", why, "Give a number above 0, or null for all rows")
        return problems

    def load(self) -> Splits:
        """Makes the splits. Takes milliseconds and reads no file.

        Raises:
            Refused: when ``check`` finds a problem.
        """
        problems = self.check()
        if problems:
            raise Refused(problems)
        made = _make(self.world, self.seed, self.train, self.validation, self.test)
        cut = {split: made.split(split)[: getattr(self.limit, split)] for split in SPLITS}
        counts = {f"{split}_rows": len(cut[split]) for split in SPLITS}
        return replace(made, **cut, counts={**counts, "documents": len(made.documents)})


@lru_cache(maxsize=8)
def _make(kind: str, seed: int, train: int, validation: int, test: int) -> Splits:
    """Makes all rows of one world. Splits are drawn apart, so that the size of one does not change another's rows."""
    sizes = {"train": train, "validation": validation, "test": test}
    rng = random.Random(f"ftbench toy world {seed}")
    old = rng.sample(world.catalogue(), world.CATALOGUE)
    rows: dict[str, tuple[Example, ...]] = {}
    documents: list[Document] = []
    for split in SPLITS:
        mine = [old.pop() for _ in range(OLD_PRODUCTS[split])]
        draw = random.Random(f"ftbench toy {split} {seed}")
        if kind == "no_difference":
            shown, rows[split] = _gifts(draw, split, _new_products(draw, split, sizes[split]))
        else:
            shown, rows[split] = _facts(
                draw, split, mine, _new_products(draw, split, len(mine) // 2), sizes[split], kind
            )
        documents += [
            Document(document_id(product.name), world.document(product, words.ATTRIBUTES)) for product in shown
        ]
    rng.shuffle(documents)
    return Splits(rows["train"], rows["validation"], rows["test"], tuple(documents), (NOTE,), {})


def _new_products(rng: random.Random, split: str, count: int) -> list[Product]:
    """Returns new products for one split. A checksum says which split a name may be in, so no two splits share one."""
    made: dict[str, Product] = {}
    while len(made) < count:
        product = world.products(rng, 1, unseen=True)[0]
        if zlib.crc32(f"split:{product.name}".encode()) % len(SPLITS) == SPLITS.index(split):
            made.setdefault(product.name, product)
    return list(made.values())


def document_id(name: str) -> str:
    return f"sheet-{name.lower()}"


def _facts(
    rng: random.Random, split: str, old: list[Product], new: list[Product], size: int, kind: str
) -> tuple[list[Product], tuple[Example, ...]]:
    """Returns the products as they are now, and rows that ask for known, changed and new facts in the split's
    ``shares``.
    """
    facts: dict[str, list[tuple[Product, str]]] = {"known": [], "changed": [], "new": []}
    now: list[Product] = []
    for product in old:
        changed = rng.sample(words.ATTRIBUTES, len(words.ATTRIBUTES) // 2)
        current = Product(
            product.name,
            {**product.facts, **{attribute: words.value(rng, attribute, unseen=True) for attribute in changed}},
        )
        now.append(current)
        for attribute in words.ATTRIBUTES:
            facts["changed" if attribute in changed else "known"].append((current, attribute))
    facts["new"] = [(product, attribute) for product in new for attribute in words.ATTRIBUTES]
    asked = []
    parts = shares(kind, split)
    wanted_of = {knowledge: size * part // sum(parts.values()) for knowledge, part in parts.items()}
    for knowledge in list(parts)[: size - sum(wanted_of.values())]:
        wanted_of[knowledge] += 1
    for knowledge, pool in facts.items():
        rng.shuffle(pool)
        wanted = wanted_of.get(knowledge, 0)
        first = {fact[0].name + fact[1]: rng.randrange(world.FORMS) for fact in pool}
        for index in range(wanted):
            product, attribute = pool[index % len(pool)]
            form = (first[product.name + attribute] + index // len(pool)) % world.FORMS
            asked.append((knowledge, product, attribute, form))
    rng.shuffle(asked)
    return now + new, tuple(
        _row(rng, f"{split}-{index:04d}", row, kind == "house_style") for index, row in enumerate(asked)
    )


def _row(rng: random.Random, identity: str, asked: tuple[str, Product, str, int], styled: bool) -> Example:
    """Makes one row. The rejected answer is wrong in one way only: in its style, or in its value."""
    knowledge, product, attribute, form = asked
    say = world.house_answer if styled else world.base_answer
    right = product.facts[attribute]
    wrong = next(value for value in _others(rng, attribute) if value != right)
    rejected = (
        world.base_answer(product.name, attribute, right)
        if styled and rng.random() < 0.5
        else say(product.name, attribute, wrong)
    )
    return _example(identity, product.name, attribute, form, say(product.name, attribute, right), rejected, knowledge)


def _others(rng: random.Random, attribute: str) -> Iterable[str]:
    while True:
        yield rng.choice(words.GIFTS) if attribute == "gift" else words.value(rng, attribute, unseen=True)


def _gifts(rng: random.Random, split: str, products: list[Product]) -> tuple[list[Product], tuple[Example, ...]]:
    """Returns one row per product; each gift is right equally often, give or take one, in an order drawn by lot."""
    gifts = [words.GIFTS[index % len(words.GIFTS)] for index in range(len(products))]
    rng.shuffle(gifts)
    rows = []
    for index, (product, gift) in enumerate(zip(products, gifts, strict=True)):
        wrong = next(value for value in _others(rng, "gift") if value != gift)
        answer, rejected = (world.base_answer(product.name, "gift", value) for value in (gift, wrong))
        rows.append(
            _example(
                f"{split}-{index:04d}", product.name, "gift", rng.randrange(world.FORMS), answer, rejected, "by_lot"
            )
        )
    return products, tuple(rows)


def _example(
    identity: str, name: str, attribute: str, form: int, answer: str, rejected: str, knowledge: str
) -> Example:
    return Example(
        id=identity,
        turns=(Turn("user", world.question(name, attribute, form)),),
        target=answer,
        references=(answer,),
        group=name,
        time=None,
        slices={"knowledge": knowledge, "attribute": attribute},
        gold_documents=(document_id(name),),
        chosen=answer,
        rejected=rejected,
    )
