"""Chat templates of the families that people use, each with what it writes around an answer, by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """A chat template.

    Attributes:
        jinja: its text; None for plain text.
        around: what is written between the generation prompt and the end of the turn, ``{}`` for the answer.
        end: the end-of-turn token.
        after: what is written after that.
        strips: whether an answer loses the white space around it.
    """

    jinja: str | None
    around: str = "{}"
    end: str = "<|end|>"
    after: str = ""
    strips: bool = False


TURNS = "{% for m in messages %}"


def written(body: str, ask: str, otherwise: str = "", before: str = "") -> str:
    """Returns a template of ``body`` per turn ``m``, then ``ask`` where an answer is to follow, else ``otherwise``."""
    return (
        f"{before}{TURNS}{body}{{% endfor %}}{{% if add_generation_prompt %}}{ask}{{% else %}}{otherwise}{{% endif %}}"
    )


IM = "{{ '<|im_start|>' + m.role + '\n' }}"
IM_ASK = "<|im_start|>assistant\n"
CHATML = written(IM + "{{ m.content + '<|im_end|>\n' }}", IM_ASK)
MARKED = written(
    IM + "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\n' }}",
    IM_ASK,
)
LLAMA_2 = (
    "{% if messages[0].role == 'system' %}{% set turns = messages[1:] %}"
    "{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for m in turns %}{% if m.role == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + m.content | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content | trim + ' ' + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + m.content + '[/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}"
    "{% else %}{{ raise_exception('no system') }}{% endif %}{% endfor %}"
)
ZEPHYR = "{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}"
GEMMA = written(
    "{% set role = 'model' if m.role == 'assistant' else m.role %}"
    "{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}",
    "<start_of_turn>model\n",
    before="{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}",
)
LLAMA_3 = written(
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}",
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    before="<|begin_of_text|>",
)
PHI_3 = written("{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}", "<|assistant|>\n", "<|endoftext|>")
THOUGHTS = written(
    IM + "{% if m.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m.content + '<|im_end|>\n' }}",
    IM_ASK,
)
TEMPLATES = {
    "plain": Template(None, end="</s>"),
    "llama 2": Template(LLAMA_2, " {} ", "</s>", strips=True),
    "mistral": Template(MISTRAL, " {}", "</s>"),
    "chatml": Template(CHATML, end="<|im_end|>", after="\n"),
    "chatml, marked": Template(MARKED, end="<|im_end|>", after="\n"),
    "zephyr": Template(written(ZEPHYR, "<|assistant|>\n"), end="</s>", after="\n"),
    "zephyr, no line break asked for": Template(written(ZEPHYR, "<|assistant|>"), "\n{}", "</s>", "\n"),
    "gemma": Template(GEMMA, "{}", "<end_of_turn>", "\n", strips=True),
    "llama 3": Template(LLAMA_3, "{}", "<|eot_id|>", strips=True),
    "phi 3": Template(PHI_3, after="\n<|endoftext|>"),
    "empty thoughts": Template(THOUGHTS, "<think>\n\n</think>\n\n{}", "<|im_end|>", "\n"),
    "a tag before the end": Template(
        written("{{ '<|' + m.role + '|> ' + m.content + ' (said)<|end|>' }}", "<|assistant|>"), " {} (said)"
    ),
    "words alone": Template(written("{{ m.role + ': ' + m.content + eos_token }}", "assistant:"), " {}", "</s>"),
    "prompt that ends in a space": Template(
        written("{{ m.role + ': ' + m.content + eos_token }}", "assistant:{{ ' ' }}"), end="</s>"
    ),
}
WRITTEN_OTHERWISE = ("empty thoughts", "prompt that ends in a space")
"""Those that write earlier answers otherwise than the last, or in a token that begins in the prompt and is left out."""
