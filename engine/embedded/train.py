"""The command that trains the embedded model: `python -m engine.embedded.train`.

Knows the order of the stages. Each resumes from its checkpoint and ends annealed when its minutes are up.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch

from engine.embedded import parallel
from engine.embedded.export import export
from engine.embedded.latents import load_latents
from engine.embedded.loop import Plan
from engine.embedded.train_decoder import train_decoder
from engine.embedded.train_flow import train_flow
from engine.embedded.train_vae import train_vae

MINUTES = {"vae": 33.0, "decoder": 26.0, "flow": 86.0}
STAGES: dict[str, Callable[[Plan], None]] = {
    "vae": train_vae,
    "decoder": train_decoder,
    "flow": train_flow,
    "export": export,
}


def main() -> None:
    """Run one stage, or all in order."""
    args = _arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    for name in STAGES if args.stage == "all" else (args.stage,):
        plan = Plan(args.out, args.minutes or MINUTES.get(name, 1.0), args.device, args.scenes)
        if name == "flow" and args.device == "cpu" and torch.get_num_threads() > 1:
            load_latents(plan)
            parallel.launch(torch.get_num_threads(), STAGES[name], plan)
        else:
            STAGES[name](plan)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engine.embedded.train", description=__doc__)
    parser.add_argument("--stage", choices=[*STAGES, "all"], default="all")
    parser.add_argument("--minutes", type=float, help="planned minutes of the stage, resumed parts included")
    default = os.environ.get("EMBEDDED_CHECKPOINTS", "checkpoints/embedded")
    parser.add_argument("--out", type=Path, default=Path(default), help="checkpoint folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--scenes", type=int, default=24_000, help="rendered training scenes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
