"""BERTScore against ten lines of the paper's formulas, over the tiny model's hidden states."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ftbench.metrics.bertscore import BertScore
from ftbench.stats.failures import statistics_of

TINY = "package://ftbench.models.tiny/weights"
ANSWERS = [
    ("The price is 42 euros.", ["The price is 42 euros."]),
    ("It costs 12.", ["The price is 12 euros.", "It is 12"]),
    ("no", ["The colour is dusty green, as always."]),
]


def rows(pairs, finish="stop"):
    return [
        {"id": str(i), "output": output, "references": references, "finish": finish}
        for i, (output, references) in enumerate(pairs)
    ]


def metric(**values):
    return BertScore(**{"name": "bertscore", "model": TINY, "revision": None, "layer": None, "idf": False, **values})


def reference(pairs, layer, idf):
    """The paper's formulas, one text at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from ftbench.models.revision import folder_of

    tokenizer, model = (
        cls.from_pretrained(folder_of(TINY), **extra)
        for cls, extra in ((AutoTokenizer, {}), (AutoModel, {"dtype": torch.float32}))
    )

    def read(text):
        ids = tokenizer(text)["input_ids"]
        with torch.inference_mode():
            states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0].double()
        kept = [i for i, token in enumerate(ids) if token not in tokenizer.all_special_ids]
        return [ids[i] for i in kept], torch.nn.functional.normalize(states[kept], dim=-1)

    documents = [set(read(text)[0]) for _, references in pairs for text in references]
    weight = lambda token: math.log((len(documents) + 1) / (sum(token in one for one in documents) + 1)) if idf else 1.0  # noqa: E731
    found = []
    for answer, references in pairs:
        scores = []
        for text in references:
            (x, vx), (y, vy) = read(answer), read(text)
            like = vx @ vy.T
            precision = sum(weight(t) * float(like[i].max()) for i, t in enumerate(x)) / sum(map(weight, x))
            recall = sum(weight(t) * float(like[:, j].max()) for j, t in enumerate(y)) / sum(map(weight, y))
            scores.append(2 * precision * recall / (precision + recall))
        found.append(max(scores))
    return found


@pytest.mark.parametrize(("layer", "idf"), [(None, False), (1, False), (None, True)])
def test_scores_are_those_of_the_papers_formulas(layer, idf):
    found = metric(layer=layer, idf=idf).statistics(rows(ANSWERS))[:, 0]
    assert found == pytest.approx(reference(ANSWERS, -1 if layer is None else layer, idf), abs=1e-5)
    assert found[0] == pytest.approx(1.0) and found[2] < found[1]


def test_odd_answers_score_and_a_failed_one_scores_nothing():
    odd = [("", ["a"]), (" \n", ["a"]), ("\x00\u202e😀", ["😀", ""]), ("a" * 5000, ["a"]), ("x", [])]
    table, _, raised = statistics_of(metric(), rows(odd))
    assert raised is None and np.isfinite(table).all() and table[0, 0] == table[1, 0] == table[4, 0] == 0.0
    assert metric().statistics(rows(ANSWERS, "error")).tolist() == [[0.0]] * 3


def test_without_a_model_it_is_refused_and_the_signature_names_model_and_layer(tmp_path):
    assert "none is named" in str(metric(model=None).check()[0])
    assert "no config.json" in str(metric(model=str(tmp_path)).check()[0]) and metric().check() == []
    assert metric().signature() != metric(layer=1).signature() != metric(idf=True).signature()


def test_39_an_encoder_that_lacks_tensors_fails_the_stage_and_scores_no_row(tmp_path):
    from ftbench.core.errors import FtbenchError
    from ftbench.models.revision import folder_of
    from tests.models.damaged import altered, without

    broken = altered(folder_of(TINY), tmp_path / "broken", without("layers.1.mlp.up_proj"))
    with pytest.raises(FtbenchError, match=r"bertscore.model=.*lacks 1 tensor \(layers.1.mlp.up_proj.weight\)"):
        statistics_of(metric(model=str(broken)), rows(ANSWERS))
    fewer = altered(folder_of(TINY), tmp_path / "fewer", without("layers.2."))
    assert "has no tensor of model.layers.2" in str(metric(model=str(fewer)).check()[0])
    (tmp_path / "broken" / "tokenizer.json").write_text("{")
    with pytest.raises(FtbenchError, match="cannot be loaded"):
        statistics_of(metric(model=str(broken), layer=1), rows(ANSWERS))
