"""The columns of every table of cells, from which terminal, Markdown, CSV and page take theirs. Unknown is empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ftbench.analysis import figures
from ftbench.analysis.column import CSV, MARKDOWN, PAGE, TABLES, TERMINAL, Column, Shown
from ftbench.core.cell import AXES, TRIAL_AXES, axis_of


def _axis(axis: str, meaning: str = "") -> Column:
    return Column(axis, meaning or f"option of the {axis} axis")


COLUMNS = (
    Column("cell_id", "ten hexadecimal digits over everything that decides this cell's result"),
    Column(
        "label",
        "short name that tells the cell from its neighbours",
        title="cell",
        text=lambda cell: cell.label,
        tables=TABLES,
        place=10,
    ),
    _axis("model"),
    _axis("method", "option of the method axis: what happened to the weights"),
    _axis("context", "option of the context axis: what went into the prompt"),
    _axis("artifact", "option of the artifact axis: the form in which trained weights are served"),
    _axis("prompt", "option of the prompt axis: the instruction beside the question"),
    _axis("dataset"),
    _axis("decoding"),
    Column("seed", "seed of training, shots and sampling"),
    _axis("hardware", "option of the hardware axis that the cell is priced for"),
    Column("status", "done, failed, blocked, refused or skipped"),
    Column("reason", "why the cell is not done"),
    Column("n", "examples scored on the test split; failed answers stay in"),
    Column(
        "train_seconds",
        (
            "wall seconds of the stages that made the weights, loading included, as if this cell ran alone; 0 where"
            " nothing is trained"
        ),
    ),
    Column(
        "generate_seconds",
        (
            "wall seconds to answer the test split, making the prompts, loading and warm-up included, as if this cell"
            " ran alone"
        ),
    ),
    Column("latency_p50_ms", "median milliseconds of single requests, sent one at a time"),
    Column(
        "latency_p95_ms",
        "95th percentile of the same",
        title="p95",
        unit="milliseconds",
        tables=(MARKDOWN, CSV, PAGE),
        place=50,
        own_words=True,
    ),
    Column("prompt_tokens", "non-pad prompt tokens of the whole test split"),
    Column("completion_tokens", "generated tokens of the whole test split, stop tokens included"),
    Column("tokens_per_second", "completion tokens over the seconds spent generating; loading and warm-up left out"),
    Column("peak_memory_bytes", "highest peak of the train and generate stages"),
    Column(
        "train_usd",
        "train_seconds at the price, whole GPUs; a stage that several cells share is billed to each as if alone",
        title="{spent}",
        text=lambda cell: cell.spent,
        tables=TABLES,
        place=40,
        own_words=True,
    ),
    Column(
        "usd_per_1k_requests",
        "one load, one warm-up and 1,000 requests at the measured pace, at the price",
        title="{unit}/1k",
        text=lambda cell: cell.cost,
        tables=TABLES,
        place=30,
        own_words=True,
    ),
    Column("price_basis", "which price, from when and whom, measured where; or why there are no dollars"),
    Column(
        "failed_rows",
        "share of the test rows without an answer, or that the primary metric cannot score",
        title="failed rows",
        text=lambda cell: figures.failed(cell.row),
        tables=(TERMINAL, MARKDOWN, CSV),
        place=70,
        optional=True,
        own_words=True,
    ),
    Column(
        "rank",
        "among the cells over the same examples, by the primary metric; a range is a tie; empty without one",
        title="rank",
        text=lambda cell: cell.rank,
        tables=TABLES,
        place=0,
        own_words=True,
    ),
    Column(
        "deployable",
        "False for a ceiling: it is shown what no deployed system knows, and neither ranked nor recommended",
    ),
    Column(
        "frontier",
        "on, off or undecided: whether something cheaper is shown to be as good; empty without a rank",
        title="frontier",
        text=lambda cell: cell.frontier,
        tables=(TERMINAL, MARKDOWN),
        place=80,
        optional=True,
        own_words=True,
    ),
    Column(
        "index_seconds",
        "wall seconds of the stages that the context built beforehand (an index of documents); 0 without any",
        tables=(),
    ),
    Column("index_usd", "index_seconds at the price of the cell", tables=()),
    Column(
        "first_token_p50_ms",
        (
            "median milliseconds from sending a request to the first token of its answer; empty where answers are not"
            " taken as they are written"
        ),
        tables=(),
    ),
    Column("first_token_p95_ms", "95th percentile of the same", tables=()),
    Column("backend", "what generated: transformers, vllm, or an endpoint", tables=()),
)

METRIC_SUFFIXES = {"": "", "_low": ", low end of its interval", "_high": ", high end of its interval"}


def metric_columns(places: Mapping[str, int], bounded: Iterable[str], mark: str = "") -> list[Column]:
    """Returns the columns of metrics in tables for people.

    Args:
        places: metric -> decimals, in their order.
        bounded: metrics that are shown with their interval.
        mark: stands behind the title of the first, such as ``[95%]``.
    """

    def text(metric: str) -> Callable[[Shown], str]:
        return lambda cell: figures.score(cell.row, metric, places[metric], limits=metric in wanted)

    wanted = set(bounded)
    titles = {name: f"{name} {mark}".rstrip() if index == 0 else name for index, name in enumerate(places)}
    return [Column(name, "", title, text=text(name), tables=TABLES, place=20) for name, title in titles.items()]


def of_table(table: str, more: Sequence[Column] = ()) -> list[Column]:
    """Returns the columns that a table for people shows, in their order.

    Args:
        table: one of ``TABLES``.
        more: columns of metrics and of a user's own.
    """
    return sorted((one for one in (*COLUMNS, *more) if table in one.tables), key=lambda one: one.place)


def filled(columns: Sequence[Column], cells: Sequence[Shown]) -> list[Column]:
    """Returns the columns without the optional ones that say nothing of any cell."""
    return [one for one in columns if not one.optional or any(map(one.shown, cells))]


def columns(metrics: Sequence[str], sub_axes: Sequence[str] = (), own: Sequence[Column] = ()) -> list[str]:
    """Returns the column names of ``results.csv`` for these metrics, sub-axes and columns of a user's own."""
    elsewhere = {one.name for one in (*COLUMNS, *own) if CSV not in one.tables}
    return [name for name in meanings(metrics, sub_axes, own) if name not in elsewhere]


def meanings(metrics: Sequence[str], sub_axes: Sequence[str] = (), own: Sequence[Column] = ()) -> dict[str, str]:
    """Returns column -> meaning, in the order of the columns; last what ``results.json`` holds beside them."""
    found: dict[str, str] = {}
    for column in (*COLUMNS, *own):
        found[column.name] = column.meaning
        if column.name == "hardware":
            found |= {one: f"option of {one}; empty where the cell's {axis_of(one)} has none" for one in sub_axes}
        if column.name == "n":
            found |= {
                metric + suffix: f"{metric} on the test split{end}"
                for metric in metrics
                for suffix, end in METRIC_SUFFIXES.items()
            }
    return found


APPROACH_BEFORE = {
    "approach_id": "ten hexadecimal digits over what the approach's cells share",
    "label": "short name that tells the approach from its neighbours",
    **{axis: f"option of the {axis} axis" for axis in AXES if axis not in TRIAL_AXES},
    "rank": (
        "among the approaches over the same examples; a range is a tie, over seeds where there are several, "
        "and leaves room for approaches with nothing chosen"
    ),
    "trials": "configurations tried: swept or searched values",
    "seeds": "seeds of the chosen configuration that stand in the means",
    "configuration": "the chosen configuration's values, as JSON, where trials differ",
    "validation": "primary metric of the chosen configuration on the validation split, by which it was chosen",
    "n": "examples of the test split",
}
APPROACH_SUFFIXES = {
    "": "mean over the seeds on the test split",
    "_low": "low end of the sampling interval of that mean, seeds held fixed",
    "_high": "high end of it",
    "_seed_sd": "standard deviation between seeds; empty for one",
    "_seed_lowest": "lowest seed",
    "_seed_highest": "highest seed",
}
APPROACH_AFTER = {
    "train_seconds": (
        "wall seconds of training, all trials and seeds, each training once, as if alone; 0 where nothing is trained"
    ),
    "train_usd": "the same at the price of the hardware",
    "seconds_per_1k_requests": "mean over the cells of the chosen configuration",
    "usd_per_1k_requests": "the same at the price",
    "cells": "ids of the chosen configuration's cells, one per seed, in results.csv",
    "reason": "why no configuration could be chosen",
    "deployable": "False for a ceiling, see results.csv; it has no rank",
}


def approach_columns(metrics: Sequence[str], sub_axes: Sequence[str] = ()) -> list[str]:
    """Returns the column names of ``approaches.csv`` for these metrics and sub-axes."""
    before = [name for one in APPROACH_BEFORE for name in (one, *(sub_axes if one == "hardware" else ()))]
    return [*before, *(metric + suffix for metric in metrics for suffix in APPROACH_SUFFIXES), *APPROACH_AFTER]
