"""Pretraining of the tiny model: packed sequences of whole conversations, Muon for matrices, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ftbench.models.tiny.text import conversations
from ftbench.models.tiny.tokenizer import BOS, CONTEXT, END, PAD

PROMPT_WEIGHT = 0.05
"""Weight of prompt tokens in the loss: most of them are throw-away values that nobody can predict."""
LENGTHS = (32, 48, 64, 96, 128, 192, 256, 320, 400, 500)
"""Lengths, in tokens, to which conversations are padded; a batch holds conversations of one of them."""
TOKENS_PER_BATCH = 2048
EASY_KINDS, EASY_CHARACTERS = ("copy", "reading"), 150
LEARNING_RATE = 1e-2


def config() -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=1024,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=CONTEXT,
        initializer_range=0.06,
        tie_word_embeddings=True,
        attention_bias=False,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    )


def encode(turns: Any, tokenizer: Any) -> tuple[list[int], list[float]]:
    """Returns token ids and loss weights of one conversation, equal to what the chat template renders."""
    texts = [turn.content for turn in turns]
    ids, weights = [tokenizer.convert_tokens_to_ids(BOS)], [0.0]
    end = tokenizer.convert_tokens_to_ids(END)
    for turn, encoded in zip(
        turns, tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False), strict=True
    ):
        answer = turn.role == "assistant"
        ids += [tokenizer.convert_tokens_to_ids(f"<|{turn.role}|>"), *encoded.ids, end]
        weights += [PROMPT_WEIGHT, *([1.0 if answer else PROMPT_WEIGHT] * (len(encoded.ids) + 1))]
    return ids, weights


def batches(seed: int, tokenizer: Any, easy: int) -> Iterator[tuple[Any, Any]]:
    """Yields ``(ids, weights)``, int64 and float32 [batch, seq]: conversations of like length, one a row, padded on the
    right.

    One a row, because attention across packed conversations would show the documents of one to the questions of
    another. The first ``easy`` batches hold only rows to copy and to read from, short ones first: copying appears all
    at once, and early only where there is little else to learn.
    """
    import torch

    pad, made = tokenizer.convert_tokens_to_ids(PAD), 0
    waiting: dict[int, list[tuple[list[int], list[float]]]] = {length: [] for length in LENGTHS}
    for conversation in conversations(seed):
        if made < easy and (
            conversation.kind not in EASY_KINDS
            or conversation.characters > EASY_CHARACTERS * (1 + 4 * (made / easy) ** 2)
        ):
            continue
        ids, weights = encode(conversation.turns, tokenizer)
        length = next((length for length in LENGTHS if len(ids) <= length), None)
        if length is None:
            continue
        rows = waiting[length]
        rows.append((ids + [pad] * (length - len(ids)), weights + [0.0] * (length - len(ids))))
        if len(rows) == TOKENS_PER_BATCH // length:
            yield torch.tensor([row for row, _ in rows]), torch.tensor([row for _, row in rows])
            rows.clear()
            made += 1


def optimizers(model: Any) -> list[Any]:
    import torch

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=LEARNING_RATE, weight_decay=0.0, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def pretrain(tokenizer: Any, seed: int, steps: int, report: Callable[[int, float, int], None]) -> tuple[Any, int]:
    """Trains from scratch.

    Args:
        tokenizer: as ``train_tokenizer`` returns it.
        seed: of the initial weights and of the conversations.
        steps: optimizer steps; the learning rate warms up over 20 of them and falls linearly to zero.
        report: called as ``report(step, loss, tokens)`` every 50 steps, with the mean weighted loss since the last
            call.

    Returns:
        The model in eval mode, float32, and the number of tokens that were seen, padding included.
    """
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    model = LlamaForCausalLM(config())
    steppers = optimizers(model)
    warm = min(20, steps)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda s: min(1.0, (s + 1) / warm, 1.05 * (steps - s) / steps))
        for o in steppers
    ]
    model.train()
    tokens, losses = 0, []
    for step, (ids, weights) in enumerate(islice(batches(seed, tokenizer, steps // 4), steps), start=1):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(ids, use_cache=False).logits[:, :-1]
        each = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (each * weights[:, 1:].flatten()).sum() / weights[:, 1:].sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper, schedule in zip(steppers, schedules, strict=True):
            stepper.step()
            schedule.step()
            stepper.zero_grad()
        tokens += ids.numel()
        losses.append(loss.item())
        if step % 50 == 0 or step == steps:
            report(step, sum(losses) / len(losses), tokens)
            losses.clear()
    return model.eval(), tokens
