"""Faults put into a pipeline on purpose, each for one picture: broken numbers and memory that runs out.

Knows where a fault can strike. Knows nothing of what becomes of the picture.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from engine.zimage.pipeline import ZImagePipeline

VALUES = (float("nan"), float("inf"), float("-inf"))
ALWAYS = 10_000

Fault = Callable[[ZImagePipeline, Random], AbstractContextManager[None]]


@contextmanager
def spoiled(module: nn.Module, rng: Random, first: int, calls: int) -> Iterator[None]:
    """Put a number that is none into a random place of `calls` outputs of `module`, from call `first` on."""
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
        yield
    finally:
        hook.remove()


@contextmanager
def failing(
    owner: Any, method: str, error: Callable[[], Exception], first: int, calls: int
) -> Iterator[None]:
    """Let `owner.method` raise in `calls` calls, from call `first` on."""
    real, seen = getattr(owner, method), list[None]()

    def call(*args: Any) -> Any:
        seen.append(None)
        if first < len(seen) <= first + calls:
            raise error()
        return real(*args)

    setattr(owner, method, call)
    try:
        yield
    finally:
        delattr(owner, method)


def in_a_block(calls: int) -> Fault:
    """Break a random block of the transformer at a random step, `calls` forwards long."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
        model = pipeline.components.transformer
        block = rng.choice([*model.noise_refiner, *model.layers])
        return spoiled(block, rng, rng.randrange(5), calls)

    return fault


def in_the_encoder(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
    """Break a layer of the text encoder once."""
    pipeline.text.forget()
    return spoiled(pipeline.components.text_encoder.layers[0], rng, 0, 1)


def in_the_vae(calls: int) -> Fault:
    """Break the pixels of `calls` decodings."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
        return spoiled(pipeline.components.vae.decoder, rng, 0, calls)

    return fault


def out_of_memory(stage: str, calls: int) -> Fault:
    """Run out of memory while encoding, stepping or decoding."""

    def fault(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
        part, method = {
            "encode": (pipeline.denoiser, "caption"),
            "step": (pipeline.denoiser, "predict"),
            "decode": (pipeline.vae, "decode"),
        }[stage]
        first = rng.randrange(4) if stage == "step" else 0
        return failing(part, method, lambda: torch.OutOfMemoryError("on request"), first, calls)

    return fault


def of_the_device(pipeline: ZImagePipeline, rng: Random) -> AbstractContextManager[None]:
    """Raise what a device raises that failed."""
    failure = torch.AcceleratorError if hasattr(torch, "AcceleratorError") else RuntimeError
    return failing(pipeline.denoiser, "predict", lambda: failure("on request"), rng.randrange(4), 1)


FAULTS: dict[str, Fault] = {
    "NaN or inf in a block, once": in_a_block(1),
    "NaN or inf in a block, again in float32": in_a_block(2),
    "NaN or inf in a block, from then on": in_a_block(ALWAYS),
    "NaN or inf in the text encoder": in_the_encoder,
    "NaN or inf in the VAE, once": in_the_vae(1),
    "NaN or inf in the VAE, always": in_the_vae(ALWAYS),
    "out of memory while encoding, once": out_of_memory("encode", 1),
    "out of memory while encoding, always": out_of_memory("encode", ALWAYS),
    "out of memory in a step, once": out_of_memory("step", 1),
    "out of memory in a step, from then on": out_of_memory("step", ALWAYS),
    "out of memory while decoding, once": out_of_memory("decode", 1),
    "out of memory while decoding, always": out_of_memory("decode", ALWAYS),
    "device failure in a step": of_the_device,
}
