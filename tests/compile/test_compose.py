"""The fast composer gives what ``hydra.compose`` gives."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hydra import compose
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from ftbench.compile.compose import Composer

PRESET = "defaults:\n  - lora\n  - override /context@_global_.context: few_shot\nrank: 4\n"
RECIPE = (
    "# @package _global_\ndefaults:\n  - override /method: lora\n  - override /hardware: h100\nmethod:\n  rank:"
    " 32\nprimary_metric: bleu\n"
)
AXES = {
    "model": ["tiny", "llama2_7b", "llama2_13b"],
    "context": ["zero_shot", "few_shot"],
    "method": ["none", "lora", "prompting", "mine"],
    "dataset": ["toy", "files"],
    "hardware": ["cpu", "h100", "a100"],
}
VALUES = [
    "seed=3",
    "primary_metric=bleu",
    "decoding.max_new_tokens=9",
    "dataset.limit.train=5",
    "hardware.usd_per_hour=1.5",
    "metrics=[bleu,rouge1]",
]
FRAMES = ["~matrix.couple", "++note=1"]
PARTS = {"context/retriever": ["bm25", "dense", "hybrid"], "context/form": ["plain", "framed"]}
PART_VALUES = {
    "context.retriever.k1": 1.25,
    "context.k": 7,
    "context.retriever.batch_size": 3,
    "context.form.separator": "*",
}
OWN = {
    "context/mine.yaml": (
        "defaults:\n  - /context/rag@_here_\n  - form: plain\n  - override retriever: dense\n  - _self_\n"
    ),
    "context/form/plain.yaml": "turn: '{passages} {question}'\npassage: '{text}'\nseparator: '-'\n",
    "context/form/framed.yaml": "defaults:\n  - plain\n  - _self_\nseparator: '='\n",
    "method/over_mine.yaml": "defaults:\n  - none\n  - override /context@_global_.context: mine\n",
}


def _expected(overrides: list[str], composer: Composer) -> dict:
    return _resolved(compose("config", overrides=[*composer.hydra_overrides, *overrides]))


def _resolved(config: DictConfig) -> dict:
    with read_write(config), open_dict(config):
        config.pop("hydra", None)
    return OmegaConf.to_container(config, resolve=True)


def _with_places(words: list[str], composer: Composer) -> list[str]:
    """Returns the words less the sub-axes and values that Hydra's own composition of the others has no place for."""
    other = [word for word in words if word.partition("=")[0] not in (*PARTS, *PART_VALUES)]
    chosen = compose(
        "config", overrides=[*composer.hydra_overrides, *other], return_hydra_config=True
    ).hydra.runtime.choices
    parts = [word for word in words if word.partition("=")[0] in PARTS and word.partition("=")[0] in chosen]
    config = compose("config", overrides=[*composer.hydra_overrides, *other, *parts])
    missing = object()
    return [
        *other,
        *parts,
        *(
            word
            for word in words
            if (key := word.partition("=")[0]) in PART_VALUES
            and OmegaConf.select(config, key, default=missing) is not missing
        ),
    ]


def _draw(draw: random.Random) -> list[str]:
    words = [f"{axis}={draw.choice(names)}" for axis, names in AXES.items() if draw.random() < 0.6]
    words += [word for word in VALUES if draw.random() < 0.25]
    words += draw.sample(["+recipes=mine", "+recipes=demo"], int(draw.random() < 0.35)) + [
        word for word in FRAMES if draw.random() < 0.2
    ]
    draw.shuffle(words)
    return words


def test_random_cells_equal_hydra(composer_over: Callable[[dict[str, str]], Composer]) -> None:
    composer = composer_over({"method/mine.yaml": PRESET, "recipes/mine.yaml": RECIPE})
    draw = random.Random(20261123)
    for _ in range(24):
        words = _draw(draw)
        assert composer.compose(words).config == _expected(words, composer), words


def test_random_cells_with_sub_axes_equal_hydra(composer_over: Callable[[dict[str, str]], Composer]) -> None:
    documents = "# @package _global_\ndefaults:\n  - override /context: rag\n"
    composer = composer_over(
        {**OWN, "method/mine.yaml": PRESET, "recipes/mine.yaml": RECIPE, "recipes/documents.yaml": documents}
    )
    contexts, methods = (
        ["zero_shot", "few_shot", "rag", "rag_dense", "rag_few_shot", "mine"],
        ["none", "lora", "rag", "mine", "over_mine"],
    )
    draw = random.Random(20261201)
    replaced = 0
    for _ in range(20):
        words = [
            f"{axis}={draw.choice(names)}"
            for axis, names in {"context": contexts, "method": methods}.items()
            if draw.random() < 0.7
        ]
        words += [f"{group}={draw.choice(names)}" for group, names in PARTS.items() if draw.random() < 0.7]
        words += [f"{key}={value}" for key, value in PART_VALUES.items() if draw.random() < 0.3] + draw.sample(
            ["+recipes=mine", "+recipes=documents"], int(draw.random() < 0.4)
        )
        draw.shuffle(words)
        cell, kept = composer.compose(words), _with_places(words, composer)
        whole = compose("config", overrides=[*composer.hydra_overrides, *kept], return_hydra_config=True)
        chosen = dict(whole.hydra.runtime.choices)
        assert cell.config == _resolved(whole), words
        assert cell.idle == {word.partition("=")[0] for word in set(words) - set(kept)}, words
        assert {group: cell.choices.get(group) for group in PARTS} == {group: chosen.get(group) for group in PARTS}, (
            words
        )
        replaced += bool(cell.replaced)
    assert replaced > 2


def test_sub_axis_of_a_recipe_s_option_goes_with_it(composer_over: Callable[[dict[str, str]], Composer]) -> None:
    composer = composer_over({"recipes/documents.yaml": "# @package _global_\ndefaults:\n  - override /context: rag\n"})
    assert composer.compose(["+recipes=documents"]).choices["context/retriever"] == "bm25"
    assert "context/retriever" not in composer.compose(["+recipes=documents", "context=zero_shot"]).choices
    assert composer.compose(["+recipes=documents", "context/retriever=dense"]).choices["context/retriever"] == "dense"


def test_option_that_edits_another_axis_is_left_to_hydra(composer_over: Callable[[dict[str, str]], Composer]) -> None:
    recipe = "# @package _global_\nmodel:\n  dtype: float16\n"
    composer = composer_over({"recipes/half.yaml": recipe})
    words = ["+recipes=half", "model=llama2_7b", "method=lora"]
    assert composer.compose(words).config == _expected(words, composer)


def test_explicit_context_wins_over_a_preset(composer: Composer) -> None:
    assert composer.compose(["method=prompting"]).choices["context"] == "few_shot"
    cell = composer.compose(["context=zero_shot", "method=prompting"])
    assert cell.choices["context"] == "zero_shot" and "k" not in cell.config["context"]
    assert composer.root_option("method", "prompting") == "none"


def test_value_of_another_option_is_idle_and_not_an_error(composer: Composer) -> None:
    none = composer.compose(["method=none", "++method.rank=4"])
    lora = composer.compose(["method=lora", "++method.rank=4"])
    assert none.idle == {"method.weights.rank"} and "rank" not in none.config["method"]
    assert (
        lora.idle == frozenset()
        and lora.config["method"]["weights"]["rank"] == 4
        and lora.values == {"method.weights.rank"}
    )
    assert lora.overrides == ("method=lora", "method.weights.rank=4")


@pytest.mark.parametrize(
    "words",
    [
        ["decoding.max_new_tokens=${seed}", "seed=11"],
        ["store.dir=x-${seed}-${model.dtype}"],
        ["store.dir=${oc.env:HOME}/x"],
    ],
)
def test_interpolations_resolve_as_in_omegaconf(words: list[str], composer: Composer) -> None:
    assert composer.compose(words).config == _expected(words, composer)
