"""What is handed to vLLM and what is made of its outputs, over a stand-in for its documented interface that answers
with transformers.

vLLM itself needs a GPU and is not among the dependencies: this shows that nothing of ours differs between the backends,
not that vLLM works.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from ftbench.compile.option import shipped as component
from ftbench.models.generate import generate as by_transformers


@pytest.fixture
def stand_in(chat, monkeypatch):
    """A module ``vllm`` whose ``LLM`` answers as ``chat`` does; ``asked`` keeps what it was given."""
    module = ModuleType("vllm")
    module.__version__ = "0.0"
    module.asked = []

    class SamplingParams(SimpleNamespace):
        pass

    class LLM:
        def __init__(self, **given):
            module.started, self.llm_engine = given, SimpleNamespace()

        def generate(self, prompts, sampling_params, use_tqdm):
            outputs = []
            for prompt, params in zip(prompts, sampling_params, strict=True):
                module.asked.append((prompt, params))
                decoding = component("decoding", "greedy", max_new_tokens=params.max_tokens, stop=params.stop or [])
                encoded = SimpleNamespace(prompt_ids=tuple(prompt["prompt_token_ids"]), stop_texts=())
                (answer,) = by_transformers(chat, [encoded], decoding, 0)
                written = SimpleNamespace(
                    text=answer.text, token_ids=[0] * answer.completion_tokens, finish_reason=answer.finish
                )
                outputs.append(SimpleNamespace(outputs=[written]))
            return outputs

    module.SamplingParams, module.LLM = SamplingParams, LLM
    monkeypatch.setitem(sys.modules, "vllm", module)
    return module


def test_the_backend_changes_neither_prompt_nor_answer_nor_what_does_not_fit(stand_in, chat, chat_folder):
    from ftbench.core.example import Turn
    from ftbench.models.vllm_engine import generate, latencies

    engine = component("model", "hf", name_or_path=str(chat_folder)).engine(seed=3)
    decoding = component("decoding", "greedy", max_new_tokens=5, latency_requests=2, backend="vllm")
    requests = [chat.format.encode([Turn("user", text)]) for text in ("hello", "x" * 400, "how are you")]
    assert [engine.format.encode([Turn("user", "hello")])] == requests[
        :1
    ] and engine.context_tokens == chat.context_tokens
    assert generate(engine, requests, decoding, 3) == by_transformers(
        chat, requests, component("decoding", "greedy", max_new_tokens=5), 3
    )
    (_, params), *_ = stand_in.asked
    assert (
        params.temperature == 0.0
        and set(params.stop_token_ids) == set(chat.stop_ids)
        and params.repetition_penalty == 1.0
    )
    assert stand_in.started["generation_config"] == "vllm" and stand_in.started["max_model_len"] == chat.context_tokens
    seconds, first = latencies(engine, requests, decoding, 3)
    assert len(seconds) == 2 and first == []
    assert latencies(engine, [], decoding, 3) == ([], [])
    engine.close()


def test_38_a_backend_is_in_a_key_where_it_is_not_the_usual_one():
    usual, other = component("decoding", "greedy"), component("decoding", "greedy", backend="vllm")
    assert "backend" not in usual.identity() and other.identity()["backend"] == "vllm"
    assert "Did you mean vllm?" in str(component("decoding", "greedy", backend="vlm").check()[0])
