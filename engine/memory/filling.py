"""From safetensors files into a module, tensor by tensor, each straight to its place and form.

Knows files, names and meta tensors. Main memory holds one tensor at a time beside what stays there: a file
is memory-mapped, and a tensor that is already in its form, packed or not, is used where it lies.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from engine.memory.sizes import PACKED, SCALE, WEIGHT, Weights
from engine.memory.weights import Packed, PackedLinear, possible
from engine.pulse import PULSE
from engine.types import EngineError

Place = Callable[[str], torch.device]
Form = Callable[[str, torch.Size], Weights]
_MATRICES = (nn.Linear, nn.Embedding)


def empty(build: Callable[[], Any]) -> Any:
    """Build a module whose parameters are only shapes; its computed buffers are real."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        return build()


def fill(
    module: nn.Module, folder: Path, dtype: torch.dtype, device: torch.device, place: Place, form: Form
) -> None:
    """Give every parameter of `module` its value from the files in `folder`, as `put` does."""
    put(module, tensors(folder), str(folder), dtype, device, place, form)


def put(
    module: nn.Module,
    values: Iterable[tuple[str, Tensor | Packed]],
    source: str,
    dtype: torch.dtype,
    device: torch.device,
    place: Place,
    form: Form,
) -> None:
    """Give every parameter of `module` its value by name.

    `place` says where a tensor goes, `form` how it is kept; packing is computed on `device`. Names may carry
    the prefix `model.`, and what the module does not have, such as an output head, is passed over. Raises
    `EngineError("model_missing")` for a tensor that is not there or has another shape.
    """
    for name, tensor in values:
        PULSE.beat()
        path, _, leaf = name.removeprefix("model.").rpartition(".")
        owner = _descend(module, path)
        if owner is None or not isinstance(owner._parameters.get(leaf), nn.Parameter):
            continue
        expected = owner._parameters[leaf].shape  # type: ignore[union-attr]
        if tensor.shape != expected:
            raise EngineError(
                "model_missing",
                f"{source}: {name} is {tuple(tensor.shape)}, its config.json says {tuple(expected)}; "
                "fetch the model again",
            )
        chosen = form(name, expected) if leaf == "weight" and isinstance(owner, _MATRICES) else "plain"
        if isinstance(tensor, Packed) and tensor.form != possible(chosen, expected[-1]):
            tensor = tensor.unpacked(dtype if chosen == "plain" else torch.float32)
        if isinstance(tensor, Packed):
            _pack(module, path, tensor, chosen, device, place(name))
        elif chosen == "plain" or isinstance(owner, nn.Embedding):
            value = tensor.to(place(name), torch.bfloat16 if chosen == "bfloat16" else dtype)
            owner._parameters[leaf] = nn.Parameter(value, requires_grad=False)
        else:
            _pack(module, path, tensor, chosen, device, place(name))
    missing = [name for name, parameter in module.named_parameters() if parameter.is_meta]
    if missing:
        raise EngineError(
            "model_missing",
            f"{source} lacks {len(missing)} tensors, {missing[0]} for one; fetch the model again",
        )


def tensors(folder: Path) -> Iterator[tuple[str, Tensor | Packed]]:
    """Yield every tensor of the safetensors files in `folder`; raises OSError when there is no file.

    A matrix that was prepared in fewer bits comes by the name of the weight it stands for.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"no .safetensors file in {folder}")
    for file in files:
        with safe_open(file, framework="pt") as opened:
            names = set(opened.keys())
            for name in sorted(names):
                owner = name.removesuffix(PACKED).removesuffix(SCALE)
                if owner + PACKED not in names:
                    yield name, opened.get_tensor(name)
                elif name.endswith(PACKED):
                    scale = opened.get_tensor(owner + SCALE)
                    yield owner + WEIGHT, Packed.from_file(opened.get_tensor(name), scale)


def _pack(
    module: nn.Module,
    path: str,
    weight: Tensor | Packed,
    form: Weights,
    device: torch.device,
    place: torch.device,
) -> None:
    parent, _, child = path.rpartition(".")
    owner = module.get_submodule(parent)
    bias = owner._modules[child]._parameters.get("bias")  # type: ignore[union-attr]
    given = weight if isinstance(weight, Packed) else weight.to(device)
    packed = PackedLinear(given, None if bias is None else bias.data, form)
    for name, buffer in packed.named_buffers():
        setattr(packed, name, buffer.to(place))
    owner._modules[child] = packed


def _descend(module: nn.Module, path: str) -> nn.Module | None:
    for part in path.split(".") if path else ():
        if part not in module._modules:
            return None
        module = module._modules[part]  # type: ignore[assignment]
    return module
