"""One cell: what it is, how it was trained, what it cost, and what was noticed."""

from __future__ import annotations

from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.ceilings import CEILING
from ftbench.analysis.rows import Row
from ftbench.core.files import json_text
from ftbench.report.draw.pieces import code, empty, facts, note, piece, share, table, tag
from ftbench.report.draw.statistics import checks
from ftbench.report.view.cell import CellPage, Training
from ftbench.text import numbers
from ftbench.text.html import escaped
from ftbench.text.terminal import cut, one_line


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


def costs(page: CellPage) -> str:
    """Returns the stages one after the other, each starting where the one before ended, and what their seconds went
    into.
    """
    finished = [part for part in page.parts if part.receipt is not None]
    if not finished:
        return piece(empty("No stage of this cell has run.", "Its cost is not known yet."))
    total = sum(part.receipt.seconds.get("total", 0.0) for part in finished if part.receipt)
    rows, start = [], 0.0
    for part in finished:
        receipt = part.receipt
        seconds = receipt.seconds.get("total", 0.0) if receipt else 0.0
        left, right = share(start, (0, total)), share(start + seconds, (0, total))
        start += seconds
        bar = f'<div class="ft-track"><span class="ft-bar ft-l{min(left, 99)} ft-w{max(1, right - left)}"></span></div>'
        shape = ", ".join(
            f"{name.replace('_', ' ')} {numbers.duration(value)}" for name, value in part.shape[:3] if value >= 0.05
        )
        state = "" if part.state == "done" else tag(part.state, "red")
        shared = (
            f"<small>shared with {len(part.shared)} other{'s' * (len(part.shared) != 1)}</small>" if part.shared else ""
        )
        rows.append(
            [
                f"{escaped(part.role)} {state}",
                bar,
                numbers.duration(seconds),
                escaped(shape),
                shared,
                escaped(one_line(receipt.device or "")) if receipt else "",
                f"<small>{part.key[:12]}</small>",
            ]
        )
    grid = table(("stage", "", "wall time", "of that", "", "device", "key"), rows, numbers=(2,), track=1)
    failed = "".join(
        note(f"{part.role}: {part.receipt.error}", "red")
        for part in finished
        if part.state == "failed" and part.receipt and part.receipt.error
    )
    return piece(
        grid,
        f"<small>{numbers.duration(total)} of wall time in all as it ran; the bill counts each shared stage as if this"
        " cell ran alone, loading included</small>",
        failed,
    )


KINDS_OF_COST = ("train", "index", "generate", "other", "total")


def account(page: CellPage) -> str:
    """Returns what the cell took, alone and with its part of shared stages, by kind of stage; then tokens, hours and
    energy.
    """
    found = page.result.get("account") or {}
    columns = [
        ("alone", found.get("alone_seconds"), numbers.duration),
        ("its part", found.get("split_seconds"), numbers.duration),
        ("alone, $", found.get("alone_usd"), numbers.money),
        ("its part, $", found.get("split_usd"), numbers.money),
    ]
    known = [
        (name, amounts, words)
        for name, amounts, words in columns
        if amounts
        and any(amount is not None for amount in amounts.values())
        and (words is numbers.duration or any(amounts.values()))
    ]
    if not known:
        return ""
    rows = [
        [escaped("in all" if kind == "total" else kind), *(words(amounts.get(kind)) for _, amounts, words in known)]
        for kind in KINDS_OF_COST
        if any(amounts.get(kind) for _, amounts, _ in known)
    ]
    told = (
        "Wall time with loading, without imports. Alone: as if no other cell shared a stage. Its part: shared stages"
        " split evenly among the cells that use them."
    )
    more = [
        ("GPU hours, its part", None if found.get("gpu_hours") is None else f"{found['gpu_hours']:.3g}"),
        (
            "energy, its part",
            None if found.get("energy_joules") is None else f"{found['energy_joules'] / 3.6e6:.3g} kWh",
        ),
        ("alone, on spot machines", None if found.get("spot_usd") is None else numbers.money(found["spot_usd"])),
    ]
    tokens = found.get("tokens") or {}
    counts = [
        [escaped(str(stage)), escaped(str(name).replace("_", " ")), numbers.count(count)]
        for stage, own in tokens.items()
        if isinstance(own, dict)
        for name, count in own.items()
        if isinstance(count, (int, float))
    ]
    if not rows:
        return ""
    return piece(
        "<h3>What the bill counts</h3>",
        table(("", *(name for name, _, _ in known)), rows, numbers=range(1, 1 + len(known))),
        f"<p><small>{told}</small></p>",
        facts((name, value) for name, value in more if value is not None),
        (
            "<details><summary>tokens by"
            f" stage</summary>{table(('stage', 'of', 'tokens'), counts, numbers=(2,))}</details>"
            if counts
            else ""
        ),
    )


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


def forecast(page: CellPage) -> str:
    """Returns the forecast beside what was measured, stage by stage, where there is one."""
    found = page.forecast
    if not found:
        return piece(
            note("No forecast was stored with this cell, so there is nothing to hold the measurement against.")
        )
    whole = [
        ("memory at the peak", numbers.size(found.get("peak_bytes"))),
        ("training", "-" if found.get("train_seconds") == 0 else numbers.duration(found.get("train_seconds"))),
        ("in all", numbers.duration(found.get("seconds"))),
        ("cost", numbers.money(found.get("usd"))),
    ]
    parts = [facts([(f"forecast: {name}", value) for name, value in whole])]
    rows = [
        [
            escaped(str(one.get("kind"))),
            numbers.size(one.get("peak_bytes")),
            numbers.size(one.get("measured_peak_bytes")),
            _ratio(one.get("peak_bytes"), one.get("measured_peak_bytes")),
            numbers.duration(one.get("seconds")),
            numbers.duration(one.get("measured_seconds")),
            _ratio(one.get("seconds"), one.get("measured_seconds")),
        ]
        for one in found.get("stages") or ()
        if any(one.get(name) is not None for name in ("peak_bytes", "seconds"))
    ]
    if rows:
        parts.append(
            table(
                (
                    "stage",
                    "memory, forecast",
                    "measured",
                    "forecast is",
                    "seconds, forecast",
                    "measured",
                    "forecast is",
                ),
                rows,
                numbers=(1, 2, 3, 4, 5, 6),
            )
        )
    parts += [note(f"unknown: {words}") for words in found.get("unknown") or ()]
    return piece(*parts)


def _ratio(forecast: float | None, measured: float | None) -> str:
    return "" if forecast is None or not measured else f"{forecast / measured:.2g}×"


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
