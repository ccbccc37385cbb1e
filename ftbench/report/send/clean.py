"""What leaves: sweeps without secrets, home folders and names of this machine. Numbers and stages are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from ftbench.report.view.outputs import Answer, Shown
from ftbench.report.view.review import Reading, ReviewPage
from ftbench.report.view.statistics import Data
from ftbench.report.view.sweep import Sweep
from ftbench.text.redaction import redacted


def cleaned(sweep: Sweep) -> Sweep:
    """Returns a sweep whose words may leave; its stages still say how its metrics are built, so they are not for
    showing.
    """
    named = {name: redacted(sweep.plan.get(name, [])) for name in ("cells", "refusals", "trials", "searches")}
    plan = {**sweep.plan, **named}
    return replace(
        sweep,
        name=redacted(sweep.name),
        plan=plan,
        results=redacted(sweep.results),
        moved=sweep.store.path,
        _samples=sweep._samples,
    )


def cleaned_data(found: Sequence[Data]) -> list[Data]:
    return [
        replace(one, notes=redacted(one.notes), counts=redacted(one.counts), checks=redacted(one.checks))
        for one in found
    ]


def cleaned_examples(found: Sequence[Shown]) -> list[Shown]:
    """Returns examples whose texts may leave. What looks like a path stays: in data ``/a/b`` may be an answer."""
    return [_shown(redacted(asdict(one), paths=False)) for one in found]


def cleaned_review(page: ReviewPage) -> ReviewPage:
    readings = tuple(Reading(**redacted(asdict(one), paths=False)) for one in page.readings)
    return replace(page, conclusions=redacted(page.conclusions), readings=readings)


def _shown(one: dict[str, Any]) -> Shown:
    answers = tuple(
        Answer(**{**answer, "documents": tuple(answer["documents"]), "shots": tuple(answer["shots"])})
        for answer in one["answers"]
    )
    return Shown(
        **{
            **one,
            "answers": answers,
            "references": tuple(one["references"]),
            "gold": tuple(one["gold"]),
            "passages": tuple(one["passages"]),
        }
    )
