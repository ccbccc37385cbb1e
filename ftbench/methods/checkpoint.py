"""Checkpoints of a training, outside the stage's temporary folder: what a killed one resumes from, to the byte.

A checkpoint holds the trained parameters, optimizer, scheduler, scaler, random states, the trainer's position and what
the watch knows. It appears in one rename, and only one written by the same versions on the same kind of device is
resumed from.
"""

from __future__ import annotations

import json
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers.trainer import TRAINER_STATE_NAME

from ftbench.core.files import replacing, write_json
from ftbench.store.folders import remove

WEIGHTS = "weights.pt"
WATCH = "watch.json"
BEST = "best.pt"
_STEP = re.compile(r"step-\d+")
PACKAGES = ("torch", "transformers", "accelerate", "peft", "trl")


def save_weights(model: torch.nn.Module, path: Path) -> None:
    """Writes the parameters that are trained, and nothing else; the file appears in one step."""
    trained = {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}
    with replacing(path) as scratch:
        torch.save(trained, scratch)


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Writes saved parameters back in place.

    Raises:
        KeyError: when the model trains a parameter that the file does not hold.
    """
    saved = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(saved[name])


class Resumable:
    """Mixed into a transformers ``Trainer``: reads the trained parameters alone, in place of a whole model or an
    adapter.
    """

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_weights(self.model if model is None else model, Path(resume_from_checkpoint) / WEIGHTS)


class Checkpoints:
    """The checkpoints of one run in one folder; there is at most one complete one.

    Args:
        folder: survives the attempt; made when it is first needed.
        device: ``cpu`` or ``cuda:0``; its kind must be the same on both sides of a kill.
    """

    def __init__(self, folder: Path, device: str) -> None:
        self.folder = folder
        self._made_by = {**{name: version(name) for name in PACKAGES}, "device": device.partition(":")[0]}

    def latest(self) -> Path | None:
        """Returns the last complete checkpoint, or None; one of other versions is removed."""
        found = self._complete()
        if not found:
            return None
        if self.watch_state(found[-1])["made_by"] != self._made_by:
            for path in found:
                remove(path, self.folder)
            return None
        return found[-1]

    def _complete(self) -> list[Path]:
        """Returns the folders of this class's own names, earliest step first; links and whatever else lies there are
        left alone.
        """
        found = [
            path
            for path in self.folder.glob("step-*")
            if _STEP.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]
        return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))

    def watch_state(self, checkpoint: Path) -> dict[str, Any]:
        return json.loads((checkpoint / WATCH).read_text(encoding="utf-8"))

    def write(self, trainer: Any, watch_state: dict[str, Any], best: Path | None) -> None:
        """Writes a checkpoint of ``trainer`` as it stands after a step, and then removes the one before it.

        Args:
            trainer: a transformers ``Trainer``.
            watch_state: plain JSON; given back by ``watch_state``.
            best: the weights of the best step so far, linked into the checkpoint.
        """
        step = trainer.state.global_step
        part = self.folder / "part"
        self.folder.mkdir(parents=True, exist_ok=True)
        remove(part, self.folder)
        part.mkdir()
        save_weights(trainer.model, part / WEIGHTS)
        trainer._save_optimizer_and_scheduler(str(part))
        trainer._save_scaler(str(part))
        trainer._save_rng_state(str(part))
        trainer.state.save_to_json(str(part / TRAINER_STATE_NAME))
        if best is not None:
            os.link(best, part / BEST)
        write_json(part / WATCH, {**watch_state, "made_by": self._made_by})
        for path in part.iterdir():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        target = self.folder / f"step-{step}"
        remove(target, self.folder)
        part.rename(target)
        for path in self._complete():
            if path != target:
                remove(path, self.folder)
