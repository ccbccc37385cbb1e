"""The judge stage: one judge's verdicts on one cell's answers, asked without names, answered greedily, kept word for
word.

Writes ``judgements.jsonl`` (a value per example, for the score stage) and ``verdicts.jsonl`` (every asking:
``example_id, system_a, system_b, choice, order, request, reply``; systems are keys of generate stages, or
``references``), from which agreement with people is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, Request, Turn, read_examples
from ftbench.core.files import read_jsonl, write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.metrics.judge import REFERENCES, Judged, read_choice
from ftbench.models.decoding import Decoding

BATCH_ROWS = 16
UNPROVEN = (
    "a judge's verdicts are no evidence until they were compared with people's; python -m ftbench review computes the"
    " agreement"
)


@dataclass(frozen=True)
class Asking:
    """One question to the judge.

    Attributes:
        row: place of the example.
        order: 0, or 1 with the two answers swapped.
        text: what is asked.
    """

    row: int
    order: int
    text: str

    @property
    def id(self) -> str:
        """Names the question by its content: nothing in it tells whose answer is judged."""
        return digest(self.text)[:16]


def run(job: Job) -> Outcome:
    """Judges the answers of ``inputs["generate"]``, in pairs with those of ``inputs["against"]`` or with the
    references.

    Raises:
        FtbenchError: when the judge cannot be asked.
    """
    metric = job.component("metric")
    assert isinstance(metric, Judged)
    rows = list(read_jsonl(job.inputs["generate"] / "outputs.jsonl"))
    examples = {
        example.id: example for example in read_examples(job.inputs["prepare"] / f"{job.stage.config['split']}.jsonl")
    }
    rivals, names = _rivals(job, metric, rows)
    askings = [
        asking for place, row in enumerate(rows) for asking in _askings(metric, place, row, examples[row["id"]], rivals)
    ]
    replies, tokens, provenance = _replies(job, askings) if askings else ({}, {}, {})
    own, other = job.stage.inputs["generate"], names
    of_row: dict[int, list[Asking]] = {}
    for asking in askings:
        of_row.setdefault(asking.row, []).append(asking)
    verdicts, values = [], []
    for place, row in enumerate(rows):
        asked = of_row.get(place, [])
        found = [replies[asking.id] for asking in asked]
        verdicts += [
            _verdict(metric, row, asking, reply, own, other) for asking, reply in zip(asked, found, strict=True)
        ]
        values.append(
            {
                "id": row["id"],
                "group": row["group"],
                "slices": row["slices"],
                **_value(metric, row, found, rivals, place),
            }
        )
    unread = sum(one["choice"] is None for one in verdicts)
    if verdicts and unread == len(verdicts):  # that says nothing of the answers
        values = [{**one, "value": None} for one in values]
    write_jsonl(job.folder / "verdicts.jsonl", verdicts)
    write_jsonl(job.folder / "judgements.jsonl", values)
    details = {"asked": len(askings), "unparsable": unread, **(_bias(verdicts) if metric.kind == "pairwise" else {})}
    return Outcome(tokens=tokens, provenance=provenance, details={**details, "notes": _notes(metric, details)})


def _rivals(job: Job, metric: Judged, rows: Sequence[Mapping[str, Any]]) -> tuple[list[str | None] | None, str | None]:
    """Returns the answers to compare with, None for one that failed, and the name of who gave them; (None, None) for a
    pointwise judge.
    """
    if metric.kind != "pairwise":
        return None, None
    if "against" not in job.inputs:
        return [row["references"][0] for row in rows], REFERENCES
    theirs = {
        row["id"]: None if row["finish"] == "error" else row["output"]
        for row in read_jsonl(job.inputs["against"] / "outputs.jsonl")
    }
    return [theirs.get(row["id"]) for row in rows], job.stage.inputs["against"]


def _askings(
    metric: Judged, place: int, row: Mapping[str, Any], example: Example, rivals: Sequence[str | None] | None
) -> list[Asking]:
    if row["finish"] == "error":  # a failed answer is not worth a question
        return []
    shown = {}
    if "question" in metric.shows or ("prompt" in metric.shows and not row["prompt"]):
        shown["QUESTION"] = "\n".join(
            f"{turn.role}: {turn.content}" if len(example.turns) > 1 else turn.content for turn in example.turns
        )
    if "prompt" in metric.shows and row["prompt"]:
        shown["WHAT THE ASSISTANT WAS GIVEN"] = row["prompt"]
    if "references" in metric.shows:
        shown |= {
            f"RIGHT ANSWER{'' if len(row['references']) == 1 else f' {number}'}": text
            for number, text in enumerate(row["references"], start=1)
        }
    if rivals is None:
        return [Asking(place, 0, metric.text(shown, [row["output"]]))]
    rival = rivals[place]
    if rival is None or rival == row["output"]:
        return []
    pair = [row["output"], rival]
    return [Asking(place, order, metric.text(shown, pair[::-1] if order else pair)) for order in (0, 1)]


def _value(
    metric: Judged, row: Mapping[str, Any], replies: Sequence[str], rivals: Sequence[str | None] | None, place: int
) -> dict[str, Any]:
    """Returns ``value`` and ``error`` of a row: what failed or cannot be read never gains by it."""
    failed = row["finish"] == "error"
    if rivals is None:
        if failed:
            return {"value": 0.0, "error": "no answer to judge"}
        score = metric.read_score(replies[0])
        return {
            "value": score if score is not None else 0.0,
            "error": None if score is not None else "the judge's reply cannot be read",
        }
    if not replies:
        lost = rivals[place] is None
        return {"value": 0.5 if lost == failed else float(lost), "error": "no answer to judge" if failed else None}
    wins = [_win(read_choice(reply), order) for order, reply in enumerate(replies)]
    if None in wins:
        return {"value": 0.5, "error": "the judge's reply cannot be read"}
    return {"value": wins[0] if wins[0] == wins[1] else 0.5, "error": None}


def _win(choice: str | None, order: int) -> float | None:
    """Returns 1 where the judged answer won, 0 where it lost, a half for a tie; in order 1 it was shown second."""
    if choice is None or choice == "TIE":
        return None if choice is None else 0.5
    return float((choice == "A") == (order == 0))


def _verdict(
    metric: Judged, row: Mapping[str, Any], asking: Asking, reply: str, own: str, other: str | None
) -> dict[str, Any]:
    first, second = (own, other) if asking.order == 0 else (other, own)
    choice: Any = read_choice(reply) if metric.kind == "pairwise" else metric.read_score(reply)
    return {
        "example_id": row["id"],
        "system_a": first,
        "system_b": second,
        "choice": choice,
        "order": asking.order,
        "request": asking.id,
        "asked": asking.text,
        "reply": reply,
    }


def _bias(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns how a pairwise judge leans: how often what is shown first wins, and how often the order decides."""
    decided = [one["choice"] for one in verdicts if one["choice"] in ("A", "B")]
    pairs: dict[str, list[float | None]] = {}
    for one in verdicts:
        pairs.setdefault(one["example_id"], []).append(_win(one["choice"], one["order"]))
    whole = [wins for wins in pairs.values() if len(wins) == 2 and None not in wins]
    return {
        "first_shown_share": decided.count("A") / len(decided) if decided else None,
        "inconsistent_share": sum(wins[0] != wins[1] for wins in whole) / len(whole) if whole else None,
        "pairs": len(pairs),
    }


def _notes(metric: Judged, details: Mapping[str, Any]) -> list[str]:
    said = [UNPROVEN]
    if details["unparsable"] == details["asked"] > 0:
        return [
            f"{metric.name}: none of the judge's {details['asked']} replies can be read. Take a judge that follows"
            " instructions, or raise judge.max_new_tokens"
        ]
    if details["unparsable"]:
        what = "ties" if metric.kind == "pairwise" else "the lowest score"
        said.append(
            f"{metric.name}: {details['unparsable']} of {details['asked']} replies of the judge cannot be read; they"
            f" count as {what}"
        )
    if details.get("first_shown_share") is not None:
        leaning = f"what is shown first wins {details['first_shown_share']:.0%} of decided askings"
        turned = (
            ""
            if details["inconsistent_share"] is None
            else f", and {details['inconsistent_share']:.0%} of pairs turn with the order, which makes them ties"
        )
        said.append(f"{metric.name}: {leaning}{turned}")
    return said


def _replies(job: Job, askings: Sequence[Asking]) -> tuple[dict[str, str], dict[str, int], dict[str, Any]]:
    """Returns id -> reply, each distinct question asked once, with tokens and provenance."""
    model = build(job.stage.config["judge"], "judge.model")
    texts = {asking.id: asking.text for asking in askings}
    greedy = Decoding(
        do_sample=False,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        max_new_tokens=job.stage.config["max_new_tokens"],
        stop=[],
        batch_size=BATCH_ROWS,
        latency_requests=0,
        backend="transformers",
    )
    if getattr(model, "records", False):
        known = model.answers()
        lost = [identity for identity in texts if identity not in known]
        if lost:
            path = _unanswered(job, texts)
            raise FtbenchError(
                f"judge.settings.outputs={model.outputs}: {len(lost)} of {len(texts)} questions have no recorded reply,"
                f" the first is {lost[0]}. All are in {path}"
            )
        return {identity: known[identity]["output"] for identity in texts}, {}, {"judge": model.identity()}
    requests = [Request(identity, (Turn("user", text),)) for identity, text in texts.items()]
    if getattr(model, "remote", False):
        return _from_endpoint(job, model, greedy, requests)
    from ftbench.models.generate import generate

    with job.phase("load"):
        loaded = job.resident.get(model)
    names = sorted({*loaded.tokenizer.all_special_tokens}, key=len, reverse=True)
    encoded = [loaded.format.encode([Turn("user", _harmless(request.turns[0].content, names))]) for request in requests]
    with job.phase("work"):
        answers = generate(loaded, encoded, greedy, 0, job.progress)
    counts = {
        "prompt": sum(one.prompt_tokens for one in answers),
        "completion": sum(one.completion_tokens for one in answers),
    }
    return (
        {request.id: answer.text for request, answer in zip(requests, answers, strict=True)},
        counts,
        loaded.provenance(),
    )


def _from_endpoint(
    job: Job, model: Any, greedy: Decoding, requests: Sequence[Request]
) -> tuple[dict[str, str], dict[str, int], dict[str, Any]]:
    from ftbench.models.remote.ask import ask_all
    from ftbench.stages.remote import body, provenance, stop_texts, tokens

    with job.phase("work"):
        found = ask_all(
            model,
            requests,
            lambda one: body(model, greedy, 0, one),
            lambda one: stop_texts(model, greedy, one),
            job.scratch,
            job.progress,
        )
    replies = [one.reply for one in found if one.reply is not None]
    return (
        {one.request.id: "" if one.reply is None else one.reply.text for one in found},
        tokens(replies),
        provenance(model, replies),
    )


def _unanswered(job: Job, texts: Mapping[str, str]) -> Path:
    """Writes the questions where a person or another program finds them, and returns the file."""
    folder = job.scratch if job.scratch is not None else job.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "questions.jsonl"
    write_jsonl(path, [{"id": identity, "question": text} for identity, text in texts.items()])
    return path


def _harmless(text: str, names: Sequence[str]) -> str:
    """Returns text in which nothing reads as a special token of the judge: an answer must not end its own judging."""
    for name in names:
        if len(name) > 1:
            text = text.replace(name, f"{name[0]} {name[1:]}")
    return text
