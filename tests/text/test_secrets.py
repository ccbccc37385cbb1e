"""Secrets reach nothing that is written."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.store.store import Store
from ftbench.text.secrets import MASK, LineScrubber, ScrubbingFormatter, holds_secret, names_secret, scrub
from tests.store.conftest import key, receipt

NAMES = st.sampled_from(
    [
        "HF_TOKEN",
        "OPENAI_API_KEY",
        "WANDB_API_KEY",
        "DB_PASSWORD",
        "MY_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "token",
        "Admin_Passwd",
    ]
)
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00*", exclude_categories=("Cs", "Zl", "Zp", "Zs", "Cc")),
    min_size=8,
    max_size=40,
)
AROUND = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)


@given(NAMES, SECRETS, AROUND, AROUND)
def test_no_value_of_a_secret_variable_survives_in_any_spelling(
    name: str, secret: str, before: str, after: str
) -> None:
    with patch.dict(os.environ, {name: secret}):
        value = {
            "error": f"{before}{secret}{after}",
            before + secret: [1, None, (secret, after)],
            "shown": repr(secret),
            "url": f"https://u:{secret}@host",
        }
        clean = scrub(value)
        assert secret not in clean["error"]
        assert secret not in "".join(clean)
        assert secret not in "".join(clean[next(k for k in clean if k not in ("error", "shown", "url"))][2])
        assert MASK in clean["error"]
        for text in (
            json.dumps(value),
            json.dumps(value, ensure_ascii=False),
            repr(secret),
            secret.encode().decode("utf-8"),
        ):
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
        written = list(store.path.rglob("*.json"))
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
    text = "pad_token=[PAD] {'eos_token': '</s>'}"
    assert scrub(text) == text
    text = (
        "prompt_tokens=12 eos_token </s> https://host:8080/a model/sk-a token count 3 hf_model commit"
        " 0123456789abcdef0123456789abcdef01234567"
    )
    assert scrub(text) == text
    assert not holds_secret(text)
    assert holds_secret("password=hunter22")
    assert names_secret("HF_TOKEN")
    assert names_secret("openai_api_key")
    assert not names_secret("MAX_NEW_TOKENS")
    assert not names_secret("TOKENIZERS_PARALLELISM")


HOLD = (
    "HF_TOKEN token GITHUB_PAT apiKey X-Api-Key DB_PWD SMTP_PASS PGPASSWORD password_2 SECRET_VALUE credentials "
    "aws_secret_access_key Authorization"
)
HOLD_NONE = (
    "eos_token pad_token bos_token unkToken decoder_start_token end_of_turn_token image_token usd_per_token max_tokens "
    "token_ids tokens api_key_env token_accuracy token_f1 first_token_seconds PWD OLDPWD primary_key cell_key key "
    "password_file PATH compass author secret_leak_rate password_strength"
)


@pytest.mark.parametrize("name", HOLD.split())
def test_names_that_are_meant_to_hold_a_secret(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", HOLD_NONE.split())
def test_names_that_are_not(name: str) -> None:
    assert not names_secret(name)
    assert scrub({name: "</s>"}) == {name: "</s>"}


def test_a_short_password_breaks_no_number_no_key_and_no_json() -> None:
    with patch.dict(os.environ, {"DB_PASSWORD": "1234"}):
        numbers = "1234.5 s, 0.1234, 12345, x1234, 1,234 and 0,1234"
        clean = scrub({"1234": 1234, "seconds": 1234.5, "list": [1234, "1234"], "text": f"login 1234; {numbers}"})
    assert clean == {"1234": 1234, "seconds": 1234.5, "list": [1234, MASK], "text": f"login {MASK}; {numbers}"}
    assert json.loads(json.dumps(clean)) == clean


def test_text_under_a_secret_name_is_masked_unless_it_is_data() -> None:
    with patch.dict(os.environ, {"MY_SECRET_SAUCE": "sour-and-sweet"}):
        assert scrub({"api_keys": ["a", 5, None], "x": "sour-and-sweet"}) == {"api_keys": [MASK, 5, None], "x": MASK}
    sent = {"api_key": "short", "headers": {"Authorization": "x y"}, "token": None, "password": "none", "key_env": "A"}
    assert scrub(sent) == {**sent, "api_key": MASK, "headers": {"Authorization": MASK}}
    assert scrub({"token": "Haus", "password": "an answer"}, named=False) == {"token": "Haus", "password": "an answer"}


def test_two_masked_keys_stay_two() -> None:
    with patch.dict(os.environ, {"A_TOKEN": "first-long-secret", "B_TOKEN": "other-long-secret"}):
        assert list(scrub({"first-long-secret": 1, "other-long-secret": 2}).values()) == [1, 2]


def test_a_password_in_any_variables_address_is_a_secret_and_the_path_of_a_key_is_none(tmp_path: Path) -> None:
    found = {"HTTPS_PROXY": "http://ann:tunnel-pw-77@proxy:3128", "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path)}
    with patch.dict(os.environ, found):
        assert scrub(f"tunnel-pw-77 is wrong; read {tmp_path}") == f"{MASK} is wrong; read {tmp_path}"
        assert scrub("at https://ann:p@ss:w0rd@host/x?y=1") == f"at https://{MASK}@host/x?y=1"


PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\nAAAAB3NzaC1yc2E=\n-----END OPENSSH PRIVATE KEY-----"


def test_a_private_key_that_no_variable_holds_is_masked_whole_and_line_by_line() -> None:
    assert scrub(f"read {PEM}\nnext: fine") == f"read {MASK}\nnext: fine"
    masked = LineScrubber()
    first, *lines, last, plain = (masked(f"{line}\n") for line in ("before: a", *PEM.splitlines(), "after: b", "plain"))
    assert (first, last, plain) == ("before: a\n", "after: b\n", "plain\n")
    assert "b3Bl" not in "".join(lines) and "AAAA" not in "".join(lines)


def test_log_records_and_their_tracebacks_hold_no_secret() -> None:
    with patch.dict(os.environ, {"HF_TOKEN": "quiet-as-a-mouse"}):
        try:
            raise ValueError("quiet-as-a-mouse")
        except ValueError:
            told = ("got %s", ("quiet-as-a-mouse",), sys.exc_info())
            record = logging.LogRecord("lib", logging.WARNING, __file__, 1, *told)
        text = ScrubbingFormatter("%(name)s %(message)s").format(record)
    assert text.startswith(f"lib got {MASK}\nTraceback") and "mouse" not in text
