"""How a picture was made, written into the file and read back.

Standard library and Pillow. Two PNG chunks: `parameters` in AUTOMATIC1111's form for other people's tools,
and `zimage-bot`, JSON, exact. Knows text and chunks; knows no model. Reading trusts nothing and never raises.
"""

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from engine.pictures import foreign
from engine.pictures.chunks import SIGNATURE, chunks, packed, texts
from engine.types import SEEDS, Variation

FOREIGN = b"parameters"
OWN = b"zimage-bot"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything needed to make a picture again; `prompt` is what the model was given, `original` the wish.

    `strength` is None for text-to-image. `upscaler` names the method that enlarged it to `width`×`height`.
    `loras` are names of LoRA files and their weights. `steps` are those made, of image-to-image those of the
    whole schedule; `fast` says the prompt chose them. `program` is whose form that was where it is another's,
    `foreign.UNKNOWN` where nobody here can read it; without a prompt, its words were not understood. What an
    older file does not tell keeps its default.
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
    upscaler: str = ""
    notes: tuple[str, ...] = ()
    loras: tuple[tuple[str, float], ...] = ()
    fast: bool = False
    program: str = ""

    @property
    def is_unreadable(self) -> bool:
        """Say whether somebody's parameters are there in a form that nobody here knows."""
        return self.program == foreign.UNKNOWN


def write(png: bytes, parameters: Parameters) -> bytes:
    """Return `png` with both chunks in place of any older ones; the pixels' bytes are copied as they are."""
    head, *rest = chunks(png)
    kept = [chunk for chunk in rest if not _is_ours(*chunk)]
    own = json.dumps(asdict(parameters)).encode("ascii")
    added = [(b"tEXt", OWN + b"\0" + own), _text_chunk(FOREIGN, to_text(parameters))]
    return SIGNATURE + b"".join(packed(kind, body) for kind, body in (head, *added, *kept))


def read(image: bytes) -> Parameters | None:
    """Return how a picture was made: our own JSON, else what another program wrote, else None."""
    found = texts(image)
    exact = _from_json(found.get(OWN.decode(), ""))
    if exact is not None:
        return exact
    told = foreign.read(found)
    return None if told is None else Parameters(**_sound(told))


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
    """Return the parameters only when every value has the type it should."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    told = {field.name: told[field.name] for field in fields(Parameters) if field.name in told}
    if isinstance(told.get("notes"), list):
        told["notes"] = tuple(told["notes"])
    if isinstance(told.get("loras"), list):
        told["loras"] = tuple(tuple(each) if isinstance(each, list) else each for each in told["loras"])
    try:
        told["variation"] = _variation(told.get("variation"))
    except (TypeError, RecursionError):
        return None
    parameters = Parameters(**_sound(told))
    return parameters if _is_sound(parameters) else None


def _sound(told: Any) -> Any:
    """Return what was told with lone surrogates replaced, which JSON can escape and nobody can send."""
    if isinstance(told, str):
        return told.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(told, tuple):
        return tuple(map(_sound, told))
    return {name: _sound(value) for name, value in told.items()} if isinstance(told, dict) else told


def _variation(told: Any) -> Variation | None:
    """Return the variation told as nested JSON objects; raises TypeError for anything else."""
    if told is None:
        return None
    if not isinstance(told, dict):
        raise TypeError
    return Variation(**{**told, "base": _variation(told.get("base"))})


def _is_sound(parameters: Parameters) -> bool:
    words = (
        parameters.prompt,
        parameters.negative_prompt,
        parameters.original,
        parameters.model,
        parameters.upscaler,
        parameters.program,
    )
    seeds, whole = [parameters.seed], [parameters.width, parameters.height, parameters.steps]
    numbers = [parameters.guidance_scale, 0.0 if parameters.strength is None else parameters.strength]
    for layer in parameters.variation.layers() if parameters.variation else ():
        seeds.append(layer.seed)
        numbers += [layer.prompt_noise, layer.latent_noise]
    return (
        all(isinstance(word, str) for word in words)
        and all(type(value) is int for value in (*whole, *seeds))
        and all(0 <= seed < SEEDS for seed in seeds)
        and all(type(value) in (int, float) for value in numbers)
        and isinstance(parameters.fast, bool)
        and isinstance(parameters.notes, tuple)
        and all(isinstance(note, str) for note in parameters.notes)
        and isinstance(parameters.loras, tuple)
        and all(map(_is_lora, parameters.loras))
    )


def _is_lora(told: Any) -> bool:
    return (
        isinstance(told, tuple)
        and len(told) == 2
        and isinstance(told[0], str)
        and type(told[1]) in (int, float)
    )


def _is_ours(kind: bytes, body: bytes) -> bool:
    return kind in (b"tEXt", b"iTXt", b"zTXt") and body.partition(b"\0")[0] in (OWN, FOREIGN)


def _text_chunk(keyword: bytes, text: str) -> tuple[bytes, bytes]:
    text = text.replace("\0", "")
    try:
        return b"tEXt", keyword + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", keyword + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:"\n]', value) else value
