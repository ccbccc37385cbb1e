"""A data set of canned replies and shared templates without a leak, and the ways in which a careless person makes it
leak.
"""

from __future__ import annotations

import random
from dataclasses import replace

from ftbench.core.example import Document, Example, Splits, Turn

CANNED = (
    (
        "Thank you for reaching out to us. We are sorry to hear this. Please restart the device, and if that does not"
        " help, reply to this message and we will send a new one."
    ),
    (
        "Thank you for your message. Your refund is on its way and will reach your account within five working days. Is"
        " there anything else that we can do for you today?"
    ),
    (
        "We have passed this on to our technicians, who will call you back within one working day. Please keep your"
        " order number at hand when they do."
    ),
)
HEAD = (
    "You are helping the support team of an online shop. Read the customer's message and write a kind reply in our"
    " house style.\n\nMessage: "
)
PRODUCTS = "kettle toaster lamp router heater camera drone printer speaker monitor scooter blender".split()
PLACES = (
    "in the kitchen|on the balcony|at my office|in our hotel lobby|at the campsite|in the guest room|on my desk|in the"
    " garage|near the window|in the basement".split("|")
)
FAULTS = (
    "does not switch on after the last update|makes a strange rattling noise at night|lost its connection to the phone"
    " app|shows a red light and nothing else|arrived with a broken lid and no manual|is warm to the touch even when it"
    " is off|beeps every ten minutes without any reason|cannot be paired with my tablet any more"
).split("|")


def example(identity: str, prompt: str, answer: str, **more: object) -> Example:
    return replace(
        Example(identity, (Turn("user", prompt),), answer, (answer,), None, None, {}, (), None, None), **more
    )


def clean(seed: int = 0, size: int = 120) -> Splits:
    """Returns tickets of which no two are the same: every one in the same template, with canned replies, and a
    knowledge base that answers them.
    """
    draw = random.Random(seed)
    combinations = [(product, fault, place) for product in PRODUCTS for fault in FAULTS for place in PLACES]
    draw.shuffle(combinations)
    rows = []
    for number, (product, fault, place) in enumerate(combinations[:size]):
        text = f"{HEAD}Order {10_000 + 37 * number}: my {product} {place} {fault}. What should I do now?"
        split = "test" if number % 4 == 0 else "validation" if number % 4 == 1 else "train"
        rows.append(
            (
                split,
                example(
                    f"{split}-{number}",
                    text,
                    CANNED[number % len(CANNED)],
                    group=f"customer {number}",
                    time=f"2024-03-{1 + number % 28:02d}",
                ),
            )
        )
    documents = tuple(
        Document(
            f"article {product}",
            f"How to help with a {product}. " + " ".join(f"If it {fault}, restart it." for fault in FAULTS),
        )
        for product in PRODUCTS
    )
    splits = {name: tuple(row for split, row in rows if split == name) for name in ("train", "validation", "test")}
    return Splits(**splits, documents=documents, notes=(), counts={})


def with_training_row(splits: Splits, row: Example) -> Splits:
    return replace(splits, train=(*splits.train, row))


def own(prompt: str) -> str:
    """Returns a prompt without the template before it."""
    return prompt.removeprefix(HEAD)


def edited(prompt: str, rate: float, draw: random.Random) -> str:
    """Returns the ticket's own text with a share of its words replaced by others, numbers left alone."""
    found = own(prompt).split()
    places = [place for place, word in enumerate(found) if not any(letter.isdigit() for letter in word)]
    for place in draw.sample(places, int(rate * len(places))):
        found[place] = draw.choice("really today still maybe please again somehow only indeed just".split())
    return HEAD + " ".join(found)


def prose(seed: int, size: int) -> Splits:
    """Returns rows of random words, one template before all, the last quarter of them test rows."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randrange(2, 11))) for _ in range(600)]
    rows = [
        example(f"row {n}", HEAD + " ".join(draw.choices(words, k=draw.randrange(8, 40))), CANNED[n % 3])
        for n in range(size)
    ]
    return Splits(tuple(rows[: 3 * size // 4]), (), tuple(rows[3 * size // 4 :]), (), (), {})


def rewritten(prompt: str, share: float, draw: random.Random) -> str:
    """Returns the text after the template in another order, with up to a share of its letters replaced, whole words at
    a time, by no longer ones.
    """
    found = own(prompt).split()
    left = share * sum(map(len, found))
    for place in draw.sample(range(len(found)), len(found)):
        if len(found[place]) > left:
            continue
        left -= len(found[place])
        found[place] = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=len(found[place])))
    draw.shuffle(found)
    return HEAD + " ".join(found)
