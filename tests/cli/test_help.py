"""Every command has help with examples, names what is misspelt, and imports nothing heavy for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftbench.cli.main import COMMANDS, main
from tests.conftest import ROOT
from tests.test_layers import _light

OTHERS = {"__init__", "main", "hydra_app", "errors", "overrides", "parser"}


def test_the_room_reads_as_the_list_of_commands() -> None:
    files = {path.stem for path in (ROOT / "ftbench" / "cli").glob("*.py")}
    assert files - OTHERS == set(COMMANDS) and files >= OTHERS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    done = _light([command, "--help"], tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert len(re.findall(rf"(?m)^ +python -m ftbench (?:{command}|-m)\b", done.stdout)) >= 2, done.stdout
    assert "``" not in done.stdout
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("command", [*COMMANDS, "review stats"])
def test_an_unknown_option_is_one_line_with_the_nearest(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--hepl", "x"]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"ftbench: --hepl: no such (option|flag)\. Did you mean --help\? Available: .*\n", said), said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["advize"], "advize: no such command. Did you mean advise? Available: advise, calibrate, compare, "),
        (["review", "mkae"], "mkae: no such subcommand. Did you mean make? Available: import, make, pairs, stats"),
        (["gc", "--stor", "x"], "--stor: no such option. Did you mean --store? Available: "),
        (["export", "cell", "--ou", "x"], "--ou: no such option. Did you mean --out? Available: "),
        (["review", "make", "s", "--mode=pair"], "--mode pair: no such value. Did you mean pairwise? Available: "),
        (["export"], "the following arguments are required: CELL, --out. See python -m ftbench export --help"),
        (["gc", "store"], "store: is more than python -m ftbench gc takes. See python -m ftbench gc --help"),
        (["report", "--port", "0"], "argument --port: 0 is no port. Give a number from 1 to 65535. See python -m "),
    ],
)
def test_what_no_command_takes_is_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ftbench: {line}") and said.count("\n") == 1


@pytest.mark.parametrize("subcommand", ["make", "import", "stats", "pairs"])
def test_subcommands_of_review_have_examples_too(subcommand: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["review", subcommand, "--help"])
    assert not ended.value.code
    assert capsys.readouterr().out.count(f"    python -m ftbench review {subcommand} ") == 2
