"""Faults put into a pipeline on purpose, each for one picture: broken numbers and memory that runs out."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from engine.guards import CUDA_NO_MEMORY, NO_MEMORY
from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.zimage.pipeline import ZImagePipeline

VALUES = (float("nan"), float("inf"), float("-inf"))
ALWAYS = 10_000

Fault = Callable[[Any, Random], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault and whether the picture it strikes starts from another one."""

    fault: Fault
    from_picture: bool = False


@contextmanager
def spoiled(module: nn.Module, rng: Random, first: int, calls: int) -> Iterator[list[None]]:
    """Put a number that is none into a random place of `calls` outputs of `module`, from call `first` on.

    Yields a list as long as the calls so far.
    """
    seen: list[None] = []

    def spoil(_: nn.Module, __: object, output: Any) -> Any:
        seen.append(None)
        if not first < len(seen) <= first + calls:
            return None
        broken: Tensor = output.clone()
        broken[tuple(rng.randrange(size) for size in broken.shape)] = rng.choice(VALUES)
        return broken

    hook = module.register_forward_hook(spoil)
    try:
        yield seen
    finally:
        hook.remove()


@contextmanager
def failing(
    owner: Any,
    method: str,
    error: Callable[[], Exception],
    first: int,
    calls: int,
    counts: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Let `owner.method` raise in `calls` calls, from call `first` on of those made while `counts()`."""
    real, seen = getattr(owner, method), list[None]()

    def call(*args: Any, **named: Any) -> Any:
        seen.extend([None] * counts())
        if counts() and first < len(seen) <= first + calls:
            raise error()
        return real(*args, **named)

    setattr(owner, method, call)
    try:
        yield
    finally:
        delattr(owner, method)


@contextmanager
def overgrown(decoder: nn.Module, convolution: nn.Conv2d, calls: int) -> Iterator[None]:
    """Grow a convolution's weights in the first `calls` runs of `decoder` until its results overflow.

    The weights stay finite in their precision. A group norm follows, so that in a wider precision, where the
    results have room, the decoder computes what it did.
    """
    parameters = list(convolution.parameters())
    plain = [parameter.data for parameter in parameters]
    factor = torch.finfo(plain[0].dtype).max / 2 / float(max(data.abs().max() for data in plain))
    seen: list[None] = []

    def grow(*_: object) -> None:
        seen.append(None)
        _set(parameters, [data * factor for data in plain] if len(seen) <= calls else plain)

    # Before the hooks that widen a module's parameters, which give back what they found.
    hook = decoder.register_forward_pre_hook(grow, prepend=True)
    try:
        yield
    finally:
        hook.remove()
        _set(parameters, plain)


def _set(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    with torch.inference_mode(False):
        for parameter, data in zip(parameters, values, strict=True):
            parameter.data = data


def no_memory(rng: Random) -> Exception:
    """Return what one of the devices raises when memory ran out."""
    late = torch.AcceleratorError("CUDA error: out of memory")
    late.error_code = CUDA_NO_MEMORY  # type: ignore[attr-defined]
    return rng.choice([torch.OutOfMemoryError("on request"), RuntimeError(rng.choice(NO_MEMORY)), late])


def in_a_block(calls: int) -> Fault:
    """Break a random block of the transformer at a random step, `calls` forwards long."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[object]:
        model = pipeline.components.transformer
        block = rng.choice([*model.noise_refiner, *model.layers])
        return spoiled(block, rng, rng.randrange(5), calls)

    return fault


def in_the_encoder(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[object]:
    """Break a layer of the text encoder once."""
    pipeline.text.forget()
    return spoiled(pipeline.components.text_encoder.layers[0], rng, 0, 1)


def in_the_vae(calls: int) -> Fault:
    """Break the pixels of `calls` decodings."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[object]:
        return spoiled(pipeline.components.vae.decoder, rng, 0, calls)

    return fault


def out_of_memory(stage: str, calls: int) -> Fault:
    """Run out of memory in the text encoder, while refining the caption, stepping or decoding."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
        pipeline.text.forget()
        part, method = {
            "text": (pipeline.components.text_encoder.layers[0], "forward"),
            "encode": (pipeline.denoiser, "caption"),
            "image": (pipeline.vae.model, "encode"),
            "step": (pipeline.denoiser, "predict"),
            "decode": (pipeline.vae, "decode"),
        }[stage]
        first = rng.randrange(4) if stage == "step" else 0
        return failing(part, method, lambda: no_memory(rng), first, calls)

    return fault


def in_the_redraw(calls: int) -> Fault:
    """Break both decodings, so that the picture is drawn again, and run out of memory in a step of that."""

    @contextmanager
    def fault(pipeline: ZImagePipeline, rng: Random) -> Iterator[None]:
        with (
            spoiled(pipeline.components.vae.decoder, rng, 0, 2) as decodings,
            failing(
                pipeline.denoiser,
                "predict",
                lambda: no_memory(rng),
                rng.randrange(4),
                calls,
                lambda: len(decodings) == 2,
            ),
        ):
            yield

    return fault


def overflow_in_the_vae(calls: int) -> Fault:
    """Overflow inside the VAE's decoder in `calls` decodings."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
        decoder = pipeline.components.vae.decoder
        resnets = [module for module in decoder.modules() if hasattr(module, "conv1")]
        return overgrown(decoder, rng.choice(resnets).conv1, calls)

    return fault


def of_the_device(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
    """Raise what a device raises that failed."""
    return failing(
        pipeline.denoiser, "predict", lambda: torch.AcceleratorError("on request"), rng.randrange(4), 1
    )


def in_a_generic_step(calls: int) -> Fault:
    """Break a generic pipeline's model at a random step, `calls` forwards long."""

    def fault(pipeline: GenericPipeline, rng: Random) -> AbstractContextManager[object]:
        return spoiled(rng.choice([*pipeline.pipe.transformer.layers]), rng, rng.randrange(4), calls)

    return fault


def generic_out_of_memory(stage: str, calls: int) -> Fault:
    """Run out of memory in a generic pipeline's step or decoding."""

    def fault(pipeline: GenericPipeline, rng: Random) -> AbstractContextManager[None]:
        part, method = {
            "step": (pipeline.pipe.transformer, "forward"),
            "decode": (pipeline.pipe.vae, "decode"),
        }[stage]
        first = rng.randrange(4) if stage == "step" else 0
        return failing(part, method, lambda: no_memory(rng), first, calls)

    return fault


FAULTS: dict[str, Strike] = {
    "NaN or inf in a block, once": Strike(in_a_block(1)),
    "NaN or inf in a block, again in float32": Strike(in_a_block(2)),
    "NaN or inf in a block, from then on": Strike(in_a_block(ALWAYS)),
    "NaN or inf in the text encoder": Strike(in_the_encoder),
    "NaN or inf in the VAE, once": Strike(in_the_vae(1)),
    "NaN or inf in the VAE, always": Strike(in_the_vae(ALWAYS)),
    "overflow inside the VAE, once": Strike(overflow_in_the_vae(1)),
    "overflow inside the VAE, always": Strike(overflow_in_the_vae(ALWAYS)),
    "out of memory in the text encoder, once": Strike(out_of_memory("text", 1)),
    "out of memory in the text encoder, always": Strike(out_of_memory("text", ALWAYS)),
    "out of memory while encoding, once": Strike(out_of_memory("encode", 1)),
    "out of memory while encoding, always": Strike(out_of_memory("encode", ALWAYS)),
    "out of memory in an upload's encoding, once": Strike(out_of_memory("image", 1), from_picture=True),
    "out of memory in an upload's encoding, always": Strike(
        out_of_memory("image", ALWAYS), from_picture=True
    ),
    "out of memory in a step, once": Strike(out_of_memory("step", 1)),
    "out of memory in a step, from then on": Strike(out_of_memory("step", ALWAYS)),
    "out of memory while decoding, once": Strike(out_of_memory("decode", 1)),
    "out of memory while decoding, always": Strike(out_of_memory("decode", ALWAYS)),
    "out of memory in the redraw, once": Strike(in_the_redraw(1)),
    "out of memory in the redraw, from then on": Strike(in_the_redraw(ALWAYS)),
    "device failure in a step": Strike(of_the_device),
}
GENERIC: dict[str, Strike] = {
    "generic: NaN or inf in a step, once": Strike(in_a_generic_step(1)),
    "generic: NaN or inf in a step, from then on": Strike(in_a_generic_step(ALWAYS)),
    "generic: out of memory in a step, once": Strike(generic_out_of_memory("step", 1)),
    "generic: out of memory in a step, from then on": Strike(generic_out_of_memory("step", ALWAYS)),
    "generic: out of memory while decoding, once": Strike(generic_out_of_memory("decode", 1)),
    "generic: out of memory while decoding, always": Strike(generic_out_of_memory("decode", ALWAYS)),
}
