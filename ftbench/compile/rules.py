"""What makes a cell impossible although each of its values has the right type. Every rule is asked; all answers are
shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ftbench.compile.composed import Composed
from ftbench.compile.lower import Parts
from ftbench.compile.select import dotted
from ftbench.compile.settings import Decision, Settings
from ftbench.core.cell import AXES, axis_of
from ftbench.core.component import Component, text_identity
from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import Splits

TRANSFORMERS = "transformers"
_UNSTABLE = re.compile(r"\$\{\s*(now|hydra|oc\.env|env)\s*:")


def unstable_values(raw: dict[str, Any]) -> list[Problem]:
    """Refuses resolvers whose value changes from run to run inside anything that a key is taken over.

    Args:
        raw: root key -> unresolved value.
    """
    found: list[Problem] = []

    def walk(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{place}.{key}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, f"{place}[{index}]")
        elif isinstance(value, str) and (match := _UNSTABLE.search(value)):
            why = (
                f"{value!r} reads ${{{match.group(1)}:}}, which differs from run to run, so no result could be found"
                " again"
            )
            found.append(Problem(place, why, "Write the value itself"))

    for key in (*AXES, "seed", "metrics", "statistics", "harness"):
        walk(raw.get(key), key)
    return found


def not_finite(config: Any, place: str = "") -> list[Problem]:
    """Refuses infinity and not-a-number wherever they stand: no key can be taken over them, and no rule compares with
    them.
    """
    if isinstance(config, dict):
        return [
            problem
            for key, value in config.items()
            for problem in not_finite(value, f"{place}.{key}" if place else str(key))
        ]
    if isinstance(config, (list, tuple)):
        return [problem for index, value in enumerate(config) for problem in not_finite(value, f"{place}[{index}]")]
    return (
        [Problem(place, f"{config} is no number to reckon with", "Give a finite one")]
        if isinstance(config, float) and not math.isfinite(config)
        else []
    )


def idle_keys(
    cell: Composed, cells: Sequence[Composed], everywhere: frozenset[str], bringing: Callable[[str], list[str]]
) -> list[Problem]:
    """Refuses a typed key or sub-axis that no cell of the matrix has: a misspelling, not a value for another option.

    Args:
        cell: that is refused.
        cells: of the matrix.
        everywhere: what is idle in all of them.
        bringing: sub-axis -> options of its axis that have it.
    """
    problems = []
    for key in sorted(cell.idle & everywhere):
        axis = axis_of(key)
        if "/" in key:
            options = bringing(key)
            fix = (
                f"Add {axis}={options[0]}" + (f" (or {', '.join(options[1:])})" if options[1:] else "")
                if options
                else "No option has it"
            )
            problems.append(Problem(key, f"no {axis} of this matrix has one", f"{fix}, or leave it out"))
            continue
        groups = {group for other in cells for group in other.choices if "/" in group}
        in_full = any(key.startswith(f"{group.replace('/', '.')}.") for group in groups)
        names = {name for other in cells for name in dotted(other.config[axis], axis)}
        known = names if in_full else {_short(name, groups) for name in names}
        problems.append(Problem(key, f"no {axis} of this matrix has such a key", did_you_mean(key, known)))
    return problems


def _short(key: str, choices: Collection[str]) -> str:
    """Returns a dotted key as people type it: without the sub-axes (of ``choices``) that it leads through."""
    for group in sorted((group for group in choices if "/" in group), key=len, reverse=True):
        place, axis = group.replace("/", ".") + ".", axis_of(group) + "."
        if key.startswith(place):
            return axis + key.removeprefix(place)
    return key


def matrix_wide(settings: Settings, first: Settings) -> list[Problem]:
    """Refuses a sweep over what belongs to the comparison as a whole: cells scored differently cannot be ranked."""
    return [
        Problem(
            name,
            "differs between cells of one matrix, which are scored and ranked together",
            "Give it one value, or run two sweeps",
        )
        for name in vars(settings)
        if name != "seed" and vars(settings)[name] != vars(first)[name]
    ]


def data_rules(parts: Parts, settings: Settings, splits: Splits) -> list[Problem]:
    """Refuses a cell that has nothing to be evaluated on, and asks method and context whether the rows suffice them."""
    problems = []
    if not splits.test:
        why = "holds no rows, so nothing could be scored"
        problems.append(Problem("dataset.test", why, "Give a test file, or more rows to split off from"))
    if settings.validation and not splits.validation:
        why = "holds no rows to tune on"
        problems.append(Problem("dataset.validation", why, "Give a validation file, or set validation=false"))
    for component in (parts.method, parts.context):
        problems.extend(component.check_data(splits))
    return problems


def quantized_rules(parts: Parts) -> list[Problem]:
    """Refuses to train 4-bit weights themselves: only an adapter over them can learn, which is what can be merged."""
    kind = parts.model.loaded_as().quantization
    if (
        kind is None
        or not parts.method.saves_model
        or parts.method.lower(lambda *stage, **more: "a stage", parts) is None
    ):
        return []
    why = f"{kind} weights cannot be trained, and this method trains all of them"
    return [Problem("model.quantization", why, "Set model.quantization=null, or method=qlora")]


def weightless_rules(parts: Parts) -> list[Problem]:
    """Refuses to train a model whose weights are not here: recorded answers, an endpoint."""
    if parts.model.has_weights or parts.method.lower(lambda *stage, **more: "a stage", parts) is None:
        return []
    fix = (
        "Take method=none for it, exclude the pair (matrix.exclude), or tune open weights: model=hf"
        " model.name_or_path=NAME"
    )
    return [Problem("method", "this model has no weights here to train", fix)]


def advisory_rules(settings: Settings, metrics: dict[str, Component], config: dict[str, Any]) -> list[Problem]:
    """Refuses to rank by a metric that only advises, such as a model's judgment, unless the person names it as
    primary.
    """
    metric = metrics.get(settings.primary_metric or "")
    if config.get("primary_metric") is not None or metric is None or not metric.advisory:
        return []
    why = f"{settings.primary_metric} stands first, and a judge that was not compared with people should not rank"
    fix = f"Name another metric first, or set primary_metric={settings.primary_metric} if you mean it"
    return [Problem("metrics", why, fix)]


def harness_rules(parts: Parts, harness: Any) -> list[Problem]:
    """Refuses lm-eval tasks through a chat template that the model does not have; which of the two it is, is never
    decided silently.
    """
    if (
        harness is None
        or not harness.apply_chat_template
        or not parts.model.has_weights
        or parts.model.has_chat_template() is not False
    ):
        return []
    fix = "Set harness.apply_chat_template=false, or give model.chat_template=FILE"
    return [Problem("harness.apply_chat_template", "this model has no chat template to apply", fix)]


def decision_names(decision: Decision, options: Callable[[str], list[str]]) -> list[Problem]:
    """Returns names of options that no axis has: a cost that is given to none of them would silently count as
    nothing.
    """
    problems = []
    if decision.baseline is not None and decision.baseline not in options("method"):
        why = f"{decision.baseline!r} is no option of the method axis"
        problems.append(Problem("decision.baseline", why, did_you_mean(decision.baseline, options("method"))))
    known = {name for axis in AXES for name in options(axis)} if decision.labor_usd else set()
    problems += [
        Problem(f"decision.labor_usd.{name}", "is no option of any axis", did_you_mean(name, known))
        for name in decision.labor_usd
        if name not in known
    ]
    return problems


def train_context_rules(parts: Parts) -> list[Problem]:
    """Refuses to train on retrieved passages where the context retrieves none, or shows worked examples before them."""
    share = parts.method.train_context
    return [] if share is None else parts.context.check_training(share)


def backend_rules(parts: Parts) -> list[Problem]:
    """Refuses what a serving engine cannot load: an adapter apart from its base, weights quantized while loading."""
    backend = parts.decoding.backend
    if backend == TRANSFORMERS or not parts.model.has_weights:
        return []
    fix = f"Set decoding.backend={TRANSFORMERS}"
    if parts.model.loaded_as().quantization is not None:
        return [Problem("decoding.backend", f"{backend} does not quantize while loading", fix)]
    trained = parts.method.lower(lambda *stage, **more: "a stage", parts)
    if trained is not None and parts.artifact.lower(lambda *stage, **more: "a stage", parts, trained) is None:
        why = f"{backend} answers with whole folders"
        return [Problem("decoding.backend", why, f"Set artifact=merged, or decoding.backend={TRANSFORMERS}")]
    return []


def run_rules(parts: Parts, verb: str) -> list[Problem]:
    """Refuses what can be planned but not run, such as a hub model whose commit nobody could look up."""
    if verb == "plan":
        return []
    problems = [
        problem for component in (parts.context, parts.model, parts.decoding) for problem in component.missing()
    ]
    if parts.model.is_pinned():
        return problems
    return problems + [
        Problem(
            "model.revision",
            "the hub is out of reach and the model is not in the cache, so its commit is unknown and no result could be"
            " found again",
            "Set model.revision=<40-digit commit>, or go online once",
        )
    ]


def priced_effort(config: dict[str, Any], settings: Settings) -> list[Problem]:
    """Refuses to spend dollars where none are known: an unknown price is no price of zero (mistake 31)."""
    hardware = config["hardware"]
    if settings.effort.usd is None or hardware.get("usd_per_hour") is not None:
        return []
    why = f"hardware={hardware.get('name')} has no price, so dollars cannot be counted"
    return [Problem("effort.usd", why, "Set hardware.usd_per_hour=..., or grant effort.trials=8")]


def tokenizer_rules(cells: Sequence[Parts], metrics: dict[str, Component], primary: str) -> list[Problem]:
    """Refuses a ranking by a number that depends on the tokenizer across several of them (mistake 20)."""
    metric = metrics.get(primary)
    if (
        metric is None
        or metric.comparable_across_tokenizers
        or len({str(text_identity(parts.model.identity())) for parts in cells}) < 2
    ):
        return []
    why = f"{primary} counts tokens, and several models with their own tokenizers are compared"
    return [Problem("primary_metric", why, "Use bits_per_byte, which counts bytes, or a metric of the generated text")]


def method_rules(cells: Sequence[Parts], metrics: dict[str, Component], primary: str) -> list[Problem]:
    """Refuses a ranking of methods by how likely they find the reference: training on references buys that, whether
    answers get better or not.
    """
    metric = metrics.get(primary)
    if metric is None or metric.comparable_across_tokenizers or len({parts.method.kinds for parts in cells}) < 2:
        return []
    why = (
        f"{primary} scores the reference's own tokens, which whatever trains on references wins, and several methods"
        " are compared"
    )
    return [Problem("primary_metric", why, f"Rank by a metric of the generated text, and keep {primary} beside it")]
