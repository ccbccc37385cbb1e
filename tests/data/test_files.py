"""``dataset=files``: fields, refusals, identities, ids, limits, splits, conversations, documents, preferences."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.core.canonical import digest
from ftbench.core.component import build, node
from ftbench.core.errors import Refused
from ftbench.core.example import Example, Splits, Turn
from ftbench.data.files import Files

Make = Callable[..., Files]
Refusals = Callable[..., list[Any]]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def qa(count: int, **more: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [
        {"q": f"q{index}", "a": f"a{index}", **{name: value(index) for name, value in more.items()}}
        for index in range(count)
    ]


@pytest.fixture
def train(tmp_path: Path) -> str:
    return jsonl(tmp_path / "train.jsonl", qa(50, doc=lambda index: f"d{index % 10}"))


def ids(splits: Splits) -> dict[str, set[str]]:
    return {name: {row.id for row in splits.split(name)} for name in ("train", "validation", "test")}


def test_only_train_is_split_80_10_10_and_says_so(make_files: Make, train: str) -> None:
    splits = make_files(train=train, prompt="Q: {q}", target="{a}", system="Be brief.").load()
    assert [len(rows) for rows in (splits.train, splits.validation, splits.test)] == [40, 5, 5]
    assert splits.counts["train_read"] == 50 and any("split off 5 test rows of 50" in note for note in splits.notes)
    row = next(row for name in ids(splits) for row in splits.split(name) if row.id == "train-7")
    assert (
        row.turns == (Turn("system", "Be brief."), Turn("user", "Q: q7"))
        and row.target == "a7"
        and row.references == ("a7",)
    )


def test_without_a_target_the_first_reference_is_it(make_files: Make, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", qa(20, refs=lambda index: [f"r{index}", "other"]))
    splits = make_files(train=path, prompt="{q}", references="refs").load()
    assert all(row.target == row.references[0] and len(row.references) == 2 for row in (*splits.train, *splits.test))
    both = make_files(train=path, prompt="{q}", references="refs", target="{a}").load()
    assert all(row.target.startswith("a") and row.references[0].startswith("r") for row in both.test)


def test_references_in_csv_are_a_json_list_or_one_text(make_files: Make, tmp_path: Path) -> None:
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["q", "r"], *([f"q{index}", '["x", "y"]' if index % 2 else "z"] for index in range(10))]
        )
    splits = make_files(train=str(tmp_path / "a.csv"), prompt="{q}", references="r").load()
    assert {row.references for row in splits.train} == {("x", "y"), ("z",)}


def test_36_a_group_never_stands_in_two_splits(make_files: Make, train: str) -> None:
    splits = make_files(train=train, prompt="{q}", target="{a}", group="doc").load()
    groups = [{row.group for row in rows} for rows in (splits.train, splits.validation, splits.test)]
    assert [len(found) for found in groups] == [8, 1, 1] and not groups[0] & groups[1] | groups[0] & groups[2] | groups[
        1
    ] & groups[2]
    assert splits.counts["group_overlap"] == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    groups=st.lists(st.integers(0, 8), min_size=6, max_size=40).filter(lambda found: len(set(found)) > 2),
    seed=st.integers(0, 3),
)
def test_36_groups_stay_whole_whatever_their_sizes(
    make_files: Make, tmp_path: Path, groups: list[int], seed: int
) -> None:
    path = jsonl(
        tmp_path / f"{digest(groups)}.jsonl",
        [{"q": f"q{index}", "a": "a", "g": group} for index, group in enumerate(groups)],
    )
    splits = make_files(train=path, prompt="{q}", target="{a}", group="g", split={"seed": seed}).load()
    homes: dict[str, set[str]] = {}
    for name in ("train", "validation", "test"):
        for row in splits.split(name):
            homes.setdefault(row.group, set()).add(name)
    assert all(len(found) == 1 for found in homes.values()) and sum(map(len, ids(splits).values())) == len(groups)


def test_36_without_a_group_rows_with_the_same_prompt_stay_together(make_files: Make, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"q": f"q{index % 20}", "a": f"a{index}"} for index in range(100)])
    splits = make_files(train=path, prompt="{q}", target="{a}").load()
    prompts = [{row.turns for row in splits.split(name)} for name in ("train", "validation", "test")]
    assert sum(map(len, prompts)) == 20 and len(splits.test) == 10


def test_another_wording_of_the_prompt_holds_out_the_same_rows(make_files: Make, train: str) -> None:
    one, other = (make_files(train=train, prompt=prompt, target="{a}").load() for prompt in ("{q}", "Tell me: {q}?"))
    assert ids(one) == ids(other)


def test_fewer_than_three_groups_are_refused(refusals: Refusals, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", qa(30, doc=lambda index: index % 2))
    (problem,) = refusals(train=path, prompt="{q}", target="{a}", group="doc")
    assert "only 2 groups" in problem.why and "dataset.test and dataset.validation" in problem.fix


def test_by_time_test_is_latest(make_files: Make, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", qa(50, day=lambda index: f"2024-{1 + index * 7 % 12:02d}-{1 + index % 28:02d}"))
    splits = make_files(train=path, prompt="{q}", target="{a}", time="day").load()
    times = [sorted(row.time for row in splits.split(name)) for name in ("train", "validation", "test")]
    assert times[0][-1] < times[1][0] and times[1][-1] < times[2][0] and len(times[2]) == 5


def test_a_time_that_does_not_sort_is_refused(refusals: Refusals, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", qa(5, day=lambda index: f"{index + 1}/3/2024"))
    assert all("ISO 8601" in problem.why for problem in refusals(train=path, prompt="{q}", target="{a}", time="day"))
    mixed = jsonl(tmp_path / "b.jsonl", qa(5, day=lambda index: 2024 if index else "2024-01-01"))
    assert "dates" in refusals(train=mixed, prompt="{q}", target="{a}", time="day")[0].why


def test_a_group_in_train_and_in_a_named_test_set_is_counted(make_files: Make, train: str, tmp_path: Path) -> None:
    test = jsonl(
        tmp_path / "test.jsonl", [{"q": "new", "a": "b", "doc": "d3"}, {"q": "newer", "a": "b", "doc": "other"}]
    )
    splits = make_files(train=train, test=test, prompt="{q}", target="{a}", group="doc").load()
    assert splits.counts["group_overlap"] == 1
    assert len(splits.test) == 2 and len(splits.validation) == 5


def test_rows_without_a_group_stand_alone_and_are_counted(make_files: Make, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", qa(20, doc=lambda index: None if index < 4 else f"d{index // 4}"))
    splits = make_files(train=path, prompt="{q}", target="{a}", group="doc").load()
    assert splits.counts["rows_without_group"] == 4


def test_limits_nest_keep_ids_and_move_no_row_between_splits(make_files: Make, train: str) -> None:
    whole, large, small = (
        ids(make_files(train=train, prompt="{q}", target="{a}", limit={"train": most, "test": 3}).load())
        for most in (None, 20, 5)
    )
    assert small["train"] < large["train"] < whole["train"] and len(small["train"]) == 5
    assert small["test"] == large["test"] == whole["test"] and len(small["test"]) == 3
    assert small["validation"] == large["validation"] == whole["validation"]


def test_ids_groups_and_slices_are_text(make_files: Make, tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl", qa(10, n=lambda index: index, kind=lambda index: None if index == 0 else {"name": True})
    )
    splits = make_files(train=path, prompt="{q}", target="{a}", id="n", slices=["n"]).load()
    assert {row.id for name in ids(splits) for row in splits.split(name)} == {str(index) for index in range(10)}
    assert all(row.slices == {"n": row.id} for row in splits.train)


def test_a_conversation_is_asked_up_to_its_last_assistant_turn(make_files: Make, tmp_path: Path) -> None:
    talk = [("system", "s"), ("user", "u1"), ("assistant", "a1"), ("user", "u2"), ("assistant", "a2"), ("user", "bye")]
    turns = [{"role": role, "content": content} for role, content in talk]
    shared = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    parts = [
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
        {"role": "assistant", "content": "z"},
    ]
    path = jsonl(tmp_path / "a.jsonl", [{"m": turns}, {"m": shared}, {"m": parts}])
    splits = make_files(test=path, messages="m").load()
    assert [row.target for row in splits.test] == ["a2", "hello", "z"]
    assert (
        splits.test[0].turns == tuple(Turn(role, content) for role, content in talk[:4])
        and splits.counts["turns_after_the_answer"] == 1
    )
    assert splits.test[1].turns == (Turn("user", "hi"),) and splits.test[2].turns == (Turn("user", "xy"),)


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([], "no list of turns"),
        ("hello", "no list of turns"),
        ([{"role": "user", "content": "u"}], "no assistant turn"),
        ([{"role": "assistant", "content": "a"}], "no user turn"),
        ([{"role": "bot", "content": "a"}], "'bot'"),
        ([{"role": ["user"], "content": "a"}], "none of"),
        ([{"role": "user", "content": None}], "no content"),
        ([{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "a"}], "no text"),
        ([{"role": "user", "content": "u"}, {"role": "assistant", "content": " "}], "is empty"),
        (
            [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"},
            ],
            "dataset.system",
        ),
    ],
)
def test_bad_conversations_are_refused(refusals: Refusals, tmp_path: Path, turns: Any, words: str) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"m": turns}])
    (problem,) = refusals(test=path, messages="m", system="Be brief.")
    assert words in problem.why and problem.where.endswith("a.jsonl:1")


def test_documents_and_gold(make_files: Make, refusals: Refusals, tmp_path: Path) -> None:
    rows = jsonl(tmp_path / "a.jsonl", qa(10, gold=lambda index: [f"d{index}"] if index % 2 else f"d{index}"))
    corpus = jsonl(
        tmp_path / "docs.jsonl", [{"d": f"d{index}", "s": [{"t": "one"}, {"t": "two"}]} for index in range(10)]
    )
    fields = {
        "train": rows,
        "prompt": "{q}",
        "target": "{a}",
        "documents": corpus,
        "document_id": "d",
        "gold_documents": "gold",
    }
    splits = make_files(**fields, document_text="{s.*.t}").load()
    assert (
        splits.documents[3].id == "d3"
        and splits.documents[3].text == "one\ntwo"
        and splits.test[0].gold_documents[0].startswith("d")
    )
    assert "list of 2 where text is needed" in refusals(**fields, document_text="s")[0].why
    lost = jsonl(tmp_path / "few.jsonl", [{"d": "d0", "s": "x"}, {"d": "d0", "s": "y"}])
    problems = refusals(**{**fields, "documents": lost}, document_text="s")
    assert any("'d0' stands at" in problem.why for problem in problems)


def test_preference_columns_and_preference_files(make_files: Make, tmp_path: Path) -> None:
    rows = jsonl(tmp_path / "a.jsonl", qa(20, good=lambda index: f"+{index}", bad=lambda index: f"-{index}"))
    inside = make_files(train=rows, prompt="{q}", chosen="good", rejected="bad").load()
    assert all(row.target == row.chosen and row.rejected.startswith("-") for row in inside.train)
    plain = jsonl(tmp_path / "plain.jsonl", qa(20))
    splits = make_files(train=plain, prompt="{q}", target="{a}", preferences=rows, chosen="good", rejected="bad").load()
    pairs = [row for row in splits.train if row.chosen]
    scored = {row.turns for row in (*splits.validation, *splits.test)}
    assert len(pairs) == 16 == 20 - splits.counts["preferences_left_out"] and not scored & {row.turns for row in pairs}
    assert all(row.target is None for row in pairs) and len(splits.train) == 32


def test_a_test_set_needs_no_pairs(make_files: Make, tmp_path: Path) -> None:
    rows = jsonl(tmp_path / "a.jsonl", qa(20, good=lambda index: f"+{index}", bad=lambda index: f"-{index}"))
    test = jsonl(tmp_path / "test.jsonl", [{"q": "x", "a": "y"}])
    splits = make_files(train=rows, test=test, prompt="{q}", target="{a}", chosen="good", rejected="bad").load()
    assert splits.test[0].chosen is None and all(row.chosen for row in splits.train)


@pytest.mark.parametrize(
    ("rows", "fields", "place", "words"),
    [
        ([{"q": "x", "a": "y"}, {"a": "y"}], {}, ":2", "no column 'q' in this row"),
        (
            [{"q": "x", "answer": "y"}],
            {"target": "{anwser}"},
            ":1",
            "no column 'anwser' (dataset.target). Did you mean answer? Available: answer, q",
        ),
        ([{"q": None, "a": "y"}], {}, ":1", "column 'q' is null"),
        ([{"q": "  ", "a": "y"}], {}, ":1", "the prompt is empty"),
        ([{"q": "x", "a": ""}], {}, ":1", "the target is empty"),
        (
            [{"q": {"text": "x"}, "a": "y"}],
            {},
            ":1",
            "an object with text where text is needed. Name a value inside it",
        ),
        ([{"q": "x", "r": []}], {"target": None, "references": "r"}, ":1", "holds no reference"),
        ([{"q": "x", "r": ["", "y"]}], {"target": None, "references": "r"}, ":1", "an item of column 'r' is empty"),
        ([{"q": "x", "r": [None]}], {"target": None, "references": "r"}, ":1", "is null"),
        ([{"q": "x", "a": "y", "i": 1}, {"q": "z", "a": "y", "i": "1"}], {"id": "i"}, ":2", "the id '1' stands at"),
        ([{"q": "x", "a": "y", "i": ""}], {"id": "i"}, ":1", "column 'i' is empty"),
        ([{"q": "\ud800", "a": "y"}], {}, ":1", "surrogate"),
        ([{"q": "x", "a": "y", "g": [1]}], {"group": "g"}, ":1", "list of 1"),
        ([{"q": "x", "a": "y"}], {"group": "{q}"}, ":1", "Write q without braces"),
        ([{"q": "x", "a": "y"}], {"system": "q"}, "dataset.system", "is the name of a column"),
        (
            [{"q": {"stem": "x"}, "a": "y"}],
            {"prompt": "{q.stme}"},
            ":1",
            "no column 'q.stme' in this row. Did you mean q.stem?",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_one_line(
    refusals: Refusals, tmp_path: Path, rows: list[Any], fields: dict[str, Any], place: str, words: str
) -> None:
    path = jsonl(tmp_path / "a.jsonl", rows)
    (problem,) = refusals(**{"test": path, "prompt": "{q}", "target": "{a}", **fields})
    assert problem.where.endswith(place) and words in str(problem)


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        ({"prompt": {"q": None}}, "dataset.prompt", "Quote it: 'dataset.prompt=\"{q}\"'"),
        ({"prompt": "q"}, "dataset.prompt", "Write 'dataset.prompt=\"{q}\"'"),
        ({"prompt": "question"}, "dataset.prompt", "columns: q, a, doc"),
        ({"target": "a"}, "dataset.target", "Write 'dataset.target=\"{a}\"'"),
        ({"prompt": "{q"}, "dataset.prompt", "lone '{'"),
        ({"prompt": None}, "dataset.prompt", "neither a prompt nor messages"),
        ({"messages": "m"}, "dataset.prompt", "both a prompt and messages"),
        ({"target": None}, "dataset.target", "no target is set"),
        ({"chosen": "a"}, "dataset.rejected", "needs a chosen and a rejected"),
        ({"train": None}, "dataset.train", "no data is named"),
        ({"train": "no/such/file.jsonl"}, "dataset.train", "no file or folder"),
        ({"train": "trian.jsonl"}, "dataset.train", "no file or folder"),
        ({"train": []}, "dataset.train", "names no data"),
        ({"train": 5}, "dataset.train", "names no data"),
        ({"train": "x" * 5000}, "dataset.train", "no hub data set can have that name"),
        ({"train": "~nobody-of-that-name/a.csv"}, "dataset.train", "no file or folder"),
        ({"train": ["a.csv", "b.csv"]}, "dataset.train", "'b.csv'"),
        ({"documents": "."}, "dataset.documents", "the folder '.' holds no file"),
        ({"limit": {"test": 0}}, "dataset.limit.test", "0 rows"),
        ({"limit": {"test": "many"}}, "dataset.limit.test", "many"),
        ({"slices": "doc"}, "dataset.slices", "list[str]"),
        ({"split": {"test": 1.0}}, "dataset.split.test", "1.0"),
        ({"split": {"test": 0.5, "validation": 0.5}}, "dataset.split", "nothing to train on"),
        ({"answer_pattern": "("}, "dataset.answer_pattern", "no regular expression"),
        ({"answer_pattern": "x"}, "dataset.answer_pattern", "0 groups"),
    ],
)
def test_fields_that_cannot_be_meant_are_refused(
    refusals: Refusals,
    train: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fields: dict[str, Any],
    where: str,
    words: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    problems = refusals(**{"train": train, "prompt": "{q}", "target": "{a}", **fields})
    assert any(problem.where == where and words in str(problem) for problem in problems), [
        str(problem) for problem in problems
    ]


def test_everything_wrong_is_told_at_once(refusals: Refusals, train: str) -> None:
    where = {
        problem.where
        for problem in refusals(train="../nothing.csv", prompt="q", limit={"train": 0}, answer_pattern="(")
    }
    assert where == {
        "dataset.train",
        "dataset.prompt",
        "dataset.target",
        "dataset.limit.train",
        "dataset.answer_pattern",
    }


def test_a_misspelt_file_is_guessed(refusals: Refusals, train: str) -> None:
    (problem,) = refusals(train=train.replace("train.jsonl", "trian.jsonl"), prompt="{q}", target="{a}")
    assert "Did you mean" in problem.fix and "train.jsonl" in problem.fix


def test_the_same_id_in_two_splits_is_refused_once(refusals: Refusals, tmp_path: Path) -> None:
    one, other = (jsonl(tmp_path / name, qa(9, n=lambda index: index)) for name in ("a.jsonl", "b.jsonl"))
    (problem,) = refusals(train=one, test=other, prompt="{q}", target="{a}", id="n")
    assert "9 ids stand in both train and test" in problem.why and "dataset.id=null" in problem.fix


def test_38_the_identity_is_the_bytes_and_not_the_place(make_files: Make, tmp_path: Path) -> None:
    """Moved data is the same data; one changed byte, format, limit, template or seed is another."""
    fields: dict[str, Any] = {"prompt": "{q}", "target": "{a}"}
    (tmp_path / "elsewhere").mkdir()
    one, moved = jsonl(tmp_path / "a.jsonl", qa(9)), jsonl(tmp_path / "elsewhere" / "b.jsonl", qa(9))
    changed = jsonl(tmp_path / "c.jsonl", [*qa(8), {"q": "q8", "a": "A8"}])
    key = digest(make_files(train=one, **fields).identity())
    assert digest(make_files(train=moved, **fields).identity()) == key
    others = [
        make_files(train=changed, **fields),
        make_files(train=one, **{**fields, "prompt": "{q} "}),
        make_files(train=one, **fields, limit={"test": 3}),
        make_files(train=one, **fields, split={"seed": 1}),
        make_files(train=[one, moved], **fields),
        make_files(train=one, test=moved, **fields),
    ]
    assert len({key, *(digest(other.identity()) for other in others)}) == len(others) + 1
    assert digest(make_files(train=one, **fields, answer_pattern="(a)").identity()) == key
    assert str(tmp_path) not in json.dumps(make_files(train=one, **fields).identity())


def test_38_a_file_changed_in_place_is_other_data(make_files: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl(path, qa(30))
    dataset = make_files(train=str(path), prompt="{q}", target="{a}")
    before, key = dataset.load(), digest(dataset.identity())
    jsonl(path, [{"q": row["q"], "a": "B" + row["a"][1:]} for row in qa(30)])
    os.utime(path, ns=(0, 0))
    assert digest(dataset.identity()) != key and dataset.load().train[0].target != before.train[0].target


def test_a_folder_and_a_list_are_all_of_their_files_in_order(make_files: Make, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    rows = qa(20)
    jsonl(folder / "b.jsonl", rows[10:])
    jsonl(folder / "a.jsonl", rows[:10])
    (folder / "README.md").write_text("not data", encoding="utf-8")
    fields: dict[str, Any] = {"prompt": "{q}", "target": "{a}"}
    whole, listed = (
        make_files(test=str(folder), **fields),
        make_files(test=[str(folder / "a.jsonl"), str(folder / "b.jsonl")], **fields),
    )
    assert [row.target for row in whole.load().test] == [row["a"] for row in rows]
    assert [row.id for row in whole.load().test] == [
        f"test-{index}" for index in range(20)
    ] and whole.identity() == listed.identity()


def test_a_located_dataset_reads_the_same_from_anywhere(
    make_files: Make, train: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = make_files(train="train.jsonl", prompt="{q}", target="{a}")
    there = here.resolve()
    key = here.identity()
    monkeypatch.chdir("/")
    assert there.train == str(tmp_path / "train.jsonl") and there.identity() == key
    assert build(node(there), "dataset") == there and there.load().test
    with pytest.raises(Refused):
        here.identity()


def test_only_an_evaluation_set(make_files: Make, train: str) -> None:
    splits = make_files(test=train, prompt="{q}", target="{a}").load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (
        0,
        0,
        50,
    ) and "no training rows: dataset.train is null" in splits.notes


def test_scoring_on_the_training_rows_is_said(make_files: Make, train: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(Path(train).read_bytes())
    notes = make_files(train=train, test=str(copy), prompt="{q}", target="{a}").load().notes
    assert any("dataset.test and dataset.train are the same data" in note for note in notes)


def test_loading_twice_reads_once(make_files: Make, train: str) -> None:
    assert (
        make_files(train=train, prompt="{q}", target="{a}").load()
        is make_files(train=train, prompt="{q}", target="{a}").load()
    )


def test_splits_are_the_same_in_every_process(make_files: Make, train: str) -> None:
    here = ids(make_files(train=train, prompt="{q}", target="{a}").load())
    program = (
        "import json, sys; from ftbench.core.component import build\nsplits = build(json.loads(sys.argv[1]),"
        " 'dataset').load()\nprint(json.dumps({name: sorted(row.id for row in splits.split(name)) for name in ('train',"
        " 'validation', 'test')}))\nassert not {'torch', 'transformers', 'datasets', 'huggingface_hub', 'pyarrow'} &"
        " set(sys.modules)"
    )
    config = json.dumps(node(make_files(train=train, prompt="{q}", target="{a}")))
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program, config],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert {name: set(found) for name, found in json.loads(done.stdout).items()} == here


def test_examples_survive_their_file(make_files: Make, train: str) -> None:
    for row in make_files(train=train, prompt="{q}", target="{a}", group="doc", slices=["doc"]).load().test:
        assert Example.from_dict(json.loads(json.dumps(row.as_dict()))) == row
