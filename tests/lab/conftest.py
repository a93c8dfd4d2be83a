"""Small models that several tests of the laboratory train."""

import pytest
import torch
from torch import nn

from lab.train.model import build_text_encoder, build_transformer


@pytest.fixture
def models() -> nn.ModuleDict:
    """Small models whose every layer acts."""
    torch.manual_seed(0)
    encoder = build_text_encoder(num_hidden_layers=2)
    models = nn.ModuleDict({"transformer": build_transformer(n_layers=1), "text_encoder": encoder})
    for parameter in models.parameters():
        nn.init.normal_(parameter, std=0.05)
    return models.eval()
