"""Chinese prompts in English by OPUS-MT, for models that read no Chinese and what rules do not understand.

It runs in CTranslate2 on the CPU. What it writes is compared with the prompt as a language model's text is.
"""

import importlib.util
import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.files import hub, shards
from engine.files.hub import RemoteFile
from engine.prompts.data import HAN
from engine.prompts.llm import meaning
from engine.prompts.llm.checks import is_repetitive, is_talk
from engine.prompts.text.clean import QUOTED
from engine.pulse import PULSE

NAME = "opus-mt-zh-en"
REPOSITORY = "gaudi/opus-mt-zh-en-ctranslate2"
SIZE = 153_000_000
"""Bytes of the files, about."""
FILES = (
    RemoteFile(REPOSITORY, "model.bin", SIZE),
    *(
        RemoteFile(REPOSITORY, file)
        for file in ("config.json", "shared_vocabulary.json", "source.spm", "target.spm")
    ),
)
INSTALL = "pip install 'zimage-bot[translator]'"
SENTENCE = re.compile(r"(?<=[。！？!?;；])")
PLACEHOLDER = re.compile(r"\bXQ(\d+)\b")
"""Stands for a quoted text, which is not translated; the model leaves such a word alone."""
BEAMS = 2
REMEMBERED = 256

Sentences = Callable[[Sequence[str]], Sequence[str]]
log = logging.getLogger(__name__)


def has_runtime() -> bool:
    """Say whether what it runs in is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("ctranslate2", "sentencepiece"))


def here() -> Path | None:
    """Return the model's folder where it was downloaded."""
    return hub.cached(REPOSITORY, FILES[0].file)


def fetch() -> Path:
    """Return the model's folder, downloaded once; raises as `hub.download_file` does."""
    return here() or [file.fetch() for file in reversed(FILES)][-1].parent


def opened(folder: Path, threads: int) -> Sentences:
    """Return what translates sentences with the model in `folder`."""
    import ctranslate2
    import sentencepiece

    source, target = (
        sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.spm"))
        for side in ("source", "target")
    )
    model: Any = ctranslate2.Translator(
        str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads
    )

    def translated(sentences: Sequence[str]) -> Sequence[str]:
        pieces = [[*source.encode(sentence, out_type=str), "</s>"] for sentence in sentences]
        results = model.translate_batch(pieces, beam_size=BEAMS, max_decoding_length=200)
        return [target.decode(result.hypotheses[0]) for result in results]

    return translated


class Translator:
    """Translates by what `open` returns, which happens in another thread and is not waited for."""

    def __init__(self, open: Callable[[], Sentences]) -> None:
        reader = ThreadPoolExecutor(1, thread_name_prefix="translator")
        self._opening: Future[Sentences] = reader.submit(PULSE.during("reading the translator")(open))
        self._opening.add_done_callback(_report)
        reader.shutdown(wait=False)
        self._translated = lru_cache(REMEMBERED)(self._try)

    def __call__(self, text: str) -> str:
        """Return the English of a Chinese prompt; "" while the model is not here, or where it strays."""
        is_here = self._opening.done() and self._opening.exception() is None
        return self._translated(text) if is_here else ""

    def _try(self, text: str) -> str:
        quoted = list[str]()

        def hidden(match: re.Match[str]) -> str:
            quoted.append(match[0])
            return f" XQ{len(quoted) - 1} "

        sentences = [each for each in SENTENCE.split(QUOTED.sub(hidden, text)) if each.strip()]
        try:
            english = " ".join(each.strip() for each in self._opening.result()(sentences))
        except shards.UNREADABLE as error:
            log.warning("the translator failed: %s", shards.reason(error))
            return ""
        if sorted(PLACEHOLDER.findall(english)) != sorted(map(str, range(len(quoted)))):
            return ""
        done = PLACEHOLDER.sub(lambda match: quoted[int(match[1])], english)
        bare = QUOTED.sub(" ", done)
        strays = meaning.differences(meaning.read(text), meaning.read(done)) - {"added"}
        return (
            ""
            if not bare.strip() or strays or HAN.search(bare) or is_repetitive(bare) or is_talk(text, done)
            else done
        )


def _report(opening: Future[Sentences]) -> None:
    if error := opening.exception():
        log.error("rules alone translate: %s", shards.reason(error))
    else:
        log.info("%s translates what rules do not understand", NAME)
