"""``python -m ftbench``: the default verb is Hydra's own command line; other verbs are the first word.

    python -m ftbench -m method=none,lora
    python -m ftbench plan -m model=llama2_7b method=none,lora
    python -m ftbench explain KEY
    python -m ftbench advise SWEEP
    python -m ftbench export CELL --out DIR
    python -m ftbench gc --dry-run
    python -m ftbench report
    python -m ftbench verify

A verb's module is imported when it is asked for, so that ``--help`` and ``plan`` load nothing heavy.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import ftbench
from ftbench.core.cell import AXES
from ftbench.core.errors import FtbenchError, Refused, did_you_mean
from ftbench.core.termination import Terminated
from ftbench.text.secrets import scrub

COMMANDS = {
    "advise": "ftbench.cli.advise",
    "calibrate": "ftbench.cli.calibrate",
    "compare": "ftbench.cli.compare",
    "explain": "ftbench.cli.explain",
    "export": "ftbench.cli.export",
    "fetch": "ftbench.cli.fetch",
    "gc": "ftbench.cli.gc",
    "report": "ftbench.cli.report",
    "review": "ftbench.cli.review",
    "score": "ftbench.cli.score",
    "verify": "ftbench.cli.verify",
}
"""Verbs with words of their own: module with ``main(argv) -> exit status``."""

HYDRA_COMMANDS = ("run", "plan")
_OPEN_KEY = re.compile(rf"^(({'|'.join(AXES)}|effort\.space)\.[\w.]+|decision\.labor_usd(\.\w+)?)=")
"""Keys that the first composition need not have: values of one option alone, and mappings that are empty unless
somebody fills them.
"""

_ONE_CELL = ("--cfg", "-c", "--info", "-i", "--help", "-h")
"""Flags of Hydra that compose one cell and run nothing."""

_ROOM, _PLACE = (
    "Free some space, or name another place; what is finished is kept",
    "Mend its permissions, or name another place",
)
_DISK = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _PLACE, errno.EACCES: _PLACE, errno.EPERM: _PLACE}
"""What the disk may refuse anywhere, and what helps; any other error of the system is ours."""

PLAN_HELP = """python -m ftbench plan [HYDRA OVERRIDES]

Compiles the matrix and prints every cell, every stage, what is cached or shared, and what is refused and why.
Loads no model and needs no GPU; writes plan.json into the sweep folder.

  python -m ftbench plan -m method=none,lora
  python -m ftbench plan -m model=llama2_7b,llama2_13b method=none,lora hardware=h100

Takes the same words as a run (python -m ftbench --help). Exit status 1 when a cell is refused.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit status (0 done, 1 failed or refused, 2 bad verb, 130 interrupted)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _mask_streams()
    try:
        if words and words[0] in COMMANDS:
            return importlib.import_module(COMMANDS[words[0]]).main(words[1:])
        if words and re.fullmatch(r"[a-z]+", words[0]) and words[0] not in HYDRA_COMMANDS:
            raise _Usage(f"{words[0]}: no such verb. {did_you_mean(words[0], [*COMMANDS, *HYDRA_COMMANDS])}")
        return _hydra(words)
    except (_Usage, FtbenchError) as error:
        for line in scrub(str(error)).splitlines():
            print(f"ftbench: {line}", file=sys.stderr)
        return 2 if isinstance(error, _Usage) else 1
    except BrokenPipeError:  # somebody closed the other end, as `| head` does; the last flush must not complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        fix = _DISK.get(error.errno)
        if fix is None:
            raise
        place = next((f"{name}: " for name in (error.filename2, error.filename) if name), "")
        print(f"ftbench: {scrub(place)}{error.strerror}. {fix}", file=sys.stderr)
        return 1
    except Terminated as error:
        print("\nftbench: interrupted", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(
            "\nftbench: interrupted; everything finished is kept, the same command goes on from there", file=sys.stderr
        )
        return 130


def _mask_streams() -> None:
    """Masks secrets in the tracebacks and warnings of this process: a user's own code may raise them while planning."""

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(scrub("".join(traceback.format_exception(kind, error, trace))))

    def formatwarning(*told: Any, **more: Any) -> str:
        return scrub(plain(*told, **more))

    plain = warnings.formatwarning
    sys.excepthook, warnings.formatwarning = excepthook, formatwarning


class _Usage(Exception):
    """A command line that no verb takes."""


def _hydra(words: list[str]) -> int:
    verb = words.pop(0) if words and words[0] in HYDRA_COMMANDS else "run"
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"ftbench {ftbench.__version__}, Hydra {version('hydra-core')}")
        return 0
    if verb == "plan" and {"--help", "-h"} & set(words):
        print(PLAN_HELP)
        return 0
    _refuse_secrets(words)
    if verb == "plan":
        words.append("hydra.launcher.verb=plan")
    from ftbench.cli.hydra_app import run
    from ftbench.compile.spelling import in_full, swept
    from ftbench.compile.words import check_quotes, check_words

    one = any(word.partition("=")[0] in _ONE_CELL for word in words)
    if one:  # Hydra takes one of them or -m, which is the default here
        words = [word for word in words if word not in ("-m", "--multirun")]
    check_words(words)
    check_quotes(words)
    words = in_full(words)
    if not one and "hydra.mode=RUN" not in words:
        words = swept(words)

    sys.argv = ["ftbench", *(f"++{word}" if _OPEN_KEY.match(word) else word for word in _flags_first(words))]
    try:
        run()
    except SystemExit as status:
        return status.code if isinstance(status.code, int) else 0 if status.code is None else 1
    return 0


def _flags_first(words: Sequence[str]) -> list[str]:
    """Returns flags (and their values) before overrides: Hydra's parser loses overrides that stand after a flag."""
    flags, overrides = [], []
    for index, word in enumerate(words):
        value_of_flag = index > 0 and words[index - 1].startswith("--") and "=" not in words[index - 1]
        (overrides if "=" in word and not word.startswith("-") and not value_of_flag else flags).append(word)
    return flags + overrides


def _refuse_secrets(words: Sequence[str]) -> None:
    """Refuses secrets in words and files: Hydra keeps what was typed and composed in multirun.yaml and .hydra/."""
    from ftbench.compile.no_secrets import filed_secrets, typed_secrets

    if typed := typed_secrets(words):
        raise _Usage("\n".join(map(str, typed)))
    if filed := filed_secrets(words):
        raise Refused(filed)
