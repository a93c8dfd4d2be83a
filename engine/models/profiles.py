"""What users and the bot need to know of a model before it is loaded: name, sizes, defaults, good prompts."""

import json
import math
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine import embedded
from engine.embedded.vocabulary import world_in
from engine.files import hub, shards
from engine.files.published import form_of
from engine.types import GRID, MOST_GUIDANCE, MOST_STEPS, EngineError, ModelProfile

EMBEDDED = embedded.NAME
EMBEDDED_WEIGHTS = embedded.WEIGHTS
FILE = "profile.json"
Z_IMAGE = "Tongyi-MAI/Z-Image-Turbo"

_SUGGESTIONS = (
    "a lighthouse on a cliff in a storm, oil painting, dramatic clouds, warm light in the lantern room",
    "portrait of an old fisherman mending a net, window light, shallow depth of field, film photograph",
    'a bakery shop window with a hand-painted sign that reads "FRESH BREAD", morning sun, watercolour',
    "a fox asleep in autumn leaves, soft rim light, close-up wildlife photograph",
    "雨夜的上海小巷，霓虹灯招牌写着“茶馆”，石板路上有倒影，电影感",
    "isometric cutaway of a cosy treehouse library, paper-craft style, pastel colours",
    "a glass teapot with blooming tea on a dark wooden table, steam, side light, product photograph",
    "an astronaut tending tomato plants in a greenhouse on Mars, late afternoon light, wide shot",
)
_DEFAULTS: dict[str, Any] = {"base_size": 1024, "max_size": 2048, "suggestions": _SUGGESTIONS, "world": ""}
READ_CHINESE = ("Qwen", "ChatGLM", "Bert", "HunYuan", "MT5")
"""What the class names of text encoders that were trained on Chinese begin with."""


_UNDISTILLED: dict[str, Any] = {"guided_share": 1.0}
"""A model that was not distilled needs its guidance at every step."""
EDITORS = {
    "Flux2KleinPipeline": "Flux2KleinPipeline",
    "LongCatImageEditPipeline": "LongCatImagePipeline",
    "QwenImageEditPipeline": "QwenImagePipeline",
    "QwenImageEditPlusPipeline": "QwenImagePipeline",
}
"""The pipelines that change a picture as words say, and what draws from words alone with their parts."""
_SPARING: dict[str, Any] = {"spares_guidance": True, "guided_share": 0.125}
"""One that has its guidance distilled in follows a prompt as well without it, and refuses as well by one step
of eight as by two (docs/embedded-model.md)."""
FEW_STEPS = 12
"""What distilled models are made for, at most."""
_UNGUIDED: dict[str, Any] = {"steps": 4, "guidance_scale": 1.0}
_SMALL: dict[str, Any] = {"base_size": 512, "max_size": 1024, **_UNGUIDED}
_HUB: dict[str, dict[str, Any]] = {
    "stabilityai/sd-turbo": _SMALL,
    "stabilityai/sdxl-turbo": _SMALL,
    "simianluo/lcm_dreamshaper_v7": {
        "base_size": 768, "max_size": 1024, "steps": 4, "guidance_scale": MOST_GUIDANCE,
    },
    "black-forest-labs/flux.1-schnell": {**_UNGUIDED, "licence": "Apache 2.0"},
    "black-forest-labs/flux.2-klein-4b": {**_UNGUIDED, "licence": "Apache 2.0", "edits": True},
    "tongyi-mai/z-image-turbo": {
        "licence": "Apache 2.0", "inpaints": True, "source": "this bot's own choice", **_SPARING,
    },
    "tongyi-mai/z-image": {
        **_UNDISTILLED, "steps": 28, "guidance_scale": 4.0, "inpaints": True, "licence": "Apache 2.0",
    },
    "meituan-longcat/longcat-image-edit-turbo": {
        "guidance_scale": 1.0, "licence": "Apache 2.0", "edits": True,
    },
    "qwen/qwen-image-edit": {
        **_UNDISTILLED, "steps": 50, "guidance_scale": 4.0, "licence": "Apache 2.0", "edits": True,
    },
    "qwen/qwen-image-2.1-turbo": {
        "guidance_scale": 1.0, "licence": "Qwen's research licence: no commercial use",
    },
    "krea/krea-2-turbo": {
        "guidance_scale": 1.0, "licence": "Krea 2 Community License: companies of more than 50 people pay",
    },
    "stabilityai/stable-diffusion-3.5-large-turbo": {
        **_UNGUIDED, "licence": "Stability Community License: free below a million dollars a year",
    },
}  # fmt: skip
"""Models by what their cards say of sizes, steps, guidance and licence, where it differs from Z-Image-Turbo.

The LCM's card has guidance at 8, which it takes as an input and not at the cost of a second forward.
"""
_KNOWN = "what its card says"
_TRAINED = "what it was trained for"
CARD = "README.md"


def profile(model: str, size: int = 0, base: str = "") -> ModelProfile:
    """Describe `embedded`, the preset, a directory, a hub id, or a single file by its other parts' `base`.

    `size` replaces the native side, 0 leaves it.

    A directory may carry a `profile.json` with any of name, base_size, max_size, suggestions, world, steps,
    guidance_scale, negatives and reads; what it leaves out is as for Z-Image. Raises
    `EngineError("bad_input")` when that file is wrong.
    """
    if (form := form_of(model)) is not None:
        described = _described(Z_IMAGE)
        described = replace(described, name=f"{described.name} {form}".strip())
    elif file := hub.single_name(model):
        described = replace(_described(base or Z_IMAGE), name=file)
    else:
        described = _described(model)
    side = min(size, described.max_size) // GRID * GRID
    return replace(described, base_size=side) if size else described


def _described(model: str) -> ModelProfile:
    if model == EMBEDDED:
        return _embedded()
    folder = hub.folder(model)
    if folder is None:
        known = dict(_HUB.get(model.casefold(), {}))
        known = ({"source": _KNOWN} if known else {}) | known | _languages(located := locate(model))
        known |= _abilities(located) if located else {}
        return ModelProfile(**(_DEFAULTS | {"name": model.rpartition("/")[2]} | known))
    values = _limited(folder) | _read_profile(folder / FILE)
    try:
        limits = {
            "max_size": min(_DEFAULTS["max_size"], _longest_side(folder / "transformer" / "config.json"))
        }
        limits |= _trained_size(folder) | _languages(folder) | _abilities(folder)
    except (TypeError, ValueError, LookupError) as error:
        raise shards.missing(f"{folder} has a config.json that makes no sense ({error})") from error
    card = _by_card(folder)
    own: dict[str, Any] = {"source": FILE} if {"steps", "guidance_scale"} & values.keys() else {}
    if not card and "guidance_scale" not in values:
        own |= _SPARING if _class_name(folder).startswith("ZImage") else {}
    return ModelProfile(**({"name": folder.resolve().name} | _DEFAULTS | limits | card | own | values))


def locate(model: str, base: str = "") -> Path | None:
    """Return where the files of a model, or of a single file's `base`, are on this machine, or None.

    Uses no network.
    """
    if hub.single_name(model):
        return locate(base) if base else None
    if model == EMBEDDED:
        return EMBEDDED_WEIGHTS
    with suppress(EngineError):
        return hub.folder(model) or hub.cached(model, hub.INDEX)
    return None


def _embedded() -> ModelProfile:
    return ModelProfile(**{"name": EMBEDDED, **_limited(EMBEDDED_WEIGHTS), **_SPARING, "source": _TRAINED})


def _limited(folder: Path) -> dict[str, Any]:
    """Return the sizes and the introduction of a model with a vocabulary; nothing of any other."""
    world = world_in(folder)
    if world is None:
        return {}
    return {
        "base_size": 512, "max_size": 1024, "composes": 256, "inpaints": True,
        "world": world.introduction["en"], "worlds": dict(world.introduction),
        "suggestions": tuple(world.prompts), "suggestions_in": {"zh": tuple(world.prompts.values())},
    }  # fmt: skip


_KINDS: dict[str, tuple[type, ...]] = {
    "name": (str,), "base_size": (int,), "max_size": (int,), "suggestions": (list,), "world": (str,),
    "steps": (int,), "guidance_scale": (int, float), "negatives": (list,), "reads": (list,),
}  # fmt: skip
_RANGES = {"steps": (1, MOST_STEPS), "guidance_scale": (1.0, MOST_GUIDANCE)}


def _read_profile(file: Path) -> dict[str, Any]:
    """Read a `profile.json`; a missing one is empty."""
    if not file.exists():
        return {}
    try:
        values = json.loads(file.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise EngineError("bad_input", f"{file} is not JSON: {error}") from error
    for key, value in values.items() if isinstance(values, dict) else [("the file", values)]:
        low, high = _RANGES.get(key, (0, math.inf))
        if type(value) not in _KINDS.get(key, ()) or (key in _RANGES and not low <= value <= high):
            allowed = f"{low} to {high}" if key in _RANGES else f"known are {', '.join(_KINDS)}"
            raise EngineError("bad_input", f"{file}: {key} is wrong; {allowed}")
    for key in {"suggestions", "negatives", "reads"} & values.keys():
        values[key] = tuple(map(str, values[key]))
    return dict(values)


def _by_card(folder: Path) -> dict[str, Any]:
    """Return steps and guidance of the example in a model's card, nothing where there is none.

    Z-Image-Turbo's own card is passed over: this bot's defaults for it are chosen.
    """
    file = folder / CARD
    text = file.read_text("utf-8", errors="replace") if file.exists() else ""
    steps = re.search(r"num_inference_steps\s*[=:]\s*(\d+)", text)
    guidance = re.search(r"(?:guidance|true_cfg)_scale\s*[=:]\s*(\d+(?:\.\d+)?)", text)
    if steps is None or guidance is None:
        return {}
    count, scale = int(steps[1]), min(max(float(guidance[1]), 1.0), MOST_GUIDANCE)
    kind = _class_name(folder)
    if count <= FEW_STEPS and (not kind or kind.startswith("ZImage")):
        return {}
    return {
        "steps": min(max(count, 1), MOST_STEPS), "guidance_scale": scale,
        "source": f"the example in its {CARD}",
        **({} if count <= FEW_STEPS else _UNDISTILLED),
    }  # fmt: skip


def _class_name(folder: Path) -> str:
    """Return the pipeline that a model is made for, "" where its index does not say."""
    index = folder / hub.INDEX
    return str(shards.json_object(index).get("_class_name", "")) if index.exists() else ""


def _trained_size(folder: Path) -> dict[str, int]:
    """Return the sizes of a UNet model: it was trained at one and comes apart far beyond it."""
    unet, vae = folder / "unet" / "config.json", folder / "vae" / "config.json"
    if not (unet.exists() and vae.exists()):
        return {}
    factor = 2 ** (len(shards.json_object(vae).get("block_out_channels", [0] * 4)) - 1)
    side = int(shards.json_object(unet).get("sample_size") or 64) * factor
    return {"base_size": side, "max_size": 2 * side}


def _languages(folder: Path | None) -> dict[str, Any]:
    """Return what the text encoders of a model read; nothing where its index does not name them."""
    index = folder / hub.INDEX if folder else None
    parts = shards.json_object(index) if index and index.exists() else {}
    encoders = [str(kind[1]) for name, kind in parts.items() if name.startswith("text_encoder") and kind[1]]
    return {"reads": ("en", "zh")} if any(name.startswith(READ_CHINESE) for name in encoders) else {}


def _abilities(folder: Path) -> dict[str, bool]:
    """Return what a model does with pictures, by its pipeline; what names none is Z-Image."""
    index = folder / hub.INDEX
    kind = str(shards.json_object(index).get("_class_name", "")) if index.exists() else ""
    return {"inpaints": not kind or kind.startswith("ZImage"), "edits": kind in EDITORS}


def _longest_side(config: Path) -> int:
    """Return the longest side the transformer has positions for: a token is 16 pixels."""
    if not config.exists():
        return int(_DEFAULTS["max_size"])
    lengths = shards.json_object(config).get("axes_lens", [1024, 512, 512])
    return 16 * int(min(lengths[1:]))
