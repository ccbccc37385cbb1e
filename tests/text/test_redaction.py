"""Nothing of this machine and its user leaves with a text."""

from __future__ import annotations

from ftbench.text.redaction import redacted


def test_homes_users_and_secrets_are_taken_out(monkeypatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "open-sesame-123456")
    text = (
        "in /home/alice/work/data.jsonl and C:\\Users\\Bob\\x.csv with open-sesame-123456 and hf_abcdefghijklmnop, see"
        " /srv/models/llama-7b/config.json"
    )
    shown = redacted({"error": [text]})["error"][0]
    for gone in ("alice", "Bob", "sesame", "hf_abcdef", "/srv", "models"):
        assert gone not in shown
    assert "config.json" in shown and "data.jsonl" in shown


def test_data_keeps_what_only_looks_like_a_place() -> None:
    text = "either/or, 3/4, https://example.org/a/b and /api/v1/users"
    assert redacted(text, paths=False) == text
    assert "https://example.org/a/b" in redacted(text)
    assert "either/or, 3/4" in redacted(text)
