"""The parser that every command's words go through: help with examples, and the nearest name for what is misspelled."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from ftbench.cli.errors import UsageError
from ftbench.core.errors import did_you_mean


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that keeps the lines of its texts, takes no abbreviations, and tells what is wrong in one
    line, as ``UsageError``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **options}, allow_abbrev=False)
        self.subcommands: argparse._SubParsersAction[Parser] | None = None

    def add_subcommand(self, name: str, doc: str, summary: str) -> Parser:
        """Adds a subcommand, whose name the parsed words have as ``subcommand``.

        Args:
            name: of the subcommand.
            doc: what it does, and examples (see ``texts``).
            summary: one line for the help of the command.
        """
        if self.subcommands is None:
            self.subcommands = self.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        return self.subcommands.add_parser(name, help=summary, **texts(doc))

    def parse_args(self, args: Sequence[str], namespace: Any = None) -> argparse.Namespace:  # type: ignore[override]
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            raise UsageError(f"{unknown[0]}: is more than {self.prog} takes. See {self.prog} --help")
        return found

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuses unknown options first: what else is missing often is what they were meant to be."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for word in args:
            name = word.partition("=")[0]
            if name == "--" or (self.subcommands and not name.startswith("-")):
                break
            if name.startswith("--") and name not in known:
                raise UsageError(f"{name}: no such option. {did_you_mean(name, known)}")
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        said = f"{value}: no such subcommand"
        if action is not self.subcommands:
            said = f"{'/'.join(action.option_strings) or action.metavar} {value}: no such value"
        raise UsageError(f"{said}. {did_you_mean(value, action.choices)}")

    def error(self, message: str) -> Any:
        raise UsageError(f"{message}. See {self.prog} --help")


def command(name: str, doc: str | None, **options: Any) -> Parser:
    """Returns the parser of ``python -m ftbench NAME``.

    Args:
        name: of the command.
        doc: its module's docstring (see ``texts``).
        options: more for ``argparse.ArgumentParser``.
    """
    return Parser(prog=f"python -m ftbench {name}", **texts(doc or ""), **options)


def texts(doc: str) -> dict[str, str]:
    """Returns description and epilog of a parser: the paragraphs of a docstring that hold commands are examples."""
    paragraphs = [textwrap.dedent(paragraph) for paragraph in doc.strip("\n").split("\n\n")]
    examples = [paragraph for paragraph in paragraphs if re.search("(?m)^python -m ftbench ", paragraph)]
    prose = [paragraph for paragraph in paragraphs if paragraph not in examples]
    epilog = "examples:\n" + textwrap.indent("\n".join(examples), "    ")
    return {"description": "\n\n".join(prose), "epilog": epilog}
