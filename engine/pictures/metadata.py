"""A picture's parameters, written into the file and read back.

Two PNG chunks: `parameters` in AUTOMATIC1111's form for other people's tools, and `zimage-bot`, JSON, exact.
Reading trusts nothing and never raises.
"""

import json
import re
from dataclasses import asdict, dataclass
from io import SEEK_END, BytesIO
from typing import Any

import msgspec
from PIL.PngImagePlugin import PngInfo, putchunk

from engine.pictures import foreign
from engine.pictures.chunks import SIGNATURE, chunks, read_texts
from engine.types import SEEDS, Mask, Variation

FOREIGN = "parameters"
OWN = "zimage-bot"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything needed to draw a picture again; `prompt` is the model's, `original` the user's.

    `strength` is None for text-to-image, `mask` says what of a picture was drawn anew; with `edit` the
    prompt is an instruction. `upscaler` names the
    method that upscaled it to `width`×`height`.
    `loras` are names of LoRA files and their weights. `steps` were taken, with image-to-image those of the
    whole schedule; with `fast` the prompt's complexity chose them. `program` names another program that wrote
    the parameters, `foreign.UNKNOWN` one that cannot be read; without a prompt, it was
    not understood. What an older file lacks keeps its default.
    """

    prompt: str = ""
    negative_prompt: str = ""
    original: str = ""
    width: int = 0
    height: int = 0
    steps: int = 0
    guidance_scale: float = 1.0
    seed: int = 0
    model: str = ""
    variation: Variation | None = None
    strength: float | None = None
    mask: Mask = ""
    edit: bool = False
    upscaler: str = ""
    notes: tuple[str, ...] = ()
    loras: tuple[tuple[str, float], ...] = ()
    fast: bool = False
    program: str = ""

    @property
    def is_unreadable(self) -> bool:
        """Whether there are parameters of an unknown program."""
        return self.program == foreign.UNKNOWN


def write(png: bytes, parameters: Parameters) -> bytes:
    """Return `png` with both chunks in place of any older ones; the pixels' bytes are copied as they are."""
    texts = PngInfo()
    texts.add_text(OWN, json.dumps(asdict(parameters)))
    texts.add_text(FOREIGN, _readable(to_text(parameters).replace("\0", "")))
    head, *rest = chunks(png)
    kept = [chunk for chunk in rest if not _is_ours(*chunk)]
    file = BytesIO(SIGNATURE)
    file.seek(0, SEEK_END)
    for kind, body in (head, *(chunk[:2] for chunk in texts.chunks), *kept):
        putchunk(file, kind, body)
    return file.getvalue()


def read(image: bytes) -> Parameters | None:
    """Return a picture's parameters: our own JSON's, else another program's, else None."""
    found = read_texts(image)
    exact = _from_json(found.get(OWN, ""))
    if exact is not None:
        return exact
    values = foreign.read(found)
    return None if values is None else Parameters(**_readable(values))


def to_text(parameters: Parameters) -> str:
    """Return AUTOMATIC1111's form: prompt with LoRA tags, negative prompt, one line of settings."""
    settings: dict[str, Any] = {
        "Steps": parameters.steps,
        "Sampler": "Euler",
        "CFG scale": parameters.guidance_scale,
        "Seed": parameters.seed,
        "Size": f"{parameters.width}x{parameters.height}",
        "Model": parameters.model,
    }
    if parameters.variation is not None:
        settings["Variation seed"] = parameters.variation.seed
        settings["Variation seed strength"] = parameters.variation.latent_noise
        settings["Prompt noise"] = parameters.variation.prompt_noise
    if parameters.strength is not None:
        settings["Denoising strength"] = parameters.strength
    if parameters.mask:
        settings["Mask"] = parameters.mask
    if parameters.upscaler:
        settings["Upscaler"] = parameters.upscaler
    tags = (f"<lora:{name}:{weight}>" for name, weight in parameters.loras)
    lines = [" ".join((parameters.prompt, *tags))]
    if parameters.negative_prompt:
        lines.append(f"Negative prompt: {parameters.negative_prompt}")
    lines.append(", ".join(f"{name}: {_quoted(str(value))}" for name, value in settings.items()))
    return "\n".join(lines)


def from_text(text: str) -> Parameters:
    """Parse AUTOMATIC1111's form; what is missing or makes no sense keeps its default."""
    return Parameters(**foreign.automatic(text))


def _from_json(text: str) -> Parameters | None:
    """Return the parameters only where every value has its field's type, and seeds have 64 bits."""
    try:
        parameters = msgspec.convert(_readable(json.loads(text)), Parameters)
    except (ValueError, RecursionError):
        return None
    layers = parameters.variation.layers() if parameters.variation else ()
    is_sound = all(0 <= seed < SEEDS for seed in (parameters.seed, *(layer.seed for layer in layers)))
    return parameters if is_sound else None


def _readable(value: Any) -> Any:
    """Return a value with lone surrogates replaced, which JSON can escape and nobody can send."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list | tuple):
        return type(value)(map(_readable, value))
    return {name: _readable(each) for name, each in value.items()} if isinstance(value, dict) else value


def _is_ours(kind: bytes, body: bytes) -> bool:
    return kind in (b"tEXt", b"iTXt", b"zTXt") and body.partition(b"\0")[0].decode("latin-1") in (
        OWN,
        FOREIGN,
    )


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:"\n]', value) else value
