"""Lists, and with --yes removes, what a store holds that no kept sweep needs.

    python -m ftbench gc --store DIR --keep SWEEP_DIR ... --older-than 30 --yes
    python -m ftbench gc --earlier --yes     # what was made before keys changed their form, whatever refers to it

A stage goes when no kept sweep's plan.json names it and it was last used longer ago than --older-than days. The
sweeps below ./multirun are kept unless --keep names others. Temporary folders of dead processes go too, and
checkpoints and failed receipts of that age; checkpoints of a stage that a kept plan names stay. Whatever is locked
stays, and so does a link in the store with everything behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.errors import UsageError
from ftbench.cli.parser import Parser, command
from ftbench.core.errors import FtbenchError
from ftbench.store.gc import collect
from ftbench.store.store import Store
from ftbench.sweep.folder import SWEEPS, plans_below, referenced
from ftbench.text.numbers import size


def parser() -> Parser:
    found = command("gc", __doc__)
    found.add_argument(
        "--store", type=Path, default=Path(".ftbench/store"), metavar="DIR", help="the store (default: %(default)s)"
    )
    keep = "keep what the plan.json in or below these folders name (default: ./multirun, where there is one)"
    found.add_argument("--keep", type=Path, nargs="+", action="extend", metavar="SWEEP_DIR", help=keep)
    found.add_argument(
        "--older-than",
        type=float,
        default=30.0,
        metavar="DAYS",
        help="remove only what was last used longer ago (default: %(default)g)",
    )
    found.add_argument(
        "--earlier",
        action="store_true",
        help="remove what has keys of an earlier version and so is no longer found; sweeps of then lose their examples",
    )
    group = found.add_mutually_exclusive_group()
    group.add_argument("--dry-run", action="store_true", help="only list what would go (the default)")
    group.add_argument("--yes", action="store_true", help="remove it")
    return found


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        UsageError: where there is no such store, or a kept sweep's plan cannot be read.
    """
    options = parser().parse_args(argv)
    if not options.store.is_dir():
        raise UsageError(f"--store {options.store}: no such folder. Name the store.dir of your runs")
    sweeps = options.keep or [SWEEPS] * bool(plans_below(SWEEPS))
    try:
        keep = set().union(*(referenced(sweep) for sweep in sweeps))
    except FtbenchError as error:
        raise UsageError(str(error)) from error
    report = collect(Store(options.store), keep, options.older_than, dry_run=not options.yes, earlier=options.earlier)
    for item in report.removed:
        print(f"{item.what:<9}{item.key[:12]}  {size(item.bytes):>10}  {item.detail}")
    for key in report.busy:
        print(f"in use   {key[:12]}  stays")
    for link in report.linked:
        print(f"link     {link}  stays, and what is behind it: nothing behind a link is removed")
    verb = "would remove" if report.dry_run else "removed"
    hint = "; add --yes to remove them" if report.dry_run and report.removed else ""
    print(f"{verb} {len(report.removed)} things, {size(report.bytes)}; {report.kept} stages stay{hint}")
    if report.young:
        print(
            f"{report.young} of them are named by no plan in {' or '.join(map(str, sweeps)) or 'any kept sweep'}, but"
            f" were used in the last {options.older_than:g} days; --older-than 0 takes them too"
        )
    return 0
