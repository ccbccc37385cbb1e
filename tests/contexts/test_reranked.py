"""Reranking by a cross-encoder, over a tiny one made here: its own scores decide, and what it did not read stays
behind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.contexts.retrieve.bm25 import Bm25
from ftbench.contexts.retrieve.reranked import Reranked
from ftbench.core.component import node

TEXTS = [
    "box one is red",
    "box two is blue",
    "box three is red and blue",
    "a lid is green",
    "box four is white and green",
    "nothing at all",
]
FIRST = Bm25(1.5, 0.75, None)
QUERIES = ["is box red", "green lid"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights and one output, as any cross-encoder's folder is."""
    pytest.importorskip("sentence_transformers", reason='pip install "ftbench[dense]"')
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("classifier")
    words = sorted({word for text in (*TEXTS, *QUERIES) for word in text.split()})
    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n", encoding="utf-8"
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,
        initializer_range=0.5,
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def reranked(folder: Path, pool: int = 4) -> Reranked:
    return Reranked(first=node(FIRST), model=str(folder), revision=None, pool=pool, batch_size=2)


def own_scores(folder: Path, query: str) -> list[float]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        logits = [model(**tokenizer(query, text, return_tensors="pt")).logits.item() for text in TEXTS]
    return torch.sigmoid(torch.tensor(logits)).tolist()


def test_hits_are_ordered_by_the_classifier_and_the_unread_stay_behind(classifier: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    retriever = reranked(classifier, pool=2)
    retriever.index(TEXTS, folder)
    before, after = FIRST.search(folder, TEXTS, QUERIES, 6), retriever.search(folder, TEXTS, QUERIES, 6)
    for query, old, new in zip(QUERIES, before, after, strict=True):
        scores = own_scores(classifier, query)
        read, unread = [hit.place for hit in old[:2]], [hit.place for hit in old[2:]]
        assert [hit.place for hit in new] == [*sorted(read, key=lambda place: -scores[place]), *unread]
        assert [hit.score for hit in new] == sorted((hit.score for hit in new), reverse=True)
        assert [hit.score for hit in new[:2]] == pytest.approx(
            sorted((scores[place] for place in read), reverse=True), abs=1e-4
        )
    assert [hits[:1] for hits in retriever.search(folder, TEXTS, QUERIES, 1)] == [hits[:1] for hits in after]
    assert retriever.search(folder, TEXTS, ["zebra"], 3) == [[]]


def test_38_the_index_is_that_of_the_first_and_the_classifier_is_named_by_its_bytes(classifier: Path) -> None:
    retriever = reranked(classifier)
    assert retriever.index_identity() == FIRST.index_identity() and retriever.check() == []
    assert retriever.identity() == reranked(classifier).identity() != reranked(classifier, pool=3).identity()
    assert str(classifier) not in str(retriever.identity())


def test_a_model_that_scores_no_pairs_is_refused_while_planning(classifier: Path, tmp_path: Path) -> None:
    import json
    import shutil

    for name, change, why in (
        ("three", {"id2label": {"0": "a", "1": "b", "2": "c"}}, "has 3 outputs"),
        ("reader", {"architectures": ["BertModel"]}, "scores no pairs"),
    ):
        folder = tmp_path / name
        shutil.copytree(classifier, folder)
        config = json.loads((folder / "config.json").read_text()) | change
        (folder / "config.json").write_text(json.dumps(config))
        (problem,) = reranked(folder).check()
        assert problem.where == "model" and why in problem.why
    assert reranked(classifier).check() == []


def test_39_a_reranker_or_encoder_that_lacks_tensors_is_refused(classifier: Path, tmp_path: Path) -> None:
    from ftbench.contexts.retrieve import encoder
    from ftbench.core.errors import FtbenchError
    from tests.models.damaged import altered, without

    headless = altered(classifier, tmp_path / "headless", without("classifier"))
    with pytest.raises(FtbenchError, match=r"lacks 2 tensors \(classifier.bias, classifier.weight\)"):
        reranked(headless).ready()
    broken = altered(classifier, tmp_path / "broken", without("layer.1.attention.self.query.weight"))
    with pytest.raises(FtbenchError, match="lacks 1 tensor"):
        encoder.reader("SentenceTransformer", str(broken), None)
    shallow = altered(classifier, tmp_path / "shallow", without("encoder.layer.1."))
    assert "has no tensor of bert.encoder.layer.1" in reranked(shallow).check()[0].why
    assert encoder.reader("SentenceTransformer", str(classifier), None) is not None
    encoder.release()
