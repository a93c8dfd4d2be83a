"""The parts of a loaded model, passed from the loader to the pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.models.zimage.preview import PreviewMap
from engine.prompts import World, Writer
from engine.types import ModelProfile, PromptLanguage
from engine.upscale.plan import UpscalePlan


@dataclass(frozen=True)
class Components:
    """A loaded model; `scheduler` is that component's config, `world` what a limited model can draw.

    `writer` is the language model that writes prompts, None where rules do; `prompt_language` says when
    Chinese prompts stay Chinese, `translator` translates others that rules do not understand; `upscaling`
    says where and with what pictures are upscaled.

    `tighten` is called when memory runs out: it makes the model take less and says whether it could.
    `make_room` is called with a picture's width and height before it is begun, and may tighten, too; it says
    whether it did, and is then called again. `layout` reports how the model is laid out in memory for such a
    picture.
    """

    profile: ModelProfile
    device: torch.device
    dtype: torch.dtype
    tokenizer: Any
    text_encoder: Any
    transformer: Any
    vae: Any
    scheduler: dict[str, Any]
    preview: PreviewMap | None = None
    world: World | None = None
    writer: Writer | None = None
    prompt_language: PromptLanguage = "auto"
    translator: Callable[[str], str] | None = None
    upscaling: UpscalePlan = field(default_factory=UpscalePlan)
    tighten: Callable[[], bool] | None = None
    make_room: Callable[[int, int], bool] | None = None
    layout: Callable[[int, int], Mapping[str, Any]] = lambda width, height: {}
