"""Answers produced elsewhere: laid beside the examples, scored by the command, refused where they cannot be used."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from ftbench.cli.main import main
from ftbench.core.component import node
from ftbench.core.errors import FtbenchError, Refused
from ftbench.core.example import Example, Turn
from ftbench.core.files import read_jsonl
from ftbench.core.job import Job
from ftbench.core.stage import Stage
from ftbench.models.recorded import Recorded
from ftbench.stages import generate
from tests.stages.jobs import prepare

ROWS = [Example(f"e{i}", (Turn("user", "?"),), str(i), (str(i),), None, None, {}, (), None, None) for i in range(4)]


def write(path, rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def run(tmp_path, model):
    prepared, folder = prepare(tmp_path / "prepared", ROWS, ROWS), tmp_path / "out"
    folder.mkdir()
    stage = Stage("generate", {"model": model.identity()}, {}, {"model": node(model), "split": "test", "seed": None})
    outcome = generate.run(
        Job(stage, {"prepare": prepared}, folder, None, lambda name: nullcontext(), lambda done, total: None)
    )
    return list(read_jsonl(folder / "outputs.jsonl")), outcome


def test_15_an_example_without_an_answer_fails_and_stays_in_n(tmp_path):
    model = Recorded(
        str(
            write(
                tmp_path / "a.jsonl",
                [
                    {"id": "e2", "output": "2"},
                    {"id": "e0", "output": "x", "finish": "length"},
                    {"id": "z", "output": ""},
                ],
            )
        )
    )
    rows, outcome = run(tmp_path, model)
    assert [(row["id"], row["output"], row["finish"]) for row in rows] == [
        ("e0", "x", "length"),
        ("e1", "", "error"),
        ("e2", "2", "stop"),
        ("e3", "", "error"),
    ]
    assert rows[1]["error"] == "no recorded answer" and rows[0]["references"] == ["0"]
    assert outcome.details["notes"] == [
        "2 of 4 examples have no recorded answer",
        "1 recorded answer belongs to no example",
    ]


def test_38_the_bytes_of_the_file_are_the_model(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"id": "e1", "output": "1"}])
    first, twin = (
        Recorded(str(path)).identity(),
        Recorded(str(write(tmp_path / "b.jsonl", [{"id": "e1", "output": "1"}]))).identity(),
    )
    assert first == twin
    write(path, [{"id": "e1", "output": "2"}])
    assert Recorded(str(path)).identity() != first


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is no JSON"),
        ("[1]", "is a list and not an object"),
        ('{"output": "a"}', "has no id"),
        ('{"id": "a"}', "has no output"),
        ('{"id": true, "output": "a"}', "an id that is neither"),
        ('{"id": "a", "output": 1}', "an output that is no text"),
        ('{"id": "ok", "output": "twice"}', "stands twice"),
        ('{"id": "a", "output": "", "finish": "eos"}', "none of stop, length, error"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, why):
    (problem,) = Recorded(str(write(tmp_path / "a.jsonl", [{"id": "ok", "output": ""}, line]))).check()
    assert problem.where == "a.jsonl:2" and why in problem.why


def test_answers_to_other_questions_are_refused(tmp_path):
    with pytest.raises(FtbenchError, match="no id is one of the dataset's"):
        run(tmp_path, Recorded(str(write(tmp_path / "a.jsonl", [{"id": "q", "output": "1"}]))))
    with pytest.raises(Refused, match="cannot be read"):
        Recorded(str(tmp_path / "none.jsonl")).answers()


def test_the_verb_scores_text_and_jsonl(tmp_path, capsys):
    (tmp_path / "o.txt").write_text("the cat sat on the mat\nhello there\n", encoding="utf-8")
    (tmp_path / "r.txt").write_text("the cat sat on a mat\nhello there\n", encoding="utf-8")
    assert (
        main(
            [
                "score",
                "--predictions",
                str(tmp_path / "o.txt"),
                "--references",
                str(tmp_path / "r.txt"),
                "--metrics",
                "ter,rougeL",
            ]
        )
        == 0
    )
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert "only 2 independent examples" in told.err
    assert (
        found["ter"]["value"] == 12.5
        and found["rougeL"]["n"] == 2
        and found["ter"]["signature"].endswith("version:2.6.0")
    )
    write(tmp_path / "o.jsonl", [{"id": "b", "output": "yes"}])
    write(tmp_path / "r.jsonl", [{"id": "a", "references": ["no"]}, {"id": "b", "references": ["no", "yes"]}])
    files = ["--predictions", str(tmp_path / "o.jsonl"), "--references", str(tmp_path / "r.jsonl")]
    assert main(["score", *files, "--metrics", "exact_match", "--allow-missing"]) == 0
    found = json.loads(capsys.readouterr().out)["exact_match"]
    assert (found["value"], found["n"]) == (0.5, 2) and found["low"] < 0.5 < found["high"]
    assert list(found) == ["value", "low", "high", "n", "signature"]


def test_the_verb_keeps_what_a_function_prints_out_of_its_json_and_says_why_there_is_no_value(
    tmp_path, capsys, monkeypatch
):
    (tmp_path / "verb_metric.py").write_text(
        "def loud(prediction, references):\n    print('hello')\n    return 1\n\ndef broken(prediction, references):\n  "
        "  raise KeyError\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "o.txt").write_text("a\n", encoding="utf-8")
    files = ["--predictions", str(tmp_path / "o.txt"), "--references", str(tmp_path / "o.txt")]
    assert main(["score", *files, "--metrics", "verb_metric.loud"]) == 0
    told = capsys.readouterr()
    assert (
        json.loads(told.out)["verb_metric.loud"]["low"] is None
        and "hello" in told.err
        and "no interval from 1 independent example" in told.err
    )
    assert main(["score", *files, "--metrics", "verb_metric.broken"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and "on every answer and on the references too" in told.err


def test_the_verb_says_that_a_packed_file_is_damaged(tmp_path, capsys):
    (tmp_path / "o.txt.gz").write_bytes(b"\x1f\x8b")
    assert (
        main(
            [
                "score",
                "--predictions",
                str(tmp_path / "o.txt.gz"),
                "--references",
                str(tmp_path / "o.txt.gz"),
                "--metrics",
                "bleu",
            ]
        )
        == 1
    )
    assert "is no whole gzip file" in capsys.readouterr().err


def line(**row):
    return json.dumps(row) + "\n"


ANSWERS, WANTED = line(id="1", output="a cat"), line(id="1", references=["a cat", "the cat"])


@pytest.mark.parametrize(
    ("answers", "wanted", "more", "why"),
    [
        ("", WANTED, [], "o.jsonl: the file is empty"),
        (ANSWERS, "", [], "r.jsonl: the file is empty"),
        (ANSWERS * 2, WANTED, [], "o.jsonl:2: the id '1' stands twice"),
        (ANSWERS, WANTED * 2, [], "r.jsonl:2: the id '1' stands twice"),
        (line(id="9", output="a"), WANTED, [], "Both files must name the same examples"),
        (ANSWERS + line(id="9", output="a"), WANTED, [], "1 id is not in"),
        (line(id="1", output=None), WANTED, [], "has an output that is no text"),
        ('{"id": "1", "output": NaN}', WANTED, [], "has an output that is no text"),
        ("[" * 100_000, WANTED, [], "o.jsonl:1: is no JSON"),
        (ANSWERS, "[" * 100_000, [], "r.jsonl:1: is no JSON"),
        (ANSWERS, line(id=True, references=["a"]), [], "r.jsonl:1: has an id that is neither text nor a whole number"),
        (ANSWERS, line(id="1", references=[]), [], "r.jsonl:1: references holds no reference"),
        (ANSWERS, '{"id": "1", "references": [NaN]}', [], "holds a reference that is no text"),
        (b"\xff\xfe\x00", WANTED, [], "is UTF-16, not UTF-8"),
        (ANSWERS, b"\x7fELF\x80", [], "is no UTF-8"),
        (ANSWERS, WANTED, ["--confidence", "nan"], "give a share below 1"),
        (ANSWERS, WANTED, ["--seed", "-1"], "--seed -1: give a whole number from 0"),
    ],
)
def test_odd_files_and_words_are_one_line_each(tmp_path, capsys, answers, wanted, more, why):
    for name, text in (("o.jsonl", answers), ("r.jsonl", wanted)):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert (
        main(
            [
                "score",
                "--predictions",
                str(tmp_path / "o.jsonl"),
                "--references",
                str(tmp_path / "r.jsonl"),
                "--metrics",
                "bleu",
                *more,
            ]
        )
        == 1
    )
    told = capsys.readouterr()
    assert told.out == "" and why in told.err and told.err.count("\n") == 1


def test_marks_line_ends_gaps_and_ragged_references_are_taken_as_they_are(tmp_path, capsys):
    (tmp_path / "o.jsonl").write_bytes(
        b"\xef\xbb\xbf"
        + line(id=1, output="a \ud800 cat").replace("\n", "\r\n\r\n").encode()
        + line(id="2", output="x" * 1_000_000).encode()
    )
    (tmp_path / "r.jsonl").write_bytes(
        b"\xef\xbb\xbf"
        + (
            line(id="1", references="a cat") + line(id="2", references=["", "x", "y"]) + line(id="3", references=["z"])
        ).encode()
    )
    files = ["--predictions", str(tmp_path / "o.jsonl"), "--references", str(tmp_path / "r.jsonl")]
    metrics = "bleu,chrf,rougeL,meteor,exact_match,length_ratio"
    assert main(["score", *files, "--metrics", metrics, "--allow-missing"]) == 0
    told = capsys.readouterr()
    assert "1 of 3 references have no answer" in told.err
    assert {name: entry["n"] for name, entry in json.loads(told.out).items()} == dict.fromkeys(
        ("bleu", "chrf", "rougeL", "meteor", "exact_match", "length_ratio"), 3
    )


@pytest.mark.parametrize(
    ("metric", "predictions", "why"),
    [
        ("blue", "o.txt", "Did you mean bleu"),
        ("bleu", "none.txt", "No such file"),
        ("perplexity", "o.txt", "log-prob"),
        ("judge_policy", "o.txt", "judge.model=..."),
        ("bertscore", "o.txt", "bertscore.model=..."),
        ("bleu", "short.txt", "has 2 lines"),
    ],
)
def test_the_verb_says_in_one_line_what_is_wrong(tmp_path, capsys, metric, predictions, why):
    (tmp_path / "o.txt").write_text("a\nb\n", encoding="utf-8")
    (tmp_path / "short.txt").write_text("a\n", encoding="utf-8")
    assert (
        main(
            [
                "score",
                "--predictions",
                str(tmp_path / predictions),
                "--references",
                str(tmp_path / "o.txt"),
                "--metrics",
                metric,
            ]
        )
        == 1
    )
    out = capsys.readouterr()
    assert out.out == "" and out.err.count("\n") == 1 and why in out.err
