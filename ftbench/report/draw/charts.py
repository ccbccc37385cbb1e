"""The smaller charts: learning curves, and the graph of a plan's stages."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.report.draw.svg import figure, fitted, line, number, path, scale, text
from ftbench.report.view.cell import Training
from ftbench.report.view.plan_page import Node, PlanPage
from ftbench.text.html import escaped
from ftbench.text.terminal import one_line

MOST_NODES = 44
"""Stages that are drawn one by one; of more, one node per kind."""
NODE, GAP, COLUMN = 38, 10, 214


def curve(training: Training) -> str:
    """Returns training and validation loss over the steps; an empty state where no loss was written down."""
    unit = "preference loss" if any(row.get("margin") is not None for row in training.curve) else "loss, nats per token"
    losses = [(row["step"], row["loss"]) for row in training.curve if row.get("loss") is not None]
    validation = [
        (row["step"], row["validation_loss"]) for row in training.curve if row.get("validation_loss") is not None
    ]
    if not losses and not validation:
        return '<p class="ft-note">No loss was recorded.</p>'
    widths = ((820, "ft-wide-chart"), (380, "ft-narrow"))
    return f'<div class="ft ft-chart">{"".join(_curve(losses, validation, unit, *one) for one in widths)}</div>'


def _curve(
    losses: Sequence[tuple[float, float]], validation: Sequence[tuple[float, float]], unit: str, width: int, kind: str
) -> str:
    height, left, right, top, bottom = 260, 58, width - 96, 26, 216
    both = [*losses, *validation]
    across = scale([step for step, _ in both], left, right, room=0.0)
    values = [value for _, value in both]
    up = scale(
        [0.0 if min(values) > 0 and min(values) < max(values) / 3 else min(values), max(values)], bottom, top, room=0.04
    )
    parts = []
    for tick in up.ticks(4):
        parts += [
            line(left, up(tick), right, up(tick), "ft-gridline"),
            text(left - 8, up(tick) + 4, number(tick), anchor="end"),
        ]
    for tick in across.ticks(6 if width > 600 else 3):
        parts += [
            line(across(tick), bottom, across(tick), bottom + 5, "ft-axis"),
            text(across(tick), bottom + 20, number(tick), anchor="middle"),
        ]
    parts += [
        line(left, bottom, right, bottom, "ft-axis"),
        text(left - 46, 14, unit, kind="ft-strong"),
        text(right, height - 6, "step", anchor="end", kind="ft-strong"),
    ]
    parts.append(path([(across(step), up(value)) for step, value in losses], "ft-thin"))
    parts.append(path([(across(step), up(value)) for step, value in validation], "ft-thick"))
    parts += [
        f'<circle cx="{across(step):.1f}" cy="{up(value):.1f}" r="3.5" class="ft-spot"><title>step {step}: validation'
        f" loss {value:.4g}</title></circle>"
        for step, value in validation
    ]
    ends = [
        (up(series[-1][1]), words, strong)
        for series, words, strong in ((losses, "training", ""), (validation, "validation", "ft-strong"))
        if series
    ]
    if len(ends) == 2 and abs(ends[0][0] - ends[1][0]) < 16:
        middle = (ends[0][0] + ends[1][0]) / 2
        upper = 0 if ends[0][0] <= ends[1][0] else 1
        ends = [
            (middle - 8 if index == upper else middle + 8, words, strong)
            for index, (_, words, strong) in enumerate(ends)
        ]
    parts += [text(right + 10, y + 4, words, kind=strong) for y, words, strong in ends]
    return figure(
        width,
        height,
        parts,
        f"training loss over {len(losses)} points and validation loss over {len(validation)}",
        kind,
    )


def graph(plan: PlanPage) -> str:
    """Returns the picture of the stages: inputs left of what reads them; one node per kind where there are too many."""
    nodes = plan.nodes if len(plan.nodes) <= MOST_NODES else plan.merged
    if not nodes:
        return '<div class="ft ft-empty">Nothing was lowered to stages: no cell is left to run.</div>'
    order = sorted({node.column for node in nodes})
    columns = {place: [node for node in nodes if node.column == place] for place in order}
    spots: dict[str, tuple[float, float]] = {}
    tallest = max(map(len, columns.values()))
    height = tallest * (NODE + GAP) + 20
    for number_, place in enumerate(order):
        members = sorted(columns[place], key=lambda node: _pull(node, spots))
        offset = (height - len(members) * (NODE + GAP) + GAP) / 2
        for index, node in enumerate(members):
            spots[node.key] = (10 + number_ * COLUMN, offset + index * (NODE + GAP))
    wide = COLUMN - 46
    parts = [
        _edge(spots[earlier], spots[node.key], wide) for node in nodes for earlier in node.inputs if earlier in spots
    ]
    parts += [_node(node, *spots[node.key], wide) for node in nodes]
    width = 10 + (len(order) - 1) * COLUMN + wide + 10
    title = f"{len(plan.nodes)} stages, inputs left of what reads them"
    return f'<div class="ft ft-scroll">{figure(width, int(height), parts, title)}</div>'


def _pull(node: Node, spots: dict[str, tuple[float, float]]) -> float:
    """Returns the mean height of a node's inputs, so that edges cross less."""
    known = [spots[key][1] for key in node.inputs if key in spots]
    return sum(known) / len(known) if known else 0.0


def _edge(start: tuple[float, float], end: tuple[float, float], wide: float) -> str:
    x1, y1, x2, y2 = start[0] + wide, start[1] + NODE / 2, end[0], end[1] + NODE / 2
    bend = max(18.0, min(46.0, (x2 - x1) / 2))
    return (
        f'<path d="M{x1:.1f} {y1:.1f} C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"'
        ' class="ft-edge"/>'
    )


def _node(node: Node, x: float, y: float, wide: float) -> str:
    state = "ft-failed" if node.failed else "ft-done" if node.done == node.count else ""
    mark = "✕ " if node.failed else "✓ " if node.done == node.count else ""
    cells = node.cells[0] if len(node.cells) == 1 else f"{len(node.cells)} cells"
    below = f"{node.done} of {node.count} done" if node.count > 1 else cells
    names = escaped(one_line(", ".join(node.cells[:12])))
    return (
        f'<g class="{state}"><title>{escaped(node.name)}{"" if node.count > 1 else " " + node.key[:12]}:'
        f" {names}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide}" height="{NODE}" rx="5" class="ft-node"/>'
        f"{text(x + 9, y + 16, fitted(f'{mark}{node.name}', wide - 16), kind='ft-strong')}"
        f"{text(x + 9, y + 31, fitted(below, wide - 16))}</g>"
    )
