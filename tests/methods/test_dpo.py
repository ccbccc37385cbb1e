"""DPO through the shared TRL call: the first loss is ln 2 for every reference, the reference is the right one, the base
comes back untouched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from ftbench.compile.option import shipped as component
from ftbench.core.component import node
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example
from ftbench.core.training import TrainRun
from ftbench.methods.dpo_reference import reference_logps
from ftbench.methods.pairs import encode_pairs
from ftbench.models.generate import generate
from tests.methods.test_callbacks import Cramped
from tests.methods.test_lora import adapter, lora
from tests.models.llama import example

SMALL = {"rank": 4, "alpha": 8.0}


def pairs(count: int) -> list[Example]:
    """The chosen answer is polite, the rejected one is not; lengths differ."""
    colours = ("red", "blue", "greenish", "a longer colour")
    made = []
    for i in range(count):
        said = colours[i % len(colours)]
        row = example(f"p{i}", f"colour of item {i}?" + " please" * (i % 3), said)
        made.append(replace(row, chosen=f"{said}, sir", rejected=said))
    return made


def dpo(option: str = "dpo", **values: object) -> Any:
    quick = {"learning_rate": 5e-3, "batch_size": 4, "warmup": 0.0, "eval_steps": 0}
    return component("method", option, **{**(SMALL if option == "dpo" else {}), **quick, **values})


def write_reference(folder: Path, loaded: Any, rows: Sequence[Example], method: Any) -> Path:
    """What the reference stage writes, of the model as it stands."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = encode_pairs(loaded.format, rows, method.max_tokens, method.overlong).kept
    lines = (json.dumps(row) for row in reference_logps(loaded, kept, method.precision))
    (folder / "reference.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def trained(
    method: Any,
    loaded: Any,
    folder: Path,
    rows: Sequence[Example],
    *,
    weights: Path | None = None,
    seed: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """Makes the reference with the weights that the method starts from, and trains over it."""
    folder.mkdir(parents=True, exist_ok=True)
    with method.start_method().attach(loaded, weights):
        reference = write_reference(
            folder.parent / f"{folder.name} reference", loaded, [*rows, *more.get("validation", ())], method
        )
    inputs = {"reference": reference, **({} if weights is None else {"weights": weights})}
    (result,) = method.train([TrainRun(rows, seed, folder, inputs=inputs, **more)], loaded)
    return result


def curve(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text(encoding="utf-8").splitlines()]


def sft_adapter(loaded: Any, folder: Path, **values: Any) -> Path:
    from tests.methods.test_lora import trained as tuned

    tuned(lora(learning_rate=3e-2, epochs=2.0, **values), loaded, folder, rows=pairs(8))
    return folder


@pytest.fixture(scope="module")
def tuned(chat: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that has learned something, so that it is told from the base."""
    return sft_adapter(chat, tmp_path_factory.mktemp("sft"))


@pytest.mark.parametrize("name", ["chat", "plain"])
def test_08_the_first_loss_is_ln_2_over_a_fresh_adapter(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    loaded = request.getfixturevalue(name)
    pad = loaded.tokenizer.pad_token
    result = trained(dpo(), loaded, tmp_path / "dpo", pairs(8))
    assert result["losses"][0] == pytest.approx(math.log(2), abs=1e-5)
    first = curve(tmp_path / "dpo")[0]
    assert abs(first["margin"]) < 1e-4 and abs(first["chosen_reward"]) < 1e-4
    assert loaded.tokenizer.pad_token == pad


def over(**values: Any) -> Any:
    return dpo(start=node(lora(learning_rate=3e-2, epochs=2.0)), **values)


def test_08_over_an_earlier_adapter_that_adapter_is_the_reference(chat: Any, tuned: Path, tmp_path: Path) -> None:
    """ln 2 at the first step says that policy and reference are one; a reference off the adapter would not give it."""
    method = over()
    assert method.check() == []
    result = trained(method, chat, tmp_path / "dpo", pairs(8), weights=tuned)
    assert result["losses"][0] == pytest.approx(math.log(2), abs=1e-5)
    base = write_reference(tmp_path / "base", chat, pairs(8), method)
    (wrong,) = method.train([TrainRun(pairs(8), 0, tmp_path, inputs={"reference": base, "weights": tuned})], chat)
    assert abs(wrong["losses"][0] - math.log(2)) > 0.01
    assert adapter(tmp_path / "dpo") != adapter(tuned)


def test_08_the_whole_curve_is_the_loss_of_equation_7_by_hand(chat: Any, tmp_path: Path) -> None:
    """Each point again from the log-probabilities that it states, for one pair a step: -log sigmoid(beta (chosen -
    rejected log-ratio)).
    """
    rows = pairs(6)
    method = dpo(batch_size=1, beta=0.3)
    trained(method, chat, tmp_path / "dpo", rows)
    from ftbench.methods.preference import read_reference
    from ftbench.methods.rows import ordered

    known = read_reference(tmp_path / "dpo reference")
    order = ordered(encode_pairs(chat.format, rows, None, "cut").kept, 6, 0)
    for point, pair in zip(curve(tmp_path / "dpo"), order, strict=True):
        chosen, rejected = point["chosen_logp"] - known[pair.id][0], point["rejected_logp"] - known[pair.id][1]
        assert point["loss"] == pytest.approx(math.log1p(math.exp(-0.3 * (chosen - rejected))), abs=1e-4)
        assert point["margin"] == pytest.approx(0.3 * (chosen - rejected), abs=1e-3)
        assert point["accuracy"] == float(chosen > rejected)
    assert curve(tmp_path / "dpo")[-1]["loss"] != curve(tmp_path / "dpo")[0]["loss"]


def test_06_accumulation_changes_nothing_not_even_with_a_short_last_batch(chat: Any, tmp_path: Path) -> None:
    whole = trained(dpo(batch_size=6), chat, tmp_path / "6x1", pairs(10))
    for micro, accumulation in ((3, 2), (2, 3), (4, 2)):
        folder = tmp_path / f"{micro}x{accumulation}"
        parts = trained(dpo(batch_size=micro, gradient_accumulation=accumulation), chat, folder, pairs(10))
        if micro * accumulation == 6:
            assert parts["losses"] == pytest.approx(whole["losses"], rel=1e-4)
        assert sum(point["tokens"] for point in curve(folder)) == parts["tokens"]["supervised"]
    uneven = trained(dpo(batch_size=4, gradient_accumulation=2), chat, tmp_path / "uneven", pairs(5))
    assert uneven["losses"] == pytest.approx(
        trained(dpo(batch_size=5), chat, tmp_path / "even", pairs(5))["losses"], rel=1e-5
    )


def test_the_same_seed_gives_the_same_bytes_and_the_base_is_untouched(chat: Any, tuned: Path, tmp_path: Path) -> None:
    requests = [chat.format.encode(one.turns) for one in pairs(3)]
    decoding = component("decoding", "greedy", max_new_tokens=8)
    state = {name: value.clone() for name, value in chat.model.state_dict().items()}
    modules, before = list(chat.model.named_modules()), generate(chat, requests, decoding, 0)
    for name, method, weights in (("fresh", dpo(), None), ("over", over(), tuned)):
        trained(method, chat, tmp_path / f"{name} a", pairs(8), weights=weights, seed=1)
        torch.rand(5)
        trained(method, chat, tmp_path / f"{name} b", pairs(8), weights=weights, seed=1)
        for file in ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "curve.jsonl"):
            assert (tmp_path / f"{name} a" / file).read_bytes() == (tmp_path / f"{name} b" / file).read_bytes()
        trained(method, chat, tmp_path / f"{name} c", pairs(8), weights=weights, seed=2)
        assert adapter(tmp_path / f"{name} c") != adapter(tmp_path / f"{name} a")
    assert list(chat.model.named_modules()) == modules and not chat.model.training
    assert all(torch.equal(value, state[name]) for name, value in chat.model.state_dict().items())
    assert generate(chat, requests, decoding, 0) == before


def test_preferences_are_learned_and_hold_on_other_pairs(chat: Any, tmp_path: Path) -> None:
    rows = pairs(20)
    result = trained(
        dpo(epochs=6.0, eval_steps=None, keep="last"), chat, tmp_path / "dpo", rows[:12], validation=rows[12:]
    )
    points = [point for point in curve(tmp_path / "dpo") if point["validation_loss"] is not None]
    assert len(points) == 6 and result["losses"][-1] < 0.5 * math.log(2)
    assert (
        points[-1]["validation_accuracy"] == 1.0
        and points[-1]["validation_margin"] > points[0]["validation_margin"] > 0
    )
    assert points[-1]["validation_loss"] < points[0]["validation_loss"] < math.log(2)
    assert result["details"]["trained"] == 12 and result["details"]["accuracy_last"] == 1.0
    names = {path.name for path in (tmp_path / "dpo").iterdir()}
    assert names == {"adapter", "curve.jsonl", "findings.json", "masked_example.json", "rows.json"}
    assert [path.name for path in (tmp_path / "dpo" / "adapter").iterdir() if path.is_dir()] == [], (
        "TRL's copy for the reference is not shipped"
    )


@pytest.mark.parametrize("loss", ["hinge", "ipo", "robust", "exo_pair", "apo_zero", "sigmoid_norm"])
def test_every_loss_that_is_offered_trains(chat: Any, tmp_path: Path, loss: str) -> None:
    method = dpo(loss_type=loss, label_smoothing=0.1, max_steps=3)
    assert method.check() == []
    result = trained(method, chat, tmp_path / loss, pairs(8))
    expected = {"hinge": 1.0, "ipo": 1 / (2 * 0.1) ** 2, "sigmoid_norm": math.log(2), "apo_zero": 1.0}
    if loss in expected:
        assert result["losses"][0] == pytest.approx(expected[loss], rel=1e-4)
    assert result["losses"][2] < result["losses"][0]


def test_pairs_without_a_reference_are_no_silent_zero(chat: Any, tmp_path: Path) -> None:
    reference = write_reference(tmp_path / "reference", chat, pairs(4), dpo())
    with pytest.raises(FtbenchError, match="4 preference rows have no reference log-probabilities, such as p4"):
        dpo().train([TrainRun(pairs(8), 0, tmp_path, inputs={"reference": reference})], chat)


def test_values_out_of_range_are_refused_all_at_once() -> None:
    found = {
        problem.where
        for problem in dpo(
            beta=0.0, loss_type="dpo", label_smoothing=0.5, dropout=0.1, rank=0, learning_rate=0.0
        ).check()
    }
    assert found == {
        f"method.{name}" for name in ("beta", "loss_type", "label_smoothing", "dropout", "rank", "learning_rate")
    }
    assert [problem.where for problem in dpo(loss_type="exo_pair").check()] == ["method.label_smoothing"]
    assert [problem.where for problem in dpo(start=node(lora(rank=8))).check()] == ["method.start.weights.rank"]
    assert [problem.where for problem in dpo(start=node(component("method", "none"))).check()] == ["method.start"]
    assert [problem.where for problem in dpo(start=node(lora(learning_rate=-1.0))).check()] == [
        "method.start.learning_rate"
    ]
    assert [problem.where for problem in dpo(start={"rank": 4}).check()] == ["method.start"]
    assert dpo().check() == [] == component("method", "dpo").check() == component("method", "sft_chosen").check()


def test_rows_without_preferences_are_refused_while_planning() -> None:
    class Splits:
        train = [example("a", "q", "yes")]

    for method in (dpo(), component("method", "sft_chosen")):
        (problem,) = method.check_data(Splits)
        assert problem.where == "dataset.chosen" and "dataset.rejected" in problem.fix
    Splits.train = pairs(1)
    assert dpo().check_data(Splits) == [] == component("method", "sft_chosen").check_data(Splits)
    Splits.train = [replace(pairs(1)[0], target=None)]
    assert [problem.where for problem in over().check_data(Splits)] == ["dataset.train"], (
        "the supervised training before has nothing to learn from"
    )


def test_the_control_is_supervised_tuning_on_the_chosen_answers(chat: Any, tmp_path: Path) -> None:
    from tests.methods.test_lora import trained as tuned_on

    values = {
        **SMALL,
        "dropout": 0.1,
        "learning_rate": 1e-2,
        "epochs": 1.0,
        "batch_size": 4,
        "warmup": 0.0,
        "eval_steps": 0,
    }
    rows = [*pairs(8), example("no pair", "q", "a")]
    tuned_on(component("method", "sft_chosen", **values), chat, tmp_path / "control", rows=rows)
    tuned_on(lora(eval_steps=0), chat, tmp_path / "by hand", rows=[replace(one, target=one.chosen) for one in pairs(8)])
    assert adapter(tmp_path / "control") == adapter(tmp_path / "by hand")


def test_a_killed_training_resumes_to_the_same_bytes(chat: Any, tuned: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        if done == 4:
            raise Killed

    method = over(epochs=3.0, checkpoint_every=3, eval_steps=2)
    rows = pairs(12)
    undisturbed = trained(method, chat, tmp_path / "whole", rows[:8], validation=rows[8:], weights=tuned)
    with pytest.raises(Killed):
        trained(
            method,
            chat,
            tmp_path / "killed",
            rows[:8],
            validation=rows[8:],
            weights=tuned,
            progress=kill,
            scratch=tmp_path / "scratch",
        )
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["step-3"]
    told: list[int] = []
    resumed = trained(
        method,
        chat,
        tmp_path / "resumed",
        rows[:8],
        validation=rows[8:],
        weights=tuned,
        progress=lambda done, total: told.append(done),
        scratch=tmp_path / "scratch",
    )
    assert told == [4, 5, 6] and resumed["losses"] == undisturbed["losses"]
    assert adapter(tmp_path / "resumed") == adapter(tmp_path / "whole")
    assert (tmp_path / "resumed" / "curve.jsonl").read_bytes() == (tmp_path / "whole" / "curve.jsonl").read_bytes()


def test_figures_are_means_over_pairs_whatever_a_forward_pass_holds(chat_folder: Path, tmp_path: Path) -> None:
    """Five pairs a step: in one pass, and in pieces of 2, 2 and 1 where memory runs out."""
    model, rows, values = (
        component("model", "hf", name_or_path=str(chat_folder)),
        pairs(10),
        {"target_modules": ["q_proj", "v_proj"], "epochs": 2.0},
    )
    trained(dpo(batch_size=5, **values), model.load("cpu"), tmp_path / "whole", rows)
    loaded = model.load("cpu")
    loaded.model.model.layers[0].mlp = Cramped(loaded.model.model.layers[0].mlp, 5, False)
    trained(dpo(batch_size=5, **values), loaded, tmp_path / "cut", rows)
    for one, other in zip(curve(tmp_path / "cut"), curve(tmp_path / "whole"), strict=True):
        for name in ("margin", "accuracy", "chosen_logp", "rejected_logp", "chosen_reward"):
            assert one[name] == pytest.approx(other[name], rel=1e-3, abs=1e-5)


def test_a_killed_training_keeps_the_pairs_that_fitted(chat_folder: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(done: int, total: int) -> None:
        if done == 3:
            raise Killed

    model, rows = component("model", "hf", name_or_path=str(chat_folder)), pairs(8)
    method = dpo(epochs=4.0, batch_size=4, checkpoint_every=2, target_modules=["q_proj", "v_proj"])

    def cramped() -> Any:
        loaded = model.load("cpu")
        loaded.model.model.layers[0].mlp = Cramped(loaded.model.model.layers[0].mlp, 5, False)  # two pairs
        return loaded

    whole = trained(method, cramped(), tmp_path / "whole", rows)
    with pytest.raises(Killed):
        trained(method, cramped(), tmp_path / "killed", rows, progress=kill, scratch=tmp_path / "scratch")
    # On a device with room: what was found to fit is known from the checkpoint, not found out again.
    resumed = trained(method, model.load("cpu"), tmp_path / "resumed", rows, scratch=tmp_path / "scratch")
    assert resumed == whole and resumed["details"]["rows_at_once"] == 2
    assert adapter(tmp_path / "resumed") == adapter(tmp_path / "whole")


def test_validation_and_reference_go_on_with_fewer_rows_where_memory_runs_out(
    chat_folder: Path, tmp_path: Path
) -> None:
    model, rows = component("model", "hf", name_or_path=str(chat_folder)), pairs(12)
    method = dpo(batch_size=4, eval_steps=1, max_steps=2, target_modules=["q_proj", "v_proj"])
    roomy, loaded = (
        trained(method, model.load("cpu"), tmp_path / "roomy", rows[:8], validation=rows[8:]),
        model.load("cpu"),
    )
    inner = loaded.model.model.layers[0].mlp

    class Measuring(torch.nn.Module):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            if len(hidden) > 2 and not torch.is_grad_enabled():
                raise torch.OutOfMemoryError("made up")
            return inner(hidden)

    loaded.model.model.layers[0].mlp = Measuring()
    cramped = trained(method, loaded, tmp_path / "cramped", rows[:8], validation=rows[8:])
    assert cramped["losses"] == pytest.approx(roomy["losses"], rel=1e-4) and cramped["details"]["rows_at_once"] == 4
    for one, other in zip(curve(tmp_path / "cramped"), curve(tmp_path / "roomy"), strict=True):
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-4)
        assert one["validation_margin"] == pytest.approx(other["validation_margin"], rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(("batch", "accumulation"), [(8, 1), (4, 2)])
def test_06_pairs_that_do_not_fit_are_gone_through_in_halves_and_change_nothing(
    chat_folder: Path, tmp_path: Path, batch: int, accumulation: int
) -> None:
    model, rows = component("model", "hf", name_or_path=str(chat_folder)), pairs(14)  # the last step is a short one
    method = dpo(batch_size=batch, gradient_accumulation=accumulation, target_modules=["q_proj", "v_proj"], epochs=2.0)
    roomy, loaded = trained(method, model.load("cpu"), tmp_path / "roomy", rows), model.load("cpu")
    loaded.model.model.layers[0].mlp = Cramped(loaded.model.model.layers[0].mlp, 4, True)  # two pairs
    cramped = trained(method, loaded, tmp_path / "cramped", rows)
    assert cramped["losses"] == pytest.approx(roomy["losses"], rel=1e-4)
    one, other = (load(adapter(tmp_path / name)) for name in ("roomy", "cramped"))
    assert max((one[key] - other[key]).abs().max().item() for key in one) < 1e-3
    for field_name in (
        "margin",
        "chosen_logp",
    ):  # of the first step, whose pieces are of one size: nothing of the failed attempt is averaged in
        assert curve(tmp_path / "cramped")[0][field_name] == pytest.approx(
            curve(tmp_path / "roomy")[0][field_name], rel=1e-3, abs=1e-5
        )
    assert (roomy["details"]["rows_at_once"], cramped["details"]["rows_at_once"]) == (batch, 2)
