"""LoRA files in every layout equal the same change merged into the weights by hand."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.models.zimage.block import Block
from engine.models.zimage.changes import Pair
from engine.models.zimage.load import load
from engine.models.zimage.lora import Loras
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import metadata
from engine.types import EngineError, EngineSettings
from tests.engine.zimage.conftest import Task, drawn, sampled

TARGETS = (
    "layers.0.attention.to_q",
    "layers.3.attention.to_out.0",
    "layers.5.feed_forward.w2",
    "context_refiner.0.attention.to_v",
    "layers.1.adaLN_modulation.0",
)
RANK = 4


def pairs(pipeline: ZImagePipeline, seed: int = 0) -> dict[str, tuple[Tensor, Tensor]]:
    source = torch.Generator().manual_seed(seed)
    layers = {path: pipeline.components.transformer.get_submodule(path) for path in TARGETS}
    return {
        path: (
            torch.randn(RANK, layer.in_features, generator=source) * 0.1,
            torch.randn(layer.out_features, RANK, generator=source) * 0.05,
        )
        for path, layer in layers.items()
    }


def merged(
    pipeline: ZImagePipeline, changes: list[tuple[dict[str, tuple[Tensor, Tensor]], float]]
) -> ZImagePipeline:
    """The same model with scaled products added to its weights."""
    transformer = copy.deepcopy(pipeline.components.transformer)
    for change, scale in changes:
        for path, (down, up) in change.items():
            transformer.get_submodule(path).weight.data += scale * up @ down
    return ZImagePipeline(replace(pipeline.components, transformer=transformer))


def test_a_diffusers_file_equals_merged_weights_and_leaves_no_trace(
    pipeline: ZImagePipeline, task: Task, tmp_path: Path
) -> None:
    change = pairs(pipeline)
    tensors = {f"transformer.{path}.lora_A.weight": down for path, (down, _) in change.items()}
    tensors |= {f"transformer.{path}.lora_B.weight": up for path, (_, up) in change.items()}
    save_file(tensors, tmp_path / "ink.safetensors")
    layered = ZImagePipeline(pipeline.components, loras=Loras(tmp_path, pipeline.components.transformer))
    plain = sampled(pipeline, task()).latents
    with_ink = sampled(layered, task(loras=(("ink", 0.7),))).latents
    expected = sampled(merged(pipeline, [(change, 0.7)]), task()).latents
    assert (with_ink - expected).abs().max() < 1e-4
    assert (with_ink - plain).abs().max() > 0.1
    assert torch.equal(sampled(layered, task()).latents, plain)
    parameters = metadata.read(drawn(layered, task(loras=(("ink", 0.7),), steps=1)).png)
    assert parameters is not None
    assert parameters.loras == (("ink", 0.7),)


def test_two_files_add_up_and_alphas_scale_them(pipeline: ZImagePipeline, task: Task, tmp_path: Path) -> None:
    first, second = pairs(pipeline), pairs(pipeline, seed=1)
    kohya: dict[str, Tensor] = {}
    for path, (down, up) in first.items():
        stem = "lora_unet_" + path.replace(".", "_")
        kohya |= {
            f"{stem}.lora_down.weight": down,
            f"{stem}.lora_up.weight": up,
            f"{stem}.alpha": torch.tensor(2.0),
        }
    save_file(kohya, tmp_path / "kohya.safetensors")
    peft = {f"base_model.model.{path}.lora_A.default.weight": down for path, (down, _) in second.items()}
    peft |= {f"base_model.model.{path}.lora_B.default.weight": up for path, (_, up) in second.items()}
    parameters = {"transformer.r": RANK, "transformer.lora_alpha": 8}
    save_file(peft, tmp_path / "peft.safetensors", metadata={"lora_adapter_metadata": json.dumps(parameters)})
    layered = ZImagePipeline(pipeline.components, loras=Loras(tmp_path, pipeline.components.transformer))
    found = sampled(layered, task(loras=(("kohya", 1.0), ("peft", -0.5)))).latents
    expected = sampled(merged(pipeline, [(first, 2 / RANK), (second, -0.5 * 8 / RANK)]), task()).latents
    assert (found - expected).abs().max() < 1e-4


def test_one_matrix_for_query_key_and_value_is_taken_apart(
    pipeline: ZImagePipeline, task: Task, tmp_path: Path
) -> None:
    down, up = torch.randn(RANK, 192) * 0.05, torch.randn(3 * 192, RANK) * 0.05
    stem = "diffusion_model.layers.2.attention.qkv"
    save_file({f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}, tmp_path / "own.safetensors")
    layered = ZImagePipeline(pipeline.components, loras=Loras(tmp_path, pipeline.components.transformer))
    thirds = zip(("to_q", "to_k", "to_v"), up.chunk(3), strict=True)
    change = {f"layers.2.attention.{name}": (down, part) for name, part in thirds}
    found = sampled(layered, task(loras=(("own", 1.0),))).latents
    assert (found - sampled(merged(pipeline, [(change, 1.0)]), task()).latents).abs().max() < 1e-4


def test_keys_that_fit_nothing_are_named_in_one_line(pipeline: ZImagePipeline, tmp_path: Path) -> None:
    loras = Loras(tmp_path, pipeline.components.transformer)
    wrong = {f"lora_unet_down_blocks_{i}.lora_down.weight": torch.zeros(4, 192) for i in range(5)}
    save_file(wrong, tmp_path / "sdxl.safetensors")
    with pytest.raises(EngineError, match=r"sdxl: made for another model, .*down_blocks_0.* and 2 more"):
        loras.used((("sdxl", 1.0),)).__enter__()
    half = {"transformer.layers.0.attention.to_q.lora_A.weight": torch.zeros(4, 192)}
    save_file(half, tmp_path / "half.safetensors")
    with pytest.raises(EngineError, match=r"half: layers.0.attention.to_q lacks up; the file is not whole"):
        loras.used((("half", 1.0),)).__enter__()
    large = {name.replace("lora_A", "lora_B"): torch.zeros(64, 4) for name in half}
    save_file(half | large, tmp_path / "large.safetensors")
    with pytest.raises(EngineError, match=r"to_q has another size"):
        loras.used((("large", 1.0),)).__enter__()
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(EngineError, match=r"LoRA broken: cannot be read"):
        loras.used((("broken", 1.0),)).__enter__()


def test_a_name_that_is_not_there_is_answered_with_those_that_are(
    pipeline: ZImagePipeline, tmp_path: Path
) -> None:
    (tmp_path / "ink.safetensors").touch()
    with pytest.raises(EngineError, match="no LoRA 'oil'; there are: ink") as caught:
        Loras(tmp_path, pipeline.components.transformer).used((("oil", 1.0),)).__enter__()
    assert caught.value.code == "bad_input"
    with pytest.raises(EngineError, match=r"set model\.loras"):
        Loras(None, pipeline.components.transformer).used((("../ink", 1.0),)).__enter__()


def inked(pipeline: ZImagePipeline, folder: Path) -> tuple[Loras, ZImagePipeline]:
    tensors: dict[str, Tensor] = {}
    for path, (down, up) in pairs(pipeline).items():
        tensors |= {f"transformer.{path}.lora_A.weight": down, f"transformer.{path}.lora_B.weight": up}
    save_file(tensors, folder / "ink.safetensors")
    loras = Loras(folder, pipeline.components.transformer)
    return loras, ZImagePipeline(pipeline.components, loras=loras)


def test_pictures_with_other_loras_share_no_batch(
    pipeline: ZImagePipeline, task: Task, tmp_path: Path
) -> None:
    _, own = inked(pipeline, tmp_path)
    plain, with_ink = (sampled(own, task(steps=1, loras=loras)) for loras in ((), (("ink", 1.0),)))
    assert plain.batch_key != with_ink.batch_key


def test_the_steps_of_a_picture_and_the_next_one_with_its_files_make_nothing_anew(
    task: Task, tmp_path: Path
) -> None:
    half = load(EngineSettings(device="cpu", dtype="bfloat16"))
    loras, layered = inked(half, tmp_path)
    wish = task(steps=1, width=64, height=64, loras=(("ink", 0.7),))
    sampled(layered, wish)
    made = {path: product.used for path, product in loras.products(wish.loras).items()}
    assert {change.factors[0].dtype for used in made.values() for change in used} == {torch.bfloat16}
    sampled(layered, task(steps=1, width=64, height=64))
    sampled(layered, wish)
    assert all(loras.products(wish.loras)[path].used is pair for path, pair in made.items())


def test_a_file_is_remembered_in_main_memory_as_it_was_saved(
    pipeline: ZImagePipeline, tmp_path: Path
) -> None:
    """What lies on the card is only what a picture is drawn with, made anew for every choice of files."""
    down, up = torch.randn(RANK, 192).bfloat16(), torch.randn(192, RANK).bfloat16()
    stem = "transformer.layers.0.attention.to_q"
    save_file({f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}, tmp_path / "half.safetensors")
    meta = copy.deepcopy(pipeline.components.transformer).to("meta")
    loras = Loras(tmp_path, meta)
    product = loras.products((("half", 0.5),))["layers.0.attention.to_q"]
    ((_, kept),) = loras.changes("half")
    assert isinstance(kept, Pair)
    assert {(kept.down.device.type, kept.down.dtype), (kept.up.device.type, kept.up.dtype)} == {
        ("cpu", torch.bfloat16)
    }
    assert torch.equal(product.used[0].factors[0], up.float() / 2)


def test_another_weight_of_the_same_file_is_another_product(pipeline: ZImagePipeline, tmp_path: Path) -> None:
    loras, _ = inked(pipeline, tmp_path)
    full, half = (loras.products((("ink", weight),))[TARGETS[0]].used[0] for weight in (1.0, 0.5))
    assert torch.equal(half.factors[0], full.factors[0] / 2)
    assert torch.equal(half.factors[1], full.factors[1])


def test_a_lora_on_the_modulation_leaves_other_pictures_in_the_fast_blocks(
    pipeline: ZImagePipeline, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ZImagePipeline(pipeline.components)
    _, layered = inked(own, tmp_path)
    slow: list[Block] = []
    whole = Block.whole
    monkeypatch.setattr(Block, "whole", lambda block, *given: slow.append(block) or whole(block, *given))
    sampled(layered, task(loras=(("ink", 0.7),)))
    assert {block.module for block in slow} == {own.components.transformer.layers[1]}
    slow.clear()
    sampled(layered, task())
    assert slow == []
