"""The columns of ``results.csv``, in their order, and what each one means. Unknown is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ftbench.core.cell import AXES, TRIAL_AXES, axis_of

BEFORE = {
    "cell_id": "ten hexadecimal digits over everything that decides this cell's result",
    "label": "short name that tells the cell from its neighbours",
    "model": "option of the model axis",
    "method": "option of the method axis: what happened to the weights",
    "context": "option of the context axis: what went into the prompt",
    "dataset": "option of the dataset axis",
    "decoding": "option of the decoding axis",
    "seed": "seed of training, shots and sampling",
    "hardware": "option of the hardware axis that the cell is priced for",
    "status": "done, failed, blocked, refused or skipped",
    "reason": "why the cell is not done",
    "n": "examples scored on the test split; failed answers stay in",
}
AFTER = {
    "train_seconds": (
        "wall seconds of the stages that made the weights, loading included, as if this cell ran alone; 0 where nothing"
        " is trained"
    ),
    "generate_seconds": (
        "wall seconds to answer the test split, making the prompts, loading and warm-up included, as if this cell ran"
        " alone"
    ),
    "latency_p50_ms": "median milliseconds of single requests, sent one at a time",
    "latency_p95_ms": "95th percentile of the same",
    "prompt_tokens": "non-pad prompt tokens of the whole test split",
    "completion_tokens": "generated tokens of the whole test split, stop tokens included",
    "tokens_per_second": "completion tokens over the seconds spent generating; loading and warm-up left out",
    "peak_memory_bytes": "highest peak of the train and generate stages",
    "train_usd": (
        "train_seconds at the price, whole GPUs; a stage that several cells share is billed to each as if alone"
    ),
    "usd_per_1k_requests": "one load, one warm-up and 1,000 requests at the measured pace, at the price",
    "price_basis": "which price, from when and whom, measured where; or why there are no dollars",
    "failed_rows": "share of the test rows without an answer, or that the primary metric cannot score",
    "rank": "among the cells over the same examples, by the primary metric; a range is a tie; empty without one",
    "deployable": "False for a ceiling: it is shown what no deployed system knows, and neither ranked nor recommended",
}
BESIDE = {
    "index_seconds": (
        "wall seconds of the stages that the context built beforehand (an index of documents); 0 without any"
    ),
    "index_usd": "index_seconds at the price of the cell",
    "prompt": "option of the prompt axis: the instruction beside the question",
    "first_token_p50_ms": (
        "median milliseconds from sending a request to the first token of its answer; empty where answers are not taken"
        " as they are written"
    ),
    "first_token_p95_ms": "95th percentile of the same",
    "backend": "what generated: transformers, vllm, or an endpoint",
}
"""In ``results.json`` only: the columns of ``results.csv`` are a promise to whoever reads it."""

METRIC_SUFFIXES = ("", "_low", "_high")

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


def columns(metrics: Sequence[str], sub_axes: Sequence[str] = ()) -> list[str]:
    """Returns the column names of ``results.csv`` for these metrics and sub-axes."""
    return [*_with(BEFORE, sub_axes), *(metric + suffix for metric in metrics for suffix in METRIC_SUFFIXES), *AFTER]


def meanings(metrics: Sequence[str], sub_axes: Sequence[str] = ()) -> dict[str, str]:
    """Returns column -> meaning, in the order of the columns; last what ``results.json`` holds beside them."""
    scores = {
        metric + suffix: f"{metric} on the test split" + (f", {suffix[1:]} end of its interval" if suffix else "")
        for metric in metrics
        for suffix in METRIC_SUFFIXES
    }
    return {**_with(BEFORE, sub_axes), **scores, **AFTER, **BESIDE}


def approach_columns(metrics: Sequence[str], sub_axes: Sequence[str] = ()) -> list[str]:
    """Returns the column names of ``approaches.csv`` for these metrics and sub-axes."""
    return [
        *_with(APPROACH_BEFORE, sub_axes),
        *(metric + suffix for metric in metrics for suffix in APPROACH_SUFFIXES),
        *APPROACH_AFTER,
    ]


def _with(columns: Mapping[str, str], sub_axes: Sequence[str]) -> dict[str, str]:
    """Returns columns with one for each sub-axis behind those of the axes."""
    found: dict[str, str] = {}
    for name, meaning in columns.items():
        found[name] = meaning
        if name == "hardware":
            found |= {
                group: f"option of {group}; empty where the cell's {axis_of(group)} has none" for group in sub_axes
            }
    return found
