"""How an error becomes lines and an exit status."""

from __future__ import annotations

import errno

import pytest
from hydra.errors import ConfigCompositionException, MissingConfigException

from ftbench.cli.errors import UsageError, in_words, status_of
from ftbench.cli.main import main
from ftbench.core.errors import FtbenchError, Problem, Refused
from ftbench.core.termination import Terminated


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "there/x"),
            "ftbench: there/x: No space left on device. Free some space",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "ftbench: Permission denied. Mend its permissions, or name another place",
        ),
        (OSError(errno.EBADF, "Bad file descriptor"), None),
    ],
)
def test_what_the_disk_refuses_anywhere_is_one_line(
    error: OSError, said: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(argv: object) -> int:
        raise error

    monkeypatch.setattr("ftbench.cli.gc.main", refused)
    if said is None:
        with pytest.raises(OSError, match="Bad file descriptor"):
            main(["gc"])
        return
    assert main(["gc"]) == 1
    assert (line := capsys.readouterr().err).startswith(said) and line.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (FtbenchError("a: is b. Do c"), 1, "ftbench: a: is b. Do c\n"),
        (UsageError("a: is b. Do c"), 2, "ftbench: a: is b. Do c\n"),
        (Refused([Problem("a", "b", "c"), Problem("d", "e", "f")]), 1, "ftbench: a: b. c\nftbench: d: e. f\n"),
        (Terminated(143), 143, "\nftbench: interrupted\n"),
        (
            KeyboardInterrupt(),
            130,
            "\nftbench: interrupted; everything finished is kept, the same command goes on from there\n",
        ),
    ],
)
def test_an_error_is_lines_and_a_status(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> int:
        raise error

    assert status_of(fails) == status
    assert capsys.readouterr().err == said


def test_a_mistake_of_our_own_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        status_of(lambda: 1 // 0)


def test_what_hydra_complains_of_is_one_line() -> None:
    missing = MissingConfigException(
        "In 'config': Could not find 'model/tinny'\n\nAvailable options in 'model':\n\ttiny\n\thf\nConfig search path:"
    )
    assert in_words(missing) == "model=tinny: no such model. Did you mean tiny? Available: hf, tiny"
    outer = ConfigCompositionException("outer")
    outer.__cause__ = FtbenchError("a: is b. Do c")
    assert in_words(outer) == "a: is b. Do c"
