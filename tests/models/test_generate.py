"""Greedy answers: the published ones, whatever the batch, the padding and the checkpoint's own settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.compile.option import shipped as component
from ftbench.core.example import Turn
from ftbench.models.generate import generate, latencies
from tests.models.llama import user, write_llama

QUESTIONS = ["", "a", "What is it?", "x" * 60, "Tell me more about it, please. " * 3, "7", "zebra " * 9]


def greedy(**values: object):
    return component("decoding", "greedy", **{"max_new_tokens": 12, **values})


def asked(loaded, questions=QUESTIONS):
    return [loaded.format.encode(user(question)) for question in questions]


@pytest.mark.shared_data
def test_greedy_text_equals_the_published_one(stories, shared_data: Path) -> None:
    expected = json.loads((shared_data / "stories260K" / "expected_greedy.json").read_text(encoding="utf-8"))
    request = stories.format.encode(user(expected["prompt"]))
    assert list(request.prompt_ids) == expected["start_ids"]
    (answer,) = generate(stories, [request], greedy(max_new_tokens=expected["steps"]), seed=0)
    assert answer.text == expected["expected_text"]
    assert (answer.finish, answer.completion_tokens) == ("length", expected["steps"])


@pytest.fixture(scope="module")
def alone(chat):
    return [generate(chat, [request], greedy(), seed=0)[0] for request in asked(chat)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 8), order=st.permutations(range(len(QUESTIONS))))
def test_12_outputs_do_not_depend_on_the_batch(chat, alone, size: int, order: list[int]) -> None:
    requests = asked(chat)
    answers = generate(chat, [requests[i] for i in order], greedy(batch_size=size), seed=0)
    assert answers == [alone[i] for i in order]
    assert len({answer.text for answer in answers}) > 3, "answers that are all alike would show nothing"


@pytest.mark.shared_data
def test_12_outputs_of_a_real_model_do_not_depend_on_the_batch(stories) -> None:
    requests = asked(
        stories, ["Once upon a time", "Tom", "One day, a little girl named Lily found a needle in her room.", ""]
    )
    answers = generate(stories, requests, greedy(max_new_tokens=40), seed=0)
    assert answers == [generate(stories, [request], greedy(max_new_tokens=40), seed=0)[0] for request in requests]


def test_13_an_answer_ends_at_any_stop_token_and_the_cap_is_told_apart(chat, tmp_path: Path) -> None:
    (request,) = asked(chat, ["What is it?"])
    (free,) = generate(chat, [request], greedy(), seed=0)
    assert free.finish == "length" and free.completion_tokens == 12
    prompt = torch.tensor([request.prompt_ids])
    ids = chat.model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=12, pad_token_id=3
    )[0, prompt.shape[1] :].tolist()
    assert chat.format.decode(ids) == free.text
    stop = next(i for i in ids if ids.index(i) > 2)
    folder = write_llama(tmp_path, chat=True, generation={"eos_token_id": [2, stop]})
    loaded = component("model", "hf", name_or_path=str(folder)).load("cpu")
    (cut,) = generate(loaded, asked(loaded, ["What is it?"]), greedy(), seed=0)
    assert cut.finish == "stop"
    assert cut.completion_tokens == ids.index(stop) + 1
    assert cut.text == loaded.format.decode(ids[: ids.index(stop)])


def test_14_a_checkpoints_own_generation_settings_change_nothing(chat, tmp_path: Path) -> None:
    own = {
        "do_sample": True,
        "temperature": 3.0,
        "top_k": 5,
        "repetition_penalty": 9.0,
        "no_repeat_ngram_size": 1,
        "min_new_tokens": 3,
        "eos_token_id": 2,
    }
    loaded = component("model", "hf", name_or_path=str(write_llama(tmp_path, chat=True, generation=own))).load("cpu")
    assert loaded.model.generation_config.repetition_penalty == 9.0
    assert generate(loaded, asked(loaded), greedy(), seed=1) == generate(chat, asked(chat), greedy(), seed=2)
    assert loaded.model.generation_config.repetition_penalty == 9.0


def test_15_a_prompt_that_does_not_fit_stays_as_an_error_row(chat) -> None:
    answers = generate(chat, asked(chat, ["short", "y" * 300, "also short"]), greedy(), seed=0)
    assert [answer.finish == "error" for answer in answers] == [False, True, False]
    assert answers[1].text == ""
    assert answers[1].error == "prompt of 304 tokens does not fit with max_new_tokens 12 into 256 tokens"


def test_stop_texts_end_an_answer_and_are_cut_off(chat) -> None:
    (free,) = generate(chat, asked(chat, ["a"]), greedy(), seed=0)
    stop = free.text[3:5]
    cut = generate(chat, asked(chat, ["a", "x" * 60]), greedy(stop=[stop]), seed=0)[0]
    assert cut.finish == "stop" and cut.text == free.text[: free.text.index(stop)]
    assert cut.completion_tokens < free.completion_tokens


def test_a_worked_example_in_plain_text_ends_the_answer_at_the_blank_line(plain) -> None:
    turns = (Turn("user", "q"), Turn("assistant", "a"), Turn("user", "r"))
    request = plain.format.encode(turns)
    (answer,) = generate(plain, [request], greedy(max_new_tokens=30), seed=0)
    assert "\n\n" not in answer.text


def test_sampling_is_seeded_and_counts_the_batch_into_the_key(chat) -> None:
    decoding = greedy(do_sample=True, temperature=1.5, top_p=0.9, top_k=50)
    requests = asked(chat)
    assert decoding.check() == []
    assert generate(chat, requests, decoding, seed=3) == generate(chat, requests, decoding, seed=3)
    assert generate(chat, requests, decoding, seed=3) != generate(chat, requests, decoding, seed=4)
    assert decoding.identity() != greedy(do_sample=True, temperature=1.5, top_p=0.9, top_k=50, batch_size=3).identity()
    assert greedy().identity() == greedy(batch_size=3, latency_requests=1).identity()
    assert (decoding.uses_seed, greedy().uses_seed) == (True, False)


def test_values_that_have_no_effect_are_refused() -> None:
    assert [problem.where for problem in greedy(temperature=0.7, max_new_tokens=0, stop=[""]).check()] == [
        "decoding.max_new_tokens",
        "decoding.stop",
        "decoding.temperature",
    ]


def test_latency_is_measured_on_single_requests_that_fit(chat) -> None:
    seconds, first = latencies(
        chat, asked(chat, ["a", "y" * 300, "b", "c"]), greedy(latency_requests=8, max_new_tokens=2), seed=0
    )
    assert len(seconds) == 3 and all(0 < one < 10 for one in seconds)
    assert len(first) == 3 and all(0 < one < whole for one, whole in zip(first, seconds, strict=True))
    assert latencies(chat, [], greedy(), seed=0) == ([], [])


def cramped(model, room: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Leaves the model memory for ``room`` rows at once; the list that comes back takes the size of each batch that is
    tried.
    """
    sizes: list[int] = []
    whole = model.generate

    def tried(**kwargs: object):
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(**kwargs)

    monkeypatch.setattr(model, "generate", tried)
    return sizes


def test_a_batch_size_is_found_where_none_is_given(chat, alone, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = cramped(chat.model, 3, monkeypatch)
    monkeypatch.setattr("ftbench.models.decoding.FIRST_BATCH", 1)
    assert generate(chat, asked(chat), greedy(batch_size=None), seed=0) == alone and sizes == [1] * 7, (
        "a CPU does not say when it is full"
    )
    sizes.clear()
    monkeypatch.setattr("ftbench.models.generate._tells_when_full", lambda device: True)
    assert generate(chat, asked(chat), greedy(batch_size=None), seed=0) == alone
    assert sizes == [1, 2, 4, 2, 2]
    sizes.clear()
    assert generate(chat, asked(chat), greedy(batch_size=2), seed=0) == alone and max(sizes) == 2
    assert [problem.where for problem in greedy(batch_size=None, do_sample=True).check()] == [
        "decoding.batch_size"
    ] and greedy(batch_size=None).check() == []


def test_no_request_is_no_answer(chat) -> None:
    assert generate(chat, [], greedy(), seed=0) == []


def test_progress_counts_up_to_all(chat) -> None:
    told: list[tuple[int, int]] = []
    generate(chat, asked(chat), greedy(batch_size=3), seed=0, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_a_batch_that_does_not_fit_into_memory_is_halved(chat, alone, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = cramped(chat.model, 2, monkeypatch)
    assert generate(chat, asked(chat), greedy(batch_size=7), seed=0) == alone
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    cramped(chat.model, 0, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        generate(chat, asked(chat), greedy(), seed=0)


@pytest.mark.parametrize("sampled", [False, True], ids=["greedy", "sampled"])
def test_15_logits_that_are_no_numbers_make_failed_rows(chat_folder: Path, sampled: bool) -> None:
    """NaN has a largest element too, so text would come out. One token's embedding is broken, for one row."""
    whole = component("model", "hf", name_or_path=str(chat_folder)).load("cpu")
    requests = asked(whole, ["a", "zebra z", "7"])
    values = {"do_sample": True, "temperature": 1.0} if sampled else {}
    only = set(requests[1].prompt_ids) - {*requests[0].prompt_ids, *requests[2].prompt_ids}
    expected = generate(whole, requests, greedy(max_new_tokens=1), seed=0)
    whole.model.lm_head.weight = torch.nn.Parameter(whole.model.lm_head.weight.detach().clone())  # tied before
    with torch.no_grad():
        whole.model.get_input_embeddings().weight[next(iter(only))] = float("nan")
    answers = generate(whole, requests, greedy(max_new_tokens=1, **values), seed=0)
    assert [answer.finish == "error" for answer in answers] == [False, True, False]
    assert answers[1].text == "" and "no finite numbers" in answers[1].error
    if not sampled:
        assert [answers[0], answers[2]] == [expected[0], expected[2]]
