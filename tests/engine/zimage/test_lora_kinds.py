"""Files of other programs change a layer by exactly what their formulas say."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.memory.weights import PackedLinear, Weights
from engine.models.zimage.changes import Change, Decomposed, Dense, Hadamard, Kronecker, Pair, Product
from engine.models.zimage.pipeline import ZImagePipeline
from tests.engine.zimage.conftest import Task, sampled
from tests.engine.zimage.lora_folder import DOWN, LAYER, OTHER, RANK, SIDE, UP, Folder, near, noise, pair


@pytest.mark.parametrize(
    "tensors",
    [
        pair(),
        pair(LAYER),
        pair(f"diffusion_model.{LAYER}"),
        pair(f"model.diffusion_model.{LAYER}"),
        pair(f"base_model.model.{LAYER}"),
        pair(f"base_model.model.transformer.{LAYER}"),
        pair(f"transformer.{LAYER}", "lora_A.default.weight", "lora_B.default.weight"),
        pair(f"transformer.{LAYER}", "lora_A.my style.weight", "lora_B.my style.weight"),
        pair(f"transformer.{LAYER}", "lora_linear_layer.down.weight", "lora_linear_layer.up.weight"),
        pair(f"unet.{LAYER}", "lora.down.weight", "lora.up.weight"),
        pair("lora_unet_layers_0_attention_to_q", "lora_down.weight", "lora_up.weight"),
        pair("lora_transformer_layers_0_attention_to_q", "lora_down.weight", "lora_up.weight"),
        pair("lycoris_layers_0_attention_to_q", "lora_down.weight", "lora_up.weight"),
        {
            f"{LAYER}.lora_down.weight": DOWN[:, :, None, None],
            f"{LAYER}.lora_up.weight": UP[:, :, None, None],
        },
    ],
    ids=lambda tensors: next(iter(tensors)),
)
def test_every_way_to_write_a_layer_is_read(folder: Folder, tensors: dict[str, Tensor]) -> None:
    folder.save(tensors)
    assert near(folder.added(weight=0.5), 0.5 * UP @ DOWN)


def test_alphas_by_pattern_are_applied(folder: Folder) -> None:
    wide = {f"transformer.{OTHER}.lora_A.weight": noise(RANK, 512), f"transformer.{OTHER}.lora_B.weight": UP}
    metadata = {
        "transformer.r": RANK,
        "transformer.lora_alpha": 4,
        "transformer.alpha_pattern": {"attention.to_q": 32},
    }
    folder.save(pair() | wide, metadata=metadata)
    assert near(folder.added(), 8 * UP @ DOWN)
    assert near(folder.added(OTHER), UP @ noise(RANK, 512))


@pytest.mark.parametrize(
    ("pattern", "scale"),
    [
        ({LAYER: 8}, 2.0),
        ({r"layers\.\d+\.attention\.to_.": 8}, 2.0),
        ({"^layers.0.attention.to_q": 8}, 2.0),
        ({"to_q": 8, LAYER: 16}, 2.0),
        ({"o_q": 8}, 1.0),
        ({"layers.1.attention.to_q": 8}, 1.0),
    ],
)
def test_patterns_mean_what_peft_means_by_them(folder: Folder, pattern: dict[str, int], scale: float) -> None:
    folder.save(pair(), metadata={"transformer.alpha_pattern": pattern})
    assert near(folder.added(), scale * UP @ DOWN)


def test_a_rank_by_pattern_is_the_rank_of_the_factors(folder: Folder) -> None:
    metadata = {"transformer.r": 64, "transformer.lora_alpha": 8, "transformer.rank_pattern": {"to_q": RANK}}
    folder.save(pair(), metadata=metadata)
    assert near(folder.added(), 2 * UP @ DOWN)


def test_rank_stabilised_scales_take_the_root(folder: Folder) -> None:
    folder.save(pair(), metadata={"transformer.lora_alpha": 8, "transformer.use_rslora": True})
    assert near(folder.added(), 4 * UP @ DOWN)


def test_an_adapter_of_peft_is_read_with_its_configuration(folder: Folder) -> None:
    folder.save(pair(f"base_model.model.{LAYER}"), "ink/adapter_model")
    config = {"r": RANK, "lora_alpha": 2, "alpha_pattern": {"to_q": 8}}
    (folder.path / "ink" / "adapter_config.json").write_text(json.dumps(config))
    assert near(folder.added(name="ink/adapter_model"), 2 * UP @ DOWN)


@pytest.mark.parametrize("alpha", [None, 2.0])
def test_loha_is_applied(folder: Folder, alpha: float | None) -> None:
    names = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
    a, b, c, d = UP, DOWN, noise(SIDE, RANK, seed=3), noise(RANK, SIDE, seed=4)
    tensors = {f"lycoris_layers_0_attention_to_q.{n}": t for n, t in zip(names, (a, b, c, d), strict=True)}
    if alpha is not None:
        tensors["lycoris_layers_0_attention_to_q.alpha"] = torch.tensor(alpha)
    folder.save(tensors)
    assert near(folder.added(), (alpha or RANK) / RANK * (a @ b) * (c @ d))


LEFT, RIGHT = noise(8, 12, seed=5), noise(24, 16, seed=6)
LEFT_A, LEFT_B, RIGHT_A, RIGHT_B = noise(8, 2), noise(2, 12), noise(24, 2), noise(2, 16)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"lokr_w1": LEFT, "lokr_w2": RIGHT}, torch.kron(LEFT, RIGHT)),
        ({"lokr_w1": LEFT, "lokr_w2": RIGHT, "alpha": torch.tensor(1e10)}, torch.kron(LEFT, RIGHT)),
        ({"lokr_w1": LEFT, "lokr_w2_a": RIGHT_A, "lokr_w2_b": RIGHT_B}, torch.kron(LEFT, RIGHT_A @ RIGHT_B)),
        (
            {"lokr_w1_a": LEFT_A, "lokr_w1_b": LEFT_B, "lokr_w2": RIGHT, "alpha": torch.tensor(1.0)},
            0.5 * torch.kron(LEFT_A @ LEFT_B, RIGHT),
        ),
        (
            {
                "lokr_w1_a": LEFT_A, "lokr_w1_b": LEFT_B, "lokr_w2_a": RIGHT_A, "lokr_w2_b": RIGHT_B,
                "alpha": torch.tensor(6.0),
            },
            3.0 * torch.kron(LEFT_A @ LEFT_B, RIGHT_A @ RIGHT_B),
        ),
    ],
)  # fmt: skip
def test_lokr_is_applied(folder: Folder, factors: dict[str, Tensor], expected: Tensor) -> None:
    folder.save({f"diffusion_model.{LAYER}.{name}": factor for name, factor in factors.items()})
    assert near(folder.added(), expected)


@pytest.mark.parametrize("rows", [3, 8])
def test_lokr_of_one_matrix_for_query_key_and_value_is_taken_apart(folder: Folder, rows: int) -> None:
    left, right = noise(rows, 12), noise(3 * SIDE // rows, 16, seed=1)
    stem = "diffusion_model.layers.0.attention.qkv"
    folder.save({f"{stem}.lokr_w1": left, f"{stem}.lokr_w2": right})
    whole = torch.kron(left, right)
    for place, name in enumerate(("to_q", "to_k", "to_v")):
        assert near(folder.added(f"layers.0.attention.{name}"), whole[place * SIDE : (place + 1) * SIDE])


def test_loha_of_one_matrix_for_query_key_and_value_is_taken_apart(folder: Folder) -> None:
    a, b, c, d = noise(3 * SIDE, 2), noise(2, SIDE), noise(3 * SIDE, 2, seed=1), noise(2, SIDE, seed=1)
    names = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
    folder.save({f"layers.0.attention.qkv.{n}": t for n, t in zip(names, (a, b, c, d), strict=True)})
    assert near(folder.added("layers.0.attention.to_v"), ((a @ b) * (c @ d))[2 * SIDE :])


def test_whole_differences_are_applied(folder: Folder) -> None:
    folder.save({f"diffusion_model.{LAYER}.diff": noise(SIDE, SIDE)})
    assert near(folder.added(weight=-0.5), -0.5 * noise(SIDE, SIDE))


@pytest.mark.parametrize(
    "change",
    [
        Pair((torch.randn(6, 2), torch.randn(2, 8))),
        Hadamard((torch.randn(6, 2), torch.randn(2, 8), torch.randn(6, 3), torch.randn(3, 8))),
        Kronecker((torch.randn(2, 4), torch.randn(3, 2))),
        Dense((torch.randn(6, 8),)),
        Decomposed((torch.rand(6),), inner=Pair((torch.randn(6, 2), torch.randn(2, 8)), 0.5)),
    ],
    ids=lambda change: type(change).__name__,
)
def test_what_is_added_to_a_matrix_is_what_is_added_beside_it(change: Change) -> None:
    layer, values = nn.Linear(8, 6), torch.randn(5, 8)
    product = Product([(change, 0.5)])
    with torch.inference_mode():
        beside = product(layer, (values,), layer(values))
        merged = functional.linear(values, product.merged(layer.weight), layer.bias)
    torch.testing.assert_close(merged, beside)


LENGTHS = noise(SIDE, seed=3).abs() + 0.5


@pytest.mark.parametrize("form", ["plain", "bfloat16", "int8"])
@pytest.mark.parametrize(
    "lengths",
    [
        {f"{LAYER}.dora_scale": LENGTHS[:, None]},
        {f"{LAYER}.lora_magnitude_vector.weight": LENGTHS},
        {f"{LAYER}.lora_magnitude_vector.default.weight": LENGTHS},
    ],
    ids=["LyCORIS", "diffusers", "peft"],
)
def test_dora_brings_each_row_of_the_changed_matrix_to_its_length(
    folder: Folder, lengths: dict[str, Tensor], form: Weights
) -> None:
    folder.save(pair(LAYER) | lengths)
    own = folder.pipeline.components.transformer.get_submodule(LAYER)
    layer = PackedLinear(own.weight.data, own.bias, form)
    weight = layer(torch.eye(SIDE)).T
    changed = weight + UP @ DOWN
    whole = changed * (LENGTHS / changed.norm(dim=1))[:, None]
    product = folder.loras.products((("a", 0.5),))[LAYER]
    found = product(layer, (torch.eye(SIDE),), layer(torch.eye(SIDE))).T
    assert near(found, weight + 0.5 * (whole - weight))


def test_dora_of_a_fused_matrix_goes_to_the_layers_it_stands_for(folder: Folder) -> None:
    stem = "diffusion_model.layers.0.attention.qkv"
    up, lengths = noise(3 * SIDE, RANK), noise(3 * SIDE, seed=3).abs() + 0.5
    folder.save(
        {f"{stem}.lora_A.weight": DOWN, f"{stem}.lora_B.weight": up, f"{stem}.dora_scale": lengths[:, None]}
    )
    key = folder.pipeline.components.transformer.get_submodule("layers.0.attention.to_k")
    product = folder.loras.products((("a", 1.0),))["layers.0.attention.to_k"]
    with torch.inference_mode():
        found = product(key, (torch.eye(SIDE),), key(torch.eye(SIDE))).T
    torch.testing.assert_close(found.norm(dim=1), lengths[SIDE : 2 * SIDE])


def test_dora_over_columns_and_without_a_change_are_refused(folder: Folder) -> None:
    folder.save(pair() | {f"transformer.{LAYER}.dora_scale": LENGTHS[None]})
    assert "is DoRA over columns, which is not applied" in str(folder.refused())
    folder.save({f"transformer.{LAYER}.dora_scale": LENGTHS})
    assert "has the lengths of DoRA for 0 changes" in str(folder.refused())


def test_kinds_add_up_in_one_layer(folder: Folder) -> None:
    folder.save(pair() | {f"{LAYER}.diff": noise(SIDE, SIDE)})
    folder.save({f"{LAYER}.lokr_w1": LEFT, f"{LAYER}.lokr_w2": RIGHT}, "b")
    module = folder.pipeline.components.transformer.get_submodule(LAYER)
    product = folder.loras.products((("a", 1.0), ("b", 2.0)))[LAYER]
    found = product(module, (torch.eye(SIDE),), torch.zeros(SIDE, SIDE)).T
    assert near(found, UP @ DOWN + noise(SIDE, SIDE) + 2 * torch.kron(LEFT, RIGHT))


@pytest.mark.parametrize(
    "layer", ["t_embedder.mlp.0", "t_embedder.mlp.2", "all_final_layer.2-1.adaLN_modulation.1"]
)
def test_the_noise_levels_embedding_takes_one_too_and_leaves_no_trace(
    folder: Folder, task: Task, layer: str
) -> None:
    pipeline = folder.pipeline
    module = pipeline.components.transformer.get_submodule(layer)
    change = noise(module.out_features, module.in_features)
    folder.save({f"diffusion_model.{layer.replace('all_final_layer.2-1', 'final_layer')}.diff": change})
    layered = ZImagePipeline(pipeline.components, loras=folder.loras)
    transformer = copy.deepcopy(pipeline.components.transformer)
    transformer.get_submodule(layer).weight.data += change
    merged = ZImagePipeline(replace(pipeline.components, transformer=transformer))
    plain = sampled(pipeline, task()).latents
    found = sampled(layered, task(loras=(("a", 1.0),))).latents
    assert (found - sampled(merged, task()).latents).abs().max() < 1e-4
    assert (found - plain).abs().max() > 0.01
    assert torch.equal(sampled(layered, task()).latents, plain)
