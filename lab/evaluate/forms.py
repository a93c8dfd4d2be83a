"""How near the embedded model's pictures stay in other programs' files: `python -m lab.evaluate.forms`.

Its transformer is written in each form and read as a user's file is. Distance is the mean difference of
pixels from the folder's pictures, of 255.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from engine.embedded import WEIGHTS
from engine.models.profiles import EMBEDDED
from engine.models.zimage.load import load
from engine.types import EngineSettings
from lab import single_files
from lab.evaluate.__main__ import drawn, mixed
from lab.judge.adherence import ALL, Manner, adherence
from lab.judge.judge import JUDGE_WEIGHTS, load_judge

SEED = 5


def main() -> None:
    """Print the table, a line for each form."""
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.forms")
    parser.add_argument("--prompts", type=int, default=96, help="how many are drawn in each form")
    parser.add_argument("--side", type=int, default=256)
    args = parser.parse_args()
    scenes, manner, judge = mixed(args.prompts, SEED), Manner(args.side, args.side), load_judge(JUDGE_WEIGHTS)
    wanted: list[NDArray[np.uint8]] = []
    print("| form | MB | distance | right subject | all right |", "|---" * 5 + "|", sep="\n")
    with tempfile.TemporaryDirectory() as folder:
        for name, file in files(Path(folder)):
            settings = EngineSettings(model=str(file) if file.is_file() else EMBEDDED, base=EMBEDDED)
            _, pictures = drawn(load(settings), scenes, manner)
            wanted = wanted or list(pictures)
            distance = np.mean([np.abs(one - other.astype(float)).mean()
                                for one, other in zip(wanted, pictures, strict=True)])  # fmt: skip
            found, size = adherence(judge, pictures, scenes), _size(file) / 1e6
            print(f"| {name} | {size:.1f} | {distance:.2f} | {found['subject']:.1%} | {found[ALL]:.1%} |")


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each form's name with the transformer's file, after the folder it is made from."""
    comfy = single_files.comfy()
    yield "folder", WEIGHTS / "transformer"
    half = {name: tensor.to(torch.bfloat16) for name, tensor in comfy.items()}
    yield "ComfyUI, bf16", _saved(folder / "comfy.safetensors", half)
    for each, rows in (("row", True), ("tensor", False)):
        scaled = single_files.float8(comfy, "scale_weight", rows)
        yield f"float8, a scale per {each}", _saved(folder / f"{each}.safetensors", scaled)
    for quant in ("Q8_0", "Q5_0", "Q4_0"):
        yield f"GGUF {quant}", single_files.write_gguf(folder / f"{quant}.gguf", comfy, quant)


def _saved(file: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, file)
    return file


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) or place.stat().st_size


if __name__ == "__main__":
    main()
