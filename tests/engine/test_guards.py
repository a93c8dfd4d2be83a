from collections.abc import Iterator

import pytest
import torch
from torch import nn

from engine import guards
from engine.types import EngineError


def test_a_finite_embedding_passes_and_one_nan_is_named() -> None:
    caption = torch.randn(7, 4)
    assert guards.embedding(caption) is None
    caption[3, 2] = float("nan")
    assert guards.embedding(caption) == "caption embedding is not finite"


def test_the_first_broken_place_of_each_picture_is_named() -> None:
    sums = torch.randn(4, 3)
    sums[2:, 1] = float("inf")
    sums[0, 2] = float("nan")
    assert guards.first_broken(sums) == [None, 2, 0]


def test_latents_in_range_are_not_touched() -> None:
    latents = torch.randn(16, 4, 4).clamp(-3, 3) * 3
    settled, action = guards.clamp_latents(latents)
    assert settled is latents
    assert action is None


def test_one_outlier_is_clamped_and_the_rest_left() -> None:
    latents = torch.randn(16, 4, 4)
    latents[3, 1, 2] = 80.0
    settled, action = guards.clamp_latents(latents)
    assert action == "final latents reached 80; clamped to 10"
    assert float(settled[3, 1, 2]) == 10
    latents[3, 1, 2] = 10
    assert torch.equal(settled, latents)


def test_latents_out_of_range_everywhere_come_back_to_unit_spread() -> None:
    settled, action = guards.clamp_latents(torch.randn(16, 8, 8) * 30)
    assert action is not None
    assert float(settled.std()) == pytest.approx(1, abs=0.01)


def test_black_flat_and_nan_pictures_fail_and_a_faint_one_passes() -> None:
    assert guards.pixels(torch.full((3, 16, 16), -1.0)) is not None
    assert guards.pixels(torch.full((3, 16, 16), -9.0)) is not None
    assert guards.pixels(torch.full((3, 16, 16), float("nan"))) is not None
    assert guards.pixels(torch.full((3, 16, 16), 0.2)) is not None
    assert guards.pixels(torch.linspace(0, 0.1, 256).expand(3, 256).view(3, 16, 16)) is None


def test_a_black_picture_with_one_bright_pixel_is_black_and_a_night_is_not() -> None:
    picture = torch.full((3, 64, 64), -1.0)
    picture[:, 5, 5] = 1.0
    assert guards.pixels(picture) == "100.0% of the pixels are black"
    picture[:, :8] = -0.5
    assert guards.pixels(picture) is None


class Pair(nn.Module):
    """Two parts, the second in a list, which notes the precision of both while it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerNorm(4)
        self.rest = nn.ModuleList([nn.Sequential(Watcher(self), nn.Linear(4, 4))])
        self.bfloat16()
        self.seen: list[tuple[torch.dtype, torch.dtype]] = []

    def dtypes(self) -> tuple[torch.dtype, torch.dtype]:
        return self.first.weight.dtype, self.rest[0][1].weight.dtype

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.rest[0](self.first(values))


class Watcher(nn.Module):
    def __init__(self, owner: Pair) -> None:
        super().__init__()
        self.owner = [owner]

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.owner[0].seen.append(self.owner[0].dtypes())
        return values


def test_one_part_at_a_time_is_wide_and_all_are_as_before_afterwards() -> None:
    module = Pair().eval()
    before = [parameter.data_ptr() for parameter in module.parameters()]
    with guards.in_float32(module):
        assert module(torch.randn(2, 4)).dtype == torch.float32
    assert module.seen == [(torch.bfloat16, torch.float32)]
    assert [parameter.data_ptr() for parameter in module.parameters()] == before
    assert module(torch.randn(2, 4).bfloat16()).dtype == torch.bfloat16


def test_a_part_that_fails_is_narrow_again() -> None:
    module = Pair().eval()
    with guards.in_float32(module), pytest.raises(RuntimeError):
        module.rest[0](torch.randn(2, 3))
    assert module.dtypes() == (torch.bfloat16, torch.bfloat16)


def scarce(free: list[str], needed: int) -> str:
    if len(free) < needed:
        raise torch.OutOfMemoryError
    return "done"


def helping(free: list[str], *deeds: str) -> Iterator[bool]:
    """Each deed frees something, except those that say `nothing`."""
    for deed in deeds:
        if deed != "nothing":
            free.append(deed)
        yield deed != "nothing"


def test_memory_is_freed_deed_by_deed_until_it_is_enough() -> None:
    free: list[str] = []
    fallbacks = helping(free, "nothing", "tiles", "nothing", "streaming", "not needed")
    assert guards.retry_on_oom(lambda: scarce(free, 2), fallbacks, "no") == "done"
    assert free == ["tiles", "streaming"]


def test_apples_allocator_gives_its_idle_memory_back_before_another_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: free.append("idle"))
    assert guards.retry_on_oom(lambda: scarce(free, 1), iter([True]), "no") == "done"


def test_when_nothing_helps_the_refusal_is_said() -> None:
    free: list[str] = []
    with pytest.raises(EngineError, match="ask for less") as caught:
        guards.retry_on_oom(lambda: scarce(free, 9), helping(free, "tiles", "nothing"), "ask for less")
    assert caught.value.code == "out_of_memory"


def accelerator(code: int) -> torch.AcceleratorError:
    error = torch.AcceleratorError("CUDA error")
    error.error_code = code
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError(), True),
        (MemoryError(), True),
        (accelerator(2), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 7.64 GiB)"), True),
        (RuntimeError("Invalid buffer size: 24.00 GiB"), True),
        (RuntimeError("Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"), True),
        (RuntimeError("Triton Error [CUDA]: out of memory"), True),
        (RuntimeError("Triton Error [HIP]:  Code: 2, Messsage: out of memory"), True),
        (RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"), False),
        (RuntimeError("CUDA driver error: out of memory"), True),
        (RuntimeError("HIP error: out of memory"), True),
        (RuntimeError("hipErrorOutOfMemory"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`"), True),
        (RuntimeError("rocblas_status_memory_error"), True),
        (RuntimeError("miopenStatusAllocFailed"), True),
        (RuntimeError("std::bad_alloc"), True),
        (torch._dynamo.exc.TorchDynamoException("InductorError: CUDA out of memory. Tried to"), True),
        (RuntimeError("out of resource: shared memory, Required: 131072, Hardware limit: 101376"), False),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"), True),
        (accelerator(710), False),
        (torch.AcceleratorError("on request"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("MPS backend out of memory"), False),
    ],
    ids=str,
)
def test_memory_that_ran_out_is_told_from_other_errors_on_every_device(
    error: Exception, expected: bool
) -> None:
    assert guards.out_of_memory(error) is expected


def test_an_allocation_that_fails_on_the_cpu_goes_down_the_reliefs() -> None:
    sizes = [2**50, 2**4]
    made = guards.retry_on_oom(lambda: torch.empty(sizes.pop(0)), iter([True]), "no")
    assert made.shape == (16,)


def test_an_error_that_is_not_about_memory_asks_for_no_relief() -> None:
    synchronized: list[bool] = []

    def relief() -> Iterator[bool]:
        synchronized.append(True)
        yield True

    with pytest.raises(RuntimeError, match="same dtype"):
        guards.retry_on_oom(lambda: torch.ones(2, 2) @ torch.ones(2, 2).double(), relief(), "no")
    assert synchronized == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (accelerator(710), True),
        (accelerator(2), False),
        (torch.OutOfMemoryError(), False),
        (ValueError(), False),
    ],
    ids=str,
)
def test_a_device_failed_when_its_error_is_not_about_memory(error: Exception, expected: bool) -> None:
    assert guards.device_failed(error) is expected


@pytest.mark.parametrize("failed", [True, False])
def test_after_a_plain_error_a_cuda_device_is_asked_whether_it_still_works(
    failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def synchronize() -> None:
        if failed:
            raise accelerator(700)

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    assert guards.device_failed(RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")) is failed
