"""The tiny model: what it was trained on, how it was made, and that the weights that ship still do what their card
says.
"""

from __future__ import annotations

import json
import re
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.data.toy import words, world
from ftbench.data.toy.dataset import WORLDS, Limit, Toy
from ftbench.models.tiny import WEIGHTS, check, make
from ftbench.models.tiny.text import conversations
from ftbench.models.tiny.tokenizer import BOS, CHAT_TEMPLATE, END, PAD, train_tokenizer
from ftbench.models.tiny.train import PROMPT_WEIGHT, encode

MEGABYTES_AT_MOST = 6
FACT = re.compile(r"\b(?:The|Our) (\w+) (\w+) is ([^.\n]+)\.")


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(
        turn.content for conversation in islice(conversations(1), 400) for turn in conversation.turns
    )


@given(st.integers(0, 100_000))
@settings(max_examples=8, deadline=None)
def test_37_pretraining_text_holds_no_held_out_name_or_value(seed):
    seen = 0
    for conversation in islice(conversations(seed), 150):
        for turn in conversation.turns:
            for name, attribute, value in FACT.findall(turn.content):
                seen += 1
                assert not words.held_out("name", name)
                assert attribute == "gift" or not words.held_out(attribute, value)
    assert seen > 100


@given(st.integers(0, 100_000), st.sampled_from(WORLDS))
@settings(max_examples=8, deadline=None)
def test_37_whatever_is_new_or_changed_in_the_dataset_is_held_out(seed, kind):
    loaded = Toy(kind, seed, 30, 12, 60, Limit(None, None, None), "").load()
    for row in (*loaded.train, *loaded.validation, *loaded.test):
        ((name, attribute, value),) = FACT.findall(row.target)
        knowledge = row.slices["knowledge"]
        assert words.held_out("name", name) == (knowledge in ("new", "by_lot"))
        if knowledge != "by_lot":
            assert words.held_out(attribute, value) == (knowledge != "known")


def test_the_house_style_is_new_to_the_model_and_its_words_are_not():
    texts = [turn.content for conversation in islice(conversations(0), 4000) for turn in conversation.turns]
    assert not any("Good day! Our" in text or re.search(r"\. Kind regards, your support team", text) for text in texts)
    spoken = {word for text in texts for word in re.findall(r"\w+", text)}
    assert set(re.findall(r"\w+", world.house_answer("", "price", ""))) <= spoken


def test_conversations_follow_from_the_seed():
    first, again, other = (list(islice(conversations(seed), 50)) for seed in (5, 5, 6))
    assert first == again != other


def test_03_pad_is_not_the_end_of_a_turn(tokenizer):
    assert len({tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id}) == 3
    assert (tokenizer.pad_token, tokenizer.eos_token, tokenizer.bos_token) == (PAD, END, BOS)


def test_04_every_answer_ends_in_the_end_of_turn_token_and_is_marked(tokenizer):
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "The Velamo."}]
    found = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    assert found["input_ids"][-1] == tokenizer.eos_token_id
    supervised = [token for token, mask in zip(found["input_ids"], found["assistant_masks"], strict=True) if mask]
    assert tokenizer.decode(supervised) == f"The Velamo.{END}"


def test_10_what_is_trained_on_is_what_the_template_renders(tokenizer):
    for conversation in islice(conversations(2), 100):
        turns = [{"role": turn.role, "content": turn.content} for turn in conversation.turns]
        ids, weights = encode(conversation.turns, tokenizer)
        assert ids == tokenizer.apply_chat_template(turns, return_dict=False)
        assert ids.count(tokenizer.bos_token_id) == 1
        prompt = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, return_dict=False)
        assert ids[: len(prompt)] == prompt
        assert weights[len(prompt) :] == [1.0] * (len(ids) - len(prompt)) and weights[len(prompt) - 1] == PROMPT_WEIGHT


def test_anything_can_be_spelled(tokenizer):
    for text in ("Žluťoučký kůň 1,234.50 €", "line\nbreak\ttab", "漢字", "Velamo 999"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    assert len(tokenizer.tokenize("2031")) == 4


def test_another_role_is_refused_with_its_name(tokenizer):
    with pytest.raises(Exception, match="not tool"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


def test_make_runs_from_nothing(tmp_path, capsys):
    make.main(["--seed", "3", "--steps", "3", "--check-n", "4", "--out", str(tmp_path / "made")])
    made = {path.name for path in (tmp_path / "made").iterdir()}
    assert made == {path.name for path in WEIGHTS.iterdir()}
    assert "--seed 3 --steps 3" in (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
    assert "check seed 1: reading" in capsys.readouterr().out


def test_the_shipped_folder_is_small_and_whole():
    size = sum(path.stat().st_size for path in WEIGHTS.iterdir())
    assert size <= MEGABYTES_AT_MOST * 10**6
    assert (WEIGHTS / "chat_template.jinja").read_text(encoding="utf-8") == CHAT_TEMPLATE
    config = json.loads((WEIGHTS / "config.json").read_text(encoding="utf-8"))
    assert config["dtype"] == "float32" and config["eos_token_id"] != config["pad_token_id"]
    assert "python -m ftbench.models.tiny.make" in (WEIGHTS / "README.md").read_text(encoding="utf-8")


def test_the_shipped_model_reads_and_remembers():
    """Floors well under what the card says, so that the noise of 64 questions does not fail it."""
    figures = check.measure(WEIGHTS, seed=11, n=64)
    assert figures["reading"]["n"] == 64
    assert figures["reading"]["value"] >= 0.75
    assert figures["known"]["value"] >= 0.8
    assert figures["unknown"]["value"] <= 0.2


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_the_interval_of_a_share_holds_it_and_stays_within_bounds(hits):
    found = check.share(hits)
    assert -1e-9 <= found["low"] <= found["value"] + 1e-9 and found["value"] - 1e-9 <= found["high"] <= 1 + 1e-9


def test_wilson_reference_value():
    """15 of 20: 0.531 to 0.888 (Newcombe 1998's score method, without continuity correction)."""
    found = check.share([True] * 15 + [False] * 5)
    assert (round(found["low"], 3), round(found["high"], 3)) == (0.531, 0.888)
