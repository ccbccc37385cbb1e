"""The first page: the sentence on top, the ranked table, what is not done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ftbench.analysis import figures
from ftbench.analysis.ceilings import ceiling_lines, nothing_to_choose
from ftbench.analysis.column import PAGE, Column
from ftbench.analysis.columns import metric_columns, of_table
from ftbench.analysis.rows import Row
from ftbench.cost.frontier import ON, UNDECIDED
from ftbench.report.draw.pieces import facts, note, notes, piece, span, table, tag
from ftbench.report.view.approaches import ApproachRow
from ftbench.report.view.decision import COST, Decision, places_by_cost
from ftbench.report.view.lines import Line, shown, standing_words
from ftbench.report.view.verdict import CLEAR
from ftbench.report.view.weighed import TOTAL
from ftbench.text import numbers
from ftbench.text.html import escaped

TAGS = {CLEAR: ("Clear", "green"), UNDECIDED: ("Undecided", "amber")}
Link = Callable[[str], str]


def verdict(decision: Decision, agreement: str | None = None, sweep: str | None = None) -> str:
    """Returns the sentence on top; ``agreement`` is what human review or a judge says of the metric, ``sweep`` its
    name.
    """
    one = decision.verdict
    badge = tag(*TAGS[one.kind]) if one.kind in TAGS else ""
    also = "".join(f"<li>{escaped(sentence)}</li>" for sentence in (*([agreement] if agreement else []), *one.also[:3]))
    return piece(
        f'<section class="ft-verdict ft-{one.kind}">{badge}<span class="ft-soft">{escaped(decision.dataset)}, by'
        f" {escaped(decision.metric)}{f' · {escaped(sweep)}' if sweep else ''}</span><p"
        f' class="ft-say">{escaped(one.sentence)}</p><p'
        f' class="ft-sure">{escaped(one.sure)}</p>{f"<ul>{also}</ul>" if also else ""}</section>'
    )


def ranking(decision: Decision, link: Link | None = None, anchor: str | None = None) -> str:
    """Returns the ranked table, one row per cell, each opening to its facts.

    Before it stand the approaches, where seeds or configurations make them more than cells; below it the ceilings:
    cells that cannot be deployed, and so have no rank.

    Args:
        link: cell id -> where its page is.
        anchor: beginning of the name by which a row can be linked to, its cell's id being the rest.
    """
    ends = [end for line in decision.cells for end in (line.low, line.value, line.high) if end is not None]
    axis = (min(ends), max(ends))
    columns = _columns(decision)
    total = decision.weighed.basis == TOTAL
    keys = {decision.metric: " data-sort=rank", "train_usd" if total else "usd_per_1k_requests": " data-sort=cost"}
    titles = {column.name: escaped(column.head(decision.basis, _spent(decision))) for column in columns}
    titles |= {"rank": "by cost"} if decision.order == COST else {}
    head = "".join(
        f"<span{' class=ft-right' if place > 1 else ''}{keys.get(column.name, '')}>{titles[column.name]}</span>"
        f"{'<span></span>' * (column.name == 'label')}"  # over the intervals
        for place, column in enumerate(columns)
    )
    by_cost = places_by_cost(decision) if decision.order == COST else None
    rows = "".join(_cell(line, axis, decision, link, anchor, by_cost) for line in decision.cells)
    hidden = (
        note(f"{decision.hidden} hidden by the filters. Ranks are over all {len(decision.family['cells'])} cells.")
        if decision.hidden
        else ""
    )
    bounds = notes(ceiling_lines(decision.ceilings, decision.metric, decision.basis))
    cells = f'<div class="ft-rank"><div class="ft-head"><div class="ft-row">{head}</div></div>{rows}</div>'
    return piece(approaches(decision), cells, bounds, hidden)


def approaches(decision: Decision) -> str:
    """Returns the approaches with their ranks among one another, and what became of the configurations of each.

    Nothing where they say no more than the cells.
    """
    if not decision.approaches:
        return ""
    unit = "$/1k" if decision.basis == "usd_per_1k_requests" else "time/1k"
    head = ("rank", "approach", escaped(decision.metric), "seed sd", "seeds", "chosen", "training", unit)
    rows = []
    for one in decision.approaches:
        texts = (one.text, one.spread, str(one.seeds), one.chosen, one.training, one.serving)
        name = f'<span class="ft-way">{escaped(one.label)}</span>'
        rows.append([escaped(one.rank or "-"), name, *map(escaped, texts)])
    inside = "".join(map(_configurations, decision.approaches))
    return f"<h3>Approaches</h3>{table(head, rows, numbers=(2, 3, 4, 6, 7), label=1)}{inside}<h3>Cells</h3>"


def _configurations(one: ApproachRow) -> str:
    if not one.configurations:
        return ""
    said = f"validation chose {one.chosen} among {len(one.configurations)} configurations"
    said = f"nothing chosen: {one.reason}" if one.reason else said
    rows = [[escaped(text) for text in each] for each in one.configurations]
    inside = table(("configuration", "validation", "state", "cells"), rows, numbers=(1,))
    return f"<details><summary>{escaped(f'{one.label}: {said}')}</summary>{inside}</details>"


def sentences(decision: Decision) -> str:
    """Returns what the comparisons of the whole family allow to be said."""
    said = "".join(f"<li>{escaped(sentence)}</li>" for sentence in decision.family.get("sentences", ()))
    return piece(f'<h3>What the comparisons say</h3><ul class="ft-said">{said}</ul>') if said else ""


def _cell(
    line: Line,
    axis: tuple[float, float],
    decision: Decision,
    link: Link | None,
    anchor: str | None,
    by_cost: Mapping[str, str] | None,
) -> str:
    name = "" if anchor is None else f' id="{escaped(anchor + line.row.id)}"'
    cost = "" if line.cost is None else f' data-cost="{line.cost:.9g}"'
    inside = f'<div class="ft-more">{_facts(line, decision, link)}</div>'
    return f"<details{name}{cost}><summary>{_row(line, axis, decision, by_cost)}</summary>{inside}</details>"


def _row(line: Line, axis: tuple[float, float], decision: Decision, by_cost: Mapping[str, str] | None) -> str:
    lead = line.row.id in decision.verdict.open
    tags = ""
    if line.row.id == decision.verdict.choice and len(decision.groups) > 1:
        tags += (
            tag("cheapest contender", "amber")
            if decision.verdict.kind == UNDECIDED and decision.verdict.margin is None
            else tag("choose", "green")
        )
    tags += tag(f"rank {line.rank}", "grey") if by_cost is not None else ""
    tags += (
        tag("frontier") if line.state == ON else tag("frontier: undecided", "amber") if line.state == UNDECIDED else ""
    )
    tags += tag(standing_words(line), "grey") if line.standing else ""
    tags += tag("baseline", "grey") if line.row.baseline else ""
    tags += tag(f"{lost} of rows failed", "amber") if (lost := figures.failed(line.row)) else ""
    tags += "".join(tag(f"breaks: {words}", "red") for words in line.broken)
    place = line.rank if by_cost is None else by_cost.get(line.row.id, numbers.UNKNOWN)
    cell = shown(line, total=decision.weighed.basis == TOTAL)
    rest = "".join(
        f'<span class="ft-num ft-right" data-name="{escaped(column.head(decision.basis, _spent(decision)))}">'
        f"{escaped(column.shown(cell))}</span>"
        for column in _columns(decision)[2:]
    )
    return (
        f'<div class="ft-row{" ft-out" if line.broken else ""}"><span class="ft-place">{escaped(place)}</span>'
        f'<span><span class="ft-name">{escaped(line.row.label)}</span> {tags}</span>'
        f"{span(line.low, line.value, line.high, axis, lead=lead)}{rest}</div>"
    )


def _columns(decision: Decision) -> list[Column]:
    """Returns the columns of the table: place and cell, then those that are text alone."""
    metric = metric_columns({decision.metric: decision.places}, [decision.metric])
    return of_table(PAGE, [*metric, *decision.own_columns])


def _spent(decision: Decision) -> str:
    return "total cost" if decision.weighed.basis == TOTAL else "training"


def _facts(line: Line, decision: Decision, link: Link | None) -> str:
    row = line.row
    scores = [
        (name, figures.score(row, name, figures.decimals([row], name), limits=True))
        for name in row.scores
        if name != decision.metric
    ]
    memory, pace = row.facts.get("peak_memory_bytes"), row.facts.get("tokens_per_second")
    cost = [
        ("examples", numbers.count(row.facts.get("n"))),
        ("peak memory", numbers.size(memory)),
        ("tokens per second", numbers.count(pace)),
        (
            "latency, median",
            numbers.milliseconds(row.facts.get("latency_p50_ms")),
        ),
        ("cell", row.id),
    ]
    more = f'<p class="ft-screen"><a href="{escaped(link(row.id))}">Everything about this cell</a></p>' if link else ""
    return facts(scores) + facts(cost) + more + f"<small>{escaped(row.facts.get('price_basis') or '')}</small>"


def ceilings(rows: Sequence[Row], metric: str, *, alone: bool) -> str:
    """Returns cells that cannot be deployed and stand beside no ranked table; nothing without any.

    Args:
        rows, metric: see ``ftbench.analysis.ceilings.ceiling_lines``.
        alone: whether there is no ranked table at all.
    """
    if not rows:
        return ""
    head = f"<p><b>{escaped(nothing_to_choose(len(rows), metric))}</b></p>" if alone else ""
    return piece(head, notes(ceiling_lines(rows, metric, None)))


def undone(rows: Sequence[Row], unranked: Sequence[Row], metric: str, link: Link | None = None) -> str:
    """Returns the cells that have no rank, each with the reason; nothing where every cell has one."""
    if not rows and not unranked:
        return ""
    kinds = {"failed": "red", "refused": "amber", "blocked": "grey", "skipped": "grey"}
    lines = []
    for row in rows:
        status = str(row.facts.get("status"))
        name = f'<a href="{escaped(link(row.id))}">{escaped(row.label)}</a>' if link else escaped(row.label)
        lines.append(
            [tag(status, kinds.get(status, "grey")), name, escaped(row.facts.get("reason") or "no reason given")]
        )
    lines += [
        [
            tag("no value", "grey"),
            escaped(row.label),
            escaped(row.scores.get(metric, {}).get("reason") or f"{metric} is n/a"),
        ]
        for row in unranked
    ]
    return piece(f"<h2>Not ranked: {len(lines)}</h2>", table(("state", "cell", "reason"), lines, label=1))
