"""Which language model writes prompts: none, the one inside the text encoder, or a chat model of its own.

Knows model folders, what was downloaded before, and what each model takes of the memory.
"""

import logging
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine import guards
from engine.files import hub, quantized, shards
from engine.files.hub import RemoteFile
from engine.memory import sizes
from engine.memory.plan import Plan
from engine.memory.residency import FreeMemory, ModelSize, plan_residency, together
from engine.memory.sizes import Weights
from engine.memory.weights import pack_linears
from engine.prompts.llm import llama, presets
from engine.prompts.llm import translator as translation
from engine.prompts.llm.batch_decoder import TOGETHER, Decoder
from engine.prompts.llm.chat import CachedWriter, LanguageModel, around, rendered, stops
from engine.prompts.llm.instructions import chat
from engine.prompts.llm.llama import LlamaModel
from engine.prompts.llm.resident_model import ResidentModel
from engine.prompts.llm.translator import Translator
from engine.types import EngineError

TOKENS = 768
"""Instructions, a wish and the new prompt, for the size of a cache."""

WANTED = "give a folder or use rules"
UNUSABLE = (EngineError, ImportError, *shards.UNREADABLE)
"""What looking at a model's files may raise; a configuration may want a library that is not installed."""

log = logging.getLogger(__name__)


def choose(
    optimizer: str,
    encoder: Any,
    tokenizer: Any,
    device: torch.device,
    plan: Plan,
    free: Callable[[], FreeMemory],
    threads: int = 0,
) -> CachedWriter | None:
    """The language model that a setting names beside Z-Image, or None for rules.

    `rules`, `text-encoder`, a preset, a GGUF file, or a chat model's folder or downloaded hub id; `auto` is
    the text encoder where it `stays` and has a language head, else the best preset that is here, else rules.
    `free` is asked what the loaded model leaves; `threads` are those of a preset, 0 for all cores. A model
    that can't be used is logged, and rules write in its place.
    """
    has_head = getattr(encoder.config, "tie_word_embeddings", False)
    if optimizer == "auto" and has_head and stays(plan, device.type):
        optimizer = "text-encoder"
    if optimizer != "text-encoder":
        return choose_apart(optimizer, device, free, threads)

    def inside() -> LanguageModel:
        left = free()
        rows = together(left.beside, cached(encoder.config), left.dtype, TOGETHER)
        return around(encoder, tokenizer, together=max(1, rows))

    return _or_rules(inside)


def stays(plan: Plan, kind: str) -> bool:
    """Whether the text encoder stays on an accelerator in its own precision."""
    return kind != "cpu" and plan.text_encoder == "resident" and plan.form("text_encoder").dtype != "float32"


def choose_apart(
    optimizer: str, device: torch.device, free: Callable[[], FreeMemory], threads: int = 0
) -> CachedWriter | None:
    """As `choose`, beside a model whose text encoder is no language model."""

    def apart() -> LanguageModel | LlamaModel | None:
        name, left = optimizer, free()
        if name == "auto":
            name, better = presets.best(left, device.type)
            log.info(
                "%s write%s the prompts%s", name, "" if name == "rules" else "s", better and f"; {better}"
            )
            if name == "rules":
                return None
        return load(name, device, left, threads)

    return None if optimizer in ("rules", translation.NAME) else _or_rules(apart)


def translator(optimizer: str, threads: int = 0) -> Translator | None:
    """What translates for a model that reads no Chinese: OPUS-MT, if a setting names or `auto` finds it.

    One that can't be used is logged.
    """
    is_wanted = optimizer == translation.NAME or (
        optimizer == "auto" and translation.has_runtime() and translation.here() is not None
    )
    if not is_wanted:
        return None
    try:
        look_apart(translation.NAME)
    except EngineError as error:
        log.error("rules alone translate: %s", error)
        return None
    return Translator(lambda: translation.opened(translation.fetch(), threads or presets.cores()))


def _or_rules(chosen: Callable[[], LanguageModel | LlamaModel | None]) -> CachedWriter | None:
    """The chosen model with a cache; None where there is none or it can't be used, which is logged."""
    try:
        model = chosen()
    except UNUSABLE as error:
        if guards.device_failed(error):
            raise
        log.error("rules write the prompts: %s", shards.reason(error))
        return None
    return None if model is None else CachedWriter(model)


def look_apart(optimizer: str) -> None:
    """Raise what stands against a chat model, by its files alone, or against `text-encoder` here."""
    if optimizer == "text-encoder":
        raise EngineError(
            "bad_input",
            "this model's text encoder writes no prompts; set [model] optimizer to rules or to a chat model",
        )
    if optimizer in ("auto", "rules"):
        return
    if optimizer == translation.NAME:
        if not translation.has_runtime():
            raise EngineError("bad_input", f"{optimizer} needs CTranslate2: {translation.INSTALL}")
        return
    preset, file = _gguf(optimizer)
    if file is not None:
        llama.check(file)
    elif preset is None:
        folder = find(optimizer)
        measure(folder, _described(optimizer, folder)[1])
    elif not presets.has_runtime():
        raise EngineError("bad_input", f"the optimizer model {optimizer} needs llama.cpp: {presets.INSTALL}")


def load(
    name: str, device: torch.device, free: FreeMemory, threads: int = 0
) -> LanguageModel | LlamaModel | None:
    """A chat model from a file, a folder or what was downloaded before; a preset is downloaded meanwhile.

    None where it fits no memory, which is logged. Raises `EngineError("model_missing")` when it is not there
    and `EngineError("bad_input")` when it is none that can be used.
    """
    how = outlook(name, device.type, free)
    if not how:
        log.warning("the optimizer model %s does not fit in memory, not even in 4 bit; rules write", name)
        return None
    log.info("the optimizer model %s writes prompts %s", name, how)
    preset, file = _gguf(name)
    if preset or file:
        fetch = preset.fetch if preset else partial(Path, file or "")
        return LlamaModel(
            name,
            fetch,
            threads or presets.cores(),
            is_here=file is not None,
            shares_memory=device.type in presets.SHARING,
        )
    return _in_torch(name, device, free)


def outlook(name: str, kind: str, free: FreeMemory) -> str:
    """How `load` would keep a chat model beside one on a device of that kind, "" where it fits no memory.

    Raises what `load` raises.
    """
    look_apart(name)
    if name == translation.NAME:
        later = "" if translation.here() else f", after a download of {translation.SIZE / 1e9:.1f} GB"
        return f"for models that read no Chinese, on the CPU{later}"
    preset, file = _gguf(name)
    if preset or file:
        size = file.stat().st_size if file else preset.size if preset else 0
        later = "" if file else f", after a download of {size / 1e9:.1f} GB"
        return f"with llama.cpp on the CPU{later}" if presets.fits(size, free, kind) else ""
    folder = find(name)
    residency = plan_residency(free, measure(folder, _described(name, folder)[1]), TOGETHER)
    return residency.describe() if residency else ""


def _gguf(name: str) -> tuple[RemoteFile | None, Path | None]:
    """The preset and the GGUF file that a setting means, as far as there are any."""
    preset = presets.preset(name)
    return preset, preset.here() if preset else presets.gguf_file(name)


def _in_torch(name: str, device: torch.device, free: FreeMemory) -> LanguageModel:
    """A chat model in a folder that fits, whose weights are read at the first prompt."""
    folder = find(name)
    tokenizer, config = _described(name, folder)
    residency = plan_residency(free, measure(folder, config), TOGETHER)
    assert residency is not None
    dtype = getattr(torch, free.dtype)
    resident = ResidentModel(partial(read, folder, device, dtype, residency.weights), device, residency)

    def forward(ids: Tensor, cache: Any, **padding: Tensor) -> Tensor:
        moved = {key: value.to(device) for key, value in padding.items()}
        logits: Tensor = resident.model(
            input_ids=ids.to(device), past_key_values=cache, use_cache=True, logits_to_keep=1, **moved
        ).logits
        return logits[:, -1]

    decoder = Decoder(config, forward, stops(tokenizer, config, *_generation(folder)), resident.ready)
    return LanguageModel(name, tokenizer, decoder, residency.together, resident.release_memory)


def read(folder: Path, device: torch.device, dtype: torch.dtype, form: Weights) -> nn.Module:
    """Read a chat model's weights and keep its linear layers as `form`; the output head stays as it is.

    Raises `EngineError("model_missing")` for unreadable files, `EngineError("out_of_memory")`.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        quantized.loaded(folder, len(model.state_dict()), told)
        if form != "plain":
            pack_linears(model, form, device, but=model.get_output_embeddings())
        placed: nn.Module = model.to(device).eval().requires_grad_(False)
    except (MemoryError, *shards.UNREADABLE) as error:
        if guards.out_of_memory(error):
            raise EngineError(
                "out_of_memory", f"there is no memory for the chat model in {folder}"
            ) from error
        raise EngineError(
            "model_missing", f"{folder} cannot be read as a chat model; fetch it again"
        ) from error
    return placed


def find(name: str) -> Path:
    """The folder of a chat model; raises `EngineError("model_missing")` when it is not on this machine."""
    folder = hub.folder(name, WANTED) or hub.cached(name, "config.json")
    if folder is None:
        raise _missing(name)
    return folder


def measure(folder: Path, config: Any) -> ModelSize:
    """The size of the chat model in `folder`, from its files' headers."""
    quantized.refuse(shards.read(folder), {})
    shapes = list(sizes.shapes(shards.read(folder)))
    linear = sum(math.prod(shape) for name, shape in shapes if sizes.is_linear(name, shape))
    return ModelSize(linear, sum(math.prod(shape) for _, shape in shapes) - linear, cached(config))


def cached(config: Any) -> int:
    """Numbers that the key/value cache of one text holds."""
    text = config.get_text_config()
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    return int(2 * text.num_hidden_layers * heads * width * TOKENS)


def _described(name: str, folder: Path) -> tuple[Any, Any]:
    """Tokenizer and configuration, checked for what cannot be used."""
    from jinja2 import TemplateError
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoTokenizer

    try:
        shards.json_object(folder / "config.json")
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (EngineError, *shards.UNREADABLE) as error:
        raise EngineError(
            "model_missing", f"the optimizer model {name!r} cannot be read ({shards.reason(error)}); {WANTED}"
        ) from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise EngineError(
            "bad_input",
            f"the optimizer model {name!r} is a {config.model_type}, which writes no text; {WANTED}",
        )
    if getattr(config, "quantization_config", None) is not None:
        raise EngineError(
            "bad_input",
            f"the optimizer model {name!r} is quantized already; give the plain one, which is kept in 4 bit "
            "where memory asks for it",
        )
    try:
        rendered(tokenizer, chat("a cat", chinese=False))
    except (ValueError, TemplateError) as error:
        raise EngineError(
            "bad_input", f"{name!r} has no chat template that can be used; give a chat model, or use rules"
        ) from error
    return tokenizer, config


def _generation(folder: Path) -> list[Any]:
    """How its makers generate with the model; some name the ends of a text only there."""
    from transformers import GenerationConfig

    is_there = (folder / "generation_config.json").exists()
    return [GenerationConfig.from_pretrained(folder, local_files_only=True)] if is_there else []


def _missing(name: str) -> EngineError:
    return EngineError("model_missing", f"the optimizer model {name!r} is not on this machine; {WANTED}")
