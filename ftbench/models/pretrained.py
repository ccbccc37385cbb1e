"""A base model in the Hugging Face layout: a hub name, a folder, or one that ships inside a package."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.canonical import file_digest
from ftbench.core.component import Remote
from ftbench.core.components.model import LoadedAs, Model
from ftbench.core.errors import FtbenchError, Problem, Refused, did_you_mean
from ftbench.core.example import Splits
from ftbench.models import quantize, weight_files
from ftbench.models.revision import PACKAGE, cached_snapshot, folder_digests, folder_of, hub_commit

DTYPES = ("auto", "float32", "bfloat16", "float16")
ATTENTIONS = ("auto", "sdpa", "eager", "flash_attention_2")


@dataclass(frozen=True)
class Pretrained(Model):
    """A causal language model.

    Attributes:
        name_or_path: hub id, folder, or ``package://PACKAGE/FOLDER``.
        revision: branch, tag or 40-hex commit of a hub id; ignored for a folder.
        dtype: ``auto`` is bfloat16 on a GPU that has it and float32 elsewhere.
        chat_template: ``auto`` takes the tokenizer's own, ``none`` writes plain text, anything else is a jinja file.
        template_arguments: what the template takes beside the turns, such as ``{enable_thinking: false}``.
        trust_remote_code: run Python code that comes with the model.
        safetensors_only: refuse pickled weights.
        attention: the attention implementation; ``auto`` leaves the choice to transformers.
        context_tokens: the window; null takes it from the model's config.
        quantization: null loads the base in ``dtype``; ``nf4`` quantizes its linear layers to 4 bits while loading,
            with double quantization, ``nf4_single`` without. The rest stays in ``dtype``, which is also what is
            computed in.
        parameters, license, instruct, gated: facts for the reader of a plan; null where unknown. ``instruct`` says
            whether the weights were taught to follow instructions, or only to continue text.
        learning_rates: objective (``sft``, ``dpo``) -> kind of weights (``adapter``, ``whole``) -> the learning rate
            that suits this model (it depends on size), where ``method.learning_rate`` is null; in the place of the
            objective's own
    """

    key_name: ClassVar[str] = "pretrained"

    NOT_HASHED = ("name_or_path", "revision", "parameters", "license", "instruct", "gated", "learning_rates")

    name_or_path: str
    revision: str
    dtype: str
    chat_template: str
    template_arguments: dict[str, Any]
    trust_remote_code: bool
    safetensors_only: bool
    attention: str
    context_tokens: int | None
    quantization: str | None
    parameters: int | None
    license: str | None
    instruct: bool | None
    gated: bool | None
    learning_rates: dict[str, dict[str, float]]

    def identity(self) -> dict[str, Any]:
        """Returns what decides this model's answers: the hashes of a folder's files, or a hub name with its commit.

        Where the commit cannot be found out, ``revision`` reads ``unresolved:NAME@REVISION``: good enough to plan with,
        and ``resolved`` says no.
        """
        parts = super().identity()
        parts["chat_template"] = self._template_identity()
        folder = self._folder()
        if folder is not None:
            return {**parts, "files": folder_digests(folder, not self.safetensors_only) if folder.is_dir() else {}}
        return {
            **parts,
            "hub": self.name_or_path,
            "revision": self._commit() or f"unresolved:{self.name_or_path}@{self.revision}",
        }

    def is_pinned(self) -> bool:
        return self._folder() is not None or self._commit() is not None

    def resolve(self) -> Pretrained:
        """Returns a copy with an absolute folder or a pinned commit; its identity is the same."""
        template = (
            self.chat_template
            if self.chat_template in ("auto", "none")
            else str(Path(self.chat_template).expanduser().resolve())
        )
        if self.name_or_path.startswith(PACKAGE):
            return replace(self, chat_template=template)
        folder = self._folder()
        if folder is not None:
            return replace(self, chat_template=template, name_or_path=str(folder.resolve()))
        return replace(self, chat_template=template, revision=self._commit() or self.revision)

    def check(self) -> list[Problem]:
        problems = []
        for name, options in (("dtype", DTYPES), ("attention", ATTENTIONS)):
            value = vars(self)[name]
            if value not in options:
                problems.append(
                    Problem(f"model.{name}", f"{value!r} is none of its values", did_you_mean(value, options))
                )
        problems += quantize.problems(self.quantization)
        if self.context_tokens is not None and self.context_tokens < 2:
            problems.append(
                Problem(
                    "model.context_tokens",
                    f"{self.context_tokens} leaves no room for a prompt",
                    "Set it to null or to at least 2",
                )
            )
        if self.chat_template not in ("auto", "none") and not Path(self.chat_template).expanduser().is_file():
            problems.append(
                Problem(
                    "model.chat_template",
                    f"no file {self.chat_template}",
                    "Give auto, none, or the path of a jinja file",
                )
            )
        return problems + self._place_problems()

    def notes(self) -> list[str]:
        said = (
            []
            if self.is_pinned()
            else ["revision unresolved: the hub is out of reach; run needs it (set model.revision=<40-hex commit>)"]
        )
        if self.instruct is False:
            said.append(
                f"{self.name_or_path} is a base model: it continues text and was not taught to follow instructions,"
                " which prompting suffers from"
            )
        if self.name_or_path.startswith(f"{PACKAGE}ftbench.models.tiny"):
            said.append("toy: says nothing about a 7B")
        return said + (["no chat template: plain text"] if self.has_chat_template() is False else [])

    def remarks(self, splits: Splits) -> list[str]:
        asked = next(
            (
                row.turns[-1].content
                for row in (*splits.test, *splits.train)
                if not row.turns[-1].content[-1:].isspace()
            ),
            None,
        )
        if asked is None or self.has_chat_template() is not False:
            return []
        return [
            f"without a chat template an answer stands right behind its prompt (here behind {asked[-20:]!r}): end"
            " dataset.prompt in a line break, or in words such as Answer:"
        ]

    def remotes(self) -> list[Remote]:
        return (
            [Remote("model", self.name_or_path, self.revision, self.safetensors_only)] if self._folder() is None else []
        )

    def loaded_as(self) -> LoadedAs:
        return LoadedAs(self.dtype, self.quantization, self.attention, self.context_tokens)

    def unquantized(self) -> Pretrained:
        return self if self.quantization is None else replace(self, quantization=None)

    def with_weights(self, folder: Path) -> Pretrained:
        return replace(
            self,
            name_or_path=str(folder),
            revision="main",
            quantization=None,
            chat_template="auto",
            safetensors_only=True,
        )

    def place(self) -> str:
        """Returns what ``from_pretrained`` takes: a hub id, or an absolute folder."""
        folder = self._folder()
        return self.name_or_path if folder is None else str(folder.resolve())

    @property
    def checkpoint(self) -> str:
        return self.name_or_path

    @property
    def tokenizer(self) -> str:
        return self.name_or_path if self._folder() is not None else f"{self.name_or_path}@{self.revision}"

    def has_chat_template(self) -> bool | None:
        if self.chat_template != "auto":
            return self.chat_template != "none"
        folder = self._folder()
        if folder is None:
            commit = self._commit()
            folder = cached_snapshot(self.name_or_path, commit) if commit else None
        settings = folder / "tokenizer_config.json" if folder else None
        if settings is None or not settings.is_file():
            return None
        if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
            return True
        return bool(json.loads(settings.read_text(encoding="utf-8")).get("chat_template"))

    def file(self, name: str) -> Path | None:
        """Returns a file of the model's folder, or of its snapshot in the hub's cache; None where it is not here."""
        folder = self._folder()
        if folder is None:
            commit = self._commit()
            folder = cached_snapshot(self.name_or_path, commit) if commit else None
        return folder / name if folder is not None and (folder / name).is_file() else None

    def load(self, device: str) -> Any:
        """Loads the model in eval mode with its tokenizer; see ``ftbench.models.loaded``.

        Args:
            device: torch device, such as ``cpu`` or ``cuda:0``.

        Returns:
            ``ftbench.models.loaded.Loaded``.

        Raises:
            FtbenchError: when files are missing, the hub cannot be reached, or code would have to be trusted.
        """
        from ftbench.models.loaded import load

        return load(
            **self._source(),
            device=device,
            dtype=self.dtype,
            quantization=self.quantization,
            attention=self.attention,
            safetensors_only=self.safetensors_only,
            **self._spoken(),
        )

    def engine(self, seed: int) -> Any:
        """Starts vLLM over this model; see ``ftbench.models.vllm_engine``."""
        from ftbench.models.vllm_engine import start

        return start(
            **self._source(),
            dtype=self.dtype,
            trust_remote_code=self.trust_remote_code,
            context_tokens=self.context_tokens,
            template=self._template(),
            use_template=self.chat_template != "none",
            template_arguments=self.template_arguments,
            seed=seed,
        )

    def save_tokenizer(self, folder: Path) -> None:
        """Writes the tokenizer with the chat template that prompts are written with; no weights are loaded."""
        from ftbench.models.loaded import load_tokenizer
        from ftbench.models.save import write_tokenizer

        source = self._source()
        common = {
            "trust_remote_code": self.trust_remote_code,
            **({} if source["revision"] is None else {"revision": source["revision"]}),
        }
        write_tokenizer(*load_tokenizer(source["name"], common, self._template(), self.chat_template != "none"), folder)

    def format(self) -> tuple[Any, int | None]:
        from ftbench.models.loaded import load_format

        return load_format(**self._source(), **self._spoken())

    def _source(self) -> dict[str, Any]:
        """Returns ``name`` and ``revision`` to load from.

        Raises:
            FtbenchError: for a hub name whose commit cannot be found out.
        """
        folder = self._folder()
        if folder is not None:
            return {"name": str(folder), "revision": None}
        if not self.is_pinned():
            raise FtbenchError(
                f"model.name_or_path={self.name_or_path}: revision unresolved, the hub is out of reach. Set"
                " model.revision=<40-hex commit>"
            )
        return {"name": self.name_or_path, "revision": self._commit()}

    def _spoken(self) -> dict[str, Any]:
        """Returns what decides how turns become tokens, and how many there may be."""
        return {
            "trust_remote_code": self.trust_remote_code,
            "context_tokens": self.context_tokens,
            "template": self._template(),
            "use_template": self.chat_template != "none",
            "template_arguments": self.template_arguments,
        }

    def _template(self) -> str | None:
        """Returns the text of a chat template in a file of its own."""
        return (
            None
            if self.chat_template in ("auto", "none")
            else Path(self.chat_template).expanduser().read_text(encoding="utf-8")
        )

    def _folder(self) -> Path | None:
        return folder_of(self.name_or_path)

    def _commit(self) -> str | None:
        return hub_commit(self.name_or_path, self.revision)

    def _template_identity(self) -> str:
        if self.chat_template in ("auto", "none"):
            return self.chat_template
        path = Path(self.chat_template).expanduser()
        return f"sha256:{file_digest(path)}" if path.is_file() else f"missing:{self.chat_template}"

    def _place_problems(self) -> list[Problem]:
        try:
            folder = self._folder()
            commit = self._commit() if folder is None else None
        except Refused as error:
            return error.problems
        where = "model.name_or_path"
        if folder is None:
            cached = cached_snapshot(self.name_or_path, commit) if commit else None
            here = cached is not None and (cached / "config.json").is_file()
            return weight_files.problems(cached, where, not self.safetensors_only, partial=True) if here else []
        if not folder.is_dir():
            return [
                Problem(
                    where,
                    f"no folder {folder}",
                    "Give a hub id (owner/name) or a folder with config.json and safetensors",
                )
            ]
        if not (folder / "config.json").is_file():
            return [Problem(where, f"{folder} has no config.json", "Give the folder that save_pretrained wrote")]
        try:
            whole = isinstance(json.loads((folder / "config.json").read_text(encoding="utf-8")), dict)
        except ValueError:
            whole = False
        if not whole:
            return [Problem(where, f"{folder / 'config.json'} holds no JSON object", "Copy the folder again, whole")]
        if not any(folder.glob("*.safetensors")):
            if not any(folder.glob("*.bin")):
                return [
                    Problem(
                        where, f"{folder} has no weights (*.safetensors)", "Give the folder that save_pretrained wrote"
                    )
                ]
            if self.safetensors_only:
                fix = "Convert them with save_pretrained, or set model.safetensors_only=false if you trust the file"
                return [Problem(where, f"{folder} has only pickled weights (*.bin)", fix)]
        return weight_files.problems(folder, where, not self.safetensors_only)
