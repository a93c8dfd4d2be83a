"""One thread less than there are cores, as the loader computes with."""

import pytest
import torch

from engine.models.zimage.load import threads


@pytest.fixture(scope="package", autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(threads())
