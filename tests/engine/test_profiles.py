import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.models.profiles import Z_IMAGE, profile
from engine.prompts import optimize, world_of
from engine.types import EngineError
from lab.render.vocabulary_file import vocabulary_of, write
from lab.render.world import WORLDS, World


def test_the_embedded_model_draws_512_and_tells_its_world() -> None:
    found = profile("embedded")
    assert (found.base_size, found.max_size) == (512, 1024)
    assert 8 <= len(found.suggestions) <= 12
    assert found.suggestions[0] == "a red sailboat on the sea at sunset"
    assert "sailboat" in found.world


def test_a_hub_model_draws_1024_and_carries_its_short_name() -> None:
    found = profile("Tongyi-MAI/Z-Image-Turbo")
    assert (found.name, found.base_size, found.max_size, found.world) == (
        "Z-Image-Turbo",
        1024,
        2048,
        "",
    )
    assert len(found.suggestions) == 8


def test_another_native_size_stays_on_the_grid_and_within_what_the_model_draws() -> None:
    assert profile("Tongyi-MAI/Z-Image-Turbo", 770).base_size == 768
    assert profile("embedded", 4096).base_size == 1024


def test_a_directory_is_limited_by_its_transformers_positions(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text(json.dumps({"axes_lens": [1024, 96, 96]}))
    found = profile(str(tmp_path))
    assert (found.name, found.base_size, found.max_size) == (tmp_path.name, 1024, 1536)


def test_a_directory_may_tell_its_own_profile(tmp_path: Path) -> None:
    own = {"name": "mine", "base_size": 512, "max_size": 768, "suggestions": ["a", "b"], "world": "w"}
    own["negatives"] = ["banding"]
    (tmp_path / "profile.json").write_text(json.dumps(own))
    found = profile(str(tmp_path))
    assert (found.name, found.base_size, found.max_size, found.suggestions, found.world) == (
        "mine", 512, 768, ("a", "b"), "w",
    )  # fmt: skip
    assert found.negatives == ("banding",)


@pytest.mark.parametrize(
    ("pipeline", "inpaints", "edits"),
    [
        ("ZImagePipeline", True, False),
        ("Flux2KleinPipeline", False, True),
        ("QwenImageEditPlusPipeline", False, True),
        ("LongCatImageEditPipeline", False, True),
        ("StableDiffusionPipeline", False, False),
    ],
)
def test_a_models_pipeline_says_what_it_does_with_pictures(
    pipeline: str, inpaints: bool, edits: bool, tmp_path: Path
) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    found = profile(str(tmp_path))
    assert (found.inpaints, found.edits) == (inpaints, edits)


def test_the_known_models_say_what_they_do_with_pictures_before_they_are_there() -> None:
    found = {name: profile(name) for name in ("embedded", Z_IMAGE, "Qwen/Qwen-Image-Edit")}
    assert [(each.inpaints, each.edits) for each in found.values()] == [
        (True, False), (True, False), (False, True),
    ]  # fmt: skip


def test_a_unet_model_draws_the_size_it_was_trained_at(tmp_path: Path) -> None:
    for part, config in (("unet", {"sample_size": 64}), ("vae", {"block_out_channels": [1, 2, 4, 4]})):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(config))
    found = profile(str(tmp_path))
    assert (found.base_size, found.max_size) == (512, 1024)
    assert profile("stabilityai/sdxl-turbo").base_size == 512


@pytest.mark.parametrize(
    ("model", "steps", "guidance"),
    [
        ("embedded", 8, 1.8),
        ("Tongyi-MAI/Z-Image-Turbo", 8, 1.8),
        ("stabilityai/sd-turbo", 4, 1.0),
        ("stabilityai/sdxl-turbo", 4, 1.0),
        ("black-forest-labs/FLUX.1-schnell", 4, 1.0),
        ("SimianLuo/LCM_Dreamshaper_v7", 4, 5.0),
        ("Tongyi-MAI/Z-Image", 28, 4.0),
        ("black-forest-labs/FLUX.2-klein-4B", 4, 1.0),
        ("Qwen/Qwen-Image-2.1-Turbo", 8, 1.0),
        ("krea/Krea-2-Turbo", 8, 1.0),
        ("stabilityai/stable-diffusion-3.5-large-turbo", 4, 1.0),
    ],
)
def test_a_model_tells_the_steps_and_guidance_it_was_made_for(
    model: str, steps: int, guidance: float
) -> None:
    assert (profile(model).steps, profile(model).guidance_scale) == (steps, guidance)


def test_a_directory_may_tell_its_steps_and_guidance(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{"steps": 2, "guidance_scale": 1}')
    assert (profile(str(tmp_path)).steps, profile(str(tmp_path)).guidance_scale) == (2, 1)


CARD = """```py
image = pipe(prompt, num_inference_steps={steps}, guidance_scale={guidance}).images[0]
```"""


@pytest.mark.parametrize(
    ("pipeline", "steps", "guidance", "expected"),
    [
        ("FluxPipeline", 20, 3.5, (20, 3.5, 1.0)),
        ("ZImagePipeline", 50, 4, (50, 4.0, 1.0)),
        ("SanaPipeline", 2, 0.0, (2, 1.0, 0.25)),
        ("SanaPipeline", 999, 30, (50, 5.0, 1.0)),
        ("ZImagePipeline", 9, 0.0, (8, 1.8, 0.125)),
    ],
)
def test_a_model_nobody_knows_is_drawn_as_the_example_in_its_card(
    pipeline: str, steps: int, guidance: float, expected: tuple[int, float, float], tmp_path: Path
) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    (tmp_path / "README.md").write_text(CARD.format(steps=steps, guidance=guidance))
    found = profile(str(tmp_path))
    assert (found.steps, found.guidance_scale, found.guided_share) == expected
    assert ("README.md" in found.source) is (found.steps != 8)
    (tmp_path / "profile.json").write_text('{"steps": 3}')
    assert (profile(str(tmp_path)).steps, profile(str(tmp_path)).source) == (3, "profile.json")


def test_what_is_known_of_a_models_licence_is_part_of_its_profile() -> None:
    assert "no commercial use" in profile("Qwen/Qwen-Image-2.1-Turbo").licence
    assert profile("someone/something").licence == ""
    assert profile("someone/something").source.startswith("the same as for Z-Image-Turbo")


WRONG = [
    '{"steps": 0}',
    '{"steps": true}',
    '{"steps": 51}',
    '{"guidance_scale": 0.5}',
    '{"guidance_scale": "1"}',
]


@pytest.mark.parametrize("text", ["{", "[]", '{"base_size": "big"}', '{"colour": 1}', *WRONG])
def test_a_wrong_profile_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "profile.json").write_text(text)
    with pytest.raises(EngineError, match=r"profile\.json"):
        profile(str(tmp_path))


def test_profiles_are_read_without_torch() -> None:
    code = "import sys, engine.models.profiles, engine.pictures.metadata; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_what_is_suggested_in_chinese_is_drawn_as_in_english(world: World) -> None:
    known = world_of(vocabulary_of(world))
    assert {chinese: optimize(chinese, known).text for chinese in known.prompts.values()} == {
        chinese: prompt for prompt, chinese in known.prompts.items()
    }


def test_a_vocabulary_beside_the_weights_introduces_the_model(tmp_path: Path) -> None:
    write(WORLDS["book"], tmp_path)
    described = profile(str(tmp_path))
    assert "394" in described.world
    assert "394" in described.worlds["zh"]
    assert described.suggestions_in["zh"][0] == "夕阳下城堡旁的一条绿色的龙"


@pytest.mark.parametrize("text", ["[", "{}"])
def test_a_wrong_vocabulary_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "vocabulary.json").write_text(text)
    with pytest.raises(EngineError, match=r"vocabulary\.json"):
        profile(str(tmp_path))
