"""A model that lacks tensors is refused by name; what else a checkpoint may hold is noted (mistake 39)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.models.loading_info import ASK, checked_loading, sort_unexpected, unused_tensors
from tests.models.damaged import altered, beside, families, without, write_bart, write_family
from tests.models.llama import write_llama


def loaded(folder: Path, **values: object):
    return component("model", "hf", name_or_path=str(folder), **values).load("cpu")


def bert():
    """The config of a small encoder with one output."""
    from transformers import BertConfig

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    return BertConfig(vocab_size=60, num_labels=1, **sizes)


def refusal(folder: Path, **values: object) -> str:
    with pytest.raises(FtbenchError) as caught:
        loaded(folder, **values)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"model.name_or_path={folder}: ")
    return str(caught.value)


@pytest.fixture(scope="module")
def untied_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama whose head is not its embedding."""
    folder = write_llama(tmp_path_factory.mktemp("untied"), chat=True, hidden=64)
    head = lambda tensors: {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"] + 1}  # noqa: E731
    return altered(folder, folder / "untied", head, tie_word_embeddings=False)


@pytest.mark.parametrize("quantization", [None, "nf4"])
def test_39_a_missing_tensor_is_refused_by_name(
    wide_folder: Path, untied_folder: Path, tmp_path: Path, quantization: str | None
) -> None:
    values = {"quantization": quantization}
    assert loaded(untied_folder, **values).unused == ()
    one = refusal(altered(wide_folder, tmp_path / "one", without("layers.1.mlp.up_proj")), **values)
    assert "lacks 1 tensor (model.layers.1.mlp.up_proj.weight), which would be filled with random numbers" in one
    assert "lacks 1 tensor (lm_head.weight)" in refusal(
        altered(untied_folder, tmp_path / "head", without("lm_head")), **values
    )
    many = refusal(altered(wide_folder, tmp_path / "many", without("layers.1.")), **values)
    assert "lacks 9 tensors (model.layers.1.input_layernorm.weight, " in many and ", ...)" in many
    embedding = refusal(altered(wide_folder, tmp_path / "embedding", without("embed_tokens")), **values)
    assert "model.embed_tokens.weight" in embedding, "tied to a head that is not there either"


def test_39_a_tensor_of_another_shape_is_refused_by_name(plain_folder: Path, tmp_path: Path) -> None:
    text = refusal(altered(plain_folder, tmp_path / "shape", intermediate_size=60))
    assert "6 tensors (model.layers.0.mlp.down_proj.weight, " in text and "[32, 64], not [32, 60]" in text


def test_39_a_missing_expert_is_refused(tmp_path: Path, plain_folder: Path) -> None:
    """transformers stacks a layer's experts: without one the stack is short, without a part there is none."""
    write_family(tmp_path / "moe", "mixtral_untied")
    for path in plain_folder.glob("tokenizer*"):
        (tmp_path / "moe" / path.name).write_bytes(path.read_bytes())
    expert = "layers.1.block_sparse_moe.experts.2."
    assert "experts.down_proj" in refusal(altered(tmp_path / "moe", tmp_path / "expert", without(expert)))
    part = refusal(altered(tmp_path / "moe", tmp_path / "part", without(f"{expert}w1")))
    assert "such as those of experts, are not all there" in part


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.2.mlp.up_proj.weight",  # a layer beyond those of the config
        "model.layers.0.self_attn.q_proj.bias",  # a bias that the class lacks
        "model.layers.0.self_attn.q_norm.weight",  # a norm that it lacks
        "model.layers.0.mlp.up_proj.weight_scale",  # weights that are to be multiplied
        "encoder.layers.0.fc1.weight",
        "something.else",
    ],
)
def test_39_a_tensor_of_the_computation_that_the_class_lacks_is_refused(
    plain_folder: Path, tmp_path: Path, name: str
) -> None:
    text = refusal(altered(plain_folder, tmp_path / "more", beside(name)))
    assert f"holds 1 tensor ({name}) that LlamaForCausalLM does not compute with" in text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.layers.0.self_attn.rotary_emb.cos_cached", "rotary and position buffers"),
        ("model.layers.1.attention.masked_bias", "attention masks"),
        ("v_head.summary.weight", "value and classification heads"),
        ("score.weight", "value and classification heads"),
        ("model.layers.0.self_attn.k_proj.k_scale", "scales of the key-value cache"),
        ("model.layers.0.self_attn.attn.v_scale", "scales of the key-value cache"),
        ("model.mtp.layers.0.proj.weight", "multi-token prediction"),
        ("model.layers.2.eh_proj.weight", "multi-token prediction"),
        ("vision_tower.patch.weight", "vision, audio and video parts"),
        ("model.visual.blocks.0.attn.qkv.bias", "vision, audio and video parts"),
    ],
)
def test_39_what_no_answer_depends_on_is_noted(plain_folder: Path, tmp_path: Path, name: str, kind: str) -> None:
    found = loaded(altered(plain_folder, tmp_path / "more", beside(name)))
    assert found.unused == (f"{kind}: 1 tensor ({name})",)
    assert found.provenance()["unused_tensors"] == [f"{kind}: 1 tensor ({name})"]
    assert any(name in note for note in found.notes())


def test_39_a_whole_prediction_layer_is_noted(plain_folder: Path, tmp_path: Path) -> None:
    """DeepSeek and GLM write it as one more layer, with attention and MLP of its own."""
    names = [f"model.layers.2.{part}.weight" for part in ("eh_proj", "enorm", "self_attn.q_proj", "mlp.up_proj")]
    (phrase,) = loaded(altered(plain_folder, tmp_path / "more", beside(*names))).unused
    assert phrase.startswith("multi-token prediction: 4 tensors")


def test_39_an_encoder_decoder_is_no_decoder(tmp_path: Path) -> None:
    """transformers loads the decoder of a BART alone, and fills what it does not find."""
    from transformers import AutoModelForCausalLM

    model, info = AutoModelForCausalLM.from_pretrained(write_bart(tmp_path), **ASK)
    with pytest.raises(FtbenchError, match=r"lacks 2 tensors \(lm_head.weight, .*it is an encoder-decoder"):
        unused_tensors(model, info, "model.name_or_path=bart")


@pytest.mark.parametrize("name", families())
def test_39_sound_models_of_many_families_are_loaded_whole(tmp_path: Path, name: str) -> None:
    """Each tensor is the one that was saved; nothing is missing, and nothing is left over."""
    from transformers import AutoModelForCausalLM

    saved = write_family(tmp_path, name).state_dict()
    model, info = AutoModelForCausalLM.from_pretrained(tmp_path, **ASK)
    assert unused_tensors(model, info, name) == ()
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_39_other_libraries_loads_are_checked(tmp_path: Path) -> None:
    """Encoders: neither a layer nor the head of a reranker may be missing; a pooler that nobody reads may."""
    import transformers

    config = bert()
    original = transformers.PreTrainedModel.__dict__["from_pretrained"]
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    with checked_loading("model=bert"):
        found = transformers.AutoModel.from_pretrained(tmp_path / "bert")
        named = r"\(bert.pooler.dense.bias, bert.pooler.dense.weight, classifier.bias, ...\)"
        with pytest.raises(FtbenchError, match=f"model=bert: .*lacks 4 tensors {named}"):
            transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "bert")
        broken = altered(tmp_path / "bert", tmp_path / "broken", without("layer.1.output.dense.weight"))
        with pytest.raises(FtbenchError, match="lacks 1 tensor .encoder.layer.1.output.dense.weight."):
            transformers.AutoModel.from_pretrained(broken)
        fewer = altered(tmp_path / "bert", tmp_path / "fewer", num_hidden_layers=1)
        with pytest.raises(FtbenchError, match="holds 16 tensors"):
            transformers.AutoModel.from_pretrained(fewer)
    assert isinstance(found, transformers.BertModel)
    assert transformers.PreTrainedModel.__dict__["from_pretrained"] is original


def test_39_the_heads_of_an_encoder_are_no_layers_of_it() -> None:
    import transformers

    model = transformers.BertModel(bert(), add_pooling_layer=False)
    beyond = "bert.encoder.layer.2.output.dense.bias"
    noted, foreign = sort_unexpected(model, ["cls.predictions.bias", "bert.pooler.dense.weight", beyond])
    assert foreign == [beyond] and sum(map(len, noted.values())) == 2
