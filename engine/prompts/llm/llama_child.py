"""A GGUF model in llama.cpp, in a process of its own: lines of JSON order texts, and lines report them.

A process of its own because llama.cpp ends it on what it can't read, because its memory goes with it, and
because its threads sleep while they wait only where the environment says so beforehand. It needs nothing of
this program.
"""

import json
import os
import secrets
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXTS = 2
"""Texts written at once."""
TOKENS = 1024
"""Instructions, a prompt and the new one."""


def main() -> None:
    """Read the model that the first line names, then write what each line asks for, until there is none."""
    orders = sys.stdin
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        lock = threading.Lock()

        def report(**values: Any) -> None:
            with lock:
                reports.write(json.dumps(values) + "\n")
                reports.flush()

        try:
            model = Model(json.loads(next(orders)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            report(failed=str(error))
            return
        report(ready=True)
        for line in orders:
            order = json.loads(line)
            if "cancel" in order:
                model.cancelled.add(order["cancel"])
            else:
                threading.Thread(target=model.write, args=(order, report), daemon=True).start()
        # Its own end would wait for texts that nobody wants any more.
        os._exit(0)


class Model:
    """A model loaded by llama.cpp, with the beginning of every chat computed beforehand."""

    def __init__(self, order: dict[str, Any]) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = order["file"]
        params.n_ctx, params.n_parallel = TEXTS * TOKENS, TEXTS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
        params.n_gpu_layers = 0
        params.cache_ram_mib = 0
        params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
        params.verbosity = -1
        # It always listens. On a socket in a folder of ours, or with a key that nobody has, to nobody.
        params.hostnames = [str(Path(order["folder"]) / "s.sock")] if order["folder"] else ["127.0.0.1"]
        params.api_keys = [secrets.token_hex(32)]
        self.cancelled: set[int] = set()
        self._server = xllamacpp.Server(params)
        self._is_merged = False
        if fault := self._ask({**order, "seed": 0, "tokens": 1}, lambda piece: False):
            raise RuntimeError(fault)

    def write(self, order: dict[str, Any], report: Callable[..., None]) -> None:
        """Report the pieces of one text, and its end."""
        number = order["id"]

        def piece(text: str) -> bool:
            report(id=number, text=text)
            return number in self.cancelled

        try:
            report(id=number, error=self._ask(order, piece))
        finally:
            self.cancelled.discard(number)

    def _ask(self, order: dict[str, Any], piece: Callable[[str], bool]) -> str:
        """Have a text written until `piece` says that it is wanted no more; return what went wrong, or ""."""
        faults: list[str] = []

        def hear(answer: dict[str, Any]) -> bool:
            if "error" in answer:
                faults.append(str(answer["error"].get("message", answer["error"])))
                return True
            choices = answer.get("choices")
            text = str(choices[0]["delta"].get("content") or "") if choices else ""
            return text != "" and piece(text)

        asked = {
            "messages": merged(order["messages"]) if self._is_merged else order["messages"],
            "chat_template_kwargs": {"enable_thinking": False},
            "max_tokens": order["tokens"],
            "temperature": order["temperature"],
            "top_p": order["top_p"],
            "seed": order["seed"],
            # Small models go round in circles without it (docs/prompts.md).
            "dry_multiplier": 0.8,
            "stream": True,
        }
        self._server.handle_chat_completions(asked, hear)
        if faults and not self._is_merged:
            # Some templates know no system message; it stands before the first question then.
            self._is_merged = True
            return self._ask(order, piece)
        return faults[0] if faults else ""


def merged(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """Put the system message before the first question."""
    system, first, *rest = messages
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]


if __name__ == "__main__":
    main()
