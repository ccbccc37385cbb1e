"""Exports what a finished cell ships as the standard folder that other programs load: weights, tokenizer, README."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ftbench.core.canonical import digest
from ftbench.core.cell import Cell, option_words
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.core.files import write_json
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.models import weight_files
from ftbench.store.folders import remove
from ftbench.store.store import Store
from ftbench.text.markdown import literal, table
from ftbench.text.secrets import scrub

ADAPTER, MODEL = "adapter", "model"
"""Folders that a train or merge stage leaves; see ``ftbench.methods.adapters``, ``ftbench.methods.full_weights``,
``ftbench.stages.served``.
"""
CEILING_SCORES = (
    "the scores are a ceiling and cannot be deployed: the prompts held what no deployed system knows. "
    "Expect those of the same weights under another context"
)
"""What the command and the README say of a cell whose weights can ship and whose context cannot."""


def find_cell(plan: Plan, name: str) -> Cell:
    """Returns the cell of this label, or the only one whose id begins so.

    Raises:
        FtbenchError: when there is none, or several.
    """
    found = [cell for cell in plan.cells if cell.label == name] or [
        cell for cell in plan.cells if name and cell.id.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise FtbenchError(f"{name}: {len(found)} cells of this sweep are called so. Write more of the id")
    raise FtbenchError(
        f"{name}: no cell of this sweep."
        f" {did_you_mean(name, [*(cell.id for cell in plan.cells), *(cell.label for cell in plan.cells)])}"
    )


def export(plan: Plan, store: Store, cell: Cell, out: Path) -> None:
    """Writes the folder; it appears whole or not at all.

    Raises:
        FtbenchError: when nothing was trained, the cell is not finished, or ``out`` holds something.
    """
    source = _weights(store, cell)
    if out.is_symlink():
        raise FtbenchError(f"--out {out}: is a link. Name a new folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FtbenchError(f"--out {out}: is there already and is not empty. Name a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.parent / f".{out.name}.{uuid.uuid4().hex[:8]}.part"
    try:
        model = build(plan.stages[cell.stages["train"]].config["model"], "model")
        _copy(source, scratch)
        _check_weights(scratch, source)
        if source.name == ADAPTER:
            model.save_tokenizer(scratch)
            _name_base(scratch, model)
        (scratch / "README.md").write_text(_readme(plan, store, cell, source.name, model), encoding="utf-8")
        scratch.rename(out)
    finally:
        remove(scratch, out.parent, ignore_errors=True)


def _weights(store: Store, cell: Cell) -> Path:
    """Returns the folder that the cell ships."""
    if "train" not in cell.stages:
        raise FtbenchError(
            f"{cell.label}: nothing was trained, so there is nothing to export: the base itself is what was scored"
        )
    for role, key in cell.stages.items():
        if problem := store.damage(key):
            raise FtbenchError(
                f"{cell.label}: its stage {role} is damaged: {problem}. Repeat the sweep's command: it is made again"
            )
        if store.find(key) is None:
            raise FtbenchError(f"{cell.label}: its stage {role} is not finished. Run the cell first")
    folder = store.folder(cell.stages.get("merge", cell.stages["train"]))
    for name in (MODEL, ADAPTER):
        if (folder / name).is_dir():
            return folder / name
    raise FtbenchError(
        f"{cell.label}: its weights in {folder} are neither {MODEL}/ nor {ADAPTER}/, the folders that export knows"
    )


def _copy(source: Path, target: Path) -> None:
    """Copies a folder's bytes, not its permissions: what is in the store is read-only."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.relative_to(source))


def _check_weights(folder: Path, source: Path) -> None:
    """Refuses to ship weights that are cut off or incomplete.

    Raises:
        FtbenchError: one line that names the file in the store.
    """
    try:
        if source.name == ADAPTER:
            weight_files.header(folder / weight_files.ADAPTER)
            return
        found = [problem.why for problem in weight_files.problems(folder, MODEL, pickled=False)]
    except weight_files.Damaged as damage:
        found = [str(damage)]
    if found:
        why = found[0].replace(str(folder), str(source))
        raise FtbenchError(f"{why}. Remove that stage's folder and run the cell again")


def _name_base(folder: Path, model: Any) -> None:
    """Says in the adapter's config where its base is, so that peft finds it; in the store it names no folder of a
    machine.
    """
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if config["base_model_name_or_path"] is None:
        config["base_model_name_or_path"] = model.place()
        write_json(path, config, indent=2, sort_keys=True)


def _readme(plan: Plan, store: Store, cell: Cell, kind: str, model: Any) -> str:
    identity = model.identity()
    base = identity.get("hub") or cell.choices["model"]
    revision = (
        identity["revision"]
        if "hub" in identity
        else f"no hub revision; its files by sha256: {digest(identity['files'])}"
    )
    prepared = Receipt.read(store.folder(cell.stages["prepare"]))
    scores = json.loads((store.folder(cell.stages["score.test"]) / "scores.json").read_text(encoding="utf-8"))
    library = "peft" if kind == ADAPTER else "transformers"
    front = {
        "library_name": library,
        "pipeline_tag": "text-generation",
        "tags": ["ftbench", cell.choices["method"]],
        **({"base_model": base} if "hub" in identity else {}),
    }
    method = {key: value for key, value in cell.config["method"].items() if key != "_target_"}
    made = f"{cell.choices['method']}, " + ("an adapter over its base" if kind == ADAPTER else "whole weights")
    rows = [
        (
            literal(name),
            _number(entry["value"]),
            f"{_number(entry['low'])} to {_number(entry['high'])}",
            str(entry["n"]),
        )
        for name, entry in scores.items()
    ]
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False).rstrip(),
        "---",
        "",
        f"# {literal(cell.label)}",
        "",
        f"- made by: ftbench, cell {cell.id}, method {made}, seed {cell.config['seed']}",
        f"- base: {base}",
        f"- revision of the base: {revision}",
        f"- license of the base: {model.license or 'not known here; the base decides'}",
        f"- base in training: {model.quantization or 'not quantised'}",
        f"- data: {cell.choices['dataset']}, fingerprint {prepared.provenance.get('data')}",
        (
            f"- prompts: context {option_words(cell.choices, 'context')}, decoding {cell.choices['decoding']}, chat"
            f" template {'none: plain text' if model.has_chat_template() is False else 'in this folder'}"
        ),
        "",
        f"## Scores on the test split ({plan.settings['statistics']['confidence']:.0%} intervals)",
        "",
        *table(("metric", "value", "interval", "n"), rows),
        "",
        *([] if cell.deployable else [f"{CEILING_SCORES[:1].upper()}{CEILING_SCORES[1:]}.", ""]),
        *_distance(store, cell),
        "## Loading",
        "",
        "```python",
        *_loading(kind, model, identity.get("hub") or "FOLDER_OF_THE_BASE"),
        "```",
        "",
        "## Training",
        "",
        "```yaml",
        yaml.safe_dump(scrub(method), sort_keys=False).rstrip(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _distance(store: Store, cell: Cell) -> Iterator[str]:
    if "merge" in cell.stages:
        for note in Receipt.read(store.folder(cell.stages["merge"])).details["notes"]:
            yield from (f"The scores are those of this folder. {note[:1].upper()}{scrub(note[1:])}.", "")


def _loading(kind: str, model: Any, base: str) -> Iterator[str]:
    yield "from transformers import AutoModelForCausalLM, AutoTokenizer" + (
        ", BitsAndBytesConfig" if kind == ADAPTER and model.quantization else ""
    )
    if kind == MODEL:
        yield from (
            "",
            'model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER")',
            'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")',
        )
        return
    yield from ("from peft import PeftModel", "")
    extra = ""
    if model.quantization:  # what was scored stands over the base in 4 bits
        double = model.quantization == "nf4"
        yield (
            'nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",'
            f" bnb_4bit_use_double_quant={double})"
        )
        extra = ", quantization_config=nf4"
    yield f'base = AutoModelForCausalLM.from_pretrained("{base}"{extra})'
    yield 'model = PeftModel.from_pretrained(base, "THIS_FOLDER")'
    yield 'tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")'


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
