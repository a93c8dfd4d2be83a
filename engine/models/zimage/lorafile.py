"""A LoRA file: which layers its keys mean and what it adds to them, or why it is refused.

Follows the naming of diffusers, peft, kohya and LyCORIS.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from engine.files import shards
from engine.memory.weights import PackedLinear
from engine.models.zimage.changes import Change, Decomposed, Dense, Hadamard, Kronecker, Pair
from engine.types import EngineError

Targets = tuple[str, ...]
"""Paths of the layers that one key means: several where the file has one matrix for them."""

_PREFIXES = (
    "base_model.model.", "model.diffusion_model.", "diffusion_model.", "transformer.", "unet.",
    "lora_unet_", "lora_transformer_", "lycoris_",
)  # fmt: skip
_TEXT = re.compile(
    r"^(?:base_model[.]model[.])?(?:text_encoder|lora_te|te\d?[.]|cond_stage_model|conditioner)"
    r"|self_attn[._][qkvo]_proj|mlp[._](?:gate|up|down)_proj"
)
"""How keys look that mean the text encoder."""
_HADAMARD = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
_SLOTS = {
    "lora_A": "down", "lora_down": "down", "lora.down": "down", "lora_linear_layer.down": "down",
    "lora_magnitude_vector": "dora_scale",
    "lora_B": "up", "lora_up": "up", "lora.up": "up", "lora_linear_layer.up": "up",
    **{name: name for name in (
        "alpha", "diff", *_HADAMARD,
        "dora_scale", "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b",
    )},
}  # fmt: skip
"""How the names of factors end, and which they are."""
_KINDS = {
    "a Tucker decomposition": ("lora_mid", "lokr_t1", "lokr_t2", "hada_t1", "hada_t2"),
    "OFT": ("oft_blocks", "oft_diag", "oft_r", "oft_R"),
    "BOFT": ("boft_R", "boft_s"),
    "IA3": ("ia3_l", "on_input"),
    "VeRA": ("vera_lambda_b", "vera_lambda_d"),
    "a changed bias": ("diff_b",),
    "a changed norm": ("b_norm", "w_norm"),
    "replaced weights": ("set_weight", "reshape_weight"),
}
_REFUSED = {leaf: kind for kind, leaves in _KINDS.items() for leaf in leaves}
"""How the names end of what is not applied, and what it is."""
_LEAVES = "|".join(map(re.escape, sorted({**_SLOTS, **_REFUSED}, key=len, reverse=True)))
_KEY = re.compile(
    rf"^(?P<stem>.+?)[.](?P<leaf>{_LEAVES})(?:[.](?!(?:weight|bias)$)[^.]+)?(?P<end>[.]weight|[.]bias)?$"
)
"""Layer, factor, the adapter's name where it has one, and an ending."""


@dataclass(frozen=True, slots=True)
class LoraFile:
    """What a file adds to each layer, by path, and the parts of it that are left out, in codes."""

    changes: list[tuple[str, Change]]
    left_out: tuple[str, ...]


@dataclass
class _Found:
    """The keys of a file by what they are."""

    factors: dict[Targets, dict[str, Tensor]] = field(default_factory=dict)
    keys: dict[tuple[Targets, str], str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read(file: Path, name: str, transformer: Any) -> LoraFile:
    """Read a file for a transformer; every key must have found its place.

    Raises `EngineError("bad_input")` for a file that does not fit or is of a kind that is not applied, and
    `EngineError("numerics")` for one whose numbers are none.
    """
    layers = {
        path: layer
        for path, layer in transformer.named_modules()
        if isinstance(layer, nn.Linear | PackedLinear)
    }
    tensors, metadata = _tensors(file, name)
    paths = _by_spelling(layers)
    found = _sorted(name, tensors, paths)
    _refuse(name, found, metadata, paths)
    changes: list[tuple[str, Change]] = []
    for targets, factors in found.factors.items():
        try:
            whole = list(_changes(name, targets, factors, metadata))
            if "dora_scale" in factors:
                whole = [_decomposed(name, targets, factors["dora_scale"], whole)]
            parts = [part for each in whole for part in zip(targets, each.split(len(targets)), strict=True)]
        except (re.error, *shards.UNREADABLE) as error:
            raise _bad(name, f"{targets[0]} makes no sense ({shards.reason(error)})") from error
        for path, part in parts:
            if not part.fits(layers[path].out_features, layers[path].in_features):
                raise _bad(name, f"{path} has another size; made for another model")
            changes.append((path, part))
    if not changes:
        raise _bad(
            name, "changes the text encoder only, which is not done here" if found.text else "is empty"
        )
    return LoraFile(changes, ("lora:text-encoder",) if found.text else ())


def _sorted(name: str, tensors: Mapping[str, Tensor], paths: Callable[[str], Targets]) -> _Found:
    found = _Found()
    for key, tensor in tensors.items():
        match = _KEY.match(key)
        targets = paths(match["stem"]) if match else ()
        if match is None or not targets:
            (found.text if _TEXT.search(key) else found.unknown).append(key)
        elif match["leaf"] in _REFUSED:
            found.refused.setdefault(_REFUSED[match["leaf"]], key)
        elif match["end"] == ".bias":
            found.refused.setdefault("a changed bias", key)
        else:
            slot = _SLOTS[match["leaf"]]
            other = found.keys.setdefault((targets, slot), key)
            if other != key:
                raise _bad(name, f"holds both {other} and {key}; save one adapter alone")
            # A convolution of one pixel is a matrix.
            found.factors.setdefault(targets, {})[slot] = tensor.flatten(1) if tensor.ndim > 2 else tensor
    return found


def _refuse(name: str, found: _Found, metadata: Mapping[str, Any], paths: Callable[[str], Targets]) -> None:
    """Refuse a file by its true name where not all of it can be applied."""
    for kind, key in found.refused.items():
        raise _bad(name, f"is or holds {kind} ({key}), which is not applied; use LoRA, LoHa, LoKr or DoRA")
    some = shards.some(found.unknown)
    if found.unknown and (found.factors or any(_is_of(key, paths) for key in found.unknown)):
        raise _bad(name, f"changes what this model does not have, or in an unknown way: {some}")
    if found.unknown:
        architecture = metadata.get("modelspec.architecture")
        raise _bad(
            name,
            f"made for another model{f' ({architecture})' if architecture else ''}, unknown keys: {some}",
        )
    if not found.factors:
        raise _bad(
            name, "changes the text encoder only, which is not done here" if found.text else "is empty"
        )


def _is_of(key: str, paths: Callable[[str], Targets]) -> bool:
    """Say whether a key of an unknown kind means a layer of this model."""
    return any(paths(key[: dot.start()]) for dot in re.finditer("[.]", key))


def _changes(
    name: str, targets: Targets, factors: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> Iterator[Change]:
    """Yield what the factors of one matrix make: one change of each kind there is."""
    for slot, factor in factors.items():
        if not factor.dtype.is_floating_point and slot != "alpha":
            raise _bad(name, f"{targets[0]} is in {factor.dtype}, which is not read")
        if not bool(torch.isfinite(factor.float()).all()):
            raise EngineError(
                "numerics", f"LoRA {name}: {targets[0]} has values that are no numbers; fetch the file again"
            )
    try:
        if {"down", "up"} & factors.keys():
            yield Pair(
                (factors["up"], factors["down"]), _scale(factors, len(factors["down"]), metadata, targets)
            )
        if set(_HADAMARD) & factors.keys():
            scale = _scale(factors, len(factors["hada_w1_b"]), metadata, targets)
            yield Hadamard(tuple(factors[slot] for slot in _HADAMARD), scale)
        if any(slot.startswith("lokr_") for slot in factors):
            left, right = _whole("lokr_w1", factors), _whole("lokr_w2", factors)
            ranks = [len(factors[slot]) for slot in ("lokr_w2_b", "lokr_w1_b") if slot in factors]
            yield Kronecker((left, right), _scale(factors, ranks[0] if ranks else None, metadata, targets))
        if "diff" in factors:
            yield Dense((factors["diff"],))
    except KeyError as lacking:
        raise _bad(name, f"{targets[0]} lacks {lacking.args[0]}; the file is not whole") from lacking


def _decomposed(name: str, targets: Targets, lengths: Tensor, changes: list[Change]) -> Decomposed:
    if lengths.ndim > 1 and lengths.shape[-1] != 1:
        raise _bad(name, f"{targets[0]} is DoRA over columns, which is not applied; train it over outputs")
    if len(changes) != 1:
        raise _bad(name, f"{targets[0]} has the lengths of DoRA for {len(changes)} changes, not for one")
    return Decomposed((lengths.flatten(),), inner=changes[0])


def _whole(slot: str, factors: Mapping[str, Tensor]) -> Tensor:
    """Return a factor of LoKr, which may be kept as two of its own."""
    return factors[slot] if slot in factors else factors[f"{slot}_a"] @ factors[f"{slot}_b"]


def _scale(
    factors: Mapping[str, Tensor], rank: int | None, metadata: Mapping[str, Any], targets: Targets
) -> float:
    """Return alpha / rank; without an alpha in the file its metadata's is used, and without that the rank.

    A change without a rank (LoKr of whole factors) is not scaled by what the file says.
    """
    if rank is None:
        return 1.0
    if "alpha" in factors:
        return float(factors["alpha"]) / rank
    alpha = _of_pattern(metadata.get("alpha_pattern"), targets[0])
    if alpha is None:
        alpha = metadata.get("lora_alpha", metadata.get("alpha", rank))
    scale = float(alpha) / (math.sqrt(rank) if metadata.get("use_rslora") else rank)
    if not math.isfinite(scale):
        raise ValueError(f"its alpha is {alpha}")
    return scale


def _of_pattern(patterns: Any, path: str) -> Any:
    """Return the value of the first of peft's patterns that matches a layer, None for none."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", path):
            return value
    return None


def _tensors(file: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return a file's tensors, and its metadata joined with peft's adapter_config.json beside it."""
    beside = file.with_name("adapter_config.json")
    try:
        with safe_open(file, framework="pt") as file_tensors:
            metadata = dict(file_tensors.metadata() or {})
            tensors = {key: file_tensors.get_tensor(key) for key in file_tensors.keys()}  # noqa: SIM118
        packed = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        adapter = {key.removeprefix("transformer."): value for key, value in packed.items()}
        if file.name == "adapter_model.safetensors" and beside.exists():
            adapter = shards.json_object(beside) | adapter
        return tensors, metadata | adapter
    except (EngineError, *shards.UNREADABLE) as error:
        raise _bad(name, f"cannot be read: {shards.reason(error)}") from error


def _bad(name: str, fault: str) -> EngineError:
    return EngineError("bad_input", f"LoRA {name}: {fault}")


def _by_spelling(layers: Mapping[str, Any]) -> Callable[[str], Targets]:
    """Return a function from a key's stem to the layers it means, none for what is no layer.

    Kohya writes underscores for dots. Z-Image's own files have one matrix for query, key and value, and call
    the attention's last layer `out`, the first embedder and the last layer without their patch size.
    """
    known: dict[str, Targets] = {}
    for path in layers:
        own = path.replace("to_out.0", "out").replace("all_x_embedder.2-1", "x_embedder")
        own = own.replace("all_final_layer.2-1", "final_layer")
        for name in (path, own):
            known[name] = known[name.replace(".", "_")] = (path,)
        if path.endswith(".to_q"):
            stem = path.removesuffix("to_q")
            three = tuple(stem + name for name in ("to_q", "to_k", "to_v"))
            for fused in ("qkv", "to_qkv"):
                known[stem + fused] = known[(stem + fused).replace(".", "_")] = three

    def paths(stem: str) -> Targets:
        while stem not in known:
            rest = next((stem.removeprefix(each) for each in _PREFIXES if stem.startswith(each)), None)
            if rest is None:
                return ()
            stem = rest
        return known[stem]

    return paths
