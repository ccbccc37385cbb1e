"""Answers in batches: padded on the left with an explicit mask, sorted by length, handed back in input order.

An answer depends on its own prompt alone. That holds to the last bit of the argmax in float32 on a CPU (tests show it
over batch sizes); in bfloat16 on a GPU other kernels serve other batch shapes, so a tie within rounding may fall
differently there. Keep the batch size fixed within a comparison.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from ftbench.models.decoding import Decoding
from ftbench.models.format import Encoded
from ftbench.models.loaded import Loaded

STOP_WINDOW_TOKENS = 8
NOT_NUMBERS = "the model's logits are no finite numbers; its weights may hold NaN"


@dataclass(frozen=True)
class Answer:
    """One generated answer.

    Attributes:
        text: without stop tokens and stop texts; ``""`` for a row that failed.
        finish: ``stop``, ``length`` (hit ``max_new_tokens``) or ``error``.
        error: None, or one line.
        prompt_tokens: tokens of the prompt, padding not counted.
        completion_tokens: tokens that the model wrote, its stop token included.
    """

    text: str
    finish: str
    error: str | None
    prompt_tokens: int
    completion_tokens: int


def generate(
    loaded: Loaded,
    requests: Sequence[Encoded],
    decoding: Decoding,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Answer]:
    """Answers every request.

    Args:
        requests: prompts as ids, made by ``loaded.format``.
        seed: of the sampler; greedy answers do not depend on it.
        progress: told how many requests are done out of how many.

    Returns:
        One answer per request, in order. A prompt that leaves no room for ``max_new_tokens`` is an answer with
        ``finish="error"``: it stays in n (docs/mistakes.md, number 15).

    Raises:
        torch.OutOfMemoryError: when not even a single request fits; batches that do not are halved, and stay so.
    """
    answers: list[Answer | None] = [misfit(loaded.context_tokens, request, decoding) for request in requests]
    waiting = sorted(
        (i for i, answer in enumerate(answers) if answer is None), key=lambda i: (-len(requests[i].prompt_ids), i)
    )
    _seed(seed, loaded.device)
    size, grows = decoding.first_batch, decoding.batch_size is None and _tells_when_full(loaded.device)
    while waiting:
        batch = waiting[:size]
        try:
            found = _batch(loaded, [requests[i] for i in batch], decoding)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            found = None
        if found is None:
            # Not inside the handler: the exception holds on to the tensors that did not fit.
            size, grows = len(batch) // 2, False
            torch.cuda.empty_cache()
            continue
        for i, answer in zip(batch, found, strict=True):
            answers[i] = answer
        waiting = waiting[len(batch) :]
        size = size * 2 if grows else size  # longest first: what comes is no longer than what fitted
        if progress is not None:
            progress(len(requests) - len(waiting), len(requests))
    return [answer for answer in answers if answer is not None]


def latencies(
    loaded: Loaded, requests: Sequence[Encoded], decoding: Decoding, seed: int
) -> tuple[list[float], list[float]]:
    """Times up to ``decoding.latency_requests`` requests one by one, spread evenly over the split, after a warm-up.

    Returns:
        Seconds per request, and seconds to its first token, each clock read after a synchronize.
    """
    fitting = [request for request in requests if misfit(loaded.context_tokens, request, decoding) is None]
    count = min(decoding.latency_requests, len(fitting))
    if count == 0:
        return [], []
    chosen = [fitting[i * len(fitting) // count] for i in range(count)]
    _seed(seed, loaded.device)
    seconds, first_seconds = [], []
    for position, request in enumerate([chosen[0], *chosen]):
        first = _FirstToken(loaded.device)
        start = _clock(loaded.device)
        _batch(loaded, [request], decoding, first)
        if position > 0:
            seconds.append(_clock(loaded.device) - start)
            first_seconds.append(first.time - start)
    return seconds, first_seconds


def misfit(window: int | None, request: Encoded, decoding: Decoding) -> Answer | None:
    """Returns the failed answer of a prompt that leaves no room for ``max_new_tokens`` in the window; None for one that
    fits.
    """
    length = len(request.prompt_ids)
    if window is None or length + decoding.max_new_tokens <= window:
        return None
    reason = (
        f"prompt of {length} tokens does not fit with max_new_tokens {decoding.max_new_tokens} into {window} tokens"
    )
    return Answer("", "error", reason, length, 0)


def _batch(
    loaded: Loaded, requests: Sequence[Encoded], decoding: Decoding, watch: StoppingCriteria | None = None
) -> list[Answer]:
    ids, mask = left_padded([request.prompt_ids for request in requests], loaded.pad_id)
    width = ids.shape[1]
    stops = [tuple(dict.fromkeys((*request.stop_texts, *decoding.stop))) for request in requests]
    criteria = StoppingCriteriaList(
        [*([_StopTexts(loaded, stops, width)] if any(stops) else []), *([watch] if watch else [])]
    )
    sound = _Finite()
    own = loaded.model.generation_config
    # What a checkpoint's generation config sets (a repetition penalty, sampling) fills every value that is left open.
    loaded.model.generation_config = GenerationConfig()
    try:
        with torch.inference_mode():
            written = loaded.model.generate(
                input_ids=ids.to(loaded.device),
                attention_mask=mask.to(loaded.device),
                generation_config=_config(loaded, decoding),
                stopping_criteria=criteria,
                logits_processor=LogitsProcessorList([sound]),
            )
    finally:
        loaded.model.generation_config = own
    rows = written[:, width:].tolist()
    answers = [_answer(loaded, request, row, stop) for request, row, stop in zip(requests, rows, stops, strict=True)]
    return [_checked(answer, steps) for answer, steps in zip(answers, sound.steps(), strict=True)]


def _config(loaded: Loaded, decoding: Decoding) -> GenerationConfig:
    sampling = (
        {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": decoding.top_k}
        if decoding.do_sample
        else {}
    )
    return GenerationConfig(
        do_sample=decoding.do_sample,
        num_beams=1,
        repetition_penalty=1.0,
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=list(loaded.stop_ids),
        pad_token_id=loaded.pad_id,
        use_cache=True,
        **sampling,
    )


def _answer(loaded: Loaded, request: Encoded, row: list[int], stops: Sequence[str]) -> Answer:
    """Cuts a row [new] where its answer ended; what follows is padding."""
    end = next((position for position, token in enumerate(row) if token in loaded.stop_ids), None)
    kept = row if end is None else row[:end]
    text = loaded.format.decode(kept)
    finish = "length" if end is None else "stop"
    count = len(kept) + (end is not None)
    cut = min((text.find(stop) for stop in stops if stop in text), default=None)
    if cut is not None:
        while len(kept) > 1 and any(stop in loaded.format.decode(kept[:-1]) for stop in stops):
            kept = kept[:-1]
        text, finish, count = text[:cut], "stop", len(kept)
    return Answer(text, finish, None, len(request.prompt_ids), count)


def _checked(answer: Answer, sound_steps: int) -> Answer:
    """Returns the answer, failed where one of its tokens was chosen by no number; tokens after its end do not count."""
    if answer.completion_tokens <= sound_steps:
        return answer
    return Answer("", "error", NOT_NUMBERS, answer.prompt_tokens, answer.completion_tokens)


def left_padded(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids [batch, seq], padded on the left, and the mask [batch, seq] that is 0 where padding stands."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[pad_id] * (width - len(row)) + list(row) for row in rows], dtype=torch.long)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], dtype=torch.long)
    return ids, mask


class _StopTexts(StoppingCriteria):
    """Ends a row once one of its stop texts has been written. The window keeps a step's cost independent of length."""

    def __init__(self, loaded: Loaded, stops: Sequence[Sequence[str]], width: int) -> None:
        self.format, self.stops, self.width = loaded.format, stops, width
        self.window = STOP_WINDOW_TOKENS + max(len(stop.encode("utf-8")) for row in stops for stop in row)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        tails = input_ids[:, max(self.width, input_ids.shape[1] - self.window) :].tolist()
        done = [
            any(stop in text for stop in stops)
            for text, stops in zip(map(self.format.decode, tails), self.stops, strict=True)
        ]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)


class _Finite(LogitsProcessor):
    """Counts for each row the steps before its first logits that are NaN, infinite or impossible for all tokens.

    Such logits are replaced: sampling from them would raise, which fails the other rows too.
    """

    def __init__(self) -> None:
        self._sound: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # NaN and +inf pass through a maximum; -inf is how single tokens are ruled out
        sound = scores.amax(dim=-1).isfinite()
        self._sound.append(sound)
        return torch.where(sound[:, None], scores, torch.zeros_like(scores))

    def steps(self) -> list[int]:
        """Returns how many steps were sound before the first that was not, per row."""
        return torch.stack(self._sound).long().cumprod(dim=0).sum(dim=0).tolist()


class _FirstToken(StoppingCriteria):
    """Stops nothing; reads the clock when the first token of a batch has been written."""

    def __init__(self, device: str) -> None:
        self.device, self.time = device, 0.0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        self.time = self.time or _clock(self.device)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def _seed(seed: int, device: str) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _tells_when_full(device: str) -> bool:
    """True for a device that refuses what it has no room for; a CPU swaps, and gains nothing from more rows at once."""
    return device.startswith("cuda")


def _clock(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter()
