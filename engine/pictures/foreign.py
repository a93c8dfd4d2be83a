"""The parameters that other programs write into their pictures, as fields of our `Parameters`.

Reads AUTOMATIC1111's family, ComfyUI, InvokeAI, NovelAI, SwarmUI, Fooocus, Draw Things and Midjourney. Where
a prompt cannot be read for certain, only the program is named.
"""

import html
import json
import re
from collections.abc import Callable, Mapping

from engine.pictures import comfy, values
from engine.pictures.chunks import COMMENT, XMP
from engine.pictures.values import NUMBER, Fields
from engine.types import Variation

UNKNOWN = "?"
"""The program of parameters that nobody here can read."""

# A quoted value that nothing closes takes the rest: each character is read once, whatever is in the text.
_SETTING = re.compile(r'(?:\A|,)\s*([A-Za-z][\w ./-]{0,60}):\s*("(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^,]*)')
_TAG = re.compile(rf"<(?:lora|lyco):([^:<>\n]{{1,200}})(?::({NUMBER}))?(?::[^<>\n]{{0,200}})?>")
_COMMAS = re.compile(r",(?: *,)+")
_DREAM = re.compile(r'"(?P<prompt>[^"]*)"(?P<rest>.*)', re.DOTALL)
_INSIDE = re.compile(r"(?:\s*<[^<>]*>){0,4}([^<]*)<")


def read(texts: Mapping[str, str]) -> Fields | None:
    """Return the fields in a file's texts, without a prompt where that is uncertain; None without any."""
    for reader in _READERS:
        found = reader(texts)
        if found is not None:
            return found
    return None


def settings_line(text: str) -> tuple[list[str], str]:
    """Return the lines before AUTOMATIC1111's settings, and these: the last that begins with `Steps:`."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    for place in reversed(range(len(lines))):
        if lines[place].startswith("Steps: "):
            return lines[:place], lines[place]
    return lines, ""


def automatic(text: str) -> Fields:
    """Read AUTOMATIC1111's form; what is missing or makes no sense keeps its default."""
    before, line = settings_line(text)
    settings = {name: _unquoted(value.strip()) for name, value in _SETTING.findall(line)}
    prompt, _, negative = "\n".join(("", *before)).partition("\nNegative prompt:")
    prompt, loras = _without_tags(prompt.strip())
    found = {
        **values.sized(settings.get("Size")),
        "prompt": prompt,
        "loras": loras,
        "negative_prompt": negative.strip(),
        "steps": values.whole(settings.get("Steps")),
        "guidance_scale": values.number(settings.get("CFG scale")) or 1.0,
        "seed": values.seed(settings.get("Seed")),
        "model": settings.get("Model", ""),
        "strength": values.number(settings.get("Denoising strength")),
        "upscaler": settings.get("Upscaler", ""),
        "program": next((name for name in ("Fooocus", "ComfyUI") if name in settings.get("Version", "")), ""),
    }
    if values.number(settings.get("Variation seed")) is None:
        return found
    prompt_noise, latent_noise = (
        values.number(settings.get(name)) or 0.0 for name in ("Prompt noise", "Variation seed strength")
    )
    seed = values.seed(settings.get("Variation seed"))
    return found | {"variation": Variation(seed, prompt_noise, latent_noise)}


def _automatic(texts: Mapping[str, str]) -> Fields | None:
    for text in (texts.get("parameters", ""), texts.get(COMMENT, "")):
        if settings_line(text)[1]:
            return automatic(text)
    return None


def _swarm(texts: Mapping[str, str]) -> Fields | None:
    for text in (texts.get("parameters", ""), texts.get(COMMENT, "")):
        written = values.json_object(text).get("sui_image_params")
        if isinstance(written, dict):
            return values.named("SwarmUI", written, negative="negativeprompt", scale="cfgscale")
    return None


def _fooocus(texts: Mapping[str, str]) -> Fields | None:
    for text in (texts.get("parameters", ""), texts.get(COMMENT, "")):
        written = values.json_object(text)
        schemes = (written.get("metadata_scheme"), texts.get("fooocus_scheme"))
        if "fooocus" in schemes or "base_model" in written:
            size = values.sized(values.text(written.get("resolution")))
            return values.named("Fooocus", written, model="base_model") | size
    return None


def _invoke(texts: Mapping[str, str]) -> Fields | None:
    if written := values.json_object(texts.get("invokeai_metadata", "")):
        model = written.get("model")
        name = model.get("name") or model.get("model_name") if isinstance(model, dict) else model
        found = values.named("InvokeAI", written, prompt="positive_prompt", scale="cfg_scale")
        return found | {"model": values.text(name)}
    if written := values.json_object(texts.get("sd-metadata", "")):
        image = written.get("image")
        image = image if isinstance(image, dict) else {}
        parts = image.get("prompt")
        first = parts[0] if isinstance(parts, list) and len(parts) == 1 else parts
        prompt = first.get("prompt") if isinstance(first, dict) else first
        found = values.named("InvokeAI", image, scale="cfg_scale")
        found["model"] = values.text(written.get("model_weights"))
        return found | _bracketed(values.text(prompt))
    if dream := _DREAM.match(texts.get("Dream", "")):
        options = dict(re.findall(r" -([a-zA-Z]) ?(\S{1,40})", dream["rest"]))
        names = {"seed": "S", "steps": "s", "scale": "C", "width": "W", "height": "H"}
        return values.named("InvokeAI", options, **names) | _bracketed(dream["prompt"].strip())
    return None


def _novel(texts: Mapping[str, str]) -> Fields | None:
    inner = values.json_object(texts.get(COMMENT, ""))
    if "Comment" in inner:
        texts = {name: values.text(value) for name, value in inner.items()}
    if "NovelAI" not in (texts.get("Software", ""), *texts.get("Source", "").split()):
        return None
    written = values.json_object(texts.get("Comment", ""))
    found = values.named("NovelAI", written, negative="uc", scale="scale") | {
        "model": texts.get("Source", "")
    }
    return found if found["prompt"] else found | {"prompt": texts.get("Description", "").strip()}


def _draw_things(texts: Mapping[str, str]) -> Fields | None:
    xmp = texts.get(XMP, "")
    inside = _INSIDE.match(xmp.partition("<exif:UserComment>")[2])
    for text in (html.unescape(inside[1]) if inside else "", texts.get(COMMENT, "")):
        written = values.json_object(text)
        if "c" in written and ("uc" in written or "sampler" in written):
            found = values.named("Draw Things", written, prompt="c", negative="uc", scale="scale")
            return found | values.sized(values.text(written.get("size")))
    return {"program": "Draw Things"} if "Draw Things" in xmp else None


def _comfy(texts: Mapping[str, str]) -> Fields | None:
    graph = values.json_object(texts.get("prompt", ""))
    for text in (texts.get("Make", ""), texts.get("Model", ""), texts.get("ImageDescription", "")):
        name, _, rest = text.partition(":")
        if name.casefold() == "prompt":
            graph = graph or values.json_object(rest)
        elif name.casefold() == "workflow" and values.json_object(rest):
            texts = {**texts, "workflow": rest}
    inner = values.json_object(texts.get(COMMENT, "")).get("prompt")
    graph = graph or (
        values.json_object(inner) if isinstance(inner, str) else inner if isinstance(inner, dict) else {}
    )
    nodes = {key: node for key, node in graph.items() if isinstance(node, dict) and "class_type" in node}
    if nodes:
        return comfy.read(nodes)
    return {"program": "ComfyUI"} if values.json_object(texts.get("workflow", "")) else None


def _midjourney(texts: Mapping[str, str]) -> Fields | None:
    text, job, _ = (texts.get("Description") or texts.get("ImageDescription", "")).rpartition("Job ID: ")
    if not job:
        return None
    prompt, *flags = re.split(r"(?:^|\s)--(?=\w)", text)
    options = dict(flag.strip().partition(" ")[::2] for flag in flags)
    return {
        "program": "Midjourney",
        "prompt": prompt.strip(),
        "negative_prompt": options.get("no", "").strip(),
        "seed": values.seed(options.get("seed", "").strip()),
    }


def _text_alone(texts: Mapping[str, str]) -> Fields | None:
    """Read a text without settings: a prompt, or structured data of an unknown program."""
    text = texts.get("parameters", "").strip()
    if not text:
        return None
    return {"program": UNKNOWN} if text[0] in "{[<" else automatic(text)


_READERS: tuple[Callable[[Mapping[str, str]], Fields | None], ...] = (
    _automatic,
    _swarm,
    _fooocus,
    _invoke,
    _novel,
    _draw_things,
    _comfy,
    _midjourney,
    _text_alone,
)


def _without_tags(prompt: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    loras = tuple((name, float(weight or 1)) for name, weight in _TAG.findall(prompt))
    return (_COMMAS.sub(",", _TAG.sub("", prompt)).strip(" ,\n"), loras) if loras else (prompt, ())


def _bracketed(prompt: str) -> Fields:
    """Split InvokeAI's older form, where the negative prompt stands in brackets."""
    refused = re.findall(r"\[([^\[\]]*)\]", prompt)
    return {"prompt": re.sub(r"\[[^\[\]]*\]", "", prompt).strip(), "negative_prompt": ", ".join(refused)}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
