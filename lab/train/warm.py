"""Start a model from earlier weights: whatever fits by name and shape, embeddings by token."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedTokenizerFast

EMBEDDING = "embed_tokens.weight"


def warm_start(model: nn.Module, folder: Path) -> list[str]:
    """Copy every tensor of `folder`'s safetensors that fits into `model`; returns the names that did not."""
    found = {
        name: tensor
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }
    left: list[str] = []
    with torch.no_grad():
        for name, target in model.state_dict().items():
            source = found.get(name)
            if source is not None and source.shape == target.shape:
                target.copy_(source)
            else:
                left.append(name)
    return left


def warm_embeddings(model: nn.Module, folder: Path, tokenizer: PreTrainedTokenizerFast) -> int:
    """Copy the embedding rows of tokens that the earlier tokenizer knew, too; returns how many."""
    rows = load_file(folder / "text_encoder" / "model.safetensors")[EMBEDDING]
    earlier = json.loads((folder / "tokenizer" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    target = model.state_dict()[EMBEDDING]
    shared = {token: index for token, index in tokenizer.get_vocab().items() if token in earlier}
    with torch.no_grad():
        for token, index in shared.items():
            target[index] = rows[earlier[token]]
    return len(shared)
