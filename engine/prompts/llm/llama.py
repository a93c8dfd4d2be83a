"""A GGUF model that writes prompts by llama.cpp, on the CPU and in a process of its own.

Knows that process, its end and idle time. Knows neither devices nor what makes a text acceptable.
"""

import json
import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from engine.files import gguf
from engine.prompts.llm import llama_child
from engine.prompts.llm.chat import without
from engine.prompts.llm.checks import is_stuck
from engine.prompts.llm.instructions import chat
from engine.prompts.llm.presets import INSTALL, has_runtime
from engine.prompts.llm.writer import NEW_TOKENS, TEMPERATURE, TOP_P, NotReady
from engine.pulse import PULSE
from engine.types import EngineError

IDLE = 300.0
"""Seconds without a prompt after which the process is ended; the next prompt starts it again."""
TURN = 0.02
"""Seconds that one turn waits for the process, where there is nothing new."""
STARTING = 300.0
"""Seconds that reading the model may take."""
CONTROL, USER_DEFINED = 3, 4
"""Kinds of tokens that llama.cpp reads out of a chat's text, by their numbers in GGUF files."""

log = logging.getLogger(__name__)


def check(file: Path) -> Callable[[str], str]:
    """Return what takes the model's control tokens out of a text; reads only the beginning of the file.

    Raises `EngineError("model_missing")` for a broken file, `EngineError("bad_input")` for one that is no
    chat model, or where the runtime is not installed.
    """
    found = gguf.values(file)
    if not found.get("tokenizer.chat_template"):
        kind = found.get("general.architecture", "model")
        raise EngineError(
            "bad_input", f"{file} ({kind}) has no chat template; give a chat model, or use rules"
        )
    if not has_runtime():
        raise EngineError("bad_input", f"{file} needs llama.cpp: {INSTALL}")
    tokens, kinds = found.get("tokenizer.ggml.tokens", ()), found.get("tokenizer.ggml.token_type", ())
    return without(
        token
        for token, kind in zip(tokens, kinds, strict=False)
        if kind == CONTROL or (kind == USER_DEFINED and token.startswith("<"))
    )


class LlamaModel:
    """Writes with the model that `find` returns, by `threads`; `is_here` says that finding it takes no time,
    `shares_memory` that pictures are drawn in main memory as well.

    Called from one thread; finding, reading and ending happen in others.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Path],
        threads: int,
        *,
        is_here: bool = True,
        shares_memory: bool = True,
        later: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
    ) -> None:
        self.name = name
        self._find = find
        self._threads = threads
        self._is_here = is_here
        self._shares_memory = shares_memory
        self._later = later
        self._lock = threading.Lock()
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="llama")
        self._opening: Future[_Process] | None = None
        self._timer: threading.Timer | None = None
        self._first = self._each = 0.0
        self._open()

    def seconds(self, tokens: int) -> float:
        """Seconds that a prompt of so many tokens takes, by the latest text; 0 before the first."""
        return self._first + self._each * (tokens - 1) if self._each else 0.0

    def release_memory(self, out_of_memory: bool) -> bool:
        """End the process where the memory that it takes ran out; return whether there was one."""
        return out_of_memory and self._shares_memory and self.close()

    def write(self, prompt: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """Write a better prompt, yielding while the process computes; the paragraph is what it returns.

        Control tokens are taken out of the prompt. Raises `NotReady` while the model is still downloaded, and
        `EngineError` where it can't be read or its process ends.
        """
        process = yield from self._ready()
        order = {
            "messages": chat(process.harmless(prompt), chinese),
            "seed": zlib.crc32(f"{prompt}/{seed}".encode()),
            "tokens": NEW_TOKENS,
        }
        started, text, pieces = time.perf_counter(), "", 0
        with process.text(order) as piece:
            while (new := piece()) is not None:
                text, pieces = text + new, pieces + (new != "")
                took = time.perf_counter() - started
                if pieces == 1 and new:
                    self._first = took
                elif pieces > 1:
                    self._each = (took - self._first) / (pieces - 1)
                if "\n" in text.lstrip() or is_stuck(text):
                    break
                yield
        return text.strip().partition("\n")[0].strip()

    def close(self) -> bool:
        """End the process; return whether there was one."""
        with self._lock:
            opening, self._opening = self._opening, None
            if self._timer is not None:
                self._timer.cancel()
        is_open = opening is not None and opening.done() and opening.exception() is None
        if opening is not None:
            opening.add_done_callback(lambda done: None if done.exception() else done.result().close())
        return is_open

    def _open(self) -> "Future[_Process]":
        with self._lock:
            if self._opening is None:
                opened = PULSE.during("reading the chat model")(self._started)
                self._opening = self._opener.submit(opened)
                self._watch()
            return self._opening

    def _started(self) -> "_Process":
        file = self._find()
        self._is_here = True
        process = _Process(file, check(file), self._threads)
        log.info("%s writes prompts", self.name)
        return process

    def _ready(self) -> "Generator[None, None, _Process]":
        while True:
            opening = self._open()
            if not opening.done() and not self._is_here:
                raise NotReady("model_missing", f"{self.name} is being downloaded")
            wait([opening], TURN)
            if opening.done():
                break
            yield
        try:
            process = opening.result()
        except EngineError:
            self.close()
            raise
        if process.is_over:
            self.close()
            raise EngineError("internal", f"llama.cpp ended while it wrote with {self.name}")
        process.used = time.monotonic()
        return process

    def _watch(self) -> None:
        self._timer = self._later(IDLE, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        """End a process that nobody used for a while."""
        with self._lock:
            opening = self._opening
            if opening is None:
                return
            is_idle = opening.done() and not opening.exception() and opening.result().idle() >= IDLE
            if not is_idle:
                self._watch()
                return
        self.close()
        log.info("%s was not used for %.0f s and is given up", self.name, IDLE)


class _Process:
    """llama.cpp with a model, started and ready; raises `EngineError` where it can't read the file."""

    def __init__(self, file: Path, harmless: Callable[[str], str], threads: int) -> None:
        self.harmless = harmless
        self.used = time.monotonic()
        self.is_over = False
        self._folder = tempfile.TemporaryDirectory(prefix="zimage-writer-", ignore_cleanup_errors=True)
        self._numbers = 0
        self._texts: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._process: Any = subprocess.Popen(
            [sys.executable, str(Path(llama_child.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            # Threads that spin while they wait take the cores from each other, and from pictures.
            start_new_session=True,
            env=os.environ | {"OMP_WAIT_POLICY": "passive", "PYTHONUTF8": "1"},
        )
        self._started: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._hear, name="llama-reports", daemon=True).start()
        folder = "" if os.name == "nt" else self._folder.name
        messages = chat("", chinese=False)
        first = {"messages": messages, "file": str(file), "threads": threads, "folder": folder}
        self._send(first | {"temperature": TEMPERATURE, "top_p": TOP_P})
        try:
            answer = self._started.get(timeout=STARTING)
        except queue.Empty:
            answer = {"failed": f"it was not read within {STARTING:.0f} s"}
        if "failed" in answer:
            self.close()
            raise EngineError("model_missing", f"llama.cpp can't use {file}: {answer['failed']}")

    def idle(self) -> float:
        """Seconds since the latest text was begun or, while one is written, none."""
        return 0.0 if self._texts else time.monotonic() - self.used

    def text(self, order: dict[str, Any]) -> "_Text":
        """Have a text written."""
        self._numbers += 1
        self._texts[self._numbers] = queue.SimpleQueue()
        self._send(order | {"id": self._numbers, "temperature": TEMPERATURE, "top_p": TOP_P})
        return _Text(self._texts[self._numbers], partial(self._leave, self._numbers))

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._process.stdin.close()
        self._folder.cleanup()

    def _leave(self, number: int) -> None:
        del self._texts[number]
        self.used = time.monotonic()
        self._send({"cancel": number})

    def _send(self, order: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            self.is_over = True

    def _hear(self) -> None:
        with self._process.stdout as lines:
            for line in lines:
                report = json.loads(line)
                if "id" not in report:
                    self._started.put(report)
                elif (text := self._texts.get(report["id"])) is not None:
                    text.put(report)
        self.is_over = True
        over = {"failed": "its process ended", "error": "its process ended"}
        for listener in [self._started, *self._texts.values()]:
            listener.put(over)


class _Text:
    """A text under way: called, it returns what is new, or None at the end; raises `EngineError`."""

    def __init__(self, reports: queue.SimpleQueue[dict[str, Any]], leave: Callable[[], None]) -> None:
        self._reports = reports
        self._leave = leave

    def __enter__(self) -> Callable[[], str | None]:
        return self._next

    def __exit__(self, *error: object) -> None:
        self._leave()

    def _next(self) -> str | None:
        try:
            report = self._reports.get(timeout=TURN)
        except queue.Empty:
            return ""
        if report.get("error"):
            raise EngineError("internal", f"llama.cpp: {report['error']}")
        return report.get("text")
