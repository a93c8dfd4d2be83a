"""The same work for both sides: our pipeline and the stock `ZImagePipeline`, each with its own weights."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from engine.memory.sizes import Weights, form_in_block, is_linear
from engine.memory.weights import PackedLinear
from engine.models.zimage.components import Components
from engine.models.zimage.drawing import Drawing
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.sampler import advance
from engine.pictures import codec
from engine.sampling import flow
from engine.types import Generate, Picture, PromptReady, image_tokens
from lab.bench.clock import walled

PROMPT = "a red sailboat on the sea at sunset"
GRAPHS = 64
"""Graphs a compiled pipeline may have."""


def square_task(side: int, steps: int, guidance_scale: float) -> Generate:
    """One square picture, its prompt taken as it is."""
    return Generate(
        PROMPT,
        width=side,
        height=side,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=1,
        optimize=False,
        enhance=False,
    )


def stock_pipeline(components: Components) -> Any:
    """The stock pipeline around `components`, silent."""
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline

    pipeline = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler.from_config(components.scheduler),
        vae=components.vae,
        text_encoder=components.text_encoder,
        tokenizer=components.tokenizer,
        transformer=components.transformer,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def stock_compiled(components: Components, **options: Any) -> Any:
    """The stock pipeline with `compile_repeated_blocks(**options)`: modules of its own, the same weights."""
    # A module's compiled call would be used by every pipeline around it; its weights may be shared.
    transformer = deepcopy(components.transformer, {id(p): p for p in components.transformer.parameters()})
    # One graph for every size, length and kind of block that is timed.
    most = torch._dynamo.config.recompile_limit
    torch._dynamo.config.recompile_limit = max(most, GRAPHS)
    transformer.compile_repeated_blocks(**options)
    return stock_pipeline(replace(components, transformer=transformer))


def ours_whole(pipeline: ZImagePipeline, task: Generate) -> Callable[[], object]:
    """Prompt to PNG; nothing is remembered of the prompt."""

    def run() -> object:
        pipeline.text.forget()
        drawing = pipeline.start(task, PromptReady(task.prompt, task.prompt))
        while drawing.step < drawing.steps:
            pipeline.step([drawing])
        return pipeline.finish(drawing)()

    return run


def stock_whole(stock: Any, task: Generate) -> Callable[[], object]:
    """Prompt to PNG."""
    return lambda: codec.png(_stock(stock, task, output_type="pil", prompt=task.prompt).images[0])


def ours_latents(
    pipeline: ZImagePipeline, task: Generate, embedding: Tensor, batch: int = 1
) -> Callable[[], object]:
    """Embeddings to latents, `batch` pictures in one forward."""

    @torch.inference_mode()
    def run() -> object:
        drawings = [_drawing(pipeline, replace(task, seed=seed), embedding) for seed in range(batch)]
        for _ in range(task.steps):
            advance(pipeline.denoiser, drawings)
            for drawing in drawings:
                drawing.step += 1
        return drawings

    return run


def stock_latents(stock: Any, task: Generate, embedding: Tensor, batch: int = 1) -> Callable[[], object]:
    """Embeddings to latents, `batch` pictures in one forward."""
    embeds = {"prompt_embeds": [embedding], "negative_prompt_embeds": [embedding]}
    return lambda: _stock(stock, task, output_type="latent", num_images_per_prompt=batch, **embeds)


def ours_pixels(pipeline: ZImagePipeline, task: Generate, embedding: Tensor) -> Callable[[], object]:
    """An embedding to pixels, one picture."""
    denoise = ours_latents(pipeline, task, embedding)

    @torch.inference_mode()
    def run() -> object:
        (drawing,) = cast(list[Drawing], denoise())
        return pipeline.vae.decode(drawing.latents)

    return run


def ours_packed(components: Components, form: Weights) -> Components:
    """Return `components` with the main blocks' matrices kept as `form`; all other weights are shared."""
    shared = {id(p): p for p in components.transformer.parameters()}
    transformer = deepcopy(components.transformer, shared)
    for name, module in list(transformer.named_modules()):
        if type(module) is nn.Linear and is_linear(f"{name}.weight", tuple(module.weight.shape)):
            parent, _, child = name.rpartition(".")
            kept = form_in_block(form, name, len(transformer.layers))
            if kept != "plain":
                owner = transformer.get_submodule(parent)
                owner._modules[child] = PackedLinear(module.weight, module.bias, kept)
    return replace(components, transformer=transformer)


def ours_stages(pipeline: ZImagePipeline, task: Generate) -> dict[str, float]:
    """Seconds of each stage of one picture, from its report."""
    return dict(cast(Picture, ours_whole(pipeline, task)()).report["seconds"])


def stock_stages(stock: Any, task: Generate) -> dict[str, float]:
    """Seconds of the same stages of the stock pipeline."""
    embeds, encode = walled(lambda: _embeds(stock, task))
    latents, steps = walled(lambda: _stock(stock, task, output_type="latent", **embeds).images)
    image, decode = walled(torch.inference_mode()(lambda: _decoded(stock, latents)))
    _, png = walled(lambda: codec.png(image))
    return {"encode": encode, "steps": steps, "decode": decode, "png": png}


@torch.inference_mode()
def _embeds(stock: Any, task: Generate) -> dict[str, Any]:
    positive, _ = stock.encode_prompt(task.prompt, do_classifier_free_guidance=False)
    return {"prompt_embeds": positive, "negative_prompt_embeds": positive}


def _decoded(stock: Any, latents: Tensor) -> Any:
    config = stock.vae.config
    scaled = latents.to(stock.vae.dtype) / config.scaling_factor + config.shift_factor
    return stock.image_processor.postprocess(stock.vae.decode(scaled, return_dict=False)[0])[0]


def _stock(stock: Any, task: Generate, **more: Any) -> Any:
    return stock(
        width=task.width,
        height=task.height,
        num_inference_steps=task.steps,
        guidance_scale=task.guidance_scale - 1,
        generator=torch.Generator().manual_seed(task.seed),
        **more,
    )


def _drawing(pipeline: ZImagePipeline, task: Generate, embedding: Tensor) -> Drawing:
    sigmas = pipeline.schedule.sigmas(task.steps, image_tokens(task.width, task.height))
    guided = flow.guided_steps(task.steps, task.guidance_scale, pipeline.guided_share)
    latents = flow.noise(task.width, task.height, flow.generator(task.seed)).to(embedding.device)
    caption = pipeline.denoiser.caption(embedding)
    negative = pipeline.denoiser.caption(embedding) if guided else None
    ready = PromptReady(task.prompt, task.prompt)
    return Drawing(task, ready, latents, latents, sigmas, caption, negative, guided, broken=None)
