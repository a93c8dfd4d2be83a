"""LoRA files on top of a transformer: found by name, cached, and added to the outputs of its layers.

What a file changes is added beside the layer, or where a block is compiled to a copy of its matrix: nothing
has to be undone, whatever form the layer keeps its weights in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engine.files.loras import SUFFIX, LoraFolder, normal
from engine.lru import LruDict
from engine.models.zimage import lorafile
from engine.models.zimage.changes import Change, Product
from engine.models.zimage.lorafile import LoraFile
from engine.types import EngineError

REMEMBERED = 4
"""Files kept in main memory; the least recently used one goes first."""
SHOWN = 20
"""How many names an answer lists."""

Chosen = tuple[tuple[str, float], ...]
"""LoRA names, without `.safetensors`, and their weights."""
Stamp = tuple[int, int, int]
"""What changes when a file is replaced: its time, its size, its inode."""


class _Kept(NamedTuple):
    """A file that was read, as it was then."""

    stamp: Stamp
    read: LoraFile


class Loras:
    """The LoRA files of one folder and its subfolders, for one transformer.

    The products of the latest choice are cached, so that the steps of a picture share them.
    """

    def __init__(self, folder: Path | None, transformer: Any) -> None:
        self._folder = LoraFolder(folder)
        self._transformer = transformer
        self._files: LruDict[str, _Kept] = LruDict(REMEMBERED)
        self._latest: tuple[Chosen, dict[str, Product]] = ((), {})

    @property
    def is_there(self) -> bool:
        """Whether a folder is configured."""
        return self._folder.path is not None

    def names(self) -> list[str]:
        """Return the names of all files; those of subfolders include their path."""
        return sorted(self._folder.files())

    def look(self, chosen: Chosen) -> tuple[str, ...]:
        """See before a picture whether the files of `chosen` are there, and read those that were replaced.

        Returns codes for what is left out of them; raises as `used` does.
        """
        for name, _ in chosen:
            path = self._path(name)
            kept = self._files.get(name)
            if kept is not None and kept.stamp != _stamp(path, name):
                del self._files[name]
                self._latest = ((), {})
        found = [self._file(name) for name, _ in chosen]
        return tuple(dict.fromkeys(code for file in found for code in file.left_out))

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
            self._latest = (chosen, self._products(chosen))
        return self._latest[1]

    def changes(self, name: str) -> list[tuple[str, Change]]:
        """Return what a file adds to which layers; raises as `used` does."""
        return self._file(name).changes

    def _products(self, chosen: Chosen) -> dict[str, Product]:
        found: dict[str, list[tuple[Change, float]]] = {}
        for name, weight in chosen:
            for path, change in self.changes(name):
                found.setdefault(path, []).append((change, weight))
        return {path: Product(changes) for path, changes in found.items()}

    def _file(self, name: str) -> LoraFile:
        if name not in self._files:
            path = self._path(name)
            stamp = _stamp(path, name)
            self._files[name] = _Kept(stamp, lorafile.read(path, name, self._transformer))
        return self._files[name].read

    def _path(self, name: str) -> Path:
        """Return the file of a name, which may leave out its subfolder where that is clear."""
        paths = self._folder.files()
        wanted = normal(name).removesuffix(SUFFIX)
        inside = [path for each, path in paths.items() if each.rpartition("/")[2] == wanted]
        if wanted in paths or len(inside) == 1:
            return paths.get(wanted) or inside[0]
        names = sorted(paths)
        more = f" and {len(names) - SHOWN} more" if names[SHOWN:] else ""
        there = ", ".join(names[:SHOWN]) + more or "none, set model.loras to a folder with some"
        raise EngineError("bad_input", f"there is no LoRA {name!r}; there are: {there}")

    def _hooks(self, path: str, product: Product) -> Iterator[Any]:
        yield self._transformer.get_submodule(path).register_forward_hook(product)
        # Modulation is computed once per schedule from untouched blocks: a hook has this one called whole.
        owner, found, _ = path.partition(".adaLN_modulation")
        if found:
            yield self._transformer.get_submodule(owner).register_forward_hook(lambda *_: None)


def _stamp(path: Path, name: str) -> Stamp:
    try:
        stat = path.stat()
    except OSError as error:
        raise EngineError("bad_input", f"LoRA {name}: cannot be read: {error.strerror}") from error
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def lora_folder(name: str) -> Path | None:
    """Return the folder of LoRA files, None where none is configured."""
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise EngineError("bad_input", f'model.loras = {name!r} is no folder; make it, or set it to ""')
    return folder
