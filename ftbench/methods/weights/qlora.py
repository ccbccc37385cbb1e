"""QLoRA: LoRA over a base in 4 bits (Dettmers et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ftbench.core.errors import FtbenchError, Problem, did_you_mean
from ftbench.methods.weights.lora import Lora

COMPUTE_DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class QLora(Lora):
    """Low-rank adaptation over a base whose linear layers are NF4.

    The base is frozen and quantized while loading; the adapter stays in float32, as peft makes it. Norms and embeddings
    are not cast to float32 as ``prepare_model_for_kbit_training`` would: the base that is trained over is the one that
    answers later.

    Attributes:
        double_quantization: quantize the scales of the blocks too.
        compute_dtype: what the 4-bit layers compute in, and the dtype of everything that is not quantized; ``auto`` is
            the model's.
        the others: see ``ftbench.methods.weights.lora.Lora``.
    """

    key_name: ClassVar[str] = "qlora"

    double_quantization: bool
    compute_dtype: str

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.compute_dtype not in COMPUTE_DTYPES:
            fix = did_you_mean(self.compute_dtype, COMPUTE_DTYPES)
            problems.append(Problem("method.compute_dtype", f"{self.compute_dtype!r} is none of its values", fix))
        return problems

    def base(self, model: Any) -> Any:
        """Returns the model that is trained over and answers: the same one in 4 bits."""
        kind = "nf4" if self.double_quantization else "nf4_single"
        return replace(
            model, quantization=kind, dtype=model.dtype if self.compute_dtype == "auto" else self.compute_dtype
        )

    def details(self, loaded: Any) -> dict[str, Any]:
        """Returns how many weights are in 4 bits, and their bytes.

        Raises:
            FtbenchError: when none is; it would be LoRA under another name.
        """
        if loaded.quantized is None:
            raise FtbenchError(
                "method=qlora: the loaded base holds no 4-bit weights. Compile the plan again, or use method=lora"
            )
        return {f"quantized_{name}": value for name, value in loaded.quantized.as_dict().items()}
