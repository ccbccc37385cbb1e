"""The score stage on small hand-made outputs."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
import yaml

from ftbench.core.component import build, node, plain
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job
from ftbench.core.stage import Stage
from ftbench.stages import score
from ftbench.stats.failures import SHOWN_CHARACTERS, Raised
from ftbench.stats.sufficient_statistics import Sufficient

STATISTICS = {"confidence": 0.95, "resamples": 200, "seed": 1}
ANSWERS = ["It is red.", "It is blue.", "It is a cat on a mat.", "", "=HYPERLINK(1)"]


def shipped(root, *names, pattern=None):
    nodes = {
        name: yaml.safe_load((root / "conf" / "metric" / f"{name}.yaml").read_text(encoding="utf-8")) for name in names
    }
    if "exact_match" in nodes:
        nodes["exact_match"]["pattern"] = pattern
    return nodes


def output(index, text, finish="stop", reference=None, group=None, **slices):
    return {
        "id": f"row{index}",
        "prompt": "?",
        "output": text,
        "finish": finish,
        "error": "out of room" if finish == "error" else None,
        "references": [reference or text or "nothing"],
        "group": group,
        "slices": slices,
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "shots": [],
        "documents": [],
        "notes": None,
    }


def likelihood(index, nll, group=None):
    error = None if nll is not None else "api"
    return {
        "id": f"row{index}",
        "group": group,
        "slices": {},
        "nll": nll,
        "tokens": 4,
        "correct": 3,
        "bytes": 12,
        "nll_end": 0.1,
        "error": error,
    }


@pytest.fixture
def run(tmp_path):
    count = iter(range(100))

    @contextmanager
    def phase(name):
        yield

    def scored(metrics, outputs=None, likelihoods=None, statistics=STATISTICS):
        spec = {
            "metrics": {name: build(metric, name).identity() for name, metric in metrics.items()},
            "statistics": statistics,
        }
        inputs, folders = {}, {}
        number = next(count)
        for role, file, rows in (
            ("generate", "outputs.jsonl", outputs),
            ("likelihood", "likelihood.jsonl", likelihoods),
        ):
            if rows is not None:
                folders[role] = tmp_path / f"{role}{number}"
                folders[role].mkdir()
                write_jsonl(folders[role] / file, rows)
                inputs[role] = "0" * 64
        folder = tmp_path / f"score{number}"
        folder.mkdir()
        stage = Stage("score", spec, inputs, {"metrics": metrics, "statistics": statistics})
        outcome = score.run(Job(stage, folders, folder, None, phase, lambda done, total: None))
        return json.loads((folder / "scores.json").read_text(encoding="utf-8")), folder, outcome

    return scored


def test_scores_with_intervals_overall_and_by_slice(run, root):
    rows = [
        output(i, ANSWERS[i % 5], reference=f"It is {'red' if i % 2 else 'blue'}.", kind="new" if i < 10 else "old")
        for i in range(30)
    ]
    metrics = shipped(root, "bleu", "rougeL", "exact_match", pattern="is (.+?)[.]")
    scores, folder, outcome = run(metrics, rows)
    assert list(scores) == ["bleu", "rougeL", "exact_match"]
    for entry in scores.values():
        assert entry["low"] <= entry["value"] <= entry["high"] and entry["n"] == 30 and entry["failed"] == 0
        assert set(entry["slices"]["kind"]) == {"new", "old"} and entry["slices"]["kind"]["new"]["n"] == 10
        assert entry["signature"] and entry["higher_is_better"] is True
    expected = (
        sum(("red" in ANSWERS[i % 5] and i % 2) or ("blue" in ANSWERS[i % 5] and not i % 2) for i in range(30)) / 30
    )
    assert scores["exact_match"]["value"] == pytest.approx(expected)
    assert scores["exact_match"]["interval"] == "wilson"
    assert scores["bleu"]["signature"].startswith("nrefs:1|")
    sample = Sufficient.read(folder)
    assert sample.ids[3] == "row3" and sample.metrics["bleu"].shape == (30, 10) and sample.slices[0] == {"kind": "new"}
    assert outcome.details == {"n": 30, "finish": {"stop": 30}}
    assert sorted(path.name for path in folder.iterdir()) == ["scores.json", "statistics.npz"]


def test_15_failed_rows_score_zero_and_stay_in_n(run, root):
    good = [output(i, "It is red.") for i in range(8)]
    failed = [output(i, "", finish="error", reference="It is red.") for i in range(8, 10)]
    scores, _, outcome = run(shipped(root, "exact_match", "rouge1"), good + failed)
    for entry in scores.values():
        assert entry["value"] == pytest.approx(0.8)
        assert (entry["n"], entry["failed"]) == (10, 2)
    assert outcome.details["finish"] == {"error": 2, "stop": 8}


def test_23_24_groups_widen_the_interval(run, root):
    grouped = [
        output(i, "It is red." if i < 50 else "no", reference="It is red.", group=f"document {i // 10}")
        for i in range(100)
    ]
    alone = [{**row, "group": None} for row in grouped]
    (wide, _, _), (narrow, _, _) = run(shipped(root, "rouge1"), grouped), run(shipped(root, "rouge1"), alone)
    assert wide["rouge1"]["high"] - wide["rouge1"]["low"] > 2 * (narrow["rouge1"]["high"] - narrow["rouge1"]["low"])


def test_bytes_are_reproducible(run, root):
    rows = [output(i, ANSWERS[i % 5], kind=str(i % 2)) for i in range(12)]
    metrics = shipped(root, "bleu", "rougeLsum", "exact_match", "bits_per_byte")
    likelihoods = [likelihood(i, 3.0 + i) for i in range(12)]
    (_, first, _), (_, second, _) = run(metrics, rows, likelihoods), run(metrics, rows, likelihoods)
    for name in ("scores.json", "statistics.npz"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_19_perplexity_is_of_the_corpus(run, root):
    scores, _, _ = run(shipped(root, "perplexity", "bits_per_byte"), None, [likelihood(i, 2.0 + i) for i in range(6)])
    assert scores["perplexity"]["value"] == pytest.approx(2.718281828 ** (27 / 24))
    assert scores["bits_per_byte"]["value"] == pytest.approx(27 / 72 / 0.69314718056)
    assert scores["perplexity"]["higher_is_better"] is False


def test_21_no_log_probabilities_is_said_not_guessed(run, root):
    metrics = shipped(root, "perplexity", "exact_match")
    scores, _, _ = run(metrics, [output(0, "a"), output(1, "b")])
    assert scores["perplexity"]["value"] is None and "no log-probabilities" in scores["perplexity"]["reason"]
    assert scores["exact_match"]["value"] == 1.0
    some, _, _ = run(metrics, [output(0, "a"), output(1, "b")], [likelihood(0, 3.0), likelihood(1, None)])
    assert (
        some["perplexity"]["value"] is None
        and some["perplexity"]["reason"] == "1 of 2 rows have no log-likelihood; the first: api"
    )
    assert some["perplexity"]["failed"] == 1


def test_an_empty_split_is_no_crash(run, root):
    scores, _, _ = run(shipped(root, "bleu", "exact_match"), [])
    assert {entry["value"] for entry in scores.values()} == {None}
    assert scores["bleu"]["reason"] == "no examples in this split"


def test_inputs_over_other_examples_are_refused(run, root):
    metrics = shipped(root, "exact_match", "perplexity")
    with pytest.raises(FtbenchError, match="same examples"):
        run(metrics, [output(0, "a"), output(1, "b")], [likelihood(1, 1.0), likelihood(0, 1.0)])
    with pytest.raises(FtbenchError, match="stands twice"):
        run(metrics, [output(0, "a"), output(0, "b")])


def test_a_metric_that_disagrees_with_itself_fails_the_stage(run, tmp_path, monkeypatch):
    path = tmp_path / "drifting_metric.py"
    path.write_text(
        "calls = []\ndef drift(prediction, references):\n    calls.append(1)\n    return float(len(calls))\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    own = {"_target_": "ftbench.metrics.function.FunctionMetric", "name": "drift", "path": "drifting_metric.drift"}
    with pytest.raises(FtbenchError, match="depend on nothing but the rows"):
        run({"drift": own}, [output(0, "a")])


def test_a_half_surrogate_pair_in_an_answer_is_scored():
    from ftbench.stages.score import _whole

    assert _whole({"output": "a\ud800b", "references": ["\udfff"]}) == {"output": "a\ufffdb", "references": ["\ufffd"]}
    assert _whole({"output": "a😀", "references": ["é"]}) == {"output": "a😀", "references": ["é"]}


def test_nodes_travel(root):
    for name, config in shipped(root, "bleu", "exact_match").items():
        metric = build(config, name)
        assert build(node(metric), name) == metric and plain(metric)


def test_15_a_metric_that_raises_on_everything_has_no_value_and_the_others_keep_theirs(
    run, root, tmp_path, monkeypatch
):
    (tmp_path / "raises_always.py").write_text(
        "def score(prediction, references):\n    raise KeyError('x')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    metrics = {
        **shipped(root, "exact_match"),
        "mine": {"_target_": "ftbench.metrics.function.FunctionMetric", "name": "mine", "path": "raises_always.score"},
    }
    scores, _, _ = run(metrics, [output(i, "It is red.", kind="a") for i in range(4)])
    assert (scores["mine"]["value"], scores["mine"]["low"], scores["mine"]["slices"]) == (
        None,
        None,
        {},
    ) and "references too" in scores["mine"]["reason"]
    assert scores["mine"]["raised"]["broken"] and scores["exact_match"]["value"] == 1.0


def test_what_a_metric_raised_is_kept_without_secrets(monkeypatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", "quiet-as-a-mouse-77")
    raised = Raised("ValueError", f"{'x' * (SHOWN_CHARACTERS - 8)} quiet-as-a-mouse-77", "/x/my.py:7", 2, "row1")
    entry = score.raised_entry(raised)
    assert entry["message"] == f"{'x' * (SHOWN_CHARACTERS - 8)} ***" and (entry["rows"], entry["first"]) == (2, "row1")
