"""A base model in memory with its tokenizer and its format. Imported only by what runs a stage: it brings torch
along.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.models.format import Format
from ftbench.models.loading_info import ASK, unused_tensors
from ftbench.models.quantize import Quantized, loading_config, settle

# A worker's output is read by people: no bars, and no word of kernels for 4-bit weights that nobody asked for.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked.

    Attributes:
        model: ``transformers`` causal language model in eval mode, on ``device``.
        tokenizer: its tokenizer.
        format: how turns become ids for it.
        name: hub id, or None for a model out of a folder; goes into saved adapters.
        revision: commit of a hub model, or None.
        device: such as ``cpu`` or ``cuda:0``.
        dtype: of the weights; where they are quantized, of all others and of what is computed.
        stop_ids: every id that ends an answer.
        pad_id: fills short rows of a batch. It is never a stop id, and everywhere it stands it is masked by position,
            so that its value cannot matter.
        context_tokens: the window, or None when the model states none.
        quantized: which layers hold 4-bit weights, or None where none do.
        unused: what the checkpoint holds beside the model, one phrase per kind (vision parts, value heads).
    """

    model: Any
    tokenizer: Any
    format: Format
    name: str | None
    revision: str | None
    device: str
    dtype: torch.dtype
    stop_ids: tuple[int, ...]
    pad_id: int
    context_tokens: int | None
    quantized: Quantized | None
    unused: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Returns what a reader of this model's answers should know of template and checkpoint."""
        return [*self.format.notes(), *(f"tensors of the checkpoint that are not used: {text}" for text in self.unused)]

    def provenance(self) -> dict[str, Any]:
        """Returns what a receipt says of the model: commit, dtype, 4-bit layers, attention, template's hash, unused
        tensors.
        """
        return {
            "revision": self.revision,
            "dtype": str(self.dtype).removeprefix("torch."),
            "quantization": None if self.quantized is None else self.quantized.as_dict(),
            "attention": self.model.config._attn_implementation,
            "chat_template": None if self.format.template is None else digest(self.format.template),
            **({"unused_tensors": list(self.unused)} if self.unused else {}),
        }


def choose_device() -> str:
    """Returns the first GPU, or the CPU. Apple's MPS is not chosen: its results differ from run to run."""
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def choose_dtype(dtype: str, device: str) -> torch.dtype:
    """Returns the torch dtype for a config's ``dtype``; ``auto`` is bfloat16 on a GPU that has it, else float32."""
    if dtype != "auto":
        return getattr(torch, dtype)
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def has_bfloat16(device: str) -> bool:
    """Says whether a device computes in bfloat16. GPUs before Ampere emulate it, slower than float32, and torch says
    yes of them unless asked.
    """
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


def load(
    name: str,
    revision: str | None,
    device: str,
    dtype: str,
    quantization: str | None,
    attention: str,
    trust_remote_code: bool,
    safetensors_only: bool,
    context_tokens: int | None,
    template: str | None,
    use_template: bool,
    template_arguments: dict[str, Any] | None = None,
) -> Loaded:
    """Loads a model and its tokenizer.

    Args:
        name: folder or hub id.
        revision: commit of a hub id; None for a folder.
        quantization: a key of ``ftbench.models.quantize.KINDS``, or None.
        template: chat template that replaces the tokenizer's own.
        use_template: False writes plain text even where a template exists.
        template_arguments: what the template takes beside the turns.

    Raises:
        FtbenchError: when it cannot be loaded; one line with the reason.
    """
    common = {"trust_remote_code": trust_remote_code, **({} if revision is None else {"revision": revision})}
    chosen = choose_dtype(dtype, device)
    extra = {} if attention == "auto" else {"attn_implementation": attention}
    if quantization is not None:
        extra["quantization_config"] = loading_config(quantization, chosen)
    if device != "cpu" or quantization is not None:  # transformers puts a quantized model where it likes unless told
        extra["device_map"] = {"": device}
    tokenizer, template = load_tokenizer(name, common, template, use_template)
    try:
        safe = safetensors_only or None
        options = {"dtype": chosen, "use_safetensors": safe, **ASK, **extra, **common}
        model, info = transformers.AutoModelForCausalLM.from_pretrained(name, **options)
    except UNLOADABLE as error:
        raise cannot_load(name, error) from error
    except RuntimeError as error:
        if "conversion of the weights" in str(error):
            reason = "tensors that belong together, such as those of experts, are not all there or differ in shape"
            fix = "Copy or download the folder again, whole"
            raise FtbenchError(f"model.name_or_path={name}: cannot be loaded ({reason}). {fix}") from error
        raise  # out of memory, for one
    if model._hf_peft_config_loaded:  # the info is then about the adapter's tensors and not about those of its base
        fix = "Merge it into its base (merge_and_unload, save_pretrained) and name that folder"
        raise FtbenchError(f"model.name_or_path={name}: is an adapter. {fix}")
    unused = unused_tensors(model, info, f"model.name_or_path={name}")
    quantized = None if quantization is None else settle(model, quantization, name)
    model.eval()
    model.requires_grad_(False)
    format = Format(tokenizer, template, configured_ends(model), template_arguments)
    if not format.stop_ids:
        raise FtbenchError(
            f"model.name_or_path={name}: neither tokenizer nor generation config names an end token. Add eos_token to"
            " the tokenizer"
        )
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        format=format,
        name=None if revision is None else name,
        revision=revision,
        device=device,
        dtype=chosen,
        stop_ids=format.stop_ids,
        pad_id=_pad_id(tokenizer, format.stop_ids),
        context_tokens=context_tokens or window(model.config),
        quantized=quantized,
        unused=unused,
    )


def load_format(
    name: str,
    revision: str | None,
    trust_remote_code: bool,
    context_tokens: int | None,
    template: str | None,
    use_template: bool,
    template_arguments: Mapping[str, Any],
) -> tuple[Format, int | None]:
    """Returns the format and the window of a model without its weights; arguments and errors as in ``load``.

    Only the tokens are of use: the ends named by a generation config alone are not looked up.
    """
    common = {"trust_remote_code": trust_remote_code, **({} if revision is None else {"revision": revision})}
    tokenizer, template = load_tokenizer(name, common, template, use_template)
    if context_tokens is None:
        try:
            context_tokens = window(transformers.AutoConfig.from_pretrained(name, **common))
        except UNLOADABLE as error:
            raise cannot_load(name, error) from error
    return Format(tokenizer, template, (), template_arguments), context_tokens


UNLOADABLE = (OSError, ValueError, ImportError, KeyError, SafetensorError)


def load_tokenizer(
    name: str, common: dict[str, Any], template: str | None, use_template: bool
) -> tuple[Any, str | None]:
    """Returns a tokenizer and the chat template that prompts are written with, None for plain text; see ``load``.

    Args:
        common: what ``from_pretrained`` takes for tokenizer and weights alike.
    """
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **common)
    except UNLOADABLE as error:
        raise cannot_load(name, error) from error
    if use_template and template is None and tokenizer.chat_template is not None:
        template = tokenizer.get_chat_template()
    return tokenizer, template if use_template else None


def cannot_load(name: str, error: Exception) -> FtbenchError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    fix = "Check the folder, the revision, the network or model.trust_remote_code"
    return FtbenchError(f"model.name_or_path={name}: cannot be loaded ({reason}). {fix}")


def configured_ends(model: Any) -> list[int]:
    ends: list[int] = []
    for config in (model.generation_config, model.config.get_text_config()):
        value = getattr(config, "eos_token_id", None)
        ends += [] if value is None else list(value) if isinstance(value, Sequence) else [value]
    return ends


def _pad_id(tokenizer: Any, stop_ids: Sequence[int]) -> int:
    """Returns the tokenizer's pad id unless that ends answers too; then its unknown token, or the lowest id that does
    not.
    """
    candidates = [tokenizer.pad_token_id, tokenizer.unk_token_id, *range(len(stop_ids) + 1)]
    return next(i for i in candidates if i is not None and i not in stop_ids)


def window(config: Any) -> int | None:
    text = config.get_text_config()
    found = [
        getattr(text, name, None) for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
    ]
    return next((value for value in found if isinstance(value, int) and value > 0), None)
