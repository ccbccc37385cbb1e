"""Conclusions in words: what ``review stats`` and ``review import`` print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftbench.stats.intervals import FEW
from ftbench.stats.paired import BETTER, EQUIVALENT, NOT_BETTER, NOT_WORSE
from ftbench.stats.preference import winner_first
from ftbench.text.numbers import figure, p_value
from ftbench.text.terminal import printable

MOST_PROBLEMS = 20
GAP = "  "


def render(found: Mapping[str, Any]) -> str:
    """Returns the conclusions as plain text."""
    lines = [_headline(found["counts"]), ""]
    lines += _ranking(found)
    lines += ["", *sentences(found), ""]
    lines += _table("pairs", *_pairs(found))
    lines += _dimensions(found)
    lines += _ratings(found)
    lines += ["", *_raters(found)]
    lines += _metrics(found)
    lines += [f"- {note}" for note in found["notes"]]
    lines += problem_lines(found["problems"])
    return "\n".join(line.rstrip() for line in lines).replace("\n\n\n", "\n\n").strip("\n")


def problem_lines(problems: Sequence[str]) -> list[str]:
    """Returns what could not be used, the first few in full."""
    if not problems:
        return []
    more = [f"- and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
    return [
        "",
        f"not used: {len(problems)}",
        *(f"- {printable(problem)}" for problem in problems[:MOST_PROBLEMS]),
        *more,
    ]


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Returns what can be said of each tested pair, and of the strengths."""
    labels, confidence = found["systems"], found["settings"]["confidence"]
    said = []
    for pair in map(winner_first, found["pairs"]):
        if pair["sign_test"] is None:
            continue
        first, second = printable(labels[pair["first"]]), printable(labels[pair["second"]])
        test = pair["sign_test"]
        rate = (
            f"win rate {interval(pair['win_rate'])}, sign test {test['positive']} to {test['negative']},"
            f" {_p(test['p_adjusted'])}"
        )
        over = f" over {pair['family']} comparisons" if pair["family"] > 1 else ""
        margin = f" by the margin of {pair['margin']:g}" if pair["margin"] is not None else ""
        words = {
            BETTER: f"People prefer {first} to {second}",
            EQUIVALENT: f"{first} is as good as {second} to people, within the margin of {pair['margin'] or 0:g}",
            NOT_WORSE: f"{first} is not worse than {second} to people{margin}",
            NOT_BETTER: f"{first} is not better than {second} to people{margin}",
        }.get(pair["verdict"], f"Undecided: {first} against {second}; that is no proof that they are equal")
        said.append(f"{words}: {rate}{over}.")
        if pair["clusters"] < FEW:
            said.append(
                f"Only {pair['clusters']} independent examples: intervals and tests over fewer than {FEW} are rough."
            )
    strengths = found["bradley_terry"]
    if strengths is not None and not strengths["finite"]:
        why = printable(_named(strengths["why"], labels))
        shown = "Those shown are regularised (half a win and half a loss added per pair), without intervals"
        said.append(f"No finite Bradley-Terry strengths: {why}. {shown}.")
    elif strengths is not None:
        said.append(
            f"Bradley-Terry with ties (Davidson), {printable(labels[strengths['reference']])} at 0, {confidence:.0%}"
            " intervals each for itself."
        )
    return said


def trust(found: Mapping[str, Any]) -> list[str]:
    """Returns one line per automatic metric: how often it orders two answers as people do."""
    return [
        f"{one['metric']} orders {interval(one['accuracy'])} of the {one['decided']} comparisons that people decided as"
        " they did"
        for one in found["metrics"]
        if one["accuracy"]["value"] is not None
    ]


def interval(value: Mapping[str, Any], places: int = 2) -> str:
    """Returns ``0.61 [0.52, 0.70]``; without an interval the value alone, without a value ``n/a``."""
    return figure(value["value"], value.get("low"), value.get("high"), places)


def _headline(counts: Mapping[str, int]) -> str:
    judged = counts["comparisons"] - counts["identical"]
    who = f"{counts['raters']} rater{'s' * (counts['raters'] != 1)}"
    parts = [f"{counts['verdicts']} verdicts of {who} on {judged} comparisons, {counts['examples']} examples"]
    if counts["clusters"] < counts["examples"]:
        parts.append(f"in {counts['clusters']} groups")
    if counts["identical"]:
        parts.append(f"{counts['identical']} identical answers count as ties")
    if counts["repeats"]:
        parts.append(f"{counts['repeats']} repeats, which are no further verdicts")
    return "human review: " + "; ".join(parts)


def _ranking(found: Mapping[str, Any]) -> list[str]:
    strengths = {one["system"]: one for one in (found["bradley_terry"] or {"strengths": []})["strengths"]}
    rows = []
    for one in found["ranking"]:
        best, worst = one["rank"]
        strength = strengths.get(one["system"])
        shown = (
            ""
            if strength is None
            else interval({"value": strength["ability"], "low": strength["low"], "high": strength["high"]})
        )
        rows.append(
            [
                str(best) if best == worst else f"{best}-{worst}",
                printable(found["systems"][one["system"]]),
                interval(one["win_rate"]),
                shown,
                str(one["n"]),
            ]
        )
    star = "" if found["bradley_terry"] is None or found["bradley_terry"]["finite"] else " (regularised)"
    return (
        _grid(["rank", "system", f"win rate [{found['settings']['confidence']:.0%}]", f"strength{star}", "n"], rows)
        if rows
        else []
    )


def _pairs(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    labels = found["systems"]
    rows = [
        [
            f"{printable(labels[one['first']])} against {printable(labels[one['second']])}",
            *(interval(one[name]) for name in ("win", "tie", "both_bad", "loss")),
            str(one["n"]),
        ]
        for one in found["pairs"]
    ]
    return ["", "win", "tie", "both bad", "loss", "n"], rows


def _dimensions(found: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, ranking in found["dimensions"].items():
        rows = [
            [printable(found["systems"][one["system"]]), interval(one["win_rate"]), str(one["n"])] for one in ranking
        ]
        lines += _table(name, [f"{printable(name)} (described, not tested)", "win rate", "n"], rows)
    return lines


def _ratings(found: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, entry in (found["ratings"] or {}).items():
        rows = [[printable(found["systems"][one["system"]]), interval(one), str(one["n"])] for one in entry["means"]]
        alpha = entry["agreement"]["krippendorff"]["ordinal"]
        lines += _table(name, [f"mean rating: {printable(name)}", "mean", "n"], rows)
        if alpha["value"] is not None:
            lines.append(
                f"agreement on it: Krippendorff's alpha, ordinal {interval(alpha)} over {alpha['units']} answers"
            )
    return lines


def _raters(found: Mapping[str, Any]) -> Iterator[str]:
    held = found["agreement"]
    if held is not None:
        alpha = held["krippendorff"]["nominal"]
        if alpha["value"] is not None:
            ordinal = held["krippendorff"]["ordinal"]
            both = f"{interval(alpha)} nominal, {interval(ordinal)} ordinal"
            yield (
                f"agreement of raters: Krippendorff's alpha {both}, over {alpha['units']} comparisons judged by several"
            )
        elif not alpha["units"]:
            yield "agreement of raters: unknown, no comparison was judged by two of them"
        if held["fleiss"]["value"] is not None and held["fleiss"]["raters"] > 2:
            yield (
                f"Fleiss' kappa {held['fleiss']['value']:.2f} over {held['fleiss']['units']} comparisons judged by all"
                f" {held['fleiss']['raters']}"
            )
        for one in held["cohen"]:
            if one["value"] is not None:
                yield (
                    f"Cohen's kappa {one['value']:.2f}: {printable(one['first'])} and {printable(one['second'])},"
                    f" {one['units']} comparisons"
                )
        for one in held["raters"]:
            if one["agreement"]["n"]:
                yield (
                    f"{printable(one['rater'])}: {one['verdicts']} verdicts, with most of the others in"
                    f" {interval(one['agreement'])} of {one['agreement']['n']}"
                )
    again = found["repeats"]
    if again is not None:
        yield f"the same said of a pair shown again: {interval(again)} of {again['n']} repeats"
    side = found["side"]
    if side is not None:
        word = "a habit of the raters" if side["p"] <= 1 - found["settings"]["confidence"] else "no habit shown"
        yield f"left answer preferred: {interval(side)} of {side['n']}, {_p(side['p'])}: {word}"
    for judge in found["judges"]:
        kappa = "n/a" if judge["kappa"] is None else f"{judge['kappa']:.2f}"
        right = f"decides like people in {interval(judge['accuracy'])} of {judge['accuracy']['n']}, kappa {kappa}"
        yield (
            f"LLM judge ({printable(judge['judge'])}): {right}; prefers what stands first in"
            f" {interval(judge['position'])}"
        )


def _metrics(found: Mapping[str, Any]) -> list[str]:
    rows = [
        [one["metric"], *(interval(one[name]) for name in ("accuracy", "kendall", "spearman")), str(one["decided"])]
        for one in found["metrics"]
    ]
    return _table("metrics", ["metric against people", "orders like people", "Kendall", "Spearman", "decided"], rows)


def _table(name: str, head: list[str], rows: list[list[str]]) -> list[str]:
    return ["", *_grid(head, rows)] if rows else []


def _grid(head: list[str], rows: list[list[str]]) -> list[str]:
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    left = 1 if head[0] == "rank" else 0
    return [
        GAP.join(
            text.ljust(size) if place == left else text.rjust(size)
            for place, (text, size) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]


def _named(why: str | None, labels: Mapping[str, str]) -> str:
    """Returns a sentence with labels in place of ids."""
    text = why or ""
    for system, label in labels.items():
        text = text.replace(system, label) if system != label else text
    return text


def _p(value: float) -> str:
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
