"""LoRA files on top of a transformer: read, matched to its layers, added to their outputs.

Knows file layouts (diffusers and peft, kohya) and linear layers. Knows no step and no schedule. The low-rank
product is added beside the layer (Hu et al. 2021, arXiv:2106.09685, eq. 3), so that nothing is merged and
nothing has to be taken out again, whatever form the layer keeps its weights in.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from engine.memory.weights import PackedLinear
from engine.types import EngineError

REMEMBERED = 4
"""Files kept in main memory; the least recently used one goes first."""
SHOWN = 3
"""How many unknown keys an error names."""

Chosen = tuple[tuple[str, float], ...]
"""LoRA names, without `.safetensors`, and their weights."""

_PREFIXES = ("base_model.model.", "transformer.", "diffusion_model.", "lora_unet_", "lora_transformer_")
_DOWN = re.compile(r"^(.+?)[.](?:lora_A|lora_down|lora[.]down)(?:[.]default)?(?:[.]weight)?$")
_UP = re.compile(r"^(.+?)[.](?:lora_B|lora_up|lora[.]up)(?:[.]default)?(?:[.]weight)?$")
_ALPHA = re.compile(r"^(.+?)[.]alpha$")
_ONCE = "t_embedder"
"""The noise level's embedding is computed once per schedule and takes no LoRA."""


Found = dict[tuple[str, ...], Tensor]


class Pair(NamedTuple):
    """`down` (rank, in) and `up` (out, rank), and `scale` by which their product counts: alpha / rank."""

    down: Tensor
    up: Tensor
    scale: float = 1.0

    def to(self, like: Tensor) -> "Pair":
        """Return the pair on the device of `like` and in its precision."""
        return Pair(self.down.to(like), self.up.to(like), self.scale)


class Product:
    """A layer's hook: a pair's product, added to what the layer computes.

    The pair is kept as it was made, and where and in the precision in which it was last used.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = self.used = pair

    def __call__(self, module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
        """Return the layer's result with the product added."""
        values = given[0]
        if (self.used.down.device, self.used.down.dtype) != (values.device, values.dtype):
            self.used = self._pair.to(values)
        return result + functional.linear(functional.linear(values, self.used.down), self.used.up)


class Loras:
    """The LoRA files of one folder, for one transformer.

    What was chosen last stays made, so that the steps of a picture make it once.
    """

    def __init__(self, folder: Path | None, transformer: Any) -> None:
        self._folder = folder
        self._transformer = transformer
        self._files: OrderedDict[str, dict[str, Pair]] = OrderedDict()
        self._latest: tuple[Chosen, dict[str, Product]] = ((), {})

    def names(self) -> list[str]:
        """Return the names that may be asked for."""
        return sorted(file.stem for file in self._folder.glob("*.safetensors")) if self._folder else []

    @contextmanager
    def used(self, chosen: Chosen) -> Iterator[None]:
        """Have the transformer compute with `chosen` inside the block.

        Raises `EngineError("bad_input")` for a name that is not there or a file that does not fit.
        """
        products = self.products(chosen).items()
        hooks = [hook for path, product in products for hook in self._hooks(path, product)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def products(self, chosen: Chosen) -> dict[str, Product]:
        """Return what is added to each layer, by its path."""
        if not chosen:
            return {}
        if chosen != self._latest[0]:
            # The earlier products go before the new ones come, so that a card never holds both.
            self._latest = ((), {})
            self._latest = (chosen, self._made(chosen))
        return self._latest[1]

    def _made(self, chosen: Chosen) -> dict[str, Product]:
        """Return one product per layer: the pairs of all files side by side are the sum of their products."""
        found: dict[str, list[Pair]] = {}
        for name, weight in chosen:
            for path, pair in self.pairs(name).items():
                found.setdefault(path, []).append(pair._replace(scale=pair.scale * weight))
        return {
            path: Product(
                Pair(
                    torch.cat([pair.down.float() for pair in pairs]),
                    torch.cat([pair.up.float() * pair.scale for pair in pairs], dim=1),
                )
            )
            for path, pairs in found.items()
        }

    def pairs(self, name: str) -> dict[str, Pair]:
        """Return a file's pairs by the paths of their layers; raises as `used` does."""
        if name not in self._files:
            if name not in self.names():
                there = ", ".join(self.names()) or "none, set model.loras to a folder with some"
                raise EngineError("bad_input", f"there is no LoRA {name!r}; there are: {there}")
            assert self._folder is not None
            self._files[name] = _matched(self._folder / f"{name}.safetensors", self._transformer)
        self._files.move_to_end(name)
        while len(self._files) > REMEMBERED:
            self._files.popitem(last=False)
        return self._files[name]

    def _hooks(self, path: str, product: Product) -> Iterator[Any]:
        yield self._transformer.get_submodule(path).register_forward_hook(product)
        # Modulation is computed once per schedule from untouched blocks: a hook has this one called whole.
        owner, found, _ = path.partition(".adaLN_modulation")
        if found:
            yield self._transformer.get_submodule(owner).register_forward_hook(lambda *_: None)


class WithLoras:
    """A pipeline whose tasks may name LoRA files; those of one batch name the same."""

    def __init__(self, pipeline: Any, loras: Loras) -> None:
        self._pipeline = pipeline
        self._loras = loras

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def start(self, task: Any, ready: Any) -> Any:
        """Begin a drawing; its caption is refined with the LoRA files, too."""
        with self._loras.used(task.loras):
            return self._pipeline.start(task, ready)

    def step(self, drawings: Sequence[Any]) -> None:
        """Advance drawings that share a `batch_key`, and with it their LoRA files."""
        with self._loras.used(drawings[0].task.loras):
            self._pipeline.step(drawings)

    def finish(self, drawing: Any) -> Any:
        """Finish a drawing; one that is drawn again is so with its LoRA files."""
        with self._loras.used(drawing.task.loras):
            return self._pipeline.finish(drawing)


def _matched(file: Path, transformer: Any) -> dict[str, Pair]:
    """Read a file and return a pair for each layer it changes; every key must have found its place."""
    layers = {
        path: layer
        for path, layer in transformer.named_modules()
        if isinstance(layer, nn.Linear | PackedLinear) and not path.startswith(_ONCE)
    }
    tensors, metadata = _read(file)
    paths = _by_spelling(layers)
    downs: Found = {}
    ups: Found = {}
    alphas: Found = {}
    unknown: list[str] = []
    for key, tensor in tensors.items():
        for pattern, found in ((_DOWN, downs), (_UP, ups), (_ALPHA, alphas)):
            if (match := pattern.match(key)) and (targets := paths(match[1])):
                found[targets] = tensor
                break
        else:
            unknown.append(key)
    unknown += [".".join(targets) for targets in downs.keys() ^ ups.keys()]
    if unknown or not downs:
        named = ", ".join(unknown[:SHOWN]) + (f" and {len(unknown) - SHOWN} more" if unknown[SHOWN:] else "")
        raise EngineError("bad_input", f"LoRA {file.stem}: made for another model, unknown keys: {named}")
    pairs: dict[str, Pair] = {}
    for targets, down in downs.items():
        scale = _scale(alphas.get(targets), len(down), metadata)
        for path, up in zip(targets, ups[targets].chunk(len(targets)), strict=True):
            layer = layers[path]
            if (len(up), down.shape[1]) != (layer.out_features, layer.in_features):
                raise EngineError(
                    "bad_input", f"LoRA {file.stem}: {path} has another size; made for another model"
                )
            pairs[path] = Pair(down, up, scale)
    return pairs


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(file, framework="pt") as opened:
            told = json.loads((opened.metadata() or {}).get("lora_adapter_metadata", "{}"))
            return {key: opened.get_tensor(key) for key in opened.keys()}, told  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        raise EngineError("bad_input", f"LoRA {file.stem} cannot be read: {error}") from error


def _scale(alpha: Tensor | None, rank: int, metadata: dict[str, Any]) -> float:
    """Return alpha / rank; diffusers writes alpha into the file's metadata, and none at all means rank."""
    if alpha is not None:
        return float(alpha) / rank
    told = float(metadata.get("transformer.lora_alpha", rank))
    return told / (rank**0.5 if metadata.get("transformer.use_rslora") else rank)


def _by_spelling(layers: dict[str, Any]) -> Any:
    """Return a function from a key's stem to the layers it means: a tuple of paths, empty for none.

    Kohya writes underscores for dots. Z-Image's own files know one matrix for query, key and value, and call
    the attention's last layer `out`, the first embedder and the last layer without their patch size.
    """
    known: dict[str, tuple[str, ...]] = {}
    for path in layers:
        own = path.replace("to_out.0", "out").replace("all_x_embedder.2-1", "x_embedder")
        own = own.replace("all_final_layer.2-1", "final_layer")
        for name in (path, own):
            known[name] = known[name.replace(".", "_")] = (path,)
        if path.endswith(".to_q"):
            stem = path.removesuffix("to_q")
            three = tuple(stem + name for name in ("to_q", "to_k", "to_v"))
            known[stem + "qkv"] = known[(stem + "qkv").replace(".", "_")] = three

    def paths(stem: str) -> tuple[str, ...]:
        for prefix in _PREFIXES:
            stem = stem.removeprefix(prefix)
        return known.get(stem, ())

    return paths
