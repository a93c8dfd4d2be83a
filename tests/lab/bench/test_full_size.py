"""The full-size model on a simulated card: which devices meet, what waits, and how much each plan takes."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from engine.memory.plan import GIB, PlanRequest
from engine.memory.probe import Facts
from engine.memory.weights import PackedLinear
from engine.models.zimage.changes import Pair, Product
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.speed import Speed
from lab.bench import pipelines
from lab.bench.fullsize import laid_out, under
from tests.engine.simulated import CARD, simulated

FACTS = Facts("cuda", "a card", 139 * GIB, 140 * GIB, True, 100 * GIB, 128 * GIB, (9, 0))
FORWARDS = 2 + 2 + 1
BLOCKS = 30 + 2


@dataclass(frozen=True)
class Drawn:
    """What a picture did on a card: waits of its steps, compiled blocks, bytes expected and at the peak."""

    layout: dict[str, object]
    waits: list[int]
    compiled: int
    expected: int
    peak: int


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Calls of compiled functions, which are computed as they are."""
    seen: list[object] = []

    def counted(run: Callable[..., Tensor], **_: object) -> Callable[..., Tensor]:
        return lambda *given: seen.append(run) or run(*given)  # type: ignore[func-returns-value]

    monkeypatch.setattr(torch, "compile", counted)
    return seen


def change_all(transformer: nn.Module) -> None:
    """Have a LoRA file of rank 16 change every large matrix of the blocks."""
    for name, layer in transformer.named_modules():
        if name.startswith("layers.") and isinstance(layer, nn.Linear | PackedLinear) and "adaLN" not in name:
            up, down = torch.zeros(layer.out_features, 16), torch.zeros(16, layer.in_features)
            layer.register_forward_hook(Product([(Pair((up, down)), 1.0)]))


def drawn(calls: list[object], limit: int, side: int, weights: str, has_lora: bool = False) -> Drawn:
    """Draw three of eight steps, the first two guided, and decode, on a card of `limit` GiB."""
    with simulated() as card:
        request = PlanRequest(side, side, weights=weights)
        components, embedding = laid_out(under(FACTS, limit), request, CARD)
        pipeline = ZImagePipeline(components, guided_share=1 / 4, speed=Speed.of("cuda"))
        if has_lora:
            change_all(components.transformer)
        with torch.inference_mode():
            drawing = pipelines._drawing(pipeline, pipelines.square_task(side, 8, 1.8), embedding)
            calls.clear()
            card.peak, waits = card.used, list[int]()
            for _ in range(3):
                before = card.waits
                pipeline.step([drawing])
                waits.append(card.waits - before)
            pipeline.vae.decode(drawing.latents)
        layout = dict(components.layout(side, side))
        assert drawing.actions == []
        return Drawn(layout, waits, len(calls), int(layout["peak"]), card.peak)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("limit", "side", "weights", "resident", "decode"),
    [
        (24, 512, "auto", 30, "whole"),
        (24, 1024, "auto", 30, "whole"),
        (48, 2048, "auto", 30, "whole"),
        (12, 1024, "auto", 21, "strips"),
        (12, 1024, "int8", 30, "whole"),
        (8, 1024, "int8-fast", 18, "strips"),
        (12, 1024, "float8-fast", 30, "whole"),
        (6, 512, "auto", 6, "strips"),
    ],
)
def test_the_full_size_model_waits_once_a_step_runs_every_block_compiled_and_fits_its_plan(
    calls: list[object], limit: int, side: int, weights: str, resident: int, decode: str
) -> None:
    found = drawn(calls, limit, side, weights)
    assert (found.layout["blocks"], found.layout["decode"]) == (f"{resident} of 30 resident", decode)
    assert found.waits == [2, 1, 1]  # at the first step for the schedule, too
    assert found.compiled == FORWARDS * BLOCKS
    assert 0.8 * found.expected < found.peak <= found.expected


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("limit", "weights"), [(24, "auto"), (8, "int8-fast"), (12, "4bit")])
def test_with_a_lora_file_every_block_runs_compiled_in_every_form(
    calls: list[object], limit: int, weights: str
) -> None:
    found = drawn(calls, limit, 512, weights, has_lora=True)
    assert found.compiled == FORWARDS * BLOCKS
    assert found.peak <= found.expected
