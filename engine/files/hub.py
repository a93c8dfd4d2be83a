"""A model's name → its folder, on this machine or downloaded; else one line that says why not."""

import errno
import hashlib
import importlib.util
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from engine.files import shards
from engine.progress import Show
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
ADVICE = f"use embedded or z-image-turbo, or {WANTED}"
CONFIGS = (INDEX, "profile.json", "*/*.json", "*/*.txt", "*/*.jinja", "preview.safetensors")
"""What is downloaded of a model whose weights come from elsewhere."""
ANSWER_WITHIN = 10.0
"""Seconds for the hub to answer a question about a model."""
LARGE = 50e6
"""Bytes of a file that is worth going on with where its download broke off."""
PART = ".part"
"""What the name of a file that is being downloaded ends in."""
CHUNK = 16 * 1024**2
"""Bytes between two signs of life while a file is read."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RemoteFile(NamedTuple):
    """A file of a repository on the hub; a Python `package` may bring it as well.

    `sha256` is empty where only the hub knows it, `size` in bytes 0.
    """

    repository: str
    file: str
    size: int = 0
    sha256: str = ""
    package: str = ""

    def here(self) -> Path | None:
        """Return the file where it is on this machine; uses no network."""
        from huggingface_hub import try_to_load_from_cache

        spec = importlib.util.find_spec(self.package) if self.package else None
        for folder in (spec and spec.submodule_search_locations) or ():
            if (file := Path(folder, self.file)).is_file():
                return file
        found = try_to_load_from_cache(self.repository, self.file)
        return Path(found) if isinstance(found, str) else None

    def fetch(self, show: Show | None = None) -> Path:
        """Return the file, downloaded where it isn't here; raises as `download_file` does."""
        return self.here() or download_file(self.repository, self.file, self.sha256, show)

    def remove(self) -> int:
        """Delete what was downloaded of the file and any download of its repository that broke off.

        Returns the bytes on the disk that this frees.
        """
        folder = _repository(self.repository)
        links = [*folder.glob(f"snapshots/*/{self.file}")]
        parts = [*folder.glob(f"blobs/*{PART}")]
        stored = {*(link.resolve() for link in links), *parts}
        freed = sum(file.stat().st_size for file in stored if file.exists())
        for file in (*links, *stored):
            file.unlink(missing_ok=True)
        return freed


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
    found = _sizes(name, MODEL_FILES).values()
    return None if not found or None in found else sum(filter(None, found))


def _sizes(name: str, files: Sequence[str]) -> dict[str, int | None]:
    """Return the bytes of each file of a hub id that matches; nothing where the hub cannot say."""
    from huggingface_hub import HfApi, errors
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

    try:
        listed = HfApi().model_info(name, files_metadata=True, timeout=ANSWER_WITHIN).siblings or []
        sizes = {file.rfilename: file.size for file in listed}
    except (errors.HTTPError, errors.HFValidationError, *shards.UNREADABLE):  # type: ignore[attr-defined]
        return {}
    wanted = filter_repo_objects(sizes, allow_patterns=list(files), ignore_patterns=list(LEFT_OUT))
    return {file: sizes[file] for file in wanted}


def download(name: str, files: Sequence[str] = MODEL_FILES, advice: str = ADVICE) -> Path:
    """Return the folder of a hub id, of which the files that match are downloaded once; `advice` as above.

    Raises `EngineError("model_missing")` where it cannot be had.
    """
    from huggingface_hub import snapshot_download

    for file, size in _sizes(name, files).items():
        # The hub's client begins what broke off anew.
        if size and size > LARGE:
            RemoteFile(name, file).fetch()
    with _explained(name, "set the model to embedded or to a directory that holds it", advice):
        return Path(
            snapshot_download(
                name, allow_patterns=list(files), ignore_patterns=list(LEFT_OUT), tqdm_class=PULSE.bar()
            )
        )


def download_file(name: str, file: str, sha256: str = "", show: Show | None = None) -> Path:
    """Return one file of a hub id, downloaded and compared with `sha256`, or the hub's own checksum.

    What broke off goes on where it was: the hub's client begins such a file anew. `show` gets the file's
    name, or `checksum`, the bytes that are done and all there are. Raises `EngineError("model_missing")`
    where the file cannot be had or is another one.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.file_download import are_symlinks_supported

    with _explained(f"{name}/{file}", "give a file that is on this machine"):
        found = get_hf_file_metadata(hf_hub_url(name, file), timeout=ANSWER_WITHIN)
        etag, commit = found.etag or "", found.commit_hash
        if not commit or not etag or PurePath(etag).name != etag:
            raise ValueError("it names no version of the file")
        published = etag if re.fullmatch("[0-9a-f]{64}", etag) else ""
        if sha256 and published and published != sha256:
            raise EngineError(
                "model_missing",
                f"{name}/{file} was replaced by another file since its checksum was noted; "
                "choose another form, or give a file that is on this machine",
            )
        folder = _repository(name)
        part, target = folder / "blobs" / f"{etag}{PART}", folder / "blobs" / etag
        if not are_symlinks_supported(folder.parent):
            # The client would copy it there.
            target = folder / "snapshots" / commit / file
        for place in (part, target):
            place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(part):
            if not target.exists():
                url = hf_hub_url(name, file, revision=commit)
                _continue(url, part, found.size, PULSE.bar(show and partial(show, file)))
                _compare(part, sha256 or published, f"{name}/{file}", show)
                part.replace(target)
        return Path(hf_hub_download(name, file))


def _repository(name: str) -> Path:
    """Return the folder that the hub's client keeps a repository in."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"


@contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Let one process at a time download a file."""
    lock = FileLock(f"{part}.lock")
    while not lock.is_locked:
        with suppress(Timeout):
            lock.acquire(timeout=1)
        PULSE.beat()
    try:
        yield
    finally:
        lock.release()


def _continue(url: str, part: Path, size: int | None, bar: type[Any]) -> None:
    """Download what is missing of a file of `size` bytes; a longer one than that is begun anew."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    here = part.stat().st_size if part.exists() else 0
    if size is not None and here > size:
        part.unlink()
        here = 0
    ensure_room((size or 0) - here)
    # Compressed on the way, it would have another length.
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    with part.open("r+b" if here else "wb") as stream:
        stream.seek(here)
        http_get(url, stream, resume_size=here, headers=headers, expected_size=size, tqdm_class=bar)


def _compare(part: Path, sha256: str, name: str, show: Show | None) -> None:
    digest, size = hashlib.sha256(), part.stat().st_size
    with part.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            PULSE.beat()
            if show:
                show("checksum", stream.tell(), size)
    if sha256 and digest.hexdigest() != sha256:
        part.unlink()
        raise EngineError(
            "model_missing", f"{name} came with other bytes than were published; fetch it again"
        )


def free_space() -> tuple[Path, int]:
    """Return where downloads go, and how many bytes are free there."""
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return place, shutil.disk_usage(there).free


def ensure_room(size: int) -> None:
    """Raise `EngineError("model_missing")` where the disk has no room for so many bytes more."""
    place, free = free_space()
    if size > free:
        raise EngineError(
            "model_missing",
            f"the download takes {size / 1e9:.1f} GB and {free / 1e9:.1f} GB are free at {place}; "
            "free some space, or set HF_HOME",
        )


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
    except errors.RemoteEntryNotFoundError as error:
        raise EngineError("model_missing", f"{name} is not on the hub (any more); {instead}") from error
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
        return f"{constants.ENDPOINT} cannot be reached or breaks off; check the network and try again"
    return f"what {constants.ENDPOINT} answered is no hub's; check HF_ENDPOINT, a proxy, a sign-in page"
