"""A model of which only some blocks are on the device computes the very same numbers."""

import copy
from itertools import pairwise

import pytest
import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from torch import Tensor, nn

from engine.memory import streaming
from engine.memory.plan import Form, spread
from engine.memory.sizes import Z_IMAGE
from engine.memory.streaming import SLOTS, Streamer

CPU = torch.device("cpu")


class Block(nn.Module):
    """A block with parameters and a buffer, as a packed layer has."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.register_buffer("scale", torch.rand(8))

    def forward(self, values: Tensor) -> Tensor:
        return torch.tanh(self.linear(values)) * self.scale


def stack(count: int = 5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(Block() for _ in range(count))).requires_grad_(False)


@pytest.mark.parametrize("resident", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize("slots", [SLOTS, 3, 4])
def test_a_streamed_stack_is_bit_identical_to_the_resident_one(
    resident: int, inference: bool, slots: int
) -> None:
    whole, streamed = stack(), stack()
    Streamer(list(streamed), CPU, resident, slots)
    values = torch.randn(3, 8)
    with torch.inference_mode(inference):
        for _ in range(3):
            assert torch.equal(streamed(values), whole(values))


@pytest.mark.parametrize("slots", [SLOTS, 3])
def test_no_more_streamed_blocks_are_on_the_device_than_there_are_slots(slots: int) -> None:
    streamed = stack()
    streamer = Streamer(list(streamed), CPU, resident=1, slots=slots)
    streamed(torch.randn(3, 8))
    assert len(streamer._slots) == slots
    streamer.release()
    assert not streamer._slots


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        (SLOTS, [{1, 2}, {2, 3}, {3, 4}, {4, 1}] * 2),
        (3, [{1, 2, 3}, {2, 3, 4}, {3, 4, 1}, {4, 1, 2}] * 2),
    ],
)
def test_the_next_blocks_are_on_their_way_while_one_computes_and_each_is_copied_once_a_forward(
    slots: int, expected: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed = stack()
    streamer = Streamer(list(streamed), CPU, resident=1, slots=slots)
    places, copied, fill = list[set[int]](), list[int](), streaming._Slot.fill
    monkeypatch.setattr(
        streaming._Slot, "fill", lambda slot, place, *given: copied.append(place) or fill(slot, place, *given)
    )
    for place in streamer.streamed:
        streamed[place].register_forward_pre_hook(
            lambda *_: places.append({slot.place for slot in streamer._slots})
        )
    for _ in range(2):
        streamed(torch.randn(3, 8))
    assert places == expected
    assert copied == ([1, 2, 3, 4] * 3)[: 8 + slots - 1]


def test_at_rest_every_parameter_lies_in_main_memory_and_may_be_cast() -> None:
    whole, streamed = stack().bfloat16(), stack().bfloat16()
    Streamer(list(streamed), CPU, resident=2)
    values = torch.randn(3, 8)
    streamed(values.bfloat16())
    for model in (whole, streamed):
        for parameter in model.parameters():
            parameter.data = parameter.data.float()
    assert torch.equal(streamed(values), whole(values))


def test_a_block_that_fails_leaves_the_stack_usable() -> None:
    whole, streamed = stack(), stack()
    Streamer(list(streamed), CPU, resident=1)
    values = torch.randn(3, 8)
    with pytest.raises(RuntimeError, match="shapes"):
        streamed[2](torch.randn(3, 7))
    assert torch.equal(streamed(values), whole(values))


def test_skipping_a_block_and_changing_the_count_changes_no_result() -> None:
    whole, streamed = stack(), stack()
    streamer = Streamer(list(streamed), CPU, resident=3)
    values = torch.randn(3, 8)
    for resident, slots in ((0, 3), (2, SLOTS), (5, SLOTS), (1, 3)):
        streamer.keep(resident, slots)
        assert len(streamer.streamed) == 5 - resident
        assert torch.equal(streamed[:4](values), whole[:4](values))
        assert torch.equal(streamed(values), whole(values))


def test_each_streamed_block_lies_in_one_buffer_as_large_as_its_weights() -> None:
    streamed = nn.Sequential(*(nn.Linear(128, 96, bias=False) for _ in range(3))).requires_grad_(False)
    Streamer(list(streamed), CPU, resident=0)
    sizes = [layer.weight.untyped_storage().nbytes() for layer in streamed]
    assert sizes == [128 * 96 * 4] * 3


@pytest.mark.parametrize(("code", "locked", "remark"), [(0, True, ""), (1, False, "cannot be page-locked")])
def test_a_buffer_is_page_locked_where_it_is_or_streamed_from_as_it_is(
    code: int, locked: bool, remark: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[tuple[int, int]] = []

    class Runtime:
        def cudaHostRegister(self, pointer: int, size: int, flags: int) -> int:  # noqa: N802
            calls.append((pointer, size))
            return code

    monkeypatch.setattr(torch.cuda, "cudart", Runtime)
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: None)
    block = Block()
    weights = sum(tensor.nbytes for tensor in block.state_dict().values())
    buffer = streaming._gathered(block, lock=True)
    assert buffer.is_locked is locked
    assert calls == [(buffer.bytes.data_ptr(), buffer.bytes.nbytes)]
    assert buffer.bytes.nbytes - weights < 3 * streaming.ALIGNMENT
    assert remark in caplog.text


def test_what_lies_side_by_side_is_streamed_side_by_side() -> None:
    joined = torch.randn(16, 8)
    block = nn.ModuleDict({name: nn.Linear(8, 8, bias=False) for name in ("b", "other", "a")})
    block.requires_grad_(False)
    block["a"].weight.data, block["b"].weight.data = joined.chunk(2)
    Streamer([block], CPU, resident=0)
    first, second = block["a"].weight, block["b"].weight
    assert second.storage_offset() - first.storage_offset() == first.numel()


@pytest.mark.parametrize("resident", range(31))
def test_streamed_blocks_are_spread_and_those_of_a_looser_plan_stay_streamed(resident: int) -> None:
    streamed = spread(30, resident)
    assert len(streamed) == 30 - resident
    assert set(streamed) <= set(spread(30, resident - 1))
    if len(streamed) <= 11:
        assert all(2 <= later - earlier <= 13 for earlier, later in pairwise(streamed))


def test_a_block_of_the_real_size_takes_in_main_memory_what_the_plan_says() -> None:
    with torch.device("meta"):
        block = ZImageTransformerBlock(0, 3840, 30, 30, 1e-5, True).bfloat16()
    specs = streaming._specs(list(block.parameters()))
    planned = Form("bfloat16", "plain").block(Z_IMAGE.transformer)
    assert streaming._size(specs) == pytest.approx(planned, rel=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_a_card_streaming_keeps_only_its_share_there() -> None:
    device = torch.device("cuda")
    torch.manual_seed(0)
    whole = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(8))).requires_grad_(False)
    streamed = copy.deepcopy(whole)
    whole.to(device)
    values = torch.randn(16, 2048, device=device)
    expected = whole(values)
    whole.to("cpu")
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    Streamer(list(streamed), device, resident=2)
    for _ in range(3):
        assert torch.equal(streamed(values), expected)
    block = 2048 * 2049 * 4
    assert torch.cuda.memory_allocated() - before < (2 + SLOTS + 0.5) * block
