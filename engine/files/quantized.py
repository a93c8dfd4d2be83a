"""Weights that other programs quantized: which scales belong to which weights, and what is refused.

A scale that is ignored makes weights hundreds of times too large, so unknown ones are refused by name. Reads
names and dtypes only.
"""

from collections.abc import Mapping
from typing import Any

from engine.files import shards
from engine.files.shards import Entry, Part, Shape
from engine.types import EngineError

SCALES = (".weight_scale", ".scale_weight")
"""How the names end of scales by which a weight in eight bits is multiplied."""
RECIPE = ".comfy_quant"
BESIDE = (".input_scale", ".scale_input", ".output_scale", ".k_scale", ".v_scale", RECIPE)
"""Tensors for rounding activations, which are not rounded here, and notes on how a file was made."""
MARK = "scaled_fp8"
FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
GGUF = (
    *("Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "IQ4_XS"),
)
"""The quantized types of GGUF that are read, by its names."""
SCALED = ("F8_E4M3", "F8_E5M2", "I8")
_METHODS = {
    "bitsandbytes": (
        ".absmax",
        ".nested_absmax",
        ".quant_map",
        ".nested_quant_map",
        ".SCB",
        ".weight_format",
    ),
    "GPTQ or AWQ": (".qweight", ".qzeros", ".scales", ".g_idx"),
    "compressed-tensors": (".weight_packed", ".weight_zero_point", ".weight_shape", ".weight_g_idx"),
    "block-wise float8": (".weight_scale_inv",),
    "NVFP4": (".weight_scale_2", ".weight_global_scale"),
    "Quanto": ("._data", "._scale", "._zeropoint"),
    "torchao": (":_data", "_qdata", "_weight_scale"),
    "SVDQuant": (".wscales", ".wzeros", ".smooth_factor", ".proj_down", ".proj_up"),
    "SDNQ": (".zero_point", ".svd_up", ".svd_down"),
}


def method(name: str) -> str | None:
    """Return what writes tensors with such a name, None for a name of no such kind."""
    if ".quant_state." in name:
        return "bitsandbytes"
    return next((each for each, ends in _METHODS.items() if name.endswith(ends)), None)


def is_beside(name: str) -> bool:
    """Say whether a tensor has no bearing on the weights' values."""
    return name.endswith(BESIDE) or name.rpartition(".")[2] == MARK


def owner(name: str) -> str | None:
    """Return the layer whose weight a tensor scales, None for what is no scale."""
    return next((name.removesuffix(end) for end in SCALES if name.endswith(end)), None)


def is_plain(scale: Shape, weight: Shape) -> bool:
    """Say whether a scale is one number for the whole weight or one for each of its rows."""
    one, row = all(side == 1 for side in scale), (weight[0], *(1,) * (len(weight) - 1))
    return one or scale in (row, row[:1])


def refuse_configured(source: object, config: dict[str, Any]) -> None:
    """Refuse a part whose config.json says that other programs have quantized it."""
    info = config.get("quantization_config")
    if info is not None:
        raise refusal(source, f"by {info.get('quant_method') if isinstance(info, dict) else info}")


def refuse(part: Part, config: dict[str, Any]) -> None:
    """Refuse any quantized part, for loaders that drop what they don't know; plain float8 is none."""
    refuse_configured(part.folder, config)
    for name in part.tensors:
        if found := method(name) or (owner(name) and "with scales"):
            raise refusal(part.folder, f"({found}: {name})")
    for name, entry in part.tensors.items():
        if name.endswith(".weight"):
            refuse_dtype(part, name, entry)


def loaded(source: object, count: int, info: Mapping[str, Any]) -> list[str]:
    """As `shards.judged`, by the loading info of diffusers or transformers for a model from `source`."""
    sizes = [name for name, *_ in info["mismatched_keys"]]
    if sizes:
        raise shards.missing(f"{source}: {shards.some(sizes)} of another size than its config.json says")
    for name in info["unexpected_keys"]:
        if found := method(name) or owner(name):
            raise refusal(source, f"({found}: {name})")
    return shards.judged(source, count, info["missing_keys"], info["unexpected_keys"])


def refuse_dtype(part: Part, name: str, entry: Entry) -> None:
    """Refuse a weight of whole numbers that nothing explains."""
    if entry.dtype not in FLOATS + GGUF:
        raise refusal(part.folder, f"({name} is {entry.dtype} and no scale is known for it)")


def refusal(source: object, how: str) -> EngineError:
    """Return the error for a part that was quantized in a way that is not read."""
    return EngineError(
        "model_missing",
        f"{source} is quantized {how}, which is not read; give the model in bf16, fp16 or fp32: "
        "model.weights packs it while it is loaded",
    )
