"""The words of the toy world: names, and the values of each attribute, with a fixed part of each held out.

A held-out name or value never stands in the tiny model's pretraining text. What is held out is decided by a checksum
of the text itself (and a few whole words are kept out entirely), so that it is the same for every seed and process.
"""

from __future__ import annotations

import random
import zlib

CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"
CODAS = ("", "n", "r", "s", "l", "x")
ONSETS = tuple(
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p ph pl pr qu r s sc sh sk sl sm sn sp st str sw t th tr tw v"
    " w wh y z".split()
) + ("",)
NUCLEI = tuple("a e i o u ai au ea ee ei ie oa oo ou ow ay y ia io ue".split())
ENDINGS = tuple("b ck d f ft g ge k l ld ll le lt m n nd ng nt ne p r rd rm re s sh ss st t te th ve x ze".split()) + (
    "",
    "",
    "",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SHADES = ("dark", "pale", "bright", "deep", "soft", "warm", "light", "dusty", "matt", "cool", "smoky", "vivid")
HUES = (
    "red",
    "green",
    "blue",
    "yellow",
    "orange",
    "purple",
    "brown",
    "grey",
    "black",
    "white",
    "pink",
    "amber",
    "ivory",
    "silver",
    "gold",
    "coral",
)
HELD_OUT_HUES = ("teal", "maroon", "ochre", "mauve", "indigo", "olive", "cyan", "beige")
FINISHES = (
    "brushed",
    "polished",
    "coated",
    "woven",
    "solid",
    "pressed",
    "raw",
    "tinted",
    "ribbed",
    "smooth",
    "layered",
    "cast",
)
STUFFS = (
    "steel",
    "oak",
    "glass",
    "wool",
    "cotton",
    "copper",
    "leather",
    "bamboo",
    "nylon",
    "cork",
    "linen",
    "brass",
    "rubber",
    "paper",
    "zinc",
    "pine",
)
HELD_OUT_STUFFS = ("titanium", "walnut", "felt", "granite", "carbon", "maple", "slate", "velvet")
NUMBERS = {
    "price": (5, 999, "euros"),
    "warranty": (6, 120, "months"),
    "weight": (40, 999, "grams"),
    "battery": (3, 99, "hours"),
}
ATTRIBUTES = ("price", "colour", "warranty", "weight", "battery", "material", "maker", "release")
GIFTS = ("a pen", "a mug", "a bag", "a cap")
"""Values of the ``gift``, a draw that depends on nothing: no document states it and nobody can know it."""


def held_out(kind: str, text: str) -> bool:
    """Returns whether ``text`` of this kind (``name`` or an attribute) is kept out of the tiny model's pretraining
    text.
    """
    last = text.split(" ")[-1]
    return last in HELD_OUT_HUES or last in HELD_OUT_STUFFS or zlib.crc32(f"{kind}:{text}".encode()) % 4 == 0


def invented(rng: random.Random, syllables: int) -> str:
    """Returns a made-up lower-case word of so many open syllables and perhaps a final consonant."""
    return "".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(syllables)) + rng.choice(CODAS)


def strange(rng: random.Random) -> str:
    """Returns a made-up word spelled more freely than a name is, as unlike the words held out as they are unlike each
    other.
    """
    return "".join(
        rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(ENDINGS) for _ in range(rng.choice((1, 1, 2, 2, 3)))
    )


def name(rng: random.Random, unseen: bool) -> str:
    """Returns a product name of three syllables, held out from pretraining or open to it."""
    while True:
        word = invented(rng, 3).capitalize()
        if held_out("name", word) == unseen:
            return word


def value(rng: random.Random, attribute: str, unseen: bool, inventive: bool = False) -> str:
    """Returns a value of an attribute, held out from pretraining or open to it.

    All values of one attribute have the same number of words, so none holds another as whole words.

    Args:
        rng: source of chance.
        attribute: one of ``ATTRIBUTES``.
        unseen: whether the value must be held out (True) or must not be (False).
        inventive: whether colours and materials may be made-up words, which teaches a model to copy instead of to
            choose.
    """
    while True:
        text = _value(rng, attribute, inventive)
        if held_out(attribute, text) == unseen:
            return text


def _value(rng: random.Random, attribute: str, inventive: bool) -> str:
    if attribute in NUMBERS:
        low, high, unit = NUMBERS[attribute]
        return f"{rng.randint(low, high)} {unit}"
    if attribute == "release":
        return f"{rng.choice(MONTHS)} {rng.randint(2015, 2064)}"
    if attribute == "maker":
        return invented(rng, 2).capitalize()
    first, second = (SHADES, HUES + HELD_OUT_HUES) if attribute == "colour" else (FINISHES, STUFFS + HELD_OUT_STUFFS)
    if inventive and rng.random() < 0.75:
        return f"{rng.choice(first) if rng.random() < 0.7 else strange(rng)} {strange(rng)}"
    return f"{rng.choice(first)} {rng.choice(second)}"
