"""The harness stage: lm-eval's figures are ours by ten lines, whatever the template, and the model is left as
it was.
"""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ftbench.compile.option import shipped as component
from ftbench.core.component import Component
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Turn
from ftbench.core.files import read_jsonl
from ftbench.models.format import Format
from ftbench.models.resident import Resident
from ftbench.stats.aggregate import AGGREGATIONS
from ftbench.stats.sufficient_statistics import Sufficient
from tests.metrics.tasks import QUESTIONS, write_tasks
from tests.metrics.test_harness import harness
from tests.models.llama import CHAT_TEMPLATE
from tests.stages.jobs import work


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("own") / "tasks")


class Holding(Resident):
    """Hands out a model that a fixture has loaded."""

    def __init__(self, loaded: Any) -> None:
        super().__init__("cpu")
        self.held = loaded

    def get(self, model: Component, key: str | None = None) -> Any:
        return self.held


def ask(folder: Path, loaded: Any, tasks: Path, task: str, **values: object) -> tuple[dict, list[dict], Sufficient]:
    one = harness(tasks, task, **values)
    work("harness", folder, Holding(loaded), {}, model=component("model", "tiny"), harness=one)
    return (
        json.loads((folder / "harness.json").read_text(encoding="utf-8")),
        list(read_jsonl(folder / "samples.jsonl")),
        Sufficient.read(folder),
    )


def reference(loaded: Any, context: str, continuation: str, templated: bool) -> float:
    """The log-likelihood of a continuation in ten lines: one row, no padding, no library but the model."""
    tokenizer = loaded.tokenizer
    if templated:
        context = loaded.format.text([Turn("user", context)])
    ids = tokenizer(context + continuation, add_special_tokens=not templated)["input_ids"]
    prompt = tokenizer(context, add_special_tokens=not templated)["input_ids"]
    with torch.inference_mode():
        logits = loaded.model(input_ids=torch.tensor([ids])).logits[0].float()
    return float(sum(torch.log_softmax(logits[at - 1], -1)[ids[at]] for at in range(len(prompt), len(ids))))


@pytest.mark.parametrize("templated", [False, True])
def test_10_the_likelihood_of_a_choice_is_that_of_ten_lines_with_and_without_the_template(
    chat: Any, tasks: Path, tmp_path: Path, templated: bool
) -> None:
    said, samples, _ = ask(tmp_path / "out", chat, tasks, "colours", apply_chat_template=templated)
    assert (said["chat_template"] is not None) == templated
    right = []
    for row, sample in zip(QUESTIONS, samples, strict=True):
        space = "" if templated else " "
        wanted = [reference(chat, f"Question: {row['q']}\nAnswer:", space + choice, templated) for choice in row["c"]]
        found = [response[0] for response in sample["responses"]]
        assert np.allclose(found, wanted, atol=1e-4)
        right.append(float(np.argmax(wanted) == row["a"]))
        begins = sum(
            chat.tokenizer(sample["arguments"][0][0], add_special_tokens=not templated)["input_ids"][i]
            == chat.tokenizer.bos_token_id
            for i in (0, 1)
        )
        assert begins == 1
    assert said["metrics"]["colours/acc"]["value"] == pytest.approx(np.mean(right))


def test_10_text_of_a_template_without_begin_of_text_gets_none_from_lm_eval(
    chat: Any, tasks: Path, tmp_path: Path
) -> None:
    bare = CHAT_TEMPLATE.removeprefix("{{ bos_token }}")
    loaded = replace(chat, format=Format(chat.tokenizer, bare))
    _, samples, _ = ask(tmp_path / "out", loaded, tasks, "colours", apply_chat_template=True, limit=3)
    for row, sample in zip(QUESTIONS, samples, strict=False):
        wanted = [reference(loaded, f"Question: {row['q']}\nAnswer:", choice, True) for choice in row["c"]]
        assert np.allclose([response[0] for response in sample["responses"]], wanted, atol=1e-4)


def test_the_figures_do_not_depend_on_the_batch(chat: Any, tasks: Path, tmp_path: Path) -> None:
    one, other = (ask(tmp_path / str(size), chat, tasks, "colours", batch_size=size)[1] for size in (1, 8))
    for first, second in zip(one, other, strict=True):
        assert np.allclose([r[0] for r in first["responses"]], [r[0] for r in second["responses"]], atol=1e-4)


def test_the_model_and_its_tokenizer_are_left_as_they_were(plain: Any, tasks: Path, tmp_path: Path) -> None:
    assert plain.tokenizer.pad_token_id is None
    before = (
        copy.deepcopy(plain.model.generation_config.to_dict()),
        dict(plain.model.__dict__),
        plain.tokenizer.padding_side,
        torch.get_rng_state(),
    )
    weights = {name: value.clone() for name, value in plain.model.state_dict().items()}
    ask(tmp_path / "out", plain, tasks, "colours")
    assert (
        plain.tokenizer.pad_token_id is None
        and plain.tokenizer.padding_side == before[2]
        and plain.tokenizer.chat_template is None
    )
    assert plain.model.generation_config.to_dict() == before[0] and plain.model.__dict__.keys() == before[1].keys()
    assert torch.equal(torch.get_rng_state(), before[3])
    assert all(torch.equal(weights[name], value) for name, value in plain.model.state_dict().items())


def test_the_same_stage_gives_the_same_bytes_and_keeps_every_question(chat: Any, tasks: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        ask(tmp_path / name, chat, tasks, "colours", limit=5)
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()
    }
    said, samples, kept = ask(tmp_path / "three", chat, tasks, "colours", limit=5)
    assert said["limit"] == 5 and len(samples) == 5 and kept.ids == tuple(f"colours:{i}" for i in range(5))
    assert [row[0] for row in kept.metrics["colours/acc"]] == [sample["metrics"]["acc"] for sample in samples]
    assert (
        said["tasks"]["colours"]["version"] == 2.0 and said["tasks"]["colours"]["num_fewshot"] == 0 and said["lm_eval"]
    )


def test_a_group_is_one_figure_over_all_its_questions_and_a_tag_its_tasks(
    chat: Any, tasks: Path, tmp_path: Path
) -> None:
    group, _, kept = ask(tmp_path / "group", chat, tasks, "all_colours")
    assert list(group["metrics"]) == ["all_colours/acc"] and group["metrics"]["all_colours/acc"]["n"] == 13 == len(
        kept.ids
    )
    table, entry = kept.metrics["all_colours/acc"], group["metrics"]["all_colours/acc"]
    assert float(AGGREGATIONS[entry["aggregation"]](table.sum(axis=0), 13.0)) == pytest.approx(entry["value"])
    tag, _, parts = ask(tmp_path / "tag", chat, tasks, "colourful")
    assert {"colours/acc", "more_colours/acc"} <= tag["metrics"].keys()
    assert tag["metrics"]["more_colours/acc"]["n"] == 4
    for name, entry in tag["metrics"].items():
        assert float(AGGREGATIONS[entry["aggregation"]](parts.metrics[name].sum(axis=0), 13.0)) == pytest.approx(
            entry["value"]
        )


def test_10_a_rolling_text_begins_once(plain: Any, tasks: Path, tmp_path: Path) -> None:
    said, _, _ = ask(tmp_path / "out", plain, tasks, "stories")
    assert said["metrics"]["stories/bits_per_byte"]["value"] == pytest.approx(
        bits_per_byte(plain, ["Once there was a cat.", "It sat."]), rel=1e-5
    )


def test_perplexity_tasks_add_up_as_corpora(chat: Any, tasks: Path, tmp_path: Path) -> None:
    said, samples, kept = ask(tmp_path / "out", chat, tasks, "stories")
    for name, entry in said["metrics"].items():
        assert entry["aggregation"] in ("weighted_perplexity", "bits_per_byte"), name
        assert float(AGGREGATIONS[entry["aggregation"]](kept.metrics[name].sum(axis=0), 2.0)) == pytest.approx(
            entry["value"], rel=1e-6
        )
    assert said["metrics"]["stories/bits_per_byte"]["higher_is_better"] is False


def test_what_cannot_be_asked_is_one_line(plain: Any, tasks: Path, tmp_path: Path) -> None:
    with pytest.raises(FtbenchError, match="no chat template"):
        ask(tmp_path / "template", plain, tasks, "colours", apply_chat_template=True)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.yaml").write_text(
        (tasks / "stories.yaml")
        .read_text(encoding="utf-8")
        .replace("task: stories", "task: bad")
        .replace("{{text}}", "{{text"),
        encoding="utf-8",
    )
    with pytest.raises(FtbenchError, match="harness.tasks=bad: lm-eval cannot run it") as failed:
        ask(tmp_path / "out", plain, tmp_path / "bad", "bad")
    assert "\n" not in str(failed.value)


def test_requests_that_do_not_fit_are_counted(chat: Any, tmp_path: Path) -> None:
    long = write_tasks(
        tmp_path / "long",
        questions=[{"q": "why? " * 100, "c": ["yes", "no"], "a": 0}, {"q": "why?", "c": ["yes", "no"], "a": 0}],
    )
    said, _, _ = ask(tmp_path / "out", chat, long, "colours")
    assert said["cut"] == 2


@pytest.mark.shared_data
def test_arc_with_options_of_different_number_and_story_perplexity_is_that_of_ten_lines(
    stories: Any, shared_data: Path, tmp_path: Path
) -> None:
    rows = []
    for line in (shared_data / "arc_challenge" / "ARC-Challenge-Dev.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        choices = question["question"]["choices"]
        rows.append(
            {
                "q": question["question"]["stem"],
                "c": [one["text"] for one in choices],
                "a": [one["label"] for one in choices].index(question["answerKey"]),
            }
        )
    rows.sort(key=lambda row: len(row["q"]))
    rows = [row for size in (3, 4, 5) for row in [row for row in rows if len(row["c"]) == size][:3]]
    assert {len(row["c"]) for row in rows} >= {3, 4} and {len(row["c"]) for row in QUESTIONS} == {3, 4, 5}
    texts = [
        text.strip()
        for text in (
            (shared_data / "tinystories_valid_sample" / "stories.txt")
            .read_text(encoding="utf-8")
            .split("<|endoftext|>")
        )
        if 0 < len(text.strip()) < 700
    ][:4]
    tasks = write_tasks(tmp_path / "tasks", rows, texts)
    _, samples, _ = ask(tmp_path / "arc", stories, tasks, "colours")
    for row, sample in zip(rows, samples, strict=False):
        wanted = [reference(stories, f"Question: {row['q']}\nAnswer:", " " + choice, False) for choice in row["c"]]
        assert np.allclose([response[0] for response in sample["responses"]], wanted, atol=1e-3)
    said, _, _ = ask(tmp_path / "stories", stories, tasks, "stories")
    assert said["metrics"]["stories/bits_per_byte"]["value"] == pytest.approx(bits_per_byte(stories, texts), rel=1e-4)


def bits_per_byte(loaded: Any, texts: list[str]) -> float:
    """Bits per byte of whole texts after one begin-of-text, in ten lines."""
    nats = 0.0
    for text in texts:
        ids = torch.tensor(
            [[loaded.tokenizer.bos_token_id, *loaded.tokenizer(text, add_special_tokens=False)["input_ids"]]]
        )
        with torch.inference_mode():
            logits = loaded.model(input_ids=ids).logits[0].float()
        nats -= float(torch.log_softmax(logits[:-1], -1).gather(-1, ids[0, 1:, None]).sum())
    return nats / sum(len(text.encode()) for text in texts) / math.log(2)


def test_15_weights_that_are_no_numbers_are_refused_and_not_scored_by_chance(
    chat: Any, tasks: Path, tmp_path: Path
) -> None:
    broken = replace(chat, model=copy.deepcopy(chat.model))
    with torch.no_grad():
        broken.model.get_input_embeddings().weight[5, 0] = float("nan")
    told = "1 of the model's weight tensors hold NaN or infinite numbers, the first is model.embed_tokens"
    with pytest.raises(FtbenchError, match=told):
        ask(tmp_path / "out", broken, tasks, "colours")
