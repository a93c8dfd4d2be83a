"""The embedded model laid out as on a small card draws what it draws whole."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from engine.embedded import WEIGHTS
from engine.files import shards
from engine.files.parts import ModelFiles
from engine.memory import allocator, loader, placement
from engine.memory.allocator import Reading
from engine.memory.placement import Placement
from engine.memory.plan import GIB, KEPT_FREE, Plan, PlanRequest
from engine.memory.planner import choose
from engine.memory.probe import Facts
from engine.memory.sizes import read
from engine.memory.weights import PackedLinear
from engine.models.zimage import load
from engine.models.zimage.block import side_by_side
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import codec, masks
from engine.types import EngineError, EngineSettings, Generate, Picture, PromptReady

CPU = torch.device("cpu")
TASK = Generate("a red sailboat on the sea at sunset", width=64, height=64, steps=2, seed=7)


def planned(**changes: object) -> Plan:
    facts = Facts("cpu", "CPU", 8 * GIB, 8 * GIB, False, 8 * GIB, 8 * GIB)
    plan = choose(facts, read(ModelFiles(WEIGHTS)), PlanRequest(128, 128))
    return replace(plan, **changes)  # type: ignore[arg-type]


def pipeline(plan: Plan) -> ZImagePipeline:
    return ZImagePipeline(load.read(ModelFiles(WEIGHTS), EngineSettings(), CPU, plan))


def drawn(pipeline: ZImagePipeline, task: Generate = TASK) -> tuple[torch.Tensor, Picture]:
    drawing = pipeline.start(task, PromptReady(task.prompt, task.prompt))
    while drawing.step < drawing.steps:
        pipeline.step([drawing])
    return drawing.latents, pipeline.finish(drawing)()


def pixels(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(Image.open(BytesIO(picture.png))).astype(np.int16)


@pytest.fixture(scope="module")
def whole() -> tuple[torch.Tensor, Picture]:
    return drawn(pipeline(planned()))


def test_streamed_blocks_and_encoder_give_the_same_latents_and_strips_the_same_picture(
    whole: tuple[torch.Tensor, Picture],
) -> None:
    plan = planned(kind="cuda", resident_blocks=2, text_encoder="streamed", decode="strips")
    latents, picture = drawn(pipeline(plan))
    assert torch.allclose(latents, whole[0], atol=1e-5)
    assert np.abs(pixels(picture) - pixels(whole[1])).max() <= 1


def test_a_part_drawn_anew_is_the_same_with_the_model_streamed() -> None:
    view = masks.moved(codec.png(Image.linear_gradient("L").resize((64, 64)).convert("RGB")), zoom=2.0)
    task = replace(TASK, init_image=view, mask="around", strength=1.0)
    plan = planned(kind="cuda", resident_blocks=2, text_encoder="streamed", decode="strips")
    (latents, picture), (whole, other) = drawn(pipeline(plan), task), drawn(pipeline(planned()), task)
    assert torch.allclose(latents, whole, atol=1e-5)
    assert np.abs(pixels(picture) - pixels(other)).max() <= 1


def test_tightening_at_run_time_step_by_step_changes_no_latent(whole: tuple[torch.Tensor, Picture]) -> None:
    running = pipeline(planned(kind="cuda"))
    parts = running.components
    placed = Placement(planned(kind="cuda"), CPU, parts.transformer, parts.text_encoder, parts.vae)
    seen = [placed.plan]
    while placed.tighter():
        seen.append(placed.plan)
        running.denoiser.refresh()
        if len(seen) in (3, 5):
            assert torch.allclose(drawn(running)[0], whole[0], atol=1e-5)
    assert torch.allclose(drawn(running)[0], whole[0], atol=1e-5)
    assert [plan.resident_blocks for plan in seen] == [8, 8, 8, 5, 3, 2, 1, 0]
    assert seen[2].text_encoder == "streamed"
    assert not placed.tighter()


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Placement]:
    """The embedded model as if on a card with room beside it for a picture of this side and so many bytes."""

    def place(side: int, more: int = 0) -> Placement:
        parts = pipeline(planned(kind="cuda")).components
        made = Placement(planned(kind="cuda"), CPU, parts.transformer, parts.text_encoder, parts.vae)
        total = made.plan.held + KEPT_FREE + made.plan.transient(side, side) + more
        monkeypatch.setattr(allocator, "read", lambda device: Reading(total - made.plan.held, 0, 0))
        return made

    return place


Placed = Callable[..., Placement]


def test_a_picture_that_fits_leaves_the_plan_as_it_is(placed: Placed) -> None:
    roomy = placed(1024)
    plan = roomy.plan
    assert not roomy.make_room(1024, 1024)
    assert roomy.plan is plan


def test_a_picture_that_does_not_fit_tightens_the_plan_as_far_as_it_takes(placed: Placed) -> None:
    scarce = placed(1024, more=-1)
    assert scarce.make_room(1024, 1024)
    assert (scarce.plan.decode, scarce.plan.text_encoder) == ("strips", "resident")
    assert not scarce.make_room(1024, 1024)
    tight = placed(256, more=-1)
    assert tight.make_room(256, 256)
    assert (tight.plan.text_encoder, tight.plan.resident_blocks) == ("streamed", 8)


def test_a_picture_that_cannot_fit_is_refused_with_one_that_does_and_the_plan_stays(placed: Placed) -> None:
    full = placed(1024)
    plan = full.plan
    with pytest.raises(EngineError, match=r"a 4096×4096 .* memory; 1024×1024 would \(float32") as caught:
        full.make_room(4096, 4096)
    assert caught.value.code == "out_of_memory"
    assert full.plan is plan
    with pytest.raises(EngineError, match="close what else is using it"):
        placed(256, more=-(2**40)).make_room(256, 256)


@pytest.mark.parametrize(("form", "tolerance"), [("bfloat16", 0.05), ("int8", 0.1), ("4bit", 0.6)])
def test_packed_weights_draw_nearly_the_same_picture(
    whole: tuple[torch.Tensor, Picture], form: str, tolerance: float
) -> None:
    running = pipeline(planned(weights=form, kind="cuda", resident_blocks=3, text_encoder="streamed"))
    layers = [m for m in running.components.transformer.modules() if isinstance(m, PackedLinear)]
    assert len(layers) == (8 + 2) * 7  # blocks, and refiners in bfloat16
    assert running.components.text_encoder.embed_tokens.weight.dtype == torch.bfloat16
    latents = drawn(running)[0]
    assert (latents - whole[0]).std() / whole[0].std() < tolerance


def test_tensors_are_loaded_to_where_the_plan_says() -> None:
    plan, card = planned(kind="cuda", resident_blocks=2, text_encoder="streamed"), torch.device("meta")
    assert placement.place_for(plan, card, "transformer", "layers.7.attention.to_q.weight") == card
    assert placement.place_for(plan, card, "transformer", "layers.1.attention.to_q.weight") == CPU
    assert placement.place_for(plan, card, "transformer", "x_pad_token") == card
    assert placement.place_for(plan, card, "text_encoder", "model.layers.0.mlp.up_proj.weight") == CPU
    assert placement.place_for(plan, card, "text_encoder", "embed_tokens.weight") == CPU


def test_a_tensor_of_another_shape_or_a_missing_one_is_named() -> None:
    module = loader.empty(lambda: nn.ModuleDict({"embed_tokens": nn.Embedding(3, 4)}))
    where, form = (lambda name: CPU), (lambda name, tensor: "plain")
    with pytest.raises(
        EngineError, match=r"embed_tokens.weight is \(1024, 224\), its config.json says \(3, 4\)"
    ):
        loader.fill(module, shards.read(WEIGHTS / "text_encoder"), torch.float32, CPU, where, form)
    other = loader.empty(lambda: nn.Linear(3, 4))
    with pytest.raises(
        EngineError, match="lacks 2 tensors: bias, weight, and has others such as embed_tokens"
    ):
        loader.fill(other, shards.read(WEIGHTS / "text_encoder"), torch.float32, CPU, where, form)


@pytest.mark.parametrize("resident", [8, 3])
def test_weights_that_are_multiplied_as_one_lie_side_by_side_from_the_start(resident: int) -> None:
    parts = load.read(
        ModelFiles(WEIGHTS), EngineSettings(), CPU, planned(kind="cuda", resident_blocks=resident)
    )
    before = {name: value.data_ptr() for name, value in parts.transformer.named_parameters()}
    ZImagePipeline(parts)
    assert {name: value.data_ptr() for name, value in parts.transformer.named_parameters()} == before
    for first, *others in side_by_side(parts.transformer):
        end = parts.transformer.get_parameter(first)
        for name in others:
            following = parts.transformer.get_parameter(name)
            assert following.data_ptr() == end.data_ptr() + end.nbytes
            end = following
