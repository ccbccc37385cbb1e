"""Answers by vLLM, for whole weights on a GPU: an untouched base, or a merged folder. Imported only where
``decoding.backend=vllm`` asks for it.

Written against vLLM's documented offline interface (``LLM.generate`` over token ids with ``SamplingParams``) and tested
with a stand-in alone: no GPU was at hand. Prompts are rendered and tokenized by the same ``Format`` as for
transformers, so that a backend changes no prompt.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
import transformers

from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.models.decoding import Decoding
from ftbench.models.format import Encoded, Format
from ftbench.models.generate import Answer, misfit
from ftbench.models.loaded import UNLOADABLE, cannot_load, choose_dtype, configured_ends, load_tokenizer, window


@dataclass(frozen=True)
class Engine:
    """A model in vLLM; what ``ftbench.models.loaded.Loaded`` offers to the generate stage.

    Attributes:
        llm: ``vllm.LLM``.
        format: how turns become ids.
        context_tokens: the window, or None when the model states none.
        revision: commit of a hub model, or None.
        dtype: of the weights.
    """

    llm: Any
    format: Format
    context_tokens: int | None
    revision: str | None
    dtype: str

    def notes(self) -> list[str]:
        """Returns what a reader of this model's answers should know of its template."""
        return self.format.notes()

    def provenance(self) -> dict[str, Any]:
        """Returns what a receipt says of the model."""
        import vllm

        template = None if self.format.template is None else digest(self.format.template)
        return {
            "revision": self.revision,
            "dtype": self.dtype,
            "quantization": None,
            "chat_template": template,
            "vllm": vllm.__version__,
        }

    def close(self) -> None:
        """Ends the engine's process and returns its memory to the device."""
        shutdown = getattr(getattr(self.llm.llm_engine, "engine_core", None), "shutdown", None)
        if shutdown is not None:
            shutdown()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def start(
    name: str,
    revision: str | None,
    dtype: str,
    trust_remote_code: bool,
    context_tokens: int | None,
    template: str | None,
    use_template: bool,
    template_arguments: dict[str, Any],
    seed: int,
) -> Engine:
    """Starts an engine; arguments as of ``ftbench.models.loaded.load``.

    Raises:
        FtbenchError: when model or engine cannot be had.
    """
    import vllm

    common = {"trust_remote_code": trust_remote_code, **({} if revision is None else {"revision": revision})}
    tokenizer, template = load_tokenizer(name, common, template, use_template)
    try:
        config = transformers.AutoConfig.from_pretrained(name, **common)
        try:
            own = transformers.GenerationConfig.from_pretrained(
                name, **({} if revision is None else {"revision": revision})
            )
        except OSError:  # a folder without one
            own = transformers.GenerationConfig()
        limit = context_tokens or window(config)
        weights = str(choose_dtype(dtype, "cuda:0" if torch.cuda.is_available() else "cpu")).removeprefix("torch.")
        # "vllm": what a checkpoint's generation config sets (a repetition penalty, sampling) must not decode for it.
        llm = vllm.LLM(model=name, dtype=weights, max_model_len=limit, seed=seed, generation_config="vllm", **common)
    except (*UNLOADABLE, RuntimeError) as error:
        raise cannot_load(name, error) from error
    format = Format(
        tokenizer, template, configured_ends(SimpleNamespace(generation_config=own, config=config)), template_arguments
    )
    if not format.stop_ids:
        raise FtbenchError(
            f"model.name_or_path={name}: neither tokenizer nor generation config names an end token. Add eos_token to"
            " the tokenizer"
        )
    return Engine(llm, format, limit, revision, weights)


def generate(
    engine: Engine,
    requests: Sequence[Encoded],
    decoding: Decoding,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Answers every request, in order; a prompt that leaves no room for the answer is an answer with
    ``finish="error"``.
    """
    answers = [misfit(engine.context_tokens, request, decoding) for request in requests]
    fitting = [place for place, answer in enumerate(answers) if answer is None]
    if fitting:
        prompts = [{"prompt_token_ids": list(requests[place].prompt_ids)} for place in fitting]
        outputs = engine.llm.generate(
            prompts, [_sampling(engine, requests[place], decoding, seed) for place in fitting], use_tqdm=False
        )
        for place, output in zip(fitting, outputs, strict=True):
            written = output.outputs[0]
            finish = {"stop": "stop", "length": "length"}.get(written.finish_reason, "error")
            error = None if finish != "error" else f"vLLM ended it: {written.finish_reason}"
            answers[place] = Answer(
                "" if error else written.text, finish, error, len(requests[place].prompt_ids), len(written.token_ids)
            )
    if progress is not None:
        progress(len(requests), len(requests))
    return [answer for answer in answers if answer is not None]


def latencies(
    engine: Engine, requests: Sequence[Encoded], decoding: Decoding, seed: int
) -> tuple[list[float], list[float]]:
    """Times single requests, as ``ftbench.models.generate.latencies`` does; offline, vLLM does not tell the first
    token's time.
    """
    fitting = [request for request in requests if misfit(engine.context_tokens, request, decoding) is None]
    count = min(decoding.latency_requests, len(fitting))
    chosen = [fitting[i * len(fitting) // count] for i in range(count)]
    seconds = []
    for position, request in enumerate([*chosen[:1], *chosen]):
        begun = time.perf_counter()
        generate(engine, [request], decoding, seed)
        if position > 0:
            seconds.append(time.perf_counter() - begun)
    return seconds, []


def _sampling(engine: Engine, request: Encoded, decoding: Decoding, seed: int) -> Any:
    from vllm import SamplingParams

    stops = list(dict.fromkeys((*request.stop_texts, *decoding.stop)))
    sampled = (
        {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": decoding.top_k or -1}
        if decoding.do_sample
        else {"temperature": 0.0}
    )
    return SamplingParams(
        max_tokens=decoding.max_new_tokens,
        stop=stops or None,
        stop_token_ids=list(engine.format.stop_ids),
        seed=seed,
        repetition_penalty=1.0,
        **sampled,
    )
