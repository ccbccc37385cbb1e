"""Products, their documents, and how one asks and answers about them, in the base's style and in the house's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ftbench.data.toy import words

CATALOGUE = 48
"""Number of old products: what the tiny model knows by heart."""

PLAIN_FORMS = (
    "What is the {attribute} of the {name}?",
    "Tell me the {attribute} of the {name}.",
    "I want to know the {attribute} of the {name}.",
    "What is the {name} {attribute}?",
)
OWN_FORM = {
    "price": "How much does the {name} cost?",
    "colour": "In which colour does the {name} come?",
    "warranty": "How long is the {name} under warranty?",
    "weight": "How heavy is the {name}?",
    "battery": "How long does the battery of the {name} last?",
    "material": "What is the {name} made of?",
    "maker": "Who makes the {name}?",
    "release": "When did the {name} come out?",
    "gift": "Which gift comes with the {name}?",
}
FORMS = len(PLAIN_FORMS) + 1

ANSWER_PATTERN = r"\b(?:The|Our) \w+ \w+ is ([^.\n]+)\."
"""Captures the value in an answer of either style; the same text stands in ``conf/dataset/toy.yaml``."""


@dataclass(frozen=True)
class Product:
    """A product and its facts, attribute -> value."""

    name: str
    facts: dict[str, str]


def catalogue() -> tuple[Product, ...]:
    """Returns the old products as the tiny model learned them. Fixed: the shipped weights know these and no others."""
    return products(random.Random("ftbench toy catalogue"), CATALOGUE, unseen=False)


def products(rng: random.Random, count: int, unseen: bool) -> tuple[Product, ...]:
    """Returns products with distinct names; names and values all held out from pretraining, or all open to it."""
    made: dict[str, Product] = {}
    while len(made) < count:
        product = Product(
            words.name(rng, unseen), {attribute: words.value(rng, attribute, unseen) for attribute in words.ATTRIBUTES}
        )
        made.setdefault(product.name, product)
    return tuple(made.values())


def question(name: str, attribute: str, form: int) -> str:
    """Returns one of ``FORMS`` ways to ask for an attribute."""
    own = form % FORMS == len(PLAIN_FORMS)
    return (OWN_FORM[attribute] if own else PLAIN_FORMS[form % FORMS]).format(attribute=attribute, name=name)


def base_answer(name: str, attribute: str, value: str) -> str:
    """Answers as the tiny model was pretrained to."""
    return f"The {name} {attribute} is {value}."


def house_answer(name: str, attribute: str, value: str) -> str:
    """Answers as the house wants it: words that the tiny model knows, in an order that it has never seen."""
    return f"Good day! Our {name} {attribute} is {value}. Kind regards, your support team."


def document(product: Product, attributes: Sequence[str]) -> str:
    """Returns the sheet of a product, one sentence for each of ``attributes``, in that order."""
    return " ".join(base_answer(product.name, attribute, product.facts[attribute]) for attribute in attributes)


def retrieval_prompt(documents: Sequence[str], asked: str) -> str:
    """Returns the user turn that puts documents before a question; the tiny model reads from this form."""
    return "Context:\n" + "\n".join(documents) + f"\n\nQuestion: {asked}"
