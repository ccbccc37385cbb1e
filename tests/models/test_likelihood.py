"""Likelihoods agree with a loop that anybody can check, whatever the batch and the padding."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.compile.option import shipped as component
from ftbench.models import likelihood as module
from ftbench.models.likelihood import likelihoods
from tests.models.llama import user

PAIRS = [
    ("q", "answer"),
    ("a much longer question than the others here", "b"),
    ("?", "a long answer to a short question, with words"),
    ("x", ""),
]


def reference(loaded, row) -> tuple[float, float]:
    """The nll of a target and of its end token, one row at a time, the plain way."""
    ids = torch.tensor([[*row.prompt_ids, *row.target_ids, *row.end_ids]])
    with torch.no_grad():
        logits = loaded.model(ids).logits[0].double()
    values = [-torch.log_softmax(logits[i - 1], -1)[ids[0, i]].item() for i in range(len(row.prompt_ids), ids.shape[1])]
    return sum(values[: len(row.target_ids)]), values[-1]


@pytest.mark.parametrize("name", ["chat", "plain"])
def test_agrees_with_a_plain_loop(name: str, request: pytest.FixtureRequest) -> None:
    loaded = request.getfixturevalue(name)
    rows = [loaded.format.encode(user(question), target) for question, target in PAIRS]
    for row, found in zip(rows, likelihoods(loaded, rows, 4), strict=True):
        nll, end = reference(loaded, row)
        assert found.nll == pytest.approx(nll, abs=1e-4) and found.nll_end == pytest.approx(end, abs=1e-4)
        assert found.tokens == len(row.target_ids) and found.error is None


@pytest.mark.parametrize("name", ["chat", "plain"])
def test_right_tokens_are_those_that_greedy_decoding_would_have_chosen(
    name: str, request: pytest.FixtureRequest
) -> None:
    loaded = request.getfixturevalue(name)
    rows = [loaded.format.encode(user(question), target) for question, target in PAIRS]
    for row, found in zip(rows, likelihoods(loaded, rows, 3), strict=True):
        right, ids = 0, list(row.prompt_ids)
        for token in row.target_ids:  # one step at a time, the true token given after each
            with torch.no_grad():
                right += int(loaded.model(torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)
        assert found.correct == right
    (one,) = likelihoods(loaded, [_greedy(loaded, rows[0])], 1)
    assert one.correct == one.tokens == 5


def _greedy(loaded, row):
    """The row with a target that the model itself would have written."""
    ids = torch.tensor([row.prompt_ids])
    for _ in range(5):
        with torch.no_grad():
            ids = torch.cat([ids, loaded.model(ids).logits[:, -1:].argmax(-1)], 1)
    return replace(row, target_ids=tuple(ids[0, len(row.prompt_ids) :].tolist()))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 5), order=st.permutations(range(len(PAIRS))))
def test_12_likelihoods_do_not_depend_on_the_batch(chat, size: int, order: list[int]) -> None:
    rows = [chat.format.encode(user(question), target) for question, target in PAIRS]
    found = likelihoods(chat, [rows[i] for i in order], size)
    for i, one in zip(order, found, strict=True):
        assert one.nll == pytest.approx(reference(chat, rows[i])[0], abs=1e-4)


def test_small_logit_budgets_and_chunks_change_nothing(chat, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [chat.format.encode(user(question), target) for question, target in PAIRS]
    whole = likelihoods(chat, rows, 4)
    monkeypatch.setattr(module, "LOGIT_BUDGET_BYTES", 1)
    monkeypatch.setattr(module, "CHUNK_POSITIONS", 3)
    for one, other in zip(whole, likelihoods(chat, rows, 4), strict=True):
        assert one.nll == pytest.approx(other.nll, abs=1e-4) and one.nll_end == pytest.approx(other.nll_end, abs=1e-4)


def test_21_a_row_that_cannot_be_scored_has_no_likelihood(chat) -> None:
    rows = [chat.format.encode(user("q"), "y" * 300), chat.format.encode(user("q"), "fine")]
    long, short = likelihoods(chat, rows, 2)
    assert long.nll is None and long.nll_end is None and "do not fit into 256 tokens" in long.error
    assert short.nll is not None


@pytest.mark.shared_data
def test_19_perplexity_of_stories_is_the_published_one(stories, shared_data: Path) -> None:
    """The sample's SOURCE.txt: 6,609 tokens, mean loss 1.1944, perplexity 3.30, begin token per story, cut at 512
    tokens.
    """
    text = (shared_data / "tinystories_valid_sample" / "stories.txt").read_text(encoding="utf-8")
    rows = [stories.format.encode(user(""), story.strip()) for story in text.split("<|endoftext|>") if story.strip()]
    rows = [replace(row, target_ids=row.target_ids[:510]) for row in rows]
    found = likelihoods(stories, rows, 8)
    nll, tokens = sum(one.nll for one in found), sum(one.tokens for one in found)
    assert tokens == pytest.approx(6609, abs=2)
    assert nll / tokens == pytest.approx(1.1944, abs=5e-4) and math.exp(nll / tokens) == pytest.approx(3.30, abs=0.005)
    for one, row in zip(found[:3], rows, strict=False):
        assert one.nll == pytest.approx(reference(stories, row)[0], rel=1e-5)


def test_a_batch_that_does_not_fit_into_memory_is_halved(chat, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [chat.format.encode(user(question), target) for question, target in PAIRS]
    expected, sizes = [one.nll for one in likelihoods(chat, rows, 1)], []
    hook = chat.model.register_forward_pre_hook(
        lambda module, args, kwargs: _cramped(kwargs["input_ids"].shape[0], sizes), with_kwargs=True
    )
    try:
        assert [one.nll for one in likelihoods(chat, rows, 4)] == pytest.approx(expected, abs=1e-4)
    finally:
        hook.remove()
    assert sizes == [4, 2, 2]


def _cramped(rows: int, sizes: list[int]) -> None:
    sizes.append(rows)
    if rows > 2:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_15_logits_that_are_no_numbers_make_rows_without_a_likelihood(chat_folder: Path) -> None:
    broken = component("model", "hf", name_or_path=str(chat_folder)).load("cpu")
    rows = [broken.format.encode(user("a"), "b"), broken.format.encode(user("zebra"), "b")]
    only = set(rows[1].prompt_ids) - {*rows[0].prompt_ids, *rows[0].target_ids, *rows[0].end_ids}
    broken.model.lm_head.weight = torch.nn.Parameter(broken.model.lm_head.weight.detach().clone())  # tied before
    with torch.no_grad():
        broken.model.get_input_embeddings().weight[next(iter(only))] = float("nan")
    sound, failed = likelihoods(broken, rows, 8)
    assert sound.error is None and sound.nll > 0
    assert (failed.nll, failed.correct, failed.nll_end) == (None, None, None) and "no finite numbers" in failed.error
