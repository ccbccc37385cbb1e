"""Chunking by tokens: parts between tokens and words, that joined are the document; whose tokens is in the key."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from ftbench.compile.matrix import compile_matrix
from ftbench.compile.option import shipped as component
from ftbench.contexts import tokenizer
from ftbench.contexts.chunk import BLOCK_CHARACTERS, FEWEST_TOKENS, Chunking
from ftbench.core.example import Document
from tests.compile.conftest import composer  # noqa: F401 - fixture

TINY = "package://ftbench.models.tiny/weights"
WORDS = [
    "one",
    "two.",
    "Three!",
    "x" * 90,
    "\n\n",
    " ",
    "\t" * 40,
    "été",
    "e\u0301",
    "日本語のテキスト。",
    "👨‍👩‍👧",
    "🇫🇷",
    "<s>",
    "</s>",
    "ﷺ",
    "\u2581",
    "\ufeff",
    "a,b;c",
    "١٢٣",
    "\u0000",
]
TEXT = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
)


def pieces(text: str, size: int, overlap: int, name: str = TINY) -> list[tuple[int, int]]:
    return list(Chunking("tokens", size, overlap, name)._spans(text))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Returns tokenizers of three habits: bytes with their space before, characters with a mark for the space and bytes
    for the rest, words that lose it.
    """
    marked = Tokenizer(
        models.BPE(
            {
                token: i
                for i, token in enumerate(["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdeo", "▁o"])
            },
            [("▁", "o")],
            byte_fallback=True,
            unk_token="<unk>",
        )
    )
    marked.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    lost = Tokenizer(
        models.WordPiece(
            {token: i for i, token in enumerate(["[UNK]", *"xabcdeno", "##x", "##e", "one", "two"])}, unk_token="[UNK]"
        )
    )
    lost.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    lost.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made = {"bytes": TINY}
    for name, one in (("marked", marked), ("lost", lost)):
        made[name] = str(tmp_path_factory.mktemp(name))
        one.save(f"{made[name]}/tokenizer.json")
    return made


@pytest.mark.parametrize("kind", ["bytes", "marked", "lost"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT, size=st.integers(FEWEST_TOKENS, 20), overlap=st.integers(0, 19))
def test_spans_joined_are_the_document_and_none_is_above_the_limit(
    kind: str, folders: dict[str, str], text: str, size: int, overlap: int
) -> None:
    name = folders[kind]
    own = Tokenizer.from_file(str(tokenizer.file(name)))
    offsets = own.encode(text, add_special_tokens=False).offsets
    assert "".join(text[start:end] for start, end in pieces(text, size, 0, name)) == text
    spans = pieces(text, size, min(overlap, size - 1), name)
    for start, end in spans:
        assert not any(first < place < last for first, last in offsets for place in (start, end)), (
            "an edge inside a token"
        )
        assert sum(start <= first < end for first, _ in offsets) <= size
    for (before, end), (start, after) in zip(spans, spans[1:], strict=False):
        assert before < start <= end < after, "a gap, or no way forward"
        assert sum(start <= first < end for first, _ in offsets) <= min(overlap, size - 1)


@pytest.mark.parametrize("length", [BLOCK_CHARACTERS * 3, BLOCK_CHARACTERS, BLOCK_CHARACTERS + 1])
@pytest.mark.parametrize("word", ["x", "word ", " ", "日", "a\n"])
def test_long_texts_are_tokenised_in_blocks_and_lose_nothing(word: str, length: int) -> None:
    text = (word * length)[:length]
    spans = pieces(text, 100, 0)
    assert "".join(text[start:end] for start, end in spans) == text
    assert max(end - start for start, end in spans) < length


def test_words_stay_whole_and_a_blank_chunk_is_none() -> None:
    text = "alpha beta gamma delta " * 12 + "\n" * 200 + "end"
    chunks = Chunking("tokens", 20, 5, TINY).chunks(Document("d", text))
    assert {word for chunk in chunks for word in chunk.text.split()} == {"alpha", "beta", "gamma", "delta", "end"}
    assert all(chunk.text.strip() for chunk in chunks) and [chunk.number for chunk in chunks] == list(
        range(len(chunks))
    )
    assert (
        Chunking("tokens", 20, 5, TINY).chunks(Document("d", ""))
        == Chunking("tokens", 20, 5, TINY).chunks(Document("d", " \n"))
        == []
    )


def test_a_tokenizer_that_cuts_texts_off_does_not_do_so_here(tmp_path: Path) -> None:
    own = Tokenizer.from_file(str(tokenizer.file(TINY)))
    own.enable_truncation(5)
    own.enable_padding(length=64)
    own.save(str(tmp_path / "tokenizer.json"))
    text = "many words in this text " * 20
    assert pieces(text, 16, 0, str(tmp_path)) == pieces(text, 16, 0)


def test_models_of_one_tokenizer_share_an_index_and_others_do_not(composer, tmp_path: Path) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    for folder in (same, other):
        shutil.copytree(tokenizer.file(TINY).parent, folder)
    (same / "config.json").write_text((same / "config.json").read_text() + "\n")  # another model
    told = json.loads((other / "tokenizer.json").read_text())
    (other / "tokenizer.json").write_text(json.dumps(told, indent=1))
    tokens = ["context=rag", "++context.chunking.by=tokens"]
    models = [["model=tiny"], *(["model=hf", f"++model.name_or_path={folder}"] for folder in (same, other))]
    plan = compile_matrix(composer, [[*model, *tokens] for model in models], "plan").plan
    assert not plan.refusals
    tiny, like, unlike = (cell.stages["index"] for cell in plan.cells)
    assert tiny == like != unlike
    named = compile_matrix(
        composer, [[*model, *tokens, f"++context.chunking.tokenizer={TINY}"] for model in models], "plan"
    ).plan
    assert {cell.stages["index"] for cell in named.cells} == {tiny}
    words = compile_matrix(
        composer, [["context=rag", f"++context.chunking.tokenizer={name}"] for name in ("null", TINY)], "plan"
    ).plan
    assert len({cell.id for cell in words.cells}) == 1, "a tokenizer that is not used is in no key"


def test_a_model_without_a_tokenizer_is_refused_in_one_line(composer) -> None:
    remote = [
        "model=openai",
        "++model.name=m",
        "++model.base_url=http://localhost:1/v1",
        "context=rag",
        "++context.chunking.by=tokens",
    ]
    made = compile_matrix(
        composer, [remote, [*remote, f"++context.chunking.tokenizer={TINY}"], [*remote[:3], "context=rag"]], "plan"
    ).plan
    (refusal,) = made.refusals
    (problem,) = refusal.problems
    assert (
        problem["where"] == "context.chunking.tokenizer"
        and "no tokenizer here" in problem["why"]
        and "context.chunking.by=words" in problem["fix"]
    )
    assert len(made.cells) == 2


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"size": 4}, "context.chunking.size"),
        ({"overlap": 300}, "context.chunking.overlap"),
        ({"tokenizer": "/nowhere"}, "context.chunking.tokenizer"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict, where: str) -> None:
    chunking = {"by": "tokens", "size": 256, "overlap": 0, "tokenizer": None, **changed}
    assert where in [problem.where for problem in component("context", "oracle", chunking=chunking).check()]


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (problem,) = Chunking("tokens", 64, 0, str(tmp_path)).check()
    assert problem.where == "tokenizer" and "is no tokenizer" in problem.why


def test_a_hub_tokenizer_is_pinned_fetched_and_sketched_by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "hub_commit", lambda name, revision: "c" * 40 if revision == "main" else None)
    monkeypatch.setattr(tokenizer, "cached_snapshot", lambda name, commit: None)
    chunking = Chunking("tokens", 64, 0, "owner/name")
    assert chunking.resolve().tokenizer == f"owner/name@{'c' * 40}" and chunking.check() == chunking.missing() == []
    assert chunking.identity()["tokenizer"] == {"hub": "owner/name", "commit": "c" * 40}
    assert chunking.sketch().by == "words" and [(remote.name, remote.revision) for remote in chunking.remotes()] == [
        ("owner/name", "main")
    ]
    unknown = Chunking("tokens", 64, 0, "owner/name@branch")
    assert [problem.where for problem in unknown.missing()] == ["tokenizer"]


def test_no_heavy_package_is_imported() -> None:
    code = (
        "import sys; from ftbench.contexts.chunk import Chunking; from ftbench.core.example import Document\n"
        f"assert len(Chunking('tokens', 16, 2, {TINY!r}).chunks(Document('d', 'some words ' * 40))) > 3\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
