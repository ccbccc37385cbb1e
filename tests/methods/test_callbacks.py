"""Watching a run: validation loss, the best weights, early stopping, checkpoints, and batches that do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example
from ftbench.core.training import TrainRun
from ftbench.methods.callbacks import TrainingCallback
from ftbench.methods.checkpoint import Checkpoints
from ftbench.methods.recipe import CUDA_OPTIMIZERS
from ftbench.models.likelihood import likelihoods
from tests.methods.test_lora import adapter, lora
from tests.models.llama import example, examples

HELD = tuple(examples(16)[12:])
STRANGE = tuple(example(f"v{i}", f"colour of item {i}?", "@#%&" * 4) for i in range(4))
"""Answers that training on colours makes less and less likely."""


def train(
    method: Any, loaded: Any, folder: Path, held: tuple[Example, ...] = HELD, scratch: Path | None = None
) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    run = TrainRun(examples(12), 0, folder, validation=held, scratch=scratch)
    (result,) = method.train([run], loaded)
    return result


def curve(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text(encoding="utf-8").splitlines()]


def measured(folder: Path) -> dict[int, float]:
    return {point["step"]: point["validation_loss"] for point in curve(folder) if point["validation_loss"] is not None}


def nats_per_token(loaded: Any, rows: tuple[Example, ...]) -> float:
    scores = likelihoods(loaded, [loaded.format.encode(row.turns, row.target) for row in rows], 1)
    return sum(score.nll + score.nll_end for score in scores) / sum(score.tokens + 1 for score in scores)


def test_validation_loss_is_weighted_by_tokens_and_that_of_the_likelihood_code(chat, tmp_path: Path) -> None:
    """At a vanishing learning rate it is the base's; afterwards that of the weights that are saved."""
    expected = nats_per_token(chat, HELD)
    for batch in (1, 3, 4):
        train(lora(learning_rate=1e-12, batch_size=batch, keep="last"), chat, tmp_path / str(batch))
        assert list(measured(tmp_path / str(batch)).values()) == [pytest.approx(expected, rel=1e-4)]
    method = lora(keep="last")
    train(method, chat, tmp_path / "trained")
    with method.attach(chat, tmp_path / "trained"):
        assert measured(tmp_path / "trained")[3] == pytest.approx(nats_per_token(chat, HELD), rel=1e-4)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({}, [3, 6, 9]),
        ({"eval_steps": 4}, [4, 8, 9]),
        ({"eval_steps": 0}, []),
        ({"batch_size": 5}, [3, 5, 8]),
        ({"max_steps": 5}, [3, 5]),
        ({"epochs": 0.5}, [2]),
        ({"eval_steps": 100}, [9]),
    ],
)
def test_when_it_is_measured(chat, tmp_path: Path, values: dict, steps: list[int]) -> None:
    train(lora(**{"epochs": 3.0, **values}), chat, tmp_path)
    assert list(measured(tmp_path)) == steps


def test_without_validation_rows_nothing_is_measured(chat, tmp_path: Path) -> None:
    result = train(lora(), chat, tmp_path, held=())
    assert measured(tmp_path) == {} and result["details"]["best"] is None and result["details"]["kept_step"] == 3


def test_measuring_does_not_change_the_training(chat, tmp_path: Path) -> None:
    """With dropout: no random number is drawn for it."""
    for name, steps in (("never", 0), ("always", 1)):
        train(lora(eval_steps=steps, keep="last", epochs=2.0), chat, tmp_path / name)
    assert adapter(tmp_path / "never") == adapter(tmp_path / "always")


def test_the_best_weights_are_kept_and_named(chat, tmp_path: Path) -> None:
    method = lora(epochs=20.0, eval_steps=3, dropout=0.0)
    result = train(method, chat, tmp_path / "best", held=STRANGE)
    found = measured(tmp_path / "best")
    step = min(found, key=found.get)
    assert step < 60 and result["details"]["kept_step"] == step
    assert result["details"]["best"] == {"step": step, "validation_loss": found[step]}
    with method.attach(chat, tmp_path / "best"):
        assert nats_per_token(chat, STRANGE) == pytest.approx(found[step], rel=1e-4)
    said = json.loads((tmp_path / "best" / "findings.json").read_text(encoding="utf-8"))
    assert (said[-1]["kind"], said[-1]["step"]) == ("kept", step) and f"step {step} of 60" in said[-1]["text"]
    assert result["details"]["findings"] == result["details"]["notes"] == [one["text"] for one in said]
    train(lora(epochs=20.0, eval_steps=3, dropout=0.0, keep="last"), chat, tmp_path / "last", held=STRANGE)
    assert adapter(tmp_path / "last") != adapter(tmp_path / "best") and measured(tmp_path / "last") == found


def test_patience_ends_a_run_that_no_longer_gets_better(chat, tmp_path: Path) -> None:
    result = train(lora(epochs=20.0, eval_steps=2, patience=2, dropout=0.0), chat, tmp_path, held=STRANGE)
    steps = list(measured(tmp_path))
    best = result["details"]["best"]["step"]
    assert len(curve(tmp_path)) == steps[-1] == best + 4 < 60 and result["details"]["steps"] == best + 4
    assert any(text.startswith(f"stopped early after step {best + 4} of 60") for text in result["details"]["findings"])
    assert sum(point["tokens"] for point in curve(tmp_path)) == result["tokens"]["supervised"]


@pytest.mark.parametrize("name", ["lora", "full"])
def test_a_training_that_dies_goes_on_from_its_checkpoint_to_the_same_bytes(
    name: str, chat_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    """With dropout, a schedule, accumulation and best weights: all that a checkpoint must hold."""
    model = component("model", "hf", name_or_path=str(chat_folder))
    values = {
        "epochs": 6.0,
        "batch_size": 2,
        "gradient_accumulation": 2,
        "eval_steps": 3,
        "checkpoint_every": 5,
        "warmup": 0.2,
    }
    values |= {"learning_rate": 1e-2, "dropout": 0.2, "rank": 4} if name == "lora" else {"learning_rate": 3e-3}
    method = component("method", name, **values)
    whole = train(method, model.load("cpu"), tmp_path / "whole", held=STRANGE, scratch=tmp_path / "unused")

    class Killed(Exception):
        pass

    told = TrainingCallback.on_log

    def dying(self: TrainingCallback, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        told(self, args, state, control, logs, **rest)
        if state.global_step == 13:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(TrainingCallback, "on_log", dying)
        train(method, model.load("cpu"), tmp_path / "killed", held=STRANGE, scratch=tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["step-10"]
    torch.rand(3)
    (tmp_path / "scratch" / "part").mkdir()  # half a checkpoint, as a kill in its middle leaves
    seen: list[int] = []
    run = TrainRun(
        examples(12),
        0,
        tmp_path / "resumed",
        validation=STRANGE,
        progress=lambda done, total: seen.append(done),
        scratch=tmp_path / "scratch",
    )
    run.folder.mkdir()
    (resumed,) = method.train([run], model.load("cpu"))
    assert seen == list(range(11, 19))
    assert resumed == whole
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*") if path.is_file())
    assert [
        path for path in files if (tmp_path / "whole" / path).read_bytes() != (tmp_path / "resumed" / path).read_bytes()
    ] == []


def test_a_checkpoint_of_other_versions_is_not_gone_on_from(chat, tmp_path: Path) -> None:
    train(lora(checkpoint_every=2), chat, tmp_path / "a", scratch=tmp_path / "scratch")
    assert Checkpoints(tmp_path / "scratch", "cpu").latest() == tmp_path / "scratch" / "step-2"
    assert Checkpoints(tmp_path / "scratch", "cuda:0").latest() is None
    assert list((tmp_path / "scratch").iterdir()) == []


def test_checkpoints_behind_links_and_names_of_others_are_left_alone(chat, tmp_path: Path) -> None:
    """A link named like an earlier checkpoint, a file and a folder of other names: none is read, none is removed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file.txt").write_text("precious", encoding="utf-8")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "step-1").symlink_to(tmp_path / "outside")
    (scratch / "part").symlink_to(tmp_path / "outside")
    (scratch / "step-old").mkdir()
    (scratch / "step-7").write_text("", encoding="utf-8")
    train(lora(checkpoint_every=2), chat, tmp_path / "a", scratch=scratch)
    assert Checkpoints(scratch, "cuda:0").latest() is None
    assert sorted(path.name for path in scratch.iterdir()) == ["step-1", "step-7", "step-old"]
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["file.txt"]


def test_no_checkpoint_is_written_unless_asked_for_and_asking_changes_no_key(chat, tmp_path: Path) -> None:
    train(lora(), chat, tmp_path / "a", scratch=tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()
    assert lora(checkpoint_every=7).identity() == lora().identity() != lora(eval_steps=7).identity()


class Cramped(torch.nn.Module):
    """Decoder layers of a device whose memory holds ``rows`` rows: more run out of it, after the first layers'
    gradients are there.
    """

    def __init__(self, inner: torch.nn.Module, rows: int, backward: bool) -> None:
        super().__init__()
        self.inner, self.rows, self.backward = inner, rows, backward

    def forward(self, hidden: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if len(hidden) > self.rows and torch.is_grad_enabled():
            if not self.backward:
                raise torch.OutOfMemoryError("made up")
            hidden.register_hook(self._run_out)
        return self.inner(hidden, *args, **kwargs)

    @staticmethod
    def _run_out(gradient: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("made up")


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(("batch", "accumulation"), [(8, 1), (4, 2)])
def test_memory_running_out_halves_the_batch_and_changes_nothing_else(
    chat_folder: Path, tmp_path: Path, backward: bool, batch: int, accumulation: int
) -> None:
    model = component("model", "hf", name_or_path=str(chat_folder))
    values = {"batch_size": batch, "gradient_accumulation": accumulation, "target_modules": ["q_proj", "v_proj"]}
    method = lora(dropout=0.0, epochs=4.0, eval_steps=0, **values)
    loaded = model.load("cpu")
    loaded.model.model.layers[0].mlp = Cramped(
        loaded.model.model.layers[0].mlp, 3, backward
    )  # later layers have their gradients by then
    cramped = train(method, loaded, tmp_path / "cramped")
    roomy = train(method, model.load("cpu"), tmp_path / "roomy")
    assert cramped["losses"] == pytest.approx(roomy["losses"], rel=1e-4)
    one, other = (load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in ("roomy", "cramped"))
    assert max((one[key] - other[key]).abs().max().item() for key in one) < 1e-3
    assert (roomy["details"]["rows_at_once"], cramped["details"]["rows_at_once"]) == (batch, 2)
    (text,) = [text for text in cramped["details"]["notes"] if "memory" in text]
    assert text == f"memory ran out at step 1 with {batch} rows at once: went on with 2; the effective batch stays 8"


def test_one_row_that_does_not_fit_ends_the_run(chat_folder: Path, tmp_path: Path) -> None:
    loaded = component("model", "hf", name_or_path=str(chat_folder)).load("cpu")
    loaded.model.model.layers[1].mlp = Cramped(loaded.model.model.layers[1].mlp, 0, False)
    with pytest.raises(torch.OutOfMemoryError):
        train(lora(target_modules=["q_proj"]), loaded, tmp_path)


def test_what_this_machine_cannot_do_is_refused_with_the_fix(chat, tmp_path: Path) -> None:
    for optimizer in CUDA_OPTIMIZERS:
        with pytest.raises(
            FtbenchError,
            match=f"method.optimizer={optimizer} needs a CUDA device, and there is none. Set it to adamw_torch",
        ):
            train(lora(optimizer=optimizer), chat, tmp_path)
    with pytest.raises(
        FtbenchError, match="method.liger=true needs .*Set it to false|method.liger=true needs .* set it to false"
    ):
        train(lora(liger=True), chat, tmp_path)


def test_values_that_contradict_each_other_are_refused() -> None:
    assert [problem.where for problem in lora(eval_steps=0, patience=2).check()] == ["method.patience"]
    wrong = lora(eval_steps=-1, patience=0, checkpoint_every=0, keep="first")
    assert {problem.where for problem in wrong.check()} == {
        f"method.{name}" for name in ("eval_steps", "patience", "checkpoint_every", "keep")
    }
