"""All metrics with intervals, comparisons, seeds, slices as heat maps, correlations, and the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ftbench.report.draw.pieces import empty, facts, note, notes, piece, span, table, tag
from ftbench.report.view.data import Data
from ftbench.report.view.statistics import Heat, MetricTable, Pair, Seeds
from ftbench.text import numbers
from ftbench.text.html import escaped
from ftbench.text.terminal import cut, one_line

LEVELS = 10
MOST_ROWS = 200


def metrics(tables: Sequence[MetricTable], link: Callable[[str], str] | None = None) -> str:
    """Returns every metric over all cells, with its settings."""
    if not tables:
        return piece(note("No cell has a score."))
    parts = []
    for one in tables:
        rows = []
        for score in one.scores:
            name = f'<a href="{escaped(link(score.cell))}">{escaped(score.label)}</a>' if link else escaped(score.label)
            text = escaped(score.text) + (f" <small>{escaped(score.reason)}</small>" if score.reason else "")
            rows.append(
                [
                    name,
                    span(score.low, score.value, score.high, one.axis),
                    text,
                    numbers.count(score.n),
                    numbers.count(score.failed),
                ]
            )
        arrow = "more is better" if one.higher else "less is better"
        made = " · ".join(escaped(one_line(words)) for words in (one.signature, one.interval) if words)
        head = f"<h3>{escaped(one.name)} <small>{arrow}</small></h3>"
        parts.append(
            head
            + table(("cell", "", "value and interval", "n", "failed"), rows, numbers=(2, 3, 4), track=1)
            + f"<small>{made}</small>"
        )
    return piece(*parts)


def pairs(found: Sequence[Pair], declared: str, confidence: float, labels: Mapping[str, str] | None = None) -> str:
    """Returns the declared comparisons after adjustment."""
    if not found:
        return piece(
            note("Fewer than two cells with a score, or nothing declared to compare with: there are no comparisons.")
        )
    words = {
        "best": "each cell against the best one, adjusted over all pairs, since the data chose the best",
        "baseline": "each cell against the baselines",
        "all": "every pair",
    }
    exact = any(pair.mcnemar for pair in found)
    rows = []
    for pair in found[:MOST_ROWS]:
        kind = {"better": "green", "worse": "red", "undecided": "amber"}.get(pair.verdict, "grey")
        row = [
            f"{escaped(pair.first)} <small>against</small> {escaped(pair.second)}",
            pair.value,
            pair.interval,
            tag(pair.verdict or "undecided", kind),
            pair.p,
            pair.p_adjusted,
            f"{pair.differing} of {pair.clusters}",
        ]
        rows.append([*row, escaped(pair.mcnemar or "")] if exact else row)
    head = [
        "comparison",
        "difference",
        f"{confidence:.0%} interval, adjusted",
        "verdict",
        "p",
        "p adjusted",
        "groups that differ",
        *(["only one right (McNemar)"] if exact else []),
    ]
    left = note(f"{len(found) - MOST_ROWS} more in results.json.") if len(found) > MOST_ROWS else ""
    said = (
        f"Declared family: {words.get(declared, declared)}. One interval decides what is said of a pair; undecided is"
        " no proof of being equal."
    )
    return piece(f'<p class="ft-soft">{escaped(said)}</p>', table(head, rows, numbers=(1, 2, 4, 5, 6)), left)


def seeds(found: Sequence[Seeds], families: Sequence[str] = ()) -> str:
    """Returns methods over several seeds, sampling apart from seeds; an empty state with how to get it."""
    if not found:
        return piece(
            empty(
                "No method has several seeds here.",
                "With one seed, a comparison is of checkpoints. Run more seeds to compare methods:",
                ("python -m ftbench -m ... seed=0,1,2",),
            )
        )
    rows = [
        [
            f"{escaped(one.first)} <small>against</small> {escaped(one.second)}",
            one.value,
            one.interval,
            tag("told apart", "green") if one.clear else tag("undecided", "amber"),
            f"{one.sampling:.2g}",
            f"{one.seeds:.2g}",
        ]
        for one in found
    ]
    return piece(
        table(
            ("methods", "difference", "interval", "", "standard error from the examples", "from the seeds"),
            rows,
            numbers=(1, 2, 4, 5),
        )
    )


def heat(one: Heat, title: str | None = None) -> str:
    """Returns a heat map; the stronger the color, the better, and every tile says its number."""
    known = [number for row in one.numbers for number in row if number is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    head = "".join(
        '<th class="ft-num"'
        f' scope="col">{escaped(cut(one_line(value), 40))}{f"<br><small>n {count}</small>" if count else ""}</th>'
        for value, count in zip(one.values, one.counts, strict=True)
    )
    body = ""
    for label, row in zip(one.cells, one.numbers, strict=True):
        tiles = "".join(_tile(number, low, high, one) for number in row)
        body += f'<tr><td class="ft-label">{escaped(label)}</td>{tiles}</tr>'
    head_line = (
        f"<h3>{escaped(title or f'{one.metric} by {one.column}')} <small>the stronger the colour, the"
        " better</small></h3>"
    )
    return piece(
        f'{head_line}<div class="ft-scroll" tabindex="0"><table'
        f' class="ft-heat"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _tile(number: float | None, low: float, high: float, one: Heat) -> str:
    if number is None:
        return f'<td class="ft-num">{numbers.UNKNOWN}</td>'
    share = 0.5 if high <= low else (number - low) / (high - low)
    level = min(LEVELS - 1, int((share if one.higher else 1 - share) * LEVELS))
    return f'<td class="ft-num ft-h{level}">{number:.{one.places}f}</td>'


def correlations(names: Sequence[str], matrix: Sequence[Sequence[float | None]], cells: int) -> str:
    """Returns how far metrics rank the same examples alike."""
    if len(names) < 2:
        return piece(note("Fewer than two metrics have a score per example, so there is nothing to correlate."))
    heat_map = Heat(
        "", "", tuple(names), (None,) * len(names), tuple(names), tuple(tuple(row) for row in matrix), 2, True
    )
    words = (
        f"Spearman's correlation of per-example scores, mean over {cells} cells; metrics for which less is better are"
        " turned."
    )
    return piece(f'<p class="ft-soft">{words}</p>') + heat(heat_map, "metric against metric").replace(
        "the stronger the colour, the better", "the stronger the colour, the more alike"
    )


def data(found: Sequence[Data]) -> str:
    """Returns splits, lengths, notes and checks of every data set."""
    parts = []
    for one in found:
        parts.append(f"<h3>{escaped(one.dataset)}</h3>")
        parts.append(facts((name.replace("_", " "), numbers.count(count)) for name, count in one.counts.items()))
        parts.append(notes(one.notes))
        if one.lengths:
            rows = [
                [escaped(split), escaped(name), *(f"{count:,}" for count in counts)]
                for split, name, *counts in one.lengths
            ]
            parts.append(
                table(("split", "words of the", "rows", "median", "95th", "longest"), rows, numbers=(2, 3, 4, 5))
            )
        parts.append(checks(one.checks))
    return (
        piece(*parts) if parts else piece(empty("No data set is prepared yet.", "This page fills as the sweep runs."))
    )


def checks(found: Any) -> str:
    """Returns duplicates, leaks and other findings as ``results.json`` holds them; an empty state without."""
    if not found:
        return note("No check for duplicates or leaks is stored with this sweep.")
    parts = ["<h3>Data checks</h3>"]
    counts = found.get("counts") or {}
    if counts:
        parts.append(facts((str(name).replace("_", " "), _words(count)) for name, count in counts.items()))
    findings = found.get("findings") or []
    kinds = {"leak": "red", "warning": "amber", "likely": "amber"}
    if findings:
        rows = [
            [
                tag(str(one.get("level", "")), kinds.get(str(one.get("level")), "grey")),
                *(escaped(cut(_words(one.get(name)), 400)) for name in ("where", "why", "fix")),
            ]
            for one in findings[:MOST_ROWS]
        ]
        parts.append(table(("level", "where", "what", "what to do"), rows, label=None))
    else:
        parts.append(note("Checked for duplicates and leaks: nothing was found."))
    parts += [note(words, "amber") for counted in found.get("tokens") or () for words in counted.get("cut") or ()]
    dropped = found.get("dropped")
    parts += (
        [note(f"{len(dropped)} rows were left out of training because of leaks (data.on_leak={found.get('on_leak')}).")]
        if dropped
        else []
    )
    more = {name: found[name] for name in ("rows", "lengths", "labels") if found.get(name)}
    parts.append(
        f"<details><summary>rows, lengths and labels as checked</summary>{plain(more)}</details>" if more else ""
    )
    return "".join(parts)


def plain(value: Any, depth: int = 0) -> str:
    """Returns plain JSON as nested lists of names and values; lists of alike objects as a table."""
    if isinstance(value, Mapping):
        simple = [
            (str(key).replace("_", " "), _words(item))
            for key, item in value.items()
            if not isinstance(item, (dict, list))
        ]
        nested = "".join(
            f"<h4>{escaped(str(key).replace('_', ' '))}</h4>{plain(item, depth + 1)}"
            for key, item in value.items()
            if isinstance(item, (dict, list)) and item and depth < 5
        )
        return (facts(simple) if simple else "") + nested
    if isinstance(value, list):
        if value and all(isinstance(item, Mapping) for item in value):
            names = list(dict.fromkeys(key for item in value for key in item))
            rows = [[escaped(cut(_words(item.get(name)), 300)) for name in names] for item in value[:MOST_ROWS]]
            return table([escaped(str(name).replace("_", " ")) for name in names], rows)
        return notes(cut(_words(item), 600) for item in value[:MOST_ROWS])
    return note(_words(value))


def _words(value: Any) -> str:
    if value is None:
        return numbers.UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
