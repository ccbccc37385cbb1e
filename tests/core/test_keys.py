"""Keys: golden, the same in every process, over the whole hash, sensitive to every value."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.core.canonical import KEY_LENGTH, canonical, digest
from ftbench.core.stage import VERSIONS, Stage, stage_key

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)

GOLDEN_SPEC = {"method": {"_target_": "x.Lora", "rank": 16, "learning_rate": 0.0002}, "seed": 0, "name": "café"}


def test_38_golden_keys() -> None:
    """A change here throws away every store in the world: raise a stage's version instead, or mean it."""
    assert (
        digest({"a": 1, "b": [True, None, 0.1, "é"]})
        == "a7a4e4268d45a9f915d021816ab6fb35848f94c1811fd1b7d3eb751ebd87492d"
    )
    known = {kind: stage_key(kind, GOLDEN_SPEC, {"prepare": "0" * 64}) for kind in ("prepare", "train")}
    assert (VERSIONS["prepare"], VERSIONS["train"]) == (2, 2), "give the golden keys of the new versions"
    assert known == {
        "prepare": "4f900963dd032538222ab8a9a0aaafbaec915cee60bedb62464206a7b1b770e1",
        "train": "6ff52d8cfa01b1851e4cfbdf47ce1cd620db9942e6bfcc0ed9140903c352b170",
    }


def test_38_keys_are_the_same_in_every_process() -> None:
    code = (
        f"from ftbench.core.stage import stage_key; print(stage_key('train', {GOLDEN_SPEC!r}, {{'prepare': '0' * 64}}))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert found == {stage_key("train", GOLDEN_SPEC, {"prepare": "0" * 64}) + "\n"}


@given(VALUES)
def test_canonical_is_json_and_ignores_the_order_of_keys(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value

    def turned(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: turned(item[key]) for key in reversed(list(item))}
        return [turned(part) for part in item] if isinstance(item, list) else item

    assert canonical(turned(value)) == text


@given(VALUES, VALUES)
def test_different_values_have_different_keys(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))


@pytest.mark.parametrize("value", [math.nan, math.inf, {1: 2}, {"a": {1, 2}}, object(), {"a": b"x"}])
def test_what_has_no_one_text_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_38_key_is_the_whole_hash_and_holds_kind_version_spec_and_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage("train", {"rank": 8}, {"prepare": "a" * 64}, {"where": "here"})
    assert len(stage.key) == KEY_LENGTH
    others = [
        Stage("generate", {"rank": 8}, {"prepare": "a" * 64}, {}),
        Stage("train", {"rank": 9}, {"prepare": "a" * 64}, {}),
        Stage("train", {"rank": 8}, {"prepare": "b" * 64}, {}),
        Stage("train", {"rank": 8}, {"weights": "a" * 64}, {}),
    ]
    assert stage.key not in {other.key for other in others}
    assert Stage("train", {"rank": 8}, {"prepare": "a" * 64}, {"where": "elsewhere"}).key == stage.key
    monkeypatch.setitem(VERSIONS, "train", 99)
    assert Stage("train", {"rank": 8}, {"prepare": "a" * 64}, {}).key != stage.key


def test_38_a_stage_of_an_earlier_version_is_read_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets out with reviewers, a sweep to compare: neither is lost by an upgrade."""
    stage = Stage("train", {"rank": 8}, {"prepare": "a" * 64}, {})
    written = stage.as_dict()
    monkeypatch.setitem(VERSIONS, "train", 99)
    found = Stage.from_dict(written)
    assert found == stage and not found.current and found.record() == stage.record()
    assert Stage("train", {"rank": 8}, {"prepare": "a" * 64}, {}).current
    with pytest.raises(ValueError, match="does not match its spec"):
        Stage.from_dict({**written, "version": 99})
