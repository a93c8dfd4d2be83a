"""Every finished picture is scored by the configured classifier, or not handed out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from engine.fake import striped
from engine.models import classifier
from engine.pipeline import Score
from engine.runtime.messages import RunTask
from engine.types import EngineError, Picture, Upscale
from tests.engine.workbench import Bench


def finished(score: Score | None) -> Bench:
    """A worker that was asked for a drawn picture and an upscaled one."""
    bench = Bench(score=score)
    bench.draw("a boat", 1, steps=1)
    bench.inbox.put(RunTask(2, Upscale(striped("x", 32, 32))))
    bench.work()
    return bench


def small_classifier(directory: Path, **options: object) -> str:
    """A real classifier with random weights, small enough to load at once."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    labels = {"id2label": {0: "normal", 1: "nsfw"}, "label2id": {"normal": 0, "nsfw": 1}}
    config = ViTConfig(image_size=16, patch_size=8, **sizes, **labels, **options)
    ViTForImageClassification(config).save_pretrained(directory)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(directory)
    return str(directory)


def test_scores_travel_in_the_report_of_drawn_and_upscaled_pictures(tmp_path: Path) -> None:
    bench = finished(classifier.load(small_classifier(tmp_path)))
    for number in (1, 2):
        picture = bench.events(number)[-1]
        assert isinstance(picture, Picture)
        assert set(picture.report["scores"]) == {"normal", "nsfw"}
        assert sum(picture.report["scores"].values()) == pytest.approx(1)


def test_labels_that_do_not_exclude_each_other_are_scored_each_by_itself(tmp_path: Path) -> None:
    name = small_classifier(tmp_path, problem_type="multi_label_classification")
    scores = classifier.load(name)(striped("a boat", 32, 32))
    assert all(0 < score < 1 for score in scores.values())
    assert sum(scores.values()) != pytest.approx(1)


def test_without_a_classifier_no_scores_are_reported() -> None:
    picture = finished(None).events(1)[-1]
    assert isinstance(picture, Picture)
    assert "scores" not in picture.report


def test_a_classifier_that_cannot_be_loaded_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nothing.*moderation.classifier") as caught:
        classifier.load(str(tmp_path / "nothing"))
    assert caught.value.code == "model_missing"


def test_a_picture_that_cannot_be_scored_is_not_handed_out() -> None:
    def fail(image: bytes) -> dict[str, float]:
        raise MemoryError

    bench = finished(fail)
    assert bench.pictures() == []
    assert bench.failures() == {1: "internal", 2: "internal"}


def test_a_classifier_that_gives_no_numbers_hands_no_picture_out(tmp_path: Path) -> None:
    name = small_classifier(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["classifier.bias"] = torch.full((2,), float("nan"))
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    bench = finished(classifier.load(name))
    assert bench.pictures() == []
    assert bench.failures() == {1: "numerics", 2: "numerics"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"config.json": "[]"}, "holds no JSON object"),
        ({"model.safetensors": "<html>"}, "cannot be read"),
        ({"model.safetensors.index.json": "[]"}, "holds no JSON object"),
        ({"preprocessor_config.json": "<html>"}, "preprocessor_config.json"),
    ],
)
def test_what_is_wrong_with_a_classifiers_files_is_one_line(
    tmp_path: Path, content: dict[str, str], reason: str
) -> None:
    name = small_classifier(tmp_path)
    for file, text in content.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(EngineError, match=reason) as caught:
        classifier.load(name)
    assert caught.value.code == "model_missing"
    assert "\n" not in str(caught.value)


def test_a_classifier_with_scales_or_without_its_head_is_refused(tmp_path: Path) -> None:
    name = small_classifier(tmp_path)
    whole = load_file(tmp_path / "model.safetensors")
    scaled = whole | {"classifier.weight_scale": torch.ones(1)}
    headless = {key: tensor for key, tensor in whole.items() if key != "classifier.weight"}
    for tensors, reason in (
        (scaled, "is quantized .*classifier.weight_scale"),
        (headless, "lacks classifier.weight"),
    ):
        save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(EngineError, match=reason):
            classifier.load(name)


def test_a_file_in_place_of_a_classifier_is_told_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "nsfw.onnx").touch()
    with pytest.raises(EngineError, match=r"nsfw.onnx is a file; name a directory or hub id"):
        classifier.load(str(tmp_path / "nsfw.onnx"))
