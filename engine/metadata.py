"""How a picture was made, written into the file and read back.

Standard library and Pillow. Two PNG chunks: `parameters` in AUTOMATIC1111's form for other people's tools,
and `zimage-bot`, JSON, exact. Knows text and chunks; knows no model. Reading trusts nothing and never raises.
"""

import json
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from typing import Any

from PIL import Image

from engine.pixels import BROKEN_FILE
from engine.types import Variation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FOREIGN = b"parameters"
OWN = b"zimage-bot"
LONGEST_TEXT = 65_536
"""Bytes of one chunk that are looked at; more is nobody's prompt."""
LONGEST_SETTINGS = 4_096
USER_COMMENT = 0x9286
EXIF_BLOCK = 0x8769

_SETTING = re.compile(r'([A-Z][\w ./-]{0,40}): ("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)')
_LORA = r"<lora:([^:<>\n]+):(-?\d{1,20}(?:\.\d{1,20})?)>"
_LAST_LORAS = re.compile(rf"(?:{_LORA} ?)+\Z")
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything needed to make a picture again; `prompt` is what the model was given, `original` the wish.

    `strength` is None for text-to-image. `upscaler` names the method that enlarged it to `width`×`height`.
    `loras` are names of LoRA files and their weights. `steps` are those made, of image-to-image those of the
    whole schedule; `fast` says the prompt chose them. What an older file does not tell keeps its default.
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


def write(png: bytes, parameters: Parameters) -> bytes:
    """Return `png` with both chunks in place of any older ones; the pixels' bytes are copied as they are."""
    head, *rest = _chunks(png)
    kept = [chunk for chunk in rest if not _is_ours(*chunk)]
    own = json.dumps(asdict(parameters)).encode("ascii")
    added = [(b"tEXt", OWN + b"\0" + own), _text_chunk(FOREIGN, to_text(parameters))]
    return SIGNATURE + b"".join(_packed(kind, body) for kind, body in (head, *added, *kept))


def read(image: bytes) -> Parameters | None:
    """Return how a picture was made: our own JSON, else AUTOMATIC1111's text in PNG or EXIF, else None."""
    texts = _png_texts(image) if image.startswith(SIGNATURE) else {FOREIGN: _exif_text(image)}
    exact = _from_json(texts.get(OWN, ""))
    if exact is not None:
        return exact
    foreign = texts.get(FOREIGN, "")
    return from_text(foreign) if foreign else None


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
    body, _, last = text.strip().rpartition("\n")
    settings = dict(_SETTING.findall(last)) if len(last) <= LONGEST_SETTINGS else {}
    if "Steps" not in settings:
        body, settings = text.strip(), {}
    prompt, _, negative = f"\n{body}".partition("\nNegative prompt:")
    size = _SIZE.fullmatch(settings.get("Size", ""))
    seed = _number(settings.get("Variation seed"))
    prompt = prompt.strip()
    tags = _LAST_LORAS.search(prompt)
    return Parameters(
        prompt=prompt[: tags.start()].strip() if tags else prompt,
        loras=tuple((name, float(weight)) for name, weight in re.findall(_LORA, tags[0] if tags else "")),
        negative_prompt=negative.strip(),
        width=int(size[1]) if size else 0,
        height=int(size[2]) if size else 0,
        steps=int(_number(settings.get("Steps")) or 0),
        guidance_scale=_number(settings.get("CFG scale")) or 1.0,
        seed=_whole(settings.get("Seed")) or 0,
        model=_unquoted(settings.get("Model", "")),
        variation=None
        if seed is None
        else Variation(
            _whole(settings.get("Variation seed")) or 0,
            _number(settings.get("Prompt noise")) or 0.0,
            _number(settings.get("Variation seed strength")) or 0.0,
        ),
        strength=_number(settings.get("Denoising strength")),
        upscaler=_unquoted(settings.get("Upscaler", "")),
    )


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
    parameters = Parameters(**told)
    return parameters if _is_sound(parameters) else None


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
    )
    whole = [parameters.width, parameters.height, parameters.steps, parameters.seed]
    numbers = [parameters.guidance_scale, 0.0 if parameters.strength is None else parameters.strength]
    for layer in parameters.variation.layers() if parameters.variation else ():
        whole.append(layer.seed)
        numbers += [layer.prompt_noise, layer.latent_noise]
    return (
        all(isinstance(word, str) for word in words)
        and all(type(value) is int for value in whole)
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


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, body) of every whole chunk; checksums are not looked at."""
    position = len(SIGNATURE)
    while position + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, position)
        end = position + 12 + length
        if end > len(png):
            return
        yield png[position + 4 : position + 8], png[position + 8 : end - 4]
        position = end


def _packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _is_ours(kind: bytes, body: bytes) -> bool:
    return kind in (b"tEXt", b"iTXt", b"zTXt") and body.partition(b"\0")[0] in (OWN, FOREIGN)


def _text_chunk(keyword: bytes, text: str) -> tuple[bytes, bytes]:
    text = text.replace("\0", "")
    try:
        return b"tEXt", keyword + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", keyword + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _png_texts(png: bytes) -> dict[bytes, str]:
    texts: dict[bytes, str] = {}
    for kind, body in _chunks(png):
        if _is_ours(kind, body):
            keyword, _, content = body.partition(b"\0")
            texts.setdefault(keyword, _text(kind, content))
    return texts


def _text(kind: bytes, content: bytes) -> str:
    if kind == b"tEXt":
        return content[:LONGEST_TEXT].decode("latin-1")
    if kind == b"zTXt":
        return _inflated(content[1:]).decode("latin-1")
    packed, content = content[:1] == b"\1", content[2:]
    content = content.partition(b"\0")[2].partition(b"\0")[2]
    return (_inflated(content) if packed else content[:LONGEST_TEXT]).decode("utf-8", "replace")


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, LONGEST_TEXT)
    except zlib.error:
        return b""


def _exif_text(image: bytes) -> str:
    """Return the user comment of a JPEG or WebP, where AUTOMATIC1111 keeps its text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif = Image.open(BytesIO(image), formats=("JPEG", "WEBP")).getexif()
            comment = exif.get_ifd(EXIF_BLOCK).get(USER_COMMENT, b"")
    except (*BROKEN_FILE, Image.DecompressionBombError):
        return ""
    if not isinstance(comment, bytes):
        return ""
    code, content = comment[:8], comment[8 : 8 + LONGEST_TEXT]
    return content.decode("utf-16-be" if code.startswith(b"UNICODE") else "utf-8", "replace")


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:"\n]', value) else value


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def _number(value: str | None) -> float | None:
    return float(value) if value and re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", value) else None


def _whole(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"-?\d{1,20}", value) else None
