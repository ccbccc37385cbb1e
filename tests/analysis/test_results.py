"""The files of the sweep folder, from a real store."""

from __future__ import annotations

import csv
import io
import json

import pytest

from ftbench.analysis.columns import columns
from ftbench.report.terminal import render
from ftbench.report.write import results_text, validation_score, write_results

ORDER = (
    "cell_id,label,model,method,context,dataset,decoding,seed,hardware,status,reason,n,"
    "exact_match,exact_match_low,exact_match_high,rouge1,rouge1_low,rouge1_high,"
    "train_seconds,generate_seconds,latency_p50_ms,latency_p95_ms,prompt_tokens,completion_tokens,tokens_per_second,peak_memory_bytes,"
    "train_usd,usd_per_1k_requests,price_basis,failed_rows,rank,deployable"
)


def table(folder):
    return list(csv.DictReader(io.StringIO((folder / "results.csv").read_text(encoding="utf-8"))))


@pytest.fixture
def demo(matrix):
    matrix.cell("zero_shot", 10, validation=12)
    matrix.cell("few_shot", 12, work=8.0)
    matrix.cell("lora", 38, trains=True, validation=30)
    matrix.cell("broken", 0, status="failed", reason="killed by signal 9")
    matrix.refuse("full", "needs 80 GB, the card has 24 GB")
    return matrix


def test_columns_are_exactly_those_promised(demo, tmp_path):
    write_results(demo.plan(), demo.outcomes, tmp_path / "out")
    header = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ORDER
    assert columns(("exact_match", "rouge1")) == ORDER.split(",")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "approaches.csv",
        "leaderboard.md",
        "results.csv",
        "results.json",
    ]


def test_rows_are_ordered_by_the_primary_metric_then_by_status(demo, tmp_path):
    write_results(demo.plan(), demo.outcomes, tmp_path)
    rows = table(tmp_path)
    assert [row["label"] for row in rows] == ["lora", "few_shot", "zero_shot", "broken", "full"]
    assert [row["status"] for row in rows] == ["done", "done", "done", "failed", "refused"]
    best = rows[0]
    assert float(best["exact_match"]) == 38 / 40 and float(best["exact_match_low"]) < 38 / 40 < float(
        best["exact_match_high"]
    )
    assert best["n"] == "40" and float(best["train_seconds"]) == 32.0 and float(best["generate_seconds"]) == 6.0
    assert float(best["latency_p50_ms"]) == pytest.approx(200) and float(best["tokens_per_second"]) == 20.0
    assert (best["prompt_tokens"], best["completion_tokens"], best["peak_memory_bytes"]) == ("120", "80", "7000")
    assert float(rows[1]["train_seconds"]) == 0.0


def test_unknown_is_empty_and_never_zero(demo, tmp_path):
    """Number 31: on the CPU no price is known."""
    write_results(demo.plan(), demo.outcomes, tmp_path)
    for row in table(tmp_path):
        assert row["train_usd"] == "" and row["usd_per_1k_requests"] == ""
    broken, refused = table(tmp_path)[3:]
    assert broken["exact_match"] == "" and broken["reason"] == "killed by signal 9"
    assert refused["reason"] == "method: needs 80 GB, the card has 24 GB. Take lora"
    assert all(refused[name] == "" for name in ORDER.split(",")[11:])


def test_results_json_holds_the_rest(demo, tmp_path):
    write_results(demo.plan(), demo.outcomes, tmp_path)
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(data["columns"]) == [
        *ORDER.split(","),
        "index_seconds",
        "index_usd",
        "prompt",
        "first_token_p50_ms",
        "first_token_p95_ms",
        "backend",
    ]
    (family,) = data["families"]
    assert family["family"] == "best" and [one["verdict"] for one in family["comparisons"]] == ["better", "better"]
    assert family["comparisons"][0]["mcnemar"] == {"first_only": 26, "second_only": 0, "p": 2.0**-25, "method": "exact"}
    assert family["cost_basis"] == "seconds_per_1k_requests"
    lora = data["cells"][0]
    assert lora["rank"] == "1" and lora["scores"]["exact_match"]["slices"]["kind"]["new"]["n"] == 20
    assert lora["scores"]["exact_match"]["signature"]
    assert lora["validation"]["exact_match"]["value"] == 30 / 40
    assert lora["bill"]["price_basis"].endswith("no price known for cpu")
    assert data["cells"][1]["validation"] == {}


def test_28_ties_are_shown_as_ranges_everywhere(demo, tmp_path):
    results = write_results(demo.plan(), demo.outcomes, tmp_path)
    assert [results.rank_text(row.id) for row in results.rows] == ["1", "2-3", "2-3", "", ""]
    assert "| 2-3 | few" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert any("a range of ranks is a tie" in note for note in results.notes)


def test_the_frontier_weighs_quality_against_cost(demo, tmp_path):
    results = write_results(demo.plan(), demo.outcomes, tmp_path)
    marked = {row.label: results.frontier(row.id) for row in results.rows}
    # zero_shot costs what lora costs per request and answers worse; few_shot costs more and answers worse
    assert marked == {"lora": "on", "zero_shot": "off", "few_shot": "off", "broken": None, "full": None}


def test_26_a_tie_stays_on_the_frontier_marked_undecided_everywhere(matrix, tmp_path):
    """As measured the cheap cell is worse and the dear one better, or the other way round: neither is shown, so both
    stay.
    """
    matrix.cell("dear", 31, n=40, work=40.0, price=1.0)
    matrix.cell("cheap", 33, n=40, work=4.0, price=1.0)
    matrix.cell("bad", 2, n=40, work=8.0, price=1.0)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    ids = {row.label: row.id for row in results.rows}
    assert {label: results.frontier(cell) for label, cell in ids.items()} == {
        "dear": "undecided",
        "cheap": "undecided",
        "bad": "off",
    }
    assert (tmp_path / "leaderboard.md").read_text(encoding="utf-8").count("| undecided |") == 2
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert {cell["label"]: cell["frontier"] for cell in data["cells"]} == {
        "dear": "undecided",
        "cheap": "undecided",
        "bad": "off",
    }
    assert any("frontier undecided" in note and "decision.margin" in note for note in results.notes)
    assert [line.split()[-1] == "undecided" for line in render(results, 160).splitlines()[1:4]] == [True, True, False]


def test_a_stated_load_moves_the_marks_to_the_total_cost(matrix, tmp_path):
    """Equally good within the margin: per request the tuned cell is the cheaper one, to own it is the dearer one, since
    one machine serves either.
    """
    matrix.decision["margin"] = 0.3
    matrix.cell("base", 39, work=8.0, price=1.0)
    matrix.cell("tuned", 39, work=4.0, trains=True, price=1.0)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert {row.label: results.frontier(row.id) for row in results.rows} == {"base": "off", "tuned": "on"}
    matrix.decision |= {"months": 12, "requests_per_month": 1e6, "peak_rps": 1.0, "retrains_per_month": 1.0}
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert {row.label: results.frontier(row.id) for row in results.rows} == {"base": "on", "tuned": "off"}
    assert any("weighs the total cost over 12 months at 1,000,000 requests a month" in note for note in results.notes)


def test_dollars_where_the_price_is_known(matrix, tmp_path):
    device = "NVIDIA H100 80GB HBM3"
    matrix.cell("cheap", 20, hardware="h100", device=device, work=4.0)
    matrix.cell("dear", 39, hardware="h100", device=device, work=40.0, trains=True)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    dear, cheap = table(tmp_path)
    assert float(cheap["usd_per_1k_requests"]) == pytest.approx((2 + 4 * 25) / 3600 * 3.99)
    assert float(dear["train_usd"]) == pytest.approx(32 / 3600 * 3.99) and float(cheap["train_usd"]) == 0.0
    assert "2026-11-09" in dear["price_basis"]
    assert results.families[0].cost_basis == "usd_per_1k_requests"
    assert all(results.frontier(row.id) == "on" for row in results.rows)


def test_31_one_unknown_price_takes_the_dollars_off_the_frontier(matrix, tmp_path):
    matrix.cell("priced", 20, hardware="h100", device="NVIDIA H100 80GB HBM3")
    matrix.cell("elsewhere", 30, hardware="h100", device="cpu")
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert results.families[0].cost_basis == "seconds_per_1k_requests"
    assert {row["label"]: row["usd_per_1k_requests"] == "" for row in table(tmp_path)} == {
        "priced": False,
        "elsewhere": True,
    }
    assert any("measured on cpu, not h100" in note for note in results.notes)


def test_lower_is_better_turns_order_ranks_and_frontier(matrix, tmp_path):
    matrix.metrics, matrix.primary = ("bits_per_byte", "exact_match"), "bits_per_byte"
    matrix.cell("bad", 10, nll=8.0)
    matrix.cell("good", 10, nll=2.0)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert [row.label for row in results.rows] == ["good", "bad"]
    assert [results.rank_text(row.id) for row in results.rows] == ["1", "2"]
    assert [results.frontier(row.id) for row in results.rows] == ["on", "off"]


def test_20_perplexity_is_not_ranked_across_tokenizers(matrix, tmp_path):
    matrix.metrics, matrix.primary = ("perplexity", "bits_per_byte", "exact_match"), "perplexity"
    matrix.cell("a", 10, nll=8.0, model="one")
    matrix.cell("b", 10, nll=2.0, model="other")
    matrix.cell("c", 10, nll=5.0, model="other", trains=True)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert [len(family.cells) for family in results.families] == [1, 2]
    assert any("does not compare across tokenizers" in note for note in results.notes)
    matrix.primary = "bits_per_byte"
    assert len(write_results(matrix.plan(), matrix.outcomes, tmp_path).families) == 1


def test_data_sets_that_test_the_same_rows_are_ranked_together_and_others_are_not(matrix, tmp_path):
    """More training rows are another data set, and the question is what they gained; equal ids over other rows are no
    reason.
    """
    frozen, other = [{"id": "row0", "target": "It is red."}], [{"id": "row0", "target": "It is green."}]
    matrix.cell("lora train=100", 10, trains=True, data="toy 100", tested=frozen)
    matrix.cell("lora train=300", 38, trains=True, data="toy 300", tested=frozen)
    matrix.cell("elsewhere", 38, trains=True, data="another", tested=other)
    families = write_results(matrix.plan(), matrix.outcomes, tmp_path).families
    named = {cell.id: cell.label for cell in matrix.cells}
    assert [sorted(named[cell] for cell in family.cells) for family in families] == [
        ["lora train=100", "lora train=300"],
        ["elsewhere"],
    ]


def test_tuning_that_adds_nothing_is_called_so(matrix, tmp_path):
    matrix.cell("zero_shot", 20)
    matrix.cell("lora", 21, trains=True)
    (family,) = write_results(matrix.plan(), matrix.outcomes, tmp_path).families
    assert any("No two of these 2 cells can be told apart" in sentence for sentence in family.sentences)
    assert any(
        sentence.startswith("Tuning adds nothing that can be told from chance: lora against zero_shot")
        for sentence in family.sentences
    )


def test_tuning_that_helps_or_hurts_is_called_so(matrix, tmp_path):
    matrix.cell("zero_shot", 10)
    matrix.cell("lora", 38, trains=True)
    (family,) = write_results(matrix.plan(), matrix.outcomes, tmp_path).families
    (sentence,) = family.sentences
    assert sentence.startswith("Tuning helps: lora against zero_shot: exact_match +0.7")
    matrix.cell("rag", 40, work=9.0)
    (family,) = write_results(matrix.plan(), matrix.outcomes, tmp_path).families
    assert any(sentence.startswith("Tuning adds nothing") for sentence in family.sentences)


def test_notes_of_the_data_and_the_answers_are_said_once(demo, tmp_path):
    demo.cell("chatty", 5, finish="length")
    results = write_results(demo.plan(), demo.outcomes, tmp_path)
    assert sum("toy: says nothing about a 7B" in note for note in results.notes) == 1
    assert "40 of 40 answers hit the length cap (chatty)" in results.notes
    assert any(note.startswith("one seed") for note in results.notes)


def test_29_the_return_value_is_the_validation_score(demo):
    plan = demo.plan()
    values = {cell.label: validation_score(plan, cell, demo.store) for cell in plan.cells}
    assert values == {"zero_shot": 12 / 40, "few_shot": None, "lora": 30 / 40, "broken": None}


def test_without_a_primary_metric_the_first_one_orders(demo, tmp_path):
    demo.primary = None
    plan = demo.plan()
    assert write_results(plan, demo.outcomes, tmp_path).primary == "exact_match"
    assert validation_score(plan, plan.cells[0], demo.store) == 12 / 40


def test_cells_that_left_nothing_behind(matrix, tmp_path):
    matrix.cell("zero_shot", 10)
    ghost = matrix.cell("ghost", 20, trains=True, status="blocked", reason="train failed")
    lost = matrix.cell("lost", 20, trains=True)
    for role in ("train", "generate.test", "score.test"):
        for cell in (ghost, lost):
            key = cell.stages[role]
            matrix.store.folder(key).chmod(0o755)
            matrix.store.folder(key).rename(tmp_path / f"gone-{key}")
    del matrix.outcomes[matrix.cells[0].id]
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path / "out")
    rows = {row["label"]: row for row in table(tmp_path / "out")}
    assert (rows["zero_shot"]["status"], rows["zero_shot"]["reason"]) == ("skipped", "not run")
    assert rows["ghost"]["status"] == "blocked" and rows["ghost"]["train_seconds"] == rows["ghost"]["train_usd"] == ""
    assert rows["lost"]["status"] == "failed" and rows["lost"]["reason"] == "its scores are not in the store"
    assert results.families == ()


def test_nothing_but_refusals(matrix, tmp_path):
    matrix.refuse("full", "too large")
    plan = matrix.plan()
    results = write_results(type(plan)(plan.cells, plan.stages, plan.refusals, plan.store, {}), {}, tmp_path)
    assert [row.facts["status"] for row in results.rows] == ["refused"]
    assert "too large" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")


def test_odd_text_is_safe_in_csv_and_markdown(matrix, tmp_path):
    matrix.cell("=cmd|'/c calc'!A1", 10, notes=("<script>alert(1)</script> | a",))
    matrix.cell('say "hi",\nthere', 10, status="failed", reason="@SUM(A1)\r\nsecond | line")
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    rows = table(tmp_path)
    assert rows[0]["label"] == "'=cmd|'/c calc'!A1"
    assert rows[1]["label"] == 'say "hi",\nthere' and rows[1]["reason"].startswith("'@SUM(A1)")
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert "<script>" not in page and "\\|" in page
    assert results_text(results).count("=cmd") == results_text(results).count("'=cmd")
