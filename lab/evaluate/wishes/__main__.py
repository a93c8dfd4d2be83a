"""Does the optimizer say what users mean? `python -m lab.evaluate.wishes`.

Gives every wish of a list to the real optimizer, by rules or a chat model, and judges what becomes of it.
What fails is printed for `dev` with `--show`; the others are only counted, so that nobody builds for them.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict

import torch

from engine.memory.probe import probe
from engine.memory.residency import free_memory
from engine.prompts import Optimizer, Target
from engine.prompts.llm.choose import choose_apart
from engine.types import Optimize, PromptReady
from lab.evaluate.wishes.records import SPLITS, Wish, wishes
from lab.evaluate.wishes.score import Verdict, judge

COLUMNS = ("wrong", "invented", "flawed", "right")


def main() -> None:
    """Print the table, and the failures where asked."""
    args = _arguments()
    reads_chinese = args.reads == "zh"
    optimizer = optimizer_for(reads_chinese, args.writer)
    judged = []
    for wish in wishes(args.split):
        ready = optimizer.prepare(Optimize(wish.wish))
        judged.append(
            (wish, ready, judge(wish, ready.used, ready.negative_used, reads_chinese=reads_chinese))
        )
    table = counted([(wish, verdict) for wish, _, verdict in judged])
    if args.json:
        print(json.dumps(table, ensure_ascii=False, indent=1))
    else:
        _print_table(table)
    if args.look or (args.show and args.split == "dev"):
        for wish, ready, verdict in judged:
            _print_failure(wish, ready, verdict)


def optimizer_for(reads_chinese: bool, writer: str = "rules") -> Optimizer:
    """The optimizer of a model that reads Chinese or not, with rules or a chat model's folder or hub id."""
    language = choose_apart(writer, torch.device("cpu"), lambda: free_memory(probe("cpu"), 0, "float32"))
    return Optimizer(language=language, deadline=600.0, patience=600.0, target=Target("auto", reads_chinese))


def counted(judged: list[tuple[Wish, Verdict]]) -> dict[str, dict[str, int]]:
    """How many of each kind, and of all, are wrong (of these with something invented), flawed and right."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for wish, verdict in judged:
        for row in (wish.kind, "all"):
            table[row].update([verdict.grade, *(["invented"] if verdict.invented else [])])
    ordered = [*(kind for kind in table if kind != "all"), "all"]
    return {kind: {column: table[kind][column] for column in COLUMNS} for kind in ordered}


def _print_table(table: Mapping[str, Mapping[str, int]]) -> None:
    print(f"| kind | {' | '.join(COLUMNS)} |\n|---{'|---:' * len(COLUMNS)}|")
    for kind, row in table.items():
        print(f"| {kind} | {' | '.join(str(row[column]) for column in COLUMNS)} |")


def _print_failure(wish: Wish, ready: PromptReady, verdict: Verdict) -> None:
    if verdict.grade != "right":
        why = {name: faults for name, faults in asdict(verdict).items() if faults and name != "grade"}
        print(
            f"\n{verdict.grade} {wish.kind}: {wish.wish}\n  -> {ready.used} [-{ready.negative_used}]\n  {why}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.evaluate.wishes", description=__doc__)
    parser.add_argument("--split", choices=SPLITS, default="dev")
    parser.add_argument("--reads", choices=("zh", "en"), default="zh", help="whether the model reads Chinese")
    parser.add_argument("--writer", default="rules", help="a chat model's folder or downloaded hub id")
    parser.add_argument("--json", action="store_true", help="the table as JSON")
    parser.add_argument("--show", action="store_true", help="also what fails, of dev only")
    parser.add_argument("--look", action="store_true", help="also what fails, of the others, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
