"""The parameters in ComfyUI's graph of nodes.

Prompts are those of its samplers; a link is followed only where the node's text is plain.
"""

import re
from collections.abc import Iterator, Mapping

from engine.pictures import values
from engine.pictures.values import Fields, Json

_PLAIN_INPUTS = (
    ("seed", "", ("noise_seed", "seed")),
    ("steps", "", ("steps",)),
    ("guidance_scale", "", ("cfg",)),
    ("width", "Latent", ("width",)),
    ("height", "Latent", ("height",)),
    ("model", "", ("ckpt_name", "unet_name")),
)


def read(nodes: Mapping[str, Json]) -> Fields:
    """Return the fields of a graph, with a prompt where every sampler gets the same one."""
    pairs = {
        (_followed(nodes, wires["positive"]), _followed(nodes, wires.get("negative")) or "")
        for wires in map(_inputs, nodes.values())
        if "positive" in wires and not {"control_net", "style_model"} & wires.keys()
    } or {(_followed(nodes, wires.get("conditioning")), "") for wires in _wires(nodes, "Guider")}
    prompt, negative = pairs.pop() if len(pairs) == 1 else (None, "")
    loras = tuple(
        (re.sub(r"\.\w+\Z", "", wires["lora_name"]), float(values.number(wires.get("strength_model")) or 1.0))
        for wires in _wires(nodes, "Lora")
        if isinstance(wires.get("lora_name"), str)
    )
    first = {
        name: next(
            (wires[key] for wires in _wires(nodes, kind) for key in keys if _is_value(wires.get(key))), 0
        )
        for name, kind, keys in _PLAIN_INPUTS
    }
    return values.named("ComfyUI", first) | {
        "prompt": prompt or "",
        "negative_prompt": negative,
        "loras": loras,
    }


def _followed(nodes: Mapping[str, Json], link: object, depth: int = 0) -> str | None:
    """Return the text at the end of a link; None where nodes combine texts."""
    if isinstance(link, str):
        return link.strip()
    if not isinstance(link, list) or not link or depth > 20:
        return None
    node = nodes.get(str(link[0]), {})
    wires = _inputs(node)
    if "ZeroOut" in str(node.get("class_type")):
        return ""
    if {"positive", "negative"} <= wires.keys():
        return _followed(nodes, wires["negative" if link[1:] == [1] else "positive"], depth + 1)
    for name in ("text", "t5xxl", "text_g", "prompt", "string", "value", "conditioning"):
        if name in wires:
            return _followed(nodes, wires[name], depth + 1)
    return None


def _wires(nodes: Mapping[str, Json], kind: str) -> Iterator[Json]:
    return (_inputs(node) for node in nodes.values() if kind in str(node["class_type"]))


def _inputs(node: Json) -> Json:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _is_value(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
