"""A model's name → its folder, on this machine or downloaded; else one line that says why not."""

import errno
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import NamedTuple

from engine.files import shards
from engine.pulse import PULSE
from engine.types import EngineError

INDEX = "model_index.json"
SINGLE = {
    ".gguf": "GGUF",
    ".safetensors": "one checkpoint",
    ".sft": "one checkpoint",
    ".ckpt": "a pickled checkpoint",
    ".pt": "a pickled checkpoint",
    ".pth": "a pickled checkpoint",
    ".bin": "a pickled checkpoint",
}
"""Suffixes of the single files in which other programs keep models, and what they are."""
MODEL_FILES = (
    INDEX, "profile.json", "preview.safetensors",
    "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja", "*/*.safetensors",
)  # fmt: skip
"""What is downloaded of a model in diffusers layout, but for `LEFT_OUT`."""
LEFT_OUT = ("*.fp16.*", "*.non_ema*", "safety_checker/*", "*onnx*")
WANTED = "give the folder of a model in diffusers layout, or a hub id such as Tongyi-MAI/Z-Image-Turbo"
ADVICE = f"use embedded, or {WANTED}"
CONFIGS = (INDEX, "profile.json", "*/*.json", "*/*.txt", "*/*.jinja", "preview.safetensors")
"""What is downloaded of a model whose weights come from elsewhere."""
ANSWER_WITHIN = 10.0
"""Seconds for the hub to answer a question about a model."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RemoteFile(NamedTuple):
    """A file of a repository on the hub; `sha256` is empty where only the hub knows it, `size` 0."""

    repository: str
    file: str
    size: int = 0
    sha256: str = ""

    def here(self) -> Path | None:
        """Return the file where it was downloaded before; uses no network."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.repository, self.file)
        return Path(found) if isinstance(found, str) else None

    def fetch(self) -> Path:
        """Return the file, downloaded where it isn't here; raises as `download_file` does."""
        return self.here() or download_file(self.repository, self.file, self.sha256)


def folder(name: str, advice: str = WANTED) -> Path | None:
    """Return the directory that a name means, None for what may be a hub id; `advice` says what to give.

    Raises `EngineError("model_missing")` for a file, and for what cannot be looked at.
    """
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            return path
        is_file = path.is_file()
    except (OSError, RuntimeError) as error:
        raise EngineError("model_missing", f"{name} cannot be reached ({error}); {advice}") from error
    if is_file:
        kind = SINGLE.get(path.suffix.lower())
        raise EngineError("model_missing", f"{name} is a file{f' ({kind})' if kind else ''}; {advice}")
    return None


def single(name: str) -> Path | RemoteFile | None:
    """Return the single file that a name means: here, or OWNER/REPOSITORY/FILE on the hub; None for neither.

    Raises `EngineError("model_missing")` for what can be nothing but a file, and isn't there.
    """
    if not single_name(name):
        return None
    if (path := Path(name).expanduser()).is_file():
        return path
    owner, repository, file = (*name.split("/", 2), "", "")[:3]
    if file and is_id(f"{owner}/{repository}"):
        return RemoteFile(f"{owner}/{repository}", file)
    raise EngineError("model_missing", f"there is no file {name}; give its path, or OWNER/REPOSITORY/FILE")


def single_name(name: str) -> str:
    """Return a single file's name without its suffix, empty for what is none, by the name alone."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in SINGLE and not Path(name).expanduser().is_dir() else ""


def cached(name: str, file: str) -> Path | None:
    """Return the folder of a hub id that was downloaded before, by one of its files; uses no network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, file) if is_id(name) else None
    return Path(found).parent if isinstance(found, str) else None


def is_path(name: str) -> bool:
    """Say whether a name that no folder has is meant as one's: hub ids are `NAME` or `OWNER/NAME`.

    `models/mine` is taken for a folder where there is a folder `models`.
    """
    return not is_id(name) or ("/" in name and Path(name).parent.is_dir())


def is_id(name: str) -> bool:
    """Say whether a name may be a hub id."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def download_size(name: str) -> int | None:
    """Return the bytes that `download` takes for a hub id; None where the hub cannot say."""
    from huggingface_hub import HfApi, errors
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

    try:
        listed = HfApi().model_info(name, files_metadata=True, timeout=ANSWER_WITHIN).siblings or []
        sizes = {file.rfilename: file.size for file in listed}
    except (errors.HTTPError, errors.HFValidationError, *shards.UNREADABLE):  # type: ignore[attr-defined]
        return None
    wanted = filter_repo_objects(sizes, allow_patterns=list(MODEL_FILES), ignore_patterns=list(LEFT_OUT))
    found = [sizes[file] for file in wanted]
    return None if not found or None in found else sum(filter(None, found))


def download(name: str, files: Sequence[str] = MODEL_FILES, advice: str = ADVICE) -> Path:
    """Return the folder of a hub id, of which the files that match are downloaded once; `advice` as above.

    Raises `EngineError("model_missing")` where it cannot be had.
    """
    from huggingface_hub import snapshot_download

    with _explained(name, "set the model to embedded or to a directory that holds it", advice):
        return Path(
            snapshot_download(
                name, allow_patterns=list(files), ignore_patterns=list(LEFT_OUT), tqdm_class=PULSE.bar()
            )
        )


def download_file(name: str, file: str, sha256: str = "") -> Path:
    """Return one file of a hub id, downloaded once and compared with `sha256`, or the hub's own checksum.

    Raises `EngineError("model_missing")` where it cannot be had or is another file.
    """
    from huggingface_hub import hf_hub_download

    with _explained(name, "give a file that is on this machine"):
        path = Path(hf_hub_download(name, file, tqdm_class=PULSE.bar()))
        # The hub names what it keeps by its checksum.
        stored = path.resolve()
        wanted = sha256 or (stored.name if re.fullmatch("[0-9a-f]{64}", stored.name) else "")
        with stored.open("rb") as stream:
            is_other = wanted and hashlib.file_digest(stream, "sha256").hexdigest() != wanted
        if is_other:
            stored.unlink()
            path.unlink(missing_ok=True)
            raise EngineError(
                "model_missing", f"{name}/{file} came with other bytes than were published; fetch it again"
            )
    return path


@contextmanager
def _explained(name: str, instead: str, advice: str = ADVICE) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into one line that says what to do."""
    from huggingface_hub import errors

    # The base error of whichever HTTP client the hub's own client uses.
    network_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        yield
    except errors.GatedRepoError as error:
        raise EngineError(
            "model_missing",
            f"model {name!r} is gated: accept its terms on its page of the hub, and set HF_TOKEN",
        ) from error
    except (errors.HFValidationError, errors.RepositoryNotFoundError) as error:
        raise EngineError(
            "model_missing",
            f"model {name!r} is neither a directory nor on the hub; {advice} (private ones need HF_TOKEN)",
        ) from error
    except (network_error, *shards.UNREADABLE) as error:
        raise EngineError(
            "model_missing",
            f"model {name!r} is not on this machine and could not be downloaded: {_reason(error)}; "
            f"or {instead}",
        ) from error


def _reason(error: BaseException) -> str:
    """Say in a few words what stands between here and a model, and what helps."""
    from huggingface_hub import constants, errors

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for each in chain:
        # The part that is written in Rust raises no OSError, and tells its number in words.
        if getattr(each, "errno", None) in _FULL or f"(os error {errno.ENOSPC})" in str(each):
            return f"the disk is full; free some space at {constants.HF_HUB_CACHE}, or set HF_HOME"
        if isinstance(each, errors.HfHubHTTPError):
            return f"{constants.ENDPOINT} answered {each.response.status_code}; try again later"
    if getattr(error, "errno", None) in (errno.EACCES, errno.EROFS):
        return f"{constants.HF_HUB_CACHE} cannot be written; change its permissions, or set HF_HOME"
    if isinstance(error, OSError | errors.HTTPError):  # type: ignore[attr-defined]
        return f"{constants.ENDPOINT} cannot be reached or breaks off; check the network"
    return f"what {constants.ENDPOINT} answered is no hub's; check HF_ENDPOINT, a proxy, a sign-in page"
