"""A folder of LoRA files for the embedded model, and what they add to its layers."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.models.zimage.lora import Loras
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineError

LAYER = "layers.0.attention.to_q"
OTHER = "layers.3.feed_forward.w2"
SIDE = 192
RANK = 4


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.1


DOWN, UP = noise(RANK, SIDE, seed=1), noise(SIDE, RANK, seed=2)


def pair(
    stem: str = f"transformer.{LAYER}", down: str = "lora_A.weight", up: str = "lora_B.weight"
) -> dict[str, Tensor]:
    return {f"{stem}.{down}": DOWN, f"{stem}.{up}": UP}


class Folder:
    """A folder of files for the embedded model."""

    def __init__(self, path: Path, pipeline: ZImagePipeline) -> None:
        self.path, self.pipeline = path, pipeline
        self.loras = Loras(path, pipeline.components.transformer)

    def save(
        self, tensors: Mapping[str, Tensor], name: str = "a", metadata: Mapping[str, object] | None = None
    ) -> None:
        packed = None if metadata is None else {"lora_adapter_metadata": json.dumps(metadata)}
        file = self.path / f"{name}.safetensors"
        file.parent.mkdir(exist_ok=True)
        save_file({key: tensor.clone() for key, tensor in tensors.items()}, file, packed)

    def added(self, layer: str = LAYER, weight: float = 1.0, name: str = "a") -> Tensor:
        """The matrix that is added to a layer, column by column."""
        product = self.loras.products(((name, weight),))[layer]
        module = self.pipeline.components.transformer.get_submodule(layer)
        columns = torch.eye(module.in_features)
        found: Tensor = product(module, (columns,), torch.zeros(module.in_features, module.out_features)).T
        return found

    def refused(self, name: str = "a") -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.loras.look(((name, 1.0),))
        assert "\n" not in str(caught.value)
        return caught.value


def near(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() < 1e-5)
