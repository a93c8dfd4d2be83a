"""Weights in fewer bits as other programs write them are read with their scales, or refused by name."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from engine.models import convert
from engine.models.diffusers import load as generic
from engine.models.registry import load
from engine.models.zimage.load import check
from engine.types import EngineError, EngineSettings

LAYER = "layers.0.attention.to_q"
FLOAT8 = torch.float8_e4m3fn


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS, folder)
    return folder


def stored(model: Path, part: str = "transformer") -> dict[str, Tensor]:
    (file,) = (model / part).glob("*.safetensors")
    return load_file(file)


def keep(model: Path, changes: dict[str, Tensor], part: str = "transformer") -> None:
    (file,) = (model / part).glob("*.safetensors")
    save_file(load_file(file) | changes, file)


def weight(model: Path) -> Tensor:
    pipeline = load(EngineSettings(model=str(model), device="cpu", dtype="float32"))
    found: Tensor = pipeline.components.transformer.get_submodule(LAYER).weight
    return found


def refused(model: Path) -> str:
    """What loading says, and looking says the same."""
    with pytest.raises(EngineError) as caught:
        weight(model)
    with pytest.raises(EngineError) as looked:
        check(ModelFiles(model))
    assert str(looked.value) == str(caught.value)
    assert caught.value.code == "model_missing"
    return str(caught.value)


def scaled(values: Tensor, rows: bool, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    top = 127.0 if dtype == torch.int8 else 448.0
    largest = values.abs().amax(dim=1, keepdim=True) if rows else values.abs().max()
    scale = largest.float() / top
    return (values.float() / scale).round().to(dtype) if dtype == torch.int8 else (values / scale).to(
        dtype
    ), scale


@pytest.mark.parametrize("dtype", [FLOAT8, torch.float8_e5m2])
def test_plain_float8_is_read_as_it_is(model: Path, dtype: torch.dtype) -> None:
    narrow = stored(model)[f"{LAYER}.weight"].to(dtype)
    keep(model, {f"{LAYER}.weight": narrow})
    assert torch.equal(weight(model), narrow.float())


@pytest.mark.parametrize("name", ["weight_scale", "scale_weight"])
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("dtype", [FLOAT8, torch.int8])
def test_a_scale_per_tensor_or_row_is_applied(model: Path, dtype: torch.dtype, rows: bool, name: str) -> None:
    original = stored(model)[f"{LAYER}.weight"].float()
    narrow, scale = scaled(original, rows, dtype)
    beside = {f"{LAYER}.input_scale": torch.ones(1), "scaled_fp8": torch.zeros(2).to(FLOAT8)}
    keep(model, {f"{LAYER}.weight": narrow, f"{LAYER}.{name}": scale} | beside)
    found = weight(model)
    assert torch.equal(found, narrow.float() * scale)
    assert (found - original).abs().max() < 0.07 * original.abs().max()
    assert check(ModelFiles(model)) == []


@pytest.mark.parametrize("shape", [(192,), (192, 1), (1,), (), (1, 1)])
def test_a_scale_may_have_any_shape_that_means_rows_or_all(model: Path, shape: tuple[int, ...]) -> None:
    scale = torch.linspace(0.5, 2, 192).reshape(shape) if 192 in shape else torch.full(shape, 0.5)
    narrow = stored(model)[f"{LAYER}.weight"].to(FLOAT8)
    keep(model, {f"{LAYER}.weight": narrow, f"{LAYER}.weight_scale": scale})
    assert torch.equal(weight(model), narrow.float() * scale.reshape(-1, 1))


@pytest.mark.parametrize("shape", [(1, 192), (2, 2), (192, 3), (3,)])
def test_a_scale_by_columns_or_blocks_is_refused(model: Path, shape: tuple[int, ...]) -> None:
    narrow = stored(model)[f"{LAYER}.weight"].to(FLOAT8)
    keep(model, {f"{LAYER}.weight": narrow, f"{LAYER}.weight_scale": torch.ones(shape)})
    assert f"({LAYER}.weight_scale is no scale per tensor or row), which is not read; give the" in refused(
        model
    )


def test_a_scale_in_another_shard_is_found(model: Path) -> None:
    narrow, scale = scaled(stored(model)[f"{LAYER}.weight"].float(), rows=True, dtype=FLOAT8)
    part = model / "transformer"
    keep(model, {f"{LAYER}.weight": narrow})
    (file,) = part.glob("*.safetensors")
    listed = dict.fromkeys(load_file(file), file.name) | {f"{LAYER}.weight_scale": "scales.safetensors"}
    save_file({f"{LAYER}.weight_scale": scale}, part / "scales.safetensors")
    index = part / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": listed}))
    assert torch.equal(weight(model), narrow.float() * scale)


@pytest.mark.parametrize(
    ("leaf", "method"),
    [
        ("weight.absmax", "bitsandbytes"),
        ("weight.quant_map", "bitsandbytes"),
        ("weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("SCB", "bitsandbytes"),
        ("qweight", "GPTQ or AWQ"),
        ("qzeros", "GPTQ or AWQ"),
        ("scales", "GPTQ or AWQ"),
        ("g_idx", "GPTQ or AWQ"),
        ("weight_packed", "compressed-tensors"),
        ("weight_zero_point", "compressed-tensors"),
        ("weight_scale_inv", "block-wise float8"),
        ("weight_scale_2", "NVFP4"),
        ("weight._data", "Quanto"),
        ("_weight_qdata", "torchao"),
        ("proj_down", "SVDQuant"),
        ("zero_point", "SDNQ"),
        ("bias", "in an unknown way"),
        ("scale", "in an unknown way"),
        ("weight_scale", "is no scale per tensor or row"),
    ],
)
def test_other_peoples_forms_are_refused_by_name(model: Path, leaf: str, method: str) -> None:
    keep(model, {f"{LAYER}.{leaf}": torch.ones(2)})
    message = refused(model)
    assert method in message
    assert f"{LAYER}.{leaf}" in message
    assert "give the model in bf16, fp16 or fp32" in message


@pytest.mark.parametrize(
    ("weight", "beside"),
    [
        (torch.ones(18432, 1, dtype=torch.uint8), {"weight.absmax": torch.ones(576)}),
        (torch.ones(192, 192, dtype=torch.int8), {"SCB": torch.ones(192)}),
    ],
)
def test_bitsandbytes_is_named_though_its_weights_are_whole_numbers(
    model: Path, weight: Tensor, beside: dict[str, Tensor]
) -> None:
    keep(model, {f"{LAYER}.weight": weight} | {f"{LAYER}.{leaf}": t for leaf, t in beside.items()})
    assert "is quantized (bitsandbytes: " in refused(model)
    with pytest.raises(EngineError, match="bitsandbytes"):
        generic.check(model)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_whole_numbers_without_a_scale_are_refused(model: Path, dtype: torch.dtype) -> None:
    keep(model, {f"{LAYER}.weight": torch.ones(192, 192, dtype=dtype)})
    assert f"({LAYER}.weight is " in refused(model)


def test_int8_of_comfyui_may_be_rotated_and_is_refused(model: Path) -> None:
    narrow, scale = scaled(stored(model)[f"{LAYER}.weight"].float(), rows=True, dtype=torch.int8)
    recipe = torch.frombuffer(bytearray(b'{"format": "int8_tensorwise"}'), dtype=torch.uint8)
    keep(
        model,
        {f"{LAYER}.weight": narrow, f"{LAYER}.weight_scale": scale, f"{LAYER}.comfy_quant": recipe},
    )
    assert "by ComfyUI" in refused(model)


@pytest.mark.parametrize("part", ["transformer", "text_encoder", "vae"])
@pytest.mark.parametrize(
    "quantization", [{"quant_method": "torchao"}, {"quant_method": "compressed-tensors"}, "int4"]
)
def test_a_configuration_that_says_it_is_quantized_is_refused(
    model: Path, part: str, quantization: object
) -> None:
    config = model / part / "config.json"
    config.write_text(json.dumps(json.loads(config.read_bytes()) | {"quantization_config": quantization}))
    name = quantization["quant_method"] if isinstance(quantization, dict) else quantization
    assert f"{model / part} is quantized by {name}, which is not read" in refused(model)


def test_scales_of_the_text_encoder_are_applied_behind_its_prefix(model: Path) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in stored(model, "text_encoder").items()}
    layer = "model.layers.0.mlp.up_proj"
    narrow, scale = scaled(tensors[f"{layer}.weight"].float(), rows=True, dtype=FLOAT8)
    tensors |= {f"{layer}.weight": narrow, f"{layer}.weight_scale": scale}
    save_file(tensors, model / "text_encoder" / "model.safetensors")
    encoder = load(EngineSettings(model=str(model), device="cpu", dtype="float32")).components.text_encoder
    assert torch.equal(encoder.layers[0].mlp.up_proj.weight, narrow.float() * scale)


def test_a_scaled_model_is_not_prepared_again(model: Path, tmp_path: Path) -> None:
    narrow, scale = scaled(stored(model)[f"{LAYER}.weight"].float(), rows=True, dtype=FLOAT8)
    keep(model, {f"{LAYER}.weight": narrow, f"{LAYER}.weight_scale": scale})
    with pytest.raises(EngineError, match="is quantized"):
        convert.prepare(model, tmp_path / "out", "bf16", lambda line: None)


def test_models_of_other_kinds_with_scales_are_refused(model: Path) -> None:
    keep(model, {f"{LAYER}.weight_scale": torch.ones(1)})
    for work in (generic.check, lambda folder: generic.load(EngineSettings(model=str(folder)), folder)):
        with pytest.raises(EngineError, match=f"is quantized .*{LAYER}.weight_scale"):
            work(model)
