"""What one cell cost: its bill, the whole account, and how that compares with the forecast."""

from __future__ import annotations

from ftbench.report.draw.pieces import empty, facts, note, piece, share, table, tag
from ftbench.report.view.cell import CellPage
from ftbench.text import numbers
from ftbench.text.html import escaped
from ftbench.text.terminal import one_line


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
