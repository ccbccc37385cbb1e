"""The one gate for secrets: ``scrub`` masks them in what is written or shown, ``Finder`` finds them in configs.

What counts as a secret:

* the value of an environment variable whose name says so (``HF_TOKEN``, ``OPENAI_API_KEY``, ``DB_PASSWORD``), and a
  password in the URL that any variable holds, in each spelling that a log may give it;
* text of a well-known shape (``hf_...``, ``sk-...``, ``ghp_...``, ``AKIA...``, ``Bearer ...``, a private key,
  ``user:password@`` in a URL), set or not;
* text under a key that names one (``api_key``, ``password``), in mappings. ``eos_token`` and the like name none.

A value of 4 to 7 characters is masked only where it is a word of its own and no part of a number; a shorter one is not
masked at all. ``scrub`` is for errors, notes, logs and receipts, as plain values before they become JSON, so numbers
stay. Rows, prompts, outputs and weights are results: they go into the store as they are. A plan that a worker reads is
never masked: a config with a secret is refused (``ftbench.compile.no_secrets``).
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

MASK = "***"

_SHORTEST, _ANYWHERE = 4, 8
_WORDS = frozenset({"true", "false", "none", "null", "auto", "yes", "no", "on", "off", "???"})
"""Settings rather than secrets, under whatever name."""
_SECRET_WORDS = frozenset(
    "password passwords passwd passphrase secret secrets credential credentials apikey apikeys authorization".split()
)
_SECRET_ENDS = ("password", "passwd", "passphrase", "apikey", "accesstoken", "authtoken")
_VALUES = frozenset({"value", "key", "base", "hash", "string"})
_KEYS_OF = frozenset("api access private secret auth account encryption signing ssh subscription".split())
_OF_TEXT = frozenset(
    "eos bos pad unk sep cls mask eot eod eom bot boi eoi end start stop special image video audio text first last "
    "next previous per prefix suffix middle fill fim think tool call role user assistant system turn decoder encoder "
    "document separator padding query passage answer prompt completion output input sentence new newline vocab "
    "word".split()
)
"""What stands before ``token`` where a tokenizer's token is meant."""
_ABOUT = frozenset(
    "env file path dir folder name names variable var column columns field fields policy length count type".split()
)
"""Last words of names that tell something about a secret and hold none: ``api_key_env``, ``password_file``."""
_VARIABLE = re.compile(r"(PASSWORD|PASSWD|SECRET)S?_(?!.*(ENV|FILE|PATH|DIR|NAME)$)")
"""Variables with such a word anywhere are masked too; a key must end in it: ``secret_leak_rate`` is a metric's."""
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_BEGIN, _END = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----", r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_URL_PASSWORD = r"(?<=://)[^/\s:@?#\"'<>{}]*:[^/\s?#\"'<>{}]+(?=@)"
_SHAPES = (
    rf"{_BEGIN}(?:[\s\S]*?{_END}|[A-Za-z0-9+/=\s\\]*)",
    r"\bhf_[A-Za-z0-9]{16,}",
    r"\bsk-(?:(?=[a-z_-]*[A-Z0-9])[A-Za-z0-9_-]{12,}|[a-z]{16,})",
    r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{8,}",
    r"\bgh[pousr]_[A-Za-z0-9]{8,}",
    r"\bgithub_pat_[A-Za-z0-9_]{8,}",
    r"\bglpat-[A-Za-z0-9_-]{8,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{8,}",
    r"\bA[KS]IA[0-9A-Z]{12,}",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    r"(?i:(?<=bearer )|(?<=authorization: basic )|(?<=authorization: token ))(?=\S*\d|\S{20})[^\s\"',;{}<>]{6,}",
    _URL_PASSWORD,
    r"(?i:(?<=password=)|(?<=passwd=)|(?<=secret=)|(?<=api_key=)|(?<=api-key=)|(?<=apikey=)|(?<=^token=)"
    r"|(?<=[^\w]token=)|(?<=access_token=)|(?<=auth_token=)|(?<=hf_token=)|(?<=api_token=))"
    r"[^\s\"',;&{}<>$]{4,}",
    r"(?i:(?<=password\": \")|(?<=password': ')|(?<=api_key\": \")|(?<=api_key': '))[^\"']{4,}",
)
_SHAPE = re.compile("|".join(_SHAPES))
_OF_ENVIRONMENT = re.compile(r"\$\{\s*oc\.env\s*:\s*([A-Za-z_]\w*)")


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Says whether a variable or config key of this name is meant to hold a secret.

    ``HF_TOKEN`` and ``apiKey`` are; ``eos_token`` and ``api_key_env`` are not.
    """
    words = [word.lower() for word in _NAME_WORD.findall(name)]
    if not words or words[-1] in _ABOUT:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _SECRET_WORDS or last.endswith(_SECRET_ENDS) or last in _VALUES and before in _SECRET_WORDS:
        return True
    if last in ("key", "keys"):
        return before in _KEYS_OF
    return last == "token" and before not in _OF_TEXT or last in ("pwd", "pass", "pat") and bool(before)


def holds_secret(text: str) -> bool:
    """Says whether ``scrub`` would mask anything in ``text``."""
    return bool(scrub(text) != text)


def scrub(value: Any, *, named: bool = True) -> Any:
    """Returns ``value`` with every secret in its texts replaced by ``***``.

    Args:
        value: text, or plain JSON; dicts, lists and tuples are walked, numbers and other types returned as they are. In
            the keys of dicts only what is too long to match by chance is masked.
        named: also mask text under keys that name a secret; False for data, whose columns may be called anything.
    """
    return _scrubbed(value, _known(_from_environment()), named)


def _scrubbed(value: Any, known: tuple[re.Pattern[str] | None, re.Pattern[str] | None], named: bool) -> Any:
    if isinstance(value, str):
        return _masked(value, known[0])
    if isinstance(value, Mapping):
        found: dict[Any, Any] = {}
        for key, item in value.items():
            clean = _masked(key, known[1]) if isinstance(key, str) else key
            while clean != key and clean in found:
                clean += "*"  # two masked keys stay two
            secret = named and isinstance(key, str) and names_secret(key)
            found[clean] = _hidden(item) if secret else _scrubbed(item, known, named)
        return found
    if isinstance(value, (list, tuple)):
        items = [_scrubbed(item, known, named) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def _hidden(value: Any) -> Any:
    """Returns what stands under a secret's name without its texts; numbers stay, and so does what lies deeper."""
    if isinstance(value, str):
        return MASK if _is_value(value) else value
    return [_hidden(item) for item in value] if isinstance(value, (list, tuple)) else scrub(value)


def _masked(text: str, known: re.Pattern[str] | None) -> str:
    return _SHAPE.sub(MASK, known.sub(MASK, text) if known else text)


def _is_value(text: str) -> bool:
    """Says whether text under a secret's name is one, rather than nothing, a setting, or a reference to another key."""
    plain = text.strip()
    return bool(plain) and plain.lower() not in _WORDS and re.fullmatch(r"\$\{[\w.]+\}", plain) is None


def _from_environment() -> tuple[tuple[str, str], ...]:
    """Returns (name, value) of this process's secret variables; read each time, since a library may set one late."""
    found = []
    for name, value in os.environ.items():
        if names_secret(name) or _VARIABLE.search(name) or name.endswith("_KEY") and len(value) >= 16:
            found += [(name, value)] if _is_secret(value) else []
        elif "://" in value:
            passwords = (match.partition(":")[2] for match in re.findall(_URL_PASSWORD, value))
            found += [(name, password) for password in passwords if _is_secret(password)]
    return tuple(found)


def _is_secret(value: str) -> bool:
    """Says whether the value of a secret variable, or a line of it, is a secret: no setting, and no path of a file."""
    if value.startswith("/") and os.path.exists(value):
        return False
    return len(value.strip()) >= _SHORTEST and value.strip().lower() not in _WORDS


@lru_cache(maxsize=8)
def _known(values: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """Returns a pattern over all secret values in each spelling that a log may give them, and one over long values."""
    spellings: set[str] = set()
    for _, value in values:
        # A private key has many lines, and a log is scrubbed line by line.
        for part in {value, value.strip(), *value.splitlines()}:
            if _is_secret(part):
                quoted = (json.dumps(part), json.dumps(part, ensure_ascii=False), repr(part))
                spellings |= {part, quote(part), quote(part, safe=""), html.escape(part)}
                spellings |= {text[1:-1] for text in quoted}
    texts = sorted(spellings, key=len, reverse=True)
    long = [re.escape(text) for text in texts if _matches_anywhere(text)]
    # Neither a part of a word, nor 1234 in 1234.5 or 0,1234.
    short = [rf"(?<!\w)(?<!\d[.,]){re.escape(text)}(?!\w)(?![.,]\d)" for text in texts if not _matches_anywhere(text)]
    everything, anywhere = (re.compile("|".join(patterns)) if patterns else None for patterns in (long + short, long))
    return everything, anywhere


def _matches_anywhere(text: str) -> bool:
    return len(text) >= _ANYWHERE


class Finder:
    """Finds secrets in configs; remembers each key and each text under it, since the cells of a matrix repeat them."""

    def __init__(self) -> None:
        self._values = _from_environment()
        self._keys: dict[str, tuple[str, str]] = {}
        self._texts: dict[tuple[str, str], str | None] = {}

    def find(self, value: Any, place: str = "") -> Iterator[tuple[str, str]]:
        """Yields key and kind of each text that must not be stored; neither repeats it.

        Args:
            value: a config, plain; a word of the command line as ``{key: value}``.
            place: dotted key of ``value``.
        """
        return self._find(value, *self._key(place))

    def _find(self, value: Any, place: str, named: str) -> Iterator[tuple[str, str]]:
        """Yields what ``find`` does; ``named`` is the part of the place that names a secret, or empty."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                shown, own = self._key(str(key))
                under = f"{place}.{shown}" if place else shown
                if MASK in shown and MASK not in str(key):
                    yield under, "text that looks like a key or password"
                yield from self._find(item, under, named or own)
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                yield from self._find(item, f"{place}[{index}]", named)
        elif isinstance(value, str):
            if (named, value) not in self._texts:
                self._texts[named, value] = self._why(named, value)
            why = self._texts[named, value]
            if why is not None:
                yield place, why
        elif named and type(value) in (int, float) and not named.lower().endswith("token"):  # that may be a count
            yield place, "text under a name for secrets"

    def _key(self, key: str) -> tuple[str, str]:
        """Returns a dotted key as it may be shown, and the part of it that names a secret, or an empty text."""
        if key not in self._keys:
            named = next((part for part in re.split(r"[.\[\]]", key) if names_secret(part)), "")
            self._keys[key] = _masked(key, _known(self._values)[1]), named
        return self._keys[key]

    def _why(self, named: str, text: str) -> str | None:
        read = _OF_ENVIRONMENT.findall(text)
        variable = next((name for name in read if names_secret(name) or name in dict(self._values)), None)
        if variable is not None:
            return f"the value of the secret environment variable {variable}"
        if named and _is_value(text):
            return "text under a name for secrets"
        if re.search(_URL_PASSWORD, text):
            return "an address with a password"
        if _SHAPE.search(text):
            return "text that looks like a key or password"
        for name, value in self._values:
            secret = value.strip()
            # A short one only as the whole of a text, and no plain word: tiny is a model's name.
            if secret in text if _matches_anywhere(secret) else text.strip() == secret and not secret.isalpha():
                return f"the value of the environment variable {name}"
        spelled = _known(self._values)[1]
        return "the value of a secret environment variable" if spelled is not None and spelled.search(text) else None


class LineScrubber:
    """Masks secrets in text that comes line by line; a private key spans several."""

    def __init__(self) -> None:
        self._inside = False

    def __call__(self, line: str) -> str:
        """Returns the line without secrets."""
        if self._inside and re.fullmatch(r"[A-Za-z0-9+/=]*\s*|[\w-]+: .*\s*", line):
            return MASK + "\n"
        if self._inside and re.search(_END, line):
            self._inside = False
            return MASK + "\n"
        self._inside = re.search(_BEGIN, line) is not None and re.search(_END, line) is None
        return str(scrub(line))


class ScrubbingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, without secrets; ``conf/config.yaml`` gives it to Hydra's job log."""

    def format(self, record: logging.LogRecord) -> str:
        return str(scrub(super().format(record)))
