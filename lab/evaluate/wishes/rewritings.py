"""Do the checks take good rewritings and refuse bad ones? `python -m lab.evaluate.wishes.rewritings`.

Hands each rewriting to the real optimizer as if a language model had written it.
"""

import argparse
from collections import Counter
from collections.abc import Generator

from engine.prompts import Optimizer, Target
from engine.types import Optimize
from lab.evaluate.wishes.records import HALVES, Rewriting, rewritings
from lab.evaluate.wishes.score import HAN


class Recited:
    """A writer that writes one text, whatever it is asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def write(self, prompt: str, *, chinese: bool = False, seed: int = 0) -> Generator[None, None, str]:
        """The text."""
        yield
        return self._text

    def seconds(self, tokens: int) -> float:
        """No time at all."""
        return 0.0

    def release_memory(self, out_of_memory: bool) -> bool:
        """There is nothing to free."""
        return False


def accepted(item: Rewriting) -> bool:
    """Whether the optimizer takes a rewriting; it is asked to keep Chinese for a Chinese one."""
    target = Target("own" if _mainly_chinese(item.rewriting) else "english")
    optimizer = Optimizer(language=Recited(item.rewriting), target=target)
    return "optimizer:language-model" in optimizer.prepare(Optimize(item.wish, enhance=False)).notes


def _mainly_chinese(text: str) -> bool:
    return sum(map(len, HAN.findall(text))) * 2 > len(text)


def main() -> None:
    """Print the shares, by fault for bad ones, and where asked what is judged otherwise than by hand."""
    args = _arguments()
    for grade, right in (("good", "accepted"), ("bad", "refused")):
        items = rewritings(grade, args.split)
        failing = [item for item in items if accepted(item) is (right == "refused")]
        print(f"{grade}: {1 - len(failing) / len(items):.1%} of {len(items)} {right}")
        missed = Counter(item.fault for item in failing)
        for fault, count in sorted(Counter(item.fault for item in items if item.fault).items()):
            print(f"  {fault}: {count - missed[fault]} of {count}")
        if args.look or (args.show and args.split == "dev"):
            print(*(f"{item.wish}\n  -> {item.rewriting} [{item.fault}]" for item in failing), sep="\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.wishes.rewritings", description=__doc__)
    parser.add_argument("--split", choices=HALVES, default="dev")
    parser.add_argument("--show", action="store_true", help="also what is judged otherwise, of dev only")
    parser.add_argument("--look", action="store_true", help="also what is judged otherwise, of held_out, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
