"""Pretraining of the tiny model: packed sequences of whole conversations, Muon for matrices, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ftbench.models.tiny.text import LONG_CHARACTERS, conversations
from ftbench.models.tiny.tokenizer import BOS, CONTEXT, END, PAD

PROMPT_WEIGHT = 0.15
"""Weight of prompt tokens in the loss: most of them are throw-away values that nobody can predict."""
SHORT, LONG = (16, 192), (6, 496)
"""[batch, seq] of the two shapes of training batches; the long ones teach the far end of the context window."""
LEARNING_RATE = 1e-2


def config() -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=1024,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        initializer_range=0.06,
        tie_word_embeddings=True,
        attention_bias=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )


def encode(turns: Any, tokenizer: Any) -> tuple[list[int], list[float]]:
    """Returns token ids and loss weights of one conversation, equal to what the chat template renders."""
    texts = [turn.content for turn in turns]
    ids, weights = [tokenizer.convert_tokens_to_ids(BOS)], [0.0]
    end = tokenizer.convert_tokens_to_ids(END)
    for turn, encoded in zip(turns, tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
        answer = turn.role == "assistant"
        ids += [tokenizer.convert_tokens_to_ids(f"<|{turn.role}|>"), *encoded.ids, end]
        weights += [PROMPT_WEIGHT, *([1.0 if answer else PROMPT_WEIGHT] * (len(encoded.ids) + 1))]
    return ids, weights


def batches(seed: int, tokenizer: Any) -> Iterator[tuple[Any, Any]]:
    """Yields ``(ids, weights)``, int64 and float32 [batch, seq], short and long ones as they fill up.

    Conversations are packed whole, side by side, until a sequence is full; one that is cut there is dropped.
    """
    import torch

    pad = tokenizer.convert_tokens_to_ids(PAD)
    open_rows: dict[tuple[int, int], list[tuple[list[int], list[float]]]] = {SHORT: [([], [])], LONG: [([], [])]}
    for conversation in conversations(seed):
        ids, weights = encode(conversation.turns, tokenizer)
        shape = LONG if conversation.characters > LONG_CHARACTERS or len(ids) > SHORT[1] else SHORT
        rows = open_rows[shape]
        if len(ids) > shape[1]:
            continue
        if len(rows[-1][0]) + len(ids) > shape[1]:
            if len(rows) == shape[0]:
                full_ids = [row + [pad] * (shape[1] - len(row)) for row, _ in rows]
                full_weights = [row + [0.0] * (shape[1] - len(row)) for _, row in rows]
                yield torch.tensor(full_ids), torch.tensor(full_weights)
                rows.clear()
            rows.append(([], []))
        rows[-1][0].extend(ids)
        rows[-1][1].extend(weights)


def optimisers(model: Any) -> list[Any]:
    import torch

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=LEARNING_RATE, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def pretrain(tokenizer: Any, seed: int, steps: int, report: Callable[[int, float, int], None]) -> tuple[Any, int]:
    """Trains from scratch.

    Args:
        tokenizer: as ``train_tokenizer`` returns it.
        seed: of the initial weights and of the conversations.
        steps: optimiser steps; the learning rate warms up over 2% of them and then falls linearly to zero.
        report: called as ``report(step, loss, tokens)`` every 50 steps, with the mean weighted loss since the last call.

    Returns:
        The model in eval mode, float32, and the number of tokens that were seen, padding included.
    """
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    model = LlamaForCausalLM(config())
    steppers = optimisers(model)
    warm = max(1, steps // 50)
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda s: min((s + 1) / warm, (steps - s) / (steps - warm))) for o in steppers]
    model.train()
    tokens, losses = 0, []
    for step, (ids, weights) in enumerate(islice(batches(seed, tokenizer), steps), start=1):
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
