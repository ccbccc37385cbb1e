"""Secrets reach nothing that is written."""

from __future__ import annotations

import json
import os
from unittest.mock import patch

import pytest
from ftbench.store.secrets import MASK, holds_secret, names_secret, scrub
from ftbench.store.store import Store
from hypothesis import given
from hypothesis import strategies as st
from tests.store.conftest import key, receipt

NAMES = st.sampled_from(["HF_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY", "DB_PASSWORD", "MY_SECRET", "AWS_SECRET_ACCESS_KEY", "token", "Admin_Passwd"])
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\x00*", exclude_categories=("Cs", "Zl", "Zp", "Zs", "Cc")), min_size=8, max_size=40)
AROUND = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)


@given(NAMES, SECRETS, AROUND, AROUND)
def test_no_value_of_a_secret_variable_survives_in_any_spelling(name: str, secret: str, before: str, after: str) -> None:
    with patch.dict(os.environ, {name: secret}):
        value = {"error": f"{before}{secret}{after}", before + secret: [1, None, (secret, after)], "shown": repr(secret), "url": f"https://u:{secret}@host"}
        clean = scrub(value)
        assert secret not in clean["error"]
        assert secret not in "".join(clean)
        assert secret not in "".join(clean[next(k for k in clean if k not in ("error", "shown", "url"))][2])
        assert MASK in clean["error"]
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(secret), secret.encode().decode("utf-8")):
            scrubbed = scrub(text)
            assert secret not in scrubbed
            assert json.dumps(secret)[1:-1] not in scrubbed
            assert repr(secret)[1:-1] not in scrubbed


SHAPES = st.sampled_from(["hf_", "sk-", "sk-proj-", "ghp_", "Bearer ", "glpat-", "AKIA"])


@given(SHAPES, st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=16, max_size=40))
def test_well_known_shapes_are_masked_without_any_variable(prefix: str, body: str) -> None:
    assert body not in scrub(f"401 for {prefix}{body}, try again")


@given(SECRETS)
def test_a_receipt_and_a_failure_hold_no_secret(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "store")
    with patch.dict(os.environ, {"HF_TOKEN": secret}):
        with store.begin(key("a"), "prepare") as attempt:
            attempt.publish(receipt("a", details={"note": f"used {secret}", secret: 1}))
        store.record_failure(receipt("b", state="failed", error=f"401 with {secret}"))
        assert store.receipt(key("a")).key == key("a")
        written = [path for path in store.path.rglob("*.json")]
        assert len(written) == 2
        for path in written:
            text = path.read_text(encoding="utf-8")
            content = json.loads(text)
            assert secret not in json.dumps([content["details"], content["error"]], ensure_ascii=False)
            assert json.dumps(secret)[1:-1] not in json.dumps([content["details"], content["error"]])


def test_short_values_are_masked_as_words_only_and_plain_settings_not_at_all() -> None:
    with patch.dict(os.environ, {"DB_PASSWORD": "beef", "USE_TOKEN": "true", "X_TOKEN": "abc"}):
        assert scrub("login beef at deadbeef00") == "login *** at deadbeef00"
        assert scrub("true abc") == "true abc"


def test_a_private_key_of_many_lines_is_masked_line_by_line() -> None:
    with patch.dict(os.environ, {"DEPLOY_PRIVATE_KEY": "-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----"}):
        assert scrub("MIIEvQIBADANBg") == MASK


def test_ordinary_text_stays() -> None:
    text = "prompt_tokens=12 eos_token </s> https://host:8080/a model/sk-a token count 3 hf_model commit 0123456789abcdef0123456789abcdef01234567"
    assert scrub(text) == text
    assert not holds_secret(text)
    assert holds_secret("password=hunter22")
    assert names_secret("HF_TOKEN")
    assert names_secret("openai_api_key")
    assert not names_secret("MAX_NEW_TOKENS")
    assert not names_secret("TOKENIZERS_PARALLELISM")
