"""How many prompts does a chat model write that the checks take? `python -m lab.evaluate.writers NAME`.

Runs the real model on real prompts, each up to twice, as the bot does; NAME is what `model.optimizer` takes.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from engine.memory.probe import probe
from engine.memory.residency import free_memory
from engine.prompts.llm import choose
from engine.prompts.llm.fallback import ATTEMPTS, judged
from engine.prompts.text.clean import is_chinese
from lab.evaluate.wishes.records import wishes

LONGEST = 25
"""Words of the longest prompts that are tried."""


def main() -> None:
    """Print the shares accepted at the first and at either attempt, the speed, and what was wrong."""
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.writers", description=__doc__)
    parser.add_argument("name", help="a preset, a .gguf file or a folder")
    parser.add_argument("--count", type=int, default=40, help="prompts of each language")
    parser.add_argument("--chinese", action="store_true", help="Chinese prompts, to be written in English")
    parser.add_argument("--show", action="store_true", help="also print what was written")
    args = parser.parse_args()
    writer = choose.load(args.name, torch.device("cpu"), free_memory(probe("cpu"), 0, "float32"))
    if writer is None:
        parser.error(f"{args.name} does not fit in memory")
    try:
        _report(writer, _sample(args.count, args.chinese), args.show)
    finally:
        writer.release_memory(True)


def _sample(count: int, chinese: bool) -> Sequence[str]:
    """Some prompts of the half that may be looked at, always the same."""
    texts = [item.wish for item in wishes("dev")]
    fitting = [text for text in texts if is_chinese(text) == chinese and len(text.split()) <= LONGEST]
    random.Random(1).shuffle(fitting)
    return fitting[:count]


def _report(writer: Any, prompts: Sequence[str], show: bool) -> None:
    accepted, faults, started = Counter[int](), Counter[str](), time.perf_counter()
    for prompt in prompts:
        for attempt in range(ATTEMPTS):
            text, codes = _written(writer, prompt, attempt)
            if show:
                print(f"{prompt}\n  -> {text} {list(codes)}")
            if not codes:
                accepted[attempt] += 1
                break
            faults.update(codes)
    seconds = (time.perf_counter() - started) / max(1, len(prompts))
    first, either = accepted[0] / len(prompts), sum(accepted.values()) / len(prompts)
    print(f"{len(prompts)} prompts: {first:.0%} accepted at once, {either:.0%} at either attempt")
    print(
        f"{seconds:.1f} s a prompt, {writer.seconds(150):.1f} s for 150 tokens; {dict(faults.most_common())}"
    )


def _written(writer: Any, prompt: str, attempt: int) -> tuple[str, Sequence[str]]:
    work = writer.write(prompt, seed=attempt)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return judged(prompt, done.value, chinese=False)


if __name__ == "__main__":
    main()
