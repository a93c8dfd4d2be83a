"""One file in which another program keeps a part of a model: GGUF, or ComfyUI's safetensors.

Names and fused matrices are mapped by diffusers' own conversion, a language model's by the `gguf` package's
table. Reads no weight.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from engine.files import gguf, quantized, shards
from engine.files.shards import Entry, Part
from engine.types import EngineError

PartName = Literal["transformer", "text_encoder", "vae"]
WANTED: Mapping[str, str] = {
    "transformer": "model.name takes a transformer of Z-Image, such as z_image_turbo-Q4_K_M.gguf",
    "text_encoder": "model.text_encoder takes Qwen3-4B, a .gguf such as Qwen3-4B-Q4_K_M or .safetensors",
    "vae": "model.vae takes the autoencoder of FLUX.1, such as ae.safetensors",
}
"""What each part may be, by the setting that names it."""
_CLASSES = {"transformer": "ZImageTransformer2DModel", "vae": "AutoencoderKL"}
_OWN = {"transformer": "all_x_embedder.", "vae": "decoder.up_blocks."}
"""What the names of diffusers' own layout begin with somewhere."""
_EXPECTED = {
    "transformer": "cap_embedder.1.weight",
    "text_encoder": "layers.0.self_attn.q_proj.weight",
    "vae": "decoder.conv_in.weight",
}
"""A tensor that every model of the kind has."""
_QWEN = ("embed_tokens.weight", "norm.weight")
_QWEN_LAYER = (
    *(f"self_attn.{name}.weight" for name in ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm")),
    *(f"mlp.{name}.weight" for name in ("gate_proj", "up_proj", "down_proj")),
    "input_layernorm.weight",
    "post_attention_layernorm.weight",
)
_PICKLED = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_ROWS = 32
"""Bits for the row of a stand-in, below its tensor's number."""


def read(file: Path, part: PartName, config: Mapping[str, Any]) -> Part:
    """Find the tensors of `part` in a file, under the names that diffusers and transformers give to them.

    `config` is the part's config.json. Raises `EngineError("model_missing")` that names the file, what it is
    and what to use in its place.
    """
    start = _start(file)
    if start == gguf.MAGIC:
        entries = _gguf_entries(file, part)
    elif start.startswith(_PICKLED):
        raise _other(file, part, "a pickled checkpoint, which could run any program while it is loaded")
    elif start.lstrip()[:1] == b"<":
        raise shards.missing(f"{file} is a web page and no model")
    else:
        entries = {
            name: Entry(file, entry["dtype"], tuple(entry["shape"]), name)
            for name, entry in shards.header(file).items()
        }
    weights = {name: entry for name, entry in entries.items() if not _is_beside(name)}
    mapped = _mapped(file, part, weights, config)
    if part == "text_encoder":
        mapped = {name.removeprefix("model."): entry for name, entry in mapped.items()}
    if _EXPECTED[part] not in mapped:
        raise _other(file, part, f"{_kind(weights)} with tensors such as {shards.some(weights)}")
    beside = {name: entry for name, entry in entries.items() if name not in weights}
    return Part(file, mapped | dict(_renamed(beside, mapped)), "", None, (), ())


def _start(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(4)
    except OSError as error:
        raise shards.missing(f"{file} cannot be read ({shards.reason(error)})") from error


def _gguf_entries(file: Path, part: PartName) -> dict[str, Entry]:
    content = gguf.read(file)
    architecture = content.values.get(gguf.ARCHITECTURE)
    is_language = f"{architecture}.block_count" in content.values
    if is_language and (part != "text_encoder" or architecture != "qwen3"):
        raise _other(file, part, f"a language model ({architecture})")
    if part == "text_encoder" and not is_language:
        raise _other(file, part, f"no language model ({architecture})")
    for name, stored in content.tensors.items():
        if stored.type not in quantized.FLOATS + quantized.GGUF:
            known = ", ".join(quantized.GGUF)
            raise _other(
                file, part, f"quantized as {stored.type} ({name}), which is not read; known are {known}"
            )
    shaped = {
        name: tuple(content.values.get(f"comfy.gguf.orig_shape.{name}", stored.shape))
        for name, stored in content.tensors.items()
    }
    return {name: Entry(file, stored.type, shaped[name], name) for name, stored in content.tensors.items()}


def _mapped(
    file: Path, part: PartName, entries: Mapping[str, Entry], config: Mapping[str, Any]
) -> dict[str, Entry]:
    """Return the entries by the names of the model's own class."""
    if part == "text_encoder":
        return dict(_language(entries)) if "token_embd.weight" in entries else dict(entries)
    if any(_OWN[part] in name for name in entries):
        return dict(entries)
    return _converted(file, part, entries, config)


def _converted(
    file: Path, part: PartName, entries: Mapping[str, Entry], config: Mapping[str, Any]
) -> dict[str, Entry]:
    """Have diffusers convert stand-ins for the tensors, which say what they were: number, and rows.

    A stand-in takes the memory of one column.
    """
    import torch
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

    numbered = list(entries.values())
    standing = {}
    for number, (name, entry) in enumerate(entries.items()):
        rows = torch.arange(entry.shape[0] if entry.shape else 1) + (number << _ROWS)
        standing[name] = rows.view(-1, *(1,) * (len(entry.shape) - 1)).expand(entry.shape or (1,))
    convert = SINGLE_FILE_LOADABLE_CLASSES[_CLASSES[part]]["checkpoint_mapping_fn"]
    try:
        converted = convert(standing, config=dict(config))
    except shards.UNREADABLE as error:
        raise _other(file, part, f"{_kind(entries)} with tensors such as {shards.some(entries)}") from error
    found = {}
    for name, rows in converted.items():
        number, first = divmod(int(rows[(0,) * rows.ndim]), 1 << _ROWS)
        entry = numbered[number]
        part_of = None if len(rows) == (entry.shape or (1,))[0] else first
        found[name] = entry._replace(shape=tuple(rows.shape) if entry.shape else (), first=part_of)
    return found


def _language(entries: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield the entries of a GGUF of Qwen3 by the names that transformers gives to them."""
    from gguf import MODEL_ARCH, get_tensor_name_map

    blocks = len({name.split(".")[1] for name in entries if name.startswith("blk.")})
    table = get_tensor_name_map(MODEL_ARCH.QWEN3, blocks)
    names = [*_QWEN, *(f"layers.{block}.{name}" for block in range(blocks) for name in _QWEN_LAYER)]
    theirs = {str(table.get_name(f"model.{name}", (".weight",))): name for name in names}
    theirs["output.weight"] = "lm_head.weight"
    for name, entry in entries.items():
        yield theirs.get(name, name), entry


def _is_beside(name: str) -> bool:
    return quantized.is_beside(name) or quantized.owner(name) is not None


def _renamed(beside: Mapping[str, Entry], mapped: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield scales and notes under the names of the weights they belong to, cut as those are."""
    owners: dict[str, list[tuple[str, Entry]]] = {}
    for name, entry in mapped.items():
        if name.endswith(".weight"):
            owners.setdefault(entry.name.removesuffix(".weight"), []).append((name, entry))
    for name, entry in beside.items():
        owner, _, end = name.rpartition(".")
        weights = owners.get(owner)
        if not weights:
            yield name, entry
        for mine, weight in weights or ():
            rows = weight.shape[0] if weight.shape else 1
            is_cut = weight.first is not None and bool(entry.shape) and entry.shape[0] > rows
            cut = entry._replace(shape=(rows, *entry.shape[1:]), first=weight.first) if is_cut else entry
            yield f"{mine.removesuffix('.weight')}.{end}", cut


def _kind(entries: Mapping[str, Entry]) -> str:
    """Say in a few words which part or model has tensors of such names."""
    names = [name.removeprefix("model.").removeprefix("diffusion_model.") for name in entries]
    for start, kind in _SEEN.items():
        if any(name.startswith(start) for name in names):
            return kind
    return "a file"


_SEEN = {
    "lora_": "a LoRA file, which belongs into model.loras,",
    "layers.0.self_attn.": "a language model",
    "cap_embedder.": "a transformer of Z-Image's kind",
    "double_blocks.": "a transformer of FLUX",
    "transformer_blocks.": "a transformer of another model",
    "input_blocks.": "a UNet of Stable Diffusion",
    "decoder.": "an autoencoder",
    "first_stage_model.": "a whole checkpoint of another model",
    "blk.": "a language model",
    "text_model.": "a CLIP text encoder",
}
"""What the names of a file's tensors begin with, and what such a file is."""


def _other(file: Path, part: PartName, kind: str) -> EngineError:
    return EngineError("model_missing", f"{file} is {kind}; {WANTED[part]}")
