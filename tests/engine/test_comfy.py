"""ComfyUI's graphs: their words are read where they are plain."""

import json
from typing import Any

import pytest

from engine.pictures.metadata import Parameters
from tests.engine.samples import png, read, with_exif


def graph(**changes: Any) -> dict[str, Any]:
    nodes: dict[str, Any] = {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": 156680208700286,
                "steps": 20,
                "cfg": 8.0,
                "sampler_name": "euler",
                "denoise": 1.0,
                "model": ["10", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "dog", "clip": ["4", 1]}},
        "10": {"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors", "strength_model": 0.5}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}, "is_changed": [float("nan")]},
    }
    return nodes | changes


COMFY = Parameters(
    "a fox", "dog", "", 512, 768, 20, 8.0, 156680208700286, "v1-5.safetensors",
    loras=(("ink", 0.5),), program="ComfyUI",
)  # fmt: skip


def test_comfyui_is_read_along_the_samplers_wires() -> None:
    assert read(png({"prompt": json.dumps(graph()), "workflow": "{}"})) == COMFY
    wired = graph(
        **{
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["4", 1]}},
            "11": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a fox"}},
        }
    )
    assert read(png({"prompt": json.dumps(wired)}, packed=True)) == COMFY
    steered = graph(
        **{
            "12": {
                "class_type": "ControlNetApplyAdvanced",
                "inputs": {"positive": ["6", 0], "negative": ["7", 0], "control_net": ["13", 0]},
            }
        }
    )
    steered["3"]["inputs"] |= {"positive": ["12", 0], "negative": ["12", 1]}
    assert read(png({"prompt": json.dumps(steered)})) == COMFY
    tags = {0x0110: f"prompt:{json.dumps(graph())}", 0x010F: 'workflow:{"nodes":[1]}'}
    assert read(with_exif("WEBP", tags)) == COMFY


def test_comfyuis_flux_graph_is_read_through_its_guider() -> None:
    nodes = {
        "13": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["25", 0], "guider": ["22", 0]}},
        "22": {"class_type": "BasicGuider", "inputs": {"conditioning": ["26", 0], "model": ["30", 0]}},
        "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 2**64 - 1}},
        "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
    }
    found = read(png({"prompt": json.dumps(nodes)}))
    assert (found.prompt, found.seed, found.program) == ("a fox", 2**64 - 1, "ComfyUI")


COMBINED = {
    "class_type": "ConditioningCombine",
    "inputs": {"conditioning_1": ["7", 0], "conditioning_2": ["7", 0]},
}
CIRCLE = {"class_type": "Reroute", "inputs": {"text": ["6", 0]}}
SECOND = {"class_type": "KSampler", "inputs": {"positive": ["7", 0], "negative": ["6", 0]}}


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": json.dumps(graph(**{"6": COMBINED}))},
        {"prompt": json.dumps(graph(**{"6": CIRCLE}))},
        {"prompt": json.dumps(graph(**{"20": SECOND}))},
        {"prompt": json.dumps({"6": {"class_type": "Text", "inputs": []}})},
        {"workflow": '{"nodes": [], "links": []}'},
    ],
)
def test_a_graph_that_is_not_plain_is_comfyuis_without_a_prompt(texts: dict[str, str]) -> None:
    found = read(png(texts))
    assert (found.program, found.prompt) == ("ComfyUI", "")
