"""The plan's page and the review's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ftbench.report import figures
from ftbench.report.draw.pieces import empty, facts, note, piece, table, tag
from ftbench.report.draw.statistics import plain
from ftbench.report.text import escaped
from ftbench.report.view.plan import PlanPage
from ftbench.report.view.review import ReviewPage

MOST_CELLS = 300


def plan_head(page: PlanPage) -> str:
    """Returns counts, axes and how far it is."""
    state = "running" if page.running else "finished" if page.done == page.stages else "not complete"
    counts = [
        ("state", state), ("cells", figures.count(len(page.cells))), ("stages", f"{page.done:,} of {page.stages:,} done"), ("failed", figures.count(page.failed)),
        ("shared stages", figures.count(page.shared)), ("refused", figures.count(len(page.refusals))), ("excluded", figures.count(page.excluded)),
    ]  # fmt: skip
    axes = [(axis, ", ".join(options[:8]) + (f" and {len(options) - 8} more" if len(options) > 8 else "")) for axis, options in page.axes.items()]
    return piece(facts(counts), "<h3>Matrix</h3>", facts(axes))


def plan_cells(page: PlanPage, link: Callable[[str], str] | None = None) -> str:
    """Returns every cell with its stages."""
    if not page.cells:
        return piece(note("Every cell was refused."))
    rows = []
    for cell in page.cells[:MOST_CELLS]:
        name = f'<a href="{escaped(link(cell["id"]))}">{escaped(cell["label"])}</a>' if link else escaped(cell["label"])
        status = cell["status"] or ("done" if cell["done"] == cell["stages"] else "waiting")
        kind = {"done": "green", "failed": "red", "waiting": "grey"}.get(status, "amber")
        rows.append([name + (" " + tag("baseline", "grey") if cell["baseline"] else ""), tag(status, kind), f"{cell['done']} of {cell['stages']}", escaped(cell["reason"] or ""), f"<small>{cell['id']}</small>"])
    left = note(f"{len(page.cells) - MOST_CELLS} more in plan.json.") if len(page.cells) > MOST_CELLS else ""
    return piece(table(("cell", "state", "stages done", "reason", "id"), rows, numbers=(2,)), left)


def refusals(page: PlanPage) -> str:
    """Returns every reason once, with its fix and the cells that it stops."""
    if not page.refusals:
        return ""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for refusal in page.refusals:
        for problem in refusal["problems"]:
            reasons.setdefault((problem["where"], problem["why"], problem["fix"]), []).append(refusal["label"])
    rows = [[escaped(where), escaped(why), escaped(fix), escaped(", ".join(labels[:6]) + (f" and {len(labels) - 6} more" if len(labels) > 6 else ""))] for (where, why, fix), labels in reasons.items()]
    return piece(f"<h2>Refused: {len(page.refusals)}</h2>", table(("where", "why", "how to mend it", "cells"), rows))


def plan_forecast(page: PlanPage) -> str:
    """Returns memory, hours and dollars of every cell as forecast, and why some of them are unknown."""
    found = page.forecast
    if not found:
        return piece(note("No forecast is stored with this plan: hours and dollars are unknown, not zero."))
    total = found.get("total") or {}
    parts = ["<h2>Forecast</h2>", facts([("time in all", _or_unknown(total.get("seconds"), figures.duration)), ("cost in all", _or_unknown(total.get("usd"), figures.money))])]
    parts += [note(f"unknown: {words}") for words in total.get("unknown") or ()]
    labels = {cell["id"]: cell["label"] for cell in page.cells}
    rows = [
        [escaped(labels.get(cell, cell)), _or_unknown(one.get("peak_bytes"), figures.size), escaped(one.get("peak_stage") or ""), _or_unknown(one.get("train_seconds"), figures.duration),
         _or_unknown(one.get("seconds"), figures.duration), _or_unknown(one.get("usd"), figures.money)]
        for cell, one in list((found.get("cells") or {}).items())[:MOST_CELLS]
    ]  # fmt: skip
    if rows:
        parts.append(table(("cell", "memory at the peak", "in", "training", "time", "cost"), rows, numbers=(1, 3, 4, 5)))
    return piece(*parts)


def _or_unknown(value: float | None, words: Callable[[float], str]) -> str:
    return figures.UNKNOWN if value is None else words(value)


def review(page: ReviewPage) -> str:
    """Returns the conclusions of human review, or how to start one."""
    if page.problem:
        return piece(note(page.problem, "red"))
    if page.conclusions is None:
        progress = f"{page.verdicts:,} verdicts are in the ledger; the last command draws conclusions from them." if page.verdicts else "Blind sheets for your reviewers, a ledger of their verdicts, and what follows from them:"
        return piece(empty("Nobody has concluded anything yet." if page.verdicts else "Nobody has reviewed these answers yet.", progress, page.start))
    found = page.conclusions
    parts = [facts([("verdicts", figures.count(page.verdicts)), *((name.replace("_", " "), figures.count(value)) for name, value in (found.get("counts") or {}).items() if isinstance(value, (int, float)))])]
    if {"ranking", "systems", "settings", "bradley_terry"} <= found.keys():
        head, *body = page.ranking
        parts += ["<h3>Ranked by people</h3>", table([escaped(words) for words in head], [[escaped(words) for words in row] for row in body], numbers=(0, 2, 3, 4), label=1)]
    systems = found.get("systems") or {}
    if found.get("pairs"):
        parts += ["<h3>Pairs</h3>", table(("first", "second", "comparisons", "win", "tie", "loss", "win rate", "p adjusted", "verdict"), [_pair(one, systems) for one in found["pairs"]], numbers=(2, 3, 4, 5, 6, 7))]
    for name, title in (("agreement", "Do raters agree?"), ("repeats", "Does a rater agree with himself?"), ("side", "Left or right"), ("metrics", "Which metric to trust"), ("judge", "A judge against people"),
                        ("dimensions", "Dimensions"), ("ratings", "Ratings"), ("disagreements", "Worth reading")):  # fmt: skip
        if found.get(name):
            parts += [f"<h3>{title}</h3>", plain(found[name])]
    parts += [note(words) for words in found.get("notes") or ()]
    return piece(*parts, *(note(str(words), "amber") for words in found.get("problems") or ()))


def _pair(one: Mapping[str, Any], systems: Mapping[str, str]) -> list[str]:
    shares = [_share(one.get(name)) for name in ("win", "tie", "loss", "win_rate")]
    sign = one.get("sign_test") or {}
    verdict = str(one.get("verdict", ""))
    kind = {"better": "green", "worse": "red", "undecided": "amber"}.get(verdict, "grey")
    names = [escaped(systems.get(one[side], one[side])) for side in ("first", "second")]
    return [*names, figures.count(one.get("n")), *shares, f"{sign['p_adjusted']:.3g}" if sign.get("p_adjusted") is not None else "", tag(verdict, kind)]


def _share(found: Mapping[str, Any] | None) -> str:
    if not found or found.get("value") is None:
        return figures.UNKNOWN
    reach = f" [{found['low']:.2f}, {found['high']:.2f}]" if found.get("low") is not None else ""
    return f"{found['value']:.2f}{reach}"
