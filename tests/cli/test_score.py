"""``score`` reads what a file holds, by name and by content; the reference is sacrebleu on the written lists."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
import sacrebleu

from ftbench.cli.main import main
from ftbench.models.recorded import Recorded

ANIMALS = ("cat", "dog", "old horse", "cow")
PLACES = ("mat", "roof", "long road", "hill", "sea, wide", 'so-called "lake"', "a\tb", "x\ny", "é", "end")
PAIRS = [(animal, place) for animal in ANIMALS for place in PLACES]
ANSWERS = [f"the {animal} sat on the {place} number {n} today" for n, (animal, place) in enumerate(PAIRS)]
WANTED = [
    text.replace("sat", "was sitting" if n % 3 else "sat").replace("today", "now" if n % 2 else "today")
    for n, text in enumerate(ANSWERS)
]
NAMES = [f"e{n}" for n in range(40)]
TRUE = sacrebleu.corpus_bleu(ANSWERS, [WANTED]).score


def delimited(rows: list[dict], delimiter: str) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def parquet(rows: list[dict]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue()


WRITERS = {
    ".json": lambda rows: json.dumps(rows, indent=1).encode(),
    ".lines.json": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    ".jsonl": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    ".csv": lambda rows: delimited(rows, ","),
    ".tsv": lambda rows: delimited(rows, "\t"),
    ".parquet": parquet,
}
ENDINGS = [*WRITERS, *(f"{ending}.gz" for ending in WRITERS)]


def write(folder: Path, name: str, rows: list[dict]) -> Path:
    path = folder / name
    ending = next(one for one in sorted(WRITERS, key=len, reverse=True) if one in name)
    data = WRITERS[ending](rows)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def score(capsys, predictions: Path, *references: Path, words: tuple[str, ...] = (), metric: str = "bleu"):
    """Returns the entry of the metric and what was said; or None and what was refused."""
    told_by = [
        "score",
        "--predictions",
        str(predictions),
        "--references",
        *map(str, references),
        "--metrics",
        metric,
        *words,
    ]
    status = main(told_by)
    shown = capsys.readouterr()
    if status:
        assert status == 1 and shown.out == "" and "Traceback" not in shown.err
        return None, shown.err
    return json.loads(shown.out)[metric], shown.err


def test_json_lines_score_the_same_under_any_name(tmp_path, capsys):
    """Forty JSON lines without a word in common: 0.0, and not what their braces and keys have in common."""
    answers = [{"id": name, "output": f"alpha{n} beta{n} gamma{n} delta{n}"} for n, name in enumerate(NAMES)]
    wanted = [{"id": name, "references": [f"one{n} two{n} three{n} four{n}"]} for n, name in enumerate(NAMES)]
    for ending in ("json", "jsonl", "ndjson"):
        lines = [tmp_path / f"{side}.{ending}" for side in "pr"]
        for path, rows in zip(lines, (answers, wanted), strict=True):
            path.write_bytes(WRITERS[".jsonl"](rows))
        found, said = score(capsys, *lines)
        assert found is not None and (found["value"], found["n"]) == (0.0, 40), said


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_gives_the_value_of_sacrebleu_joined_by_id(tmp_path, capsys, ending):
    answers = [{"id": name, "prediction": text} for name, text in zip(NAMES, ANSWERS, strict=True)]
    wanted = [{"reference": text, "id": name} for name, text in reversed(list(zip(NAMES, WANTED, strict=True)))]
    found, said = score(capsys, write(tmp_path, f"p{ending}", answers), write(tmp_path, f"r{ending}", wanted))
    assert found is not None, said
    assert found["value"] == pytest.approx(TRUE, abs=1e-9) and found["n"] == 40 and 0 < found["value"] < 100


@pytest.mark.parametrize("ending", ENDINGS)
def test_formats_mix_and_without_ids_rows_are_joined_in_order(tmp_path, capsys, ending):
    path = write(tmp_path, f"p{ending}", [{"output": text} for text in ANSWERS])
    other = write(tmp_path, "r.csv", [{"id": name, "target": text} for name, text in zip(NAMES, WANTED, strict=True)])
    found, said = score(capsys, path, other)
    assert found is not None and found["value"] == pytest.approx(TRUE, abs=1e-9)
    assert "joined by their order" in said
    short = write(tmp_path, "short.csv", [{"target": text} for text in WANTED[:39]])
    found, said = score(capsys, path, short)
    assert found is None and "39" in said and "40" in said and said.count("\n") == 1


def test_plain_lines_are_plain_lines_packed_or_not(tmp_path, capsys):
    flat = [[" ".join(text.split()) for text in texts] for texts in (ANSWERS, WANTED)]
    for name, texts in zip(("p.txt", "r.en"), flat, strict=True):
        (tmp_path / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress("\r\n".join(texts).encode()))
    true = sacrebleu.corpus_bleu(flat[0], [flat[1]]).score
    for end in ("", ".gz"):
        found, _ = score(capsys, tmp_path / f"p.txt{end}", tmp_path / f"r.en{end}")
        assert found["value"] == pytest.approx(true, abs=1e-9)
    # a second reference: in a file of its own, or as a list in each row
    (tmp_path / "r2.txt").write_text("\n".join(flat[0][:20] + flat[1][20:]), encoding="utf-8")
    two = sacrebleu.corpus_bleu(flat[0], [flat[1], flat[0][:20] + flat[1][20:]]).score
    assert score(capsys, tmp_path / "p.txt", tmp_path / "r.en", tmp_path / "r2.txt")[0]["value"] == pytest.approx(
        two, abs=1e-9
    )
    pairs = [{"references": [one, other]} for one, other in zip(flat[1], flat[0][:20] + flat[1][20:], strict=True)]
    assert score(capsys, tmp_path / "p.txt", write(tmp_path, "both.jsonl", pairs))[0]["value"] == pytest.approx(
        two, abs=1e-9
    )
    cells = [{"references": json.dumps(row["references"])} for row in pairs]
    assert score(capsys, tmp_path / "p.txt", write(tmp_path, "both.csv", cells))[0]["value"] == pytest.approx(
        two, abs=1e-9
    )


def test_what_a_plain_name_hides_is_not_scored_as_text(tmp_path, capsys):
    (tmp_path / "r.txt").write_text("\n".join(WANTED[:2]), encoding="utf-8")
    for name, text, fix in (
        ("p.txt", '{"id": "1", "output": "a"}\n{"id": "2", "output": "b"}\n', ".jsonl"),
        ("p.out", '[{"output": "a"},\n {"output": "b"}]', ".json"),
        ("p.txt", "id,prediction\n1,a\n2,b\n", ".csv"),
        ("p", "prediction\treference\na\tb\n", ".tsv"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found, said = score(capsys, tmp_path / name, tmp_path / "r.txt")
        assert found is None and f"name it {fix}" in said and "--format text" in said and said.count("\n") == 1, said
    (tmp_path / "p.txt").write_text('{"output": "a"}\n{"output": "b"}\n', encoding="utf-8")
    found, _ = score(capsys, tmp_path / "p.txt", tmp_path / "p.txt", words=("--format", "text"), metric="exact_match")
    assert found["value"] == 1.0 and found["n"] == 2, "answers may be JSON themselves, where that is said"


def test_which_column_is_meant_is_asked_and_never_guessed(tmp_path, capsys):
    rows = [
        {"id": name, "prediction": one, "output": other}
        for name, one, other in zip(NAMES, ANSWERS, WANTED, strict=True)
    ]
    path = write(tmp_path, "p.csv", rows)
    wanted = write(
        tmp_path,
        "r.csv",
        [{"id": name, "english": text, "german": text} for name, text in zip(NAMES, WANTED, strict=True)],
    )
    found, said = score(capsys, path, wanted)
    assert (
        found is None
        and "--prediction-column" in said
        and "prediction, output" in said
        and "--reference-column" in said
        and "english, german" in said
    )
    found, said = score(
        capsys, path, wanted, words=("--prediction-column", "prediction", "--reference-column", "german")
    )
    assert found["value"] == pytest.approx(TRUE, abs=1e-9)
    found, said = score(
        capsys, path, wanted, words=("--prediction-column", "predictoin", "--reference-column", "german")
    )
    assert found is None and "Did you mean prediction" in said
    # a table without a header: its first answer would be taken for one
    (tmp_path / "h.csv").write_text("".join(f'"{text}"\n' for text in ("a b", "c d")), encoding="utf-8")
    found, said = score(capsys, tmp_path / "h.csv", tmp_path / "h.csv")
    assert found is None and "a b" in said


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_ids_that_are_missing_or_stand_twice_are_refused_by_name_and_count(tmp_path, capsys, ending):
    answers = [{"id": name, "output": text} for name, text in zip(NAMES, ANSWERS, strict=True)]
    wanted = write(
        tmp_path, f"r{ending}", [{"id": name, "reference": text} for name, text in zip(NAMES, WANTED, strict=True)]
    )
    found, said = score(capsys, write(tmp_path, f"p{ending}", answers[2:]), wanted)
    assert found is None and "2 of 40 ids have no prediction" in said and "'e0'" in said and "--allow-missing" in said
    found, said = score(
        capsys, write(tmp_path, f"p{ending}", answers[2:]), wanted, words=("--allow-missing",), metric="exact_match"
    )
    assert found["n"] == 40 and "2 of 40 references have no answer" in said
    found, said = score(capsys, write(tmp_path, f"p{ending}", [*answers, answers[3], answers[4]]), wanted)
    assert found is None and "'e3'" in said and "stands twice" in said and "1 other id" in said
    found, said = score(capsys, write(tmp_path, f"p{ending}", [*answers, {"id": "z", "output": ""}]), wanted)
    assert found is None and "1 id is not in" in said and "'z'" in said


@pytest.mark.parametrize("ending", ENDINGS)
def test_recorded_answers_are_read_by_the_same_readers(tmp_path, ending):
    path = write(
        tmp_path, f"a{ending}", [{"id": name, "output": text} for name, text in zip(NAMES, ANSWERS, strict=True)]
    )
    found = Recorded(str(path)).answers()
    assert {name: row["output"] for name, row in found.items()} == dict(zip(NAMES, ANSWERS, strict=True))
    assert {row["finish"] for row in found.values()} == {"stop"} and Recorded(str(path)).check() == []


def test_the_key_of_recorded_json_lines_is_what_it_was_and_other_formats_differ(tmp_path):
    rows = [{"id": "a", "output": "b"}]
    lines, odd = write(tmp_path, "a.jsonl", rows), tmp_path / "answers"
    odd.write_bytes(lines.read_bytes())
    assert (
        Recorded(str(lines)).identity() == Recorded(str(odd)).identity()
        and "format" not in Recorded(str(lines)).identity()
    )
    comma, tab = tmp_path / "a.csv", tmp_path / "a.tsv"
    comma.write_bytes(delimited(rows, ","))
    tab.write_bytes(comma.read_bytes())
    assert Recorded(str(comma)).identity() != Recorded(str(tab)).identity()


def test_recorded_answers_name_their_columns_or_are_refused(tmp_path):
    (problem,) = Recorded(str(write(tmp_path, "a.csv", [{"id": "1", "german": "x", "english": "y"}]))).check()
    assert "german, english" in str(problem) and "output" in problem.fix
    (problem,) = Recorded(str(write(tmp_path, "b.csv", [{"output": "x"}]))).check()
    assert "id" in problem.why


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_judges_verdicts_are_read_by_the_same_readers(tmp_path, capsys, ending):
    people = tmp_path / "people.csv"
    people.write_text(
        "example_id,system_a,system_b,rater,choice\n" + "".join(f"{n},x,y,r,{'ab'[n % 2]}\n" for n in range(20)),
        encoding="utf-8",
    )
    said = [
        {"example_id": str(n), "system_a": "x", "system_b": "y", "choice": choice, "order": order}
        for n in range(20)
        for choice, order in (("a", "ab"), ("b", "ba"))
    ]
    path = write(tmp_path, f"judge{ending}", said)
    assert main(["review", "stats", str(people), "--judge", str(path), "--json"]) == 0
    (judge,) = json.loads(capsys.readouterr().out)["judges"]
    assert (judge["verdicts"], judge["accuracy"]["value"], judge["position"]["value"]) == (40, 0.5, 1.0)
    shown_first = write(tmp_path, f"numbered{ending}", [{**row, "order": place % 2} for place, row in enumerate(said)])
    assert main(["review", "stats", str(people), "--judge", str(shown_first), "--json"]) == 0
    (judge,) = json.loads(capsys.readouterr().out)["judges"]
    assert judge["position"]["n"] == 40, "a number in a table is a number, written as text or not"
    assert (
        main(["review", "stats", str(people), "--judge", str(write(tmp_path, f"odd{ending}", [{"example_id": "1"}]))])
        == 1
    )
    assert "has no system_a, system_b, choice" in capsys.readouterr().err
