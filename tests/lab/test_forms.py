"""The embedded transformer in other programs' forms."""

from pathlib import Path

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from lab.evaluate.forms import files


def test_every_form_holds_the_same_tensors_in_fewer_bytes_the_fewer_its_bits(tmp_path: Path) -> None:
    (_, folder), *others = files(tmp_path)
    own = ModelFiles(WEIGHTS).read("transformer").tensors.keys()
    for _, file in others:
        found = ModelFiles(WEIGHTS, {"transformer": file}).read("transformer").tensors
        assert {name for name in found if not name.endswith("scale_weight")} == own
    sizes = {name: file.stat().st_size for name, file in others}
    assert sizes["GGUF Q4_0"] < sizes["GGUF Q5_0"] < sizes["GGUF Q8_0"] < sizes["ComfyUI, bf16"]
    assert folder.is_dir()
