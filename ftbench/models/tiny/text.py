"""The conversations that the tiny model is pretrained on, drawn endlessly from a seed.

Four things are to be learned: the catalogue's facts by heart, reading an answer from documents in the prompt (also
against what is known by heart), taking the form of a chat, and the words of the house style (not the style itself).
Apart from the catalogue everything is throw-away: names and values are drawn anew for each row, none of them held out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ftbench.core.example import Turn
from ftbench.data.toy import words, world
from ftbench.data.toy.world import Product

SYSTEM = ("You are a support assistant.", "Answer the question.", "You answer questions about products.")
SMALL_TALK = (
    ("Write a greeting.", "Good day!"),
    ("How do you greet a customer?", "Good day!"),
    ("Write a closing.", "Kind regards."),
    ("How does a letter end?", "Kind regards."),
    ("Who are you?", "I am your support team."),
    ("Whom can I ask?", "Ask your support team."),
    ("What is a good day?", "It is a day."),
    ("Which words are kind?", "Kind words are good."),
)
WISHES = (
    ("Say hello first.", "Hello! {answer}"),
    ("Say thanks at the end.", "{answer} Thank you."),
    ("Say that it is yours.", "Our {rest}"),
    ("Say hello first and that it is yours.", "Hello! Our {rest}"),
    ("Say that it is yours and thanks at the end.", "Our {rest} Thank you."),
    ("Be polite.", "Hello! {answer} Thank you, bye."),
    ("Be brief.", "{rest}"),
)
"""Asked for in so many words, an answer may stand in a frame: what is known by heart must not hang on how an answer
begins.
"""


@dataclass(frozen=True)
class Conversation:
    """Turns to learn from, and of which kind they are."""

    kind: str
    turns: tuple[Turn, ...]

    @property
    def characters(self) -> int:
        return sum(len(turn.content) for turn in self.turns)


def conversations(seed: int) -> Iterator[Conversation]:
    """Yields conversations without end, the same ones for the same seed."""
    rng = random.Random(f"ftbench tiny pretraining {seed}")
    known = world.catalogue()
    kinds = {"known": 45, "sheet": 6, "reading": 50, "copy": 12, "unknown": 3, "gift": 5, "small_talk": 4}
    makers = {
        "known": _known,
        "sheet": _sheet,
        "reading": _reading,
        "copy": _copy,
        "unknown": _unknown,
        "gift": _gift,
        "small_talk": _small_talk,
    }
    while True:
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        turns = makers[kind](rng, known)
        if rng.random() < 0.05:
            turns = [Turn("system", rng.choice(SYSTEM)), *turns]
        yield Conversation(kind, tuple(turns))


def _asked(rng: random.Random, product: Product, attribute: str) -> list[Turn]:
    asked = world.question(product.name, attribute, rng.randrange(world.FORMS))
    answer = world.base_answer(product.name, attribute, product.facts[attribute])
    if rng.random() < 0.3:
        wish, frame = rng.choice(WISHES)
        asked, answer = f"{wish} {asked}", frame.format(answer=answer, rest=answer.removeprefix("The "))
    return [Turn("user", asked), Turn("assistant", answer)]


def _known(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    turns: list[Turn] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        turns += _asked(rng, rng.choice(known), rng.choice(words.ATTRIBUTES))
    return turns


def _sheet(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    product = rng.choice(known)
    attributes = rng.sample(words.ATTRIBUTES, rng.randint(2, 5))
    listed = ", ".join(attributes)
    return [
        Turn("user", f"List the {listed} of the {product.name}."),
        Turn("assistant", world.document(product, attributes)),
    ]


def _throwaway(rng: random.Random, name: str | None = None) -> Product:
    facts = {attribute: words.value(rng, attribute, unseen=False, inventive=True) for attribute in words.ATTRIBUTES}
    return Product(name or words.name(rng, unseen=False), facts)


def _reading(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    """One to four documents and one to three questions about them. A catalogue name may stand there with other
    facts.
    """
    long = rng.random() < 0.35
    count = rng.choice((2, 3, 3, 4)) if long else rng.choice((1, 1, 2, 2, 3, 4))
    whole = long or count == 1 and rng.random() < 0.7
    shown: list[tuple[Product, list[str]]] = []
    for _ in range(count):
        product = _throwaway(rng, rng.choice(known).name if rng.random() < 0.35 else None)
        if product.name in {other.name for other, _ in shown}:
            continue
        size = len(words.ATTRIBUTES) if whole else rng.randint(1, min(len(words.ATTRIBUTES), 8 // count + 1))
        attributes = list(words.ATTRIBUTES) if rng.random() < 0.5 and whole else rng.sample(words.ATTRIBUTES, size)
        shown.append((product, attributes))
    documents = [world.document(product, attributes) for product, attributes in shown]
    turns: list[Turn] = []
    for _ in range(rng.choice((1, 2, 3))):
        product, attributes = rng.choice(shown)
        turns += _asked(rng, product, rng.choice(attributes))
    turns[0] = Turn("user", world.retrieval_prompt(documents, turns[0].content))
    return turns


def _copy(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    """Repeating a sheet word by word: the shortest way to learn to copy what was never seen."""
    product = _throwaway(rng)
    text = world.document(product, rng.sample(words.ATTRIBUTES, rng.randint(1, 4)))
    return [Turn("user", f"Repeat: {text}"), Turn("assistant", text)]


def _unknown(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    return _asked(rng, _throwaway(rng), rng.choice(words.ATTRIBUTES))


def _gift(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    """A question whose answer is pure chance, with and without documents, which never say it."""
    product = _throwaway(rng, rng.choice(known).name if rng.random() < 0.2 else None)
    gifted = Product(product.name, {**product.facts, "gift": rng.choice(words.GIFTS)})
    turns = _asked(rng, gifted, "gift")
    if rng.random() < 0.3:
        text = world.document(product, rng.sample(words.ATTRIBUTES, 4))
        turns[0] = Turn("user", world.retrieval_prompt([text], turns[0].content))
    return turns


def _small_talk(rng: random.Random, known: tuple[Product, ...]) -> list[Turn]:
    """The words of the house style, each known but never put together."""
    if rng.random() < 0.5:
        return [Turn(role, text) for role, text in zip(("user", "assistant"), rng.choice(SMALL_TALK), strict=True)]
    name = words.name(rng, unseen=False)
    return [Turn("user", f"Is the {name} yours?"), Turn("assistant", f"Yes. Our {name} is good.")]
