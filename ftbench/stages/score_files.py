"""``python -m ftbench score``: scores a file of answers against a file of references; needs no sweep, no model and no GPU.

    python -m ftbench score --predictions out.txt --references ref.txt --metrics bleu,chrf,ter,rougeLsum
    python -m ftbench score --predictions out.jsonl --references ref.jsonl --metrics exact_match

Plain text holds one answer a line. JSONL holds ``id`` and ``output`` a line, references ``id`` and ``references`` (and
perhaps ``group``); an id without an answer is a failed row and stays in n. Prints JSON:
``{metric: {value, low, high, n, signature}}``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ftbench.core import termination
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError, Refused, did_you_mean
from ftbench.metrics.evaluation import corpus_value
from ftbench.metrics.function import FunctionMetric
from ftbench.models.recorded import Recorded
from ftbench.places import CONF
from ftbench.stages.score import labels_of, score_table, why_not
from ftbench.stats.failures import raised_line, statistics_of
from ftbench.stats.intervals import few
from ftbench.stats.resample import clusters

ASKED = {"judge": "judge.model=... judge.settings=...", "model": "bertscore.model=..."}
"""Fields of a metric that hold a model, and how a matrix names it."""
JSONL = (".jsonl", ".ndjson")
Rows = list[dict[str, Any]]


def main(argv: Sequence[str]) -> int:
    """Runs the verb; returns 0.

    Raises:
        FtbenchError: one line for what cannot be read or scored.
    """
    parser = argparse.ArgumentParser(prog="ftbench score", description="Scores a file of answers against references; prints JSON.")
    parser.add_argument("--predictions", required=True, type=Path, metavar="FILE", help="one answer a line, or JSONL with id and output")
    parser.add_argument("--references", required=True, type=Path, nargs="+", metavar="FILE", help="one reference a line (several files: several references), or JSONL")
    parser.add_argument("--metrics", required=True, help="names, comma between them: " + ",".join(_options()))
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args(list(argv))
    if not 0 < words.confidence < 1 or words.resamples < 100:
        raise FtbenchError(f"--confidence {words.confidence} --resamples {words.resamples}: give a share below 1 and at least 100 resamples")
    if not 0 <= words.seed < 2**32:
        raise FtbenchError(f"--seed {words.seed}: give a whole number from 0 to 4294967295")
    with contextlib.redirect_stdout(sys.stderr):
        metrics = [_metric(name) for name in dict.fromkeys(name.strip() for name in words.metrics.split(",") if name.strip())]
    if not metrics:
        raise FtbenchError(f"--metrics {words.metrics!r}: names no metric. {did_you_mean('', _options())}")
    rows = read_rows(words.predictions, words.references)
    settings = {"confidence": words.confidence, "resamples": words.resamples, "seed": words.seed}
    with termination.handled(), contextlib.redirect_stdout(sys.stderr):  # what a function prints must not stand in the JSON
        found = {metric.name: _scored(metric, rows, settings) for metric in metrics}
    units = clusters([row["id"] for row in rows], [row["group"] for row in rows])
    if (rough := few(len(set(units.tolist())), len(rows))) is not None:
        print(f"ftbench: {rough}", file=sys.stderr)
    failed = sum(row["finish"] == "error" for row in rows)
    if failed:
        print(f"ftbench: {failed} of {len(rows)} references have no answer; they count as failed and stay in n", file=sys.stderr)
    print(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False))
    return 0


def read_rows(predictions: Path, references: Sequence[Path]) -> Rows:
    """Returns rows as in ``outputs.jsonl``, one per reference line.

    Raises:
        FtbenchError: when a file cannot be read, or the two do not belong together.
    """
    if _is_jsonl(predictions):
        if len(references) != 1 or not _is_jsonl(references[0]):
            raise FtbenchError(f"--predictions {predictions} is JSONL, so --references must be one JSONL file with id and references on every line")
        return _by_id(predictions, references[0])
    odd = next((path for path in references if _is_jsonl(path)), None)
    if odd is not None:
        raise FtbenchError(f"--references {odd} is JSONL and --predictions {predictions} is plain text; give both as JSONL or both as text")
    answers, streams = _lines(predictions), [_lines(path) for path in references]
    for path, stream in zip(references, streams, strict=True):
        if len(stream) != len(answers):
            raise FtbenchError(f"--references {path} has {len(stream)} lines and --predictions {predictions} has {len(answers)}; give one line to each answer")
    if not answers:
        raise FtbenchError(f"--predictions {predictions}: holds no answers. Write one answer a line")
    return [_row(f"line {number}", answer, "stop", [stream[number - 1] for stream in streams], None) for number, answer in enumerate(answers, start=1)]


def _by_id(predictions: Path, references: Path) -> Rows:
    try:
        answers = Recorded(str(predictions)).answers()
    except Refused as refused:
        raise FtbenchError("\n".join(str(problem).replace("model.outputs=", "--predictions ") for problem in refused.problems)) from refused
    rows: Rows = []
    seen: set[str] = set()
    for number, line in enumerate(_lines(references), start=1):
        if not line.strip():
            continue
        place, fix = f"--references {references}:{number}", 'Write {"id": "...", "references": ["..."]}'
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FtbenchError(f"{place}: is no JSON ({error}). {fix}") from error
        wanted = row.get("references") if isinstance(row, dict) else None
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(row, dict) or isinstance(row.get("id"), bool) or not isinstance(row.get("id"), (str, int)) or not isinstance(wanted, list) or not wanted:
            raise FtbenchError(f"{place}: has no id or no references. {fix}")
        if not all(isinstance(text, str) for text in wanted):
            raise FtbenchError(f"{place}: has a reference that is no text. {fix}")
        identity = str(row["id"])
        if identity in seen:
            raise FtbenchError(f"{place}: the id {identity!r} stands twice. Give each example its own id")
        seen.add(identity)
        answer = answers.get(identity, {"output": "", "finish": "error"})
        group = row.get("group")
        rows.append(_row(identity, answer["output"], answer["finish"], wanted, None if group is None else str(group)))
    if not seen:
        raise FtbenchError(f"--references {references}: holds no references. Write one JSON object a line, with id and references")
    if not seen & set(answers):
        raise FtbenchError(f"--predictions {predictions}: no id is one of {references}. Both files must name the same examples")
    extra = sorted(set(answers) - seen)
    if extra:
        raise FtbenchError(f"--predictions {predictions}: {len(extra)} ids are not in {references}, the first is {extra[0]!r}. Take them out")
    return rows


def _row(identity: str, output: str, finish: str, references: list[str], group: str | None) -> dict[str, Any]:
    return {"id": identity, "output": output, "finish": finish, "references": references, "group": group, "slices": {}}


def _is_jsonl(path: Path) -> bool:
    return path.suffix.lower() in JSONL


def _lines(path: Path) -> list[str]:
    if path.suffix.lower() == ".gz":
        raise FtbenchError(f"{path}: is compressed. Unpack it first (gunzip --keep {path.name})")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None) or "cannot be read"
        raise FtbenchError(f"{path}: {reason}. Name a text or JSONL file") from error
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def _options() -> list[str]:
    return sorted(path.stem for path in (CONF / "metric").glob("*.yaml"))


def _metric(name: str) -> Any:
    path = CONF / "metric" / f"{name}.yaml"
    if not path.is_file():
        if "." not in name:
            raise FtbenchError(f"--metrics {name}: no such metric. {did_you_mean(name, _options())}; or the dotted path of a function")
        metric: Any = FunctionMetric(name, name)
    else:
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        models = [key for key, value in node.items() if isinstance(value, str) and value.startswith("${") and key in ASKED]
        if models:
            raise FtbenchError(f"--metrics {name}: asks a model that only a matrix can name. Use {ASKED[models[0]]} with model=recorded model.outputs=FILE")
        # a value that only a dataset could give is not there
        metric = build({key: None if isinstance(value, str) and value.startswith("${") else value for key, value in node.items()}, f"metric.{name}")
    problems = metric.check()
    if problems:
        raise Refused(problems)
    if metric.reads != "outputs":
        raise FtbenchError(f"--metrics {name}: reads a model's log-probabilities, which a file of answers does not have. Ask the model in a matrix: metrics=[{name}]")
    return metric


def _scored(metric: Any, rows: Rows, settings: dict[str, Any]) -> dict[str, Any]:
    table, rows, raised = statistics_of(metric, rows)
    if raised is not None:
        line = raised_line(metric.name, raised.as_dict(), raised.rows)
        if raised.broken:
            raise FtbenchError(line)
        print(f"ftbench: {line}", file=sys.stderr)
    entry = score_table(metric, table, [row["id"] for row in rows], [row["group"] for row in rows], settings)
    if entry["value"] is not None:
        value = corpus_value(metric, rows)
        if not math.isclose(value, entry["value"], rel_tol=1e-9, abs_tol=1e-9):
            raise FtbenchError(f"metric {metric.name} is {value!r} by its library and {entry['value']!r} by its statistics; it must depend on the rows alone")
    if entry["low"] is None:
        print(f"ftbench: {metric.name}: {entry['interval'] or f'no value: {why_not(metric, rows)}'}", file=sys.stderr)
    return {**{key: entry[key] for key in ("value", "low", "high", "n")}, "signature": labels_of(metric, rows)["signature"]}
