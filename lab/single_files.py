"""The embedded model's parts as other programs write them: ComfyUI's names, scaled float8, GGUF."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from safetensors.torch import load_file
from torch import Tensor

from engine.embedded import WEIGHTS
from engine.memory.sizes import keeps_gguf

_FUSED = re.compile(r"\.attention\.to_([qkv])\.weight$")
_COMFY = (
    ("all_final_layer.2-1.", "final_layer."),
    ("all_x_embedder.2-1.", "x_embedder."),
    (".attention.to_out.0.", ".attention.out."),
    (".attention.norm_k.", ".attention.k_norm."),
    (".attention.norm_q.", ".attention.q_norm."),
)
_LDM = (
    (r"\.resnets\.(\d)", r".block.\1"),
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"down_blocks\.(\d)", r"down.\1"),
    (r"upsamplers\.0", "upsample"),
    (r"mid_block\.block\.0", "mid.block_1"),
    (r"mid_block\.block\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0\.", "mid.attn_1."),
    (r"(attn_1)\.to_([qkv])", r"\1.\2"),
    (r"attn_1\.to_out\.0", "attn_1.proj_out"),
    (r"attn_1\.group_norm", "attn_1.norm"),
    (r"conv_norm_out", "norm_out"),
    (r"conv_shortcut", "nin_shortcut"),
)
_QWEN = (
    ("model.", ""), ("layers.", "blk."), ("embed_tokens", "token_embd"),
    ("post_attention_layernorm", "ffn_norm"),
    ("input_layernorm", "attn_norm"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"), ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
)  # fmt: skip


def embedded(part: str) -> dict[str, Tensor]:
    """The embedded model's own tensors."""
    (file,) = (WEIGHTS / part).glob("*.safetensors")
    tensors: dict[str, Tensor] = load_file(file)
    return tensors


def comfy(prefix: str = "") -> dict[str, Tensor]:
    """The transformer under ComfyUI's names, with fused queries, keys and values."""
    own = embedded("transformer")
    fused = {name: torch.cat([own[each] for each in names]) for name, names in _comfy_names(own).items()}
    return {prefix + name: tensor for name, tensor in fused.items()}


def comfy_names(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, tuple[int, ...]]]:
    """ComfyUI's names and shapes for a transformer of these."""
    names = _comfy_names(shapes).items()
    return [(name, (len(own) * shapes[own[0]][0], *shapes[own[0]][1:])) for name, own in names]


def _comfy_names(own: Iterable[str]) -> dict[str, list[str]]:
    """ComfyUI's names, and the tensors that each of them holds one below the other."""
    found: dict[str, list[str]] = {}
    for name in own:
        theirs = _FUSED.sub(".attention.qkv.weight", name)
        for old, new in _COMFY:
            theirs = theirs.replace(old, new)
        found.setdefault(theirs, []).append(name)
    order = "qkv"
    return {
        name: sorted(names, key=lambda each: order.index(match[1]) if (match := _FUSED.search(each)) else 0)
        for name, names in found.items()
    }


def ldm() -> dict[str, Tensor]:
    """The VAE under the names of its first program."""
    return {ldm_name(name): tensor for name, tensor in embedded("vae").items()}


def ldm_name(name: str, blocks: int = 4) -> str:
    """The first program's name for a tensor of a VAE of so many blocks."""
    for old, new in _LDM:
        name = re.sub(old, new, name)
    return re.sub(r"decoder\.up_blocks\.(\d)", lambda match: f"decoder.up.{blocks - 1 - int(match[1])}", name)


def float8(tensors: dict[str, Tensor], end: str, rows: bool = False) -> dict[str, Tensor]:
    """The large matrices in float8 with scales whose names end in `end`, or without any where it is empty."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        if is_large(name, tensor):
            wide = tensor.float()
            largest = wide.abs().amax(dim=1, keepdim=True) if rows else wide.abs().max()
            scale = largest / 448 if end else torch.ones(())
            found[name] = (wide / scale).to(torch.float8_e4m3fn)
            if end:
                found[name.removesuffix("weight") + end] = scale
    return found


def write_gguf(
    file: Path, tensors: dict[str, Tensor], type: str, architecture: str = "lumina2", **values: int
) -> Path:
    """Write a GGUF whose large matrices are quantized as `type`."""
    writer, kind = GGUFWriter(file, architecture), GGMLQuantizationType[type]
    for name, value in values.items():
        writer.add_uint32(f"{architecture}.{name}", value)
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        large = is_large(name, tensor) or ("blk." in name and tensor.ndim == 2)
        if large and tensor.shape[1] % gguf.GGML_QUANT_SIZES[kind][0] == 0:
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
        elif tensor.dtype == torch.bfloat16:
            raw = tensor.view(torch.uint8).numpy().reshape(*tensor.shape[:-1], -1)
            writer.add_tensor(name, raw, raw_dtype=GGMLQuantizationType.BF16)
        else:
            writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def write_encoder(file: Path, type: str) -> Path:
    """Write the text encoder as llama.cpp would."""
    found = {qwen_name(name): tensor for name, tensor in embedded("text_encoder").items()}
    return write_gguf(file, found, type, "qwen3", block_count=3)


def qwen_name(name: str) -> str:
    """llama.cpp's name for a tensor of Qwen3."""
    if name == "norm.weight":
        return "output_norm.weight"
    for old, new in _QWEN:
        name = name.replace(old, new)
    return name


def unpacked(tensor: Tensor, type: str) -> Tensor:
    """A matrix as the `gguf` package reads back what it quantized."""
    kind = GGMLQuantizationType[type]
    numbers = gguf.quants.dequantize(gguf.quants.quantize(tensor.float().numpy(), kind), kind)
    return torch.from_numpy(np.ascontiguousarray(numbers))


def is_large(name: str, tensor: Tensor) -> bool:
    return name.endswith(".weight") and keeps_gguf(name, tuple(tensor.shape))
