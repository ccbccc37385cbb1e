"""What owning costs: total cost against volume with break-even marks, and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ftbench.report.draw.pieces import note, piece, table
from ftbench.report.draw.svg import figure, fitted, line, number, path, scale, text
from ftbench.report.view.ownership import Owned
from ftbench.report.view.weighed import ALIKE
from ftbench.text import numbers
from ftbench.text.html import escaped

KINDS = ("ft-thick", "ft-other", "ft-thin", "ft-thin", "ft-thin")


def chart(found: Owned, labels: Mapping[str, str]) -> str:
    """Returns total cost over all months against requests a month, both logarithmic, with break-evens and the chosen
    load marked.
    """
    drawn = {cell: points for cell, points in found.lines.items() if points}
    if not drawn:
        return note("No total can be drawn: a price or a pace is unknown.")
    widths = ((1080, "ft-wide-chart"), (380, "ft-narrow"))
    return f'<div class="ft ft-chart">{"".join(_draw(found, drawn, labels, *one) for one in widths)}</div>'


def _draw(
    found: Owned, drawn: Mapping[str, tuple[tuple[float, float], ...]], labels: Mapping[str, str], width: int, kind: str
) -> str:
    wide = width > 600
    height, left, right, top, bottom = 320, 66, width - (190 if wide else 20), 26, 272
    across = scale([volume for points in drawn.values() for volume, _ in points], left, right, log=True, room=0.0)
    totals = [total for points in drawn.values() for _, total in points]
    low, high = min(totals), max(totals)
    if high <= ALIKE * low:  # a cent between totals of thousands must not look like a gulf
        low, high = low / 2, high * 2
    up = scale([low, high], bottom, top, log=True)
    parts = []
    for tick in up.ticks(5):
        parts += [
            line(left, up(tick), right, up(tick), "ft-gridline"),
            text(left - 8, up(tick) + 4, f"${_short(tick)}", anchor="end"),
        ]
    for tick in across.ticks(7 if wide else 4):
        parts += [
            line(across(tick), bottom, across(tick), bottom + 5, "ft-axis"),
            text(across(tick), bottom + 20, _short(tick), anchor="middle"),
        ]
    parts += [
        line(left, bottom, right, bottom, "ft-axis"),
        text(10, 14, f"$ over {found.load.months:g} months", kind="ft-strong"),
        text(right, height - 6, "requests a month", anchor="end", kind="ft-strong"),
    ]
    for place, points in enumerate(drawn.values()):
        parts.append(path([(across(volume), up(total)) for volume, total in points], KINDS[min(place, len(KINDS) - 1)]))
    y = 0.0
    for cell in (
        sorted(drawn, key=lambda cell: -drawn[cell][-1][1]) if wide else ()
    ):  # in the order of the lines' ends, so that none is named by another's label
        y = max(up(drawn[cell][-1][1]), y + 15)
        parts.append(
            text(
                right + 8,
                y + 4,
                fitted(labels.get(cell, cell), 176),
                kind="ft-strong" if cell == found.cheapest else "",
            )
        )
    here = across(found.load.requests_per_month)
    parts += [line(here, top, here, bottom, "ft-axis"), text(here + 5, top + 10, "your load", kind="ft-halo")]
    low, high = across.low, across.high
    for one in found.crossings:
        for volume in one.volumes[:1]:
            if low < volume < high:
                parts += [
                    line(across(volume), top, across(volume), bottom, "ft-mark"),
                    text(across(volume), top - 4, _short(volume), anchor="middle", kind="ft-halo"),
                ]
    return figure(width, height, parts, "total cost of ownership against requests a month", kind)


def parts(found: Owned, labels: Mapping[str, str]) -> str:
    """Returns what each cell's total is made of, cheapest first, and every break-even in a sentence."""
    order = sorted(found.owned.values(), key=lambda one: (one.total_usd is None, one.total_usd or 0.0))
    rows = []
    for one in order:
        busy = "" if one.utilisation is None else numbers.share(one.utilisation)
        money = [numbers.money(amount) for amount in (one.total_usd, one.fixed_usd, one.retrain_usd, one.serving_usd)]
        money.append(numbers.money(one.usd_per_1k_requests))
        rows.append(
            [escaped(labels.get(one.name, one.name)), *money, "" if one.machines is None else str(one.machines), busy]
        )
    head = ("cell", "total", "paid once", "retraining", "serving", "per 1,000 served", "machines", "busy")
    crossed, never = [], []
    for one in found.crossings:
        first, second = (labels.get(name, name) for name in (one.first, one.second))
        if one.reason:
            continue
        if not one.volumes:
            cheaper = labels.get(one.cheaper[0], "") if one.cheaper and one.cheaper[0] else None
            never.append(
                f"{cheaper} is cheaper than {second if cheaper == first else first} at every volume."
                if cheaper
                else f"{first} and {second} cost the same at every volume."
            )
            continue
        after = labels.get(one.cheaper[1] or "", "neither")
        more = (
            f" They change places {len(one.volumes)} times, at steps of whole machines." if len(one.volumes) > 1 else ""
        )
        reach = (
            f" ({_short(one.low)} to {'never' if one.high is None else _short(one.high)} with the paces' intervals)"
            if one.low is not None
            else ""
        )
        crossed.append(
            f"{first} against {second}: from {_short(one.volumes[0])} requests a month{reach} {after} is cheaper.{more}"
        )
    return piece(
        table(head, rows, numbers=(1, 2, 3, 4, 5, 6, 7)),
        *(f"<p>{escaped(sentence)}</p>" for sentence in crossed),
        _folded(never),
    )


def _folded(sentences: Sequence[str]) -> str:
    said = "".join(f"<p>{escaped(sentence)}</p>" for sentence in sentences)
    return (
        f"<details><summary>{len(sentences)} pairs that never change places</summary>{said}</details>"
        if len(sentences) > 2
        else said
    )


def sentence(found: Owned, names: Mapping[str, str], rivals: Sequence[str]) -> str:
    """Returns which of the cells that may be the best costs least to own, or that it makes no difference."""
    if found.cheapest is None:
        return piece(
            note(
                "A price or a pace is unknown for some of the cells that may be the best, so none can be called the"
                " cheapest to own."
            )
        )
    least = found.totals[found.cheapest] or 0.0
    load = f"over {found.load.months:g} months at {found.load.requests_per_month:,.0f} requests a month"
    totals = [total for cell in rivals if (total := found.totals[cell]) is not None]
    if len(totals) > 1 and max(totals) <= ALIKE * least:
        said = (
            f"<b>Cost does not decide:</b> each of the {len(totals)} that may be the best costs about"
            f" {numbers.money(least)} {load}."
        )
    else:
        which = "the cheapest of those that may be the best" if len(totals) > 1 else "the best"
        said = (
            f"<b>{escaped(names.get(found.cheapest, found.cheapest))}</b>, {which}, costs {numbers.money(least)}"
            f" {load}."
        )
    return piece(f"<p>{said}</p>")


def _short(value: float) -> str:
    for unit, factor in (("bn", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return number(float(f"{value:.3g}"))
