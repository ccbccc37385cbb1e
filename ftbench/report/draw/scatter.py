"""Quality against cost: a point per cell with its interval, the frontier, and labels that do not collide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from ftbench.cost.frontier import ON, UNDECIDED
from ftbench.report.draw.svg import LINE, Scale, figure, fitted, line, number, path, scale, text, width_of
from ftbench.report.view.decision import Decision
from ftbench.report.view.lines import Line
from ftbench.report.view.weighed import ALIKE, TOTAL
from ftbench.text.html import escaped

WIDE, NARROW = 1080, 380
RADIUS = 6
Box = tuple[float, float, float, float]

UNITS = {
    TOTAL: "$",
    "usd_per_1k_requests": "$ per 1,000 requests",
    "seconds_per_1k_requests": "seconds per 1,000 requests",
}


def chart(decision: Decision, *, link: Callable[[Line], str] | None = None) -> str:
    """Returns the chart, wide and narrow, with its legend; a note where no cost is known.

    Args:
        decision: whose lines are drawn.
        link: where a click on a cell leads, None for nowhere.
    """
    lines = [entry for entry in decision.lines if entry.cost is not None]
    if not lines:
        return '<p class="ft-note">No cost is known for these cells, so there is no chart of quality against cost.</p>'
    basis = decision.weighed.basis or "seconds_per_1k_requests"
    words = f"{UNITS[basis]} {decision.weighed.per}" if basis == TOTAL else UNITS[basis]
    drawn = [
        _draw(decision, lines, words, link, width, height, kind)
        for width, height, kind in ((WIDE, 400, "ft-wide-chart"), (NARROW, 340, "ft-narrow"))
    ]
    left_out = len(decision.lines) - len(lines)
    note = f'<p class="ft-note">{left_out} more without a known cost.</p>' if left_out else ""
    open_cells = len(decision.verdict.open)
    legend = (
        '<p class="ft-legend"><span><i'
        f' class="ft-lead"></i>{"may be the best" if open_cells > 1 else "the best"}</span><span><i'
        ' class="ft-on"></i>on the frontier: nothing cheaper is shown to be as good</span><span><i'
        ' class="ft-open"></i>on it, undecided</span><span><i></i>others</span></p>'
    )
    return f'<div class="ft ft-chart">{legend}{"".join(drawn)}{note}</div>'


def _draw(
    decision: Decision,
    lines: Sequence[Line],
    unit: str,
    link: Callable[[Line], str] | None,
    width: int,
    height: int,
    kind: str,
) -> str:
    amounts = [float(entry.cost) for entry in lines]  # type: ignore[arg-type]
    log = min(amounts) > 0
    left, right, top, bottom = 58, width - 18, 22, height - 46
    if decision.weighed.basis == TOTAL and max(amounts) <= ALIKE * min(
        amounts
    ):  # a cent between totals of hundreds must not look like a gulf
        across = scale([min(amounts) / 2, max(amounts) * 2], left, right, log=log, room=0.0)
    else:
        across = scale(amounts, left, right, log=log, room=0.08)
    ends = [end for entry in lines for end in (entry.low, entry.value, entry.high) if end is not None]
    bounds = {row.label: float(row.scores[decision.metric]["value"]) for row in decision.ceilings}
    up = scale([*ends, *bounds.values()], bottom, top)
    parts = _axes(across, up, unit, decision, width, height, left, right, top, bottom, log)
    spots = {entry.row.id: (across(float(entry.cost)), up(entry.value)) for entry in lines}  # type: ignore[arg-type]
    for label, value in bounds.items():
        words = fitted(f"{label}, cannot be deployed", right - left - 12)
        parts += [line(left, up(value), right, up(value), "ft-bound"), text(left + 6, up(value) + 14, words)]
    best = _stairs([entry for entry in lines if entry.state in (ON, UNDECIDED)], decision.higher)
    stairs = _steps([spots[entry.row.id] for entry in best])
    parts.append(path(stairs, "ft-frontier"))
    on = {entry.row.id for entry in lines if entry.state in (ON, UNDECIDED)}
    whiskers = {
        entry.row.id: (up(entry.low), up(entry.high))
        for entry in lines
        if entry.low is not None and entry.high is not None
    }
    labels = _labels(lines, spots, on, set(decision.verdict.open), (left, top, right, bottom), whiskers, stairs)
    for entry in reversed(lines):
        parts.append(_point(entry, spots[entry.row.id], up, decision, labels.get(entry.row.id), link))
    return figure(width, height, parts, f"{decision.metric} against {unit}, {len(lines)} cells", kind)


def _axes(
    across: Scale,
    up: Scale,
    unit: str,
    decision: Decision,
    width: int,
    height: int,
    left: float,
    right: float,
    top: float,
    bottom: float,
    log: bool,
) -> list[str]:
    parts = []
    for tick in up.ticks(5):
        parts += [
            line(left, up(tick), right, up(tick), "ft-gridline"),
            text(left - 8, up(tick) + 4, number(tick), anchor="end"),
        ]
    for tick in across.ticks(7 if width > 600 else 4):
        parts += [
            line(across(tick), bottom, across(tick), bottom + 5, "ft-axis"),
            text(across(tick), bottom + 20, number(tick), anchor="middle"),
        ]
    parts.append(line(left, bottom, right, bottom, "ft-axis"))
    arrow = "" if decision.higher else " (less is better)"
    parts.append(text(left - 46, 12, f"{decision.metric}{arrow}", kind="ft-strong"))
    told = f"{unit}{', log scale' if log else ''}"
    if width_of(told) > width - 30:  # bold is wider; the load stands in the sentence above
        told = told.replace(unit, unit.partition(" at ")[0])
    parts.append(text(right, height - 6, told, anchor="end", kind="ft-strong"))
    return parts


def _stairs(lines: Sequence[Line], higher: bool) -> list[Line]:
    """Returns the cells of the frontier that score best for what they cost, cheapest first: the line is drawn through
    these.
    """
    sign = 1 if higher else -1
    found: list[Line] = []
    for entry in sorted(lines, key=lambda entry: (entry.cost or 0.0, -sign * entry.value)):
        if not found or sign * entry.value > sign * found[-1].value:
            found.append(entry)
    return found


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns the stairs through points: what is to be had for each cost."""
    found: list[tuple[float, float]] = list(points[:1])
    for (_, before), (x, y) in zip(points, points[1:], strict=False):
        found += [(x, before), (x, y)]
    return found


def _point(
    entry: Line,
    spot: tuple[float, float],
    up: Scale,
    decision: Decision,
    label: tuple[float, float, str, str] | None,
    link: Callable[[Line], str] | None,
) -> str:
    x, y = spot
    lead, state = entry.row.id in decision.verdict.open, entry.state
    parts = [
        f"<title>{escaped(entry.row.label)}: {escaped(entry.text)}, {escaped(entry.cost_text)} {decision.weighed.per},"
        f" rank {entry.rank}, frontier: {state}</title>"
    ]
    if entry.low is not None and entry.high is not None:
        parts.append(line(x, up(entry.low), x, up(entry.high), "ft-whisker"))
    parts.append(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 * RADIUS}" class="ft-hit"/><circle cx="{x:.1f}" cy="{y:.1f}"'
        f' r="{RADIUS}" class="ft-point"/>'
    )
    if label is not None:
        parts.append(
            text(label[0], label[1], label[2], anchor=label[3], kind="ft-halo ft-strong" if lead else "ft-halo")
        )
    kind = " ".join(
        name for name, yes in (("ft-lead", lead), ("ft-on", state == ON), ("ft-open", state == UNDECIDED)) if yes
    )
    inner = f'<g class="{kind}">{"".join(parts)}</g>'
    if link is None:
        return inner
    return f'<a href="{escaped(link(entry))}" data-cell="{quote(entry.row.id)}" tabindex="0" role="link">{inner}</a>'


def _labels(
    lines: Sequence[Line],
    spots: Mapping[str, tuple[float, float]],
    on: set[str],
    lead: set[str],
    frame: Box,
    whiskers: Mapping[str, tuple[float, float]],
    stairs: Sequence[tuple[float, float]],
) -> dict[str, tuple[float, float, str, str]]:
    """Returns x, baseline, words and anchor of each label that finds a free place; what matters more chooses first."""
    taken: list[Box] = [(x - RADIUS - 1, y - RADIUS - 1, x + RADIUS + 1, y + RADIUS + 1) for x, y in spots.values()]
    bars = [(spots[cell][0] - 2, min(ends), spots[cell][0] + 2, max(ends)) for cell, ends in whiskers.items()]
    bars += [
        (min(x1, x2) - 2, min(y1, y2) - 2, max(x1, x2) + 2, max(y1, y2) + 2)
        for (x1, y1), (x2, y2) in zip(stairs, stairs[1:], strict=False)
    ]
    found = {}
    for entry in sorted(lines, key=lambda entry: (entry.row.id not in lead, entry.row.id not in on)):
        x, y = spots[entry.row.id]
        words = fitted(entry.label, 210 if frame[2] > 600 else 130)
        wide = width_of(words)
        for place, base, anchor in (
            (x + 12, y + 4, "start"),
            (x - 12, y + 4, "end"),
            (x, y - 13, "middle"),
            (x, y + 22, "middle"),
            (x + 10, y - 9, "start"),
            (x + 10, y + 18, "start"),
            (x - 10, y - 9, "end"),
            (x - 10, y + 18, "end"),
            (x + 10, y - 24, "start"),
            (x - 10, y - 24, "end"),
            (x + 10, y + 33, "start"),
            (x - 10, y + 33, "end"),
        ):
            start = place - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            box = (start, base - LINE + 4, start + wide, base + 4)
            if box[0] < frame[0] - 50 or box[2] > frame[2] + 16 or box[1] < frame[1] - 4 or box[3] > frame[3] + 2:
                continue
            if not any(_meet(box, other) for other in (*taken, *bars)):
                taken.append(box)
                found[entry.row.id] = (place, base, words, anchor)
                break
    return found


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
