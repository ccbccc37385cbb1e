"""Turns -> text -> ids: the same prompt for training, generation and likelihood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Turn
from tests.models.llama import SPECIAL, user, write_llama

BOS, EOS, END = (SPECIAL.index(token) for token in ("<s>", "</s>", "<|end|>"))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20).filter(
    lambda text: "<" not in text
)
FAST = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_10_text_of_a_template_gets_no_second_begin_token(chat) -> None:
    ids = chat.format.encode(user("hello")).prompt_ids
    assert ids.count(BOS) == 1 and ids[0] == BOS
    assert chat.tokenizer("hello")["input_ids"].count(BOS) == 1, (
        "this tokenizer adds one by itself, or the test says nothing"
    )


def test_10_plain_text_gets_the_tokenizers_begin_token_and_no_end(plain) -> None:
    ids = plain.format.encode(user("hello")).prompt_ids
    assert ids[0] == BOS and ids.count(BOS) == 1 and EOS not in ids


def test_11_the_prompt_ends_where_the_answer_begins_and_is_not_stripped(chat, plain) -> None:
    assert chat.format.text(user("Question? \n")) == "<s><|user|>Question? \n<|end|><|assistant|>"
    assert plain.format.text(user("  Answer: ")) == "  Answer: "
    encoded = plain.format.encode(user("  Answer: "))
    assert plain.tokenizer.decode(encoded.prompt_ids, clean_up_tokenization_spaces=False) == "<s>  Answer: "


@FAST
@given(question=TEXT, target=TEXT)
def test_prompt_ids_are_the_same_with_and_without_a_target(chat, plain, question: str, target: str) -> None:
    for loaded in (chat, plain):
        alone, together = loaded.format.encode(user(question)), loaded.format.encode(user(question), target)
        assert alone.prompt_ids == together.prompt_ids and alone.prompt == together.prompt
        assert loaded.format.decode(together.target_ids) == target
        assert alone.target_ids == alone.end_ids == ()


def test_a_token_across_the_cut_changes_no_prompt_id(stories) -> None:
    """SentencePiece writes ' time' as one token: prompt 'a t' + 'ime' must keep the ids of 'a t'."""
    format = stories.format
    alone, together = format.encode(user("Once upon a t")), format.encode(user("Once upon a t"), "ime")
    joined = format.encode(user("Once upon a time"))
    assert joined.prompt_ids[: len(alone.prompt_ids)] != alone.prompt_ids, (
        "this cut falls between tokens, so the test says nothing"
    )
    assert together.prompt_ids == alone.prompt_ids


test_a_token_across_the_cut_changes_no_prompt_id = pytest.mark.shared_data(
    test_a_token_across_the_cut_changes_no_prompt_id
)


@FAST
@given(target=TEXT)
def test_04_every_target_ends_in_the_end_of_turn_token(chat, plain, target: str) -> None:
    assert chat.format.encode(user("q"), target).end_ids == (END,)
    assert plain.format.encode(user("q"), target).end_ids == (EOS,)


def test_03_pad_is_never_an_end_token(chat, plain, tmp_path: Path) -> None:
    assert chat.pad_id == SPECIAL.index("<pad>")
    assert plain.tokenizer.pad_token_id is None and plain.pad_id not in plain.stop_ids
    folder = write_llama(tmp_path, chat=False)
    loaded = component("model", "hf", name_or_path=str(folder)).load("cpu")
    loaded.tokenizer.pad_token = loaded.tokenizer.eos_token
    from ftbench.models.loaded import _pad_id

    assert _pad_id(loaded.tokenizer, loaded.stop_ids) not in loaded.stop_ids


def test_13_every_end_token_stops(chat, tmp_path: Path) -> None:
    assert set(chat.stop_ids) == {END, EOS}
    folder = write_llama(tmp_path, chat=True, generation={"eos_token_id": [2, 40, 41]})
    loaded = component("model", "hf", name_or_path=str(folder)).load("cpu")
    assert set(loaded.stop_ids) == {END, EOS, 40, 41}


def test_plain_text_of_a_conversation(plain) -> None:
    turns = (
        Turn("system", "Be brief."),
        Turn("user", "1+1?"),
        Turn("assistant", "2"),
        Turn("user", "2+2:\n"),
        Turn("assistant", "4"),
        Turn("user", "3+3?"),
    )
    assert plain.format.text(turns) == "Be brief.\n\n1+1?\n2\n\n2+2:\n4\n\n3+3?\n"
    assert plain.format.text((Turn("system", "Be brief."), Turn("user", "1+1?"))) == "Be brief.\n\n1+1?"
    assert plain.format.encode(turns).stop_texts == ("\n\n",)
    assert plain.format.encode(turns[:2]).stop_texts == ()


def test_what_is_said_without_a_template(chat, plain, chat_folder: Path) -> None:
    assert plain.format.notes() == ["no chat template: plain text"] and chat.format.notes() == []
    forced = component("model", "hf", name_or_path=str(chat_folder), chat_template="none")
    assert forced.notes() == ["no chat template: plain text"]
    assert forced.load("cpu").format.text(user("hi")) == "hi"


def test_a_template_of_ones_own(chat_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{% for m in messages %}[{{ m.content }}]{% endfor %}", encoding="utf-8")
    loaded = component("model", "hf", name_or_path=str(chat_folder), chat_template=str(path)).load("cpu")
    assert loaded.format.text(user("hi")) == "[hi]"


def test_a_template_that_knows_no_system_role_gets_it_with_the_question(chat_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "strict.jinja"
    path.write_text(
        "{% for m in messages %}{% if m.role not in ['user', 'assistant'] %}{{ raise_exception('no ' + m.role) }}{%"
        " endif %}[{{ m.content }}]{% endfor %}",
        encoding="utf-8",
    )
    loaded = component("model", "hf", name_or_path=str(chat_folder), chat_template=str(path)).load("cpu")
    assert loaded.format.text((Turn("system", "Be brief."), Turn("user", "hi"))) == "[Be brief.\n\nhi]"
    with pytest.raises(FtbenchError, match="no tool.*model.chat_template=none"):
        loaded.format.text((Turn("tool", "x"), Turn("user", "hi")))


def test_a_template_takes_its_arguments_in_every_prompt(chat_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "thinking.jinja"
    path.write_text(
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>{{ '' if enable_thinking"
        " else '-' }}"
    )
    texts = []
    for thinking in (True, False):
        model = component(
            "model",
            "hf",
            name_or_path=str(chat_folder),
            chat_template=str(path),
            template_arguments={"enable_thinking": thinking},
        )
        texts.append(model.load("cpu").format.text(user("why?")))
    assert texts == ["<|user|>why?<|end|><|assistant|>", "<|user|>why?<|end|><|assistant|>-"]
