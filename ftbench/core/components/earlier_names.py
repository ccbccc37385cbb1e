"""Where components stood before keys had names of their own: dotted paths in plans, bundles and options of earlier
sweeps -> names of today; and what fields were called.

Written once, when names came in; nothing is ever added. A component that moves needs no entry here.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

EARLIER = {
    "ftbench.contexts.few_shot.FewShot": "context/few_shot",
    "ftbench.contexts.oracle.Oracle": "context/oracle",
    "ftbench.contexts.prompt.Prompt": "prompt/instruction",
    "ftbench.contexts.rag.Rag": "context/rag",
    "ftbench.contexts.retrieve.bm25.Bm25": "context/retriever/bm25",
    "ftbench.contexts.retrieve.dense.Dense": "context/retriever/dense",
    "ftbench.contexts.retrieve.hybrid.Hybrid": "context/retriever/hybrid",
    "ftbench.contexts.retrieve.reranked.Reranked": "context/retriever/reranked",
    "ftbench.contexts.zero_shot.ZeroShot": "context/zero_shot",
    "ftbench.cost.hardware.Hardware": "hardware/machine",
    "ftbench.data.corpus.Corpus": "dataset/corpus",
    "ftbench.data.files.Files": "dataset/files",
    "ftbench.data.inspection.inspect.DataChecks": "data/checks",
    "ftbench.data.toy.dataset.Toy": "dataset/toy",
    "ftbench.methods.artifact.AsTrained": "artifact/as_trained",
    "ftbench.methods.artifact.Merged": "artifact/merged",
    "ftbench.metrics.bertscore.BertScore": "metric/bertscore",
    "ftbench.metrics.bits_per_byte.BitsPerByte": "metric/bits_per_byte",
    "ftbench.metrics.bleu.Bleu": "metric/bleu",
    "ftbench.metrics.chrf.Chrf": "metric/chrf",
    "ftbench.metrics.exact_match.ExactMatch": "metric/exact_match",
    "ftbench.metrics.function.FunctionMetric": "metric/function",
    "ftbench.metrics.google_bleu.GoogleBleu": "metric/google_bleu",
    "ftbench.metrics.harness.Harness": "harness/lm_eval",
    "ftbench.metrics.judge.Judged": "metric/judge",
    "ftbench.metrics.labels.Accuracy": "metric/accuracy",
    "ftbench.metrics.labels.MacroF1": "metric/macro_f1",
    "ftbench.metrics.length_ratio.LengthRatio": "metric/length_ratio",
    "ftbench.metrics.meteor.Meteor": "metric/meteor",
    "ftbench.metrics.numeric.NumericAnswer": "metric/numeric",
    "ftbench.metrics.perplexity.Perplexity": "metric/perplexity",
    "ftbench.metrics.rates.CapRate": "metric/cap_rate",
    "ftbench.metrics.rates.EmptyRate": "metric/empty_rate",
    "ftbench.metrics.rates.RefusalRate": "metric/refusal_rate",
    "ftbench.metrics.retrieval.Ndcg": "metric/ndcg",
    "ftbench.metrics.retrieval.Recall": "metric/recall",
    "ftbench.metrics.retrieval.ReciprocalRank": "metric/reciprocal_rank",
    "ftbench.metrics.rouge.Rouge": "metric/rouge",
    "ftbench.metrics.ter.Ter": "metric/ter",
    "ftbench.metrics.token_accuracy.TokenAccuracy": "metric/token_accuracy",
    "ftbench.metrics.token_f1.TokenF1": "metric/token_f1",
    "ftbench.models.decoding.Decoding": "decoding/generate",
    "ftbench.models.pretrained.Pretrained": "model/pretrained",
    "ftbench.models.recorded.Recorded": "model/recorded",
    "ftbench.models.remote.endpoint.Endpoint": "model/endpoint",
}

METHODS = {
    "ftbench.methods.dpo.Dpo": "adapter",
    "ftbench.methods.dpo_full.DpoFull": "whole",
    "ftbench.methods.full.Full": "whole",
    "ftbench.methods.lora.Lora": "adapter",
    "ftbench.methods.qlora.QLora": "adapter",
    "ftbench.methods.sft_chosen.SftChosen": "adapter",
}
"""Methods of before weights and objectives were parts of their own -> the kind of weights that each trained."""
FIELDS = {
    "labelling_usd": "labeling_usd",
    "labelling_usd_per_example": "labeling_usd_per_example",
    "labour_usd": "labor_usd",
    "licence": "license",
    "normalisation": "normalization",
}
"""What fields were called in plans and results of earlier sweeps -> names of today."""


def of_today(data: Mapping[str, Any], known: Container[str] | None = None) -> dict[str, Any]:
    """Returns a mapping with its fields under their names of today.

    Args:
        data: as an earlier sweep wrote it.
        known: fields of today, where another mapping may have one of an earlier name; None renames them all.
    """
    return {
        (
            FIELDS[name]
            if name in FIELDS and (known is None or (name not in known and FIELDS[name] in known))
            else name
        ): value
        for name, value in data.items()
    }
