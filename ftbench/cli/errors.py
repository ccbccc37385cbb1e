"""How an error becomes lines on the terminal and an exit status. No command prints a traceback for what a person can
mend.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from ftbench.core.cell import AXES, axis_of
from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.core.termination import Terminated
from ftbench.text.secrets import scrub

FULL = "HYDRA_FULL_ERROR"
"""Where set, Hydra raises what it would print as several lines of its own."""

_ROOM = "Free some space, or name another place; what is finished is kept"
_PLACE = "Mend its permissions, or name another place"
_DISK = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _PLACE, errno.EACCES: _PLACE, errno.EPERM: _PLACE}
"""What the disk may refuse anywhere, and what helps; any other error of the system is ours."""


class UsageError(FtbenchError):
    """A command line that no command takes: exit status 2."""


def status_of(command: Callable[[], int]) -> int:
    """Runs a command and returns its exit status; what a person can mend is said in lines, the rest is raised."""
    try:
        return command()
    except FtbenchError as error:
        for line in scrub(str(error)).splitlines():
            print(f"ftbench: {line}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
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
        said = "interrupted; everything finished is kept, the same command goes on from there"
        print(f"\nftbench: {said}", file=sys.stderr)
        return 130


def mask_streams() -> None:
    """Masks secrets in the tracebacks and warnings of this process: a user's own code may raise them while planning."""

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(scrub("".join(traceback.format_exception(kind, error, trace))))

    def formatwarning(*told: Any, **more: Any) -> str:
        return scrub(plain(*told, **more))

    plain = warnings.formatwarning
    sys.excepthook, warnings.formatwarning = excepthook, formatwarning


@contextlib.contextmanager
def hydra_errors_in_words() -> Iterator[None]:
    """Makes one line of what Hydra refuses; under ``HYDRA_FULL_ERROR=1`` Hydra's own exception passes.

    Raises:
        FtbenchError: in the place of Hydra's errors.
    """
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    if os.environ.get(FULL):
        yield
        return
    os.environ[FULL] = "1"
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise FtbenchError(in_words(error)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FtbenchError(
            f"{mark.name}:{mark.line + 1}: is no YAML that Hydra reads ({error.problem}). Mend the file"
            if mark
            else f"an option is no YAML ({error}). Mend it"
        ) from error
    finally:
        del os.environ[FULL]


def in_words(error: Exception) -> str:
    """Returns what Hydra complains of as one line with the fix; lines of our own as they are."""
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    cause = error.__cause__
    if isinstance(cause, (HydraException, FtbenchError)):  # what a launcher or sweeper said while it was made
        return in_words(cause)
    text = str(error) + (f"\n{cause}" if isinstance(cause, OmegaConfBaseException) else "")
    if "Could not override 'hydra.launcher.verb'" in text:  # the word that plan adds
        return (
            "hydra/launcher: plan sees a whole matrix only under local, the default. Leave hydra/launcher out of a plan"
        )
    group = re.search(r"Could not override '([^'@]+/[^'@]+)'", text)
    if group and (axis := axis_of(group[1])) in AXES:
        return f"{group[1]}: the {axis} of this cell has none. Choose another {axis}=..., or leave it out"
    if missing := re.search(r"Could not find '([^']*)/([^/']*)'", text):
        group, name = missing.groups()
        options = re.findall(r"^\t(?!provider=)(\S+)$", text, re.MULTILINE)
        plugins = (
            f". Others come with their plug-in: pip install hydra-NAME-{group.rpartition('/')[2]}"
            if group.startswith("hydra/")
            else ""
        )
        return f"{group}={name}: no such {group}. {did_you_mean(name, options)}{plugins}"
    if isinstance(error, OverrideParseException):
        why = next(
            (line for line in text.splitlines() if line.strip() and not line.startswith(("Error parsing", "See "))), ""
        )
        return (
            f"{error.override}: Hydra cannot read it ({why}). Write key=value; quote what holds brackets, braces or"
            " commas, for the shell and for Hydra: 'key=\"value\"'"
        )
    if not type(error).__module__.startswith(("hydra.", "omegaconf.")) or ": " in text.splitlines()[0]:
        return text
    kept = [
        line.strip()
        for line in text.partition("Config search path")[0].splitlines()
        if line.strip() and not line.strip().startswith(("full_key", "object_type", "See https"))
    ]
    return "; ".join(line.rstrip(".") for line in kept)
