"""One cell: what it is, how it was trained, what it cost, and what was noticed."""

from __future__ import annotations

from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.ceilings import CEILING
from ftbench.analysis.rows import Row
from ftbench.core.files import json_text
from ftbench.report.draw.pieces import code, facts, note, piece, table, tag
from ftbench.report.draw.statistics import checks
from ftbench.report.view.cell import CellPage, Training
from ftbench.text import numbers
from ftbench.text.html import escaped
from ftbench.text.terminal import cut


def head(page: CellPage, primary: str) -> str:
    """Returns name, state, scores, cost and the command that makes this cell again."""
    row = page.row
    parts = [f"<h2>{escaped(page.label)}</h2>"]
    if row is not None:
        status = str(row.facts.get("status"))
        colour = {"done": "green", "failed": "red", "refused": "amber"}.get(status, "grey")
        parts.append(f"<p>{tag(status, colour)}{_rank(page, row)}</p>")
        if row.facts.get("reason"):
            parts.append(note(str(row.facts["reason"]), "red" if status == "failed" else "amber"))
        names = [name for name in (primary, *row.scores) if name in row.scores]
        parts.append(
            facts(
                (name, figures.score(row, name, figures.decimals([row], name), limits=True))
                for name in dict.fromkeys(names)
            )
        )
        latency = "/".join(
            "n/a" if row.facts.get(name) is None else f"{row.facts[name]:,.0f}"
            for name in ("latency_p50_ms", "latency_p95_ms")
        )
        basis = "usd_per_1k_requests" if row.facts.get("usd_per_1k_requests") is not None else "seconds_per_1k_requests"
        memory = row.facts.get("peak_memory_bytes")
        costs = [
            ("per 1,000 requests", figures.cost(row, basis)),
            ("training", figures.training(row)),
            ("latency p50/p95, ms", latency),
            ("peak memory", numbers.size(memory)),
            ("tokens per second", numbers.count(row.facts.get("tokens_per_second"))),
            ("tokens: prompt", numbers.count(row.facts.get("prompt_tokens"))),
            ("tokens: answer", numbers.count(row.facts.get("completion_tokens"))),
        ]
        parts += [facts(costs), f"<p><small>{escaped(row.facts.get('price_basis') or '')}</small></p>"]
    parts += [note(words) for words in page.notes]
    if page.command:
        parts += ["<h3>Make it again</h3>", code(page.command)]
    else:
        parts.append(note("The matrix added this cell as a baseline; it comes with the sweep's command."))
    return piece(*parts)


def _rank(page: CellPage, row: Row) -> str:
    if not row.deployable:
        return tag(CEILING, "amber")
    return tag(f"rank {page.result['rank']}") if page.result.get("rank") else ""


def training(one: Training) -> str:
    """Returns what was noticed in one training stage, its counts of rows and its masked example; the curve stands
    above.
    """
    parts = []
    parts += [note(words, "amber") for words in one.findings] or [
        note("Nothing was noticed: no spike, no divergence, no overfitting.")
    ]
    counts = [
        (f"rows {name.replace('_', ' ')}", numbers.count(value))
        for name, value in one.rows.items()
        if isinstance(value, (int, float))
    ]
    parts.append(facts([("steps", f"{one.steps:,}"), *counts]))
    parts.append(masked(one.masked))
    return piece(*parts)


def masked(example: dict[str, Any] | None) -> str:
    """Returns one training row as the loss saw it: supervised text marked, the rest faint."""
    if not example:
        return ""
    parts = [f"<h3>One training row as the loss sees it <small>{escaped(example.get('id', ''))}</small></h3>"]
    for name, words in (("segments", ""), ("rejected_segments", "rejected answer")):
        if example.get(name):
            pieces = "".join(
                f'<span class="{"ft-on" if segment.get("supervised") else "ft-off"}">'
                f"{escaped(cut(str(segment.get('text', '')), 4000))}</span>"
                for segment in example[name]
            )
            parts.append(f'{f"<small>{words}</small>" if words else ""}<pre class="ft-code ft-masked">{pieces}</pre>')
    return "".join(parts) + "<small>marked: supervised, the loss is taken over it</small>"


def forgetting(found: dict[str, dict[str, Any]]) -> str:
    """Returns lm-eval's figures before and after training, with the interval of the change; nothing where none was
    asked.
    """
    if not found:
        return ""
    kinds = {"better": "green", "worse": "red", "undecided": "amber"}
    rows = []
    for name, one in found.items():
        places = numbers.places(max(abs(one["base"]), abs(one["tuned"])))
        change = numbers.signed(one["difference"], places)
        change += (
            ""
            if one["low"] is None
            else f" [{numbers.signed(one['low'], places)}, {numbers.signed(one['high'], places)}]"
        )
        rows.append(
            [
                escaped(name),
                f"{one['base']:.{places}f}",
                f"{one['tuned']:.{places}f}",
                change,
                numbers.UNKNOWN if one["verdict"] is None else tag(one["verdict"], kinds.get(one["verdict"], "grey")),
                numbers.count(one["n"]),
            ]
        )
    told = (
        "On the same questions before and after training. Undecided is no proof that nothing was forgotten: few"
        " questions show little."
    )
    head = ("figure", "base", "tuned", "change and interval", "verdict", "questions")
    found = table(head, rows, numbers=(1, 2, 3, 5))
    return f"<h3>What training forgot, by lm-eval</h3>{found}<p><small>{told}</small></p>"


def rest(page: CellPage) -> str:
    """Returns data checks, what training forgot, and versions."""
    parts = [checks(page.checks)]
    parts.append(forgetting(page.result.get("forgetting") or {}))
    packages = page.environment.get("packages") or {}
    if packages:
        machine = [
            (name, str(page.environment[name]))
            for name in ("python", "platform", "cuda", "threads", "commit")
            if page.environment.get(name) is not None
        ]
        parts += [
            "<h3>Versions</h3>",
            facts([*machine, *((str(name), str(version)) for name, version in packages.items())]),
        ]
    return piece(*parts)


def config(page: CellPage) -> str:
    return piece(code(json_text(page.config, allow_nan=True).rstrip()))
