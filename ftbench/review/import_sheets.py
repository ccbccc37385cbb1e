"""From filled sheets to the ledgers of the sweeps that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.review import import_verdicts as verdicts
from ftbench.review.headers import item_of
from ftbench.review.key import FOLDER, KEYS, Key, read_keys
from ftbench.review.tables import Table, read_tables


@dataclass(frozen=True)
class Imported:
    """What one sweep's ledger got.

    Attributes:
        sweep: its folder.
        keys: of its reviews.
        done: what was new, corrected, or not taken.
    """

    sweep: Path
    keys: Sequence[Key]
    done: verdicts.Imported


def import_sheets(
    files: Sequence[Path], keys: dict[Path, list[Key]], *, take_old: bool
) -> tuple[list[Imported], list[str]]:
    """Reads files into the ledgers of the sweeps whose items they hold.

    Args:
        files: as raters sent them back, in any mix.
        keys: folder of a sweep -> keys of its reviews.
        take_old: whether a value that was corrected before may come back.

    Returns:
        What each sweep got, and one line for each file that could not be read or holds no item of any of them.
    """
    tables: list[Table] = []
    problems: list[str] = []
    for path in dict.fromkeys(files):
        try:
            tables += read_tables(path)
        except FtbenchError as error:
            problems.append(str(error))
    imported: list[Imported] = []
    used: set[str] = set()
    for sweep, own in keys.items():
        known = {item: key for key in own for item in key.items}
        mine = [table for table in tables if any(item_of(cell, known) for _, row in table.rows for cell in row)]
        used |= {table.file for table in mine}
        if mine:
            imported.append(Imported(sweep, own, verdicts.import_verdicts(sweep, own, mine, take_old=take_old)))
    problems += [
        f"{file}: holds no item of the sheets that were made. Name their sweep with --sweep"
        for file in dict.fromkeys(table.file for table in tables)
        if file not in used
    ]
    return imported, problems


def keys_of(sweep: Path | None) -> dict[Path, list[Key]]:
    """Returns folder -> keys of the sweep, or of every sweep below ``./multirun`` that made sheets.

    Raises:
        FtbenchError: where there is no key.
    """
    below = sorted({path.parent.parent for path in Path("multirun").glob(f"**/{FOLDER}/{KEYS}")})
    found = {folder: keys for folder in ([sweep] if sweep else below) if (keys := read_keys(folder))}
    if not found:
        raise FtbenchError(
            f"{sweep or 'below ./multirun'}: no key of a review. Name the sweep that the sheets were made from with"
            " --sweep"
        )
    return found
